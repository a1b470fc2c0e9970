"""The contract of a lower layer: what moves whole messages between two endpoints.

Laws: a connection keeps order and message boundaries. It may break; it may not reorder, lose a message before one that
it delivers, or reconnect. It knows nothing of calls. All of it runs on one asyncio loop; no callback is called from
within the call that caused it (``start``, ``send``, ``close``), and none after ``closed`` or an own ``close()``. Only
what is named here is raised. What is closed leaves nothing behind. `callosum.testing.check_lower` checks all of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Frame = bytes | memoryview
Frames = Sequence[Frame]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection can carry."""

    message_bytes: int = 64 * 1024 * 1024
    """The largest message, all frames together, in bytes."""
    frames: int = 130
    """The most frames of one message."""


class Receiver(Protocol):
    """Whom a connection tells what happens. Callbacks must not raise and must not block."""

    def received(self, frames: Frames) -> None:
        """One whole message, each frame bytes or a memoryview. The frames are the receiver's to keep."""

    def drained(self) -> None:
        """Called after a run of ``received``: what these made can leave together now."""

    def writable(self) -> None:
        """A ``send`` that returned False may be tried again."""

    def closed(self, reason: str) -> None:
        """The connection is gone, for good, and why: told once, and not after an own ``close()``."""


class Connection(ABC):
    """One link to one other endpoint.

    Attributes:
        peer_address: The other end, for people; never empty.
        peer_identity: What the lower layer verified about the other end, or None.
        limits: What a message may hold.
    """

    peer_address: str
    peer_identity: Any  # the authenticator's own type of identity: opaque to the engine
    limits: ConnectionLimits

    @abstractmethod
    def start(self, receiver: Receiver) -> None:
        """Begin to deliver; first what has arrived before, also the end. A second call replaces the receiver."""

    @abstractmethod
    def send(self, frames: Frames) -> bool:
        """Take one message whole, or return False and take nothing; never blocks.

        False promises a later ``writable()``, or ``closed()``. True promises nothing about arrival, but what the other
        side does not read has a bound. A message of one empty frame may be dropped: layers have it as a sign of theirs.
        Frames from 256 KiB may be handed on without a copy: they must not change until the other side has acknowledged.
        Raises ProtocolError, and stays as it is, where the message has no frames or is over the limits.
        """

    @abstractmethod
    def close(self, linger: float = 0.0) -> None:
        """Close now, once or twice; the other side is told. What was sent gets up to ``linger`` seconds to leave."""


class Listener(ABC):
    """Accepts connections at one address."""

    address: str
    """Where it listens, to be dialled; a port 0 is resolved once it is open."""

    @abstractmethod
    async def open(self, accept: Callable[[Connection], None]) -> None:
        """Listen, and hand over every new connection. Raises ConfigurationError, or ConnectError (address in use).

        A connection is handed over with its first message at the latest: who dials speaks first. One that is not
        started there and then may be given up when too much arrives.
        """

    @abstractmethod
    async def close(self, linger: float = 0.0) -> None:
        """Stop, and close its connections: their receivers are told. The address is free. May be called twice."""


class Connector(ABC):
    """Makes connections to one address."""

    @abstractmethod
    async def connect(self, timeout: float) -> Connection:
        """One attempt, one fresh connection, within ``timeout`` seconds. Raises ConnectError, AuthenticationError.

        The other end has answered when it returns. Cancellation: safe; nothing stays open.
        """


class LowerLayer(ABC):
    """A transport. Registered under the entry point ``callosum.lower``, with its address scheme as the name."""

    @abstractmethod
    def listener(self, address: str, auth: Any) -> Listener:  # an authenticator of the transport's own kind
        """A listener for an address. Raises ConfigurationError where address or auth does not fit."""

    @abstractmethod
    def connector(self, address: str, auth: Any) -> Connector:  # as above
        """A connector for an address. Raises ConfigurationError where address or auth does not fit."""
