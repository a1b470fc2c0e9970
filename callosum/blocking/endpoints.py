"""connect() and listen() for threads: the options are those of the async side."""

from __future__ import annotations

import asyncio
import functools
import inspect
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Generic, ParamSpec, Self, TypeVar, cast

from callosum import connecting, endpoints, listening
from callosum.blocking.background import Background, hold, release
from callosum.blocking.peer import Peer, PeersView
from callosum.errors import ConfigurationError, ConnectionLost
from callosum.handover import BlockingIterator, Closable, Handover
from callosum.listening import first_of
from callosum.peer import Peer as AsyncPeer
from callosum.settings import ProcessGuard

P = ParamSpec("P")
A = TypeVar("A", connecting.ConnectEndpoint, listening.ListenEndpoint)
E = TypeVar("E")
T = TypeVar("T")


def _like(make: Callable[P, A]) -> Callable[[Callable[[A], E]], Callable[P, E]]:
    """A function with the parameters of the async side's."""

    def forward(wrap: Callable[[A], E]) -> Callable[P, E]:
        @functools.wraps(wrap)
        def opened(*args: P.args, **kwargs: P.kwargs) -> E:
            return wrap(make(*args, **kwargs))

        returns = inspect.signature(wrap).return_annotation
        opened.__signature__ = inspect.signature(make).replace(return_annotation=returns)  # type: ignore[attr-defined]
        return opened

    return forward


class _Endpoint(Generic[A]):
    """What both kinds of endpoint have.

    Attributes:
        counters: What was counted: connections, sessions, calls, refusals by reason.
    """

    counters: Mapping[str, int]

    def __init__(self, endpoint: A) -> None:
        self._endpoint: A = endpoint
        self._background: Background | None = None
        self._guard = ProcessGuard()
        self.counters = endpoint.counters

    @property
    def _handover(self) -> Handover:
        self._guard.check()
        if self._background is None:
            raise ConfigurationError("this endpoint is not open: enter it with `with`, or call open()")
        return self._background.handover

    def _enter(self, enter: Callable[[], Awaitable[T]]) -> T:
        self._guard.check()
        if self._background is not None:
            raise ConfigurationError("this endpoint is open already")
        background = hold(self._endpoint)
        try:
            entered = background.handover.run_to_end(enter)
        except BaseException:
            release(background, self._endpoint)
            raise
        self._background = background
        return entered

    def close(self) -> None:
        """Finish what is under way, and close: as leaving the ``with`` does. May be called twice."""
        self.__exit__(None, None, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        background = self._background
        if background is None or self._guard.is_child:
            return  # what is open is the parent's
        background.handover.check()
        self._background = None
        try:
            background.handover.run_to_end(self._endpoint.__aexit__, kind, error, traceback)
        except ConnectionLost:
            if not background.handover.loop.is_closed():  # else it has ended by itself, and with it all that was open
                raise
        finally:
            release(background, self._endpoint)


class ConnectEndpoint(_Endpoint[connecting.ConnectEndpoint]):
    """What `connect` returns: ``with`` opens it and gives the `Peer`. So does `open`, until `close`."""

    def open(self) -> Peer:
        """Connect, and give the peer.

        Raises:
            ConnectError: No session was opened in time.
            AuthenticationError: The other side refused us.
            ConfigurationError: The thread runs an event loop, or it was opened before.
        """
        peer = self._enter(self._endpoint.__aenter__)
        return Peer(peer, self._handover)

    def __enter__(self) -> Peer:
        return self.open()


class ListenEndpoint(_Endpoint[listening.ListenEndpoint]):
    """What `listen` returns: ``with`` opens it; it drains when the block is left. So do `open` and `close`."""

    def open(self) -> Self:
        """Begin to listen.

        Raises:
            ConfigurationError: The thread runs an event loop, or it was opened before.
        """
        self._enter(self._endpoint.__aenter__)
        return self

    def __enter__(self) -> Self:
        return self.open()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens; a port 0 is resolved once it is open."""
        return self._endpoint.addresses

    @property
    def peers(self) -> AbstractSet[Peer]:
        """A live view of the peers whose sessions are open, the detached ones included."""
        return PeersView(self._endpoint.peers, self._handover)

    def accepted(self) -> Iterator[Peer]:
        """Each session's peer once: those that are open now, and every new one, until the endpoint closes."""
        handover = self._handover
        handover.check()
        return self._accepted(handover)

    def _accepted(self, handover: Handover) -> Iterator[Peer]:
        accepted = cast("Closable[AsyncPeer]", self._endpoint.accepted())  # an async generator
        try:
            for peer in BlockingIterator(handover, accepted):
                yield Peer(peer, handover)
        except ConnectionLost:
            if self._background is not None:  # else it is closed, and the loop with it
                raise

    def serve_forever(self) -> None:
        """Serve until SIGINT or SIGTERM, then drain and return; a second signal aborts.

        Off the main thread no signal is caught: then it returns when the endpoint is closed or drained elsewhere.
        """
        handover = self._handover
        stop, abort = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (abort if stop.is_set() else stop).set()

        def tell() -> None:
            if not handover.loop.is_closed():  # else it is over
                handover.loop.call_soon_threadsafe(on_signal)

        with _signals(tell):
            handover.run(_serve, self._endpoint, stop, abort)

    def drain(self) -> None:
        """Take no new sessions, tell every peer, finish what runs, and close; within the grace time."""
        self._handover.run(self._endpoint.drain)

    def abort(self) -> None:
        """Close everything now; what runs is cancelled. May be called twice."""
        self._handover.run(self._endpoint.abort)


async def _serve(endpoint: listening.ListenEndpoint, stop: asyncio.Event, abort: asyncio.Event) -> None:
    await first_of(stop.wait(), endpoint.serve_forever())
    await first_of(endpoint.drain(), abort.wait())
    if abort.is_set():
        await endpoint.abort()


@contextmanager
def _signals(tell: Callable[[], object]) -> Iterator[None]:
    """Tell of SIGINT and SIGTERM, in place of whatever they would do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - Python's
        tell()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@_like(endpoints.connect)
def connect(endpoint: connecting.ConnectEndpoint) -> ConnectEndpoint:
    """Connect, without async: ``with`` gives the `Peer`. The options are those of `callosum.connect`.

    What the endpoint itself calls stays async, and runs in the background's loop: ``on_connect``, interceptors, and
    handlers without `callosum.in_thread`.

    Raises:
        ConfigurationError: At once, with every fault of every handler, of an address, or of an option.
        ConnectError: From entering: no session was opened in time.
    """
    return ConnectEndpoint(endpoint)


@_like(endpoints.listen)
def listen(endpoint: listening.ListenEndpoint) -> ListenEndpoint:
    """Serve, without async: ``with`` opens the endpoint. The options are those of `callosum.listen`.

    Handlers with `callosum.in_thread` run in threads; all others in the background's loop, which they must not block.

    Raises:
        ConfigurationError: At once, with every fault of every handler, of the address, or of an option.
    """
    return ListenEndpoint(endpoint)
