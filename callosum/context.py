"""The ambient call context: which call is being handled, and by when all calls inside must have ended."""

from __future__ import annotations

import asyncio
import enum
import keyword
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from callosum.compression import Compression
from callosum.errors import ConfigurationError, EncodeError
from callosum.protocol.messages import Request
from callosum.service import Method

if TYPE_CHECKING:
    from callosum.channel import Channel
    from callosum.peer import Peer

Key = str | int | bytes
Metadata = Mapping[str, str | bytes]

KeyOf = Callable[[Sequence[Any], Mapping[str, Any]], Key | None]  # arguments of any IDL type
"""The request key of a call, by its positional and its named arguments."""

TRACE_METADATA: Final = ("traceparent", "tracestate", "baggage")
"""The metadata that calls made by a handler inherit (W3C Trace Context, and Baggage)."""


def key_of(method: Method) -> KeyOf | None:
    """What computes the request key of a method whose IDL names one of its parameters; None where it names none.

    It takes the arguments without the stream, and raises EncodeError where the argument's value cannot be a key. An
    argument that is None is no key.
    """
    parameters = [one for index, one in enumerate(method.parameters) if index != method.stream]
    names = [parameter.name for parameter in parameters]
    if method.key not in names:
        return None
    index = names.index(method.key)
    parameter = parameters[index]
    name = f"{parameter.name}_" if keyword.iskeyword(parameter.name) else parameter.name

    def compute(arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Key | None:  # as in KeyOf
        value = arguments[index] if index < len(arguments) else keywords.get(name, parameter.default)
        return None if value is None else _as_key(value, f"{method.wire_name}.{parameter.name}")

    return compute


def _as_key(value: object, path: str) -> Key:
    """A value as it travels; two that are equal in the IDL are the same key."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise EncodeError(f"{value!r} cannot be a request key: that is a str, bytes, or an int of 64 bits", path=path)


class Call:
    """One call, as handlers and interceptors see it; the same on both sides.

    Attributes:
        method: What is called.
        peer: The other side.
        arguments: The positional arguments; at the serving side all of them, in the IDL's order.
        keywords: The arguments given by name; empty at the serving side.
        metadata: What travels with the call, text to text or bytes.
        key: The request key, or None.
        deadline: The instant on the loop's clock by which the call must have ended, or None.
        compression: At the calling side: what its bodies are compressed with where the other side can; or None.
        idempotent: Whether running it twice does no harm, by its IDL.
    """

    __slots__ = (
        "_carrier",
        "arguments",
        "compression",
        "deadline",
        "key",
        "keywords",
        "metadata",
        "method",
        "peer",
        "run",
    )

    def __init__(
        self,
        method: Method,
        peer: Peer,
        metadata: Metadata,
        key: Key | None,
        deadline: float | None,
        carrier: Carrier | None = None,
    ) -> None:
        self.method = method
        self.peer = peer
        self.arguments: tuple[Any, ...] = ()  # values of any IDL type
        self.keywords: Mapping[str, Any] = {}  # as above
        self.metadata = metadata
        self.key = key
        self.deadline = deadline
        self.compression: Compression | str | None = None
        self.run: Callable[..., Awaitable[Any]] | None = None
        """The engine's: what the innermost link of the interceptors calls."""
        self._carrier = carrier

    @property
    def principal(self) -> str | None:
        """Whom policy sees at the other side, or None without authentication."""
        return self.peer.principal

    @property
    def draining(self) -> bool:
        """Whether this side is draining: finish soon."""
        return self._carrier is not None and self._carrier.is_draining

    @property
    def idempotent(self) -> bool:
        """Whether running it twice does no harm, by its IDL."""
        return self.method.idempotent

    @property
    def remaining(self) -> float | None:
        """Seconds until the deadline; not below 0; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - now())


class Carrier(ABC):
    """What brought a call here: the part of it that the context needs.

    Attributes:
        request: The request as it arrived; its deadline is on the loop's clock.
    """

    __slots__ = ()

    request: Request

    @property
    @abstractmethod
    def call(self) -> Call:
        """The call as its handler sees it; made when it is asked for first."""

    @property
    @abstractmethod
    def is_draining(self) -> bool:
        """Whether the endpoint is draining."""

    @abstractmethod
    def way_to(self, channel: Channel) -> tuple[Channel, int]:
        """The channel that a call made in this handler takes instead of this one, and the parent that it names.

        They are the same channel and 0 where it goes to another peer.
        """


current: ContextVar[Carrier | None] = ContextVar("callosum_call", default=None)
"""What brought the call whose handler is running."""
ambient_deadline: ContextVar[float | None] = ContextVar("callosum_deadline", default=None)
thread_clock: ContextVar[Callable[[], float]] = ContextVar("callosum_clock", default=time.monotonic)
"""The clock of a thread that runs no loop: where a handler runs in it, that of the handler's loop."""


def now() -> float:
    """The instant on the clock by which deadlines are told here."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return thread_clock.get()()


def current_call() -> Call:
    """The call whose handler is running.

    Raises:
        ConfigurationError: No handler is running.
    """
    carrier = current.get()
    if carrier is None:
        raise ConfigurationError("current_call() is for use inside a handler; no call is being handled here")
    return carrier.call


def current_peer() -> Peer:
    """The peer whose call is being handled.

    Raises:
        ConfigurationError: No handler is running.
    """
    return current_call().peer


@asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Cap the deadline of every call that is made inside; it travels on with them.

    An outer deadline that is earlier stays in force.

    Args:
        seconds: From now on; 0 lets no call out.

    Raises:
        ConfigurationError: ``seconds`` is negative or not a number.
    """
    with capped(seconds):
        yield


@contextmanager
def capped(seconds: float) -> Iterator[None]:
    """What `deadline` does, for those who have no ``async with``."""
    if not seconds >= 0:
        raise ConfigurationError(f"a deadline of {seconds!r} seconds; give 0 or more")
    instant = now() + seconds
    outer = ambient_deadline.get()
    token = ambient_deadline.set(instant if outer is None else min(outer, instant))
    try:
        yield
    finally:
        ambient_deadline.reset(token)
