"""The hand-over from threads to an event loop: a thread gives the loop work, and waits for it.

Laws: the work runs in a copy of the thread's context, in a task of its own. A thread that leaves (KeyboardInterrupt)
cancels its work. A thread never waits for a loop that is gone, nor for the loop that it runs itself.

A thread wakes the loop only where no other one has done so and was not seen yet: that, and a bare lock in place of
`concurrent.futures.Future`, is what makes this cheaper than `asyncio.run_coroutine_threadsafe` where many threads call.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from asyncio import _get_running_loop
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import Context, copy_context
from typing import Any, Final, Generic, ParamSpec, Protocol, Self, TypeVar, cast

from callosum.errors import Cancelled, ConfigurationError, ConnectionLost, Outcome

_log = logging.getLogger("callosum.blocking")

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
GLANCE: Final = 1.0
"""Seconds after which a thread that waits looks whether the loop is still there."""
END: Final = object()
"""In the place of a value: there is none behind the last one."""
_left_behind: set[asyncio.Task[None]] = set()
"""Tasks that nobody waits for: a loop alone would not keep them."""


class Work(Generic[T]):
    """What a thread has given to a loop.

    Attributes:
        is_begun: Whether the loop has begun it.
        is_given: Whether the loop will see it.
        has_ended: Whether it has an outcome.
    """

    __slots__ = ("_ended", "_error", "_function", "_result", "_task", "has_ended", "is_begun", "is_given")

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self.is_begun = self.is_given = self.has_ended = False
        self._function: Callable[[], Awaitable[T]] | None = function
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._result: T
        self._ended = threading.Lock()
        self._ended.acquire()

    # --- in the loop --------------------------------------------------------------------------------------------------

    def begin(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        """Make it a task."""
        self._task = loop.create_task(self._drive(), context=context)

    async def _drive(self) -> None:
        function, self._function = self._function, None
        try:
            if function is not None:
                self.is_begun = True
                self._result = await function()
            else:
                self._error = asyncio.CancelledError()
        except (KeyboardInterrupt, SystemExit) as error:  # the loop's to know, too
            self._error = error
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the thread waits
            self._error = error
        finally:
            self.has_ended = True
            self._finish()

    def leave(self) -> None:
        """The thread has left. A task that is cancelled before its first step would never say that it has ended."""
        if self._function is not None:
            self._function = None
        elif self._task is not None:
            self._task.cancel()

    def _finish(self) -> None:
        """Wake the thread."""
        self._ended.release()

    # --- in the thread ------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Whether it has ended."""
        return self._ended.acquire(timeout=seconds) or self.has_ended

    def outcome(self) -> T:
        """What came of it, or raise it."""
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            if isinstance(error, asyncio.CancelledError):
                raise Cancelled("the call was cancelled on its way", outcome=Outcome.UNKNOWN) from error
            raise error
        finally:
            del error  # or it and this frame keep each other


