"""A thread that says which handler blocks the event loop, while it does."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from typing import Final

_log = logging.getLogger("callosum.watchdog")

BLOCKED_AFTER: Final = 1.0
"""Seconds in one step of a handler after which it is reported."""
_TICK: Final = 0.25


class Watchdog:
    """Watches the steps of handlers on one event loop.

    The loop's thread writes ``running`` and ``steps`` around each step of a handler; the watchdog's thread only reads
    them. A step that lasts is logged once, with the place where it stands.
    """

    __slots__ = ("_loop_thread", "_stop", "_thread", "running", "steps")

    def __init__(self) -> None:
        self.running: str | None = None
        """The method of which a step runs now, or None."""
        self.steps = 0
        """How many steps were begun."""
        self._loop_thread = threading.get_ident()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch the thread that calls this."""
        self._loop_thread = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, name="callosum-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        seen, ticks = -1, 0
        while not self._stop.wait(_TICK):
            method, step = self.running, self.steps
            if method is None or step != seen:
                seen, ticks = step, 0
                continue
            ticks += 1
            if ticks == round(BLOCKED_AFTER / _TICK):
                self._report(method)

    def _report(self, method: str) -> None:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001 - the documented way to another's stack
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "(unknown)"
        _log.warning(
            "the handler of %s has blocked the event loop for over %.1f s; every other call waits. It stands at:\n%s",
            method,
            BLOCKED_AFTER,
            stack,
        )
