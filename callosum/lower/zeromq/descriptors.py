"""What is done behind libzmq's back, on file descriptors: drop one peer, and see what is taken."""

from __future__ import annotations

import errno
import logging
import os
import socket as sockets

import zmq

from callosum.errors import ConnectError
from callosum.lower.zeromq.address import Address

_log = logging.getLogger("callosum.lower.zeromq")


def descriptor_of(frame: zmq.Frame) -> int:
    """The descriptor that a message came in by, or -1 where there was none: inproc."""
    try:
        return int(frame.get(zmq.SRCFD))
    except zmq.ZMQError:
        return -1


def inode_of(descriptor: int) -> int:
    """What tells a socket from a later one with the same descriptor; -1 where it is closed."""
    try:
        return os.fstat(descriptor).st_ino
    except OSError:
        return -1


def shut_down(descriptor: int, inode: int) -> None:
    """Shut a connection of libzmq's down, if the descriptor is still the same socket.

    The copy is taken before it is compared: between the two libzmq may close its own and the number be used again.
    """
    try:
        copy = os.dup(descriptor)
    except OSError:
        return
    try:
        if inode_of(copy) == inode:
            connection = sockets.socket(fileno=copy)
            copy = -1
            with connection:
                connection.shutdown(sockets.SHUT_RDWR)
    except OSError as error:
        _log.debug("descriptor %d was no longer connected: %s", descriptor, error)
    finally:
        if copy >= 0:
            os.close(copy)


def refuse_taken_path(path: str) -> None:
    """Look before an ipc path is bound: libzmq unlinks it first, also under a listener that is alive.

    Raises:
        ConnectError: Somebody listens there.
    """
    if _is_answered(path):
        raise ConnectError(
            f"cannot listen at ipc://{path}: another socket listens there; stop it, or choose another path"
        )


def is_free(address: Address) -> bool:
    """Whether nobody listens there any more: libzmq's I/O thread closes sockets when it can."""
    if address.scheme == "inproc":
        return True
    if address.scheme == "ipc":
        return not _is_answered(address.host)
    with sockets.socket(sockets.AF_INET6 if address.is_ipv6 else sockets.AF_INET) as probe:
        probe.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)  # connections that linger do not count
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _is_answered(path: str) -> bool:
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(0)
        try:
            probe.connect("\0" + path[1:] if path.startswith("@") else path)
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True
