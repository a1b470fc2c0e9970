"""Addresses: tcp://host:port, ipc://path, inproc://name."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass

from callosum.errors import ConfigurationError, ConnectError

_TCP = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]+|\*):(?P<port>[0-9]{1,5}|\*)")
_FORMS = "tcp://host:port, tcp://[IPv6 address]:port, ipc://path or inproc://name"


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address.

    Attributes:
        scheme: ``tcp``, ``ipc`` or ``inproc``.
        host: Of tcp: a name, a numeric address without brackets, or ``*``. Of the others: the path or name.
        port: Of tcp, 0 for any; else 0.
    """

    scheme: str
    host: str
    port: int = 0

    @property
    def is_ipv6(self) -> bool:
        """Whether the host is a numeric IPv6 address."""
        return ":" in self.host

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.scheme != "tcp" or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:  # a name, an interface, or *
            return False

    def to_bind(self) -> str:
        """What libzmq binds: it takes a name for that of a network interface."""
        return str(Address("tcp", "127.0.0.1", self.port) if (self.scheme, self.host) == ("tcp", "localhost") else self)

    def __str__(self) -> str:
        if self.scheme != "tcp":
            return f"{self.scheme}://{self.host}"
        return f"tcp://[{self.host}]:{self.port}" if self.is_ipv6 else f"tcp://{self.host}:{self.port}"


def parse(address: str) -> Address:
    """Parse an address of this layer.

    Raises:
        ConfigurationError: It is malformed.
    """
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in {"tcp", "ipc", "inproc"}:
        raise ConfigurationError(f"{address!r} is no ZeroMQ address: give {_FORMS}")
    if scheme != "tcp":
        if not rest or "\0" in rest:
            raise ConfigurationError(f"{address!r} names nothing after {scheme}://: give {_FORMS}")
        return Address(scheme, rest)
    match = _TCP.fullmatch(rest)
    if match is None:
        raise ConfigurationError(f"{address!r} is malformed: give tcp://host:port or tcp://[IPv6 address]:port")
    port = 0 if match["port"] == "*" else int(match["port"])
    if port > 65535:
        raise ConfigurationError(f"{address!r}: a port is at most 65535")
    host = match["host"].strip("[]")
    if ":" in host:
        _check_ipv6(address, host)
    return Address("tcp", host, port)


def _check_ipv6(address: str, host: str) -> None:
    try:
        ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError as error:
        raise ConfigurationError(f"{address!r} is malformed: {error}; give an IPv6 address in brackets") from error


async def resolve(address: Address) -> list[Address]:
    """The numeric addresses to try, in order, IPv4 first.

    libzmq would resolve the name itself, in its I/O thread, and every connection of the process would wait for it.
    Cancellation: safe.

    Raises:
        ConnectError: Nobody knows the name.
    """
    if address.scheme != "tcp" or address.is_ipv6 or _is_ipv4(address.host):
        return [address]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectError(f"the host name of {address} is not known here: {error}") from error
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    hosts = dict.fromkeys(str(entry[4][0]) for entry in found)
    return [Address("tcp", host, address.port) for host in hosts]


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
