"""Gives and takes large data: ``transfer_server.py``. Prints its address; ends with its standard input."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

import callosum
from callosum import files
from callosum.upper import thrift

transfer = thrift.load(str(Path(__file__).parent / "transfer.thrift"))
MIB = 1024 * 1024


async def mebibytes(count: int) -> AsyncIterator[bytes]:
    chunk = bytes(range(256)) * (MIB // 256)
    for _ in range(count):
        yield chunk


class Sleepy:
    """Takes 16 MiB at a time, and sleeps in between; at first, for long."""

    def __init__(self) -> None:
        self.size = 0
        self._naps = 0

    async def __call__(self, piece: memoryview) -> None:
        self.size += len(piece)
        if self.size > self._naps * 16 * MIB:
            self._naps += 1
            await asyncio.sleep(2.0 if self._naps == 1 else 0.05)


class Handler:
    def give(self, mebibytes_: int) -> AsyncIterator[bytes]:
        return files.send(mebibytes(mebibytes_))

    async def take(self, chunk: AsyncIterable[bytes]) -> str:
        return (await files.receive(chunk, Sleepy())).checksum


async def main() -> None:
    async with callosum.listen("tcp://127.0.0.1:0", {transfer.Transfer: Handler()}) as server:
        print(server.addresses[0], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
