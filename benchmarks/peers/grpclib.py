"""grpclib: gRPC in Python on asyncio, over h2, with a codec that passes bytes through.

Its server grants a connection 100 streams, as h2 has it; further calls wait at the client.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server, Stream

from benchmarks import parking
from benchmarks.contract import Client, Peer

PAIR = struct.Struct("<qq")
SUM = struct.Struct("<q")


class BytesCodec(CodecBase):
    """Messages are bytes already."""

    @property
    def __content_subtype__(self) -> str:
        return "bytes"

    def encode(self, message: Any, message_type: Any) -> bytes:
        del message_type
        encoded: bytes = message
        return encoded

    def decode(self, data: bytes, message_type: Any) -> Any:
        del message_type
        return data


async def _request(stream: Stream[bytes, bytes]) -> bytes:
    request = await stream.recv_message()
    assert request is not None
    return request


class EchoHandler:
    """What grpclib's generated classes give: a handler for each path."""

    async def say(self, stream: Stream[bytes, bytes]) -> None:
        await stream.send_message((await _request(stream)).decode().encode())

    async def blob(self, stream: Stream[bytes, bytes]) -> None:
        await stream.send_message(await _request(stream))

    async def add(self, stream: Stream[bytes, bytes]) -> None:
        left, right = PAIR.unpack(await _request(stream))
        await stream.send_message(SUM.pack(left + right))

    async def park(self, stream: Stream[bytes, bytes]) -> None:
        await _request(stream)
        await parking.park()

    def __mapping__(self) -> dict[str, Handler]:
        methods = (self.say, self.blob, self.add, self.park)
        return {f"/Echo/{m.__name__}": Handler(m, Cardinality.UNARY_UNARY, bytes, bytes) for m in methods}


async def serve(port: int, ready: Callable[[], None]) -> None:
    server = Server([EchoHandler()], codec=BytesCodec())
    await server.start("127.0.0.1", port)
    ready()
    await server.wait_closed()


class Calls:
    """Text and numbers as bytes."""

    def __init__(self, channel: Channel) -> None:
        self._say = UnaryUnaryMethod[bytes, bytes](channel, "/Echo/say", bytes, bytes)
        self._blob = UnaryUnaryMethod[bytes, bytes](channel, "/Echo/blob", bytes, bytes)
        self._add = UnaryUnaryMethod[bytes, bytes](channel, "/Echo/add", bytes, bytes)
        self._park = UnaryUnaryMethod[bytes, bytes](channel, "/Echo/park", bytes, bytes)

    async def say(self, message: str) -> str:
        return (await self._say(message.encode())).decode()

    async def blob(self, payload: bytes) -> bytes:
        return await self._blob(payload)

    async def add(self, left: int, right: int) -> int:
        total: int = SUM.unpack(await self._add(PAIR.pack(left, right)))[0]
        return total

    async def park(self) -> None:
        await self._park(b"")


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    async with Channel("127.0.0.1", port, codec=BytesCodec()) as channel:
        yield Calls(channel)


PEER = Peer("grpclib, bytes", serve, connect, parks=False)
