"""The async side of calls that stream, made up: what the user's view of them is, and nothing behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Self

from callosum.blocking.stub import Stub, blocking_class
from callosum.context import ambient_deadline
from callosum.handover import Handover
from callosum.service import Cardinality, Method, Parameter, Service
from tests.services import text_codec


class FakeStream:
    """A ReceiveStream, and a BidiStream: it gives what its generator yields."""

    def __init__(self, values: AsyncIterator[Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.values = values
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.closed = threading.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await anext(self.values)

    async def aclose(self) -> None:
        self.closed.set()
        await self.values.aclose()  # type: ignore[attr-defined]

    def take_ready(self, most: int, size: int) -> list[Any]:
        return []

    async def send(self, value: Any) -> None:
        self.sent.put_nowait(value)

    async def end(self) -> None:
        assert asyncio.get_running_loop() is self.loop
        self.sent.put_nowait(None)


class FakeStub:
    """What the async side's stub is to the blocking one."""

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.deadlines: list[float | None] = []

    def tail(self, job: str, *, count: int = 3) -> FakeStream:
        self.deadlines.append(ambient_deadline.get())

        async def values() -> AsyncIterator[str]:
            for number in range(count):
                await asyncio.sleep(0)
                yield f"{job} {number}"
            if job == "failing":
                raise KeyError(job)

        return self._stream(values())

    async def upload(self, name: str, chunk: AsyncIterable[str], limit: int = 100) -> str:
        found: list[str] = []
        async for one in chunk:
            found.append(one)
            if len(found) == limit:
                break
        return f"{name}: {' '.join(found)}"

    def talk(self, word: AsyncIterable[str] | None = None) -> FakeStream:
        async def echo() -> AsyncIterator[str]:
            if word is not None:
                async for one in word:
                    yield f"{one}!"
            else:
                while (sent := await stream.sent.get()) is not None:
                    yield f"{sent}!"

        stream = self._stream(echo())
        return stream

    def _stream(self, values: AsyncIterator[Any]) -> FakeStream:
        self.streams.append(FakeStream(values))
        return self.streams[-1]


def _method(name: str, cardinality: Cardinality, *parameters: str, stream: int | None = None) -> Method:
    made = tuple(Parameter(one) for one in parameters)
    return Method("Logs", name, made, {"text": text_codec()}, cardinality, stream=stream)


SERVICE = Service(
    "Logs",
    {
        "tail": _method("tail", Cardinality.SERVER_STREAM, "job", "count"),
        "upload": _method("upload", Cardinality.CLIENT_STREAM, "name", "chunk", "limit", stream=1),
        "talk": _method("talk", Cardinality.BIDI_STREAM, "word", stream=0),
    },
    "fingerprint",
)


def fake_stub(handover: Handover) -> tuple[Any, FakeStub]:
    """A blocking stub, and what it is to hand over to."""
    fake = FakeStub()
    stub: Stub = blocking_class(SERVICE)(fake, handover)
    return stub, fake
