"""The endpoint of `connect`: dials, backs off, resumes, and opens a fresh session where none can be resumed."""

from __future__ import annotations

import asyncio
import enum
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Final

from callosum.errors import (
    AuthenticationError,
    CallosumError,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    Outcome,
    ProtocolError,
)
from callosum.layers import lower_layer
from callosum.listening import end_slow_soon
from callosum.lower.base import Connection, Connector
from callosum.malloc import expect_large_blocks
from callosum.peer import Peer
from callosum.protocol.calls import OutgoingCall, SessionState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Broken, Draining, Ended, Event, NotResumed, Opened, Resumed
from callosum.protocol.messages import ResetCode, Resumption
from callosum.protocol.outbox import Gate
from callosum.session.counters import Counters
from callosum.session.session import Session, opening
from callosum.session.workers import STOP_TIMEOUT
from callosum.settings import ProcessGuard, Settings, resend_budget

_log = logging.getLogger("callosum.endpoints")

ATTEMPT_TIMEOUT: Final = 3.0
"""Seconds for one attempt to connect."""
BACKOFF_BASE: Final = 0.05
BACKOFF_CAP: Final = 5.0
"""Seconds: the bounds of the pause before the next attempt."""

OnConnect = Callable[[Peer], Awaitable[None]]


class Order(enum.StrEnum):
    """In which order several addresses are dialled."""

    GIVEN = "given"
    RANDOM = "random"


class _Backoff:
    """Pauses between attempts, with full jitter."""

    __slots__ = ("_longest",)

    def __init__(self) -> None:
        self._longest = 0.0

    def reset(self) -> None:
        """It has worked: the next pause is short again."""
        self._longest = BACKOFF_BASE

    async def pause(self) -> None:
        """Wait before the next attempt; the very first one does not wait."""
        if self._longest:
            await asyncio.sleep(random.uniform(0, self._longest))  # noqa: S311 - jitter, no secret
        self._longest = min(BACKOFF_CAP, max(BACKOFF_BASE, 2 * self._longest))


class _Line:
    """One session after another, each kept connected: resumed where it can be, followed by a fresh one where not.

    A line whose session drains is retired: it ends with that session, and a line beside it has the later calls.
    """

    def __init__(self, endpoint: ConnectEndpoint) -> None:
        self._endpoint = endpoint
        self._backoff = _Backoff()
        self._changed = asyncio.Event()
        self._gives_up: Resumption | None = None
        self._address = ""
        self._untried: list[str] = []
        self._opening: asyncio.Task[None] | None = None
        self._passed_on: tuple[Connection, NotResumed] | None = None
        self.retired = asyncio.Event()
        self.session = endpoint.new_session(self.on_life)
        endpoint.session = self.session

    # --- dialling -----------------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Dial whenever there is no connection, until the line is retired and its session has ended."""
        try:
            while True:
                state = self.session.core.state
                if state in (SessionState.NEW, SessionState.DETACHED):
                    await self._attempt()
                elif state is SessionState.ENDED:
                    return
                else:
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            if self._opening is not None:
                self._opening.cancel()

    async def _attempt(self) -> None:
        await self._backoff.pause()
        address = self._next_address()
        try:
            connection = await self._endpoint.connectors[address].connect(ATTEMPT_TIMEOUT)
        except CallosumError as error:
            self._endpoint.not_connected(error)
            return
        session = self.session
        if session.core.state not in (SessionState.NEW, SessionState.DETACHED):
            connection.close()  # it ended while we dialled
            return
        self._address = address
        self._endpoint.count("connections")
        session.dial(connection, self._gives_up)

    def _next_address(self) -> str:
        """While something is unfinished only the session's own address; otherwise the whole list in its order."""
        core = self.session.core
        if core.state is SessionState.DETACHED and (core.in_flight or core.unacknowledged or not core.is_flushed):
            return self._address
        if not self._untried:
            self._untried = self._endpoint.addresses_in_order()
        return self._untried.pop(0)

    # --- the life of the session --------------------------------------------------------------------------------------

    def on_life(self, session: Session, event: Event) -> None:
        """What the session tells of its life."""
        if session is not self.session:
            return
        match event:
            case Opened():
                self._on_opened(session)
            case Resumed():
                self._backoff.reset()
                self._endpoint.count("resumed")
            case NotResumed():
                connection = session.release_connection()
                self._passed_on = (connection, event)
            case Draining():
                if not self.retired.is_set():
                    self.retired.set()
                    self._endpoint.succeed(self)
                self._endpoint.adopt(event.unsent, session)
            case Broken():
                self._endpoint.broken(event)
            case Ended():
                self._on_ended(session, event)
            case _:
                pass
        self._changed.set()

    def _on_opened(self, session: Session) -> None:
        self._gives_up = None
        self._untried = []
        self._endpoint.count("sessions")
        if self._endpoint.on_connect is None:
            self._backoff.reset()
            self._endpoint.ready()
        else:
            self._opening = self._endpoint.spawn(self._greet(session))

    async def _greet(self, session: Session) -> None:
        """Run ``on_connect`` before other calls leave."""
        on_connect, peer = self._endpoint.on_connect, self._endpoint.peer
        assert on_connect is not None, "asked before"
        opening.set(session)
        try:
            await on_connect(peer)
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises: connect() raises it, or it is logged
            self._endpoint.not_greeted(error)
            session.close(ResetCode.CLOSED, "on_connect failed")
            return
        if session.core.state is SessionState.ENDED:
            return
        self._backoff.reset()
        session.core.gate = Gate.OPEN
        session.flush_soon()
        self._endpoint.ready()

    def _on_ended(self, session: Session, event: Ended) -> None:
        if self._opening is not None:
            opening_task, self._opening = self._opening, None
            if opening_task is not asyncio.current_task():
                opening_task.cancel()
        if self.retired.is_set() or self._endpoint.is_closing:
            self._endpoint.adopt(event.unsent, session)
            return
        self._gives_up = Resumption(session.core.session, session.core.token) if session.core.token else None
        self.session = self._endpoint.new_session(self.on_life)
        self._endpoint.session = self.session
        self.session.adopt(event.unsent)
        passed_on, self._passed_on = self._passed_on, None
        if passed_on is not None:
            self.session.welcomed(*passed_on)


