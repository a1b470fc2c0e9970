"""grpc.aio with generic handlers and bytes: no protobuf on either side, which is the fastest that grpc.aio can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from benchmarks.contract import Call, Peer


async def say(request: bytes, context: Any) -> bytes:  # grpc has no types
    del context
    return request.decode().encode()


async def serve(port: int, ready: Callable[[], None]) -> None:
    server = grpc.aio.server()
    handler = grpc.method_handlers_generic_handler("Echo", {"say": grpc.unary_unary_rpc_method_handler(say)})
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    ready()
    await server.wait_for_termination()


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Call]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method = channel.unary_unary("/Echo/say")

        async def call(message: str) -> str:
            reply: bytes = await method(message.encode())
            return reply.decode()

        yield call


PEER = Peer("grpc.aio, bytes", serve, connect)
