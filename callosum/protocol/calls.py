"""The states of a session and of its calls.

Laws:
1. A state changes only as these tables say; a change that they do not have is a fault of the code and raises KeyError.
2. ENDED is final: nothing leads out of it, and what arrives for something that has ended is ignored.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

from callosum.errors import CallosumError, Outcome
from callosum.protocol.messages import Body, Key, Metadata, Reply, Request


class SessionState(enum.IntEnum):
    """Where a session is in its life."""

    NEW = 0
    """It has had no connection yet."""
    GREETING = 1
    """The connector has sent a HELLO for a fresh session."""
    OPENING = 2
    """The listener has sent a WELCOME and waits for the OFFER."""
    OPEN = 3
    DETACHED = 4
    """The link broke; the session waits to be resumed."""
    RESUMING = 5
    """The connector has sent a HELLO that resumes."""
    ENDED = 6


class SessionEvent(enum.IntEnum):
    """What moves a session on."""

    DIAL = 0
    ACCEPT = 1
    WELCOME = 2
    OFFER = 3
    BREAK = 4
    END = 5


SESSION: Final[Mapping[SessionState, Mapping[SessionEvent, SessionState]]] = {
    SessionState.NEW: {
        SessionEvent.DIAL: SessionState.GREETING,
        SessionEvent.ACCEPT: SessionState.OPENING,
        SessionEvent.END: SessionState.ENDED,
    },
    SessionState.GREETING: {
        SessionEvent.WELCOME: SessionState.OPEN,
        SessionEvent.BREAK: SessionState.NEW,
        SessionEvent.END: SessionState.ENDED,
    },
    SessionState.OPENING: {
        SessionEvent.OFFER: SessionState.OPEN,
        SessionEvent.BREAK: SessionState.ENDED,
        SessionEvent.END: SessionState.ENDED,
    },
    SessionState.OPEN: {
        SessionEvent.BREAK: SessionState.DETACHED,
        SessionEvent.END: SessionState.ENDED,
    },
    SessionState.DETACHED: {
        SessionEvent.DIAL: SessionState.RESUMING,
        SessionEvent.ACCEPT: SessionState.OPEN,
        SessionEvent.END: SessionState.ENDED,
    },
    SessionState.RESUMING: {
        SessionEvent.WELCOME: SessionState.OPEN,
        SessionEvent.BREAK: SessionState.DETACHED,
        SessionEvent.END: SessionState.ENDED,
    },
    SessionState.ENDED: {},
}


class OutgoingState(enum.IntEnum):
    """Where a call is, for its caller."""

    QUEUED = 0
    """Nothing of it has a number: it can be withdrawn as if it had never been made."""
    SENT = 1
    """A record of it has a number."""
    ENDED = 2


class OutgoingEvent(enum.IntEnum):
    """What moves an outgoing call on."""

    NUMBER = 0
    END = 1


OUTGOING: Final[Mapping[OutgoingState, Mapping[OutgoingEvent, OutgoingState]]] = {
    OutgoingState.QUEUED: {
        OutgoingEvent.NUMBER: OutgoingState.SENT,
        OutgoingEvent.END: OutgoingState.ENDED,
    },
    OutgoingState.SENT: {
        OutgoingEvent.END: OutgoingState.ENDED,
    },
    OutgoingState.ENDED: {},
}


class IncomingState(enum.IntEnum):
    """Where a call is, for the side that serves it."""

    ARRIVING = 0
    """Fragments of its body are missing."""
    PENDING = 1
    """Whole, its handler not yet started."""
    RUNNING = 2
    ABANDONED = 3
    """Its caller is gone or answered; its handler is ending, and nothing it does is heard."""
    ENDED = 4


class IncomingEvent(enum.IntEnum):
    """What moves an incoming call on."""

    COMPLETE = 0
    START = 1
    ABANDON = 2
    END = 3


INCOMING: Final[Mapping[IncomingState, Mapping[IncomingEvent, IncomingState]]] = {
    IncomingState.ARRIVING: {
        IncomingEvent.COMPLETE: IncomingState.PENDING,
        IncomingEvent.END: IncomingState.ENDED,
    },
    IncomingState.PENDING: {
        IncomingEvent.START: IncomingState.RUNNING,
        IncomingEvent.ABANDON: IncomingState.ABANDONED,
        IncomingEvent.END: IncomingState.ENDED,
    },
    IncomingState.RUNNING: {
        IncomingEvent.ABANDON: IncomingState.ABANDONED,
        IncomingEvent.END: IncomingState.ENDED,
    },
    IncomingState.ABANDONED: {
        IncomingEvent.END: IncomingState.ENDED,
    },
    IncomingState.ENDED: {},
}


class SendingState(enum.IntEnum):
    """Where the items are that this side sends in a call."""

    OPEN = 0
    ENDING = 1
    """What ends them waits behind those that have not left."""
    ENDED = 2


class SendingEvent(enum.IntEnum):
    """What moves them on."""

    FINISH = 0
    """There are no more: the END of a caller, the outcome of a handler."""
    LEAVE = 1
    """The last record has a number."""
    DROP = 2
    """The call has ended without them."""


SENDING: Final[Mapping[SendingState, Mapping[SendingEvent, SendingState]]] = {
    SendingState.OPEN: {
        SendingEvent.FINISH: SendingState.ENDING,
        SendingEvent.DROP: SendingState.ENDED,
    },
    SendingState.ENDING: {
        SendingEvent.LEAVE: SendingState.ENDED,
        SendingEvent.DROP: SendingState.ENDED,
    },
    SendingState.ENDED: {},
}


class ReceivingState(enum.IntEnum):
    """Where the items are that this side receives in a call."""

    OPEN = 0
    COMPLETE = 1
    """No more will come; some may be unread."""
    CLOSED = 2
    """Nobody reads: what is here, and what comes, is dropped."""


class ReceivingEvent(enum.IntEnum):
    """What moves them on."""

    COMPLETE = 0
    """The END of a caller, or the outcome of a handler, has come."""
    CLOSE = 1
    """The reader has left."""


RECEIVING: Final[Mapping[ReceivingState, Mapping[ReceivingEvent, ReceivingState]]] = {
    ReceivingState.OPEN: {
        ReceivingEvent.COMPLETE: ReceivingState.COMPLETE,
        ReceivingEvent.CLOSE: ReceivingState.CLOSED,
    },
    ReceivingState.COMPLETE: {
        ReceivingEvent.CLOSE: ReceivingState.CLOSED,
    },
    ReceivingState.CLOSED: {},
}


# module constants: an attribute of an enum costs more, and these are looked at for each call
_PENDING: Final = IncomingState.PENDING
_RUNNING: Final = INCOMING[_PENDING][IncomingEvent.START]


class OutgoingCall(Request):
    """A call that this side makes: the REQUEST that leaves, and what becomes of it. One is made for each call."""

    __slots__ = ("failure", "first", "last", "offset", "reply", "state", "waiter")

    def __init__(  # noqa: PLR0917 - a keyword costs more, and one is made for each call
        self,
        method: str,
        flags: int,
        body: Body,
        key: Key | None = None,
        metadata: Metadata | None = None,
        parent: int = 0,
        codec: str = "",
        deadline: float | None = None,
        waiter: Any = None,  # the owner's own kind of handle
        reply_compression: str = "",
    ) -> None:
        self.id = 0
        self.method = method
        self.timeout_ms = None
        self.flags = flags
        self.body = body
        self.key = key
        self.metadata = metadata
        self.parent = parent
        self.codec = codec
        self.reply_compression = reply_compression
        self.compression = 0
        self.deadline = deadline
        self.waiter = waiter
        """Whatever the owner of the session wants to find the caller by."""
        self.state = OutgoingState.QUEUED
        self.first = 0
        """The number of its first record, or 0."""
        self.last = 0
        """The number of its last record, or 0 while some of it has none."""
        self.offset = 0
        """Bytes of the body that are numbered, where it travels in fragments."""
        self.reply: Reply | None = None
        self.failure: CallosumError | None = None

    def twin(self) -> Self:
        """The same call, to be made once more, on another session."""
        twin = type(self)(
            self.method,
            self.flags,
            self.body,
            self.key,
            self.metadata,
            self.parent,
            self.codec,
            self.deadline,
            self.waiter,
            self.reply_compression,
        )
        twin.compression = self.compression
        return twin

    def outcome(self, handed_over: int) -> Outcome:
        """What is known of it without an answer, where records below ``handed_over`` were handed over."""
        return Outcome.UNKNOWN if 0 < self.last < handed_over else Outcome.NOT_SENT


class IncomingCall:
    """A call that the other side makes.

    Attributes:
        nested: Calls made in its handler to its caller that are under way.
        waiting: Such calls beyond the permitted number.
    """

    __slots__ = ("nested", "request", "size", "state", "waiting")

    def __init__(self, request: Request, state: IncomingState, size: int) -> None:
        self.request = request
        self.state = state
        self.size = size
        """Bytes of the body that have arrived."""
        self.nested = 0
        self.waiting: deque[OutgoingCall] | None = None

    def start(self) -> bool:
        """The handler is about to run; False where it must not."""
        if self.state is not _PENDING:
            return False
        self.state = _RUNNING
        return True
