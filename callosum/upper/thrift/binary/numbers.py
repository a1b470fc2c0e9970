"""Reads many numbers of one type, and of one size, in one call."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from callosum.upper.thrift.fault import Fault

_REMEMBERED: Final = 64
_PART: Final = 4096


class Unpackers(dict[int, Callable[[bytes, int], tuple[Any, ...]]]):  # numbers of one type
    """What reads so many numbers of one type, made at their first use; where they are few, for all later uses, too."""

    def __init__(self, letter: str) -> None:
        self._letter = letter

    def __missing__(self, count: int) -> Callable[[bytes, int], tuple[Any, ...]]:  # numbers of one type
        unpack = struct.Struct(f"!{count}{self._letter}").unpack_from
        if count <= _REMEMBERED:
            self[count] = unpack
        return unpack


def numbers_in_parts(letter: str, count: int, buf: bytes, pos: int) -> list[Any]:  # numbers of one type
    """So many numbers. They are unpacked in parts, so that the tuple of all is not there beside the list of all."""
    size = struct.calcsize(f"!{letter}")
    if count * size > len(buf) - pos:
        raise Fault
    numbers: list[Any] = [None] * count  # in its place from the start: a list that grows is copied
    for start in range(0, count, _PART):
        part = min(_PART, count - start)
        numbers[start : start + part] = struct.unpack_from(f"!{part}{letter}", buf, pos + start * size)
    return numbers
