"""The listening side: one ROUTER, and one connection for each of its routing ids.

Laws:
- A routing id belongs to one connection from its first message until libzmq has proved that it is gone: a mandatory
  send to it fails with EHOSTUNREACH. Everything else (the monitor's DISCONNECTED, a descriptor that is used again) is
  a hint, and a hint only leads to a probe.
- A probe is a message of one empty frame. Both sides of this layer ignore it, so probing a live peer does no harm.
- A connection that has been closed here stays in the table, mute, until its peer is gone: what still arrives from it
  is ignored. inproc has no descriptor to shut down: there the id is forgotten, and its next message makes a new
  connection.
- What arrived before the end is delivered before ``closed``.
"""

from __future__ import annotations

import asyncio
import enum
import errno
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import zmq

from callosum.errors import ConfigurationError
from callosum.lower.base import Connection, ConnectionLimits, Frames, Listener, Receiver
from callosum.lower.zeromq.address import Address, parse
from callosum.lower.zeromq.context import bind_name, new_socket, seed_random, unbind_name
from callosum.lower.zeromq.descriptors import descriptor_of, inode_of, is_free, refuse_taken_path, shut_down
from callosum.lower.zeromq.driver import (
    ALWAYS_COPY,
    DONTWAIT,
    MORE,
    NO_COPY,
    POLLIN,
    Driver,
    check_size,
    drop_rest,
    receive_rest,
    send_frames,
)
from callosum.lower.zeromq.errors import map_exceptions
from callosum.lower.zeromq.monitor import Monitor, settled

_log = logging.getLogger("callosum.lower.zeromq")

_GONE: Final = int(zmq.EVENT_DISCONNECTED)
_PROBES: Final = (0.0, 0.001, 0.01, 0.1, 1.0)
"""Seconds between the probes after a hint: the hint comes a moment before libzmq forgets the peer."""
_RETRY: Final = 0.001
_RETRY_MAX: Final = 0.064
"""Seconds until a peer that took no more is tried again; doubled each time. A ROUTER has no POLLOUT for one peer."""
_GONE_LIMIT: Final = 1.0
"""Seconds after which the gone are told even if there is always something to read: it is read from all in turn, so
theirs has been read."""
_BACKLOG: Final = 64
"""Messages that a connection keeps until it is started."""


class State(enum.Enum):
    """Of a connection on the listening side."""

    OPEN = enum.auto()
    GONE = enum.auto()
    """libzmq has forgotten the peer; ``closed`` follows when everything that had arrived was read."""
    CLOSED = enum.auto()


