"""What HELLO and WELCOME agree on.

Version and body limit are the smaller of both sides', the heartbeat is the larger, the grace time is the listener's;
each side grants its own call window to the other.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from callosum.errors import ProtocolError
from callosum.protocol.limits import Limits
from callosum.protocol.messages import VERSION, Hello, Info, Offered, Resumption, Welcome

HEARTBEAT_FLOOR = 0.25
"""Seconds; no heartbeat is shorter."""
HEARTBEAT_CEILING = 60.0
"""Seconds; no heartbeat is longer, whatever the other side asks for: death must be noticed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one side brings to the handshake."""

    limits: Limits = field(default_factory=Limits)
    heartbeat: float = 2.0
    """Seconds of silence after which a PING leaves."""
    grace: float = 30.0
    """Seconds for which a session without a connection is kept; the listener's counts."""
    services: tuple[Offered, ...] = ()
    info: Info = field(default_factory=dict)
    patience: float | None = None
    """Seconds for which a call without a deadline waits for a connection; None: for ever."""
    compressions: tuple[str, ...] = ()
    """What this side decompresses."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both sides go by, once a WELCOME was sent or received."""

    body_bytes: int
    heartbeat: float
    grace: float
    window_calls: int
    """What the other side grants."""
    window_bytes: int


def make_hello(terms: Terms, attempt: int, resumption: Resumption | None) -> Hello:
    """The HELLO of one connection attempt."""
    return Hello(
        versions=(VERSION,),
        attempt=attempt,
        body_bytes=terms.limits.body_bytes,
        codecs=(),
        compressions=terms.compressions,
        heartbeat_ms=round(terms.heartbeat * 1000),
        window_calls=terms.limits.window_calls,
        window_bytes=terms.limits.window_bytes,
        info=terms.info,
        resumption=resumption,
    )


def make_welcome(terms: Terms, hello: Hello, session: int, token: bytes, received: int | None) -> Welcome:
    """The answer to a HELLO; ``received`` is our next expected number where it resumes, else None.

    Raises:
        ProtocolError: There is no common version.
    """
    if VERSION not in hello.versions:
        raise ProtocolError(f"the other side speaks versions {list(hello.versions[:8])}, this side {VERSION}")
    return Welcome(
        version=VERSION,
        session=session,
        token=token,
        resumed=received is not None,
        received=received or 0,
        body_bytes=min(terms.limits.body_bytes, hello.body_bytes),
        window_calls=terms.limits.window_calls,
        window_bytes=terms.limits.window_bytes,
        heartbeat_ms=round(_clamp(max(terms.heartbeat, hello.heartbeat_ms / 1000)) * 1000),
        grace_ms=round(terms.grace * 1000),
        services=terms.services,
        compressions=terms.compressions,
    )


def agree(welcome: Welcome, window_calls: int, window_bytes: int) -> Agreement:
    """What a WELCOME means for the side to which the other grants this window."""
    return Agreement(
        body_bytes=welcome.body_bytes,
        heartbeat=_clamp(welcome.heartbeat_ms / 1000),
        grace=welcome.grace_ms / 1000,
        window_calls=window_calls,
        window_bytes=window_bytes,
    )


def _clamp(heartbeat: float) -> float:
    return min(max(heartbeat, HEARTBEAT_FLOOR), HEARTBEAT_CEILING)


def names_session(resumption: Resumption, session: int, token: bytes) -> bool:
    """Whether a HELLO names this session by its secret; takes the same time whatever the token."""
    return hmac.compare_digest(resumption.token, token) and resumption.session == session
