"""Both directions of a call that streams, as values: an `ItemStream`, and what encodes and decodes its items.

Laws: who sends or receives without ever waiting lets others of the event loop have their turn. What is taken from a
user's iterable is sent, or the iterable is closed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Final, Generic, Self, TypeVar

from callosum.channel import ItemStream
from callosum.compression import PackedBody
from callosum.errors import Cancelled, ConfigurationError, DeadlineExceeded, DecodeError, Outcome
from callosum.service import Body
from callosum.streams import BUDGET, LOOK, close_iterator

R = TypeVar("R")
S = TypeVar("S")
_log = logging.getLogger("callosum.streams")
_pumps: Final[set[asyncio.Task[None]]] = set()
"""What sends beside a reader, until it has ended: the event loop itself keeps no task alive."""


class ValueStream(AsyncIterator[R], Generic[S, R]):
    """Both directions of one call.

    Attributes:
        items: The bytes.
        item_timeout: Seconds for which the next item is waited for, or None.
        keeps_newest: Whether of unread items only the newest is kept.
    """

    __slots__ = (
        "_budget",
        "_decode",
        "_encode",
        "_name",
        "_unpack",
        "_unsent",
        "_view",
        "item_timeout",
        "items",
        "keeps_newest",
        "pump",
    )

    def __init__(
        self,
        name: str,
        items: ItemStream,
        encode: Callable[[S], bytes] | None,
        decode: Callable[[Body], R],
        item_timeout: float | None = None,
        view: Callable[[Body], R] | None = None,
        unpack: Callable[[PackedBody], bytes] = PackedBody.unpack,
    ) -> None:
        self._name = name
        self.items = items
        self._encode = encode
        self._decode = decode
        self._view = view
        self._unpack = unpack
        self.item_timeout = item_timeout
        self.keeps_newest = False
        self.pump: asyncio.Task[None] | None = None
        """Sends what the caller gave to be sent."""
        self._budget = Budget()
        self._unsent: BaseException | None = None
        """Why an item of `send_all` was not sent."""

    def keep_newest(self) -> None:
        """Of unread items only the newest is kept."""
        self.keeps_newest = True
        self.items.keep_newest()

    def prefer_views(self) -> None:
        """Items that are bytes may be memoryviews of what has arrived."""
        if self._view is not None:
            self._decode = self._view

    async def send(self, value: S) -> None:
        """Send one value. Cancellation: safe, it was not sent then."""
        if self._encode is None:
            raise ConfigurationError(f"{self._name} takes no stream: nothing can be sent to it")
        body = self._encode(value)
        if not self.items.try_send(body):
            await self.items.send(body)

    async def send_all(self, source: AsyncIterable[S]) -> None:
        """Send what an async iterable gives, in order, and close it.

        A ``yield`` waits for its item to be sent, as if it did so itself: what prevents that is raised there, once. So
        ``asyncio.timeout`` and task groups around it work, which a `GeneratorExit` would break.
        """
        budget = Budget()
        iterator = aiter(source)
        throw = getattr(iterator, "athrow", None)
        try:
            async for value in iterator:
                try:
                    await self.send(value)
                    if budget.is_spent():
                        await budget.rest()
                except (Exception, asyncio.CancelledError) as error:
                    if throw is None:
                        raise
                    self._unsent = error
                    await self.send(await throw(error))  # mostly raises it again
        except StopAsyncIteration:  # it was caught there, and that was the end
            return
        finally:
            await stop_iterator(iterator)

    def start_pump(self, source: AsyncIterable[S]) -> None:
        """Send what an async iterable gives beside what is received; what it raises ends the call."""
        self.pump = asyncio.create_task(self._pump(source), name=f"callosum: sends to {self._name}")
        _pumps.add(self.pump)
        self.pump.add_done_callback(_pumps.discard)

    async def _pump(self, source: AsyncIterable[S]) -> None:
        try:
            await self.send_all(source)
            self.items.end()
        except asyncio.CancelledError:  # of this task, or the iterable has waited for something that was cancelled
            text = f"what was to be sent to {self._name} was cancelled"
            self.items.abort(Cancelled(text, outcome=Outcome.UNKNOWN))
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's iterable raises is the call's failure
            if not self.items.abort(error) and error is not self._unsent:
                _log.warning("what was sent to %s failed after the call had ended", self._name, exc_info=error)

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
            return self._decode(self._unpack(body) if isinstance(body, PackedBody) else body)
        except Exception as error:
            self._give_up(error)
            raise

    def unpack(self, body: Body | PackedBody) -> Body:
        """The plain bytes of one received item: for who wants to know how many they are before it decodes them."""
        if not isinstance(body, PackedBody):
            return body
        try:
            return self._unpack(body)
        except Exception as error:
            self._give_up(error)
            raise

    def _give_up(self, error: Exception) -> None:
        """What was received does not fit: the call is left."""
        note_executed(error)
        self.items.cancel()

    async def receive(self) -> Body | PackedBody | None:
        """The next item's bytes, for `decode`; None behind the last one, where the call has ended well."""
        if self.item_timeout is None:
            body = await self.items.receive()
        else:
            body = await self._receive_in_time(self.item_timeout)
        if body is None:
            await self._finish()
        return body

    async def _receive_in_time(self, seconds: float) -> Body | PackedBody | None:
        try:
            async with asyncio.timeout(seconds):
                return await self.items.receive()
        except TimeoutError as error:
            if isinstance(error, DeadlineExceeded):
                raise
            late = DeadlineExceeded(f"no item of {self._name} came for {seconds} s", outcome=Outcome.UNKNOWN)
            late.call = self._name
            if not self.items.abort(late):
                return await self.items.receive()  # the end, or what was on its way here
            raise late from None

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
        budget = self._budget
        if budget.is_spent():  # before an item is taken: who is cancelled here loses none
            await budget.rest()
        body = self.items.try_receive()
        if body is None:
            body = await self.receive()
            if body is None:
                raise StopAsyncIteration
            budget.begin()
        return self.decode(body)


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
        return self._count % LOOK == 0 and time.perf_counter() > self._until

    async def rest(self) -> None:
        """Let others have their turn."""
        await asyncio.sleep(0)
        self.begin()


async def stop_iterator(iterator: object) -> None:
    """End what may be an async generator as a task is cancelled: its ``finally`` runs now.

    Task groups and timeouts around a ``yield`` make a fault of a `GeneratorExit`.
    """
    throw = getattr(iterator, "athrow", None)
    if throw is not None:
        stop = asyncio.CancelledError()
        try:
            await throw(stop)
        except StopAsyncIteration:
            return
        except asyncio.CancelledError as error:
            if error is stop:
                return
            raise
    await close_iterator(iterator)


def note_executed(error: Exception) -> None:
    """Whatever comes out of a reply, the handler was started. A field of that name is the user's."""
    if isinstance(error, DecodeError) or not hasattr(error, "outcome"):
        BaseException.__setattr__(error, "outcome", Outcome.EXECUTED)  # a frozen dataclass has it, too
