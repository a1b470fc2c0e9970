"""Interceptors: one shape around a call, the same on both sides.

    async def interceptor(call, next):
        ...                       # before
        result = await next(call) # the rest of the chain, and in the end the call or the handler
        ...                       # after
        return result

``call`` is a `callosum.context.Call`. The result is what the stub returns or the handler returned; where the handler
streams it is an async iterator, and another one may be returned in its place. An interceptor may call ``next`` not at
all, once or several times, may change ``call.metadata``, ``call.arguments``, ``call.deadline`` and, at the calling
side, ``call.compression`` before, and may raise; what it raises is what its caller gets.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from callosum.context import Call
from callosum.errors import CallosumError, Code, ConfigurationError, Outcome, RpcError, TransportError

Next = Callable[[Call], Awaitable[Any]]  # a result of any IDL type
Interceptor = Callable[[Call, Next], Awaitable[Any]]  # as above

_TRANSIENT = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.CANCELLED})


def compose(interceptors: Sequence[Interceptor], innermost: Next) -> Next:
    """The chain: the first interceptor is the outermost."""
    chain = innermost
    for interceptor in reversed(interceptors):
        chain = _link(interceptor, chain)
    return chain


def _link(interceptor: Interceptor, following: Next) -> Next:
    async def link(call: Call) -> Any:  # a result of any IDL type
        return await interceptor(call, following)

    return link


@dataclass
class Retry:
    """An interceptor for `connect` that makes a call again, where that surely does no harm.

    It retries what surely did not run (outcome NOT_SENT or REJECTED), and, of methods that the IDL marks as idempotent,
    what may have run (UNKNOWN). It waits with full jitter, 0 to ``base * 2**n`` seconds, at most ``cap``, or what the
    other side asked for, and never beyond the deadline. A budget keeps a broken service from being hit harder: each
    call earns ``ratio`` of a retry, each retry costs one.
    """

    attempts: int = 4
    """At most so many attempts, the first one included."""
    base: float = 0.05
    """Seconds."""
    cap: float = 2.0
    """Seconds."""
    ratio: float = 0.2
    """Retries that each call earns."""
    reserve: float = 10.0
    """Retries that may be saved up, and that one begins with."""
    _saved: float = field(init=False, default=0.0, repr=False)

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.base < 0 or self.cap < 0:
            raise ConfigurationError("Retry: attempts must be at least 1, base and cap 0 seconds or more")
        self._saved = self.reserve

    async def __call__(self, call: Call, following: Next) -> Any:  # a result of any IDL type
        """Make the call, and again where it may be. Cancellation: safe."""
        self._saved = min(self.reserve, self._saved + self.ratio)
        for attempt in range(1, self.attempts + 1):
            try:
                return await following(call)
            except CallosumError as error:
                pause = self._pause(call, error, attempt)
                if pause is None:
                    raise
            self._saved -= 1
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, call: Call, error: CallosumError, attempt: int) -> float | None:
        """Seconds to wait before the next attempt, or None where there is none."""
        if attempt == self.attempts or self._saved < 1 or not _may_retry(call, error):
            return None
        pause = random.uniform(0, min(self.cap, self.base * 2 ** (attempt - 1)))  # noqa: S311 - jitter, no secret
        if isinstance(error, RpcError) and error.retry_after is not None:
            pause = max(pause, error.retry_after)
        remaining = call.remaining
        return None if remaining is not None and pause >= remaining else pause


def _may_retry(call: Call, error: CallosumError) -> bool:
    """Only what another attempt may find changed, and what surely or harmlessly runs again."""
    if isinstance(error, RpcError):
        if error.code not in _TRANSIENT:
            return False
    elif not isinstance(error, TransportError):
        return False
    return error.outcome in (Outcome.NOT_SENT, Outcome.REJECTED) or (
        call.idempotent and error.outcome is Outcome.UNKNOWN
    )
