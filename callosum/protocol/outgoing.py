"""The calls that this side makes.

Laws: a call is registered before any of it leaves. It ends once: by the other side's outcome, by its caller, by its
deadline or with its session, whichever comes first; what comes later for it is dropped. Its outcome without an answer
follows from what was handed over and from nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, cast

from callosum.errors import (
    ConnectionLost,
    DeadlineExceeded,
    Outcome,
    ProtocolError,
    ResourceExhausted,
    Unavailable,
    rpc_error,
)
from callosum.protocol.assembly import Assembly, Refusal
from callosum.protocol.calls import (
    OUTGOING,
    IncomingCall,
    IncomingState,
    OutgoingCall,
    OutgoingEvent,
    OutgoingState,
)
from callosum.protocol.deadlines import Deadlines
from callosum.protocol.events import Event
from callosum.protocol.limits import Limits
from callosum.protocol.messages import ONEWAY, STREAMS, Cancel, CancelReason, Error, Fragment, Reply, Type
from callosum.protocol.outbox import Outbox
from callosum.protocol.stream import StreamingCall
from callosum.protocol.streams import Streams

_END: Final = OutgoingEvent.END
_ANSWERED: Final = OUTGOING[OutgoingState.SENT][_END]


class OutgoingCalls:
    """The calls of this side, from the queue to their outcome."""

    def __init__(
        self,
        limits: Limits,
        outbox: Outbox,
        deadlines: Deadlines,
        incoming: Mapping[int, IncomingCall],
        streams: Streams,
    ) -> None:
        self._outbox = outbox
        self._streams = streams
        self._outgoing = outbox.outgoing
        self._deadlines = deadlines
        self._incoming = incoming
        self._nested_limit = limits.nested_calls
        self._body_limit = limits.body_bytes
        self._assembly = Assembly(limits.body_bytes, limits.unfinished_bytes)
        self.handed_over = 1
        """All records below this number were handed over."""

    @property
    def under_way(self) -> Mapping[int, OutgoingCall]:
        """The calls that have an id and no outcome."""
        return self._outbox.outgoing

    # --- the caller's side --------------------------------------------------------------------------------------------

    def open(self, call: OutgoingCall) -> None:
        """Queue a call."""
        if call.deadline is not None:
            self._deadlines.add(call.deadline, call)
        if call.parent:
            self._open_nested(call)
        else:
            self._outbox.add_request(call)

    def open_ahead(self, call: OutgoingCall) -> None:
        """Queue a call that waits for no other."""
        if call.deadline is not None:
            self._deadlines.add(call.deadline, call)
        self._outbox.add_request_ahead(call)

    def _open_nested(self, call: OutgoingCall) -> None:
        parent = self._incoming.get(call.parent)
        if parent is None or parent.state is not IncomingState.RUNNING or parent.request.flags & ONEWAY:
            # a task that outlives its handler calls without it; a oneway has ended for its caller as soon as it left
            call.parent = 0
            self._outbox.add_request(call)
        elif parent.nested < self._nested_limit:
            parent.nested += 1
            self._outbox.add_request_ahead(call)
        else:
            if parent.waiting is None:
                parent.waiting = deque()
            parent.waiting.append(call)

    def cancel(self, call: OutgoingCall, reason: CancelReason) -> None:
        """The caller leaves. Nothing is left of a call that has no number yet; else the other side is told."""
        if call.state is OutgoingState.ENDED:
            return
        sent = call.state is OutgoingState.SENT
        self._assembly.drop((Type.REPLY, call.id))
        self._end(call)
        if sent:
            self._outbox.add_control(Cancel(call.id, reason))
        else:
            self._outbox.withdraw(call)
            call.body = b""  # it may lie in its queue for a while

    def release_waiting(self, parent: IncomingCall) -> None:
        """The handler has ended: its nested calls that have no number yet go as ordinary ones."""
        calls = self._outbox.disown(parent.request.id)
        while parent.waiting:
            call = parent.waiting.popleft()
            call.parent = 0
            calls.append(call)
        self._outbox.add_requests_first(calls)

    def expire(self, call: OutgoingCall, is_connected: bool, events: list[Event]) -> None:  # noqa: FBT001 - a fact
        """The deadline of a call has passed."""
        outcome = Outcome.NOT_SENT
        if call.last and (is_connected or call.first < self.handed_over):
            # what has a number is sent, or sent again; only what the other side has nothing of can be taken out yet
            outcome = Outcome.UNKNOWN
        late = "before it was sent" if outcome is Outcome.NOT_SENT else "before an answer came"
        call.failure = DeadlineExceeded(f"the deadline of {call.method} passed {late}", outcome=outcome)
        self.cancel(call, CancelReason.DEADLINE)
        events.append(call)

    def refuse_item(self, ident: int, text: str, events: list[Event]) -> None:
        """What the handler sends is too much for this side."""
        call = self._outgoing[ident]
        call.failure = ResourceExhausted(text, outcome=Outcome.EXECUTED)
        self.cancel(call, CancelReason.CANCELLED)
        events.append(call)

    def lose_patience(self, call: OutgoingCall, events: list[Event]) -> None:
        """A call without a deadline has waited for a connection long enough."""
        if call.state is OutgoingState.QUEUED:
            call.failure = Unavailable("not connected", outcome=Outcome.NOT_SENT)
            self.cancel(call, CancelReason.DEADLINE)
            events.append(call)

    def end_oneways(self, calls: list[OutgoingCall], events: list[Event]) -> None:
        """These were handed over: all that their callers wait for."""
        for call in calls:
            if call.state is not OutgoingState.ENDED:
                self._end(call)
                events.append(call)

    # --- the other side's answer --------------------------------------------------------------------------------------

    def on_reply(self, reply: Reply, events: list[Event]) -> None:
        """The outcome of a call, or the last fragment of it."""
        ident, outgoing = reply.id, self._outgoing
        call = outgoing.get(ident)
        if self._assembly.unfinished:
            key = (int(Type.REPLY), ident)
            if key in self._assembly.unfinished:
                _check_further(reply)
                if not self._add_fragment(key, reply.body, call, events):
                    return
                reply = cast(Reply, self._assembly.finish(key))
        if call is None:
            return
        if len(reply.body) > self._body_limit:
            self._refuse(call, Refusal.TOO_LARGE, events)
            return
        call.reply = reply
        if call.last and not call.parent and not call.flags & STREAMS:
            call.state = _ANSWERED
            del outgoing[ident]
        else:
            self._answered(call)
        events.append(call)

    def on_reply_fragment(self, fragment: Fragment, events: list[Event]) -> None:
        """A piece of a reply, but not the last."""
        key = (int(Type.REPLY), fragment.id)
        call = self._outbox.outgoing.get(fragment.id)
        if call is None:
            self._assembly.drop(key)
            return
        if key not in self._assembly.unfinished:
            self._assembly.begin(key, cast(Reply, fragment.message))
        else:
            _check_further(cast(Reply, fragment.message))
        self._add_fragment(key, fragment.body, call, events)

    def _add_fragment(
        self, key: tuple[int, int], body: bytes | memoryview, call: OutgoingCall | None, events: list[Event]
    ) -> bool:
        if call is None:
            self._assembly.drop(key)
            return False
        refusal = self._assembly.add(key, body)
        if refusal is None:
            return True
        self._refuse(call, refusal, events)
        return False

    def _refuse(self, call: OutgoingCall, refusal: Refusal, events: list[Event]) -> None:
        """The reply is too much for this side."""
        call.failure = ResourceExhausted(f"the reply {refusal.value}", outcome=Outcome.EXECUTED)
        self._answered(call)
        events.append(call)

    def on_error(self, error: Error, events: list[Event]) -> None:
        """The outcome of a call."""
        call = self._outbox.outgoing.get(error.id)
        if call is None:
            return
        self._assembly.drop((Type.REPLY, error.id))
        retry_after = None if error.retry_after_ms is None else error.retry_after_ms / 1000
        call.failure = rpc_error(error.code, error.text, error.details, error.outcome, error.error_id, retry_after)
        self._answered(call)
        events.append(call)

    def _answered(self, call: OutgoingCall) -> None:
        if not call.last:
            # the rest of its body stays here; the other side forgets the part that it has
            self._outbox.add_control(Cancel(call.id))
        self._end(call)

    # --- the end of the session ---------------------------------------------------------------------------------------

    def end_all(self, reason: str, events: list[Event]) -> None:
        """The session has ended: so does every call, with what is known of it."""
        calls = [*self.under_way.values(), *self._outbox.queued(), *self._outbox.queued_ahead(), *self._waiting()]
        for call in calls:
            if call.state is not OutgoingState.ENDED:
                call.failure = ConnectionLost(reason, outcome=call.outcome(self.handed_over))
                self._end(call)
                events.append(call)
        self._assembly.clear()

    def take_unsent(self, last_id: int | None = None) -> tuple[OutgoingCall, ...]:
        """End the calls without a parent that surely do not run here, and return their twins for another session.

        Without ``last_id`` these are the calls that were not handed over; where the other side drains, those that have
        no number or an id above its ``last_id``.
        """
        taken: dict[OutgoingCall, OutgoingCall] = {}
        for call in (*self.under_way.values(), *self._outbox.queued()):
            if call.state is OutgoingState.ENDED or call.parent or call in taken:
                continue
            if isinstance(call, StreamingCall) and call.stream.numbered:
                continue  # the items that left are gone from here
            if last_id is None:
                unsent = call.outcome(self.handed_over) is Outcome.NOT_SENT
            else:
                unsent = call.state is OutgoingState.QUEUED or call.id > last_id
            if unsent:
                taken[call] = call.twin()
        for call in taken:
            self.cancel(call, CancelReason.CANCELLED)
        return tuple(taken.values())

    def _waiting(self) -> list[OutgoingCall]:
        return [call for parent in self._incoming.values() for call in parent.waiting or ()]

    def _end(self, call: OutgoingCall) -> None:
        call.state = OUTGOING[call.state][_END]
        self._outbox.outgoing.pop(call.id, None)
        if call.flags & STREAMS:
            self._streams.caller_ended(call)
        if call.parent:
            self._release_nested(call, self._incoming.get(call.parent))

    def _release_nested(self, ended: OutgoingCall, parent: IncomingCall | None) -> None:
        """A nested call has ended: the next one that waits may leave."""
        if parent is None:
            return
        waiting = parent.waiting
        if waiting and ended in waiting:
            waiting.remove(ended)
        elif waiting:
            self._outbox.add_request_ahead(waiting.popleft())
        else:
            parent.nested -= 1


def _check_further(reply: Reply) -> None:
    """Only the assembly knows that this is no reply of its own: the headers of both look alike."""
    if reply.compression:
        raise ProtocolError(f"a further fragment of the reply {reply.id} names a compression of its own")
