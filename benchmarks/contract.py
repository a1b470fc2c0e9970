"""What a peer of the comparison gives: a server, and a client with a few calls.

A new peer is one file in ``benchmarks/peers/`` with a ``PEER``, and its name in ``peers/__init__.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class Client(Protocol):
    """One connection. Each call may be made again before it has returned, as often as `Peer.in_flight` says."""

    def say(self, message: str, /) -> Awaitable[str]:
        """Text comes back."""
        ...

    def blob(self, payload: bytes, /) -> Awaitable[bytes]:
        """Bytes come back."""
        ...

    def add(self, left: int, right: int, /) -> Awaitable[int]:
        """The sum of two 64 bit integers."""
        ...

    def park(self) -> Awaitable[None]:
        """A call whose handler is `parking.park`: it never returns."""
        ...


Serve = Callable[[int, Callable[[], None]], Awaitable[None]]
"""Serve on a port of 127.0.0.1, call the second argument once it can be reached, and run until the end."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to make a call from one process to another."""

    title: str
    """For people."""
    serve: Serve
    connect: Callable[[int], AbstractAsyncContextManager[Client]]
    """A connection to the port, used by all calls of the client."""
    in_flight: tuple[int, ...] = (1, 8, 100, 1000)
    """The numbers of calls in flight that make sense for it."""
    uvloop: bool = True
    """Whether it runs on uvloop. False also where it runs on no event loop at all: its figure would be the same."""
    threads: int = 0
    """Where its calls block: the most threads that make them, each with a connection of its own. 0: they do not."""
    parks: bool = True
    """Whether one connection can have a thousand calls in flight whose handlers wait."""
    bursts: bool = True
    """Whether one connection can be given a hundred thousand calls at once, and answers them all."""
    serve_parked: Serve | None = None
    """As `serve`, with room for a thousand handlers that wait at a time. None: `serve` has it."""
