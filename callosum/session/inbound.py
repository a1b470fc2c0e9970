"""A call that came over a session, as the dispatcher sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from callosum.channel import Channel, Failure, Inbound, ItemStream
from callosum.context import Call
from callosum.protocol.calls import IncomingCall, IncomingState
from callosum.protocol.incoming import make_error
from callosum.protocol.messages import Request
from callosum.service import Body
from callosum.session.streams import HandlerStream

if TYPE_CHECKING:
    from callosum.session.session import Session


class SessionInbound(IncomingCall, Inbound):
    """A call in the table of the session's core, and what the dispatcher sees of it; answers leave when it pauses."""

    __slots__ = ("_call", "arguments", "peer", "place", "session", "since", "target", "worker")

    def __init__(self, session: Session, request: Request, state: IncomingState, size: int) -> None:
        self.request = request
        self.state = state
        self.size = size
        self.nested = 0
        self.waiting = None
        self.session = session
        self.peer = session.peer
        self.worker = None
        self.place = None
        self._call: Call | None = None

    @property
    def call(self) -> Call:
        """The call as its handler sees it."""
        if self._call is None:
            request = self.request
            metadata = request.metadata or {}
            self._call = Call(self.target.method, self.peer, metadata, request.key, request.deadline, self)
            self._call.arguments = self.arguments
        return self._call

    @property
    def lane(self) -> Any:  # the dispatcher's own
        """What the dispatcher has for its session."""
        return self.session.lane

    def makers(self) -> Iterator[SessionInbound]:
        """The calls of this side in whose handlers it is made; those of one session, since a parent is named there."""
        made: SessionInbound | None = self
        while made is not None and made.request.parent:
            outgoing = made.session.core.outgoing.under_way.get(made.request.parent)
            # a call that is made in no handler has a waiter without a maker, and one whose caller left has no waiter
            made = None if outgoing is None else getattr(outgoing.waiter, "maker", None)
            if made is not None:
                yield made

    @property
    def is_draining(self) -> bool:
        """Whether this side has told the other that it drains."""
        return self.session.core.incoming.goaway is not None

    def way_to(self, channel: Channel) -> tuple[Channel, int]:
        """Back to the caller it goes over the call's own session, also where that drains and a newer one is open."""
        session = self.session
        if channel is session or (
            self.state is IncomingState.RUNNING and isinstance(channel, type(session)) and channel.peer is self.peer
        ):
            return session, self.request.id
        return channel, 0

    @property
    def is_waiting(self) -> bool:
        """Whether it was neither started nor ended."""
        return self.state is IncomingState.PENDING

    def hold(self) -> bool:
        """Whether the session keeps the call until its peer takes replies again."""
        session = self.session
        if not session.outbox.is_congested or not self.is_waiting:
            return False
        session.hold(self)
        return True

    def unpacked(self) -> AbstractContextManager[Body]:
        """The body of a request that is compressed, for as long as its handler runs."""
        return self.session.packing.unpacked(self.request)

    @property
    def items(self) -> ItemStream | None:
        """The end of its streams, where it has any and its caller is there."""
        stream = self.session.core.streams.incoming(self)
        return None if stream is None else HandlerStream(self.session, stream, self.request)

    def reply(self, body: Body) -> None:
        """Answer with these bytes; too many for the other side are an error of their own."""
        session = self.session
        compression = 0
        if len(body) > session.small_reply:
            if len(body) > session.core.body_bytes:
                self.fail(session.oversized_reply(len(body)))
                return
            body, compression = session.packing.pack_reply(body, self.request)
        session.core.incoming.reply(self, body, None, compression)
        session.dispatcher.touched(session)

    def is_departing(self, then: Callable[[], None]) -> bool:
        """Whether its answer leaves in fragments: what is small leaves before what is left of them."""
        session, ident = self.session, self.request.id
        if not session.outbox.is_leaving(ident):
            return False
        session.departing[ident] = then
        return True

    def fail(self, failure: Failure) -> None:
        """Answer with an error."""
        error = make_error(
            self.request.id,
            failure.code,
            failure.outcome,
            failure.text,
            failure.details,
            failure.error_id,
            failure.retry_after,
        )
        self.session.core.incoming.answer_error(self, error)
        self.session.dispatcher.touched(self.session)

    def finish(self) -> None:
        """End without an answer."""
        self.session.core.incoming.finish(self)
        self.session.dispatcher.touched(self.session)
