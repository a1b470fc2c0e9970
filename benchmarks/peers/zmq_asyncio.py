"""zmq.asyncio, DEALER to ROUTER, with a task for each request: how RPC over ZeroMQ is usually written.

A request is three frames, as aiozmq has them: a header with the number, the method's name, the arguments in msgpack.
Under a burst the ROUTER drops the replies that are more than libzmq's high-water mark, and their calls never return.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import zmq
import zmq.asyncio

from benchmarks import parking
from benchmarks.contract import Client, Peer


async def say(message: str) -> str:
    return message


async def blob(payload: bytes) -> bytes:
    return payload


async def add(left: int, right: int) -> int:
    return left + right


METHODS: dict[bytes, Callable[..., Awaitable[Any]]] = {
    b"Echo.say": say,
    b"Echo.blob": blob,
    b"Echo.add": add,
    b"Echo.park": parking.park,
}
HEADER = struct.Struct("=Qd")


async def answer(socket: zmq.asyncio.Socket, identity: bytes, header: bytes, name: bytes, body: bytes) -> None:
    number, _sent = HEADER.unpack(header)
    result = await METHODS[name](*msgpack.unpackb(body))
    await socket.send_multipart([identity, HEADER.pack(number, time.time()), msgpack.packb(result)])


async def serve(port: int, ready: Callable[[], None]) -> None:
    socket = zmq.asyncio.Context.instance().socket(zmq.ROUTER)
    socket.bind(f"tcp://127.0.0.1:{port}")
    ready()
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(answer(socket, *await socket.recv_multipart()))


class Calls:
    """Calls by number over one socket."""

    def __init__(self, socket: zmq.asyncio.Socket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0

    async def _call(self, name: bytes, *arguments: Any) -> Any:
        self._last += 1
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[self._last] = future
        await self._socket.send_multipart([HEADER.pack(self._last, time.time()), name, msgpack.packb(arguments)])
        return await future

    async def read(self) -> None:
        """Give the replies to those who wait, until it is cancelled."""
        while True:
            header, body = await self._socket.recv_multipart()
            number, _sent = HEADER.unpack(header)
            self._waiting.pop(number).set_result(msgpack.unpackb(body))

    async def say(self, message: str) -> str:
        said: str = await self._call(b"Echo.say", message)
        return said

    async def blob(self, payload: bytes) -> bytes:
        echoed: bytes = await self._call(b"Echo.blob", payload)
        return echoed

    async def add(self, left: int, right: int) -> int:
        total: int = await self._call(b"Echo.add", left, right)
        return total

    async def park(self) -> None:
        await self._call(b"Echo.park")


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"tcp://127.0.0.1:{port}")
        calls = Calls(socket)
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(calls.read())
            yield calls
            reader.cancel()


PEER = Peer("zmq.asyncio, a task a request", serve, connect, bursts=False)
