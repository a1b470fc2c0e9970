"""Names of an IDL in Python: a reserved word gets an underscore behind it, and so does what would meet another name."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import Final

from callosum.upper.thrift.enums import Enum

MODULES_RESERVED: Final = frozenset({"annotations"})
"""What a module has besides its definitions: ``from __future__ import annotations``."""
FIELDS_RESERVED: Final = frozenset({"thrift_spec", "default_spec"})
"""What a struct has besides its fields."""
EXCEPTIONS_RESERVED: Final = FIELDS_RESERVED | {"args", "with_traceback", "add_note"}
UNIONS_RESERVED: Final = FIELDS_RESERVED | {"which"}
STUBS_RESERVED: Final = frozenset({"with_options", "_options", "_peer", "_service"})
"""What a stub has besides the methods."""
PARAMETERS_RESERVED: Final = frozenset({"self"})
MEMBERS_RESERVED: Final = frozenset(dir(Enum)) | {"name", "value", "mro", "is_integer"}
"""What a member has. Python 3.11 does not have ``is_integer`` yet, and names are the same in all versions."""


def python_name(name: str, reserved: Iterable[str] = ()) -> str:
    """The name in Python. Two underscores in front, which mean something there, become one."""
    if name.startswith("__"):
        name = f"_{name.lstrip('_')}"
    return f"{name}_" if keyword.iskeyword(name) or name in reserved or name == "_" else name


def python_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """The names of one scope, by those of the IDL, no two alike: an earlier one keeps what a later one would have."""
    wanted = {name: python_name(name, reserved) for name in names}
    unchanged = {name for name, one in wanted.items() if name == one}
    taken = set(unchanged)
    for name, one in wanted.items():
        if name not in unchanged:
            while one in taken:
                one += "_"  # noqa: PLW2901
            wanted[name] = one
            taken.add(one)
    return wanted
