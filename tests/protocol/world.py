"""Two endpoints without I/O: cores joined by a link that delays, refuses, cuts and loses, and a clock that is stepped.

It plays the endpoints' part as `listening` and `connecting` do, and judges what comes out: see `World.check_end`.
"""

from __future__ import annotations

import math
import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from callosum.errors import CallosumError, Code, ConnectionLost, Outcome, RpcError, Unavailable
from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, OutgoingState, SessionState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Broken, Draining, Ended, Event, NotResumed, Opened, Refused, Resumed
from callosum.protocol.handshake import Terms, make_welcome, names_session
from callosum.protocol.incoming import make_error
from callosum.protocol.limits import MIB, Limits
from callosum.protocol.messages import (
    ITEMS_FOLLOW,
    ITEMS_WANTED,
    ONEWAY,
    STREAMS,
    CancelReason,
    Hello,
    Request,
    Reset,
    ResetCode,
    Resumption,
)
from callosum.protocol.outbox import Gate
from callosum.protocol.stream import Stream, StreamingCall
from tests.protocol.flows import Flow, Log, patched

BLOB: Final = random.Random(1).randbytes(9 * MIB)
UNORDERED: Final = "n"
"""The key of nested calls: of several handlers, of which some wait, no order is promised."""
AHEAD: Final = "x"
"""The key of calls of ``on_connect``."""
HANDSHAKE_TIMEOUT: Final = 5.0
GRACE: Final = 6.0
LEGITIMATE: Final = (
    "the connection was lost for longer than the grace time",
    "no record was acknowledged",
    "no OFFER in time",
    "drained",
    "the other side gave the session up",
    "the other side does not know the session any more",
    "the connection broke before the session opened",
    "the line is closed",
)
"""Why a session may end here; everything else is a fault."""

totals: Counter[str] = Counter()
"""Steps and faults of all worlds of this process."""


def body_of(uid: int, size: int) -> memoryview:
    """The bytes that only this call has."""
    start = uid % 4096
    return memoryview(BLOB)[start : start + size]


@dataclass(eq=False)
class Made:
    """A call as its caller sees it."""

    uid: int
    side: str
    size: int
    oneway: bool
    timeout: float | None
    key: str | None
    nested_in: Handler | None
    call: OutgoingCall | None = None
    session: Sess | None = None
    cancelled: bool = False
    gone: bool = False
    """Its process was restarted."""
    result: str = ""
    outcome: Outcome | None = None
    reply_size: int = -1
    flow: Flow | None = None
    """The caller's end, where it streams."""
    items: Log = field(default_factory=Log)
    """What the caller has sent."""
    given: Log = field(default_factory=Log)
    """What the handler has sent."""

    @property
    def is_over(self) -> bool:
        return bool(self.result) or self.cancelled or self.gone


class Conn:
    """A connection: two queues, and what either end believes of it."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[list[bytes] | None]] = {"C": deque(), "L": deque()}
        """By the end that receives; None is the end of the connection."""
        self.blocked = {"C": False, "L": False}
        """By the end that sends."""
        self.open = {"C": True, "L": True}
        self.owner: dict[str, Sess | None] = {"C": None, "L": None}
        self.dead = False

    def send(self, side: str, frames: Sequence[bytes | memoryview]) -> bool:
        if self.blocked[side]:
            totals["refused sends"] += 1
            return False
        if not self.dead and self.open[side]:
            self.queues[other(side)].append([bytes(frame) for frame in frames])
        return True

    def close(self, side: str) -> None:
        self.open[side] = False
        self.owner[side] = None
        self.queues[side].clear()
        if not self.dead:
            self.queues[other(side)].append(None)

    def cut(self, noticed: Sequence[str]) -> None:
        self.dead = True
        for side, queue in self.queues.items():
            totals["lost batches"] += len(queue)
            queue.clear()
            if side in noticed and self.open[side]:
                queue.append(None)

    @property
    def is_over(self) -> bool:
        return not any(self.queues.values()) and not (self.open["C"] or self.open["L"])


@dataclass(eq=False)
class Handler:
    """A call that is being served."""

    session: Sess
    call: IncomingCall
    uid: int
    running: bool = False
    abandoned: bool = False
    children: list[Made] = field(default_factory=list)
    flow: Flow | None = None
    """The handler's end, where the call streams."""


