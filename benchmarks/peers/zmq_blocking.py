"""pyzmq's DEALER to ROUTER, blocking, one message there and back: the floor of anything over libzmq."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import zmq

from benchmarks.contract import Call, Peer


async def serve(port: int, ready: Callable[[], None]) -> None:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind(f"tcp://127.0.0.1:{port}")
    ready()
    while True:
        socket.send_multipart(socket.recv_multipart())


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Call]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"tcp://127.0.0.1:{port}")

        async def call(message: str) -> str:  # it never waits on the loop: awaiting it costs 0.1 µs
            socket.send(message.encode())
            return socket.recv().decode()

        yield call


PEER = Peer("pyzmq, blocking", serve, connect, in_flight=(1,), uvloop=False)
