"""Which of the calls that have waited are not worth starting any more.

Under more load than handlers can carry, a queue that is worked off in order is as long as the callers' deadlines: each
handler begins just before its caller leaves, and all of its work is for nothing. So a call is refused when its turn
comes where it would most likely have been in time had it not waited, and is not now: its remaining time is less than
half of its method's calls take, and what the answer needs to get there. Nothing else is refused for that: neither a
call that did not wait, nor one that asks for less time than its method takes anyway.

Besides, ``max_queue_delay`` bounds for how long any call waits, with a deadline or without. Where it is infinite,
nothing is shed: what has waited is started as long as its deadline has not passed.
"""

from __future__ import annotations

import math
from typing import Final

from callosum.protocol.messages import Request

SLACK: Final = 0.005
"""Seconds that an answer takes to its caller at the least, and by which event loops are late."""
SHARE: Final = 0.1
"""Of the time that the caller gave, what is left to the way back besides."""
MARGIN: Final = 1.5
"""How many times the typical duration a call should have left."""
STEP: Final = 1.1
"""The factor by which one call moves what is taken for typical."""
SHORTEST: Final = 0.0001
"""Seconds: nothing is taken to need less."""
LEAST_RETRY: Final = 0.05
"""Seconds after which a caller that was refused may try again, at the least."""


class Shedding:
    """Decides for the calls of one endpoint."""

    def __init__(self, max_queue_delay: float | None) -> None:
        self._max_queue_delay = max_queue_delay
        self._is_off = max_queue_delay == math.inf
        self._typical: dict[str, float] = {}
        """Seconds, by method: of the endpoint's own methods only, and of calls with a deadline."""

    def note(self, method: str, seconds: float) -> None:
        """A handler has ended by itself after so many seconds.

        What is typical goes up by a step or down by one, and so towards the median: one slow call in a hundred does not
        change it, and neither do ten.
        """
        typical = self._typical.get(method)
        if typical is None:
            self._typical[method] = max(seconds, SHORTEST)
        else:
            self._typical[method] = typical * STEP if seconds > typical else max(typical / STEP, SHORTEST)

    def note_cut(self, method: str, seconds: float) -> None:
        """A handler was cancelled after so many seconds: nobody knows how long it would have taken."""
        if seconds > self._typical.get(method, 0.0):
            self.note(method, seconds)

    def needed(self, method: str) -> float:
        """Seconds that a call of the method takes, with a margin; 0 where that is not known."""
        typical = self._typical.get(method)
        return 0.0 if typical is None else MARGIN * typical + SLACK

    def too_late(self, request: Request, now: float) -> float | None:
        """Seconds for which a call has waited that is not worth starting; None where it is."""
        deadline, timeout_ms = request.deadline, request.timeout_ms
        if deadline is None or timeout_ms is None or self._is_off:
            return None
        typical = self.needed(request.method)
        if not typical:
            return None
        remaining, timeout = deadline - now, timeout_ms / 1000
        needed = typical + SHARE * timeout
        return timeout - remaining if remaining < needed <= timeout else None

    def too_long(self, since: float, now: float) -> float | None:
        """Seconds for which a call has waited that came at this instant, where that is more than is allowed."""
        limit = self._max_queue_delay
        waited = now - since
        return waited if limit is not None and waited > limit else None
