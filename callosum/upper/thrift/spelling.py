"""Types as generated modules spell them (``map<string, list<shared.Colour>>``), and as thriftpy2's metadata has them.

Names are those of Python, looked up in the module when they are first needed: it may define them further down, or
include a module that includes it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.enums import Enum

Kind = int | tuple[int, Any]  # thriftpy2's: a number, or a number with a class, a type, or a pair of types
"""A type in ``thrift_spec``."""

_I32, _STRUCT, _MAP, _SET, _LIST = 8, 12, 13, 14, 15
NUMBERS: Final[Mapping[str, int]] = {
    "bool": 2,
    "i8": 3,
    "double": 4,
    "i16": 6,
    "i32": 8,
    "i64": 10,
    "string": 11,
    "uuid": 16,
    "binary": 18,
}
"""thriftpy2's numbers of the types without a class; 16 is Apache's for uuid."""
_TOKEN: Final = re.compile(r"[\w.]+|[<>,]")


def kind_of(spelled: str, scope: Mapping[str, object], place: str) -> Kind:
    """A spelled type, with the names of a module.

    Raises:
        ConfigurationError: A name in it means no type.
    """
    number = NUMBERS.get(spelled)
    return number if number is not None else _kind(_parsed(spelled), scope, place)


@functools.lru_cache(maxsize=4096)
def _parsed(spelled: str) -> tuple[Any, ...]:  # names, nested as the type is
    """``map<a, list<b>>`` as ``("map", ("a",), ("list", ("b",)))``."""
    tokens = _TOKEN.findall(spelled)
    tokens.reverse()

    def take() -> tuple[Any, ...]:
        head = tokens.pop()
        if not tokens or tokens[-1] != "<":
            return (head,)
        parts = [head]
        while tokens.pop() != ">":  # "<" and "," come before a part
            parts.append(take())
        return tuple(parts)

    return take()


def _kind(parsed: tuple[Any, ...], scope: Mapping[str, object], place: str) -> Kind:
    match parsed:
        case (str(name),):
            return NUMBERS[name] if name in NUMBERS else _named(name, scope, place)
        case ("list", element):
            return _LIST, _kind(element, scope, place)
        case ("set", element):
            return _SET, _kind(element, scope, place)
        case ("map", key, value):
            return _MAP, (_kind(key, scope, place), _kind(value, scope, place))
    raise ConfigurationError(f"{place}: {parsed!r} is no type: generate the module again, with callosum-gen stubs")


def _named(name: str, scope: Mapping[str, object], place: str) -> Kind:
    first, *rest = name.split(".")
    found = scope.get(first)
    for part in rest:
        found = getattr(found, part, None)
    if isinstance(found, type):
        if issubclass(found, Enum):
            return _I32, found
        if "__thrift_fields__" in found.__dict__:  # and not thrift_spec: this may be the one that is being made
            return _STRUCT, found
    raise ConfigurationError(f"{place}: there is no type {name}: generate the module again, with callosum-gen stubs")
