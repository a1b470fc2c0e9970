"""The contract of a lower layer: what moves whole messages between two endpoints.

Laws: a connection keeps order and message boundaries. It may break; it may not reorder, lose a message before one that
it delivers, or reconnect. It knows nothing of calls. All of it runs on one asyncio loop; no callback is called from
within the call that caused it (``send``, ``close``), and none after ``closed``.
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
        """One whole message. The frames are the receiver's to keep."""

    def drained(self) -> None:
        """Called after a run of ``received``: what these made can leave together now."""

    def writable(self) -> None:
        """A ``send`` that returned False may be tried again."""

    def closed(self, reason: str) -> None:
        """The connection is gone, for good. Not called after an own ``close()``."""


class Connection(ABC):
    """One link to one other endpoint.

    Attributes:
        peer_address: The other end, for people.
        peer_identity: What the lower layer verified about the other end, or None.
        limits: What a message may hold.
    """

    peer_address: str
    peer_identity: Any  # the authenticator's own type of identity: opaque to the engine
    limits: ConnectionLimits

    @abstractmethod
    def start(self, receiver: Receiver) -> None:
        """Begin to deliver to this receiver; what has arrived before is delivered first. A second call replaces it."""

    @abstractmethod
    def send(self, frames: Frames) -> bool:
        """Take one message whole, or return False and take nothing; never blocks.

        False promises a later ``writable()``, or ``closed()``. True promises nothing about arrival.
        Frames over 256 KiB may be handed on without a copy: they must not change until the other side has acknowledged.
        """

    @abstractmethod
    def close(self, linger: float = 0.0) -> None:
        """Close now. What was sent before gets up to ``linger`` seconds to leave. May be called twice."""


class Listener(ABC):
    """Accepts connections at one address."""

    address: str
    """Where it listens; a port 0 is resolved once it is open."""

    @abstractmethod
    async def open(self, accept: Callable[[Connection], None]) -> None:
        """Listen, and hand over every new connection. Raises ConfigurationError, or ConnectError (address in use)."""

    @abstractmethod
    async def close(self, linger: float = 0.0) -> None:
        """Stop, and close all of its connections. May be called twice."""


class Connector(ABC):
    """Makes connections to one address."""

    @abstractmethod
    async def connect(self, timeout: float) -> Connection:
        """One attempt, one fresh connection, within ``timeout`` seconds. Raises ConnectError, AuthenticationError.

        Cancellation: safe; nothing stays open.
        """


class LowerLayer(ABC):
    """A transport. Registered under the entry point ``callosum.lower``, with its address scheme as the name."""

    @abstractmethod
    def listener(self, address: str, auth: Any) -> Listener:  # an authenticator of the transport's own kind
        """A listener for an address. Raises ConfigurationError where address or auth does not fit."""

    @abstractmethod
    def connector(self, address: str, auth: Any) -> Connector:  # as above
        """A connector for an address. Raises ConfigurationError where address or auth does not fit."""
