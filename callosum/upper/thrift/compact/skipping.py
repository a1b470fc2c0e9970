"""Passes what the reader does not know: fields and values of which nothing but the type on the wire is known.

Laws: as those of the decoders. Each step consumes input, counts are held against the bytes that are left, varints are
no longer than those of the type, depth is limited. What is skipped can be a value for each byte, and values of one byte
that nest in one another, so there is one loop with a stack of what is to follow, and no call for each value.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

from callosum.upper.thrift.compact.layout import LONG_FORM, MANY, Kind
from callosum.upper.thrift.compact.numbers import read_id, read_size
from callosum.upper.thrift.fault import Fault
from callosum.upper.thrift.spec import MAX_DEPTH

_FIXED: Final[dict[int, int]] = {
    int(Kind.TRUE): 1,
    int(Kind.FALSE): 1,
    int(Kind.I8): 1,
    int(Kind.DOUBLE): 8,
    int(Kind.UUID): 16,
}
"""The sizes of elements that have a fixed one."""
_LAST_ID: Final = 2**15 - 1
_FALSE, _I8, _I64, _DOUBLE, _TEXT = int(Kind.FALSE), int(Kind.I8), int(Kind.I64), int(Kind.DOUBLE), int(Kind.TEXT)
_LIST, _SET, _MAP, _STRUCT, _UUID = int(Kind.LIST), int(Kind.SET), int(Kind.MAP), int(Kind.STRUCT), int(Kind.UUID)
_VARINTS: Final = range(int(Kind.I16), int(Kind.I64) + 1)
_NESTING: Final = range(_LIST, _STRUCT + 1)
_HIGH: Final = bytes(range(128, 256))
_FIELDS: Final = -1
"""Stands for a kind where structs are being passed."""

_varint = re.compile(rb"[\x80-\xff]{0,4}[\x00-\x7f]").match
_varint64 = re.compile(rb"[\x80-\xff]{0,9}[\x00-\x7f]").match
_too_long = re.compile(rb"[\x80-\xff]{5}").search
_too_long64 = re.compile(rb"[\x80-\xff]{10}").search


def pass_fields(buf: bytes, pos: int, tag: int, known: Container[int], depth: int) -> tuple[int, int]:
    """Skip unknown fields. The first has this tag, and its header ends at ``pos``; it is not known, or of a wrong type.

    Returns:
        The tag of what follows, as it is where its header is short, and the position of that header.
    """
    ident, kind = tag >> 4, tag & 15
    if ident in known or ident > _LAST_ID:
        raise Fault
    while True:
        pos += 1
        if kind > _FALSE:
            pos = pos + 1 if kind == _I8 else skip(buf, pos, kind, depth + 1)
        elif not kind:
            raise Fault
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


def skip(buf: bytes, pos: int, kind: int, depth: int) -> int:
    """The position behind a value of which nothing but its type on the wire is known; bools are elements."""
    if kind in _NESTING:
        return _skip_nested(buf, pos, kind, depth)
    if kind in _VARINTS:
        if buf[pos] < 0x80:
            return pos + 1
        match = (_varint64 if kind == _I64 else _varint)(buf, pos)
        if match is None:
            raise Fault
        return match.end()
    if kind == _TEXT:
        size, pos = read_size(buf, pos)
        return pos + size
    size = _FIXED.get(kind, 0)
    if not size:
        raise Fault
    return pos + size


def _skip_nested(buf: bytes, pos: int, kind: int, depth: int) -> int:  # noqa: C901, PLR0912 - see above
    """A container or a struct."""
    waiting: list[tuple[int, int, int, int]] = []
    count, other = 1, kind  # values of these kinds are next, in turns, at ``depth``
    while True:
        while count:  # what nests nothing, as it stands among what does
            first = buf[pos]
            if kind <= _I8 or (kind < _DOUBLE and first < 0x80):
                pos += 1
            elif kind == _TEXT and first < 0x80:
                pos += 1 + first
            elif kind >= _MAP and not first and kind != _UUID:
                pos += 1
            elif kind not in _NESTING:
                pos = skip(buf, pos, kind, depth)
            elif kind < _MAP and 0 < first < _UUID:
                pos += 1
            else:
                break
            kind, other, count = other, kind, count - 1
        if not count:
            if not waiting:
                return pos
            count, kind, other, depth = waiting.pop()
            if kind != _FIELDS:
                continue
        elif depth > MAX_DEPTH:
            raise Fault
        elif kind != _STRUCT:
            if count > 1:
                waiting.append((count - 1, other, kind, depth))
            count, kind, other, pos = _head(buf, pos, kind)
            depth += 1
            if kind == other and kind not in _NESTING:
                pos, count = skip_elements(buf, pos, kind, count), 0
            continue
        else:  # a struct, and those of a list behind it
            if kind != other:
                waiting.append((count - 1, other, kind, depth))
                count = 1
            kind, depth = _FIELDS, depth + 1
        pos, count, field = _skip_fields(buf, pos, count, depth)
        if count:
            waiting.append((count, _FIELDS, _FIELDS, depth))
            count, kind, other = 1, field, field


def _skip_fields(buf: bytes, pos: int, count: int, depth: int) -> tuple[int, int, int]:
    """So many structs, the first of which may have begun, up to the end or to a field that nests.

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
        elif kind == _I8:
            pos += 1
        elif kind in _NESTING:
            return pos, count, kind
        else:
            pos = skip(buf, pos, kind, depth)


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
