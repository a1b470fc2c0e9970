"""zmq.asyncio, DEALER to ROUTER, with a task for each request: how RPC over ZeroMQ is usually written.

A request is three frames, as aiozmq has them: a header with the number, the method's name, the arguments in msgpack.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgpack
import zmq
import zmq.asyncio

from benchmarks.contract import Call, Peer


async def say(message: str) -> str:
    return message


METHODS = {b"Echo.say": say}
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


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Call]:
    loop = asyncio.get_running_loop()
    waiting: dict[int, asyncio.Future[str]] = {}
    with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"tcp://127.0.0.1:{port}")

        async def read() -> None:
            while True:
                header, body = await socket.recv_multipart()
                number, _sent = HEADER.unpack(header)
                waiting.pop(number).set_result(msgpack.unpackb(body))

        last = 0

        async def call(message: str) -> str:
            nonlocal last
            last += 1
            future: asyncio.Future[str] = loop.create_future()
            waiting[last] = future
            await socket.send_multipart([HEADER.pack(last, time.time()), b"Echo.say", msgpack.packb((message,))])
            return await future

        async with asyncio.TaskGroup() as group:
            reader = group.create_task(read())
            yield call
            reader.cancel()


PEER = Peer("zmq.asyncio, a task a request", serve, connect)
