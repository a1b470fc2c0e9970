"""Connections within one event loop: ``memory://name``, and `pipe` for two ends without an address.

Laws: a message is delivered in a later iteration of the loop than the one that sent it, in order. Each direction holds
at most `CAPACITY` messages; then its sender waits. Closing delivers what was sent before, and then ``closed``.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from callosum.auth import INSECURE
from callosum.errors import ConfigurationError, ConnectError, ProtocolError
from callosum.lower.base import Connection, ConnectionLimits, Connector, Frames, Listener, LowerLayer, Receiver

CAPACITY: Final = 256
"""Messages that one direction holds."""
_RUN: Final = 64
"""Messages that are delivered before other callbacks of the loop have their turn."""

_listeners: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, MemoryListener]] = (
    weakref.WeakKeyDictionary()
)


class MemoryConnection(Connection):
    """One end of a pipe. Both ends are made by `pipe`."""

    def __init__(self, address: str, limits: ConnectionLimits) -> None:
        self.peer_address = address
        self.peer_identity = None
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._other: MemoryConnection = self
        self._arrived: deque[Frames] = deque()
        self._receiver: Receiver | None = None
        self._scheduled = False
        self._blocked = False  # a send here was refused
        self._ended: str | None = None  # why the other end closed
        self._closed = False

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver."""
        if not self._closed:
            self._receiver = receiver
            self._schedule()

    def send(self, frames: Frames) -> bool:
        """Take one message, or return False."""
        message = tuple(frame if type(frame) is bytes else bytes(frame) for frame in frames)  # the receiver's to keep
        size = sum(map(len, message))
        if not message or len(message) > self.limits.frames or size > self.limits.message_bytes:
            raise ProtocolError(
                f"a message of {len(message)} frames and {size} bytes does not fit the connection: it carries 1 to"
                f" {self.limits.frames} frames and {self.limits.message_bytes} bytes"
            )
        if self._closed or self._ended is not None:
            return False
        if len(self._other._arrived) >= CAPACITY:  # noqa: SLF001 - the other end is the same class
            self._blocked = True
            return False
        self._other._arrived.append(message)  # noqa: SLF001
        self._other._schedule()  # noqa: SLF001
        return True

    def close(self, linger: float = 0.0) -> None:  # noqa: ARG002 - what was sent is at the other end already
        """Close. The other end is told after it has received what was sent."""
        if not self._closed:
            self._other._end("the other side closed the connection")  # noqa: SLF001
            self._release()

    def join(self, other: MemoryConnection) -> None:
        """Make the two the ends of one pipe."""
        self._other, other._other = other, self

    def break_off(self, reason: str) -> None:
        """End it from outside: both ends are told ``closed``."""
        self._end(reason)
        self._other._end(reason)  # noqa: SLF001

    def _release(self) -> None:
        self._closed = True
        self._receiver = None
        self._arrived.clear()

    def _end(self, reason: str) -> None:
        if self._ended is None:
            self._ended = reason
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and self._receiver is not None:
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        count = 0
        try:
            while self._arrived and self._receiver is not None and count < _RUN:
                count += 1
                self._receiver.received(self._arrived.popleft())
            if count and self._receiver is not None:
                self._receiver.drained()
        finally:
            if self._arrived:
                self._schedule()
        self._unblock()  # its receiver may be new
        self._other._unblock()  # noqa: SLF001
        if self._ended is not None and not self._arrived and (receiver := self._receiver) is not None:
            self._release()
            receiver.closed(self._ended)

    def _unblock(self) -> None:
        room = len(self._other._arrived) <= CAPACITY // 2  # noqa: SLF001
        if self._blocked and room and self._receiver is not None and self._ended is None:
            self._blocked = False
            self._receiver.writable()


def pipe(
    limits: ConnectionLimits | None = None, addresses: tuple[str, str] = ("memory://pipe/a", "memory://pipe/b")
) -> tuple[MemoryConnection, MemoryConnection]:
    """Two connections that are joined: what one sends, the other receives. For the running loop."""
    first, second = (MemoryConnection(address, limits or ConnectionLimits()) for address in addresses)
    first.join(second)
    return first, second


class MemoryListener(Listener):
    """A name in the running loop."""

    def __init__(self, address: str, limits: ConnectionLimits) -> None:
        self.address = address
        self.limits = limits
        self._accept: Callable[[Connection], None] | None = None
        self._connections: weakref.WeakSet[MemoryConnection] = weakref.WeakSet()

    async def open(self, accept: Callable[[Connection], None]) -> None:
        """Take the name; see the contract."""
        listeners = _listeners.setdefault(asyncio.get_running_loop(), {})
        if self.address in listeners:
            raise ConnectError(f"cannot listen at {self.address}: another listener of this loop has the name")
        listeners[self.address] = self
        self._accept = accept

    async def close(self, linger: float = 0.0) -> None:  # noqa: ARG002 - what was sent is at the other end already
        """Give the name back, and end all connections."""
        if self._accept is not None:
            self._accept = None
            del _listeners[asyncio.get_running_loop()][self.address]
            for connection in list(self._connections):
                connection.break_off("the listener was closed")

    def dialled(self) -> MemoryConnection:
        """The other end of a new connection; ours is handed over in the next iteration of the loop."""
        theirs, ours = pipe(self.limits, (self.address, f"{self.address}/client"))
        self._connections.add(ours)
        asyncio.get_running_loop().call_soon(self._hand_over, ours)
        return theirs

    def _hand_over(self, connection: MemoryConnection) -> None:
        if self._accept is not None:
            self._accept(connection)


class MemoryConnector(Connector):
    """Dials a name in the running loop."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def connect(self, timeout: float) -> Connection:  # noqa: ARG002 - it takes no time
        """Connect; see the contract."""
        listener = _listeners.get(asyncio.get_running_loop(), {}).get(self._address)
        if listener is None:
            raise ConnectError(f"nobody listens at {self._address} in this event loop: start the listener first")
        return listener.dialled()


class Memory(LowerLayer):
    """The layer ``memory://name``: names are those of the running event loop."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        self._limits = limits or ConnectionLimits()

    def listener(self, address: str, auth: Any) -> Listener:  # of the transport's own kind: there is none here
        """A listener. Raises ConfigurationError."""
        return MemoryListener(_checked(address, auth), self._limits)

    def connector(self, address: str, auth: Any) -> Connector:  # as above
        """A connector. Raises ConfigurationError."""
        return MemoryConnector(_checked(address, auth))


def _checked(address: str, auth: object) -> str:
    if not address.startswith("memory://") or address == "memory://":
        raise ConfigurationError(f"{address!r} is no address of the memory layer: give memory://name")
    if auth is not None and auth is not INSECURE:
        raise ConfigurationError(f"the memory layer knows no auth of the type {type(auth).__name__}: give None")
    return address