class ConnectEndpoint:
    """What `connect` returns: ``async with`` opens it and gives the `Peer`.

    Attributes:
        counters: What was counted: connections, sessions, calls, refusals by reason, bytes that were compressed.
        peer: The engine's: what entering gives.
        session: The engine's: the session that new calls take.
    """

    peer: Peer
    session: Session

    def __init__(
        self,
        settings: Settings,
        *,
        connect_timeout: float | None,
        on_connect: OnConnect | None,
        order: Order,
    ) -> None:
        self._settings = settings
        self._connect_timeout = connect_timeout
        self.on_connect = on_connect
        self._order = order
        self._counts = Counters()
        self.counters: Mapping[str, int] = self._counts
        self._dispatcher = settings.dispatcher(self._counts)
        self._terms = settings.terms(self._dispatcher.registry)
        self.connectors: dict[str, Connector] = {
            a: lower_layer(a).connector(a, settings.auth) for a in settings.addresses
        }
        self._guard = ProcessGuard()
        self._lines: list[_Line] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_error: Exception | None = None
        self._closing = asyncio.Event()
        self._first: asyncio.Future[None]

    # --- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Peer:
        self._guard.check()
        expect_large_blocks()
        if self._lines:
            raise ConfigurationError("this connect() was entered before; call connect() again for another peer")
        self._dispatcher.open()
        self._first = asyncio.get_running_loop().create_future()
        self.peer = Peer(self, self._settings.timeout, self._settings.chain(), self._settings.compression)
        self._start_line()
        try:
            if self._connect_timeout is not None:
                await self._wait_for_first(self._connect_timeout)
        except BaseException:
            await self._stop()
            raise
        return self.peer

    async def _wait_for_first(self, seconds: float) -> None:
        done, _ = await asyncio.wait({self._first}, timeout=seconds)
        if done:
            self._first.result()
            return
        where = ", ".join(self._settings.addresses)
        why = f": {self._last_error}" if self._last_error is not None else ""
        raise ConnectError(f"no session with {where} within {seconds:g} s{why}") from self._last_error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._guard.is_child:
            return  # the sockets are the parent's
        try:
            if kind is None:
                await self._drain()
        finally:
            await self._stop()

    async def _drain(self) -> None:
        """Finish what is under way on connections that stand; what has none cannot be finished now."""
        self._closing.set()
        until = asyncio.get_running_loop().time() + self._settings.grace
        standing = [line.session for line in self._lines if line.session.core.state is SessionState.OPEN]
        await asyncio.gather(*(session.drain("the endpoint is closing", until) for session in standing))

    async def _stop(self) -> None:
        """Close everything, and do not leave it half done where the caller is cancelled meanwhile."""
        ending = asyncio.create_task(self._end())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise

    async def _end(self) -> None:
        self._closing.set()
        tasks = set(self._tasks)
        for task in tasks:
            if not task.cancelling():  # a second time would cut short what on_connect does at its end
                task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
            if stuck:
                _log.error("on_connect ignores its cancellation and is left behind")
        for line in self._lines:
            line.session.close(ResetCode.CLOSED, "the endpoint was closed")
        self.peer.close()
        await self._dispatcher.close()
        if not self._first.done():
            self._first.cancel()
        elif not self._first.cancelled():
            self._first.exception()  # it was raised already, or nobody waits for it

    @property
    def sessions(self) -> list[Session]:
        """The session that new calls take, and those beside it that drain."""
        return [line.session for line in self._lines]

    @property
    def is_closing(self) -> bool:
        """Whether the ``async with`` is being left."""
        return self._closing.is_set()

    # --- what lines call ----------------------------------------------------------------------------------------------

    def new_session(self, owner: Callable[[Session, Event], None]) -> Session:
        """A session that has no connection yet; calls can wait in it."""
        loop = asyncio.get_running_loop()
        buffer = resend_budget.open_buffer(lambda: end_slow_soon(loop, session))
        core = SessionCore(Role.CONNECTOR, self._terms, buffer)
        core.gate = Gate.OPEN if self.on_connect is None else Gate.AHEAD
        settings = self._settings
        session = Session(core, self._dispatcher, owner, self._counts, settings.on_difference, settings.compression)
        session.peer = self.peer
        return session

    def _start_line(self) -> _Line:
        line = _Line(self)
        self._lines.append(line)
        self.spawn(line.keep())
        return line

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task that the endpoint owns."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a fault of callosum: an endpoint stopped dialling", exc_info=error)
            if not self._first.done():
                self._first.set_exception(error)

    def succeed(self, line: _Line) -> None:
        """The session of a line drains: a fresh one beside it has the later calls."""
        if not self.is_closing and line is self._lines[-1]:
            self._lines = [other for other in self._lines if other.session.core.state is not SessionState.ENDED]
            self._start_line()

    def adopt(self, unsent: Sequence[OutgoingCall], origin: Session) -> None:
        """Calls that surely did not run go on the newest session, or end where the endpoint closes."""
        if self.session is not origin and not self.is_closing:
            self.session.adopt(unsent)
            return
        for call in unsent:
            origin.fail(call, ConnectionLost("the endpoint was closed", outcome=Outcome.NOT_SENT))

    def addresses_in_order(self) -> list[str]:
        """All addresses, in the order in which they are dialled."""
        addresses = list(self._settings.addresses)
        if self._order is Order.RANDOM:
            random.shuffle(addresses)
        return addresses

    def count(self, name: str) -> None:
        """One more."""
        self._counts.count(name)

    def ready(self) -> None:
        """A session is open, and ``on_connect`` is through."""
        self._last_error = None
        if not self._first.done():
            self._first.set_result(None)

    def not_connected(self, error: CallosumError) -> None:
        """An attempt has failed; where no other can succeed, the first `connect` raises it at once."""
        self._last_error = error
        _log.debug("not connected: %s", error)
        if isinstance(error, AuthenticationError | ConfigurationError) and not self._first.done():
            self._first.set_exception(error)

    def not_greeted(self, error: Exception) -> None:
        """``on_connect`` has raised: the first `connect` raises it where it waits for it, later it is logged."""
        if self._first.done() or self._connect_timeout is None:
            _log.error("on_connect failed; the session is closed and dialled again", exc_info=error)
        else:
            self._first.set_exception(error)

    def broken(self, event: Broken) -> None:
        """A connection is gone."""
        self._last_error = ConnectError(event.reason)
        if self._first.done():
            return
        if event.code is ResetCode.UNAUTHENTICATED:
            self._first.set_exception(AuthenticationError(event.reason))
        elif event.code is ResetCode.PROTOCOL:
            self._first.set_exception(ProtocolError(event.reason))
