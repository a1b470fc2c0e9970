"""Passes what the reader does not know: fields and values of which nothing but the type on the wire is known.

Laws: as those of the decoders. Each step consumes input, counts are held against the bytes that are left, varints are
no longer than those of the type, depth is limited. What is skipped can be a value for each byte, and values of one byte
that nest in one another, so there is one loop with a stack of what is to follow, and what nests takes room.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any, Final

from callosum.upper.thrift.compact.layout import LONG_FORM, MANY, Kind
from callosum.upper.thrift.compact.numbers import read_id, read_size
from callosum.upper.thrift.fault import Fault, NoRoom
from callosum.upper.thrift.spec import MAX_DEPTH

_FIXED: Final[dict[int, int]] = {
    int(Kind.TRUE): 1,
    int(Kind.FALSE): 1,
    int(Kind.I8): 1,
    int(Kind.DOUBLE): 8,
    int(Kind.UUID): 16,
}
"""The sizes of elements that have a fixed one."""
_PAIRS: Final = {key << 4 | value: one + other for key, one in _FIXED.items() for value, other in _FIXED.items()}
"""The sizes of entries of maps, by the kinds of both."""
_LAST_ID: Final = 2**15 - 1
_FALSE, _I8, _I64, _DOUBLE, _TEXT = int(Kind.FALSE), int(Kind.I8), int(Kind.I64), int(Kind.DOUBLE), int(Kind.TEXT)
_LIST, _SET, _MAP, _STRUCT, _UUID = int(Kind.LIST), int(Kind.SET), int(Kind.MAP), int(Kind.STRUCT), int(Kind.UUID)
_VARINTS: Final = frozenset(range(int(Kind.I16), int(Kind.I64) + 1))
_NESTING: Final = frozenset(range(_LIST, _STRUCT + 1))
_LISTS: Final = frozenset({_LIST, _SET})
_MANY: Final = MANY << 4
_HIGH: Final = bytes(range(128, 256))
_FIELDS: Final = -1
"""Stands for a kind where structs are being passed."""
_NESTED: Final = 300
"""What a struct in a field, or a map of what nests, takes of the room as if it were made: it takes the time."""
_NESTED_LIST: Final = 230
"""The same for a list of lists in a list, and for a struct in a map."""

Room = list[Any]  # what is left, and what else the decoders keep there

_varint = re.compile(rb"[\x80-\xff]{0,4}[\x00-\x7f]").match
_varint64 = re.compile(rb"[\x80-\xff]{0,9}[\x00-\x7f]").match
_zeros = re.compile(rb"\x00+").match
_too_long = re.compile(rb"[\x80-\xff]{5}").search
_too_long64 = re.compile(rb"[\x80-\xff]{10}").search


def pass_fields(buf: bytes, pos: int, tag: int, known: Container[int], depth: int, room: Room) -> tuple[int, int]:
    """Skip unknown fields. The first has this tag, and its header ends at ``pos``; it is not known, or of a wrong type.

    Returns:
        The tag of what follows, as it is where its header is short, and the position of that header.
    """
    ident, kind = tag >> 4, tag & 15
    if ident in known or ident > _LAST_ID:
        raise Fault
    while True:
        pos += 1
        if kind <= _FALSE:
            if not kind:
                raise Fault
        elif kind == _I8 or (kind < _DOUBLE and buf[pos] < 0x80):
            pos += 1
        elif kind not in _NESTING:
            pos = _skip_plain(buf, pos, kind)
        elif (0 < buf[pos] <= _UUID) if kind < _MAP else not buf[pos]:
            pos += 1
        else:
            pos = _skip_nested(buf, pos, kind, depth + 1, room)
        head = buf[pos]
        if head >= LONG_FORM:
            following, end = ident + (head >> 4), pos
            if following > _LAST_ID:
                raise Fault
        elif head:
            following, end = read_id(buf, pos + 1)
        else:
            return 0, pos
        if following in known:
            return (ident << 4) + head, pos
        ident, kind, pos = following, head & 15, end


def skip(buf: bytes, pos: int, kind: int, depth: int, room: Room) -> int:
    """The position behind a value of which nothing but its type on the wire is known; bools are elements."""
    if kind in _NESTING:
        return _skip_nested(buf, pos, kind, depth, room)
    return _skip_plain(buf, pos, kind)


def _skip_plain(buf: bytes, pos: int, kind: int) -> int:
    """A value that nests nothing."""
    if kind == _TEXT:
        size, pos = read_size(buf, pos)
        return pos + size
    if kind in _VARINTS:
        match = (_varint64 if kind == _I64 else _varint)(buf, pos)
        if match is None:
            raise Fault
        return match.end()
    size = _FIXED.get(kind, 0)
    if not size:
        raise Fault
    return pos + size


def _skip_nested(buf: bytes, pos: int, kind: int, depth: int, room: Room) -> int:
    """A container or a struct. What is to follow is kept as ``waiting``: how many values, of which kinds, how deep."""
    waiting: list[tuple[int, int, int, int]] = []
    count, other = 1, kind  # values of these kinds are next, in turns, at ``depth``
    while True:
        if kind == other and kind in _LISTS:
            pos, count, kind, depth = _skip_lists(buf, pos, count, depth, waiting, room)
            other = kind
        elif kind != _FIELDS and (kind != other or kind != _STRUCT):
            pos, count, kind, other = _skip_simple(buf, pos, count, kind, other, room)
        if not count:
            if not waiting:
                return pos
            count, kind, other, depth = waiting.pop()
            if kind != _FIELDS:
                continue
        else:
            room[0] -= _NESTED
            if depth > MAX_DEPTH:
                raise Fault
            if room[0] < 0:
                raise NoRoom
            depth += 1
            if kind != _STRUCT:
                if count > 1:
                    waiting.append((count - 1, other, kind, depth - 1))
                count, kind, other, pos = _head(buf, pos, kind)
                if kind == other and kind not in _NESTING:
                    pos, count = skip_elements(buf, pos, kind, count), 0
                continue
            if kind != other:  # with what is in turns with it behind it, and not the structs of a list
                waiting.append((count - 1, other, kind, depth - 1))
                count = 1
            kind = _FIELDS
        pos, count, field = _skip_fields(buf, pos, count, room)
        if count:
            waiting.append((count, _FIELDS, _FIELDS, depth))
            count, kind, other = 1, field, field


def _skip_simple(buf: bytes, pos: int, count: int, kind: int, other: int, room: Room) -> tuple[int, int, int, int]:
    """Values of two kinds in turns, up to one that nests something."""
    if kind == other == _MAP and (match := _zeros(buf, pos, pos + count)):
        pos, count = match.end(), count - match.end() + pos
    while count:
        first = buf[pos]
        if kind <= _I8 or (kind < _DOUBLE and first < 0x80):
            pos += 1
        elif kind == _TEXT and first < 0x80:
            pos += 1 + first
        elif kind not in _NESTING:
            pos = _skip_plain(buf, pos, kind)
        elif (0 < first <= _UUID) if kind < _MAP else not first:
            pos += 1
        elif kind == _STRUCT and kind != other:
            end, is_begun, _ = _skip_fields(buf, pos, 1, room)
            if is_begun:
                break
            pos = end
            room[0] -= _NESTED_LIST
            if room[0] < 0:
                raise NoRoom
        elif kind == _MAP and first < 0x80 and (size := _PAIRS.get(buf[pos + 1])):
            pos += 2 + first * size
        elif kind == _MAP and (end := _skip_map(buf, pos, room)):
            pos = end
        else:
            break
        kind, other, count = other, kind, count - 1
    return pos, count, kind, other


def _skip_map(buf: bytes, pos: int, room: Room) -> int:
    """The position behind a map in which nothing nests; 0 where something may."""
    count, key, value, pos = _head(buf, pos, _MAP)
    if key in _NESTING or value in _NESTING:
        return 0
    if key == value:
        return skip_elements(buf, pos, key, count)
    return _skip_simple(buf, pos, count, key, value, room)[0]


def _skip_lists(
    buf: bytes, pos: int, count: int, depth: int, waiting: list[tuple[int, int, int, int]], room: Room
) -> tuple[int, int, int, int]:
    """Lists, and lists in them, up to one in which something else nests; those that were begun are to follow.

    Returns:
        The position, how many values are next, their kind, and how deep they are.
    """
    begun, left = len(waiting), room[0]
    while True:
        while count:
            head = buf[pos]
            kind = head & 15
            if kind <= _I8 and head < _MANY:
                if not kind:
                    raise Fault
                pos += 1 + (head >> 4)
            elif head < LONG_FORM and kind <= _UUID:
                pos += 1
            elif kind < _DOUBLE and head < _MANY and buf[pos + 1 : pos + 1 + (head >> 4)].isascii():
                pos += 1 + (head >> 4)
            elif kind in _NESTING:
                if count > 1:
                    waiting.append((count - 1, _LIST, _LIST, depth))
                count, kind, _, pos = _head(buf, pos, _LIST) if head >= _MANY else (head >> 4, kind, kind, pos + 1)
                left -= _NESTED_LIST
                if depth > MAX_DEPTH:
                    raise Fault
                if left < 0:
                    raise NoRoom
                depth += 1
                if kind > _SET:
                    room[0] = left
                    return pos, count, kind, depth
                continue
            else:
                size, kind, _, pos = _head(buf, pos, _LIST)
                pos = skip_elements(buf, pos, kind, size)
            count -= 1
        if len(waiting) == begun:
            room[0] = left
            return pos, 0, _LIST, depth
        count, _, _, depth = waiting.pop()


def _skip_fields(buf: bytes, pos: int, count: int, room: Room) -> tuple[int, int, int]:
    """So many structs, the first of which may have begun, up to the end or to a field that nests something.

    Returns:
        The position, how many are left, and the kind of the field.
    """
    while True:
        head = buf[pos]
        pos += 1
        if not head:
            count -= 1
            if not count:
                return pos, 0, 0
            continue
        if head < LONG_FORM:
            pos = read_id(buf, pos)[1] + 1
        kind = head & 15
        if kind <= _FALSE:
            if not kind:
                raise Fault
        elif kind == _I8 or (kind < _DOUBLE and buf[pos] < 0x80):
            pos += 1
        elif kind not in _NESTING:
            pos = _skip_plain(buf, pos, kind)
        elif (0 < buf[pos] <= _UUID) if kind < _MAP else not buf[pos]:
            pos += 1
        elif kind < _MAP and buf[pos] & 15 not in _NESTING:
            size, kind, _, pos = _head(buf, pos, kind)
            pos = skip_elements(buf, pos, kind, size)
        elif kind == _MAP and (end := _skip_map(buf, pos, room)):
            pos = end
        else:
            return pos, count, kind


def _head(buf: bytes, pos: int, kind: int) -> tuple[int, int, int, int]:
    """How many values there are in a container, the kinds that they have in turns, and the position of the first."""
    if kind == _MAP:
        size, pos = read_size(buf, pos)
        if not size:
            return 0, _I8, _I8, pos
        key, value = buf[pos] >> 4, buf[pos] & 15
        pos, count = pos + 1, 2 * size
    else:
        key = value = buf[pos] & 15
        count = buf[pos] >> 4
        pos += 1
        if count == MANY:
            count, pos = read_size(buf, pos)
    if not _is_kind(key) or not _is_kind(value) or count > len(buf) - pos:
        raise Fault
    return count, key, value, pos


def _is_kind(number: int) -> bool:
    return 0 < number <= _UUID


def skip_elements(buf: bytes, pos: int, kind: int, count: int) -> int:
    """The position behind so many values that nest nothing."""
    size = _FIXED.get(kind)
    if size is not None:
        return pos + count * size
    if kind == _TEXT:
        for _ in range(count):
            size, pos = read_size(buf, pos)
            pos += size
        return pos
    start, left = pos, count
    while left:  # each part has so many bytes as there are varints left: those that end in it are not left any more
        part = buf[pos : pos + left]
        if len(part) < left:
            raise Fault
        pos += left
        if part.isascii():
            break
        left -= len(part.translate(None, _HIGH))
    if (_too_long64 if kind == _I64 else _too_long)(buf, start, pos):
        raise Fault
    return pos
