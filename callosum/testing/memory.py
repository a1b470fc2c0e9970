"""A server and a client in one line, over the memory lower layer."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from callosum.endpoints import connect, listen
from callosum.peer import Peer
from callosum.session.registry import Services

_names = itertools.count(1)


@asynccontextmanager
async def serve_in_memory(
    services: Services,
    *,
    client_services: Services | None = None,
    **options: Any,  # whatever listen() takes
) -> AsyncIterator[Peer]:
    """Serve in memory and give the peer of a client: the real protocol, no sockets.

    Args:
        services: What is served, as for `callosum.listen`.
        client_services: What the client serves to the server.
        options: Further arguments of `callosum.listen`.

    Raises:
        ConfigurationError: A handler does not fit its service.
    """
    address = f"memory://serve-in-memory-{next(_names)}"
    async with listen(address, services, **options), connect(address, client_services) as peer:
        yield peer
