"""Peer: the user's handle on the other side."""

from __future__ import annotations

import asyncio
import enum
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, cast, overload

from callosum.compression import Compression, compression_of
from callosum.context import Key, Metadata
from callosum.errors import ConfigurationError, ConnectionLost, Outcome
from callosum.fingerprint import Difference
from callosum.interceptors import Next
from callosum.protocol.calls import SessionState
from callosum.protocol.core import Role
from callosum.protocol.messages import Info, Offered
from callosum.service import Service, ServiceClass, service_of
from callosum.stub import StubOptions, check_options, stub_class

if TYPE_CHECKING:
    from callosum.session.session import Session

S = TypeVar("S")


class PeerState(enum.Enum):
    """How the other side is reached now."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DETACHED = "detached"
    """The link broke; the session waits to be resumed."""
    CLOSED = "closed"


_STATES: Mapping[SessionState, PeerState] = {
    SessionState.NEW: PeerState.CONNECTING,
    SessionState.GREETING: PeerState.CONNECTING,
    SessionState.OPENING: PeerState.CONNECTING,
    SessionState.OPEN: PeerState.CONNECTED,
    SessionState.DETACHED: PeerState.DETACHED,
    SessionState.RESUMING: PeerState.DETACHED,
    SessionState.ENDED: PeerState.CLOSED,
}


class Route(Protocol):
    """Which session a peer's calls take: one for ever, or the newest of a connector."""

    @property
    def session(self) -> Session:
        """The session for a call that is made now."""
        ...

    @property
    def sessions(self) -> Sequence[Session]:
        """That session, and those beside it that drain."""
        ...


class Peer:
    """The other side: calls go to it, and may come from it.

    The connector's peer lasts as long as the ``async with``; the listener's is one session, through every resume, and
    closed for good at its end. Hashable by identity.

    Attributes:
        chain: The engine's: the interceptors around each outgoing call, or None.
        route: The engine's: the way that calls take.
        called: The engine's: the services of which stubs were made.
    """

    __slots__ = ("__weakref__", "_closed", "_compression", "_timeout", "called", "chain", "route")

    def __init__(
        self, route: Route, timeout: float | None, chain: Next | None, compression: Compression | None = None
    ) -> None:
        self._timeout = timeout
        self._compression = compression
        self._closed = asyncio.Event()
        self.chain = chain
        self.route = route
        self.called: dict[Service, None] = {}
        _peers.add(self)

    @overload
    def stub(
        self,
        service: type[ServiceClass[S]],
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
    ) -> S: ...
    @overload  # a Protocol: mypy takes it for a callable, and refuses it as type[S]
    def stub(
        self,
        service: Callable[..., S],
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
    ) -> S: ...
    def stub(
        self,
        service: type[ServiceClass[S]] | Callable[..., S],
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
    ) -> S:
        """A stub of a service on this peer. Cheap; keep it or make it anew, as you like.

        Args:
            service: The service class, for example ``echo.Echo``.
            timeout: Seconds for each call; without it the endpoint's.
            key: The request key of its calls.
            metadata: What travels with each call.
            compression: What arguments and results are compressed with, where the other side can: ``snappy``, ``zstd``,
                a `callosum.Compression`, or ``none``; without it the endpoint's.

        Raises:
            ConfigurationError: The class names no service, or an option cannot be; of a strict endpoint also: the
                other side serves another version of it, or does not serve it.
        """
        chosen = self._compression if compression is None else compression_of(compression)
        options = StubOptions(self._timeout if timeout is None else timeout, key, metadata, chosen)
        check_options(options)
        called = service_of(cast(type, service))
        if called not in self.called:
            self.called[called] = None
            for session in self.route.sessions:
                session.comparison.include(called)
        self.route.session.comparison.check_service(called)
        return cast(S, stub_class(called)(self, options))

    @property
    def info(self) -> Info:
        """What the other side's ``connect(info=...)`` gave; empty at the connector."""
        session = self.route.session
        hello = session.core.hello
        return {} if hello is None or session.core.role is Role.CONNECTOR else hello.info

    @property
    def principal(self) -> str | None:
        """Whom policy sees at the other side; None without authentication."""
        return None

    @property
    def address(self) -> str:
        """Where the other side is, for people; "" while there is no connection."""
        connection = self.route.session.connection
        return "" if connection is None else connection.peer_address

    @property
    def services(self) -> tuple[Offered, ...]:
        """What the other side serves: names, fingerprints and encodings."""
        return tuple(self.route.session.services.values())

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Which services that are called here the other side has in another version, or not at all, and what differs.

        Of the present session, and of services of which a stub was made; empty until the session is open.
        """
        return self.route.session.comparison.differences

    @property
    def state(self) -> PeerState:
        """How the other side is reached now."""
        state = self.route.session.core.state
        return PeerState.CLOSED if self._closed.is_set() else _STATES[state]

    async def wait_closed(self) -> None:
        """Wait until the peer is closed for good. Cancellation: safe."""
        _ = self.route.session
        await self._closed.wait()

    async def drain(self) -> None:
        """Wait until the other side has acknowledged all that was handed over until now, oneways above all.

        Cancellation: safe.

        Raises:
            ConnectionLost: The session ended before; what is missing is UNKNOWN.
        """
        for session, target in [(session, session.core.last_number) for session in self.route.sessions]:
            core = session.core
            if not await session.wait_for(lambda core=core, target=target: core.acknowledged >= target):  # type: ignore[misc]
                raise ConnectionLost("the session ended before all was acknowledged", outcome=Outcome.UNKNOWN)

    def close(self) -> None:
        """The engine's: the peer is closed for good."""
        self._closed.set()

    def __repr__(self) -> str:
        if isinstance(self.route, _Forked):
            return "<peer of the parent process>"
        return f"<peer {self.address or 'without a connection'}, {self.state.value}>"


class _Forked:
    """The way that calls take in a forked child: none. Put there at the fork, so that no call pays for a check."""

    @property
    def session(self) -> Session:
        raise ConfigurationError(
            "this peer was opened before a fork; a child process must open its own, with connect() or listen()"
        )

    @property
    def sessions(self) -> Sequence[Session]:
        return (self.session,)


_peers: weakref.WeakSet[Peer] = weakref.WeakSet()


def _refuse_all() -> None:
    for peer in _peers:
        peer.route = _Forked()


os.register_at_fork(after_in_child=_refuse_all)
