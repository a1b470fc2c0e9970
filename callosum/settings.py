"""What `listen` and `connect` were told, checked: the configuration of one endpoint."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from callosum.compression import Compression, offered
from callosum.errors import ConfigurationError, ProtocolError
from callosum.interceptors import Interceptor, Next, compose
from callosum.protocol import wire
from callosum.protocol.handshake import HEARTBEAT_CEILING, HEARTBEAT_FLOOR, Terms, make_hello
from callosum.protocol.limits import MAX_FRAME_0, MAX_RECORDS, Limits
from callosum.protocol.messages import Info
from callosum.protocol.positions import ResendBudget
from callosum.session.comparison import OnDifference
from callosum.session.counters import Counters
from callosum.session.dispatch import HandlerDispatcher
from callosum.session.registry import Registry, Services
from callosum.session.scheduling import Scheduling, Unordered, check_scheduling
from callosum.session.workers import Bounds
from callosum.stub import perform_call
from callosum.threads import MAX_THREADS

PROCESS_RESEND_BYTES = 512 * 1024 * 1024
"""Bytes that all sessions of the process together keep for sending again."""

resend_budget = ResendBudget(PROCESS_RESEND_BYTES)


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration that both kinds of endpoint have."""

    addresses: tuple[str, ...]
    services: Services = field(default_factory=dict)
    auth: object = None
    interceptors: Sequence[Interceptor] = ()
    timeout: float | None = None
    """Seconds: the default of the endpoint's stubs."""
    heartbeat: float = 2.0
    """Seconds."""
    grace: float = 30.0
    """Seconds."""
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    scheduling: Scheduling = field(default_factory=Unordered)
    expose_errors: bool = False
    info: Info = field(default_factory=dict)
    patience: float | None = None
    """Seconds."""
    on_difference: OnDifference = OnDifference.WARN
    compression: Compression | None = None
    max_threads: int = MAX_THREADS

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ConfigurationError("no address: give one, for example tcp://127.0.0.1:5030, or a list of them")
        if not HEARTBEAT_FLOOR <= self.heartbeat <= HEARTBEAT_CEILING:
            raise ConfigurationError(
                f"heartbeat={self.heartbeat!r}: give {HEARTBEAT_FLOOR} to {HEARTBEAT_CEILING:.0f} seconds"
            )
        for name in ("grace", "timeout", "max_threads", "patience"):
            _check_positive("connect_timeout" if name == "patience" else name, getattr(self, name))
        for bound in fields(self.bounds):
            _check_positive(bound.name, getattr(self.bounds, bound.name))
        check_scheduling(self.scheduling)
        if self.grace == math.inf:
            raise ConfigurationError(
                "grace=inf: nobody would ever learn that a session is gone; give a number of seconds"
            )
        _check_limits(self.limits)
        if self.info:
            self._check_info()

    def _check_info(self) -> None:
        """What the other side could not read would end in a connection that is refused again and again."""
        try:
            wire.decode(wire.encode([make_hello(Terms(info=self.info), 1, None)]))
        except (ProtocolError, TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(
                f"info cannot be sent: {error}; give a mapping of text to text, bytes, numbers, lists and mappings"
            ) from None

    def dispatcher(self, counters: Counters) -> HandlerDispatcher:
        """What takes calls to the handlers. Raises ConfigurationError with every fault of every handler."""
        return HandlerDispatcher(
            Registry(self.services),
            counters,
            interceptors=self.interceptors,
            bounds=self.bounds,
            scheduling=self.scheduling,
            expose_errors=self.expose_errors,
            max_threads=self.max_threads,
        )

    def terms(self, registry: Registry) -> Terms:
        """What the endpoint brings to each handshake."""
        is_off = self.compression is not None and self.compression.is_off
        compressions = () if is_off else offered()
        return Terms(self.limits, self.heartbeat, self.grace, registry.offered, self.info, self.patience, compressions)

    def chain(self) -> Next | None:
        """The interceptors around each outgoing call."""
        return compose(self.interceptors, perform_call) if self.interceptors else None


def _check_positive(option: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise ConfigurationError(f"{option}={value!r}: give a number above 0")


def _check_limits(limits: Limits) -> None:
    """Bounds under which no call would ever leave: it would wait for ever, and nobody would say why."""
    least = {"resend_bytes": MAX_FRAME_0, "resend_records": MAX_RECORDS}
    for limit in fields(limits):
        value = getattr(limits, limit.name)
        if limit.name in least and value < least[limit.name]:
            raise ConfigurationError(
                f"Limits({limit.name}={value!r}): one batch must fit; give {least[limit.name]} or more"
            )
        if not value > 0:
            raise ConfigurationError(f"Limits({limit.name}={value!r}): give a number above 0")


class ProcessGuard:
    """Refuses to work in a forked child, which shares its sockets with the parent."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    @property
    def is_child(self) -> bool:
        """Whether this is a process that was forked off the endpoint's."""
        return os.getpid() != self._pid

    def check(self) -> None:
        """Raises ConfigurationError in a forked child."""
        if self.is_child:
            raise ConfigurationError(
                "this endpoint was opened before a fork; a child process must open its own, with connect() or listen()"
            )


def addresses_of(address: str | Sequence[str]) -> tuple[str, ...]:
    """One address, or several; each once."""
    return (address,) if isinstance(address, str) else tuple(dict.fromkeys(address))
