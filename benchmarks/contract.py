"""What a peer of the comparison gives: a server, and a client with one call.

A new peer is one file in ``benchmarks/peers/`` with a ``PEER``, and its name in ``peers/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

Call = Callable[[str], Awaitable[str]]
"""One echo. It may be called again before it has returned, as often as `Peer.in_flight` says."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to make a call from one process to another."""

    title: str
    """For people."""
    serve: Callable[[int, Callable[[], None]], Awaitable[None]]
    """Serve on a port of 127.0.0.1, call the second argument once it can be reached, and run until the end."""
    connect: Callable[[int], AbstractAsyncContextManager[Call]]
    """A connection to the port, used by all calls of the client."""
    in_flight: tuple[int, ...] = (1, 100, 1000)
    """The numbers of calls in flight that make sense for it."""
    uvloop: bool = True
    """Whether it runs on uvloop. Where it does not run on an event loop at all, False: its figure would be the same."""
