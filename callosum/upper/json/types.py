"""Which types can travel, found when a service is declared and not when a value meets them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterator
from typing import Any, Final, get_args

import msgspec

from callosum.errors import ConfigurationError

_NO_KEYS: Final = (
    msgspec.inspect.CollectionType,
    msgspec.inspect.TupleType,
    msgspec.inspect.DictType,
    msgspec.inspect.StructType,
    msgspec.inspect.DataclassType,
    msgspec.inspect.TypedDictType,
    msgspec.inspect.NamedTupleType,
)
_MODULES: Final = re.compile(r"(?:\b\w+\.|<locals>\.)+(?=\w)")


def check_type(annotation: object, place: str) -> None:
    """Raise ConfigurationError where values of a type cannot travel as JSON."""
    written = type_text(annotation)
    try:
        msgspec.json.Decoder(annotation)
        inside = list(nodes(annotation))
    except (TypeError, NameError, AttributeError) as error:
        raise ConfigurationError(f"{place}: values of {written} cannot travel as JSON: {error}") from None
    for one in inside:
        if isinstance(one, msgspec.inspect.CustomType) and issubclass(one.cls, AsyncIterable):
            raise ConfigurationError(
                f"{place}: {written} has a stream in it: a stream is a parameter, or what is returned, as a whole"
            )
        if isinstance(one, msgspec.inspect.CustomType):
            raise ConfigurationError(
                f"{place}: values of {type_text(one.cls)} cannot travel as JSON: give a dataclass, a msgspec.Struct, a"
                " TypedDict, a NamedTuple or a type of the standard library that msgspec knows"
            )
        if isinstance(one, msgspec.inspect.DictType) and isinstance(one.key_type, _NO_KEYS):
            raise ConfigurationError(f"{place}: {written}: the keys of a JSON object are texts, numbers or enums")


def nodes(annotation: object) -> Iterator[msgspec.inspect.Type]:
    """All types that a value of a type can hold, itself included, each once."""
    seen: set[int] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(annotation)]  # types, fields of types, and what they are made of
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, msgspec.inspect.Type):
            yield node
        if isinstance(node, msgspec.inspect.Type | msgspec.inspect.Field):
            waiting += [getattr(node, name) for name in node.__struct_fields__]
        elif isinstance(node, tuple | list):
            waiting += node


def type_text(annotation: object) -> str:
    """A type as one writes it."""
    if annotation is type(None):
        return "None"
    if get_args(annotation) or not isinstance(annotation, type):
        return _MODULES.sub("", str(annotation))
    return annotation.__name__
