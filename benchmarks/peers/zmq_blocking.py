"""pyzmq's DEALER to ROUTER, blocking, one message there and back: the floor of anything over libzmq."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import zmq

from benchmarks.contract import Client, Peer

PAIR = struct.Struct("<qq")
SUM = struct.Struct("<q")
ADD = b"+"


async def serve(port: int, ready: Callable[[], None]) -> None:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind(f"tcp://127.0.0.1:{port}")
    ready()
    while True:
        frames = socket.recv_multipart()
        if frames[1] == ADD:
            left, right = PAIR.unpack(frames[2])
            frames[2] = SUM.pack(left + right)
        socket.send_multipart(frames)


class Calls:
    """Calls that never wait on the loop: awaiting them costs 0.1 µs."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket

    async def say(self, message: str) -> str:
        self._socket.send(message.encode())
        return self._socket.recv().decode()

    async def blob(self, payload: bytes) -> bytes:
        self._socket.send(payload)
        return self._socket.recv()

    async def add(self, left: int, right: int) -> int:
        self._socket.send_multipart((ADD, PAIR.pack(left, right)))
        total: int = SUM.unpack(self._socket.recv_multipart()[1])[0]
        return total

    async def park(self) -> None:
        raise NotImplementedError


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(f"tcp://127.0.0.1:{port}")
        yield Calls(socket)


PEER = Peer("pyzmq, blocking", serve, connect, in_flight=(1,), uvloop=False, parks=False, bursts=False)
