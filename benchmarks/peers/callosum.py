"""callosum: Thrift over tcp://, with every guard and resumption on, as a user gets it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import callosum
from benchmarks import parking
from benchmarks.contract import Client, Peer
from callosum.upper import thrift

echo = thrift.load(str(Path(__file__).parents[1] / "echo.thrift"))


class EchoHandler:
    """The service of echo.thrift."""

    async def say(self, message: str) -> str:
        return message

    async def blob(self, payload: bytes) -> bytes:
        return payload

    async def add(self, left: int, right: int) -> int:
        return left + right

    async def park(self) -> None:
        await parking.park()


async def serve(port: int, ready: Callable[[], None]) -> None:
    async with callosum.listen(f"tcp://127.0.0.1:{port}", {echo.Echo: EchoHandler()}) as server:
        ready()
        await server.serve_forever()


async def serve_parked(port: int, ready: Callable[[], None]) -> None:
    address, handlers = f"tcp://127.0.0.1:{port}", {echo.Echo: EchoHandler()}
    async with callosum.listen(address, handlers, max_concurrency=2000) as server:
        ready()
        await server.serve_forever()


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    async with callosum.connect(f"tcp://127.0.0.1:{port}") as peer:
        yield peer.stub(echo.Echo)


PEER = Peer("callosum, Thrift over tcp", serve, connect, serve_parked=serve_parked)
