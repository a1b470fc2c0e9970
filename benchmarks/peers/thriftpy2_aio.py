"""thriftpy2's asyncio client and server, binary protocol, buffered transport.

A connection has one call at a time: there are as many connections as calls in flight, up to 100.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import thriftpy2
from thriftpy2.contrib.aio.rpc import make_client, make_server

from benchmarks.contract import Client, Peer

CONNECTIONS = 100
FOR_EVER = 24 * 3600 * 1000
"""Milliseconds."""

echo = thriftpy2.load(str(Path(__file__).parents[1] / "echo.thrift"), module_name="benchmarks_echo_thrift")


class EchoHandler:
    """The service of echo.thrift."""

    async def say(self, message: str) -> str:
        return message

    async def blob(self, payload: bytes) -> bytes:
        return payload

    async def add(self, left: int, right: int) -> int:
        return left + right


async def serve(port: int, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    server = make_server(echo.Echo, EchoHandler(), "127.0.0.1", port, client_timeout=FOR_EVER, loop=loop)
    server.trans.listen()
    async with await server.trans.accept(server.handle) as accepting:
        ready()
        await accepting.serve_forever()


class Pool:
    """Connections that are made when all others are busy, each with one call at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[Any] = []  # thriftpy2 has no types
        self._permits = asyncio.Semaphore(CONNECTIONS)

    async def _call(self, method: str, *arguments: Any) -> Any:
        async with self._permits:
            client = self._free.pop() if self._free else await self._connect()
            result = await getattr(client, method)(*arguments)
            self._free.append(client)
            return result

    async def _connect(self) -> Any:
        return await make_client(echo.Echo, "127.0.0.1", self._port, timeout=FOR_EVER)

    async def say(self, message: str) -> str:
        said: str = await self._call("say", message)
        return said

    async def blob(self, payload: bytes) -> bytes:
        echoed: bytes = await self._call("blob", payload)
        return echoed

    async def add(self, left: int, right: int) -> int:
        total: int = await self._call("add", left, right)
        return total

    async def park(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        for client in self._free:
            client.close()


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    pool = Pool(port)
    try:
        yield pool
    finally:
        pool.close()


PEER = Peer(f"thriftpy2 asyncio, up to {CONNECTIONS} connections", serve, connect, parks=False)