class AcceptedConnection(Connection):
    """One routing id of the listener's ROUTER."""

    def __init__(self, listener: ZeroMQListener, routing_id: bytes, peer_address: str, descriptor: int) -> None:
        self.peer_address = peer_address
        self.peer_identity = None  # without an authenticator a User-Id is what the peer says about itself
        self.limits = listener.limits
        self.routing_id = routing_id
        self.descriptor = descriptor
        self.inode = inode_of(descriptor)
        self.state = State.OPEN
        self.received = False
        self.probing: asyncio.TimerHandle | None = None
        self._listener = listener
        self._send = listener.driver.send
        self._small = min(NO_COPY, listener.limits.message_bytes)
        self._no_copy = NO_COPY if descriptor >= 0 else ALWAYS_COPY
        self.receiver: Receiver | None = None
        self.backlog: list[Frames] = []
        self._retry = _RETRY
        self._timer: asyncio.TimerHandle | None = None
        self._is_owed_writable = False
        self._untold: str | None = None  # why it ended, before anybody could be told

    # --- the contract

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver."""
        if self.state is State.CLOSED and self._untold is None:
            return
        self.receiver = receiver
        if self.backlog or self._is_owed_writable or self._untold is not None:
            self._listener.loop.call_soon(self._catch_up)

    def send(self, frames: Frames) -> bool:
        """Take one message, or return False."""
        is_small = len(frames) == 1 and len(frames[0]) < self._small and type(frames[0]) is bytes  # nearly all
        if not is_small:
            check_size(frames, self.limits)
        if self.state is not State.OPEN:
            return False
        try:
            self._send(self.routing_id, MORE)
        except zmq.Again:
            self._block()
            return False
        except zmq.ZMQError as error:
            self._listener.unreachable(self, error)
            return False
        if is_small:
            self._send(frames[0], DONTWAIT)
        else:
            send_frames(self._send, frames, self._no_copy)
        self._retry = _RETRY
        self._listener.driver.check_now(POLLIN)
        return True

    def close(self, linger: float = 0.0) -> None:
        """Call nobody back any more, and disconnect the peer after ``linger`` seconds, if it has not gone before."""
        was_closed = self.state is State.CLOSED
        self._end()
        if not was_closed:
            self._listener.closed(self, linger)

    # --- for the listener

    def keep(self, frames: Frames) -> None:
        """One message has arrived, and there is no receiver, or one that waits for earlier ones."""
        if self.receiver is not None:
            self._catch_up()
            if self.receiver is not None:
                self.receiver.received(frames)
        elif len(self.backlog) < _BACKLOG:
            self.backlog.append(frames)
        else:
            self._listener.expel(self, f"it sent more than {_BACKLOG} messages before it was started")

    def drained(self) -> None:
        """A run in which something was delivered has ended."""
        self.received = False
        if self.receiver is not None and not self.backlog:
            self.receiver.drained()

    def lost(self, reason: str) -> None:
        """It is gone, and everything was delivered, or waits for a receiver, who is told after that."""
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._untold = reason
            if self.receiver is not None:
                self._catch_up()

    # --- within

    def _catch_up(self) -> None:
        """Deliver what had no receiver yet, and the end."""
        self._deliver_backlog()
        if self._is_owed_writable and self._untold is None:
            self._writable()
        receiver, reason = self.receiver, self._untold
        if receiver is not None and reason is not None:  # it was not closed meanwhile, nor told
            self._end()
            receiver.closed(reason)

    def _deliver_backlog(self) -> None:
        backlog, self.backlog = self.backlog, []
        for frames in backlog:
            if self.receiver is not None:
                self.receiver.received(frames)
        if backlog and self.receiver is not None:
            self.receiver.drained()

    def _block(self) -> None:
        if self._timer is None:
            self._timer = self._listener.loop.call_later(self._retry, self._writable)
            self._retry = min(self._retry * 2, _RETRY_MAX)
        self._listener.driver.check_soon()

    def _writable(self) -> None:
        self._timer = None
        self._is_owed_writable = self.receiver is None
        if self.receiver is not None:
            self.receiver.writable()

    def _end(self) -> None:
        self.state = State.CLOSED
        self.receiver = None
        self._untold = None
        self.backlog.clear()
        if self._timer is not None:
            self._timer.cancel()


class ZeroMQListener(Listener):
    """One ROUTER at one address.

    Attributes:
        driver: The socket's, while it is open.
    """

    driver: Driver
    loop: asyncio.AbstractEventLoop

    def __init__(self, address: Address, limits: ConnectionLimits) -> None:
        self.address = str(address)
        self.limits = limits
        self._where = address
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: Monitor | None = None
        self._accept: Callable[[Connection], None] | None = None
        self._connections: dict[bytes, AcceptedConnection] = {}
        self._by_descriptor: dict[int, AcceptedConnection] = {}
        self._touched: list[AcceptedConnection] = []
        self._gone: list[AcceptedConnection] = []
        self._gone_timer: asyncio.TimerHandle | None = None
        self._dropping = False
        """The message that is read next is over the limits: what is left of it is dropped, a part at a time."""
        self._kicks: dict[AcceptedConnection, asyncio.TimerHandle] = {}

    # --- the contract

    async def open(self, accept: Callable[[Connection], None]) -> None:
        """Bind; see the contract."""
        if self._socket is not None:
            raise ConfigurationError(f"the listener at {self.address} is open already")
        where = self._where
        if where.scheme == "ipc":
            refuse_taken_path(where.host)
        seed_random()
        self.loop = asyncio.get_running_loop()
        socket = new_socket(zmq.ROUTER, self.limits, ipv6=where.is_ipv6)
        try:
            with map_exceptions(f"cannot listen at {where}"):
                socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
                socket.setsockopt(zmq.ROUTER_HANDOVER, 0)
                socket.bind(where.to_bind())
            self.address = socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()  # type: ignore[union-attr]
            self._accept = accept
            self._dropping = False
            self.driver = Driver(socket, self)
            if where.scheme == "inproc":
                bind_name(where.host)
            else:
                self._monitor = Monitor(socket, _GONE, self._on_event)
        except BaseException:
            socket.close(linger=0)
            raise
        self._socket = socket
        self.driver.open()

    async def close(self, linger: float = 0.0) -> None:
        """Close the socket. When it returns the address is free, unless the I/O thread is very busy.

        An unbind would tell when it is, but throws away what has not left yet, whatever the linger time.
        """
        socket, self._socket = self._socket, None
        if socket is None:
            return
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        else:
            with suppress(zmq.ZMQError):  # closing the socket does the same, later
                socket.unbind(self.address)
            unbind_name(self._where.host)
        self.driver.close(linger)
        self._forget_all()
        bound = parse(self.address)
        await settled(lambda: is_free(bound), 1.0)

    def _forget_all(self) -> None:
        connections = list(self._connections.values())
        for table in (self._connections, self._by_descriptor, self._touched, self._gone):
            table.clear()
        for timer in self._kicks.values():
            timer.cancel()
        self._kicks.clear()
        if self._gone_timer is not None:
            self._gone_timer.cancel()
            self._gone_timer = None
        for connection in connections:
            if connection.probing is not None:
                connection.probing.cancel()
            self.loop.call_soon(connection.lost, "the listener was closed")

    # --- the socket's news

    def take(self) -> None:
        """Receive one message: the routing id, and then the frames, of which there is at least one."""
        recv = self.driver.recv
        if self._dropping:
            self._dropping = drop_rest(recv)
            return
        routing_id = self.driver.recv_bytes(DONTWAIT)
        frame = recv(DONTWAIT, False)  # noqa: FBT003 - pyzmq's
        connection = self._connections.get(routing_id)
        if connection is None:
            connection = self._admit(routing_id, frame)
        frames = receive_rest(recv, frame, self.limits)
        if frames is None:
            self._dropping = self.driver.is_amid_message()
        if connection.state is State.CLOSED:
            return
        if frames is None:
            self.expel(connection, "it sent a message over the limits of the connection")
        elif frames[0] or len(frames) > 1:  # one empty frame is a probe
            if not connection.received:
                connection.received = True
                self._touched.append(connection)
            receiver = connection.receiver
            if receiver is not None and not connection.backlog:
                receiver.received(frames)
            else:
                connection.keep(frames)

    def run_ended(self) -> bool:
        """Tell the receivers that a run is over."""
        touched = self._touched
        if not touched:
            return False
        self._touched = []
        for connection in touched:
            connection.drained()
        return True

    def idle(self, events: int) -> None:  # noqa: ARG002 - a ROUTER can always send, to somebody
        """Everything that had arrived was delivered: now the gone may be told."""
        if self._gone_timer is not None:
            self._gone_timer.cancel()
            self._gone_timer = None
            gone, self._gone = self._gone, []
            for connection in gone:
                self._remove(connection)
                connection.lost("the connection was lost")

    # --- connections come

    def _admit(self, routing_id: bytes, frame: zmq.Frame) -> AcceptedConnection:
        descriptor = descriptor_of(frame)
        connection = AcceptedConnection(self, routing_id, self._peer_address(frame), descriptor)
        self._connections[routing_id] = connection
        if descriptor >= 0:
            before = self._by_descriptor.get(descriptor)
            self._by_descriptor[descriptor] = connection
            if before is not None:  # the number was free again, so its first owner is gone
                self._hint(before)
        if len(routing_id) != 5 or routing_id[0]:
            self.expel(connection, "it chose its own routing id")
        elif self._accept is not None:
            self._accept(connection)
        return connection

    def _peer_address(self, frame: zmq.Frame) -> str:
        if self._where.scheme != "tcp":
            return self.address
        try:
            return f"tcp://{frame.get('Peer-Address')}"
        except zmq.ZMQError:  # it has gone already
            return "tcp://unknown"

    # --- connections go

    def expel(self, connection: AcceptedConnection, reason: str) -> None:
        """End a connection whose peer did what it may not."""
        _log.info("%s is disconnected from %s: %s", connection.peer_address, self.address, reason)
        connection.lost(reason)
        self.closed(connection, 0.0)

    def closed(self, connection: AcceptedConnection, linger: float) -> None:
        """A connection was closed here: disconnect its peer after ``linger`` seconds."""
        if self._socket is None or connection.routing_id not in self._connections:
            return
        if connection.descriptor < 0:
            del self._connections[connection.routing_id]
        elif linger > 0:
            self._kicks[connection] = self.loop.call_later(linger, self._kick, connection)
        else:
            self._kick(connection)

    def _kick(self, connection: AcceptedConnection) -> None:
        """Shut the peer's socket down behind libzmq's back: it offers no way to drop one peer."""
        self._kicks.pop(connection, None)
        if self._by_descriptor.get(connection.descriptor) is connection:
            shut_down(connection.descriptor, connection.inode)
        self._hint(connection)

    def _on_event(self, event: int, value: int) -> None:
        if event == _GONE and (connection := self._by_descriptor.get(value)) is not None:
            self._hint(connection)

    def _hint(self, connection: AcceptedConnection) -> None:
        """The peer may be gone: probe it now, and some times more."""
        if connection.probing is None:
            self._probe(connection, 0)

    def _probe(self, connection: AcceptedConnection, count: int) -> None:
        connection.probing = None
        if self._socket is None or connection.state is State.GONE:
            return
        try:
            self.driver.send(connection.routing_id, MORE)
            self.driver.send(b"", DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno == errno.EHOSTUNREACH:
                self._prove(connection)
                return
        self.driver.check_soon()
        if count + 1 < len(_PROBES):
            connection.probing = self.loop.call_later(_PROBES[count + 1], self._probe, connection, count + 1)

    def unreachable(self, connection: AcceptedConnection, error: zmq.ZMQError) -> None:
        """A send failed for good. Told later: nothing is called back from within a send."""
        if error.errno != errno.EHOSTUNREACH:
            _log.warning("%s cannot be sent to: %s", connection.peer_address, error)
        self._prove(connection)

    def _prove(self, connection: AcceptedConnection) -> None:
        """The peer is gone; what it sent before is read first."""
        if connection.state is State.OPEN:
            connection.state = State.GONE
        self._gone.append(connection)
        self.driver.check_soon()
        if self._gone_timer is None:
            self._gone_timer = self.loop.call_later(_GONE_LIMIT, self.idle, 0)

    def _remove(self, connection: AcceptedConnection) -> None:
        if self._connections.get(connection.routing_id) is connection:
            del self._connections[connection.routing_id]
        if self._by_descriptor.get(connection.descriptor) is connection:
            del self._by_descriptor[connection.descriptor]
        if (timer := self._kicks.pop(connection, None)) is not None:
            timer.cancel()
        if connection.probing is not None:
            connection.probing.cancel()
