"""How fields and values stand on the wire in the binary protocol."""

from __future__ import annotations

from collections.abc import Iterable

from callosum.upper.thrift.spec import (
    EnumType,
    Field,
    ListType,
    MapType,
    NumberType,
    SetType,
    StructType,
    TextType,
    Type,
    UuidType,
)


def field_header(field: Field) -> bytes:
    """What stands before the value of a field: its type and its id."""
    return bytes([field.type.wire]) + field.id.to_bytes(2, "big", signed=True)


def is_flat(fields: Iterable[Field]) -> bool:
    """Whether there is nothing but texts and numbers."""
    return all(isinstance(one.type, TextType | NumberType | EnumType) for one in fields)


def smallest(kind: Type) -> int:
    """The fewest bytes that a value takes on the wire."""
    match kind:
        case NumberType() | EnumType():
            return kind.size
        case TextType():
            return 4
        case UuidType():
            return 16
        case ListType() | SetType():
            return 5
        case MapType():
            return 6
        case StructType():
            return 1
