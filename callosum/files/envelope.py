"""What stands in the stream around the content. ``docs/files.md`` has the format, byte for byte.

Laws: a stream is a head, items of content, none of them empty, one empty item, and a tail. Whoever reads one knows
whether it was whole, and whether it was changed, from the stream alone.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Final

from callosum.files.errors import Corrupted, TooLarge, Truncated

Buffer = bytes | memoryview
"""What items are: a memoryview where nothing was copied."""
HEAD_MAGIC: Final = b"\x89cfile\x01\n"
TAIL_MAGIC: Final = b"\x89cfile\x02\n"
END: Final = b""
"""The item behind the content."""
_UNKNOWN: Final = 2**64 - 1
_HEAD: Final = struct.Struct(">8sQQ16s")
"""magic, size of the whole, offset, digest of what stands before the offset"""
_TAIL: Final = struct.Struct(">8sQ16s")
"""magic, size of the whole, digest of the whole"""


@dataclass(frozen=True, slots=True)
class Head:
    """The first item: what comes."""

    size: int | None
    """Bytes of the whole content, where the sender knows."""
    offset: int
    """Bytes of it that are not sent, because the receiver has them."""
    digest: bytes
    """xxh3 (128 bit, big-endian) of these."""

    def encode(self) -> bytes:
        """The item."""
        return _HEAD.pack(HEAD_MAGIC, _UNKNOWN if self.size is None else self.size, self.offset, self.digest)


@dataclass(frozen=True, slots=True)
class Tail:
    """The last item: what has come."""

    size: int
    """Bytes of the whole content, what stands before the offset among them."""
    digest: bytes
    """xxh3 (128 bit, big-endian) of the whole."""

    def encode(self) -> bytes:
        """The item."""
        return _TAIL.pack(TAIL_MAGIC, self.size, self.digest)


def decode_head(item: Buffer) -> Head:
    """The first item.

    Raises:
        Corrupted: It is none.
    """
    if len(item) != _HEAD.size or bytes(item[: len(HEAD_MAGIC)]) != HEAD_MAGIC:
        raise Corrupted(
            f"the stream begins with {bytes(item[:8])!r}, {len(item)} bytes: that is no head of callosum.files;"
            " the other side has to send what callosum.files.send() gives"
        )
    _, size, offset, digest = _HEAD.unpack(item)
    if offset > size:
        raise Corrupted(f"the stream begins at {offset} and the content has {size} bytes")
    return Head(None if size == _UNKNOWN else size, offset, digest)


class _Part(enum.Enum):
    CONTENT = enum.auto()
    TAIL = enum.auto()
    NOTHING = enum.auto()


class Reader:
    """Follows a stream behind its head: what an item is, and whether it may come there."""

    __slots__ = ("_part", "_size", "done", "limit", "tail")

    def __init__(self, head: Head, limit: int | None) -> None:
        self._part = _Part.CONTENT
        self._size = head.size
        self.limit = limit
        self.done = head.offset
        """Bytes of the whole that are here."""
        self.tail: Tail | None = None
        self._check_limit(head.size or head.offset)

    def take(self, item: Buffer) -> bool:
        """Look at the next item; whether it is content.

        Raises:
            Corrupted: It may not come there.
            TooLarge: There is more than the receiver wants.
        """
        if self._part is _Part.CONTENT:
            if len(item):
                self._count(len(item))
                return True
            self._part = _Part.TAIL
        elif self._part is _Part.TAIL:
            self.tail = self._decode_tail(item)
            self._part = _Part.NOTHING
        else:
            raise Corrupted(f"an item of {len(item)} bytes comes behind the end of the content")
        return False

    def finish(self) -> Tail:
        """The stream has ended.

        Raises:
            Truncated: The content has not.
        """
        if self.tail is None:
            total = "" if self._size is None else f" of {self._size}"
            raise Truncated(f"the stream ended after {self.done}{total} bytes, before the content did")
        return self.tail

    def _count(self, size: int) -> None:
        self.done += size
        self._check_limit(self.done)
        if self._size is not None and self.done > self._size:
            raise Corrupted(f"more than the {self._size} bytes have come that were announced")

    def _check_limit(self, size: int) -> None:
        if self.limit is not None and size > self.limit:
            raise TooLarge(f"the content has {size} bytes or more, and the receiver takes {self.limit}")

    def _decode_tail(self, item: Buffer) -> Tail:
        if len(item) != _TAIL.size or bytes(item[: len(TAIL_MAGIC)]) != TAIL_MAGIC:
            raise Corrupted(f"what stands behind the content, {len(item)} bytes, is no tail of callosum.files")
        _, size, digest = _TAIL.unpack(item)
        if size != self.done or self._size not in {None, size}:
            raise Corrupted(f"the content has {size} bytes, and {self.done} have come")
        return Tail(size, digest)
