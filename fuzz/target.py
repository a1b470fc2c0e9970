"""What is fuzzed: one decoder, what it may raise, and where to begin."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

RATIO: Final = 20
"""Times its size that an input may take in memory, while it is decoded and as what comes out."""
SECONDS: Final = 0.010
"""Of CPU time, for each 64 KiB of the input that are begun."""
SMALL: Final = 4096
"""Bytes of memory that even the shortest input may take."""


@dataclass(frozen=True, slots=True)
class Bomb:
    """An input that is made to be much larger in memory, or much slower, than it is long."""

    name: str
    data: bytes


def leaves_of(value: object) -> Iterator[bytes]:
    """Every text and every bytes in a value, as they are on the wire."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one.encode()
        elif isinstance(one, bytes | memoryview):
            yield bytes(one)
        elif isinstance(one, enum.Enum | int):
            continue  # a number on the wire
        elif isinstance(one, Mapping):
            stack += one.keys()
            stack += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            stack += one
        elif dataclasses.is_dataclass(one) and not isinstance(one, type):
            stack += [getattr(one, field.name) for field in dataclasses.fields(one)]
        elif type(one).__module__ != "builtins" and hasattr(one, "__dict__"):
            stack += vars(one).values()


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder under test.

    Attributes:
        name: Its name, and that of its folder of the corpus.
        decode: What runs on each input. It returns what was made of the input.
        allowed: What it may raise.
        seeds: Valid inputs, by name.
        bombs: Makes the bombs of about so many bytes each.
        leaves: Every text and bytes of what was made: each must be in the input, or in `given`.
        given: Texts and bytes that may be in a value though they were not received, such as defaults of an IDL.
        small: Bytes of memory that the shortest input may take.
        ratio: Bytes of memory that it may take for each byte more.
        seconds: CPU time for each 64 KiB of the input that are begun.
    """

    name: str
    decode: Callable[[bytes], Any]  # whatever the decoder makes
    allowed: tuple[type[Exception], ...]
    seeds: Callable[[], Mapping[str, bytes]]
    bombs: Callable[[int], Sequence[Bomb]]
    leaves: Callable[[Any], Iterator[bytes]] = leaves_of  # Any: as decode
    given: frozenset[bytes] = frozenset()
    small: int = SMALL
    ratio: int = RATIO
    seconds: float = SECONDS
