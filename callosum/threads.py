"""Handlers that are plain functions: `in_thread` has them run in a bounded pool of threads, with their context.

Laws: an endpoint has a pool of its own, and no thread before one is needed. A thread is busy until its function ends,
whether or not anybody still waits for it, so the bound holds. What waits for a thread can be cancelled, and then never
runs.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from types import CoroutineType
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, overload

from callosum.context import thread_clock
from callosum.errors import Unavailable
from callosum.handover import END, BlockingIterator, Closable, Handover

_log = logging.getLogger("callosum.session")

P = ParamSpec("P")
T = TypeVar("T")
MAX_THREADS: Final = 32
"""Threads of one endpoint, where ``max_threads`` says nothing else."""
STOP_TIMEOUT: Final = 2.0
"""Seconds that running threads have to end when the endpoint closes."""

home: ContextVar[Handover | None] = ContextVar("callosum_home", default=None)
"""In a handler's thread: the way to its endpoint's loop."""
_serving: ContextVar[Threads | None] = ContextVar("callosum_threads", default=None)
"""In a handler's task: the threads of its endpoint."""


@overload
def in_thread(  # type: ignore[overload-overlap]  # a function that returns a generator which it has not made: none does
    function: Callable[P, Generator[T, None, None]],
) -> Callable[P, AsyncGenerator[T, None]]: ...
@overload
def in_thread(function: Callable[P, T]) -> Callable[P, CoroutineType[Any, Any, T]]: ...  # as of any async def
def in_thread(function: Callable[P, Any]) -> Callable[P, Any]:  # as the overloads say
    """Make a plain function a handler: each call of it runs in a thread, with a copy of the call's context.

    So it may block: `callosum.current_call` works in it, and so do the stubs of `callosum.blocking.current_peer`. It
    stays in its thread to its end: where its caller is gone before, that is answered at once, and its result is
    dropped. The threads are those of its endpoint (``listen(max_threads=...)``); while all are busy, calls wait.

    A generator function answers a method that streams: its values are what the caller receives. A stream that the
    caller sends arrives as an ordinary iterator.

    What it becomes can be awaited anywhere, as a test may do; outside of a handler it runs in a thread of asyncio's.

    Raises, from a call:
        Unavailable: The endpoint is closing.
    """
    name = function.__qualname__
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        async def iterate(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Any, None]:  # the generator's values
            steps = _Steps(functools.partial(function, *map(_blocking, args), **kwargs))
            try:
                while (value := await _run(name, steps.step)) is not END:
                    yield value
            finally:
                if not steps.leave():
                    await _run(name, steps.close)

        return iterate

    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> Any:  # what the function returns
        return await _run(name, functools.partial(_context().run, function, *map(_blocking, args), **kwargs))

    return call


def _context() -> Context:
    """What a thread sees: the handler's context, and the way back to its loop."""
    context = copy_context()
    handover = Handover(asyncio.get_running_loop())
    context.run(home.set, handover)
    context.run(thread_clock.set, lambda: handover.read(handover.loop.time))
    return context


def _blocking(argument: Any) -> Any:  # a value of any IDL type
    """The caller's stream, for a function that has no ``async for``."""
    if not isinstance(argument, AsyncIterator):
        return argument
    return BlockingIterator(Handover(asyncio.get_running_loop()), cast("Closable[Any]", argument))


async def _run(name: str, function: Callable[[], T]) -> T:
    job, threads = _Job(name, function), _serving.get()
    return await (asyncio.to_thread(job) if threads is None else threads.run(job))


class Threads:
    """The threads of one endpoint.

    Args of the class:
        max_threads: How many there are at most.
    """

    def __init__(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._executor: ThreadPoolExecutor | None = None
        self._is_open = False
        self._jobs: dict[Future[Any], _Job[Any]] = {}  # bounded by the handlers under way, and the threads

    def open(self) -> None:
        """Be what functions run in that are called in this context."""
        self._is_open = True
        _serving.set(self)

    async def run(self, job: _Job[T]) -> T:
        """Run it in a thread, when one is free.

        Cancellation: safe. A function that has not begun never does; the result of one that runs is dropped.

        Raises:
            Unavailable: The endpoint is closing.
        """
        if not self._is_open:
            raise Unavailable("the endpoint is closing: no more handlers run in its threads")
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._max_threads, thread_name_prefix="callosum-handler")
        try:
            future = self._executor.submit(job)
        except RuntimeError as error:  # Python says so in no other way
            raise Unavailable("the process is ending: no more handlers run in threads") from error
        self._jobs[future] = job
        future.add_done_callback(self._forget)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            job.is_dropped = True
            raise

    def _forget(self, future: Future[Any]) -> None:
        self._jobs.pop(future, None)

    async def close(self) -> None:
        """Wait for what runs, a bounded time; what does not end is named in the log and left behind."""
        self._is_open = False
        executor, self._executor = self._executor, None
        if executor is None:
            return
        executor.shutdown(wait=False, cancel_futures=True)
        ends = [asyncio.wrap_future(future) for future in list(self._jobs)]
        for end in ends:
            end.add_done_callback(_note)
        if ends:
            await asyncio.wait(ends, timeout=STOP_TIMEOUT)
        if stuck := sorted({job.name for job in list(self._jobs.values())}):
            _log.error("handlers go on in their threads, and are left behind: %s", ", ".join(stuck))
        else:
            executor.shutdown(wait=True)  # they have nothing to do but to end


def _note(end: asyncio.Future[Any]) -> None:
    """Whoever waits for it knows its exception, or the log does."""
    if not end.cancelled():
        end.exception()


class _Job(Generic[T]):
    """One call of a function in a thread.

    Attributes:
        name: For people.
        is_dropped: Whether nobody waits for it any more.
    """

    __slots__ = ("_function", "is_dropped", "name")

    def __init__(self, name: str, function: Callable[[], T]) -> None:
        self.name = name
        self.is_dropped: bool = False
        self._function = function

    def __call__(self) -> T:
        try:
            return self._function()
        except StopIteration as error:  # no future can hold it; a coroutine makes the same of it
            raise RuntimeError(f"{self.name} raised StopIteration") from error
        except Exception as error:
            if self.is_dropped:
                _log.warning("%s failed when its caller had gone", self.name, exc_info=error)
            raise


class _Steps:
    """A generator that is stepped through in threads, and closed in one."""

    def __init__(self, function: Callable[[], Generator[Any, None, None]]) -> None:  # its values
        self._context = _context()
        self._generator = function()
        self._lock = threading.Lock()
        self._is_stepping = False
        self._is_left = False

    def step(self) -> Any:  # a value of the generator, or END
        """The next value."""
        if not self._begin():
            return END
        try:
            return self._context.run(next, self._generator, END)
        finally:
            if self._end():
                self.close()

    def _begin(self) -> bool:
        """Whether a step may begin. A generator cannot be stepped through and closed at a time."""
        with self._lock:
            self._is_stepping = not self._is_left
            return self._is_stepping

    def _end(self) -> bool:
        """A step is over; whether the generator is to be closed."""
        with self._lock:
            self._is_stepping = False
            return self._is_left

    def leave(self) -> bool:
        """No more values are wanted. Whether a step is under way, which closes the generator at its end."""
        with self._lock:
            self._is_left = True
            return self._is_stepping

    def close(self) -> None:
        """Run what stands in its ``finally``."""
        self._context.run(self._generator.close)
