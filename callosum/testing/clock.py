"""An event loop whose time moves only when a test moves it, or when nothing else is left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

DEADLOCK: Final = 5.0
"""Real seconds after which a loop that has no timer, and that nothing wakes, is taken to be locked up."""


class ManualClock:
    """Runs coroutines in time that costs nothing.

    While something is ready to run, time stands still. When everything waits, it jumps to the next timer; so
    ``await asyncio.sleep(30)`` takes 30 seconds of the loop's time and none of the test's. Code under test must take
    the time from ``loop.time()``. What happens outside the loop (threads, real sockets) takes real time and is not
    waited for before a jump: use the memory layer.

    ::

        clock = ManualClock()
        clock.run(test())       # in test(): await asyncio.sleep(29.9); clock.now() == 29.9
    """

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the clock was made; what ``loop.time()`` says in it."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward at once, as if the loop had been held up for so long: timers that are due run late.

        Raises:
            ValueError: ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds} s")
        self._now += seconds

    def run(self, main: Coroutine[Any, Any, T]) -> T:  # what a coroutine yields and is sent is asyncio's own
        """Run a coroutine to its end in a fresh event loop, as ``asyncio.run`` does; the time goes on from run to run.

        Raises:
            RuntimeError: Everything waits for something that no timer and nobody else brings about.
        """
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            try:
                return runner.run(main)
            except _LockedUp:
                for task in asyncio.all_tasks(runner.get_loop()):
                    task.cancel()
                raise


class _LockedUp(RuntimeError):
    """Nothing will ever happen again."""


class _Loop(asyncio.SelectorEventLoop):
    """Takes its time from the clock."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        """The clock's time."""
        return self._clock.now()


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for a timer, moves the clock to it. The timeout that asyncio gives is the time until then."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """The descriptors that are ready now."""
        if timeout is None:
            ready = super().select(DEADLOCK)
            if not ready:
                raise _LockedUp("the event loop is locked up: everything waits, and no timer is set")
            return ready
        ready = super().select(0)
        if not ready and timeout > 0:
            self._clock.advance(timeout)
        return ready
