"""Both directions of a call that streams, as values: an `ItemStream`, and what encodes and decodes its items.

Laws: who sends or receives without ever waiting lets others of the event loop have their turn. What is taken from a
user's iterable is sent, or the iterable is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Final, Generic, Self, TypeVar

from callosum.channel import ItemStream
from callosum.compression import PackedBody
from callosum.errors import CallosumError, ConfigurationError, DeadlineExceeded, DecodeError, Outcome
from callosum.service import Body
from callosum.streams import close_iterator

R = TypeVar("R")
S = TypeVar("S")
BUDGET: Final = 0.001
"""Seconds for which items that are here already are passed on, before others of the event loop have their turn."""
_LOOK: Final = 16
"""Items after which the clock is looked at."""


class ValueStream(AsyncIterator[R], Generic[S, R]):
    """Both directions of one call.

    Attributes:
        items: The bytes.
        item_timeout: Seconds for which the next item is waited for, or None.
    """

    __slots__ = ("_decode", "_encode", "_name", "item_timeout", "items", "pump", "source_failure")

    def __init__(
        self,
        name: str,
        items: ItemStream,
        encode: Callable[[S], bytes] | None,
        decode: Callable[[Body], R],
        item_timeout: float | None = None,
    ) -> None:
        self._name = name
        self.items = items
        self._encode = encode
        self._decode = decode
        self.item_timeout = item_timeout
        self.pump: asyncio.Task[None] | None = None
        """Sends what the caller gave to be sent."""
        self.source_failure: BaseException | None = None
        """What came out of that instead of an item."""

    async def send(self, value: S) -> None:
        """Send one value. Cancellation: safe, it was not sent then."""
        if self._encode is None:
            raise ConfigurationError(f"{self._name} takes no stream: nothing can be sent to it")
        body = self._encode(value)
        if not self.items.try_send(body):
            await self.items.send(body)

    async def send_all(self, source: AsyncIterable[S]) -> None:
        """Send what an async iterable gives, in order, and close it."""
        budget = Budget()
        iterator = aiter(source)
        try:
            async for value in iterator:
                await self.send(value)
                if budget.is_spent():
                    await budget.rest()
        finally:
            await close_iterator(iterator)

    def start_pump(self, source: AsyncIterable[S]) -> None:
        """Send what an async iterable gives beside what is received; what it raises ends the call."""
        self.pump = asyncio.create_task(self._pump(source), name=f"callosum: sends to {self._name}")

    async def _pump(self, source: AsyncIterable[S]) -> None:
        try:
            await self.send_all(source)
            self.items.end()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the user's iterable raises is the call's failure
            self.source_failure = error
            self.items.cancel()

    async def leave(self) -> None:
        """Leave the call, where it has not ended; nothing more is taken from the iterable."""
        self.items.cancel()
        pump, self.pump = self.pump, None
        if pump is not None:
            pump.cancel()
            await asyncio.wait([pump])

    def decode(self, body: Body | PackedBody) -> R:
        """One received item, or the outcome; raises the exception that the IDL declares, and DecodeError."""
        try:
            return self._decode(body.unpack() if isinstance(body, PackedBody) else body)
        except Exception as error:
            note_executed(error)
            self.items.cancel()
            raise

    async def receive(self) -> Body | None:
        """The next item's bytes; None behind the last one, where the call has ended well."""
        try:
            if self.item_timeout is None:
                body = await self.items.receive()
            else:
                body = await self._receive_in_time(self.item_timeout)
            if body is None:
                await self._finish()
        except CallosumError:
            if self.source_failure is not None:
                raise self.source_failure from None
            raise
        return body

    async def _receive_in_time(self, seconds: float) -> Body | None:
        try:
            async with asyncio.timeout(seconds):
                return await self.items.receive()
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            self.items.cancel()
            text = f"no item of {self._name} came for {seconds} s"
            raise DeadlineExceeded(text, outcome=Outcome.UNKNOWN) from None

    async def _finish(self) -> None:
        """Behind the last item: raises the exception that the IDL declares, where the handler ended with one."""
        body = await self.items.outcome()
        if not body:
            return
        self.decode(body)
        raise DecodeError("the stream ends with a value", path=self._name, outcome=Outcome.EXECUTED)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        body = self.items.try_receive() if self.source_failure is None else None
        if body is None:
            body = await self.receive()
            if body is None:
                raise StopAsyncIteration
        return self.decode(body)

    async def all(self) -> AsyncIterator[R]:
        """What is received, to its end: cheaper than one by one. Cancelled, it ends."""
        budget = Budget()
        try_receive, decode = self.items.try_receive, self.decode
        while True:
            body = try_receive() if self.source_failure is None else None
            if body is None:
                body = await self.receive()
                if body is None:
                    return
                budget.begin()
            elif budget.is_spent():
                await budget.rest()
            yield decode(body)


class Budget:
    """How long one task may go on without waiting for anything."""

    __slots__ = ("_count", "_until")

    def __init__(self) -> None:
        self._count = 0
        self._until = time.perf_counter() + BUDGET

    def begin(self) -> None:
        """It has waited."""
        self._count = 0
        self._until = time.perf_counter() + BUDGET

    def is_spent(self) -> bool:
        """Whether it is time for others; looks at the clock now and then."""
        self._count += 1
        return self._count % _LOOK == 0 and time.perf_counter() > self._until

    async def rest(self) -> None:
        """Let others have their turn."""
        await asyncio.sleep(0)
        self.begin()


def note_executed(error: Exception) -> None:
    """Whatever comes out of a reply, the handler was started. A field of that name is the user's."""
    if isinstance(error, DecodeError) or not hasattr(error, "outcome"):
        BaseException.__setattr__(error, "outcome", Outcome.EXECUTED)  # a frozen dataclass has it, too
