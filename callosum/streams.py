"""Streams as users have them: values in, values out.

Laws: a stream begins when it is first used: iterated, entered or sent to. Its life is owned: by the ``async with`` that
it is in, or by the loop that iterates over it, and leaving these leaves the call; the other side's handler is cancelled
then. One that nobody owned, and that is forgotten, is closed and reported.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import time
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, cast

from callosum.channel import ItemStream
from callosum.errors import Cancelled, ConfigurationError, DeadlineExceeded, DecodeError, Outcome
from callosum.service import Body

R = TypeVar("R")
S = TypeVar("S")
_log = logging.getLogger("callosum.streams")
BUDGET: Final = 0.001
"""Seconds for which items that are here already are passed on, before others of the event loop have their turn."""
_LOOK: Final = 16
"""Items after which the clock is looked at."""
_pumps: Final[set[asyncio.Task[None]]] = set()
"""What sends beside a reader, until it has ended: the event loop itself keeps no task alive."""


class Values(AsyncIterator[R], Generic[S, R]):
    """Both directions of one call, as values: an `ItemStream` and what encodes and decodes its items.

    Attributes:
        items: The bytes.
        item_timeout: Seconds for which the next item is waited for, or None.
    """

    __slots__ = ("_budget", "_decode", "_encode", "_name", "_unsent", "item_timeout", "items", "pump")

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
        self._budget = Budget()
        self._unsent: BaseException | None = None
        """Why an item of `send_all` was not sent."""

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
            await close_iterator(iterator)

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

    def decode(self, body: Body) -> R:
        """One received item, or the outcome; raises the exception that the IDL declares, and DecodeError."""
        try:
            return self._decode(body)
        except Exception as error:
            note_executed(error)
            self.items.cancel()
            raise

    async def receive(self) -> Body | None:
        """The next item's bytes; None behind the last one, where the call has ended well."""
        if self.item_timeout is None:
            body = await self.items.receive()
        else:
            body = await self._receive_in_time(self.item_timeout)
        if body is None:
            await self._finish()
        return body

    async def _receive_in_time(self, seconds: float) -> Body | None:
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
        return self._count % _LOOK == 0 and time.perf_counter() > self._until

    async def rest(self) -> None:
        """Let others have their turn."""
        await asyncio.sleep(0)
        self.begin()


def note_executed(error: Exception) -> None:
    """Whatever comes out of a reply, the handler was started. A field of that name is the user's."""
    if isinstance(error, DecodeError) or not hasattr(error, "outcome"):
        BaseException.__setattr__(error, "outcome", Outcome.EXECUTED)  # a frozen dataclass has it, too


async def close_iterator(iterator: object) -> None:
    """Close what may be an async generator: its ``finally`` runs now, and not when it is collected."""
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()


class Phase(enum.Enum):
    """Where a stream is in its life."""

    NEW = enum.auto()
    """It was not used yet: nothing was called."""
    OPEN = enum.auto()
    OWNED = enum.auto()
    """As OPEN, and an ``async with`` owns it."""
    CLOSED = enum.auto()


Begin = Callable[[], Awaitable[tuple[Values[Any, Any], AsyncIterable[Any]]]]  # values of any IDL type
"""Makes the call: what it sends and receives, and what is iterated over: that, or what interceptors made of it."""


