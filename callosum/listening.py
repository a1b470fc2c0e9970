"""The endpoint of `listen`: accepts connections, greets them, and keeps their sessions."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import TracebackType
from typing import Final, NamedTuple, Self

from callosum.errors import ConfigurationError, ProtocolError
from callosum.layers import lower_layer
from callosum.lower.base import Connection, Frames
from callosum.malloc import expect_large_blocks
from callosum.peer import Peer
from callosum.protocol import wire
from callosum.protocol.calls import SessionState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Broken, Ended, Event, Opened, Resumed
from callosum.protocol.handshake import make_welcome, names_session
from callosum.protocol.messages import Hello, Reset, ResetCode
from callosum.session.counters import Counters
from callosum.session.session import CLOSE_LINGER, Session
from callosum.settings import ProcessGuard, Settings, resend_budget

_log = logging.getLogger("callosum.endpoints")

HANDSHAKE_TIMEOUT: Final = 5.0
"""Seconds that a new connection has for its HELLO."""
MAX_GREETINGS: Final = 256
"""Connections that have not said HELLO, or not sent their OFFER, yet; over it the next one is closed at once."""
MAX_SESSIONS: Final = 10_000
"""Sessions of one endpoint; over it the one that was detached first ends, and without such a one the new one waits."""


class _Greeting:
    """A connection that has not said HELLO yet."""

    __slots__ = ("_endpoint", "_timer", "connection")

    def __init__(self, endpoint: ListenEndpoint, connection: Connection) -> None:
        self._endpoint = endpoint
        self.connection = connection
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_TIMEOUT, self._give_up)

    def received(self, frames: Frames) -> None:
        self._timer.cancel()
        self._endpoint.greeted(self, frames)

    def drained(self) -> None:
        """Nothing was made that could leave."""

    def writable(self) -> None:
        """Nothing waits to be sent."""

    def closed(self, reason: str) -> None:  # noqa: ARG002 - the contract's
        self._timer.cancel()
        self._endpoint.forget(self)

    def _give_up(self) -> None:
        self._endpoint.forget(self)
        self._endpoint.refuse(self, ResetCode.NO_SESSION, "no HELLO in time")

    def refuse(self, code: ResetCode, text: str) -> None:
        """Close with a RESET."""
        self._timer.cancel()
        self.connection.send(wire.encode([Reset(code, text)]))
        self.connection.close(CLOSE_LINGER)


class _Route(NamedTuple):
    """A listener's peer is one session."""

    session: Session

    @property
    def sessions(self) -> tuple[Session]:
        return (self.session,)


class PeersView(AbstractSet[Peer]):
    """A live view of the peers whose sessions are open, the detached ones included."""

    __slots__ = ("_sessions",)

    def __init__(self, sessions: Mapping[int, Session]) -> None:
        self._sessions = sessions

    def __contains__(self, peer: object) -> bool:
        return any(session.peer is peer for session in self._open())

    def __iter__(self) -> Iterator[Peer]:
        return iter([session.peer for session in self._open()])

    def __len__(self) -> int:
        return sum(1 for _ in self._open())

    def _open(self) -> Iterator[Session]:
        return (s for s in list(self._sessions.values()) if s.core.state is not SessionState.OPENING)


