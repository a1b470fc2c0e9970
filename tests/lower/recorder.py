"""A receiver that notes what it is told, and some ways to make connections with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from callosum.lower.base import Connection, Frames, Listener, LowerLayer

T = TypeVar("T")
PATIENCE = 15.0
"""Seconds after which a wait has failed; nothing here takes longer than a fraction of it."""


def run(main: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE * 2):
            return await main

    return asyncio.run(bounded())


async def until(condition: Callable[[], object], limit: float = PATIENCE) -> None:
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.002)


class Recorder:
    """Notes everything. With ``echo`` it sends back what it receives."""

    def __init__(self, connection: Connection, *, echo: bool = False) -> None:
        self.connection = connection
        self.echo = echo
        self.messages: list[list[bytes]] = []
        self.frames: list[Frames] = []
        self.drains = 0
        self.writables = 0
        self.reasons: list[str] = []
        self.events: list[str] = []
        self.on_writable: Callable[[], None] = lambda: None
        self.on_received: Callable[[], None] = lambda: None
        self._unsent: list[list[bytes]] = []
        connection.start(self)

    def received(self, frames: Frames) -> None:
        assert not self.reasons, "nothing may come after closed"
        self.frames.append(frames)
        self.messages.append([bytes(frame) for frame in frames])
        self.events.append("received")
        if self.echo:
            self._unsent.append(self.messages[-1])
        self.on_received()

    def drained(self) -> None:
        self.drains += 1
        self.events.append("drained")
        self._flush()

    def writable(self) -> None:
        self.writables += 1
        self._flush()
        self.on_writable()

    def closed(self, reason: str) -> None:
        self.reasons.append(reason)
        self.events.append("closed")

    def _flush(self) -> None:
        while self._unsent and self.connection.send(self._unsent[0]):
            self._unsent.pop(0)


class Accepting:
    """An open listener, and the receivers of what it has accepted."""

    def __init__(self, listener: Listener, *, echo: bool) -> None:
        self.listener = listener
        self.echo = echo
        self.recorders: list[Recorder] = []

    @property
    def address(self) -> str:
        return self.listener.address

    def accept(self, connection: Connection) -> None:
        self.recorders.append(Recorder(connection, echo=self.echo))


@asynccontextmanager
async def listening(layer: LowerLayer, address: str, *, echo: bool = False) -> Any:
    listener = layer.listener(address, None)
    accepting = Accepting(listener, echo=echo)
    await listener.open(accepting.accept)
    try:
        yield accepting
    finally:
        await listener.close()


async def dial(layer: LowerLayer, address: str) -> Recorder:
    return Recorder(await layer.connector(address, None).connect(PATIENCE))
