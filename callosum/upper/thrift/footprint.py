"""What values take in memory: by this the decoders hold what they make against the length of the input.

Laws: an estimate is at least what CPython 3.11 allocates for the smallest value that is there, and what goes with the
length of a text is counted where it is read. What Python shares (bools, small integers, known members of enums) takes
nothing.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from typing import Any, Final

from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    I8,
    I64,
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
    is_mutable,
    struct_of,
)

RATIO: Final = 20
"""So many times its length, a body may take in memory."""
ALLOWANCE: Final = 1 << 20
"""And so many bytes more: thousands of structs of which nearly all fields are missing are ordinary data."""
UNKNOWN_MEMBER: Final = 1000
"""Of an enum: the member, its name, that it is remembered for the rest of the body, and the time that it takes."""
SET_TABLE: Final = "(16 << ({count} * 5 // 3 + 1).bit_length())"
"""What the table of a `fault.compact_set` takes, as an expression: it is all but half empty where it has just grown."""
MAP_BASE: Final = 120
"""What the table of a map takes besides its entries, where there are any."""
INTEGER: Final = sys.getsizeof(2**29)
"""What an integer takes that Python does not share."""
TEXT: Final = sys.getsizeof("")
"""What a text takes besides its bytes."""
_CALL: Final = 130
"""For a struct in a field or a default, as if it took memory: it takes the time of a call to make."""
SLOT: Final = 9
"""A place in a list, with what the list keeps ready for more."""
_MAP_ENTRY: Final = {True: 44, False: 60}
"""The most that an entry takes in a table that has just grown; tables of nothing but text are smaller."""
_UUID: Final = sys.getsizeof(uuid.UUID(int=0)) + sys.getsizeof(2**127)
INLINE: Final = 30
"""Instances of a class with fewer fields share their keys."""


def room(size: int) -> int:
    """Bytes of memory that the value of a body of this size may take."""
    return ALLOWANCE + RATIO * size


def least(kind: Type) -> int:  # noqa: PLR0911 - one for each type
    """Bytes that the smallest value takes, without the place that refers to it."""
    match kind:
        case NumberType() | EnumType():
            return _number(kind)
        case TextType():
            return sys.getsizeof(b"" if kind.is_binary else "")
        case UuidType():
            return _UUID
        case ListType():
            return sys.getsizeof([])
        case SetType():
            return sys.getsizeof(set())
        case MapType():
            return sys.getsizeof({})
        case StructType():
            return weight(struct_of(kind.cls))


def in_field(kind: Type) -> int:
    """Bytes that are counted for the smallest value of a field."""
    return least(kind) + (_CALL if isinstance(kind, StructType) else 0)


def _number(kind: NumberType | EnumType) -> int:
    if isinstance(kind, EnumType) or kind is BOOL or kind is I8:
        return 0
    return sys.getsizeof(0.5 if kind is DOUBLE else 2**62 if kind is I64 else 2**15 - 1)


def per_element(kind: ListType | SetType | MapType, least: Callable[[Type], int] = least) -> int:
    """Bytes that each element of a container takes at least, with its place; the table of a set is `SET_TABLE`.

    ``least`` says how many bytes the smallest value of a type takes.
    """
    match kind:
        case ListType():
            return SLOT + least(kind.element)
        case SetType():
            listed = 0 if isinstance(kind.element, NumberType | EnumType) else SLOT  # what it is made from
            return listed + least(kind.element)
        case MapType():
            is_text = isinstance(kind.key, TextType) and not kind.key.is_binary
            return _MAP_ENTRY[is_text] + least(kind.key) + least(kind.value)


def weight(struct: Struct) -> int:
    """Bytes that an instance takes where nothing but its defaults is set."""
    count = len(struct.fields)
    if count < INLINE and not issubclass(struct.cls, BaseException):
        own = 72 + 9 * count
    else:
        own = 100 + _size_of_dict(struct)
    return own + sum(_copied(one.default) for one in struct.fields)


def _size_of_dict(struct: Struct) -> int:
    """That of the attributes of an instance."""
    if len(struct.fields) >= INLINE:
        return sys.getsizeof(template(struct).copy())
    cls: Any = struct.cls
    instance = cls.__new__(cls)
    for one in struct.fields:
        object.__setattr__(instance, one.name, None)  # also where it is frozen
    return sys.getsizeof(vars(instance))


def template(struct: Struct) -> dict[str, None]:
    """The attributes of an instance with many fields, to be copied: set one by one, they take twice as much memory."""
    return dict.fromkeys(one.name for one in struct.fields)


def _copied(default: object) -> int:
    """Bytes that a copy of a default takes."""
    match default:
        case list() | set():
            return sys.getsizeof(default) + sum(_copied(one) for one in default)
        case dict():
            return sys.getsizeof(default) + sum(_copied(key) + _copied(one) for key, one in default.items())
        case _ if is_mutable(default):
            return 72 + _CALL + sum(9 + _copied(one) for one in vars(default).values())
        case _:
            return 0