class ListenEndpoint:
    """What `listen` returns: ``async with`` opens it; it drains when the block is left.

    Attributes:
        counters: What was counted: connections, sessions, calls, refusals by reason, bytes that were compressed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counts = Counters()
        self.counters: Mapping[str, int] = self._counts
        self._dispatcher = settings.dispatcher(self._counts)
        self._terms = settings.terms(self._dispatcher.registry)
        self._chain = settings.chain()
        self._listeners = [lower_layer(a).listener(a, settings.auth) for a in settings.addresses]
        self._guard = ProcessGuard()
        self._greetings: dict[_Greeting, None] = {}
        self._openings: dict[Session, asyncio.TimerHandle] = {}
        self._sessions: dict[int, Session] = {}
        self._last_session = 0
        self._accepting: list[asyncio.Queue[Peer | None]] = []
        self._drains_until: float | None = None
        self._closed = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._entered = False
        self.peers: AbstractSet[Peer] = PeersView(self._sessions)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._guard.check()
        expect_large_blocks()
        if self._entered:
            raise ConfigurationError("this listen() was entered before; call listen() again for another server")
        self._entered = True
        self._dispatcher.open()
        try:
            for listener in self._listeners:
                await listener.open(self._accept)
        except BaseException:
            await self._abort_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._guard.is_child:
            return  # the sockets are the parent's
        try:
            if kind is None:
                await self.drain()
        finally:
            await self._abort_all()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens; a port 0 is resolved once it is open."""
        return tuple(listener.address for listener in self._listeners)

    async def serve_forever(self) -> None:
        """Serve until SIGINT or SIGTERM, then drain and return; a second signal aborts.

        Off the main thread no signal is caught. Cancellation: safe; nothing is drained.

        Raises:
            ConfigurationError: In a forked child.
        """
        self._guard.check()
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        abort = asyncio.Event()

        def on_signal() -> None:
            (abort if stop.is_set() else stop).set()

        caught = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
        for number in caught:
            loop.add_signal_handler(number, on_signal)
        try:
            await first_of(stop.wait(), self._closed.wait())
            await first_of(self.drain(), abort.wait())
            if abort.is_set():
                await self.abort()
        finally:
            for number in caught:
                loop.remove_signal_handler(number)

    async def drain(self) -> None:
        """Take no new sessions, tell every peer, finish what runs, and close; within the grace time.

        Cancellation: safe; what was not finished goes on until `abort`.

        Raises:
            ConfigurationError: In a forked child.
        """
        self._guard.check()
        if self._closed.is_set():
            return
        now = asyncio.get_running_loop().time()
        if self._drains_until is None:
            self._drains_until = now + self._settings.grace
        sessions = list(self._sessions.values())
        await asyncio.gather(*(s.drain("the endpoint is closing", self._drains_until) for s in sessions))

    async def abort(self) -> None:
        """Close everything now; what runs is cancelled. May be called twice.

        Cancellation: safe; the closing goes on, and leaving the ``async with`` waits for it. So a handler may call it.

        Raises:
            ConfigurationError: In a forked child.
        """
        self._guard.check()
        await asyncio.shield(self._end())

    async def _abort_all(self) -> None:
        """Close everything, and do not leave it half done where the caller is cancelled meanwhile."""
        ending = self._end()
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise

    def _end(self) -> asyncio.Task[None]:
        if self._ending is None:
            self._closed.set()
            self._ending = asyncio.create_task(self._close())
        return self._ending

    async def _close(self) -> None:
        for greeting in list(self._greetings):
            greeting.refuse(ResetCode.DRAINING, "the endpoint is closing")
        self._greetings.clear()
        for session in list(self._sessions.values()):
            session.close(ResetCode.CLOSED, "the endpoint was closed")
        await self._dispatcher.close()
        for listener in self._listeners:
            await listener.close(CLOSE_LINGER)
        for queue in self._accepting:
            queue.put_nowait(None)

    async def accepted(self) -> AsyncIterator[Peer]:
        """Each session's peer once: those that are open now, and every new one, until the endpoint closes.

        Raises:
            ConfigurationError: In a forked child.
        """
        self._guard.check()
        queue: asyncio.Queue[Peer | None] = asyncio.Queue()  # bounded by the sessions that are open or just were
        for peer in self.peers:
            queue.put_nowait(peer)
        self._accepting.append(queue)
        try:
            while not self._closed.is_set() and (accepted := await queue.get()) is not None:
                yield accepted
        finally:
            self._accepting.remove(queue)

    # --- greeting -----------------------------------------------------------------------------------------------------

    def _accept(self, connection: Connection) -> None:
        self._counts.count("connections")
        if self._closed.is_set() or len(self._greetings) + len(self._openings) >= MAX_GREETINGS:
            self._counts.refuse("greetings")
            _log.info("refusing a connection from %s: too many are half-open", connection.peer_address)
            connection.close()
            return
        greeting = _Greeting(self, connection)
        self._greetings[greeting] = None
        connection.start(greeting)

    def forget(self, greeting: _Greeting) -> None:
        """A connection is gone, or known."""
        self._greetings.pop(greeting, None)

    def greeted(self, greeting: _Greeting, frames: Frames) -> None:
        """The first batch of a connection: a HELLO, or it is refused."""
        self.forget(greeting)
        try:
            batch = wire.decode(frames)
            first = batch.messages[0] if batch.messages else None
            if not isinstance(first, Hello):
                code = ResetCode.NO_SESSION
                self.refuse(greeting, code, "the first record of a connection is a HELLO")
                return
            self._admit(greeting, first)
        except ProtocolError as error:
            self.refuse(greeting, ResetCode.PROTOCOL, str(error))

    def refuse(self, greeting: _Greeting, code: ResetCode, text: str) -> None:
        """Count it, log it, and close with a RESET."""
        self._counts.refuse(code.value)
        _log.info("refusing a connection from %s: %s", greeting.connection.peer_address, text)
        greeting.refuse(code, text)

    def _admit(self, greeting: _Greeting, hello: Hello) -> None:
        session = self._named(greeting, hello)
        if session is not None and hello.resumption is not None and hello.resumption.received is not None:
            if hello.attempt <= session.core.attempt:
                self.refuse(greeting, ResetCode.STALE, f"attempt {hello.attempt} is not the newest")
            else:
                self._resume(session, greeting, hello)
            return
        if session is not None:
            session.end("the other side gave the session up")
        if self._drains_until is not None:
            self.refuse(greeting, ResetCode.DRAINING, "the endpoint is draining")
        elif len(self._sessions) >= MAX_SESSIONS and not self._make_room():
            self.refuse(greeting, ResetCode.DRAINING, f"there are {MAX_SESSIONS} sessions already")
        else:
            self._open(greeting, hello)

    def _make_room(self) -> bool:
        """End the session that has been without a connection for longest; whether there was one."""
        detached = [s for s in self._sessions.values() if s.core.state is SessionState.DETACHED]
        if not detached:
            return False
        min(detached, key=lambda session: session.core.grace_ends).end("there are too many sessions")
        return True

    def _named(self, greeting: _Greeting, hello: Hello) -> Session | None:
        """The session that a HELLO names, if it knows its secret."""
        resumption = hello.resumption
        if resumption is None:
            return None
        session = self._sessions.get(resumption.session)
        if session is None or session.core.state is SessionState.OPENING:
            return None
        if not names_session(resumption, session.core.session, session.core.token):
            self._counts.refuse("token")
            _log.warning("%s named session %d with a wrong token", greeting.connection.peer_address, resumption.session)
            return None
        return session

    def _resume(self, session: Session, greeting: _Greeting, hello: Hello) -> None:
        core = session.core
        welcome = make_welcome(self._terms, hello, core.session, core.token, core.expected)
        session.accept(greeting.connection, hello, welcome)
        self._counts.count("resumed")

    def _open(self, greeting: _Greeting, hello: Hello) -> None:
        self._last_session += 1
        ident = self._last_session
        welcome = make_welcome(self._terms, hello, ident, secrets.token_bytes(16), None)
        loop = asyncio.get_running_loop()
        buffer = resend_budget.open_buffer(lambda: end_slow_soon(loop, session))
        core = SessionCore(Role.LISTENER, self._terms, buffer)
        settings = self._settings
        session = Session(
            core, self._dispatcher, self._on_life, self._counts, settings.on_difference, settings.compression
        )
        session.peer = Peer(_Route(session), settings.timeout, self._chain, settings.compression)
        self._sessions[ident] = session
        self._openings[session] = loop.call_later(HANDSHAKE_TIMEOUT, self._give_up, session)
        session.accept(greeting.connection, hello, welcome)

    def _give_up(self, session: Session) -> None:
        """The other side has not sent its OFFER in time."""
        session.close(ResetCode.PROTOCOL, "no OFFER in time")

    # --- sessions -----------------------------------------------------------------------------------------------------

    def _on_life(self, session: Session, event: Event) -> None:
        match event:
            case Opened():
                self._openings.pop(session).cancel()
                self._counts.count("sessions")
                for queue in self._accepting:
                    queue.put_nowait(session.peer)
            case Ended():
                if (timer := self._openings.pop(session, None)) is not None:
                    timer.cancel()
                self._sessions.pop(session.core.session, None)
                session.peer.close()
            case Broken() | Resumed():
                _log.debug("session %d: %s", session.core.session, event)
            case _:
                pass


def end_slow_soon(loop: asyncio.AbstractEventLoop, session: Session) -> None:
    """Over the process's bound the session that holds most ends; not now, in the middle of somebody's sending."""
    text = "this session keeps more unacknowledged records than the process can afford"
    loop.call_soon(session.close, ResetCode.SLOW, text)


async def first_of(*awaitables: Coroutine[object, object, object]) -> None:
    """Return when the first has ended, with the others cancelled; raise what it raised."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()
