"""Calls that stream, for threads: what arrives is an ordinary iterator, and so is what is sent.

The values of an ordinary iterable are pulled by the thread that waits, and by no other: while a call takes a stream,
or while the next value of a bidirectional one is awaited. So there is no thread that a generator could hold up for
ever, and a generator runs where its reader expects it. One that blocks holds up its own call alone: that the call has
ended meanwhile is noticed when it gives its next value.
"""

from __future__ import annotations

import asyncio
import queue
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from typing import Any, Final, Generic, Protocol, Self, TypeVar, cast

from callosum.handover import END, BlockingIterator, Closable, Handover, Work

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


_MOST: Final = 64
"""Items that a thread takes at a time, where they are there: to wait for each would take as long as a call,"""
_SIZE: Final = 256 * 1024
"""and bytes of them."""


class Received(Closable[R_co], Protocol[R_co]):
    """What the async side gives where the handler streams."""

    def take_ready(self, most: int, size: int) -> Sequence[R_co]:
        """Items that are there already."""
        ...


class ReceiveStream(BlockingIterator[R]):
    """What a method that streams gives back: an iterator over what arrives, and a context manager.

    ::

        for line in peer.stub(logs.Logs).tail("job-7"):
            ...

    Leaving the loop early, or the ``with``, cancels the handler; so does KeyboardInterrupt.

    Raises, from each step:
        RpcError, TransportError: The call has failed, after the values before it.
    """

    def __init__(self, handover: Handover, values: Received[R]) -> None:
        super().__init__(handover, values)
        self._received = values
        self._ready: deque[R] = deque()

    def __next__(self) -> R:
        return self._ready.popleft() if self._ready else super().__next__()

    async def _following(self) -> object:
        value = await super()._following()
        if value is not END:
            self._ready.extend(self._received.take_ready(_MOST, _SIZE))
        return value

    def close(self) -> None:
        """Leave: the other side is told, and its handler is cancelled. May be called twice.

        Raises:
            ConfigurationError: As any blocking call.
        """
        self._ready.clear()
        super().close()


class TwoWay(Received[R_co], Protocol[S_contra, R_co]):
    """What the async side gives for a bidirectional stream."""

    def send(self, value: S_contra) -> Awaitable[None]:
        """Send one value."""
        ...

    def end(self) -> Awaitable[None]:
        """No more values from here."""
        ...


class BidiStream(ReceiveStream[R], Generic[S, R]):
    """Both directions of a call that streams both ways. One thread may send while another one receives."""

    def __init__(self, handover: Handover, values: TwoWay[S, R], source: Source[S] | None = None) -> None:
        super().__init__(handover, values)
        self._both = values
        self._source = source

    def send(self, value: S) -> None:
        """Send one value, waiting while the other side takes no more.

        Raises:
            RpcError, TransportError: The call has ended.
        """
        self._handover.run(self._both.send, value)

    def end(self) -> None:
        """No more values from here; what arrives goes on."""
        self._handover.run(self._both.end)

    def _work(self) -> Work[Any]:  # R, or END
        return super()._work() if self._source is None else Pulling(self._following, self._source)


class Source(AsyncIterator[S]):
    """An ordinary iterable, as the async side takes one: it asks the thread that waits for each value."""

    def __init__(self, values: Iterable[S]) -> None:
        self._values = iter(values)
        self.asked: queue.SimpleQueue[asyncio.Future[object] | None] = queue.SimpleQueue()
        """What wakes the thread: one value is asked for at a time; None where its work has ended."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> S:
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.asked.put(answer)
        value = await answer
        if value is END:
            raise StopAsyncIteration
        return cast(S, value)

    def pull(self) -> object:
        """In the thread: the next value, or END."""
        return next(self._values, END)


class Pulling(Work[T]):
    """Work that asks its thread for the values of a source."""

    __slots__ = ("_loop", "_source")

    def __init__(self, function: Callable[[], Awaitable[T]], source: Source[Any]) -> None:  # whatever is sent
        super().__init__(function)
        self._source = source

    def begin(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        """Make it a task."""
        self._loop = loop
        super().begin(loop, context)

    def _finish(self) -> None:
        self._source.asked.put(None)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended; meanwhile answer what it asks."""
        while not self.has_ended:
            try:
                answer = self._source.asked.get(timeout=seconds)
            except queue.Empty:
                return False
            if answer is not None:
                value = self._source.pull()
                self._loop.call_soon_threadsafe(_answer, answer, value)
        return True


def _answer(answer: asyncio.Future[object], value: object) -> None:
    if not answer.done():  # the call has ended meanwhile
        answer.set_result(value)