class Sess:
    """What `session.Session` is to a core; for a connector also what its line knows."""

    def __init__(self, side: str, terms: Terms) -> None:
        self.side = side
        self.core = SessionCore(Role.CONNECTOR if side == "C" else Role.LISTENER, terms)
        self.conn: Conn | None = None
        self.armed = math.inf
        self.handlers: dict[IncomingCall, Handler] = {}
        self.draining = False
        self.open_until = math.inf
        self.retired = False
        self.gives_up: Resumption | None = None
        self.passed_on: tuple[Conn, NotResumed] | None = None
        self.refused: bytes | None = None
        self.arrived: dict[tuple[str, str], int] = {}
        self.partner: Sess | None = None
        self.core.incoming.make_call = self.make_call
        self.last_id = 0
        self.order: dict[int, int] = {}
        self.adopted: set[int] = set()

    def make_call(self, request: Request, state: IncomingState, size: int) -> IncomingCall:
        assert request.id > self.last_id, "ids grow"
        self.last_id = request.id
        uid = uid_of(request)
        if isinstance(request.key, str) and request.key != UNORDERED:
            assert self.partner is not None
            place = self.partner.order[uid]
            if request.key == AHEAD and uid in self.partner.adopted:
                return IncomingCall(request, state, size)  # an ordinary call by now: others may go ahead of it
            assert place > self.arrived.get((self.side, request.key), -1), f"key {request.key} out of order"
            self.arrived[self.side, request.key] = place
        return IncomingCall(request, state, size)


def other(side: str) -> str:
    return "L" if side == "C" else "C"


def uid_of(request: Request) -> int:
    return int(request.method.removeprefix("S/"))


@dataclass(frozen=True)
class Profile:
    """What may happen in a world."""

    cuts: bool = True
    restarts: bool = True
    long_pauses: bool = True
    drains: bool = True
    limits: Limits = field(default_factory=Limits)
    patience: float | None = None
    greets: bool = False
    """Whether ``on_connect`` runs first."""
    body_unit: int = 1000
    """Bodies are up to a few times as long."""
    streams: float = 0.3
    """How many calls stream."""

    @property
    def is_calm(self) -> bool:
        """Whether every session that is cut meets its other end again in time."""
        return not (self.restarts or self.long_pauses or self.drains)


