"""Streams as users have them.

Laws: a stream begins when it is first used: iterated, entered or sent to. Its life is owned: by the ``async with`` that
it is in, or by the loop that iterates over it, and leaving these leaves the call; the other side's handler is cancelled
then. One that nobody owned, and that is forgotten, is closed and reported.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from callosum.errors import ConfigurationError

if TYPE_CHECKING:
    from callosum.value_stream import ValueStream

R = TypeVar("R")
S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)
_log = logging.getLogger("callosum.streams")


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

    async def _start(self) -> ValueStream[Any, R]:  # as above
        """Make the call, once."""
        if self._values is not None and self._phase is not Phase.CLOSED:
            return self._values
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._phase is Phase.CLOSED:
                raise ConfigurationError(f"the stream of {self._name} is closed: call the method again")
            if self._values is None:
                self._loop = asyncio.get_running_loop()
                self._phase = Phase.OPEN
                try:
                    self._values, source = await self._begin()
                except BaseException:
                    self._phase = Phase.CLOSED
                    raise
                self._source = aiter(source)
            return self._values

    # --- reading ------------------------------------------------------------------------------------------------------

    async def __anext__(self) -> R:
        """The next item. Cancellation: safe, no item is lost.

        Raises:
            StopAsyncIteration: The handler has ended well.
            RpcError, TransportError: It has not; and whatever exception the IDL declares.
        """
        if self._phase is Phase.CLOSED:
            raise StopAsyncIteration
        await self._start()
        try:
            return await anext(self._source)
        except asyncio.CancelledError:
            raise
        except BaseException:
            await self.aclose()
            raise

    async def __aiter__(self) -> AsyncIterator[R]:
        if self._phase is Phase.CLOSED:
            return
        try:
            values = await self._start()
            async for item in values.all() if self._source is values else self._source:
                yield item
        finally:
            if self._phase is not Phase.OWNED:
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
        values = self._values
        if phase is Phase.CLOSED or values is None:
            return
        await values.leave()
        if self._source is not values:
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
        if values is not None and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(_abandon, values)
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
            ConfigurationError: `end` was called before.
        """
        values = await self._start()
        await values.send(value)

    async def end(self) -> None:
        """No more items from here; the other side's may go on. Cancellation: safe."""
        values = await self._start()
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
