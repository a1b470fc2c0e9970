"""What the core tells its owner: a closed union.

Three of its members are the calls and streams themselves, because they come for each call on the hot path: an
`OutgoingCall` that has ended (``reply`` or ``failure`` is set, or neither for a oneway that was handed over), and an
`IncomingCall` that is either PENDING (it has arrived) or ABANDONED (stop its handler), and a `Stream` whose reader or
writer waits no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callosum.errors import Code
from callosum.protocol.calls import IncomingCall, OutgoingCall
from callosum.protocol.messages import GoAway, Hello, Offered, Request, ResetCode, Welcome
from callosum.protocol.stream import Stream

Frame = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Opened:
    """A fresh session is open; these are the other side's services."""

    services: tuple[Offered, ...]


@dataclass(frozen=True, slots=True)
class Resumed:
    """The session goes on over a new connection."""


@dataclass(frozen=True, slots=True)
class NotResumed:
    """The listener does not know the session any more. It has ended; the connection is a fresh one's."""

    hello: Hello
    welcome: Welcome


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that did not run: to be counted and logged. Where it is no oneway, its caller is told."""

    request: Request
    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class Draining:
    """The other side drains: calls above ``last_id`` do not run there. ``unsent`` are those of a connector."""

    goaway: GoAway
    unsent: tuple[OutgoingCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """Close the connection, after sending ``farewell`` where there is one."""

    reason: str
    code: ResetCode | None = None
    """The RESET that was received or is being sent."""
    farewell: Sequence[Frame] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The session has ended. ``unsent`` surely did not run and may go on a fresh session."""

    reason: str
    unsent: tuple[OutgoingCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Announced:
    """The first fragment of a call with a key has arrived: it has its place in the key's order from now on."""

    call: IncomingCall


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A call that was announced will not be whole: it gives its place up."""

    call: IncomingCall


Event = (
    OutgoingCall
    | IncomingCall
    | Stream
    | Opened
    | Resumed
    | NotResumed
    | Refused
    | Announced
    | Withdrawn
    | Draining
    | Broken
    | Ended
)
