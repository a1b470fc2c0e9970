"""The core of a session: bytes and verbs in, bytes and events out. It has no clock, no socket and no task.

Its owner calls, in any order, and after each of them sends what `frames_to_send` gives until that is None:

- ``dial`` or ``accept`` when there is a new connection, ``detach`` when it broke;
- ``receive`` with each batch that arrives;
- ``open_call`` and ``outgoing.cancel`` for the calls that it makes, a call's own ``start``, and ``reply``,
  ``answer_error`` or ``finish`` of ``incoming`` for those that it serves;
- ``on_timer`` at the instant that ``next_timer`` names;
- ``handed_over`` each time the connection took a batch. A batch that it refused is offered again, unchanged.

Laws:
1. What has a number is sent until it is acknowledged or the session has ended, in order, on whatever connection.
2. Only a WELCOME with ``resumed`` permits to send again. When a session ends, what was not handed over surely did not
   run; of all else nothing is known.
3. Nothing that arrives on a connection that was given up is looked at: its owner does not pass it on.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Final

from callosum.errors import Code, ProtocolError
from callosum.protocol import headers, wire
from callosum.protocol.calls import (
    SESSION,
    IncomingCall,
    IncomingState,
    OutgoingCall,
    SessionEvent,
    SessionState,
)
from callosum.protocol.deadlines import Deadlines
from callosum.protocol.departure import Departure
from callosum.protocol.events import Broken, Draining, Ended, Event, NotResumed, Opened, Resumed
from callosum.protocol.handshake import Agreement, Terms, agree, make_hello
from callosum.protocol.incoming import IncomingCalls
from callosum.protocol.liveness import Liveness, Verdict
from callosum.protocol.messages import (
    SESSION_ENDING,
    UNNUMBERED,
    VERSION,
    Cancel,
    Credit,
    End,
    Error,
    Extension,
    Fragment,
    GoAway,
    Hello,
    Item,
    Message,
    Offer,
    Ping,
    Pong,
    Reply,
    Request,
    Reset,
    ResetCode,
    Resumption,
    StreamCredit,
    Type,
    Void,
    Welcome,
)
from callosum.protocol.outbox import Gate, Outbox
from callosum.protocol.outgoing import OutgoingCalls
from callosum.protocol.positions import Gap, Receipt, ResendBuffer, SentBatch
from callosum.protocol.replay import Replay
from callosum.protocol.streams import Streams
from callosum.protocol.transit import Transit
from callosum.protocol.wire import clock_ms

Frame = bytes | memoryview
_OPEN: Final = SessionState.OPEN


class Role(enum.Enum):
    """Which end of the session this is: the first of its call ids."""

    CONNECTOR = 1
    LISTENER = 2


class SessionCore:
    """One end of a session."""

    def __init__(self, role: Role, terms: Terms, resend: ResendBuffer | None = None) -> None:
        self.role = role
        self.terms = terms
        self.state = SessionState.NEW
        self.session = 0
        self.token = b""
        self.attempt = 0
        """The newest attempt to connect."""
        self.hello: Hello | None = None
        """What the connector said."""
        self.goaway: GoAway | None = None
        """What the other side told about draining."""
        self.gate = Gate.OPEN
        """Set to AHEAD while ``on_connect`` runs."""
        self.skipped = 0
        """Records of unknown extensions that were skipped."""
        self.body_bytes = terms.limits.body_bytes
        """The largest body that the other side takes; our own limit while that is not known."""
        self.compressions: tuple[str, ...] = ()
        """What the other side decompresses; nothing while that is not known."""
        self.own_lag_ms = 0
        """How late the timer of this side was called last: what PING and PONG tell the other side."""
        self.lag_ms = 0
        """How late the other side's event loop runs, by its own account."""
        limits = terms.limits
        self._resend = resend if resend is not None else ResendBuffer()
        self._deadlines = Deadlines()
        self.outbox = Outbox(role.value, limits, self._resend)
        self.streams = Streams(role.value, limits, self.outbox)
        self.incoming = IncomingCalls(3 - role.value, limits, self.outbox, self._deadlines, self.streams)
        self.outgoing = OutgoingCalls(limits, self.outbox, self._deadlines, self.incoming.calls, self.streams)
        self._receipt = Receipt(limits.ack_records, limits.ack_bytes, limits.ack_delay)
        self._transit = Transit()
        self._liveness: Liveness | None = None
        self._agreement: Agreement | None = None
        self._offered: Departure | None = None
        """The batch that the connection has not taken yet."""
        self._greeting: Departure | None = None
        """The HELLO or WELCOME that has not left yet."""
        self._replay = Replay(self.outbox, self.outgoing, self.streams)
        self._detached_at = 0.0
        self._attached_at = 0.0
        self._stalled_before = 0.0
        self._ping = 0
        self._woken_at = math.inf
        """Since when there are streams to tell that they may send again; infinity where there are none."""
        self.incoming.release = self.outgoing.release_waiting
        self.streams.is_begun = self._is_begun
        self.streams.refuse = self._refuse_item

    # --- connections --------------------------------------------------------------------------------------------------

    def dial(self, now: float, gives_up: Resumption | None = None) -> None:
        """The connector has a new connection: a HELLO is next, which resumes where there is something to resume.

        ``gives_up`` names an ended session that the other side need not keep any longer.
        """
        self._move(SessionEvent.DIAL)
        self.attempt += 1
        resumption = gives_up
        if self.state is SessionState.RESUMING:
            resumption = Resumption(self.session, self.token, self._receipt.expected)
        self.hello = make_hello(self.terms, self.attempt, resumption)
        self._attach(now, self.terms.heartbeat if self._agreement is None else self._agreement.heartbeat)
        self._greeting = _greeting(self.hello, now)

    def accept(self, hello: Hello, welcome: Welcome, now: float) -> None:
        """The listener admits a connection with this answer, as a fresh session or to resume this one.

        Raises:
            ProtocolError: The other side expects records that are not kept; nothing has changed.
        """
        if welcome.resumed and hello.resumption is not None:
            batches = self._resend.batches_from(hello.resumption.received or 0)
            if self.state is SessionState.OPEN:
                self.detach(now)  # it takes over from a connection that only seems alive
            self._move(SessionEvent.ACCEPT)
            self._resume(hello.resumption.received or 0, batches, now)
        else:
            self._move(SessionEvent.ACCEPT)
            self.session, self.token = welcome.session, welcome.token
            self._agree(welcome, hello.window_calls, hello.window_bytes)
            self.compressions = hello.compressions
        self.hello = hello
        self.attempt = hello.attempt
        self._attach(now, self._agreed.heartbeat)
        self._greeting = _greeting(welcome, now)

    def welcomed(self, hello: Hello, welcome: Welcome, now: float, events: list[Event]) -> None:
        """The connector's fresh session begins with this answer, which another session's HELLO was given."""
        self._move(SessionEvent.DIAL)
        self.hello, self.attempt = hello, hello.attempt
        self._attach(now, self.terms.heartbeat)
        self._on_welcome(welcome, now, events)

    def detach(self, now: float) -> list[Event]:
        """The connection is gone."""
        events: list[Event] = []
        self._liveness = None
        self._deadlines.wake_by(now)
        self._offered = self._greeting = None
        self._replay.clear()
        if self.state is SessionState.OPENING:
            return self.end("the connection broke before the session opened")
        if self._resend.stalled_since is not None and self.state is SessionState.OPEN:
            self._stalled_before += now - max(self._resend.stalled_since, self._attached_at)
        if SessionEvent.BREAK in SESSION[self.state]:
            if self.state is SessionState.OPEN:
                self._detached_at = now
                self._watch_patience(now)
            self._move(SessionEvent.BREAK)
        return events

    def _attach(self, now: float, heartbeat: float) -> None:
        self._liveness = Liveness(heartbeat, now)
        self._deadlines.wake_by(now)
        self._transit = Transit()
        self._attached_at = now

    def _agree(self, welcome: Welcome, window_calls: int, window_bytes: int) -> None:
        self._agreement = agree(welcome, window_calls, window_bytes)
        self.body_bytes = self._agreement.body_bytes
        self.outbox.window.take_back(window_calls, window_bytes)

    @property
    def _agreed(self) -> Agreement:
        assert self._agreement is not None, "the session has been open"
        return self._agreement

    @property
    def grace(self) -> float:
        """Seconds for which the session is kept without a connection."""
        return self.terms.grace if self._agreement is None else self._agreement.grace

    @property
    def grace_ends(self) -> float:
        """When a detached session ends."""
        return self._detached_at + self.grace

    def _move(self, event: SessionEvent) -> None:
        self.state = SESSION[self.state][event]

    # --- resuming -----------------------------------------------------------------------------------------------------

    def _resume(self, received: int, batches: Sequence[SentBatch], now: float) -> None:
        if self._resend.acknowledge(received, now):
            self._stalled_before = 0.0
        self._replay.begin(batches, received)

    # --- sending ------------------------------------------------------------------------------------------------------

    def frames_to_send(self, now: float) -> list[Frame] | None:
        """The next batch to hand to the connection, or None. Until `handed_over` it is the same one."""
        offered = self._offered
        if offered is None:
            if self._greeting is not None:
                offered = self._greeting
            elif self.state is not _OPEN:
                return None
            elif self._replay:
                offered = self._replay.next_batch(self._receipt.acknowledged(), now)
            else:
                offered = self._compose(now)
                if offered is None:
                    return None
            self._offered = offered
        return offered.frames

    def _compose(self, now: float) -> Departure | None:
        """A batch of what waits to leave or, where nothing does and it is time, of an acknowledgement alone."""
        resend, liveness = self._resend, self._liveness
        if self.streams.woken:
            self._woken_at = now  # they are told by the timer: what made room for them gives no events
            self._deadlines.wake_by(now)
        gate = Gate.SHUT if liveness is not None and liveness.suspect else self.gate
        departure = self.outbox.compose(gate, now)
        if departure is not None:
            first = resend.append(departure.messages, departure.size, departure.bulk, now)
            departure.end = resend.next
            if resend.stalled_since is now:
                self._deadlines.wake_by(now + self.terms.limits.stall_timeout)
        elif self._receipt.due <= now:
            departure, first = Departure(), resend.next
        else:
            return None
        departure.finish(first, self._receipt.acknowledged(), clock_ms(now))
        return departure

    def handed_over(self) -> list[Event]:
        """The connection has taken the batch that `frames_to_send` gave. Returns the oneways that end with it."""
        offered = self._offered
        assert offered is not None, "a batch was offered"
        self._offered = None
        if offered is self._greeting:
            self._greeting = None
        outgoing = self.outgoing
        if offered.end > outgoing.handed_over:
            outgoing.handed_over = offered.end
        events: list[Event] = []
        if offered.oneways:
            outgoing.end_oneways(offered.oneways, events)
        return events

    # --- calls --------------------------------------------------------------------------------------------------------

    def open_call(self, call: OutgoingCall, now: float) -> None:
        """Queue a call; it is registered before anything of it leaves."""
        if call.deadline is None and not call.parent:
            self.outbox.add_request(call)
        else:
            self.outgoing.open(call)
        if self.state is not SessionState.OPEN:
            self._watch(call, now)

    def open_call_ahead(self, call: OutgoingCall) -> None:
        """Queue a call of ``on_connect``: it waits for no other."""
        self.outgoing.open_ahead(call)

    def _watch_patience(self, now: float) -> None:
        for call in self.outbox.queued():
            self._watch(call, now)

    def _watch(self, call: OutgoingCall, now: float) -> None:
        patience = self.terms.patience
        if patience is not None and call.deadline is None:
            self._deadlines.add(now + patience, call)

    @property
    def in_flight(self) -> int:
        """How many calls are under way, in both directions."""
        return len(self.outbox.outgoing) + len(self.incoming.calls)

    @property
    def is_congested(self) -> bool:
        """Whether the other side takes replies so slowly that no further handler should start for it."""
        return self.outbox.is_congested

    @property
    def unacknowledged(self) -> int:
        """How many records the other side has not acknowledged."""
        return self._resend.records

    @property
    def last_number(self) -> int:
        """The number of the newest record."""
        return self._resend.next - 1

    @property
    def acknowledged(self) -> int:
        """The number of the newest record that the other side has."""
        return self._resend.acknowledged - 1

    @property
    def expected(self) -> int:
        """The number of the next record that has not arrived."""
        return self._receipt.expected

    def is_settled(self) -> bool:
        """Whether a session that drains has nothing more to wait for."""
        if self.state is SessionState.OPEN:
            return self.is_flushed and not self.unacknowledged
        if self.role is Role.CONNECTOR:
            return True
        return not self.unacknowledged and not self.outbox.has_replies

    @property
    def is_flushed(self) -> bool:
        """Whether nothing waits to leave."""
        return self.outbox.is_empty and self._offered is None and not self._replay

    # --- the end ------------------------------------------------------------------------------------------------------

    def go_away(self, reason: str) -> None:
        """Drain: the other side is told, and its later calls are rejected."""
        if self.incoming.goaway is None:
            goaway = GoAway(self.incoming.last_id, round(self.grace * 1000), reason)
            self.incoming.goaway = goaway
            self.outbox.add_control(goaway)

    def reset(self, code: ResetCode, text: str, now: float) -> list[Event]:
        """Close the connection with a RESET, and end the session where the code ends it."""
        farewell = self._farewell(code, text, now)
        events: list[Event] = [Broken(text, code, farewell)]
        if code in SESSION_ENDING:
            events += self.end(text)
        return events

    def _farewell(self, code: ResetCode, text: str, now: float) -> list[Frame]:
        if self.state is SessionState.OPEN:
            ack = self._receipt.acknowledged()
            return wire.encode([Reset(code, text)], self._resend.next, ack, clock_ms(now))
        return wire.encode([Reset(code, text)], sent_ms=clock_ms(now))

    def end(self, reason: str) -> list[Event]:
        """End the session here and now; calls end with what is known of them."""
        if self.state is SessionState.ENDED:
            return []
        self._move(SessionEvent.END)
        events: list[Event] = []
        unsent = self.outgoing.take_unsent() if self.role is Role.CONNECTOR else ()
        self.outgoing.end_all(reason, events)
        self.incoming.end_all(events)
        self.streams.clear()
        self.outbox.clear()
        self._deadlines.clear()
        self._resend.clear()
        self._replay.clear()
        self._liveness = None
        self._offered = self._greeting = None
        events.append(Ended(reason, unsent))
        return events

    # --- time ---------------------------------------------------------------------------------------------------------

    def next_timer(self) -> float:
        """The instant at which `on_timer` must be called; infinity where nothing waits for time to pass.

        It need not be asked for again before `wake_at` is earlier than what it gave.
        """
        instants = [self._woken_at]
        first = self._deadlines.first()
        if first is not None:
            instants.append(first)
        if self._liveness is not None:
            instants.append(self._liveness.next_timer())
        if self.state is SessionState.OPEN:
            if self._offered is None:  # else an acknowledgement waits until the connection takes batches again
                instants.append(self._receipt.due)
            if self._resend.stalled_since is not None:
                instants.append(self._stall_instant())
        elif self.state in (SessionState.DETACHED, SessionState.RESUMING):
            instants.append(self.grace_ends)
        self._deadlines.wake_at = min(instants)
        return self._deadlines.wake_at

    @property
    def wake_at(self) -> float:
        """An instant before which nothing is due: cheaper than `next_timer`, and maybe too early."""
        return min(self._deadlines.wake_at, self._receipt.due)

    def on_timer(self, now: float) -> list[Event]:
        """Time has passed: deadlines, silence, a stalled link, the end of the grace time."""
        events: list[Event] = [*self.streams.take_woken()]
        self._woken_at = math.inf
        try:
            self._expire_calls(now, events)
        except ProtocolError as error:  # too many bodies that nobody waits for are still arriving
            return events + self.reset(ResetCode.PROTOCOL, str(error), now)
        if self.state in (SessionState.DETACHED, SessionState.RESUMING) and now >= self.grace_ends:
            if self._liveness is not None:
                events.append(Broken("the grace time is over"))
            return events + self.end("the connection was lost for longer than the grace time")
        if self._liveness is not None and not self._check_liveness(self._liveness, now, events):
            return events
        if self.state is SessionState.OPEN and self._resend.stalled_since is not None:
            self._check_stall(now, events)
        self._check_backlog(now, events)
        return events

    def _expire_calls(self, now: float, events: list[Event]) -> None:
        for call in self._deadlines.expired(now):
            if isinstance(call, IncomingCall):
                self.incoming.expire(call, events)
            elif call.deadline is not None:
                self.outgoing.expire(call, self.state is SessionState.OPEN, events)
            elif self.state is not SessionState.OPEN:
                self.outgoing.lose_patience(call, events)

    def _check_liveness(self, liveness: Liveness, now: float, events: list[Event]) -> bool:
        verdict = liveness.on_timer(now)
        if verdict is Verdict.ASK and self.state is SessionState.OPEN:
            self._ping += 1
            self.outbox.add_control(Ping(self._ping, self.own_lag_ms))
        elif verdict is Verdict.DEAD:
            events.append(Broken("the other side is silent"))
            return False
        return True

    def _stall_instant(self) -> float:
        since = self._resend.stalled_since
        assert since is not None, "only asked where something is unacknowledged"
        return max(since, self._attached_at) + self.terms.limits.stall_timeout

    def _check_stall(self, now: float, events: list[Event]) -> None:
        if now < self._stall_instant():
            return
        stalled = self._stalled_before + self.terms.limits.stall_timeout
        if stalled >= self.grace:
            events += self.reset(ResetCode.SLOW, f"no record was acknowledged for {stalled:.0f} s", now)
        else:
            events.append(Broken("the other side acknowledges nothing"))

    # --- receiving ----------------------------------------------------------------------------------------------------

    def receive(self, frames: Sequence[Frame], now: float) -> list[Event]:
        """One batch has arrived. Never raises; what is wrong with it ends in a `Broken` and, mostly, an `Ended`."""
        events: list[Event] = []
        liveness = self._liveness
        if liveness is None:
            return events
        try:
            batch = wire.decode(frames)
            if liveness.suspect:  # the next PING is due before the death that was waited for
                self._deadlines.wake_by(now + liveness.heartbeat)
            liveness.heard(now)
            if self.state is _OPEN or self.state is SessionState.OPENING:
                self._receive_batch(batch, now, events)
            else:
                self._receive_answer(batch, now, events)
        except ProtocolError as error:
            events += self.reset(ResetCode.PROTOCOL, str(error), now)
        except Gap as gap:
            events.append(Broken(str(gap)))
        if self.outbox.is_overdrawn:
            self._check_backlog(now, events)
        return events

    def _check_backlog(self, now: float, events: list[Event]) -> None:
        """Who lets even the reserve for control records run full is cut off, so that memory stays bounded."""
        if self.outbox.is_overdrawn and self.state is not SessionState.ENDED:
            events += self.reset(ResetCode.SLOW, "the other side does not take what it asked for", now)

    def _receive_answer(self, batch: wire.Batch, now: float, events: list[Event]) -> None:
        """What answers a HELLO."""
        if len(batch.messages) != 1:
            raise ProtocolError("a HELLO is answered by one WELCOME or RESET")
        self._transit.delay(batch.sent_ms, clock_ms(now))
        answer = batch.messages[0]
        if isinstance(answer, Welcome):
            self._on_welcome(answer, now, events)
        elif isinstance(answer, Reset):
            self._on_reset(answer, events)
        else:
            raise ProtocolError(f"a HELLO is answered by {type(answer).__name__}")

    def _on_welcome(self, welcome: Welcome, now: float, events: list[Event]) -> None:
        if welcome.version != VERSION:
            raise ProtocolError(f"the other side chose version {welcome.version}; this side offered {VERSION}")
        self._deadlines.wake_by(now)
        if self.state is SessionState.RESUMING:
            if not welcome.resumed:
                hello = self.hello
                assert hello is not None, "a HELLO was answered"
                ended = self.end("the other side does not know the session any more")
                events.append(NotResumed(hello, welcome))
                events += ended
                return
            batches = self._resend.batches_from(welcome.received)
            self._move(SessionEvent.WELCOME)
            self._attached_at = now  # before, nothing could be acknowledged
            self._resume(welcome.received, batches, now)
            events.append(Resumed())
            return
        if welcome.resumed:
            raise ProtocolError("a fresh session was answered as resumed")
        self._move(SessionEvent.WELCOME)
        self.session, self.token = welcome.session, welcome.token
        self._agree(welcome, welcome.window_calls, welcome.window_bytes)
        self.compressions = welcome.compressions
        self._liveness = Liveness(self._agreed.heartbeat, now)
        self.outbox.add_first(Offer(self.terms.services))
        events.append(Opened(welcome.services))

    def _receive_batch(self, batch: wire.Batch, now: float, events: list[Event]) -> None:
        resend = self._resend
        if batch.ack > resend.acknowledged and resend.acknowledge(batch.ack, now):
            self._stalled_before = 0.0
        old = self._receipt.accept(batch.seq, batch.numbered, batch.size, now)
        delay_ms = self._transit.delay(batch.sent_ms, clock_ms(now))
        incoming, outgoing = self.incoming, self.outgoing
        for message in batch.messages:
            kind = type(message)
            if old and kind not in UNNUMBERED:
                old -= 1
            elif self.state is not _OPEN and kind is not Reset:
                self._receive_opening(message, events)
            elif isinstance(message, Reply):
                outgoing.on_reply(message, events)
            elif isinstance(message, Request):
                incoming.arrive(message, delay_ms, now, events)
            elif isinstance(message, Item):
                self.streams.arrive(message, events)
            elif isinstance(message, Reset):
                self._on_reset(message, events)
                return  # nothing comes after it
            else:
                self._receive_other(message, delay_ms, now, events)

    def _receive_opening(self, message: Message, events: list[Event]) -> None:
        """Until the OFFER has come, the listener takes nothing else."""
        if isinstance(message, Offer):
            self._move(SessionEvent.OFFER)
            events.append(Opened(message.services))
        else:
            raise ProtocolError(f"a fresh session begins with its OFFER, not with {type(message).__name__}")

    def _receive_other(self, message: Message, delay_ms: int, now: float, events: list[Event]) -> None:
        match message:
            case Fragment():
                if message.type == Type.REQUEST:
                    self.incoming.arrive_fragment(message, delay_ms, now, events)
                elif message.type == Type.ITEM:
                    self.streams.arrive_fragment(message, events)
                else:
                    self.outgoing.on_reply_fragment(message, events)
            case Error():
                self.outgoing.on_error(message, events)
            case Cancel():
                self.incoming.cancel(message.id, events)
            case Credit():
                self.outbox.window.take_back(message.calls, message.size)
            case StreamCredit() | End():
                self.streams.on_control(message, events)
            case Ping():
                self.lag_ms = message.lag_ms
                self.outbox.add_control(Pong(message.number, self.own_lag_ms))
            case Pong():
                self.lag_ms = message.lag_ms
            case GoAway():
                self.goaway = message
                self._receipt.hasten(now)  # it closes once this is acknowledged
                # here and now: the batch may go on with the refusals of these calls
                unsent = self.outgoing.take_unsent(message.last_id) if self.role is Role.CONNECTOR else ()
                events.append(Draining(message, unsent))
            case Extension():
                self.skipped += 1
            case Void():
                pass
            case Hello() | Welcome() | Offer():
                raise ProtocolError(f"a {type(message).__name__} in an open session")
            case Request() | Item() | Reply() | Reset():
                raise AssertionError("these were taken before")

    def _is_begun(self, ident: int) -> bool:
        """Whether the whole REQUEST of a call has passed, so that there may be items of it."""
        if ident % 2 == self.role.value % 2:
            call = self.outbox.outgoing.get(ident)
            return 0 < ident <= self.outbox.last_id and (call is None or call.last > 0)
        served = self.incoming.calls.get(ident)
        return 0 < ident <= self.incoming.last_id and (served is None or served.state is not IncomingState.ARRIVING)

    def _refuse_item(self, ident: int, code: Code, text: str, events: list[Event]) -> None:
        if ident % 2 == self.role.value % 2:
            self.outgoing.refuse_item(ident, text, events)
        else:
            self.incoming.refuse_item(ident, code, text, events)

    def _on_reset(self, reset: Reset, events: list[Event]) -> None:
        text = reset.text or f"the other side closed the connection: {reset.code}"
        events.append(Broken(text, reset.code))
        if reset.code in SESSION_ENDING:
            events += self.end(text)


def _greeting(message: Hello | Welcome, now: float) -> Departure:
    departure = Departure()
    header, body = headers.header_and_body(message)
    departure.add(header, body)
    departure.finish(0, 0, clock_ms(now))
    return departure
