"""How many values a piece of msgpack holds, counted before any of them is made.

An empty list is one byte on the wire and 64 in memory, and a list that only announces its elements takes memory for
them: what is counted here first can be handed to msgpack without fear. Laws: nothing is made; what is malformed is left
to msgpack, which refuses it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from callosum.protocol.limits import FREE_VALUES, VALUE_BYTES

_SHORT: Final = FREE_VALUES
"""Bytes that cannot hold too many values, whatever they are."""
_FEW: Final = 4
"""So many arrays, one within the other, may announce as many elements as there are such few bytes."""
_CONTAINERS: Final = frozenset((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
"""Every byte with which an array or a map can begin."""
_OTHERS: Final = bytes(set(range(256)) - _CONTAINERS)


def _size(marker: int) -> int:
    """The bytes of a value that begins so; 0 where more than the first byte has to be looked at."""
    if 0xA0 <= marker < 0xC0:
        return 1 + (marker & 0x1F)
    by_marker = {0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}
    is_plain = marker < 0x80 or marker >= 0xE0 or marker in (0xC0, 0xC2, 0xC3)
    return 1 if is_plain else by_marker.get(marker, 0)


def _lengths() -> dict[int, tuple[Callable[..., tuple[Any, ...]], int]]:  # a struct's own method
    one, two, four = (struct.Struct(layout) for layout in (">B", ">H", ">I"))
    of = {0xC4: one, 0xC5: two, 0xC6: four, 0xD9: one, 0xDA: two, 0xDB: four, 0xDC: two, 0xDD: four, 0xDE: two}
    return {marker: (number.unpack_from, 1 + number.size) for marker, number in (of | {0xDF: four}).items()}


_UNTOLD: Final = 0xFF


def _most(marker: int) -> int:
    """The values that are in what begins so, as far as this byte tells."""
    if marker >= 0xA0:
        return _UNTOLD
    return marker & 0x0F if marker >= 0x90 else 2 * (marker & 0x0F)


_MOST: Final = bytes(map(_most, range(256)))
_FIRST_SHORT_LIST: Final = 0x90
_FIRST_TEXT: Final = 0xA0
_FIRST_LIST: Final = 0xDC
_FIRST_MAP: Final = 0xDE
_NOTHING: Final = (None, 0)
"""An extension, or a byte that msgpack does not have."""
_SIZES: Final = bytes(map(_size, range(256)))
_LENGTHS: Final = _lengths()
"""What reads the length or count that stands behind the first byte, and where that ends."""


def check_values(data: bytes | memoryview, expected: int = 0) -> None:
    """Raise ValueError where these bytes hold more values than their length permits.

    Each array, map, text, number and so on is one value, and so is each key of a map. ``expected`` more are to come.
    """
    size = len(data)
    spare = FREE_VALUES + size // VALUE_BYTES - 1 - expected
    within = bytes(data).translate(_MOST, _OTHERS)
    if (sum(within) <= spare and _UNTOLD not in within) or (size <= _SHORT and len(within) <= _FEW):  # nearly all
        return
    at, left = 0, 1
    while left and at < size:
        left -= 1
        marker = data[at]
        if length := _SIZES[marker]:
            at += length
            continue
        if marker < _FIRST_TEXT:
            count = marker & 0x0F
            at += 1
        else:
            at, count = _count(data, at, marker)
            if marker < _FIRST_LIST:  # a text or bytes
                at += count
                continue
        if marker < _FIRST_SHORT_LIST or marker >= _FIRST_MAP:
            count *= 2  # keys and values
        left += count
        spare -= count
        if spare < 0:
            raise ValueError(
                f"{size} bytes hold too many values: {FREE_VALUES}, and one for each {VALUE_BYTES} bytes, are permitted"
            )


def _count(data: bytes | memoryview, at: int, marker: int) -> tuple[int, int]:
    """What stands behind the first byte, and the position behind it: the end, where that is not there."""
    unpack, behind = _LENGTHS.get(marker, _NOTHING)
    if at + behind > len(data) or unpack is None:
        return len(data), 0
    return at + behind, unpack(data, at + 1)[0]
