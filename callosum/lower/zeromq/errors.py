"""What libzmq's errors mean for our users."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import zmq

from callosum.errors import CallosumError, ConfigurationError, ConnectError, TransportError

_CONFIGURATION = {
    errno.EINVAL: "it is no address that ZeroMQ understands",
    errno.ENODEV: "no interface of this machine has that address; give an address of this machine, or *",
    errno.EADDRNOTAVAIL: "this machine does not have that address; give one of its own, or *",
    errno.ENAMETOOLONG: "the path is too long for a socket; choose a shorter one",
    errno.ENOENT: "its folder does not exist; create it first",
    errno.ENOTDIR: "a part of its path is no folder",
    errno.EACCES: "this user may not open it; choose another port or path, or grant the right",
    errno.EPERM: "this user may not open it; choose another port or path, or grant the right",
    errno.EPROTONOSUPPORT: "this build of ZeroMQ does not support the transport",
}
_CONNECT = {
    errno.EADDRINUSE: "another socket listens there already; stop it, or choose another address",
    errno.EMFILE: "this process has no file descriptors left; close some, or raise its limit (ulimit -n)",
    errno.ENFILE: "this machine has no file descriptors left",
    int(zmq.ETERM): "the process is ending",
}


def translated(error: zmq.ZMQError, doing: str) -> CallosumError:
    """The exception of ours for one of libzmq's; ``doing`` says what was tried, and with which address."""
    number = error.errno or 0
    if number in _CONFIGURATION:
        return ConfigurationError(f"{doing}: {_CONFIGURATION[number]}")
    if number in _CONNECT:
        return ConnectError(f"{doing}: {_CONNECT[number]}")
    return TransportError(f"{doing}: {error.strerror or error}")


@contextmanager
def map_exceptions(doing: str) -> Iterator[None]:
    """Turn what libzmq raises inside into our exceptions."""
    try:
        yield
    except zmq.ZMQError as error:
        raise translated(error, doing) from error
