"""Sends contents: the items of a stream of the user's own method."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, cast

from callosum.errors import ConfigurationError
from callosum.files.envelope import END, Head, Tail
from callosum.files.progress import Meter, Progress
from callosum.files.sources import Content, Source, content_of

CHUNK: Final = 1024 * 1024
"""Bytes of one item: with its envelope it travels in one record."""


def send(
    source: Source, offset: int = 0, *, chunk_size: int = CHUNK, progress: Progress | None = None
) -> AsyncGenerator[bytes]:
    """What is to be sent, for a stub's method that takes a stream of ``binary``, or for a handler to return or yield.

        await stub.upload("a.iso", files.send("a.iso"))

    Nothing is opened before it is iterated over. Files are read in a thread, one chunk ahead. Large chunks of what is
    bytes-like are memoryviews, and are not copied.

    Cancellation: safe, and the file is closed then; what the receiver has, it keeps.

    Args:
        source: A path; a binary file that is open, from where it stands; something bytes-like, which must not be
            changed meanwhile; or an async iterable of bytes of any size.
        offset: Bytes that the receiver has, as `offset_of` told it. They are read for the checksum, and not sent.
        chunk_size: Bytes of one item, at most.
        progress: Called with the bytes that are done and the bytes of all, or None: at first, at last, and in between
            at most each 0.1 s. What it raises ends the transfer.

    Raises:
        ConfigurationError: The source is none, or a number is out of range; or the package ``xxhash`` is missing.
        SourceChanged: While iterating: it is shorter than the offset, or was changed while it was sent.
        OSError: While iterating: it cannot be read.
    """
    if offset < 0 or chunk_size < 1:
        raise ConfigurationError(f"offset={offset!r}, chunk_size={chunk_size!r}: give numbers from 0, and from 1")
    # bytes, as the stubs have it: what encodes `binary` takes a memoryview as well
    return cast(AsyncGenerator[bytes], _send(content_of(source), offset, chunk_size, progress))


async def _send(
    content: Content, offset: int, chunk_size: int, progress: Progress | None
) -> AsyncGenerator[bytes | memoryview]:
    try:
        await content.open()
        await content.skip(offset)
        yield Head(content.size, offset, content.checksum.digest()).encode()
        meter = Meter(progress, offset, content.size)
        while piece := await content.read(chunk_size):
            yield piece
            meter.advance(len(piece))
        await content.finish()
        yield END
        yield Tail(meter.done, content.checksum.digest()).encode()
        meter.finish()
    finally:
        await content.close()
