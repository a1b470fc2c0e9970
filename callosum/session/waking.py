"""Futures whose task goes on where the result arrives, and not one turn of the event loop later.

A plain future has its loop call the task later: one more handle and, where nothing else is to be done, one more turn of
the loop, for each call at each side. asyncio lets anything that behaves as a future decide for itself when it calls
what waits (``asyncio.isfuture``, and "Extending" in its documentation).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class Waiter(asyncio.Future[T]):
    """A future that one task awaits, once, and that does not wake it: who sets its result calls `resume`.

    Cancellation of the task that waits: as with any future.
    """

    __slots__ = ("_context", "_step")
    _context: Context
    _step: Callable[[Waiter[T]], object]

    def add_done_callback(  # asyncio has it positional
        self, fn: Callable[[Waiter[T]], object], /, *, context: Context | None = None
    ) -> None:
        """What the task that begins to wait calls."""
        assert context is not None, "only a task may wait"
        self._step = fn
        self._context = context

    def cancel(self, msg: Any = None) -> bool:  # as asyncio has it
        """What the task that waits calls when it is cancelled."""
        cancelled = super().cancel(msg)
        if cancelled:
            self.get_loop().call_soon(self.resume)
        return cancelled

    def resume(self) -> None:
        """Run the task until it waits again. Not from within a task: only a callback of the loop may call it."""
        try:
            step = self._step
        except AttributeError:  # it was done before anybody waited, and nobody will
            return
        self._context.run(step, self)
