"""What the dispatcher of an endpoint has for each session: its order, and its share of the workers.

Laws: a `FairQueue` takes from the sessions in turns, one call each; one that has as many handlers under way as a peer
may have is left out until one of them has ended. Within a session calls keep their order.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from callosum.channel import Inbound

if TYPE_CHECKING:
    from callosum.session.scheduling import Order


class Lane:
    """One session's part of an endpoint's workers."""

    __slots__ = ("calls", "fault", "in_line", "order", "running")

    def __init__(self) -> None:
        self.order: Order | None = None
        """The order of its keys, or None where there is none."""
        self.fault = ""
        """Why its calls are refused, all of them, or ""."""
        self.in_line = 0
        """Calls that wait for the order's permission."""
        self.calls: OrderedDict[Inbound, None] = OrderedDict()
        """Calls that wait for a worker, where the queue is fair."""
        self.running = 0
        """Handlers under way that take a slot, where the queue is fair."""

    @property
    def pending(self) -> int:
        """How many of its calls wait."""
        return self.in_line + len(self.calls)


class FairQueue:
    """Calls that wait for a worker, taken from the sessions in turns.

    True where there is a call that may be taken; its length counts those of sessions that may have no more handlers,
    too.
    """

    def __init__(self, max_running: int | None) -> None:
        self._max_running = math.inf if max_running is None else max_running
        self._turns: OrderedDict[Lane, None] = OrderedDict()
        """The sessions of which a call may be taken."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return bool(self._turns)

    def append(self, call: Inbound) -> None:
        """One more, behind those of its session."""
        lane: Lane = call.lane
        lane.calls[call] = None
        self._size += 1
        if lane.running < self._max_running:
            self._turns[lane] = None

    def popleft(self) -> Inbound:
        """The next one of the session whose turn it is."""
        lane, _ = self._turns.popitem(last=False)
        call, _ = lane.calls.popitem(last=False)
        self._size -= 1
        if lane.calls:
            self._turns[lane] = None
        return call

    def discard(self, call: Inbound) -> None:
        """Take a call out, wherever it waits."""
        lane: Lane = call.lane
        del lane.calls[call]
        self._size -= 1
        if not lane.calls:
            self._turns.pop(lane, None)

    def clear(self) -> None:
        """Let go of what may be taken."""
        while self._turns:
            self.popleft()

    def begin(self, lane: Lane) -> None:
        """A handler of the session takes a slot."""
        lane.running += 1
        if lane.running >= self._max_running:
            self._turns.pop(lane, None)

    def end(self, lane: Lane) -> None:
        """It has ended."""
        lane.running -= 1
        if lane.calls:
            self._turns[lane] = None
