"""Drives a `SessionCore` over connections: the asyncio shell.

Laws: the reader never decodes a body, never awaits a handler, and never raises for one peer's fault into another's. All
that one iteration of the event loop has to send leaves as one batch; where nothing else is in flight it leaves at once.
A session never dials: its owner hands it connections, and is told of every change of its life.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from callosum.channel import Channel, Dispatcher, Failure, ItemStream
from callosum.compression import Compression, PackedBody
from callosum.context import Key, Metadata
from callosum.errors import (
    CallosumError,
    Code,
    ConnectionLost,
    DeadlineExceeded,
    EncodeError,
    Outcome,
    ResourceExhausted,
    RpcError,
)
from callosum.lower.base import Connection, Frames
from callosum.protocol import headers, wire
from callosum.protocol.calls import IncomingState, OutgoingCall, OutgoingState, SessionState
from callosum.protocol.core import SessionCore
from callosum.protocol.events import Announced, Broken, Ended, Event, NotResumed, Opened, Refused, Withdrawn
from callosum.protocol.limits import MAX_RECORDS
from callosum.protocol.messages import (
    ONEWAY,
    STREAMS,
    CancelReason,
    Hello,
    Offered,
    Request,
    Reset,
    ResetCode,
    Resumption,
    Welcome,
)
from callosum.protocol.outbox import Gate
from callosum.protocol.stream import Stream, StreamingCall
from callosum.service import Body, Method, MethodCodec
from callosum.session.comparison import Comparison, OnDifference
from callosum.session.counters import Counters
from callosum.session.inbound import SessionInbound
from callosum.session.packing import Packing
from callosum.session.streams import CallerStream
from callosum.session.waking import Waiter

if TYPE_CHECKING:
    from callosum.peer import Peer

_log = logging.getLogger("callosum.session")

opening: ContextVar[Session | None] = ContextVar("callosum_opening", default=None)
"""The session whose ``on_connect`` is running: its calls wait for no other."""

_OPEN = SessionState.OPEN
_PENDING = IncomingState.PENDING
_GATE_OPEN = Gate.OPEN

_FAULTS = frozenset({ResetCode.PROTOCOL, ResetCode.SLOW})

CLOSE_LINGER = 1.0
"""Seconds that the last batch of a connection has to leave."""
BUDGET: Final = 0.0005
"""Seconds for which callers go on before others of the event loop have their turn."""
_LEAST: Final = 48
"""What callers make leaves by itself from here on: a message costs as much as some ten calls."""
_REST: Final = 16
"""Where no more callers than that are left, what they make leaves with the others."""

Owner = Callable[["Session", Event], None]
"""Is told of Opened, Resumed, NotResumed, Draining, Broken and Ended."""


class Caller(Waiter[Body | PackedBody]):
    """Waits for the outcome of a call. Cancelled, it cancels its call, wherever that is by now."""

    __slots__ = ("call", "maker", "session")
    call: OutgoingCall
    session: Session
    maker: SessionInbound | None
    """In whose handler it is made, where that call came over the same session."""

    def cancel(self, msg: Any = None) -> bool:  # as asyncio has it
        """What the task that waits calls when it is cancelled."""
        cancelled = super().cancel(msg)
        if cancelled:
            self.session.leave(self.call)
        return cancelled

    def adopt(self, session: Session, call: OutgoingCall) -> None:
        """The call goes on over another session: nothing of it has left."""
        self.session, self.call = session, call


class Session(Channel):
    """One end of a session, on the running event loop."""

    def __init__(
        self,
        core: SessionCore,
        dispatcher: Dispatcher,
        owner: Owner,
        counters: Counters,
        on_difference: OnDifference = OnDifference.WARN,
        compression: Compression | None = None,
    ) -> None:
        self.core = core
        self.packing = Packing(compression, core.terms.limits, counters)
        self.small_reply = min(self.packing.threshold, core.body_bytes)
        """Bytes up to which a reply is neither compressed nor too large; here because each is compared with it."""
        self.peer: Peer  # set by the owner, before the first call can arrive
        self.services: dict[str, Offered] = {}
        """What the other side serves, by name."""
        self.comparison = Comparison(on_difference)
        self.dispatcher = dispatcher
        self.lane: Any = None
        """The dispatcher's own, from when the session opened."""
        self._owner = owner
        self._counters = counters
        self.loop = asyncio.get_running_loop()
        self.connection: Connection | None = None
        self._blocked_on: Connection | None = None
        """The connection that refused the batch that is offered."""
        self._flushing: asyncio.Handle | None = None
        self._in_run = False
        """Whether what is made now leaves together, at the end of the run."""
        self.settled: deque[Caller | CallerStream | Waiter[None]] = deque()
        """Callers, and others, that may go on."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at = math.inf
        core.incoming.make_call = partial(SessionInbound, self)
        self.outbox = core.outbox
        self._waiting = core.outbox.requests
        self._under_way = core.outgoing.under_way
        self._served = core.incoming.calls
        self._codecs: dict[Method, tuple[str, MethodCodec]] = {}
        self._held: dict[SessionInbound, None] = {}
        self.departing: dict[int, Callable[[], None]] = {}
        """What follows when the large reply of a call has left."""
        self._conditions: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    # --- connections: what the owner calls ----------------------------------------------------------------------------

    def dial(self, connection: Connection, gives_up: Resumption | None = None) -> None:
        """Say HELLO over a new connection."""
        self.core.dial(self.loop.time(), gives_up)
        self._use(connection)

    def accept(self, connection: Connection, hello: Hello, welcome: Welcome) -> None:
        """Answer a HELLO: a fresh session's, or one that resumes this session over a new connection.

        Raises:
            ProtocolError: The HELLO cannot be resumed from; nothing has changed.
        """
        old = self.connection
        self.core.accept(hello, welcome, self.loop.time())
        if old is not None:
            self.connection = None
            old.send(wire.encode([stale_reset()]))
            old.close(CLOSE_LINGER)
            self._end_run_soon()
        self._use(connection)

    def welcomed(self, connection: Connection, answer: NotResumed) -> None:
        """Begin as the fresh session that another session's HELLO was answered with."""
        events: list[Event] = []
        self.connection = connection
        self.core.welcomed(answer.hello, answer.welcome, self.loop.time(), events)
        connection.start(self)
        self._handle(events)
        self.flush()

    def _use(self, connection: Connection) -> None:
        self.connection = connection
        self.flush()
        connection.start(self)

    def close(self, code: ResetCode, text: str) -> None:
        """Send a RESET and close; the session ends where the code ends it."""
        if self.core.state is not SessionState.ENDED:
            self._handle(self.core.reset(code, text, self.loop.time()))

    def end(self, reason: str) -> None:
        """End here and now, without a word to the other side."""
        self._drop_connection()
        self._handle(self.core.end(reason))

    async def drain(self, reason: str, until: float) -> None:
        """Finish what is in flight, tell the other side, and close; at the instant ``until`` at the latest.

        A listener without a connection waits for its peer where that has not acknowledged all that it was sent; a
        connector does not dial in order to say goodbye.
        """
        core = self.core
        core.go_away(reason)
        self.flush_soon()
        now = self.loop.time()
        if not await self.wait_for(lambda: not core.incoming.calls, now + max(0.0, until - now) / 2):
            self._end_streams(reason)
        await self.wait_for(lambda: not core.incoming.calls, until)
        await self.wait_for(core.is_settled, until)
        self.close(ResetCode.CLOSED, reason)

    def _end_streams(self, reason: str) -> None:
        """Streams may last for ever: half of the grace is for those that end by themselves."""
        events: list[Event] = []
        for call in list(self.core.incoming.calls.values()):
            if call.request.flags & STREAMS and call.state in (IncomingState.PENDING, IncomingState.RUNNING):
                self.core.incoming.give_up(call, Code.UNAVAILABLE, f"this side is draining: {reason}", events)
        self._handle(events)
        self.flush_soon()

    async def wait_for(self, condition: Callable[[], bool], until: float | None = None) -> bool:
        """Wait until a condition of this session holds, it ends, or the instant comes; whether the condition holds."""
        if condition() or self.core.state is SessionState.ENDED:
            return condition()
        waiter = self.loop.create_future()
        entry = (condition, waiter)
        self._conditions.append(entry)
        timer = None if until is None else self.loop.call_at(until, _wake, waiter)
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()
            if entry in self._conditions:
                self._conditions.remove(entry)
        return condition()

    # --- calls: what stubs call ---------------------------------------------------------------------------------------

    def codec(self, method: Method) -> tuple[str, MethodCodec]:
        """The first encoding of the other side's that the method has too.

        It has no name where it is the other side's first, and where the two have nothing in common. While it is not
        known what the other side has, every encoding has its name.

        Raises:
            ConfigurationError: Its service differs at the other side, and the endpoint is strict.
        """
        found = self._codecs.get(method)
        if found is None:
            self.comparison.check(method)
            offered = self.services.get(method.service)
            found = "" if offered is not None else next(iter(method.codecs)), method.preferred
            if offered is not None:
                for name in offered.codecs:
                    if name in method.codecs:
                        found = ("" if name == offered.codecs[0] else name), method.codecs[name]
                        break
            self._codecs[method] = found
        return found

    def call(  # noqa: PLR0917 - a keyword costs more, and every call passes through here
        self,
        method: Method,
        codec: str,
        body: Body,
        deadline: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        parent: int = 0,
        compression: Compression | None = None,
    ) -> Awaitable[Body | PackedBody]:
        """One request and its reply; see `Channel.call`. Cancellation: safe; the handler is cancelled."""
        core, loop = self.core, self.loop
        caller = Caller(loop=loop)
        call = OutgoingCall(method.wire_name, method.flags, body, key, metadata, parent, codec, deadline, caller)
        caller.session, caller.call = self, call
        if compression is not None and len(body) <= core.body_bytes:
            self.packing.pack_request(call, compression)
        if (
            core.state is _OPEN
            and core.gate is _GATE_OPEN
            and deadline is None
            and key is None
            and not metadata
            and not parent
            and len(body) <= core.body_bytes
        ):
            self._waiting.append(call)
        else:
            self._open(call)
        if self._flushing is None:
            if not (self._under_way or self._served or self.settled):
                self.flush()
            elif not self._in_run:
                self._flushing = loop.call_soon(self._run_flush)
        return caller

    def open_stream(  # noqa: PLR0917 - as call()
        self,
        method: Method,
        codec: str,
        body: Body,
        deadline: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        parent: int = 0,
        compression: Compression | None = None,
    ) -> ItemStream:
        """One request, and a stream one way or both; see `Channel.open_stream`."""
        call = StreamingCall(method.wire_name, method.flags, body, key, metadata, parent, codec, deadline)
        call.begin()
        if compression is not None and len(body) <= self.core.body_bytes:
            self.packing.pack_request(call, compression)
        call.waiter = stream = CallerStream(self, call, compression)
        self._open(call)
        self.flush_soon()
        return stream

    def _open(self, call: OutgoingCall) -> None:
        """Queue a call that is not of the plainest kind."""
        core, now = self.core, self.loop.time()
        self._check(call, now)
        if call.parent and isinstance(call.waiter, Caller):
            call.waiter.maker = cast("SessionInbound | None", self._served.get(call.parent))
        if core.gate is Gate.AHEAD and opening.get() is self:
            core.open_call_ahead(call)
        else:
            core.open_call(call, now)

    def _check(self, request: Request, now: float) -> None:
        """Refuse what cannot be sent, before anything was."""
        core = self.core
        if core.state is SessionState.ENDED:
            raise ConnectionLost("the session has ended", outcome=Outcome.NOT_SENT)
        if request.deadline is not None and request.deadline <= now:
            raise DeadlineExceeded(f"the deadline of {request.method} had passed", outcome=Outcome.NOT_SENT)
        if len(request.body) > core.body_bytes:
            raise ResourceExhausted(
                f"the arguments of {request.method} take {len(request.body)} bytes; "
                f"the other side accepts {core.body_bytes}",
                outcome=Outcome.NOT_SENT,
            )
        if request.key is not None or request.metadata:
            try:
                headers.check_header(request)
            except ValueError as error:
                raise EncodeError(str(error), path=request.method) from None

    def adopt(self, calls: Iterable[OutgoingCall]) -> None:
        """Take over the calls that surely did not run on another session."""
        now = self.loop.time()
        for call in calls:
            caller: Caller | CallerStream | None = call.waiter
            if caller is None or caller.done():
                continue
            call.codec = call.codec or caller.session.first_encoding(call.method)
            caller.adopt(self, call)  # type: ignore[arg-type]  # one that streams has a stream's caller
            self.packing.unpack_request(call)
            refusal = self.comparison.refusal(call.method)
            if refusal is None:
                self.core.open_call(call, now)
            else:
                self.fail(call, refusal)
        self.flush_soon()

    def first_encoding(self, wire_name: str) -> str:
        """The name of the encoding that calls of a method have here where they name none."""
        offered = self.services.get(wire_name.partition("/")[0])
        return offered.codecs[0] if offered is not None and offered.codecs else ""

    def leave(self, call: OutgoingCall) -> None:
        """The caller was cancelled: so is its call."""
        call.waiter = None
        self.core.outgoing.cancel(call, CancelReason.CANCELLED)
        self.flush_soon()

    # --- calls: what the dispatcher calls -----------------------------------------------------------------------------

    def hold(self, call: SessionInbound) -> None:
        """Keep a call that would be started, while the peer does not take the replies that it already has."""
        self._held[call] = None

    def oversized_reply(self, size: int) -> Failure:
        """What becomes of a reply that the other side does not accept."""
        text = f"the result takes {size} bytes; the caller accepts {self.core.body_bytes}"
        return Failure(Code.RESOURCE_EXHAUSTED, Outcome.EXECUTED, text)

    # --- the connection's callbacks -----------------------------------------------------------------------------------

    def received(self, frames: Frames) -> None:
        """One batch."""
        for event in self.core.receive(frames, self.loop.time()):
            # `_on_event`, written out: every call passes through here
            if isinstance(event, OutgoingCall):
                self._settle(event)
            elif isinstance(event, SessionInbound):
                self._on_incoming(event)
            elif isinstance(event, Stream):
                event.waiter.wake()
            else:
                self._on_life(event)
        if self.connection is None:
            self._end_run_soon()

    def drained(self) -> None:
        """A run of batches is over: handlers start, callers go on, and what they make leaves."""
        self._in_run = True
        try:
            if self._served:
                self.dispatcher.drained()
            if self.settled:
                self._resume_callers()
        finally:
            self._in_run = False
        self.flush()

    def _end_run_soon(self) -> None:
        """The connection was given up in the middle of a run, and will not say that this is over."""
        if self.settled or self._served:
            self.loop.call_soon(self.drained)

    def writable(self) -> None:
        """The connection takes batches again."""
        self._blocked_on = None
        self.flush()

    def closed(self, reason: str) -> None:
        """The connection is gone."""
        if self.connection is not None:
            self.connection = None
            self._detach(Broken(reason))

    # --- sending ------------------------------------------------------------------------------------------------------

    def flush_soon(self) -> None:
        """Send at the end of the run, or in the next turn of the loop, together with what else comes until then."""
        if self._flushing is None and not self._in_run:
            self._flushing = self.loop.call_soon(self._run_flush)

    def flush_answers(self) -> None:
        """Send at once where nothing else is in flight, soon together with others where something is."""
        if self._in_run:
            if not self.settled:
                self.flush()
        elif self._under_way or self._served:
            self.flush_soon()
        else:
            self.flush()

    def _run_flush(self) -> None:
        self._flushing = None
        self.flush()

    def flush(self) -> None:
        """Hand to the connection what it takes."""
        core, connection = self.core, self.connection
        if connection is not None and connection is not self._blocked_on:
            now = self.loop.time()
            while (frames := core.frames_to_send(now)) is not None:
                if not connection.send(frames):
                    self._blocked_on = connection
                    break
                ended = core.handed_over()
                if ended:
                    self._handle(ended)
        if self._held and not core.is_congested:
            self._release_held()
        if self.departing:
            self._follow()
        if self._conditions:
            self._check_conditions()
        if core.wake_at < self._armed_at:
            self._arm_timer()

    def _release_held(self) -> None:
        held, self._held = self._held, {}
        for call in held:
            self.dispatcher.submit(call)
        self.dispatcher.drained()

    def _follow(self) -> None:
        """Large replies may have left: what had to come after them may leave."""
        departing, self.departing = self.departing, {}
        while left := [ident for ident in departing if not self.outbox.is_leaving(ident)]:
            for ident in left:
                departing.pop(ident)()
            self.flush()
            departing |= self.departing
            self.departing = {}
        self.departing |= departing

    def _check_conditions(self) -> None:
        ended = self.core.state is SessionState.ENDED
        for condition, waiter in list(self._conditions):
            if ended or condition():
                _wake(waiter)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _arm_timer(self) -> None:
        """One timer for the session; one that is early finds nothing to do and arms the next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_at = self.core.next_timer()
        if self._armed_at != math.inf:
            self._timer = self.loop.call_at(self._armed_at, self._on_timer)

    def _on_timer(self) -> None:
        now = self.loop.time()
        self.core.own_lag_ms = max(0, round((now - self._armed_at) * 1000))
        self._timer, self._armed_at = None, math.inf
        self._handle(self.core.on_timer(now))
        self.flush()

    # --- events -------------------------------------------------------------------------------------------------------

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            self._on_event(event)
        self.resume_soon()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, OutgoingCall):
            self._settle(event)
        elif isinstance(event, SessionInbound):
            self._on_incoming(event)
        elif isinstance(event, Stream):
            event.waiter.wake()
        else:
            self._on_life(event)

    def _settle(self, call: OutgoingCall) -> None:
        """A call has ended: its caller gets what there is."""
        caller: Caller | CallerStream | None = call.waiter
        if caller is None or caller.done():
            return
        call.waiter = None  # the two refer to each other: so neither waits for the garbage collector
        failure = call.failure
        if failure is None:
            reply = call.reply
            if reply is None:
                caller.set_result(b"")
            elif reply.compression:
                caller.set_result(self.packing.packed_reply(reply))
            else:
                caller.set_result(reply.body)
        else:
            if isinstance(failure, RpcError):
                failure.call = call.method
            caller.set_exception(failure)
        self.settled.append(caller)

    def _portion(self) -> int:
        """How many callers go on before what they have made leaves.

        The other side works on one half of the calls while this side goes on with the other half.
        """
        waiting = len(self.settled)
        if waiting <= _LEAST:
            return waiting
        size = min(MAX_RECORDS, max(_LEAST, (waiting + len(self._under_way)) // 2))
        return size if waiting > size + _REST else waiting

    def resume_soon(self) -> None:
        """Whoever may go on does so in the next turn of the loop."""
        if self.settled:
            self.loop.call_soon(self._resume_callers)

    def _resume_callers(self) -> None:
        """Let the callers whose calls have ended go on: here and now, for as long as the budget lasts."""
        settled = self.settled
        if asyncio.current_task(self.loop) is not None:
            self.resume_soon()  # a task cannot run within another one
            return
        until = time.perf_counter() + BUDGET
        try:
            while settled:
                for _ in range(self._portion()):
                    settled.popleft().resume()
                if settled:
                    self.flush()
                    if time.perf_counter() > until:
                        break
        finally:
            self.resume_soon()

    def _on_incoming(self, call: SessionInbound) -> None:
        if call.state is _PENDING:
            self._counters.calls += 1
            self.dispatcher.submit(call)
        else:
            self._held.pop(call, None)
            self.dispatcher.abandon(call)

    def _on_life(self, event: Event) -> None:
        match event:
            case Refused():
                self._counters.refuse(event.code.name.lower())
                if event.request.flags & ONEWAY:
                    _log.warning("refusing a oneway call of %s: %s", event.request.method, event.text)
                else:
                    _log.info("refusing a call of %s: %s", event.request.method, event.text)
                return
            case Announced():
                self.dispatcher.expect(cast(SessionInbound, event.call))
                return
            case Withdrawn():
                self.dispatcher.abandon(cast(SessionInbound, event.call))
                return
            case Opened():
                self.lane = self.dispatcher.join(self.peer)
                self.services = {offered.name: offered for offered in event.services}
                self._codecs.clear()
                self.packing.open(self.core.compressions)
                self.small_reply = min(self.packing.threshold, self.core.body_bytes)
                self._compare()
            case Broken():
                self._break(event)
                return
            case Ended():
                self._finish()
            case _:
                pass
        self._owner(self, event)

    def _compare(self) -> None:
        """Calls that wait for the session may turn out to be of a version that must not be called."""
        peer = self.peer
        self.comparison.begin(self.services, peer.called, peer.address)
        for call in [*self.outbox.queued_ahead(), *self.outbox.queued()]:
            refusal = self.comparison.refusal(call.method)
            if refusal is not None and call.state is OutgoingState.QUEUED:
                self.core.outgoing.cancel(call, CancelReason.CANCELLED)
                self.fail(call, refusal)

    def _break(self, event: Broken) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            if event.farewell:
                connection.send(event.farewell)
            connection.close(CLOSE_LINGER if event.farewell else 0.0)
            if event.code is not None and event.code in _FAULTS:
                if event.farewell:  # it is this side that refuses
                    self._counters.refuse(event.code.value)
                _log.warning("the connection to %s is closed: %s", connection.peer_address, event.reason)
        self._detach(event)

    def _detach(self, event: Broken) -> None:
        """The link is gone; a core that has ended meanwhile says so by itself."""
        self._blocked_on = None
        events = self.core.detach(self.loop.time())
        self._owner(self, event)
        self._handle(events)
        self._check_conditions()
        if self.core.wake_at < self._armed_at:
            self._arm_timer()

    def release_connection(self) -> Connection:
        """Give up the connection, which belongs to a fresh session now."""
        connection, self.connection = self.connection, None
        assert connection is not None, "an answer came over it"
        return connection

    def fail(self, call: OutgoingCall, failure: CallosumError) -> None:
        """End a call that no session has, or has any more."""
        call.failure = failure
        self._settle(call)
        self.resume_soon()

    def _drop_connection(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _finish(self) -> None:
        self._drop_connection()
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._armed_at = None, math.inf
        for inbound in list(self._held):
            inbound.finish()
        self._held.clear()
        self._check_conditions()


def stale_reset() -> Reset:
    """What a connection is told whose session goes on elsewhere."""
    return Reset(ResetCode.STALE, "the session goes on over a newer connection")


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
