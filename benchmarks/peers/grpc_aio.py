"""grpc.aio with generic handlers and bytes: no protobuf on either side, which is the fastest that grpc.aio can be."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from benchmarks import parking
from benchmarks.contract import Client, Peer

PAIR = struct.Struct("<qq")
SUM = struct.Struct("<q")


async def say(request: bytes, context: Any) -> bytes:  # grpc has no types
    del context
    return request.decode().encode()


async def blob(request: bytes, context: Any) -> bytes:
    del context
    return request


async def add(request: bytes, context: Any) -> bytes:
    del context
    left, right = PAIR.unpack(request)
    return SUM.pack(left + right)


async def park(request: bytes, context: Any) -> bytes:
    del context
    await parking.park()
    return request


async def serve(port: int, ready: Callable[[], None]) -> None:
    server = grpc.aio.server()
    methods = {method.__name__: grpc.unary_unary_rpc_method_handler(method) for method in (say, blob, add, park)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    ready()
    await server.wait_for_termination()


class Calls:
    """Text and numbers as bytes."""

    def __init__(self, channel: Any) -> None:
        self._say = channel.unary_unary("/Echo/say")
        self._add = channel.unary_unary("/Echo/add")
        self._park = channel.unary_unary("/Echo/park")
        self.blob = channel.unary_unary("/Echo/blob")

    async def say(self, message: str) -> str:
        reply: bytes = await self._say(message.encode())
        return reply.decode()

    async def add(self, left: int, right: int) -> int:
        total: int = SUM.unpack(await self._add(PAIR.pack(left, right)))[0]
        return total

    async def park(self) -> None:
        await self._park(b"")


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    own_connection = [("grpc.use_local_subchannel_pool", 1)]  # else the channels of a process share one
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=own_connection) as channel:
        yield Calls(channel)


PEER = Peer("grpc.aio, bytes", serve, connect)
