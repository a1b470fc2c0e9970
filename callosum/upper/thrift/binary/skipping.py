"""Passes what the reader does not know: fields and values of which nothing but the type on the wire is known.

Laws: as those of the decoders. Each step consumes input, counts are held against the bytes that are left, and lengths
are read as unsigned, so that a position never goes back.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from typing import Final

from callosum.upper.thrift.fault import Fault
from callosum.upper.thrift.spec import MAX_DEPTH, Wire

FIXED: Final[dict[int, int]] = {
    int(Wire.BOOL): 1,
    int(Wire.I8): 1,
    int(Wire.DOUBLE): 8,
    int(Wire.I16): 2,
    int(Wire.I32): 4,
    int(Wire.I64): 8,
    int(Wire.UUID): 16,
}
"""The sizes of what has a fixed one."""
SMALLEST: Final[dict[int, int]] = FIXED | {
    int(wire): size for wire, size in {Wire.STRING: 4, Wire.STRUCT: 1, Wire.MAP: 6, Wire.SET: 5, Wire.LIST: 5}.items()
}
"""The fewest bytes of a value of each type."""

_STRING, _STRUCT, _MAP = int(Wire.STRING), int(Wire.STRUCT), int(Wire.MAP)
_COLLECTIONS: Final = frozenset({int(Wire.LIST), int(Wire.SET)})

_length = struct.Struct("!I").unpack_from
_list_head = struct.Struct("!BI").unpack_from
_map_head = struct.Struct("!BBI").unpack_from
_field_head = struct.Struct("!Bh").unpack_from
_zeros = re.compile(b"\\0+").match


def pass_field(buf: bytes, pos: int, known: Mapping[int, int], depth: int) -> int:
    """Skip unknown fields. A known one, of the type that it must have, is left to another pass over the fields."""
    while wire := buf[pos]:
        _, ident = _field_head(buf, pos)
        expected = known.get(ident)
        if expected is not None:
            if expected != wire:
                raise Fault
            return pos
        size = FIXED.get(wire)
        pos = pos + 3 + size if size is not None else skip(buf, pos + 3, wire, depth + 1)
    return pos


def skip(buf: bytes, pos: int, wire: int, depth: int) -> int:
    """The position behind a value of which nothing but its type on the wire is known."""
    size = FIXED.get(wire)
    if size is not None:
        return pos + size
    if wire == _STRING:
        return pos + 4 + int(_length(buf, pos)[0])
    if depth > MAX_DEPTH:
        raise Fault
    if wire == _STRUCT:
        return _skip_fields(buf, pos, depth)
    if wire == _MAP:
        return _skip_map(buf, pos, depth)
    if wire in _COLLECTIONS:
        element, count = _list_head(buf, pos)
        return _skip_elements(buf, pos + 5, element, count, depth + 1)
    raise Fault


def _skip_fields(buf: bytes, pos: int, depth: int) -> int:
    while wire := buf[pos]:
        size = FIXED.get(wire)
        pos = pos + 3 + size if size is not None else skip(buf, pos + 3, wire, depth + 1)
    return pos + 1


def _skip_elements(buf: bytes, pos: int, wire: int, count: int, depth: int) -> int:
    """Values of one type. Those that can be many in few bytes are passed without a call for each."""
    if count * SMALLEST.get(wire, len(buf)) > len(buf) - pos:
        raise Fault
    size = FIXED.get(wire)
    if size is not None:
        return pos + count * size
    if wire == _STRING:
        for _ in range(count):
            pos += 4 + int(_length(buf, pos)[0])
        return pos
    if count == 0:
        if wire not in SMALLEST:
            raise Fault
        return pos
    if depth > MAX_DEPTH:
        raise Fault
    if wire == _STRUCT:
        return _skip_structs(buf, pos, count, depth)
    if wire == _MAP:
        for _ in range(count):
            pos = _skip_map(buf, pos, depth)
        return pos
    for _ in range(count):
        element, length = _list_head(buf, pos)
        pos += 5
        size = FIXED.get(element)
        pos = pos + length * size if size is not None else _skip_elements(buf, pos, element, length, depth + 1)
    return pos


def _skip_structs(buf: bytes, pos: int, count: int, depth: int) -> int:
    """Many of them can be empty, each a byte: those are passed together."""
    while count > 0:
        if buf[pos]:
            pos = _skip_fields(buf, pos, depth)
            count -= 1
            continue
        match = _zeros(buf, pos, pos + count)
        assert match is not None
        count -= match.end() - pos
        pos = match.end()
    return pos


def _skip_map(buf: bytes, pos: int, depth: int) -> int:
    head: tuple[int, int, int] = _map_head(buf, pos)
    key, value, count = head
    pos += 6
    if count * (SMALLEST.get(key, len(buf)) + SMALLEST.get(value, len(buf))) > len(buf) - pos:
        raise Fault
    if key == value:
        return _skip_elements(buf, pos, key, 2 * count, depth + 1)
    if key not in SMALLEST or value not in SMALLEST:
        raise Fault
    key_size, value_size = FIXED.get(key), FIXED.get(value)
    if key_size is not None and value_size is not None:
        return pos + count * (key_size + value_size)
    for _ in range(count):
        pos = pos + key_size if key_size is not None else skip(buf, pos, key, depth + 1)
        if value == _STRUCT and not buf[pos]:
            pos += 1
        else:
            pos = pos + value_size if value_size is not None else skip(buf, pos, value, depth + 1)
    return pos
