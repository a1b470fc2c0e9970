"""ZeroMQ as a lower layer: ``tcp://host:port``, ``ipc://path`` and ``inproc://name``.

A listener is one ROUTER, a connection at the other side is one DEALER. What libzmq would do by itself and cannot be
trusted with (reconnect, drop in silence, wait for ever) is switched off; see the modules of this package for each.
"""

from __future__ import annotations

from typing import Any

from callosum.auth import INSECURE
from callosum.errors import ConfigurationError
from callosum.lower.base import ConnectionLimits, Connector, Listener, LowerLayer
from callosum.lower.zeromq.accepted import ZeroMQListener
from callosum.lower.zeromq.address import Address, parse
from callosum.lower.zeromq.dialled import ZeroMQConnector

__all__ = ["ZeroMQ"]


class ZeroMQ(LowerLayer):
    """The layer; it holds nothing but its limits."""

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        self._limits = limits or ConnectionLimits()

    def listener(self, address: str, auth: Any) -> Listener:  # of the transport's own kind
        """A listener. Beyond loopback it wants ``auth``, as anybody who reaches the port may call.

        Raises:
            ConfigurationError: The address is malformed, ``auth`` is missing or unknown.
        """
        where = parse(address)
        _check_auth(auth)
        if auth is None and not where.is_local:
            raise ConfigurationError(
                f"{address} is reachable from other machines, and without auth anybody there may call: give auth, or"
                " auth=callosum.auth.INSECURE where that is meant, or listen at tcp://127.0.0.1"
            )
        return ZeroMQListener(where, self._limits)

    def connector(self, address: str, auth: Any) -> Connector:  # as above
        """A connector.

        Raises:
            ConfigurationError: The address is malformed or names no single port, or ``auth`` is unknown.
        """
        where = parse(address)
        _check_auth(auth)
        _check_dialable(address, where)
        return ZeroMQConnector(where, self._limits)


def _check_auth(auth: object) -> None:
    if auth is not None and auth is not INSECURE:
        raise ConfigurationError(f"ZeroMQ knows no auth of the type {type(auth).__name__}: give None or INSECURE")


def _check_dialable(address: str, where: Address) -> None:
    if where.scheme == "tcp" and (where.host == "*" or not where.port):
        raise ConfigurationError(f"{address} cannot be dialled: give a host and a port, as in tcp://127.0.0.1:5030")
