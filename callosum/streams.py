"""Streams as users have them.

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
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar, cast

from callosum.errors import Cancelled, ConfigurationError, Outcome

if TYPE_CHECKING:
    from callosum.value_stream import ValueStream

R = TypeVar("R")
S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)
_log = logging.getLogger("callosum.streams")
BUDGET: Final = 0.001
"""Seconds for which items that are here already are passed on, before others of the event loop have their turn."""
LOOK: Final = 16
"""Items after which the clock is looked at."""


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


Begin = Callable[[], Awaitable["tuple[ValueStream[Any, Any], AsyncIterable[Any]]"]]  # values of any IDL type
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
        self._values: ValueStream[Any, R] | None = None  # values of any IDL type
        self._source: AsyncIterator[R]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Lock | None = None
        self._turn: asyncio.Lock | None = None
        """Where interceptors made something of their own of what is received: that takes one reader at a time."""
        self._prefers_views = False
        self._was_cut_short = False
        """Whether a reader was cancelled in there."""
        self._unfit: Exception | None = None
        """Why an item that `take_ready` found did not decode."""

    async def _start(self) -> ValueStream[Any, R]:  # as above
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
            return cast("ValueStream[Any, R]", self._values)

    async def _make_call(self) -> None:
        try:
            values, source = await self._begin()
        except BaseException:
            self._phase = Phase.CLOSED
            raise
        self._values, self._source = values, aiter(source)
        if self._prefers_views and source is values:
            values.prefer_views()
        if source is not values:
            self._turn = asyncio.Lock()
        if self._is_closed():  # while interceptors were at work
            await self._leave(values)
            raise self._closed()

    def _is_closed(self) -> bool:
        return self._phase is Phase.CLOSED

    def _closed(self) -> ConfigurationError:
        return ConfigurationError(f"the stream of {self._name} is closed: call the method again")

    def prefer_views(self) -> None:
        """Items that are bytes may be memoryviews of what has arrived, from the first one on: for `callosum.files`."""
        self._prefers_views = True

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
        if self._unfit is not None:
            await self.aclose()
            raise self._unfit
        try:
            return await (values.__anext__() if self._turn is None else self._intercepted(self._turn))
        except asyncio.CancelledError:
            raise
        except BaseException:
            await self.aclose()
            raise

    def take_ready(self, most: int, size: int) -> list[R]:
        """Items that are here already: as many as that, or the first that make so many bytes. For `callosum.blocking`.

        None where only the newest counts, and none of what interceptors made.
        """
        values, taken = self._values, list[R]()
        if values is None or self._turn is not None or values.keeps_newest or self._is_closed():
            return taken
        try:
            while len(taken) < most and size > 0 and (body := values.items.try_receive()) is not None:
                plain = values.unpack(body)
                size -= len(plain)
                taken.append(values.decode(plain))
        except Exception as error:  # noqa: BLE001 - raised behind these, by the next step
            self._unfit = error
        return taken

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
                if not count % LOOK and clock() > until:
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

    async def _leave(self, values: ValueStream[Any, R]) -> None:  # as above
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


def _abandon(values: ValueStream[Any, Any]) -> None:  # values of any IDL type
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


class BlockingReceiveStream(Iterator[R_co], Protocol[R_co]):
    """What a stub of `callosum.blocking` returns where the handler streams: an iterator, and a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

    def close(self) -> None:
        """Leave: where the call has not ended, its handler is cancelled."""


class BlockingBidiStream(BlockingReceiveStream[R_co], Protocol[S_contra, R_co]):
    """The same, and a stream to the handler."""

    def send(self, value: S_contra, /) -> None:
        """Send one item; wait while the other side takes no more."""

    def end(self) -> None:
        """No more items from here; the other side's may go on."""
