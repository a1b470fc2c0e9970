"""Makes inputs out of others: one seeded generator, so that a run can be repeated by the number that it printed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

MAX_SIZE: Final = 1 << 20
"""Bytes of the longest input."""
_USUAL_SIZE: Final = 4096
"""Most inputs are not longer: short ones are tried faster, and find as much."""
_NUMBERS: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What lengths are replaced with."""
_PIECES: Final = (
    b"\x90", b"\x80", b"\x91", b"\x9f", b"\x81\xa0", b"\xdc\xff\xff", b"\xdd\x00\x00\x40\x00", b"\xde\xff\xff",
    b"\xdf\xff\xff\xff\xff", b"\xc0", b"\xc1", b"\xc2", b"\xc7\x00\x00", b"\xd4\x00\x00", b"\xd9\xff", b"\xa0",
    b"\xc4\x00", b"\xca\x7f\xc0\x00\x00", b"\xcf" + b"\xff" * 8, b"\xd3\x80" + bytes(7), b"\xed\xa0\x80",
    b"\x0c\x00\x01", b"\x0f\x00\x03\x0c\x00\x00\x00\x01", b"\x0d\x00\x04\x0b\x0c\x00\x00\x00\x01\x00\x00\x00\x00",
    b"\x0f\x00\x03\x0f\x00\x00\x00\x01", b"\x0e\x00\x01\x0e\x00\x00\x00\x01", b"\x0e\x00\x00\x00\x01",
    b"\x0b\x00\x01\xff\xff\xff\xff", b"\x0b\x00\x01\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\xf8\xff\xff\xff",
    b",{}", b",[]", b"[", b'{"2":{"rec":', b'{"3":{"lst":["rec",1,', b'["i32",0]', b'"9":{"i8":0},', b" ", b",", b'"',
    b"}}", b"\\n", b"\\ud83d", b"\\u00e4",
)  # fmt: skip
"""Of msgpack, of Thrift and of its JSON: what nests, what is empty, what lies about its length. Often repeated many
times."""
_DIGITS: Final = re.compile(rb"[0-9]+")
_DECIMALS: Final = (b"0", b"1", b"2", b"3", b"-1", b"00", b"77", b"32768", b"4294967295", b"1e9", b"0.5", b"1" * 30)
"""What numbers in a text are replaced with."""
_REPEATED: Final = (1, 1, 1, 2, 16, 64, 600, 1100)


class Mutator:
    """Draws inputs from a pool."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - it is to be repeated, not secret
        self._changes: tuple[Callable[[bytearray, Sequence[bytes]], None], ...] = (
            self._flip, self._flip, self._overwrite, self._number, self._number, self._number, self._truncate,
            self._delete, self._duplicate, self._splice, self._insert_random, self._insert_piece, self._decimal,
        )  # fmt: skip

    def draw(self, pool: Sequence[bytes]) -> bytes:
        """The next input."""
        rng = self._random
        if rng.random() < 0.02:
            return rng.randbytes(int(2 ** (rng.random() * 9)))
        data = bytearray(rng.choice(pool))
        for _ in range(1 + int(rng.expovariate(1.0))):
            rng.choice(self._changes)(data, pool)
        return bytes(data[: MAX_SIZE if rng.random() < 0.01 else _USUAL_SIZE])

    def _at(self, data: bytearray) -> int:
        return self._random.randrange(len(data)) if data else 0

    def _flip(self, data: bytearray, _: Sequence[bytes]) -> None:
        if data:
            data[self._at(data)] ^= 1 << self._random.randrange(8)

    def _overwrite(self, data: bytearray, _: Sequence[bytes]) -> None:
        at, count = self._at(data), self._random.randrange(1, 9)
        data[at : at + count] = self._random.randbytes(count)

    def _number(self, data: bytearray, _: Sequence[bytes]) -> None:
        """Replace what may be a length."""
        width = self._random.choice((1, 1, 2, 4, 4, 8))
        order = self._random.choice(("little", "big"))
        number = self._random.choice(_NUMBERS)
        if self._random.random() < 0.3:
            number = max(0, len(data) + self._random.randrange(-8, 9))
        at = self._at(data)
        data[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, order)  # type: ignore[arg-type]

    def _decimal(self, data: bytearray, pool: Sequence[bytes]) -> None:
        """Replace the first number of a text from somewhere on."""
        found = _DIGITS.search(data, self._at(data))
        if found:
            data[found.start() : found.end()] = self._random.choice(_DECIMALS)
        else:
            self._flip(data, pool)

    def _truncate(self, data: bytearray, _: Sequence[bytes]) -> None:
        del data[self._at(data) :]

    def _delete(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        del data[at : at + self._random.randrange(1, 17)]

    def _duplicate(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        piece = bytes(data[at : at + self._random.randrange(1, 65)])
        data[at:at] = piece * self._random.choice(_REPEATED)

    def _splice(self, data: bytearray, pool: Sequence[bytes]) -> None:
        other = self._random.choice(pool)
        begin = self._random.randrange(len(other) + 1)
        data[self._at(data) :] = other[begin:]

    def _insert_random(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        data[at:at] = self._random.randbytes(self._random.randrange(1, 17))

    def _insert_piece(self, data: bytearray, _: Sequence[bytes]) -> None:
        at = self._at(data)
        data[at:at] = self._random.choice(_PIECES) * self._random.choice(_REPEATED)
