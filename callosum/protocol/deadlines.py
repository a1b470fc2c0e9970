"""One heap of instants for all calls of a session, instead of a timer for each."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Final

from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, OutgoingState

Call = OutgoingCall | IncomingCall
COMPACT_FROM: Final = 1024
"""Entries from which the heap is looked through for calls that have ended."""


class Deadlines:
    """The calls whose time runs, by the instant at which it runs out."""

    __slots__ = ("_compact_at", "_count", "_heap", "wake_at")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Call]] = []
        self._count = 0
        self._compact_at = COMPACT_FROM
        self.wake_at = math.inf
        """An instant before which nothing of the session is due, neither a call nor anything else."""

    def wake_by(self, instant: float) -> None:
        """Something is due at this instant."""
        if instant < self.wake_at:
            self.wake_at = instant

    def add(self, instant: float, call: Call) -> None:
        """Watch a call."""
        self._count += 1
        if instant < self.wake_at:
            self.wake_at = instant
        heapq.heappush(self._heap, (instant, self._count, call))
        if len(self._heap) >= self._compact_at:
            self._compact()

    def _compact(self) -> None:
        """Let go of calls that ended long before their time; the cost is spread over as many calls as are left."""
        self._heap = [entry for entry in self._heap if not _is_over(entry[2])]
        heapq.heapify(self._heap)
        self._compact_at = max(COMPACT_FROM, 2 * len(self._heap))

    def first(self) -> float | None:
        """The earliest instant of a call that has not ended."""
        heap = self._heap
        while heap and _is_over(heap[0][2]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def expired(self, now: float) -> Iterator[Call]:
        """Remove and yield the calls whose time has run out."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            call = heapq.heappop(heap)[2]
            if not _is_over(call):
                yield call

    def clear(self) -> None:
        """Watch nothing any more."""
        self._heap.clear()


def _is_over(call: Call) -> bool:
    if isinstance(call, OutgoingCall):
        return call.state is OutgoingState.ENDED
    return call.state >= IncomingState.ABANDONED
