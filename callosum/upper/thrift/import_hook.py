"""``import echo_thrift``: modules of .thrift files by Python's own import statement."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.loader import Location, load

_ENDING: Final = "_thrift"


class _Finder(MetaPathFinder, Loader):
    """Finds ``shop/echo.thrift`` for ``import shop.echo_thrift``, in the folders in which Python looks for modules."""

    def __init__(self, include_dirs: list[Location]) -> None:
        self.include_dirs = include_dirs

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module whose .thrift file is there."""
        last = fullname.rpartition(".")[2]
        if not last.endswith(_ENDING):
            return None
        for folder in sys.path if path is None else path:
            file = Path(folder or ".") / f"{last.removesuffix(_ENDING)}.thrift"
            if file.is_file():
                return ModuleSpec(fullname, self, origin=str(file))
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, loaded."""
        assert spec.origin is not None, "find_spec gave it"
        return load(spec.origin, self.include_dirs, module_name=spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""


def install_import_hook(include_dirs: Iterable[Location] = ()) -> None:
    """Let ``import echo_thrift`` load ``echo.thrift``, from where Python looks for modules. Again: other folders.

    Args:
        include_dirs: Where included files are looked for besides the folder of the file that includes them.

    Raises:
        ConfigurationError: They are no list of folders.
    """
    if isinstance(include_dirs, str | bytes):
        raise ConfigurationError(f"include_dirs={include_dirs!r}: give a list of folders")
    remove_import_hook()
    sys.meta_path.append(_Finder(list(include_dirs)))


def remove_import_hook() -> None:
    """Take it back. Modules that were imported stay."""
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _Finder)]
