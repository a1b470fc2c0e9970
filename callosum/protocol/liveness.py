"""Whether the other side is alive, by what arrives from it.

Laws: anything that arrives is life. After one heartbeat of silence a PING leaves; one heartbeat later the link is no
longer trusted with new requests; after two heartbeats and a second of silence it is dead. Death is declared only when
the timer has fired twice, so that what has arrived meanwhile is read before the verdict.
"""

from __future__ import annotations

import enum

DEATH_MARGIN = 1.0
"""Seconds beyond two heartbeats."""


class Verdict(enum.Enum):
    """What silence means now."""

    ALIVE = enum.auto()
    ASK = enum.auto()
    """Send a PING."""
    SUSPECT = enum.auto()
    """The PONG is overdue: trust the link with nothing new."""
    DEAD = enum.auto()


class Liveness:
    """The silence of one connection."""

    __slots__ = ("_asked", "_condemned", "_heard", "heartbeat", "suspect")

    def __init__(self, heartbeat: float, now: float) -> None:
        self.heartbeat = heartbeat
        """In seconds."""
        self._heard = now
        self._asked: float | None = None
        self._condemned: float | None = None
        self.suspect = False
        """Whether a PONG is overdue."""

    def heard(self, now: float) -> None:
        """Something arrived."""
        self._heard = now
        if self._asked is not None:
            self._asked = self._condemned = None
            self.suspect = False

    def next_timer(self) -> float:
        """When `on_timer` must be called."""
        if self._condemned is not None:
            return self._condemned
        if self._asked is None:
            return self._heard + self.heartbeat
        if not self.suspect:
            return self._asked + self.heartbeat
        return self._asked + self.heartbeat + DEATH_MARGIN

    def on_timer(self, now: float) -> Verdict:
        """What the silence until now means."""
        if now < self.next_timer():
            return Verdict.ALIVE
        if self._asked is None:
            self._asked = now
            return Verdict.ASK
        if not self.suspect:
            self.suspect = True
            return Verdict.SUSPECT
        if self._condemned is None:
            self._condemned = now
            return Verdict.ALIVE
        return Verdict.DEAD