class Handover:
    """Gives one loop work from threads.

    Attributes:
        loop: The loop.
    """

    __slots__ = ("_given", "_is_woken", "_pid", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._pid = os.getpid()
        self._given: deque[tuple[Work[Any], Context]] = deque()  # bounded by the threads that wait; of any type
        self._is_woken = False

    # --- what threads call --------------------------------------------------------------------------------------------

    def run(self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Await what the function gives, in the loop, and wait for its outcome.

        KeyboardInterrupt: the work is cancelled, and not waited for.

        Raises:
            ConfigurationError: Waiting here would lock up, or this process was forked off.
            ConnectionLost: The loop has ended.
        """
        return self.complete(Work(lambda: function(*args, **kwargs)))

    def run_to_end(self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `run`; after a KeyboardInterrupt the cancelled work is waited for, and a second one is raised at once."""
        work = Work(lambda: function(*args, **kwargs))
        try:
            return self.complete(work)
        except (KeyboardInterrupt, SystemExit):
            while work.is_given and not self.loop.is_closed() and not work.wait(GLANCE):
                pass
            raise

    def read(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns that must not run beside the loop; at once where that is no danger.

        Raises:
            ConfigurationError, ConnectionLost: As `run`.
        """
        self._check_process()
        if self.loop.is_closed() or _get_running_loop() is self.loop:
            return function(*args, **kwargs)

        async def call() -> T:
            return function(*args, **kwargs)

        work = Work(call)
        try:
            return self._complete(work)
        except ConnectionLost:
            if work.is_begun or not self.loop.is_closed():
                raise
            return function(*args, **kwargs)

    def soon(self, function: Callable[[], Awaitable[object]]) -> None:
        """Await what the function gives, in the loop, some time; nobody waits. Does nothing where the loop is gone."""
        if os.getpid() != self._pid:
            return
        try:
            self.loop.call_soon_threadsafe(self._begin_alone, function)
        except RuntimeError:
            _log.debug("the loop has ended before %r", function)

    def complete(self, work: Work[T]) -> T:
        """Give work to the loop, and wait for its outcome."""
        self.check()
        return self._complete(work)

    def check(self) -> None:
        """Raises ConfigurationError where a thread must not wait for the loop."""
        self._check_process()
        running = _get_running_loop()
        if running is self.loop or (running is not None and not _is_notebook()):
            raise ConfigurationError(
                "a blocking call in a thread that runs an event loop: that loop would stand still, and may be the one"
                " that is waited for. In async code use callosum.connect() or callosum.listen(), and await the call;"
                " a handler of callosum.blocking.listen() that is to block needs @callosum.in_thread"
            )

    # --- within -------------------------------------------------------------------------------------------------------

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ConfigurationError(
                "this was opened before a fork, and its event loop runs in the parent process; a child process must"
                " open its own, with callosum.blocking.connect() or listen()"
            )

    def _complete(self, work: Work[T]) -> T:
        try:
            self._give(work)
            while not work.wait(GLANCE):
                self._check_loop(work)
        except BaseException:
            self._leave(work)
            raise
        return work.outcome()

    def _give(self, work: Work[Any]) -> None:  # of any type
        self._check_loop(work)
        self._given.append((work, copy_context()))
        work.is_given = True
        if not self._is_woken:
            self._is_woken = True
            try:
                self.loop.call_soon_threadsafe(self._begin)
            except RuntimeError:
                self._check_loop(work)
                raise

    def _check_loop(self, work: Work[Any]) -> None:  # of any type
        if self.loop.is_closed():
            outcome = Outcome.UNKNOWN if work.is_begun else Outcome.NOT_SENT
            raise ConnectionLost("the event loop of this endpoint has ended", outcome=outcome)

    def _leave(self, work: Work[Any]) -> None:  # of any type
        try:
            self.loop.call_soon_threadsafe(work.leave)
        except RuntimeError:
            _log.debug("the loop has ended, and the work with it")

    def _begin(self) -> None:
        """In the loop: begin all that was given. The flag first: what is given from here on wakes the loop again."""
        self._is_woken = False
        given = self._given
        while given:
            work, context = given.popleft()
            work.begin(self.loop, context)

    def _begin_alone(self, function: Callable[[], Awaitable[object]]) -> None:
        task = self.loop.create_task(_alone(function))
        _left_behind.add(task)
        task.add_done_callback(_left_behind.discard)


async def _alone(function: Callable[[], Awaitable[object]]) -> None:
    try:
        await function()
    except Exception as error:  # noqa: BLE001 - nobody waits for it: it is told in the log
        _log.warning("what was left behind did not end well", exc_info=error)


def _is_notebook() -> bool:
    """Whether this is a notebook's kernel: its cells run in its loop, which has nothing else to do meanwhile."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and getattr(get_ipython(), "kernel", None) is not None


# --- values, one after another ----------------------------------------------------------------------------------------


class Closable(Protocol[T_co]):
    """An async iterator that can be closed: a stream, or an async generator."""

    def __aiter__(self) -> AsyncIterator[T_co]: ...

    def __anext__(self) -> Awaitable[T_co]: ...

    def aclose(self) -> Awaitable[object]:
        """Leave."""
        ...


class BlockingIterator(Iterator[T]):
    """An async iterator of a loop, as an ordinary one of threads.

    It is closed when it is exhausted, has failed, is closed, is left as a context manager, or is thrown away. Several
    threads may use it, one after the other.
    """

    def __init__(self, handover: Handover, values: Closable[T]) -> None:
        self._handover = handover
        self._values = values
        self._is_closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._is_closed:
            raise StopIteration
        try:
            value = self._handover.complete(self._work())
        except BaseException:
            self._abandon()
            raise
        if value is END:
            self._is_closed = True
            raise StopIteration
        return cast(T, value)

    def _work(self) -> Work[Any]:  # T, or END
        return Work(self._following)

    async def _following(self) -> object:
        """A value; a StopAsyncIteration would come out of a task as something else."""
        return await anext(self._values, END)

    def close(self) -> None:
        """Leave: the other side is told, and what it does for this is cancelled. May be called twice.

        Raises:
            ConfigurationError: As any blocking call.
        """
        if not self._is_closed:
            self._is_closed = True
            self._handover.run(self._values.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_is_closed", True):
            self._abandon()

    def _abandon(self) -> None:
        self._is_closed = True
        self._handover.soon(self._values.aclose)
