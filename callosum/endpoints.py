"""listen() and connect(): what makes endpoints.

An endpoint is one `listen` or `connect` and its configuration. Endpoints dial, accept, back off, resume and drain;
sessions do none of that.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence

from callosum.auth.base import Insecure
from callosum.compression import Compression, compression_of
from callosum.connecting import ConnectEndpoint, OnConnect, Order
from callosum.errors import ConfigurationError
from callosum.interceptors import Interceptor
from callosum.listening import ListenEndpoint
from callosum.protocol.limits import Limits
from callosum.protocol.messages import Info
from callosum.session.comparison import OnDifference
from callosum.session.registry import Services
from callosum.session.scheduling import Scheduling, Unordered
from callosum.session.workers import Bounds
from callosum.settings import Settings, addresses_of
from callosum.threads import MAX_THREADS

_UNORDERED = Unordered()


def listen(
    address: str | Sequence[str],
    services: Services,
    *,
    auth: Insecure | None = None,
    interceptors: Sequence[Interceptor] = (),
    timeout: float | None = None,
    heartbeat: float = 2.0,
    grace: float = 30.0,
    limits: Limits | None = None,
    scheduling: Scheduling = _UNORDERED,
    max_concurrency: int = 100,
    max_pending: int = 10_000,
    max_concurrency_per_peer: int | None = None,
    max_pending_per_peer: int | None = None,
    max_queue_delay: float | None = None,
    max_threads: int = MAX_THREADS,
    expose_errors: bool = False,
    strict: bool = False,
    reflection: bool = False,
    compression: Compression | str | None = None,
) -> ListenEndpoint:
    """Serve services at one address or several; ``async with`` opens the endpoint.

    Args:
        address: For example ``tcp://127.0.0.1:5030``; a port 0 is chosen by the system (see ``addresses``).
        services: ``{service class: handler}``, or a list of handlers whose classes name their service.
        auth: Without it only loopback, ``ipc://`` and addresses within the process are allowed;
            `callosum.auth.INSECURE` says that more is meant.
        interceptors: Around each handler, and around each call to a peer; the first is the outermost.
        timeout: Seconds: the default of the stubs of its peers.
        heartbeat: Seconds of silence after which the other side is asked whether it lives.
        grace: Seconds for which a session without a connection is kept.
        limits: The bounds of each session.
        scheduling: What a request key does to the calls that are served here: `Unordered`, `OrderedReplies` or
            `SerializedByKey`; or a function from a peer to one of these, asked when the peer's session opens.
        max_concurrency: Handlers that run at a time.
        max_pending: Calls that wait for a handler; more are refused at once (ResourceExhausted, REJECTED).
        max_concurrency_per_peer: Handlers of one peer that run at a time. Where a bound for each peer is set, calls are
            taken from the peers in turns.
        max_pending_per_peer: Calls of one peer that wait for a handler; more are refused at once.
        max_queue_delay: Seconds after which a call that still waits is not started any more, but refused
            (ResourceExhausted, REJECTED, with ``retry_after``). Without it, and besides, that is done where a call has
            a deadline, and has waited so long that it would most likely miss it; with ``math.inf`` not even that.
        max_threads: Threads in which handlers with `in_thread` run; the next one waits for a thread.
        expose_errors: Whether callers see type and text of exceptions that the IDL does not declare.
        strict: Whether calls of a service are refused where the peer has another version of it, or does not serve it.
            Without it they are made, and what differs is logged when the session opens; see `Peer.differences`.
        reflection: Whether whoever may call is also told which services there are, and what their interfaces are.
        compression: What results, and the calls of the stubs of its peers, are compressed with where the other side
            can: ``snappy``, ``zstd`` or a `Compression`. Without it, what callers ask for. ``none``: nothing is
            compressed, and nothing that is compressed is taken.

    Raises:
        ConfigurationError: At once, with every fault of every handler, of the address, or of an option.
    """
    settings = Settings(
        addresses_of(address),
        _reflecting(services) if reflection else services,
        auth,
        interceptors,
        timeout,
        heartbeat,
        grace,
        limits or Limits(),
        Bounds(max_concurrency, max_pending, max_concurrency_per_peer, max_pending_per_peer, max_queue_delay),
        scheduling,
        expose_errors,
        on_difference=_on_difference(strict=strict),
        compression=compression_of(compression),
        max_threads=max_threads,
    )
    return ListenEndpoint(settings)


def connect(
    address: str | Sequence[str],
    services: Services | None = None,
    *,
    auth: Insecure | None = None,
    on_connect: OnConnect | None = None,
    connect_timeout: float | None = 10.0,
    info: Info | None = None,
    order: Order | str = Order.GIVEN,
    interceptors: Sequence[Interceptor] = (),
    timeout: float | None = None,
    heartbeat: float = 2.0,
    grace: float = 30.0,
    limits: Limits | None = None,
    scheduling: Scheduling = _UNORDERED,
    max_concurrency: int = 100,
    max_pending: int = 10_000,
    max_concurrency_per_peer: int | None = None,
    max_pending_per_peer: int | None = None,
    max_queue_delay: float | None = None,
    max_threads: int = MAX_THREADS,
    expose_errors: bool = False,
    strict: bool = False,
    reflection: bool = False,
    compression: Compression | str | None = None,
) -> ConnectEndpoint:
    """Connect to one address, or to the first of several that answers; ``async with`` gives the `Peer`.

    Args:
        address: For example ``tcp://127.0.0.1:5030``, or a list.
        services: What this side serves to the other, as for `listen`.
        on_connect: Runs at every fresh session, before other calls leave; never at a resumed one.
        connect_timeout: Seconds that entering may take, and that a call without a deadline waits for a connection;
            None enters at once and dials in the background.
        info: What the other side reads as ``peer.info``.
        order: Of several addresses: ``given``, or ``random``.
        interceptors: Around each call of a stub, and around each handler; the first is the outermost.
        timeout, heartbeat, grace, limits, scheduling, max_concurrency, max_pending, max_concurrency_per_peer,
            max_pending_per_peer, max_queue_delay, expose_errors, strict, reflection,
            compression, max_threads: As for `listen`.

    Raises:
        ConfigurationError: At once, with every fault of every handler, of an address, or of an option.
        ConnectError: From entering: no session was opened in time.
        AuthenticationError: From entering: the other side refused us.
    """
    services = services if services is not None else {}
    try:
        order = Order(order)
    except ValueError:
        raise ConfigurationError(f"order={order!r}: write 'given' or 'random'") from None
    settings = Settings(
        addresses_of(address),
        _reflecting(services) if reflection else services,
        auth,
        interceptors,
        timeout,
        heartbeat,
        grace,
        limits or Limits(),
        Bounds(max_concurrency, max_pending, max_concurrency_per_peer, max_pending_per_peer, max_queue_delay),
        scheduling,
        expose_errors,
        info or {},
        connect_timeout,
        _on_difference(strict=strict),
        compression_of(compression),
        max_threads,
    )
    return ConnectEndpoint(settings, connect_timeout=connect_timeout, on_connect=on_connect, order=order)


def _on_difference(*, strict: bool) -> OnDifference:
    return OnDifference.REFUSE if strict else OnDifference.WARN


def _reflecting(services: Services) -> Services:
    """The services, and one that tells about them. It is written in an IDL, so the engine does not import it."""
    points = importlib.metadata.entry_points(group="callosum.builtin", name="reflection")
    if not points:
        raise ConfigurationError("reflection=True: the installed callosum has no reflection: install it again")
    with_reflection: Callable[[Services], Services] = next(iter(points)).load()
    return with_reflection(services)
