"""Contents, and streams that are spoilt."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from callosum import files

PAYLOAD = random.Random(6).randbytes(300_001)
CHUNK = 65_536


def make_file(folder: Path, content: bytes = PAYLOAD) -> Path:
    path = folder / "source.bin"
    path.write_bytes(content)
    return path


async def items_of(source: Any, offset: int = 0, **options: Any) -> list[bytes]:
    """The items, as a stream carries them."""
    return [bytes(item) async for item in files.send(source, offset, **{"chunk_size": CHUNK, **options})]


async def stream_of(items: Iterable[bytes | memoryview]) -> AsyncIterator[bytes | memoryview]:
    for item in items:
        yield item


async def spoilt(
    source: Any, change: Callable[[list[bytes]], object], offset: int = 0
) -> AsyncIterator[bytes | memoryview]:
    """What a source sends, changed on its way."""
    items = await items_of(source, offset)
    change(items)
    async for item in stream_of(items):
        yield item
