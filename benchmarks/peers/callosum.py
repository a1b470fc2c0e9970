"""callosum: Thrift over tcp://, with every guard and resumption on, as a user gets it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import callosum
from benchmarks.contract import Call, Peer
from callosum.upper import thrift

echo = thrift.load(str(Path(__file__).parents[1] / "echo.thrift"))


class EchoHandler:
    """The service of echo.thrift."""

    async def say(self, message: str) -> str:
        return message


async def serve(port: int, ready: Callable[[], None]) -> None:
    async with callosum.listen(f"tcp://127.0.0.1:{port}", {echo.Echo: EchoHandler()}) as server:
        ready()
        await server.serve_forever()


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Call]:
    async with callosum.connect(f"tcp://127.0.0.1:{port}") as peer:
        yield peer.stub(echo.Echo).say


PEER = Peer("callosum, Thrift over tcp", serve, connect)
