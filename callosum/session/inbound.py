"""A call that came over a session, as the dispatcher sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callosum.channel import Failure, Inbound
from callosum.protocol.calls import IncomingCall, IncomingState
from callosum.protocol.incoming import make_error
from callosum.service import Body

if TYPE_CHECKING:
    from callosum.session.session import Session


class SessionInbound(Inbound):
    """Answers go to the session's core, and leave when the worker pauses."""

    __slots__ = ("incoming", "session")

    def __init__(self, session: Session, incoming: IncomingCall) -> None:
        self.session = session
        self.incoming = incoming
        self.request = incoming.request
        self.peer = session.peer
        self.worker = None

    @property
    def is_draining(self) -> bool:
        """Whether this side has told the other that it drains."""
        return self.session.core.incoming.goaway is not None

    def parent_on(self, channel: object) -> int:
        """The id of the call, for calls on its own session."""
        return self.incoming.request.id if channel is self.session else 0

    @property
    def is_waiting(self) -> bool:
        """Whether it was neither started nor ended."""
        return self.incoming.state is IncomingState.PENDING

    def hold(self) -> bool:
        """Whether the session keeps the call until its peer takes replies again."""
        session = self.session
        if not session.outbox.is_congested or not self.is_waiting:
            return False
        session.hold(self)
        return True

    def start(self) -> bool:
        """Whether the handler may run."""
        return self.session.core.incoming.start(self.incoming)

    def reply(self, body: Body) -> None:
        """Answer with these bytes; too many for the other side are an error of their own."""
        session = self.session
        if len(body) > session.core.body_bytes:
            self.fail(session.oversized_reply(len(body)))
            return
        session.core.incoming.reply(self.incoming, body, None)
        session.dispatcher.touched(session)

    def fail(self, failure: Failure) -> None:
        """Answer with an error."""
        error = make_error(
            self.incoming.request.id,
            failure.code,
            failure.outcome,
            failure.text,
            failure.details,
            failure.error_id,
            failure.retry_after,
        )
        self.session.core.incoming.answer_error(self.incoming, error)
        self.session.dispatcher.touched(self.session)

    def finish(self) -> None:
        """End without an answer."""
        self.session.core.incoming.finish(self.incoming)
        self.session.dispatcher.touched(self.session)
