"""Where a received content goes, with the checksum over all of it.

Laws: what was handed to `write` is not lost, however the transfer ends: a file has it when its target is closed. One
piece is written while the next one is on its way, and no more are held.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Final, cast

from callosum.errors import ConfigurationError
from callosum.files.checksum import new_checksum
from callosum.files.envelope import Buffer, Head, Tail
from callosum.files.errors import Corrupted, TooLarge, WrongOffset
from callosum.files.partial import PartialFile, partial_of
from callosum.files.work import Lane

Consumer = Callable[[memoryview], Awaitable[object]]
Target = str | os.PathLike[str] | IO[bytes] | bytearray | memoryview | Consumer
"""Where it can go: a path, a file that is open for writing, a buffer, or what is awaited for each piece."""
GATHERED: Final = 1024 * 1024
"""Bytes of small pieces that are written together."""

_owners: dict[tuple[asyncio.AbstractEventLoop, str], FileTarget] = {}
"""Who receives a file, by loop and partial file."""


class Sink(ABC):
    """A target while it is received into; these have nothing to drop, and nothing to close, unless they say so."""

    @abstractmethod
    async def open(self, head: Head) -> None:
        """Once, before all else. Raises TransferError where the content does not fit."""

    @abstractmethod
    async def write(self, piece: Buffer) -> None:
        """The next piece. Cancellation: safe, it is written nevertheless, or was handed on."""

    @abstractmethod
    async def finish(self, tail: Tail) -> None:
        """All was written. Raises Corrupted where it is not what was sent."""

    async def drop(self) -> None:  # noqa: B027 - as it says
        """What was written is of no use."""

    async def close(self) -> None:  # noqa: B027 - as it says
        """Once, at the end, however it ends."""


class _Checked(Sink):
    """What is not a path: it keeps nothing to go on from."""

    def __init__(self) -> None:
        self.checksum = new_checksum()

    async def open(self, head: Head) -> None:
        """From the beginning."""
        if head.offset:
            raise WrongOffset(f"the sender begins at {head.offset}: only a target that is a path can go on")

    async def finish(self, tail: Tail) -> None:
        """Compare."""
        if self.checksum.digest() != tail.digest:
            raise Corrupted("what has arrived is not what was sent: the checksums differ. Do not use it")


class BufferTarget(_Checked):
    """A buffer that is large enough."""

    def __init__(self, buffer: bytearray | memoryview) -> None:
        super().__init__()
        view = memoryview(buffer)
        if view.readonly or not view.c_contiguous:
            raise ConfigurationError("a buffer to receive into has to be writable and contiguous")
        self._view = view.cast("B")
        self._at = 0

    async def open(self, head: Head) -> None:
        """Whether it fits, where that is known."""
        await super().open(head)
        self._check(head.size or 0)

    async def write(self, piece: Buffer) -> None:
        """Copy it to its place."""
        end = self._at + len(piece)
        self._check(end)
        self._view[self._at : end] = piece
        self._at = end
        self.checksum.update(piece)

    def _check(self, size: int) -> None:
        if size > len(self._view):
            raise TooLarge(f"the content has {size} bytes or more, and the buffer {len(self._view)}")


class ConsumerTarget(_Checked):
    """An async callable, which is given views of what arrives."""

    def __init__(self, consume: Consumer) -> None:
        super().__init__()
        self._consume = consume

    async def write(self, piece: Buffer) -> None:
        """Hand it on; it may be kept."""
        self.checksum.update(piece)
        await self._consume(memoryview(piece))


class ObjectTarget(_Checked):
    """A binary file that is open, written in a thread. It stays open."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._lane: Lane | None = None

    async def write(self, piece: Buffer) -> None:
        """Write it beside what follows."""
        if self._lane is None:
            self._lane = Lane()
        await self._lane.begin(self._write, piece)

    def _write(self, piece: Buffer) -> None:
        self.checksum.update(piece)
        rest = memoryview(piece)
        while rest:
            written = self._file.write(rest)
            if not written:  # a file that does not block
                raise ConfigurationError(f"{self._file!r} takes no more: open it in binary mode, blocking")
            rest = rest[written:]

    async def finish(self, tail: Tail) -> None:
        """The file's own buffer is emptied."""
        if self._lane is not None:
            await self._lane.run(self._file.flush)
        await super().finish(tail)

    async def close(self) -> None:
        """What is under way is written."""
        if self._lane is not None:
            await self._lane.close(lambda: None)


class FileTarget(Sink):
    """A path: written in a thread, to a file beside it, which gets the name when it is whole."""

    def __init__(self, path: Path) -> None:
        self._file = PartialFile(path)
        self._name = str(partial_of(path).absolute())
        self._lane: Lane | None = None
        self._pieces: list[Buffer] = []
        self._gathered = 0
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()
        self._on_taken: Callable[[], object] = lambda: None

    def when_taken(self, leave: Callable[[], object]) -> None:
        """What to call when a later transfer takes the file over."""
        self._on_taken = leave

    async def open(self, head: Head) -> None:
        """Take it over from a transfer before: its sender may be gone, and it does not know yet."""
        owner_of = self._loop, self._name
        while (before := _owners.get(owner_of)) is not None:
            before._on_taken()  # noqa: SLF001 - of the same class
            await asyncio.wait([before._closed])  # noqa: SLF001 - as above
        _owners[owner_of] = self
        self._lane = Lane()
        await self._lane.run(self._file.begin, head)

    async def write(self, piece: Buffer) -> None:
        """Write it beside what follows; small ones together."""
        self._pieces.append(piece)
        self._gathered += len(piece)
        if self._gathered >= GATHERED:
            await self._write()

    async def _write(self) -> None:
        lane = self._lane
        assert lane is not None, "it is open"
        await lane.result()
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        await lane.begin(self._file.write, pieces)

    async def finish(self, tail: Tail) -> None:
        """Give it the name."""
        lane = self._lane
        assert lane is not None, "it is open"
        await self._write()
        await lane.run(self._file.finish, tail)

    async def drop(self) -> None:
        """Nothing is kept to go on from."""
        if self._lane is not None:
            self._pieces = []
            await self._lane.run(self._file.drop)

    async def close(self) -> None:
        """Close the partial file; it has all that was handed to `write`."""
        if self._lane is None:
            return
        pieces, self._pieces = self._pieces, []
        try:
            await self._lane.close(lambda: self._file.close(pieces))
        finally:
            del _owners[self._loop, self._name]
            self._closed.set_result(None)


def sink_of(target: Target) -> Sink:
    """What receives into a target.

    Raises:
        ConfigurationError: It is none.
    """
    if isinstance(target, bytearray | memoryview):
        return BufferTarget(target)
    if isinstance(target, str | os.PathLike):
        return FileTarget(Path(target))
    if hasattr(target, "write"):
        return ObjectTarget(cast(IO[bytes], target))
    if callable(target):
        return ConsumerTarget(target)
    raise ConfigurationError(
        f"{target!r:.100} cannot be received into: give a path, a binary file, a writable buffer or an async callable"
    )
