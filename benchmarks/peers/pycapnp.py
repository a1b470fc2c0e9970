"""pycapnp: Cap'n Proto's C++ library, its event loop inside that of asyncio.

On uvloop (pycapnp 2.2.4, uvloop 0.23.0) its connections break under load: "Peer disconnected".
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks import parking
from benchmarks.contract import Client, Peer

capnp: Any = importlib.import_module("capnp")  # it has no types that a checker could see
capnp.remove_import_hook()
echo: Any = capnp.load(str(Path(__file__).parents[1] / "echo.capnp"))


class EchoHandler(echo.Echo.Server):  # type: ignore[misc]  # made from the schema
    """The interface of echo.capnp."""

    async def say(self, message: str, **_context: Any) -> str:
        return message

    async def blob(self, payload: bytes, **_context: Any) -> bytes:
        return payload

    async def add(self, left: int, right: int, **_context: Any) -> int:
        return left + right

    async def park(self, **_context: Any) -> None:
        await parking.park()


class Running:
    """Whether this process has an event loop of Cap'n Proto's: it can have only one."""

    now = False


@asynccontextmanager
async def kj_loop() -> AsyncIterator[None]:
    """Have one: the first connection of the process enters it, and leaves last."""
    if Running.now:
        yield
        return
    async with capnp.kj_loop():
        Running.now = True
        yield
        Running.now = False


async def answer(stream: Any) -> None:
    """One connection."""
    await capnp.TwoPartyServer(stream, bootstrap=EchoHandler()).on_disconnect()


async def serve(port: int, ready: Callable[[], None]) -> None:
    async with kj_loop():
        server = await capnp.AsyncIoStream.create_server(answer, "127.0.0.1", port)
        async with server:
            ready()
            await server.serve_forever()


class Calls:
    """The results' structs as values."""

    def __init__(self, capability: Any) -> None:
        self._echo = capability

    async def say(self, message: str) -> str:
        said: str = (await self._echo.say(message)).message
        return said

    async def blob(self, payload: bytes) -> bytes:
        echoed: bytes = (await self._echo.blob(payload)).payload
        return echoed

    async def add(self, left: int, right: int) -> int:
        total: int = (await self._echo.add(left, right)).sum
        return total

    async def park(self) -> None:
        await self._echo.park()


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Client]:
    async with kj_loop():
        stream = await capnp.AsyncIoStream.create_connection("127.0.0.1", port)
        client = capnp.TwoPartyClient(stream)
        yield Calls(client.bootstrap().cast_as(echo.Echo))


PEER = Peer("pycapnp, asyncio", serve, connect, uvloop=False)
