"""The user's handle on the other side, for threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar, overload

from callosum.blocking.stub import blocking_class
from callosum.compression import Compression
from callosum.context import Key, Metadata, current_call
from callosum.errors import ConfigurationError
from callosum.fingerprint import Difference
from callosum.handover import Handover
from callosum.peer import Peer as AsyncPeer
from callosum.peer import PeerState
from callosum.protocol.messages import Info, Offered
from callosum.service import BlockingServiceClass, service_of
from callosum.threads import home

B = TypeVar("B")


class Peer:
    """The other side: what `callosum.Peer` is, and each method waits. For any number of threads at once.

    Two are equal where they are handles on the same peer.
    """

    __slots__ = ("_handover", "_peer")

    def __init__(self, peer: AsyncPeer, handover: Handover) -> None:
        self._peer = peer
        self._handover = handover

    @overload
    def stub(
        self,
        service: type[BlockingServiceClass[B]],
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
    ) -> B: ...
    @overload  # a Protocol of async methods: no type can say that these methods return what those await
    def stub(
        self,
        service: Callable[..., object],
        *,
        timeout: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        compression: Compression | str | None = None,
    ) -> Any: ...
    def stub(
        self,
        service: Any,  # as the overloads say
        **options: Any,  # as above
    ) -> Any:  # as above
        """A stub of a service on this peer, each of whose methods waits for its result.

        Args:
            service: The service class, for example ``echo.Echo``.
            timeout: Seconds for each call; without it the endpoint's.
            key: The request key of its calls.
            metadata: What travels with each call.
            compression: As for `callosum.Peer.stub`.

        Raises:
            ConfigurationError: As `callosum.Peer.stub`.
        """
        stub = self._handover.read(lambda: self._peer.stub(service, **options))
        return blocking_class(service_of(service))(stub, self._handover)

    @property
    def info(self) -> Info:
        """What the other side's ``connect(info=...)`` gave; empty at the connector."""
        return self._handover.read(lambda: self._peer.info)

    @property
    def principal(self) -> str | None:
        """Whom policy sees at the other side; None without authentication."""
        return self._handover.read(lambda: self._peer.principal)

    @property
    def address(self) -> str:
        """Where the other side is, for people; "" while there is no connection."""
        return self._handover.read(lambda: self._peer.address)

    @property
    def services(self) -> tuple[Offered, ...]:
        """What the other side serves: names, fingerprints and encodings."""
        return self._handover.read(lambda: self._peer.services)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Which services the other side has in another version; see `callosum.Peer.differences`."""
        return self._handover.read(lambda: self._peer.differences)

    @property
    def state(self) -> PeerState:
        """How the other side is reached now."""
        return self._handover.read(lambda: self._peer.state)

    def wait_closed(self) -> None:
        """Wait until the peer is closed for good."""
        self._handover.run(self._peer.wait_closed)

    def drain(self) -> None:
        """Wait until the other side has acknowledged all that was handed over until now, oneways above all.

        Raises:
            ConnectionLost: The session ended before; what is missing is UNKNOWN.
        """
        self._handover.run(self._peer.drain)

    def __eq__(self, other: object) -> bool:
        return self._peer is other._peer if isinstance(other, Peer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._peer)

    def __repr__(self) -> str:
        return f"<blocking {self._peer!r}>"


class PeersView(AbstractSet[Peer]):
    """A live view of the peers whose sessions are open, the detached ones included."""

    __slots__ = ("_handover", "_peers")

    def __init__(self, peers: AbstractSet[AsyncPeer], handover: Handover) -> None:
        self._peers = peers
        self._handover = handover

    def __contains__(self, peer: object) -> bool:
        return peer in set(self)

    def __iter__(self) -> Iterator[Peer]:
        return iter([Peer(peer, self._handover) for peer in self._handover.read(list, self._peers)])

    def __len__(self) -> int:
        return self._handover.read(len, self._peers)


def current_peer() -> Peer:
    """The peer whose call is being handled, in a handler with `callosum.in_thread`; keep it, for later calls.

    Raises:
        ConfigurationError: No such handler is running in this thread.
    """
    handover = home.get()
    if handover is None:
        raise ConfigurationError(
            "blocking.current_peer() is for use inside a handler with @callosum.in_thread; in an async one it is"
            " callosum.current_peer()"
        )
    return Peer(current_call().peer, handover)
