"""A network between the two ends, which a check can cut and freeze."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from callosum.testing.proxy import TcpProxy


class Link(Protocol):
    """What stands between a listener and who dials it.

    Attributes:
        address: What is dialled instead of the listener's address.
    """

    address: str

    def cut(self) -> None:
        """Break all of its connections."""

    def stall(self) -> None:
        """Keep its connections, and pass nothing on."""

    def flow(self) -> None:
        """Pass everything on again, first what waited."""


MakeLink = Callable[[str], AbstractAsyncContextManager[Link]]
"""A link to a listener's address, for as long as its ``async with`` lasts."""


class _TcpLink:
    """A `TcpProxy` under the address of a layer's own scheme."""

    def __init__(self, address: str, proxy: TcpProxy) -> None:
        self.address = address
        self.cut = proxy.cut
        self._proxy = proxy

    def stall(self) -> None:
        """See `Link`."""
        self._proxy.stall()

    def flow(self) -> None:
        """See `Link`."""
        self._proxy.flow()


@asynccontextmanager
async def tcp_link(address: str) -> AsyncIterator[Link]:
    """The link of any layer over TCP whose addresses are ``scheme://host:port`` (IPv4): a `TcpProxy` in between."""
    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    async with TcpProxy(host, int(port)) as proxy:
        yield _TcpLink(f"{scheme}://{proxy.host}:{proxy.port}", proxy)