class World:
    def __init__(self, seed: int, profile: Profile) -> None:
        self.random = random.Random(seed)
        self.profile = profile
        self.terms = Terms(profile.limits, heartbeat=0.5, grace=GRACE, patience=profile.patience)
        self.now = 1000.0 + self.random.random() * 5000
        self.made: dict[int, Made] = {}
        self.unread: dict[Flow, Made] = {}
        """Streams of calls that are over, of which not all was read."""
        self.live: dict[int, Made] = {}
        self.journal: Counter[int] = Counter()
        self.conns: list[Conn] = []
        self.sessions: dict[int, Sess] = {}
        self.last_session = 0
        self.listener_drains = False
        self.connector_closes = False
        self.lines: list[Sess] = []
        self.calm = False
        """The end has begun: no faults any more."""
        self.ended_early = False
        self.new_line()

    # --- the connector ------------------------------------------------------------------------------------------------

    def new_line(self) -> Sess:
        line = Sess("C", self.terms)
        if self.profile.greets:
            line.core.gate = Gate.AHEAD
        self.lines.append(line)
        return line

    def dial(self, line: Sess) -> None:
        if line.core.state not in (SessionState.NEW, SessionState.DETACHED):
            return
        totals["dials"] += 1
        conn = Conn()
        self.conns.append(conn)
        conn.owner["C"] = line
        line.conn, line.refused = conn, None
        line.core.dial(self.now, line.gives_up)
        self.flush(line)

    def adopt(self, calls: Sequence[OutgoingCall], session: Sess) -> None:
        by_key: dict[str, int] = {}
        for call in calls:
            made: Made = call.waiter
            assert self.journal[made.uid] == 0, f"{made.uid} is requeued and was executed"
            if made.key not in (None, UNORDERED, AHEAD):
                assert made.session is not None
                place = made.session.order[made.uid]  # not the uid: it may have been requeued here, later than others
                assert place > by_key.get(str(made.key), -1), f"key {made.key} is requeued out of order"
                by_key[str(made.key)] = place
            if made.is_over:
                continue
            totals["requeued"] += 1
            self.register(made, call, session)
            session.adopted.add(made.uid)
            session.core.open_call(call, self.now)

    def adopt_newest(self, calls: Sequence[OutgoingCall], origin: Sess) -> None:
        newest = self.lines[-1]
        if newest is not origin and not self.connector_closes and newest.core.state is not SessionState.ENDED:
            self.adopt(calls, newest)
            return
        for call in calls:
            made: Made = call.waiter
            if not made.is_over:
                made.call = call
                call.failure = ConnectionLost("the endpoint was closed", outcome=Outcome.NOT_SENT)
                self.settle(call)

    def register(self, made: Made, call: OutgoingCall, session: Sess) -> None:
        made.call, made.session = call, session
        if isinstance(call, StreamingCall):
            assert made.flow is not None
            made.flow.use(session.core, call.stream)
        session.order[made.uid] = len(session.order)

    # --- the listener -------------------------------------------------------------------------------------------------

    def greet(self, conn: Conn, frames: list[bytes]) -> None:
        hello = wire.decode(frames).messages[0]
        assert isinstance(hello, Hello)
        session = self.named(hello)
        resumption = hello.resumption
        if session is not None and resumption is not None and resumption.received is not None:
            if hello.attempt <= session.core.attempt:
                totals["stale"] += 1
                self.refuse(conn, Reset(ResetCode.STALE, "stale"))
                return
            welcome = make_welcome(self.terms, hello, session.core.session, session.core.token, session.core.expected)
            old = session.conn
            if old is not None:
                totals["takeovers"] += 1
            session.core.accept(hello, welcome, self.now)
            if old is not None:
                old.send("L", wire.encode([Reset(ResetCode.STALE, "elsewhere")]))
                old.close("L")
            totals["resumed"] += 1
            self.use(session, conn)
            return
        if session is not None:
            totals["given up"] += 1
            self.drop(session)
            self.handle(session, session.core.end("the other side gave the session up"))
        if self.listener_drains:
            self.refuse(conn, Reset(ResetCode.DRAINING, "draining"))
            return
        self.last_session += 1
        fresh = Sess("L", self.terms)
        welcome = make_welcome(self.terms, hello, self.last_session, self.random.randbytes(16), None)
        self.sessions[self.last_session] = fresh
        fresh.open_until = self.now + HANDSHAKE_TIMEOUT
        line = conn.owner["C"]
        fresh.partner = line
        fresh.core.accept(hello, welcome, self.now)
        self.use(fresh, conn)

    def named(self, hello: Hello) -> Sess | None:
        if hello.resumption is None:
            return None
        session = self.sessions.get(hello.resumption.session)
        if session is None or session.core.state is SessionState.OPENING:
            return None
        return session if names_session(hello.resumption, session.core.session, session.core.token) else None

    def refuse(self, conn: Conn, reset: Reset) -> None:
        conn.send("L", wire.encode([reset]))
        conn.close("L")

    def use(self, session: Sess, conn: Conn) -> None:
        session.conn, session.refused = conn, None
        conn.owner["L"] = session
        self.flush(session)

    # --- both ---------------------------------------------------------------------------------------------------------

    def all_sessions(self) -> list[Sess]:
        return [*self.lines, *self.sessions.values()]

    def flush(self, session: Sess) -> None:
        core = session.core
        for _ in range(100_000):
            frames = core.frames_to_send(self.now)
            if frames is None:
                break
            if session.conn is None:
                raise AssertionError("a batch without a connection")
            content = b"".join(frames)
            assert session.refused in (None, content), "a refused batch is offered again unchanged"
            if not session.conn.send(session.side, frames):
                session.refused = content
                break
            session.refused = None
            self.handle(session, core.handed_over())
        else:
            raise AssertionError("it sends for ever")
        self.arm(session)

    def arm(self, session: Sess) -> None:
        if session.core.wake_at < session.armed:
            session.armed = session.core.next_timer()

    def check_timer(self, session: Sess) -> None:
        """The timer is never later than what is due."""
        self.arm(session)
        deadlines = session.core._deadlines
        kept = deadlines.wake_at
        due = session.core.next_timer()
        deadlines.wake_at = kept
        assert session.armed <= due, f"the timer is armed for {session.armed}, but {due} is due"

    def on_timer(self, session: Sess) -> None:
        session.armed = math.inf
        totals["timers"] += 1
        self.handle(session, session.core.on_timer(self.now))
        self.flush(session)

    def received(self, session: Sess, frames: list[bytes]) -> None:
        self.handle(session, session.core.receive(frames, self.now))

    def drop(self, session: Sess) -> None:
        conn, session.conn, session.refused = session.conn, None, None
        if conn is not None:
            conn.close(session.side)

    def handle(self, session: Sess, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, OutgoingCall):
                self.settle(event)
            elif isinstance(event, IncomingCall):
                self.on_incoming(session, event)
            elif isinstance(event, Stream):
                totals["stream events"] += 1
                event.waiter.wake()
            else:
                self.on_life(session, event)
        self.arm(session)

    def on_life(self, session: Sess, event: Event) -> None:
        match event:
            case Refused():
                totals["refused calls"] += 1
                assert self.journal[uid_of(event.request)] == 0, "refused, and executed"
            case Broken():
                assert event.code is not ResetCode.PROTOCOL or "no OFFER in time" in event.reason, event
                assert "is missing" not in event.reason, event
                conn, session.conn, session.refused = session.conn, None, None
                if conn is not None:
                    if event.farewell:
                        conn.send(session.side, event.farewell)
                    conn.close(session.side)
                self.handle(session, session.core.detach(self.now))
            case Opened():
                session.open_until = math.inf
                session.gives_up = None
                if session.side == "L":
                    assert session.partner is not None
                    session.partner.partner = session
                if session.draining:
                    session.core.go_away("drained")
            case Resumed():
                totals["resumed by connector"] += 1
            case NotResumed():
                totals["not resumed"] += 1
                assert session.conn is not None
                session.passed_on = session.conn, event
                session.conn = None
            case Draining():
                if session.side == "C" and not session.retired:
                    session.retired = True
                    if not self.connector_closes and session is self.lines[-1]:
                        self.new_line()
                self.adopt_newest(event.unsent, session)
            case Ended():
                self.on_ended(session, event)

    def on_ended(self, session: Sess, event: Ended) -> None:
        totals["ended sessions"] += 1
        assert any(reason in event.reason for reason in LEGITIMATE), event.reason
        if self.profile.is_calm and not (session.side == "C" and session.partner is None):
            assert "the connection broke before" in event.reason, event.reason
        session.open_until = math.inf
        self.drop(session)
        for handler in list(session.handlers.values()):
            self.abandon(handler)
        if session.side == "L":
            assert not event.unsent
            self.sessions.pop(session.core.session, None)
            return
        if session.retired or self.connector_closes:
            self.adopt_newest(event.unsent, session)
            return
        core = session.core
        fresh = self.new_line()
        fresh.gives_up = Resumption(core.session, core.token) if core.token else None
        self.adopt(event.unsent, fresh)
        if session.passed_on is not None:
            conn, answer = session.passed_on
            fresh.conn = conn
            conn.owner["C"] = fresh
            partner = conn.owner["L"]
            if partner is not None:
                partner.partner = fresh
            events: list[Event] = []
            fresh.core.welcomed(answer.hello, answer.welcome, self.now, events)
            self.handle(fresh, events)
            self.flush(fresh)

    # --- calls --------------------------------------------------------------------------------------------------------

    def settle(self, call: OutgoingCall) -> None:
        made: Made = call.waiter
        assert made.call is call, f"{made.uid}: an event of a call that went on elsewhere"
        assert not made.result, f"{made.uid} has ended twice"
        assert not made.cancelled, f"{made.uid} was cancelled, and ended again"
        if made.gone:
            return
        self.live.pop(made.uid, None)
        if made.flow is not None:
            self.settle_flow(made, made.flow, call)
        if call.failure is None and call.reply is None:
            assert made.oneway
            made.result = "sent"
        elif call.failure is None:
            reply = call.reply
            assert reply is not None
            assert not made.oneway
            made.result, made.outcome = "ok", None
            assert reply.metadata == {"u": str(made.uid)}, "a reply of another call"
            assert self.journal[made.uid] == 1
            assert reply.body == body_of(made.uid, made.reply_size)
        else:
            self.settle_failure(made, call.failure)
        totals[made.result] += 1

    def settle_flow(self, made: Made, flow: Flow, call: OutgoingCall) -> None:
        if call.state is not OutgoingState.ENDED:
            flow.left = True  # no session has this one
            return
        flow.settled()
        if call.failure is not None and self.random.random() < 0.3:
            flow.leave()
        self.unread[flow] = made

    def settle_failure(self, made: Made, failure: CallosumError) -> None:
        made.result = type(failure).__name__
        made.outcome = getattr(failure, "outcome", None)
        assert isinstance(made.outcome, Outcome), failure
        totals[made.outcome.name] += 1
        if made.outcome in (Outcome.NOT_SENT, Outcome.REJECTED):
            assert self.journal[made.uid] == 0, f"{made.uid} was executed: {failure!r}"
        elif made.outcome is Outcome.EXECUTED:
            assert self.journal[made.uid] == 1, f"{made.uid} was not executed: {failure!r}"
        assert made.session is not None
        if made.outcome is Outcome.UNKNOWN and made.timeout is None:
            assert made.session.core.state is SessionState.ENDED, f"{made.uid} was lost: {failure!r}"
        if self.profile.is_calm and made.session.partner is not None:  # else it was cut before its OFFER had arrived
            assert made.outcome is not Outcome.UNKNOWN or made.timeout is not None, f"{made.uid} was lost: {failure!r}"
            assert not isinstance(failure, ConnectionLost), failure
        if isinstance(failure, Unavailable) and made.outcome is Outcome.NOT_SENT:
            assert self.profile.patience is not None
            assert made.timeout is None
        if isinstance(failure, RpcError) and failure.code is Code.RESOURCE_EXHAUSTED:
            is_large = self.profile.limits.body_bytes < 8000 and made.outcome is Outcome.EXECUTED
            assert is_large or self.profile.limits.unfinished_bytes < 128 * MIB, failure

    def on_incoming(self, session: Sess, call: IncomingCall) -> None:
        if call.state is IncomingState.PENDING:
            assert call not in session.handlers, "passed on twice"
            handler = session.handlers[call] = Handler(session, call, uid_of(call.request))
            if call.request.flags & STREAMS:
                handler.flow = self.served_flow(session, handler)
            if self.random.random() < 0.3:
                self.start(handler)
        elif call in session.handlers:
            self.abandon(session.handlers[call])
        else:
            session.core.incoming.finish(call)

    def served_flow(self, session: Sess, handler: Handler) -> Flow:
        made, stream = self.made[handler.uid], session.core.streams.incoming(handler.call)
        assert stream is not None
        assert (made.items.complete, made.given.items) in ((True, []), (False, []))
        return self.flow(session, stream, handler.uid, made.given, made.items)

    def flow(self, session: Sess, stream: Stream, uid: int, sent: Log, received: Log) -> Flow:
        is_given = sent is self.made[uid].given

        def make(number: int) -> memoryview:
            return body_of(uid * 31 + number * 7 + is_given, min(self.item_size(), session.core.body_bytes))

        return Flow(self.random, session.core, stream, sent, received, make, totals)

    def item_size(self) -> int:
        pick, unit = self.random.random(), self.profile.body_unit
        if pick < 0.5:
            return self.random.randrange(40)
        if pick < 0.6:
            return patched("INLINE_BODY") + self.random.randrange(-2, 3)
        if pick < 0.65:
            return patched("FRAGMENT") + self.random.randrange(-2, 3)
        return self.random.randrange(unit if pick < 0.9 else 8 * unit)

    def abandon(self, handler: Handler) -> None:
        handler.abandoned = True
        if not handler.running:
            self.finish(handler)

    def finish(self, handler: Handler, how: str = "finish", size: int = 0) -> None:
        """The handler ends; what it made is not waited for any more, or goes on without it."""
        session, call = handler.session, handler.call
        session.handlers.pop(call, None)
        ident = call.request.id
        made = self.made[handler.uid]
        incoming = session.core.incoming
        if how in ("reply", "error") and call.state is IncomingState.RUNNING:
            made.given.complete = True
        if how == "reply":
            body = body_of(handler.uid, size)
            if len(body) <= session.core.body_bytes:
                made.reply_size = size
                incoming.reply(call, body, {"u": str(handler.uid)})
            else:
                incoming.answer_error(call, make_error(ident, Code.RESOURCE_EXHAUSTED, Outcome.EXECUTED, "", {}))
        elif how == "error":
            outcome = Outcome.EXECUTED if handler.running else Outcome.REJECTED
            incoming.answer_error(call, make_error(ident, Code.INTERNAL, outcome, "it failed", {}, "e1", 0.5))
        else:
            incoming.finish(call)
        incoming.finish(call)  # a second time is nothing
        assert call.request.id not in incoming.calls

    def start(self, handler: Handler) -> None:
        if not handler.call.start():
            self.finish(handler)
            return
        handler.running = True
        self.journal[handler.uid] += 1
        totals["executions"] += 1
        made = self.made[handler.uid]
        assert self.journal[handler.uid] == 1, f"{handler.uid} is executed twice"
        assert handler.call.request.body == body_of(handler.uid, made.size), "a body of another call"
        assert made.outcome not in (Outcome.NOT_SENT, Outcome.REJECTED), f"{handler.uid} was {made.outcome}"
        assert handler.session.side != made.side

    def size(self) -> int:
        pick, unit = self.random.random(), self.profile.body_unit
        if pick < 0.3:
            return 0
        if pick < 0.7:
            return self.random.randrange(200)
        if pick < 0.85:
            return self.random.randrange(unit)
        return self.random.randrange(8 * unit)

    def call(self, session: Sess, parent: Handler | None = None, *, ahead: bool = False) -> None:
        rng = self.random
        if session.core.state is SessionState.ENDED or (session.side == "L" and session.partner is None):
            return
        if session.core.state is SessionState.OPENING:
            return
        uid = len(self.made) + 1
        oneway = parent is None and rng.random() < 0.15
        timeout = rng.choice([0.01, 0.1, 1.0, 10.0]) if rng.random() < 0.3 else None
        key = rng.choice("ab") if rng.random() < 0.4 else None
        if key is not None and (parent is not None or ahead):
            key = UNORDERED if parent is not None else AHEAD
        made = Made(uid, session.side, min(self.size(), session.core.body_bytes), oneway, timeout, key, parent)
        deadline = None if timeout is None else self.now + timeout
        ident = 0 if parent is None else parent.call.request.id
        flags = ONEWAY if oneway else 0
        if not oneway and rng.random() < self.profile.streams:
            flags |= rng.choice([ITEMS_FOLLOW, ITEMS_WANTED, STREAMS])
        body = body_of(uid, made.size)
        kind = StreamingCall if flags & STREAMS else OutgoingCall
        call = kind(f"S/{uid}", flags, body, key, parent=ident, deadline=deadline, waiter=made)
        self.made[uid] = self.live[uid] = made
        if isinstance(call, StreamingCall):
            call.begin()
            made.flow = self.flow(session, call.stream, uid, made.items, made.given)
            totals["streaming calls"] += 1
        self.register(made, call, session)
        if parent is not None:
            parent.children.append(made)
            totals["nested"] += 1
        if ahead:
            session.core.open_call_ahead(call)
            totals["calls ahead"] += 1
        else:
            session.core.open_call(call, self.now)
        totals["calls"] += 1

    def cancel(self, made: Made) -> None:
        assert made.call is not None
        assert made.session is not None
        self.live.pop(made.uid, None)
        if made.is_over:
            return
        made.cancelled = True
        made.session.core.outgoing.cancel(made.call, CancelReason.CANCELLED)
        if made.flow is not None:
            made.flow.leave()
        totals["cancels"] += 1

    # --- streams ------------------------------------------------------------------------------------------------------

    def step_streams(self, most: int) -> None:
        """Some ends of streams send and read, and some leave."""
        rng = self.random
        callers = [made.flow for made in self.live.values() if made.flow is not None]
        for flow in rng.sample(callers, min(len(callers), 4)):
            if rng.random() < 0.7:
                flow.send(rng.randrange(1, most))
            if rng.random() < 0.7:
                flow.read(rng.randrange(1, most))
            if rng.random() < 0.15:
                flow.end()
        served = [h for s in self.all_sessions() for h in s.handlers.values() if h.flow is not None and h.running]
        for handler in rng.sample(served, min(len(served), 4)):
            assert handler.flow is not None
            flow = handler.flow
            if rng.random() < 0.7:
                flow.send(rng.randrange(1, most))
            if rng.random() < 0.7 and not handler.abandoned:
                flow.read(rng.randrange(1, most))
                if not flow.left and flow.is_drained:
                    flow.check_complete()
            if rng.random() < 0.04:
                flow.leave()
            if rng.random() < 0.02:
                events: list[Event] = []
                handler.session.core.incoming.give_up(handler.call, Code.UNAVAILABLE, "it gives up", events)
                self.handle(handler.session, events)
                totals["given up streams"] += bool(events)
        for flow in rng.sample(list(self.unread), min(len(self.unread), 4)):
            if rng.random() < 0.5:
                flow.read(rng.randrange(1, most))
            if rng.random() < 0.05:
                flow.leave()
        self.forget_read()

    def forget_read(self) -> None:
        for flow, made in list(self.unread.items()):
            if flow.is_drained:
                del self.unread[flow]
                if made.result == "ok":
                    flow.check_complete()

    def finish_streams(self) -> bool:
        """Everybody sends what is left, reads what comes, and says that it is complete; whether anything moved."""
        before = totals["items"], totals["items read"], totals["ends"]
        for made in self.live.values():
            if made.flow is not None:
                made.flow.send(100)
                made.flow.read(100)
                if not made.flow.plan:
                    made.flow.end()
        for session in self.all_sessions():
            for handler in session.handlers.values():
                if handler.flow is not None and handler.running and not handler.abandoned:
                    handler.flow.send(100)
                    handler.flow.read(100)
        for flow in self.unread:
            flow.read(100)
        self.forget_read()
        return before != (totals["items"], totals["items read"], totals["ends"])

    # --- steps --------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        rng = self.random
        totals["steps"] += 1
        pick = rng.random()
        if pick < 0.25:
            self.step_call()
        elif pick < 0.5:
            self.deliver(rng.randrange(1, 4))
        elif pick < 0.6:
            self.step_handler()
        elif pick < 0.68:
            self.step_streams(self.random.choice([2, 5, 40]))
        elif pick < 0.71:
            self.step_cancel()
        elif pick < 0.82:
            self.step_clock()
        elif pick < 0.88:
            self.dial(rng.choice(self.lines))
        elif pick < 0.93:
            self.step_block()
        elif pick < 0.96:
            self.step_cut()
        elif pick < 0.99:
            for session in self.all_sessions():
                self.flush(session)
        else:
            self.step_rare()
        self.work()
        for session in self.all_sessions():
            if rng.random() < 0.9:
                self.flush(session)
            self.check_timer(session)

    def work(self) -> None:
        """What endpoints do by themselves."""
        self.lines = [
            line for line in self.lines if line.core.state is not SessionState.ENDED or line is self.lines[-1]
        ]
        if self.lines[-1].core.state is SessionState.ENDED:
            self.restart_connector()
        self.conns = [conn for conn in self.conns if not conn.is_over]
        for session in list(self.sessions.values()):
            if session.open_until <= self.now:
                self.handle(session, session.core.reset(ResetCode.PROTOCOL, "no OFFER in time", self.now))
        for session in self.all_sessions():
            if session.draining and not session.core.incoming.calls and session.core.is_settled():
                totals["drained"] += 1
                self.handle(session, session.core.reset(ResetCode.CLOSED, "drained", self.now))
        if self.listener_drains and not self.sessions:
            self.restart_listener()

    def step_call(self) -> None:
        rng = self.random
        choice = self.lines[-1] if rng.random() < 0.5 or not self.sessions else rng.choice([*self.sessions.values()])
        for _ in range(rng.choice([1, 1, 2, 5])):
            self.call(choice)
        handlers = [h for s in self.all_sessions() for h in s.handlers.values() if h.running]
        if handlers and rng.random() < 0.4:
            handler = rng.choice(handlers)
            if not handler.abandoned:
                for _ in range(rng.choice([1, 2, 12])):
                    self.call(handler.session, handler)

    def deliver(self, batches: int) -> None:
        for _ in range(batches):
            ways = [(c, side) for c in self.conns for side, queue in c.queues.items() if queue]
            if not ways:
                return
            conn, side = self.random.choice(ways)
            self.deliver_one(conn, side)

    def deliver_one(self, conn: Conn, side: str) -> None:
        frames = conn.queues[side].popleft()
        if not conn.open[side]:
            return
        owner = conn.owner[side]
        totals["batches"] += 1
        if frames is None:
            conn.open[side] = False
            if owner is not None and owner.conn is conn:
                self.on_life(owner, Broken("closed"))
        elif owner is not None and owner.conn is conn:
            self.received(owner, frames)
        elif side == "L":
            self.greet(conn, frames)

    def step_greeting(self) -> None:
        """``on_connect`` calls, and ends."""
        for line in self.lines:
            if line.core.gate is Gate.AHEAD and line.partner is not None:
                for _ in range(self.random.randrange(4)):
                    self.call(line, ahead=True)
                if self.random.random() < 0.3:
                    line.core.gate = Gate.OPEN

    def step_handler(self) -> None:
        rng = self.random
        self.step_greeting()
        handlers = [h for s in self.all_sessions() for h in s.handlers.values()]
        for handler in rng.sample(handlers, min(len(handlers), 3)):
            if not handler.running:
                if rng.random() < 0.1:
                    self.finish(handler, "error")
                else:
                    self.start(handler)
            elif handler.abandoned:
                for child in handler.children:
                    self.cancel(child)
                self.finish(handler)
            else:
                if rng.random() < 0.7:  # else what it made outlives it
                    for child in handler.children:
                        self.cancel(child)
                self.finish(handler, rng.choice(["reply", "reply", "reply", "error"]), self.size())

    def step_cancel(self) -> None:
        if self.live:
            self.cancel(self.live[self.random.choice(list(self.live))])

    def step_clock(self) -> None:
        rng = self.random
        step = rng.choice([0.0, 0.001, 0.01, 0.03, 0.1, 0.3])
        if rng.random() < 0.1:
            step = rng.choice([0.6, 1.2, 2.5, 3.0])
            if self.profile.long_pauses and rng.random() < 0.2:
                step = GRACE + rng.random()
                totals["long pauses"] += 1
            totals["clock jumps"] += 1
        if self.profile.is_calm:
            step = min(step, 0.1)
        if rng.random() < 0.5:
            self.advance(step)
        else:
            self.now += step
            self.fire()

    def advance(self, step: float) -> None:
        end = self.now + step
        while True:
            first = min((s.armed for s in self.all_sessions()), default=math.inf)
            if first > end:
                break
            self.now = max(self.now, first)
            self.fire()
        self.now = end

    def fire(self) -> None:
        for session in self.all_sessions():
            if session.armed <= self.now:
                self.on_timer(session)

    def step_block(self) -> None:
        rng = self.random
        if self.conns:
            conn, side = rng.choice(self.conns), rng.choice("CL")
            conn.blocked[side] = not conn.blocked[side] and rng.random() < 0.6
            totals["blocks"] += conn.blocked[side]

    def step_cut(self) -> None:
        rng = self.random
        alive = [conn for conn in self.conns if not conn.dead]
        if alive and self.profile.cuts and rng.random() < 0.6:
            totals["cuts"] += 1
            rng.choice(alive).cut([side for side in "CL" if rng.random() < 0.6])

    def step_rare(self) -> None:
        rng = self.random
        pick = rng.random()
        if pick < 0.3 and self.profile.restarts:
            totals["listener restarts"] += 1
            self.restart_listener()
        elif pick < 0.5 and self.profile.restarts:
            totals["connector restarts"] += 1
            self.restart_connector()
        elif pick < 0.8 and self.profile.drains:
            totals["listener drains"] += 1
            self.drain_listener()
        elif self.profile.drains:
            totals["connector drains"] += 1
            self.drain_connector()

    def forget(self, sessions: list[Sess], side: str) -> None:
        for session in sessions:
            if session.conn is not None:
                session.conn.open[side] = False
                session.conn.owner[side] = None
                session.conn.queues[side].clear()
                if self.random.random() < 0.8:
                    session.conn.queues[other(side)].append(None)
                else:
                    session.conn.dead = True
        gone = set(map(id, sessions))
        for made in list(self.live.values()):
            if id(made.session) in gone:
                made.gone = True
                del self.live[made.uid]

    def restart_listener(self) -> None:
        self.forget(list(self.sessions.values()), "L")
        self.sessions.clear()
        self.listener_drains = False

    def restart_connector(self) -> None:
        self.forget(self.lines, "C")
        self.lines = []
        self.connector_closes = False
        self.new_line()

    def drain_listener(self) -> None:
        self.listener_drains = True
        for session in list(self.sessions.values()):
            session.draining = True
            if session.core.state is not SessionState.OPENING:
                session.core.go_away("drained")

    def drain_connector(self) -> None:
        self.connector_closes = True
        for line in list(self.lines):
            if line.core.state is SessionState.OPEN:
                line.draining = True
                line.core.go_away("drained")
            elif line.core.state is not SessionState.ENDED:
                self.handle(line, line.core.reset(ResetCode.CLOSED, "the line is closed", self.now))

    # --- the end ------------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """No faults any more: all goes on until nothing moves."""
        for made in self.live.values():
            assert made.session is not None
        quiet = 0
        for _ in range(4000):
            for conn in self.conns:
                conn.blocked = {"C": False, "L": False}
            for line in list(self.lines):
                line.core.gate = Gate.OPEN
                self.dial(line)
            for session in self.all_sessions():
                self.flush(session)
            ways = [(c, side) for c in self.conns for side, queue in c.queues.items() if queue]
            moved = self.finish_streams() or bool(ways)
            for conn, side in ways:
                while conn.queues[side]:
                    self.deliver_one(conn, side)
            for session in self.all_sessions():
                for handler in list(session.handlers.values()):
                    moved = True
                    if not handler.running:
                        self.start(handler)
                    elif all(child.is_over for child in handler.children) and self.is_through(handler):
                        self.finish(handler, "finish" if handler.abandoned else "reply", self.size())
            self.work()
            self.advance(0.05)
            quiet = 0 if moved and self.live else quiet + 1
            if quiet > 60 and self.is_quiet():
                return
        raise AssertionError(f"{len(self.live)} calls do not end: {list(self.live.values())[:3]}")

    def is_through(self, handler: Handler) -> bool:
        """Whether a handler has sent and read all of its streams."""
        flow = handler.flow
        if flow is None or handler.abandoned or handler.call.state is not IncomingState.RUNNING:
            return True
        if (flow.may_send and flow.plan) or not flow.is_drained:
            return False
        flow.check_complete()
        return True

    def is_quiet(self) -> bool:
        sessions = self.all_sessions()
        for session in sessions:
            self.flush(session)
        is_open = all(session.core.state is SessionState.OPEN for session in sessions)
        return is_open and not (
            self.live
            or self.unread
            or any(session.handlers or session.core.outbox._control for session in sessions)
            or any(queue for conn in self.conns for queue in conn.queues.values())
        )

    def check_end(self) -> None:
        """Everything is true, and everything is back where it began."""
        assert not self.live
        for made in self.made.values():
            assert made.is_over, made
            if made.outcome in (Outcome.NOT_SENT, Outcome.REJECTED):
                assert self.journal[made.uid] == 0, made
            assert self.journal[made.uid] <= 1, made
        for session in self.all_sessions():
            self.check_session(session)

    def check_session(self, session: Sess) -> None:
        core, limits = session.core, self.profile.limits
        assert core.state is SessionState.OPEN, core.state
        assert not core.outbox.outgoing
        assert not core.incoming.calls
        assert core.in_flight == 0
        assert core.is_flushed
        assert core.unacknowledged == 0
        assert core.is_settled()
        assert not core.is_congested
        assert (core._resend.size, core._resend.bulk, core.outbox.reply_bytes) == (0, 0, 0)
        assert not core._resend.batches_from(core._resend.next)
        assert core._resend.stalled_since is None
        for assembly in (core.incoming._assembly, core.outgoing._assembly, core.streams._assembly):
            assert (assembly.size, len(assembly.unfinished)) == (0, 0)
        assert not core.incoming._skipping
        assert core._deadlines.first() is None
        partner = session.partner
        assert partner is not None
        there = partner.core.incoming._window
        window = core.outbox.window
        assert window.calls + there._owed_calls == there._calls + there._owed_calls == limits.window_calls
        assert window.size + there._owed_size == there._size + there._owed_size == limits.window_bytes
        self.check_streams(core, partner.core)

    def check_streams(self, core: SessionCore, there: SessionCore) -> None:
        """Every byte of credit has come back."""
        assert not core.outbox.streams
        assert not core.outbox._bulk
        assert core.outbox.held_outcomes == 0
        assert not core.streams._blocked
        assert not core.streams.woken
        assert core.streams._growth == 0
        shared = patched("STREAMS_WINDOW")
        assert core.outbox.streams_left + there.streams._owed == there.streams._granted + there.streams._owed == shared
