"""Progress as a progress bar wants it: often enough to look alive, and not for each chunk."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

Progress = Callable[[int, int | None], object]
"""Called with the bytes that are done, those before the offset among them, and the bytes of all, or None."""
INTERVAL: Final = 0.1
"""Seconds between two calls; the first and the last are always made."""


class Meter:
    """Counts, and tells it now and then."""

    __slots__ = ("_next", "_progress", "_told", "done", "total")

    def __init__(self, progress: Progress | None, done: int, total: int | None) -> None:
        self._progress = progress
        self._next = 0.0
        self._told = -1
        self.done = done
        self.total = total
        self._tell()

    def advance(self, size: int) -> None:
        """So many bytes more are done."""
        self.done += size
        if self._progress is not None and time.monotonic() >= self._next:
            self._tell()

    def finish(self) -> None:
        """All is done: from now on it is known how much that was."""
        if self._told != self.done or self.total != self.done:
            self.total = self.done
            self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._next = time.monotonic() + INTERVAL
            self._told = self.done
            self._progress(self.done, self.total)