class ReceiveStream(AsyncIterator[R]):
    """What the handler of a streaming method sends: iterate over it.

        async for line in peer.stub(logs.Logs).tail("job-7"):
            print(line)

    Leaving the loop leaves the call: its handler is cancelled. Where the loop is to be left and the stream to be read
    on, hold it in ``async with``. An exception that the handler raises comes behind the items that it has sent before;
    a deadline waits for nobody.
    """

    def __init__(self, name: str, begin: Begin) -> None:
        """Made by stubs."""
        self._name = name
        self._begin = begin
        self._phase = Phase.NEW
        self._values: Values[Any, R] | None = None  # values of any IDL type
        self._source: AsyncIterator[R]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Lock | None = None
        self._turn: asyncio.Lock | None = None
        """Where interceptors made something of their own of what is received: that takes one reader at a time."""
        self._was_cut_short = False
        """Whether a reader was cancelled in there."""

    async def _start(self) -> Values[Any, R]:  # as above
        """Make the call, once."""
        if self._values is not None and self._phase is not Phase.CLOSED:
            return self._values
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._phase is Phase.CLOSED:
                raise self._closed()
            if self._values is None:
                self._loop = asyncio.get_running_loop()
                self._phase = Phase.OPEN
                await self._make_call()
            return cast("Values[Any, R]", self._values)

    async def _make_call(self) -> None:
        try:
            values, source = await self._begin()
        except BaseException:
            self._phase = Phase.CLOSED
            raise
        self._values, self._source = values, aiter(source)
        if source is not values:
            self._turn = asyncio.Lock()
        if self._is_closed():  # while interceptors were at work
            await self._leave(values)
            raise self._closed()

    def _is_closed(self) -> bool:
        return self._phase is Phase.CLOSED

    def _closed(self) -> ConfigurationError:
        return ConfigurationError(f"the stream of {self._name} is closed: call the method again")

    # --- reading ------------------------------------------------------------------------------------------------------

    async def __anext__(self) -> R:
        """The next item. Cancellation: safe, no item is lost.

        Raises:
            StopAsyncIteration: The handler has ended well.
            RpcError, TransportError: It has not; and whatever exception the IDL declares.
        """
        if self._phase is Phase.CLOSED:
            raise StopAsyncIteration
        values = await self._start()
        try:
            return await (values.__anext__() if self._turn is None else self._intercepted(self._turn))
        except asyncio.CancelledError:
            raise
        except BaseException:
            await self.aclose()
            raise

    async def _intercepted(self, turn: asyncio.Lock) -> R:
        """The next item of what interceptors made."""
        async with turn:
            try:
                return await anext(self._source)
            except asyncio.CancelledError:
                self._was_cut_short = True  # an async generator is over then
                raise
            except StopAsyncIteration:
                if self._was_cut_short and not self._is_closed():
                    text = f"a reader of {self._name} was cancelled within an interceptor, and this has ended"
                    raise Cancelled(text, outcome=Outcome.UNKNOWN) from None
                raise
            finally:
                if self._is_closed():
                    await close_iterator(self._source)

    async def __aiter__(self) -> AsyncIterator[R]:
        """Written out as one generator: every item passes through here."""
        if self._phase is Phase.CLOSED:
            return
        values = await self._start()
        turn, try_receive, decode = self._turn, values.items.try_receive, values.decode
        clock, count, until = time.perf_counter, 0, time.perf_counter() + BUDGET
        try:
            while True:
                if turn is not None:
                    yield await self._intercepted(turn)
                    continue
                count += 1
                if not count % _LOOK and clock() > until:
                    await asyncio.sleep(0)  # before an item is taken: who is cancelled here loses none
                    until = clock() + BUDGET
                body = try_receive()
                if body is None:
                    if self._is_closed():
                        return
                    body = await values.receive()
                    if body is None:
                        break
                    until = clock() + BUDGET
                yield decode(body)
        except StopAsyncIteration:  # what interceptors made has ended
            pass
        except GeneratorExit:
            # The loop was left: here and now, where nothing of the user's is to be waited for.
            if turn is None and self._phase is Phase.OPEN:
                self._phase = Phase.CLOSED
                _abandon(values)
            raise
        finally:
            if self._phase is Phase.OPEN:
                await self.aclose()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._start()
        self._phase = Phase.OWNED
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave: where the call has not ended, its handler is cancelled. Cancellation: safe; it was left at once."""
        phase, self._phase = self._phase, Phase.CLOSED
        if phase is not Phase.CLOSED and self._values is not None:
            await self._leave(self._values)

    async def _leave(self, values: Values[Any, R]) -> None:  # as above
        await values.leave()
        if self._turn is not None and not self._turn.locked():  # else who reads there closes it
            await close_iterator(self._source)

    def __del__(self) -> None:
        phase = getattr(self, "_phase", Phase.CLOSED)  # __init__ may have raised
        if phase is Phase.CLOSED:
            return
        if phase is Phase.NEW:
            warnings.warn(
                f"the stream of {self._name} was never used: nothing was called", ResourceWarning, stacklevel=1
            )
            return
        text = f"a stream of {self._name} was forgotten and is closed: use async for, async with or aclose()"
        _log.warning("%s", text)
        values, loop = self._values, self._loop
        if values is not None and loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nothing is left that could be told
                loop.call_soon_threadsafe(_abandon, values)  # not here: collected anywhere, also within the engine
        warnings.warn(text, ResourceWarning, stacklevel=1)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._name}, {self._phase.name.lower()}>"


def _abandon(values: Values[Any, Any]) -> None:  # values of any IDL type
    values.items.cancel()
    if values.pump is not None:
        values.pump.cancel()


class BidiStream(ReceiveStream[R], Generic[S, R]):
    """A stream each way.

    async with peer.stub(chat.Chat).talk() as talk:
        await talk.send(hello)
        async for message in talk: ...
    """

    async def send(self, value: S) -> None:
        """Send one item; wait while the other side takes no more. Cancellation: safe, it was not sent then.

        Raises:
            RpcError, TransportError: The call has ended.
            EncodeError: The value does not fit the IDL.
            ConfigurationError: `end` was called before, or the stream was left.
        """
        values = await self._start()
        await values.send(value)

    async def end(self) -> None:
        """No more items from here; the other side's may go on. Cancellation: safe.

        Raises:
            ConfigurationError: An async iterable was given, and not all of it was sent; or the stream was left.
        """
        values = await self._start()
        if values.pump is not None and not values.pump.done():
            raise ConfigurationError(f"what was given to {self._name} is still being sent, and ends by itself")
        values.items.end()
