"""Receives contents: from the items of a stream of the user's own method."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path

from callosum.files.envelope import Buffer, Reader, Tail, decode_head
from callosum.files.errors import Corrupted, SourceChanged, TargetBusy, Truncated
from callosum.files.partial import remove, size_of
from callosum.files.progress import Meter, Progress
from callosum.files.targets import FileTarget, Sink, Target, sink_of
from callosum.files.work import alone
from callosum.streams import close_iterator


@dataclass(frozen=True, slots=True)
class Received:
    """What has arrived."""

    size: int
    """Bytes of the whole content."""
    offset: int
    """Bytes of it that were here before."""
    checksum: str
    """xxh3 of the whole content, 128 bit, as 32 hexadecimal digits: what ``xxh128sum`` prints."""


async def receive(
    stream: AsyncIterable[Buffer],
    target: Target,
    *,
    progress: Progress | None = None,
    limit: int | None = None,
) -> Received:
    """Receive what `send` gave at the other side; returns when all of it is here, and is what was sent.

        await files.receive(stub.download("a.iso", await files.offset_of("a.iso")), "a.iso")

    A path is written in a thread, to a file with ``.partial`` behind its name, which gets the name when it is whole,
    verified and on the disk. Where the transfer fails, the partial file stays, to go on from. Who receives the same
    file later in the same event loop takes it over.

    Cancellation: safe. The partial file has all that had arrived, and is closed.

    Args:
        stream: What a stub's method returns that streams ``binary``, or what a handler gets. It is read to its end, and
            left where that fails.
        target: A path; a binary file that is open for writing; a writable buffer, for contents that are no larger; or
            an async callable, which is awaited with each piece, a memoryview.
        progress: As for `send`.
        limit: Bytes of the largest content that is taken, or None. A peer that is not trusted can fill the disk.

    Raises:
        TransferError: The content has not arrived; its classes say why.
        ConfigurationError: The target is none; or the package ``xxhash`` is missing.
        OSError: The target cannot be written.
        RpcError, TransportError: The call has failed.
    """
    if (prefer_views := getattr(stream, "prefer_views", None)) is not None:
        prefer_views()  # what comes over a session need not be copied
    iterator = aiter(stream)
    try:
        sink = sink_of(target)
        try:
            return await _receive_alone(iterator, sink, progress, limit)
        except (Corrupted, SourceChanged):
            await sink.drop()
            raise
        finally:
            await sink.close()
    finally:
        await close_iterator(iterator)
        await close_iterator(stream)  # an iterator that was not begun leaves it as it was


async def _receive_alone(
    items: AsyncIterable[Buffer], sink: Sink, progress: Progress | None, limit: int | None
) -> Received:
    """As the only one that has the target."""
    if not isinstance(sink, FileTarget):
        return await _receive(items, sink, progress, limit)
    loop, term = asyncio.get_running_loop(), asyncio.timeout(None)
    try:
        async with term:
            sink.when_taken(lambda: term.reschedule(loop.time()))
            return await _receive(items, sink, progress, limit)
    except TimeoutError:
        if not term.expired():
            raise
        raise TargetBusy("a later transfer has taken the file over, with all that had arrived") from None
    finally:
        sink.when_taken(lambda: None)


async def _receive(items: AsyncIterable[Buffer], sink: Sink, progress: Progress | None, limit: int | None) -> Received:
    reader: Reader | None = None
    meter: Meter | None = None
    offset = 0
    async for item in items:
        if reader is None or meter is None:
            head = decode_head(item)
            offset = head.offset
            reader = Reader(head, limit)
            await sink.open(head)
            meter = Meter(progress, offset, head.size)
        elif reader.take(item):
            await sink.write(item)
            meter.advance(len(item))
    if reader is None or meter is None:
        raise Truncated("the stream has ended without an item")
    tail: Tail = reader.finish()
    await sink.finish(tail)
    meter.finish()
    return Received(tail.size, offset, tail.digest.hex())


async def offset_of(path: str | os.PathLike[str]) -> int:
    """Bytes that are here of a file whose transfer has not come to its end: where the sender is to go on.

    0 where there is nothing. `receive` reads them again, and compares them with the sender's. Cancellation: safe.

    Raises:
        OSError: It cannot be seen.
    """
    return await alone(size_of, Path(path))


async def discard(path: str | os.PathLike[str]) -> None:
    """Remove what is here of a file whose transfer has not come to its end. Cancellation: safe, it is removed.

    Raises:
        OSError: It cannot be removed.
    """
    await alone(remove, Path(path))
