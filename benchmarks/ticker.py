"""How long an event loop was held: a timer of a millisecond, and how late it came."""

from __future__ import annotations

import asyncio
import time

PERIOD = 0.001
"""Seconds."""


class Ticker:
    """Ticks in the loop that is running, until it is stopped.

    Lateness is taken twice: by the clock, and by the processor time of the loop's thread. Where the first is much
    longer than the second, the thread waited for a processor or for the interpreter's lock.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._late = self._late_cpu = 0.0
        self._schedule()

    def _schedule(self) -> None:
        self._due, self._cpu = time.perf_counter() + PERIOD, time.thread_time() + PERIOD
        self._timer = self._loop.call_later(PERIOD, self._tick)

    def _look(self) -> None:
        self._late = max(self._late, time.perf_counter() - self._due)
        self._late_cpu = max(self._late_cpu, time.thread_time() - self._cpu)

    def _tick(self) -> None:
        self._look()
        self._schedule()

    def stop(self) -> dict[str, float]:
        """The longest lateness, in milliseconds; that of a tick which is due and has not come counts."""
        self._timer.cancel()
        self._look()
        return {"held_ms": self._late * 1000, "held_cpu_ms": self._late_cpu * 1000}
