"""The one libzmq context of this process, and the sockets that are made in it.

Laws: a context belongs to the process that made it; a forked child makes its own and leaves its parent's alone. A
socket is closed by its owner. What lingers when the process ends normally gets its linger time.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import weakref

import zmq

from callosum.lower.base import ConnectionLimits
from callosum.lower.zeromq.errors import map_exceptions

HIGH_WATER_MARK = 64
"""Messages that libzmq holds per peer and direction. A message is a batch, so few are enough to fill a link, and memory
stays bounded: at most this number of messages, each at most as large as the connection's limits say."""
MAX_SOCKETS = 16_384
"""libzmq's own limit of 1,023 is reached with 341 outgoing connections: each has a socket and two for its monitor."""
HANDSHAKE_MS = 3000
"""Milliseconds after which a peer that has not finished ZeroMQ's handshake is dropped."""
CONNECT_MS = 2000
"""Milliseconds that one TCP connect may take: the system's own default is minutes."""
HEARTBEAT_MS = 5000
HEARTBEAT_TIMEOUT_MS = 15000
"""Milliseconds of ZeroMQ's own heartbeats. They clean up what nobody else looks at; a session notices a dead peer
earlier by its own, which see a hung application too."""

_lock = threading.Lock()
_sockets: weakref.WeakSet[zmq.Socket[bytes]] = weakref.WeakSet()
_contexts: dict[int, zmq.Context[zmq.Socket[bytes]]] = {}  # by pid; a parent's stays, so that no child ends it
_bound: set[tuple[int, str]] = set()  # inproc names, with the pid


def shared_context() -> zmq.Context[zmq.Socket[bytes]]:
    """The context of this process, made on first use."""
    pid = os.getpid()
    with _lock:
        context = _contexts.get(pid)
        if context is None:
            context = _contexts[pid] = zmq.Context()
            context.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
            atexit.register(_end, pid)
        return context


def _end(pid: int) -> None:
    """Let what was closed linger: without this the last replies of a process that ends at once would be lost.

    Where a socket was left open this would wait for ever, and closing it is for the thread that uses it.
    """
    if pid == os.getpid() and all(socket.closed for socket in _sockets):
        _contexts.pop(pid).term()


def seed_random() -> None:
    """Seed the C library's generator from the system's randomness.

    libzmq draws the first routing id of a ROUTER from ``rand()`` and never seeds it, so the ids are the same in every
    process; a client that takes the next one for itself can abort the server. In glibc ``srandom`` is the same
    generator; elsewhere it is another one, and seeding it costs nothing.
    """
    library = ctypes.CDLL(None)
    for name in ("srand", "srandom"):
        seed = getattr(library, name)
        seed.argtypes, seed.restype = [ctypes.c_uint], None
        seed(int.from_bytes(os.urandom(4), "little"))


def plain_socket(kind: int) -> zmq.Socket[bytes]:
    """A socket of the shared context. It has linger 0 until its owner closes it with another. Raises `zmq.ZMQError`."""
    socket = shared_context().socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    _sockets.add(socket)
    return socket


def new_socket(kind: int, limits: ConnectionLimits, *, ipv6: bool) -> zmq.Socket[bytes]:
    """A ROUTER or DEALER with every guard that both need.

    Raises:
        ConnectError: No file descriptors are left, or the process is ending.
    """
    with map_exceptions("cannot make a ZeroMQ socket"):
        socket = plain_socket(kind)
        for option, value in (
            (zmq.SNDHWM, HIGH_WATER_MARK),
            (zmq.RCVHWM, HIGH_WATER_MARK),
            (zmq.MAXMSGSIZE, limits.message_bytes),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
            (zmq.IPV6, int(ipv6)),
        ):
            socket.setsockopt(option, value)
    return socket


def bind_name(name: str) -> None:
    """Note that a listener has bound an inproc name: libzmq accepts a connection to a name that nobody has."""
    _bound.add((os.getpid(), name))


def unbind_name(name: str) -> None:
    """Note that it has it no longer."""
    _bound.discard((os.getpid(), name))


def is_bound(name: str) -> bool:
    """Whether a listener of this process has the inproc name."""
    return (os.getpid(), name) in _bound
