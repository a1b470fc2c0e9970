"""As `msgpack_streams`, but what one turn of the loop has to send leaves in one write, at both sides.

A handler that waits holds up all that come after it.
No errors, deadlines, cancellation, limits or reconnecting: about the least that a pipelined call can cost in Python.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgpack

from benchmarks.contract import Client, Peer

CHUNK = 256 * 1024


async def echo(message: str | bytes) -> str | bytes:
    return message


async def add(pair: list[int]) -> int:
    return pair[0] + pair[1]


METHODS: dict[type, Callable[[Any], Awaitable[str | bytes | int]]] = {str: echo, bytes: echo, list: add}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    unpacker = msgpack.Unpacker()
    pack = msgpack.Packer().pack
    while chunk := await reader.read(CHUNK):
        unpacker.feed(chunk)
        writer.write(b"".join([pack((number, await METHODS[type(message)](message))) for number, message in unpacker]))
        await writer.drain()
    writer.close()


async def serve(port: int, ready: Callable[[], None]) -> None:
    async with await asyncio.start_server(answer, "127.0.0.1", port) as server:
        ready()
        await server.serve_forever()


class Calls:
    """Calls by number over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._pack = msgpack.Packer().pack
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._outbox: list[Any] = []  # msgpack's packed bytes
        self._next = 0

    async def call(self, message: Any) -> Any:
        """One request and its reply; what it asks for is told by its type."""
        self._next += 1
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[self._next] = future
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(self._pack((self._next, message)))
        return await future

    def _flush(self) -> None:
        self._writer.write(b"".join(self._outbox))
        self._outbox.clear()

    say = blob = call

    async def add(self, left: int, right: int) -> int:
        total: int = await self.call((left, right))
        return total

    async def park(self) -> None:
        raise NotImplementedError

    async def read(self) -> None:
        """Give the replies to those who wait, until the connection ends."""
        unpacker = msgpack.Unpacker()
        while chunk := await self._reader.read(CHUNK):
            unpacker.feed(chunk)
            for number, message in unpacker:
                self._waiting.pop(number).set_result(message)


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = Calls(reader, writer)
    async with asyncio.TaskGroup() as group:
        group.create_task(client.read())
        yield client
        writer.close()


PEER = Peer("msgpack, writes gathered", serve, connect, parks=False)
