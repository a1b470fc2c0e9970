"""What can be sent, in chunks, with the checksum over all of it.

Laws: a source gives its content from the beginning, whatever the offset: the checksum is over the whole. What blocks
runs in a `Lane`, one chunk ahead of what is asked for.
"""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import IO, Final, Protocol

from callosum.errors import ConfigurationError
from callosum.files.checksum import new_checksum
from callosum.files.envelope import Buffer
from callosum.files.errors import SourceChanged
from callosum.files.work import Lane
from callosum.streams import close_iterator

Source = str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview | AsyncIterable[bytes]
"""What can be sent: a path, a file that is open for reading, something bytes-like, or bytes as they come."""
SKIPPED: Final = 16 * 1024 * 1024
"""Bytes before the offset that are read in one go: a cancellation is noticed in between."""


class Content(ABC):
    """A source while it is sent."""

    def __init__(self) -> None:
        self.checksum = new_checksum()
        self.size: int | None = None
        """Bytes of all of it, where that is known, once it is open."""

    @abstractmethod
    async def open(self) -> None:
        """Once, before all else."""

    @abstractmethod
    async def take(self, size: int) -> Buffer:
        """The next piece, at most so large, and empty at the end."""

    async def read(self, size: int) -> Buffer:
        """The same, where the next one will be as large."""
        return await self.take(size)

    async def skip(self, size: int) -> None:
        """Take in what the receiver has.

        Raises:
            SourceChanged: There is not so much.
        """
        left = size
        while left:
            piece = await self.take(min(left, SKIPPED))
            if not piece:
                raise SourceChanged(
                    f"the source has {size - left} bytes, and is to be sent from {size}: it is not what it was when the"
                    " receiver got its beginning. Begin again, at 0"
                )
            left -= len(piece)

    async def finish(self) -> None:  # noqa: B027 - most do not know
        """All was read.

        Raises:
            SourceChanged: It was changed meanwhile.
        """

    @abstractmethod
    async def close(self) -> None:
        """Once, at the end, however it ends."""


class Bytes(Content):
    """Something bytes-like, of which views are sent: it must not be changed meanwhile."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        super().__init__()
        view = memoryview(data)
        if not view.c_contiguous:
            raise ConfigurationError("a memoryview that is sent has to be contiguous")
        self._view = view.cast("B").toreadonly()
        self._at = 0
        self.size = self._view.nbytes

    async def open(self) -> None:
        """Nothing is to be done."""

    async def take(self, size: int) -> Buffer:
        """A view."""
        piece = self._view[self._at : self._at + size]
        self._at += len(piece)
        self.checksum.update(piece)
        return piece

    async def close(self) -> None:
        """Nothing is to be done: the views that were sent keep the memory alive."""


class Pieces(Content):
    """Bytes as they come: small ones are put together, of large ones views are sent."""

    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        super().__init__()
        self._iterator: AsyncIterator[bytes] = aiter(pieces)
        self._rest = memoryview(b"")

    async def open(self) -> None:
        """Nothing is to be done."""

    async def take(self, size: int) -> Buffer:
        """As much as was asked for, but at the end."""
        found: list[Buffer] = []
        missing = size
        while missing:
            if not self._rest:
                try:
                    self._rest = memoryview(await anext(self._iterator)).cast("B")
                except StopAsyncIteration:
                    break
            found.append(self._rest[:missing])
            self._rest = self._rest[missing:]
            missing -= len(found[-1])
        piece = found[0] if len(found) == 1 else b"".join(found)
        self.checksum.update(piece)
        return piece

    async def close(self) -> None:
        """The iterator's ``finally`` runs now."""
        await close_iterator(self._iterator)


class Reader(Protocol):
    """A file: all of it blocks."""

    def open(self) -> int | None:
        """Open it; how many bytes it has, where that is known."""

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        ...

    def check(self) -> None:
        """Raises SourceChanged where it was changed since it was opened."""

    def close(self) -> None:
        """Close it."""


class Read(Content):
    """A file, read in a thread."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._lane: Lane | None = None
        self._is_ahead = False
        self._left: int | None = None
        """Bytes up to the size that it had when it was opened."""

    @property
    def lane(self) -> Lane:
        """Where it is read."""
        assert self._lane is not None, "it is open"
        return self._lane

    async def open(self) -> None:
        """Open the file."""
        self._lane = Lane()
        self.size = self._left = await self._lane.run(self._reader.open)

    async def take(self, size: int) -> Buffer:
        """Read, and wait for it."""
        return await self.lane.run(self._take, size)

    async def read(self, size: int) -> Buffer:
        """What was read ahead; the next is begun."""
        if not self._is_ahead:
            await self.lane.begin(self._take, size)
        piece: bytes = await self.lane.result()
        self._is_ahead = bool(piece)
        if piece:
            await self.lane.begin(self._take, size)
        return piece

    def _take(self, size: int) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
        piece = self._reader.read(size) if size else b""
        if self._left is not None:
            self._left -= len(piece)
        self.checksum.update(piece)
        return piece

    async def finish(self) -> None:
        """Whether the file is what it was."""
        await self.lane.run(self._reader.check)

    async def close(self) -> None:
        """Close it, once what is read ahead is read."""
        if self._lane is not None:
            await self._lane.close(self._reader.close)


class PathReader:
    """A regular file by its path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._state: tuple[int, int] = (0, 0)

    def open(self) -> int:
        """Open it. Raises OSError, and ConfigurationError where it is no regular file."""
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not block
        self._state, mode = self._look()
        if not stat.S_ISREG(mode):
            raise ConfigurationError(f"{self._path} is no regular file: open it, and give the file object")
        return self._state[0]

    def read(self, size: int) -> bytes:
        """The next bytes."""
        return os.read(self._descriptor, size)

    def check(self) -> None:
        """Whether its size and its time are what they were."""
        state, _ = self._look()
        if state != self._state:
            raise SourceChanged(f"{self._path} was changed while it was sent. Begin again, at 0")

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _look(self) -> tuple[tuple[int, int], int]:
        found = os.fstat(self._descriptor)
        return (found.st_size, found.st_mtime_ns), found.st_mode


class ObjectReader:
    """A file that is open: from where it stands, and it stays open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def open(self) -> int | None:
        """How many bytes are left, where the file can say so."""
        if not self._file.seekable():
            return None
        at = self._file.tell()
        size = self._file.seek(0, os.SEEK_END) - at
        self._file.seek(at)
        return max(0, size)

    def read(self, size: int) -> bytes:
        """The next bytes."""
        piece: bytes | str | None = self._file.read(size)
        if not isinstance(piece, bytes):
            raise ConfigurationError(f"{self._file!r} gives {type(piece).__name__}: open it in binary mode, blocking")
        return piece

    def check(self) -> None:
        """Nothing is known of it."""

    def close(self) -> None:
        """It is its owner's."""


def content_of(source: Source) -> Content:
    """What sends a source.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return Bytes(source)
    if isinstance(source, str | os.PathLike):
        return Read(PathReader(Path(source)))
    if isinstance(source, AsyncIterable):
        return Pieces(source)
    if hasattr(source, "read"):
        return Read(ObjectReader(source))
    raise ConfigurationError(f"{source!r:.100} cannot be sent: give a path, a binary file, bytes or an async iterable")
