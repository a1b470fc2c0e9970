"""How types, sizes and fields stand on the wire in the compact protocol.

A type has a number of its own here, of four bits. Integers are varints: seven bits in each byte, the lowest first, and
a set eighth bit where another byte follows; signed ones in zigzag, in which 0, -1, 1, -2 are 0, 1, 2, 3. A field's
header is one byte, the difference to the id of the field before and the type, or where that is not from 1 to 15, the
type and the id. The value of a bool is its type.
"""

from __future__ import annotations

import enum
import struct
from typing import Final

from callosum.upper.thrift.mismatch import LONGEST, Misfit
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    I8,
    EnumType,
    Field,
    NumberType,
    Type,
    UuidType,
    Wire,
)


class Kind(enum.IntEnum):
    """The types as they are numbered here."""

    TRUE = 1
    """That of a bool in a container, too; some write 2."""
    FALSE = 2
    I8 = 3
    I16 = 4
    I32 = 5
    I64 = 6
    DOUBLE = 7
    TEXT = 8
    LIST = 9
    SET = 10
    MAP = 11
    STRUCT = 12
    UUID = 13


_KINDS: Final = {
    Wire.BOOL: Kind.TRUE,
    Wire.I8: Kind.I8,
    Wire.I16: Kind.I16,
    Wire.I32: Kind.I32,
    Wire.I64: Kind.I64,
    Wire.DOUBLE: Kind.DOUBLE,
    Wire.STRING: Kind.TEXT,
    Wire.LIST: Kind.LIST,
    Wire.SET: Kind.SET,
    Wire.MAP: Kind.MAP,
    Wire.STRUCT: Kind.STRUCT,
    Wire.UUID: Kind.UUID,
}
LONG_FORM: Final = 16
"""Headers of fields below this have the id behind them."""
MANY: Final = 15
"""A list's head with this size has the size behind it."""

_REMEMBERED: Final = 4096
_two, _three, _four, _five = (struct.Struct(f"{count}B").pack for count in range(2, 6))


def kind_of(type_: Type) -> Kind:
    """The number of a type."""
    return _KINDS[type_.wire]


def kinds_of(type_: Type) -> tuple[int, ...]:
    """All numbers that may stand for it."""
    return (int(Kind.TRUE), int(Kind.FALSE)) if type_ is BOOL else (int(kind_of(type_)),)


def is_varint(kind: Type) -> bool:
    """Whether values are integers in zigzag."""
    return isinstance(kind, EnumType) or (isinstance(kind, NumberType) and kind not in {BOOL, I8, DOUBLE})


def smallest(kind: Type) -> int:
    """The fewest bytes of an element of a container."""
    return 8 if kind is DOUBLE else 16 if isinstance(kind, UuidType) else 1


def varint(number: int) -> bytes:
    """A number that is not negative."""
    if number < 0x4000:
        return _two(number & 127 | 128, number >> 7) if number > 127 else bytes((number,))
    if number < 1 << 21:
        return _three(number & 127 | 128, number >> 7 & 127 | 128, number >> 14)
    if number < 1 << 28:
        return _four(number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128, number >> 21)
    more = 0 if number < 1 << 35 else 128
    parts = number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128, number >> 21 & 127 | 128
    made = _five(*parts, number >> 28 & 127 | more)
    return made + varint(number >> 35) if more else made


def zigzag(number: int) -> int:
    """Signed to unsigned."""
    return number << 1 if number >= 0 else ~(number << 1)


def from_zigzag(number: int) -> int:
    """Unsigned to signed."""
    return number >> 1 ^ -(number & 1)


class Signed:
    """Integers of so many bits as varints in zigzag. Small ones are kept: what is in ``kept`` need not be written."""

    def __init__(self, bits: int) -> None:
        self._end = 1 << bits - 1
        self.kept: dict[int, bytes] = {}

    def write(self, number: int) -> bytes:
        """An integer; raises Misfit where it has more bits."""
        if not -self._end <= number < self._end:
            raise Misfit
        made = varint(number << 1 if number >= 0 else ~(number << 1))
        if -_REMEMBERED <= number < _REMEMBERED:
            self.kept[number] = made
        return made


class Sizes(dict[int, bytes]):
    """Lengths and counts as varints, made when they are first looked up; small ones are kept."""

    def __missing__(self, size: int) -> bytes:
        if size > LONGEST:
            raise Misfit
        made = self._made(size)
        if size < _REMEMBERED:
            self[size] = made
        return made

    def _made(self, size: int) -> bytes:
        return varint(size)


class ListHeads(Sizes):
    """What stands before the elements of a list or a set, by how many there are."""

    def __init__(self, element: Type) -> None:
        super().__init__()
        self._element = kind_of(element)

    def _made(self, size: int) -> bytes:
        if size < MANY:
            return bytes([size << 4 | self._element])
        return bytes([MANY << 4 | self._element]) + varint(size)


class MapHeads(Sizes):
    """What stands before the entries of a map, by how many there are."""

    def __init__(self, key: Type, value: Type) -> None:
        super().__init__()
        self._kinds = bytes([kind_of(key) << 4 | kind_of(value)])

    def _made(self, size: int) -> bytes:
        return varint(size) + self._kinds if size else b"\0"


class Headers(dict[int, bytes]):
    """What stands before the value of a field, by the id of the field before, 0 for the first."""

    def __init__(self, field: Field, kind: Kind) -> None:
        super().__init__()
        self._id = field.id
        self._kind = kind

    def __missing__(self, last: int) -> bytes:
        made = self[last] = header(self._kind, self._id, last)
        return made


def header(kind: Kind, ident: int, last: int) -> bytes:
    """What stands before the value of a field: the difference of the ids and the type, or the type and the id."""
    if 0 < ident - last < LONG_FORM:
        return bytes([(ident - last) << 4 | kind])
    return long_header(kind, ident)


def long_header(kind: Kind, ident: int) -> bytes:
    """The type and the id."""
    return bytes([kind]) + varint(zigzag(ident))


I16S, I32S, I64S, SIZES = Signed(16), Signed(32), Signed(64), Sizes()
