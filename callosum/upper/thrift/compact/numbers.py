"""Many numbers at once: the elements of a list, written and read. Most are of one byte, and those take no loop."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from typing import Any, Final

from callosum.upper.thrift.compact.layout import Signed, from_zigzag, zigzag
from callosum.upper.thrift.fault import Fault, NoRoom
from callosum.upper.thrift.footprint import INTEGER

SMALL: Final = tuple(map(from_zigzag, range(128)))
"""Integers by their varint of one byte: shared, so that they take no memory."""
BY_BYTE: Final = (*SMALL, *[None] * 128)
"""The same by each byte; None where another one follows."""
BOOLS: Final = (False, True, False)
"""Elements by their byte: 1 is true, and false is 2, or 0 as some write it."""

_ONE_BYTE: Final = bytes(zigzag(number) & 0xFF for number in (*range(128), *range(-128, 0)))
"""What a signed byte is in zigzag; below 128 where that is a varint of one byte."""
_BOOL_BYTES: Final = bytes((2, 1)) + bytes(254)
_PART: Final = 4096

Reader = Callable[[bytes, int], tuple[int, int]]
"""Reads a varint of two bytes or more: the number, and the position behind it."""


def bools(values: Collection[bool]) -> bytes:
    """Elements that are bools."""
    return bytes(values).translate(_BOOL_BYTES)


def numbers(values: Collection[int], table: Signed) -> bytes:
    """Elements that are integers."""
    try:
        packed = struct.pack(f"{len(values)}b", *values).translate(_ONE_BYTE)
    except struct.error:  # one is larger than a byte
        packed = b"\x80"
    if packed.isascii():
        return packed
    kept, write = table.kept.get, table.write
    return b"".join([kept(number) or write(number) for number in values])


def read_numbers(
    buf: bytes,
    pos: int,
    count: int,
    bits: int,
    room: list[Any],  # the room, and what is remembered
) -> tuple[list[int], int]:
    """So many integers of so many bits at ``pos``, and the position behind them."""
    if count > len(buf) - pos:
        raise Fault
    values = [0] * count  # in its place from the start: a list that grows is copied
    large, end, longest = 0, 1 << bits, 63 if bits > 32 else 28
    for index in range(count):
        number = buf[pos]
        pos += 1
        if number < 0x80:
            values[index] = SMALL[number]
            continue
        large += 1
        part = buf[pos]
        number += part - 1 << 7  # of what a byte adds, the bit that says that one follows is taken off by that
        shift = 7
        while part >= 0x80:
            if shift == longest:
                raise Fault
            pos += 1
            shift += 7
            part = buf[pos]
            number += part - 1 << shift
        if number >= end:
            raise Fault
        values[index] = number >> 1 ^ -(number & 1)
        pos += 1
    room[0] -= large * INTEGER
    if room[0] < 0:
        raise NoRoom
    return values, pos


def read_doubles(buf: bytes, pos: int, count: int) -> tuple[list[float], int]:
    """So many doubles. They are unpacked in parts, so that the tuple of all is not there beside the list of all."""
    end = pos + 8 * count
    if end > len(buf):
        raise Fault
    values: list[float] = [0.0] * count
    for start in range(0, count, _PART):
        part = min(_PART, count - start)
        values[start : start + part] = struct.unpack_from(f"<{part}d", buf, pos + start * 8)
    return values, end


def read_size(buf: bytes, pos: int) -> tuple[int, int]:
    """A length or a count, of one byte or more."""
    first = buf[pos]
    if first < 0x80:
        return first, pos + 1
    size, pos = _unsigned(buf, pos)
    if size >> 31:
        raise Fault
    return size, pos


def read_i16(buf: bytes, pos: int) -> tuple[int, int]:
    """An i16."""
    number, pos = _unsigned(buf, pos)
    if number >> 16:
        raise Fault
    return number >> 1 ^ -(number & 1), pos


def read_i32(buf: bytes, pos: int) -> tuple[int, int]:
    """An i32."""
    number, pos = _unsigned(buf, pos)
    if number >> 32:
        raise Fault
    return number >> 1 ^ -(number & 1), pos


def read_i64(buf: bytes, pos: int) -> tuple[int, int]:
    """An i64: a varint of two to ten bytes."""
    part = 0x80
    number, shift = buf[pos], 0
    while part >= 0x80:
        if shift == 63:
            raise Fault
        pos += 1
        shift += 7
        part = buf[pos]
        number += part - 1 << shift
    if number >> 64:
        raise Fault
    return number >> 1 ^ -(number & 1), pos + 1


def _unsigned(buf: bytes, pos: int) -> tuple[int, int]:
    """A varint of two to five bytes."""
    part = buf[pos + 1]
    number = buf[pos] + (part - 1 << 7)
    if part < 0x80:
        return number, pos + 2
    part = buf[pos + 2]
    number += part - 1 << 14
    if part < 0x80:
        return number, pos + 3
    part = buf[pos + 3]
    number += part - 1 << 21
    if part < 0x80:
        return number, pos + 4
    part = buf[pos + 4]
    if part < 0x80:
        return number + (part - 1 << 28), pos + 5
    raise Fault


def read_id(buf: bytes, pos: int) -> tuple[int, int]:
    """The id of a field, and the position of its last byte."""
    first = buf[pos]
    if first < 0x80:
        return SMALL[first], pos
    ident, pos = read_i16(buf, pos)
    return ident, pos - 1
