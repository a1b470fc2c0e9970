"""Constants and defaults of two versions, made comparable: by what they are, not by how they are written."""

from __future__ import annotations

from typing import TypeAlias

from callosum.upper.thrift.idl.model import (
    ListValue,
    MapValue,
    MemberValue,
    SetValue,
    StructValue,
    Value,
)

Comparable: TypeAlias = tuple[object, ...]


def comparable(value: Value) -> Comparable:
    """The same for two values that code cannot tell apart. Fields of structs are known by id, members by number."""
    match value:
        case MemberValue():
            return "number", value.value
        case ListValue() | SetValue() | MapValue() | StructValue():
            return _comparable_items(value)
        case int() if not isinstance(value, bool):
            return "number", value
        case float():
            return "double", repr(value)  # NaN is NaN, and -0.0 is not 0.0
        case _:
            return type(value).__name__, value


def _comparable_items(value: ListValue | SetValue | MapValue | StructValue) -> Comparable:
    match value:
        case ListValue():
            return "list", *map(comparable, value.items)
        case SetValue():
            return "set", frozenset(map(comparable, value.items))
        case MapValue():
            return "map", frozenset((comparable(key), comparable(one)) for key, one in value.items)
        case StructValue():
            return "struct", frozenset((field.id, comparable(one)) for field, one in value.fields)
