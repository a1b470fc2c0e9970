"""The messages of the session protocol: a closed union.

A message is one typed object; on the wire it is a record (see `headers` and `wire`). Messages are made once and not
changed, but for a REQUEST's ``id``, which it gets in the batch that carries it. They are plain classes with slots
because one is made for each call on the hot path.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from callosum.errors import Code, Detail, Outcome

Body = bytes | memoryview
Key = str | int | bytes
Metadata = Mapping[str, str | bytes]
InfoValue = str | int | float | bool | bytes | None | list["InfoValue"] | dict[str, "InfoValue"]
Info = Mapping[str, InfoValue]

VERSION: Final = 1
"""The one version of the protocol that this code speaks."""


class Type(enum.IntEnum):
    """The type numbers on the wire; from 64 on there is room for extensions."""

    HELLO = 1
    WELCOME = 2
    OFFER = 3
    RESET = 4
    REQUEST = 5
    ITEM = 6
    END = 7
    REPLY = 8
    ERROR = 9
    CANCEL = 10
    CREDIT = 11
    VOID = 12
    PING = 13
    PONG = 14
    GOAWAY = 15


COMPRESSIONS: Final = 3
"""How many kinds of compression the flags of a record may name: 0 none, 1 snappy, 2 zstd. What they do is not known
here: bodies are opaque."""
EXTENSIONS_FROM: Final = 64
"""Unknown types from here on are counted and skipped."""


# The flags of a REQUEST: plain numbers, because enum's operators cost a microsecond on the hot path.
ONEWAY: Final = 1
"""Nothing answers."""
IDEMPOTENT: Final = 2
"""The IDL says that running it twice does no harm."""
ITEMS_FOLLOW: Final = 4
"""The caller sends a stream: ITEMs, and an END behind them."""
ITEMS_WANTED: Final = 8
"""The caller takes a stream: ITEMs before the outcome."""
STREAMS: Final = ITEMS_FOLLOW | ITEMS_WANTED


class ResetCode(enum.StrEnum):
    """Why a connection is closed."""

    STALE = "stale"
    DRAINING = "draining"
    NO_SESSION = "no_session"
    PROTOCOL = "protocol"
    UNAUTHENTICATED = "unauthenticated"
    SLOW = "slow"
    CLOSED = "closed"


SESSION_ENDING: Final = frozenset({ResetCode.PROTOCOL, ResetCode.UNAUTHENTICATED, ResetCode.SLOW, ResetCode.CLOSED})
"""The codes that end the session too; the others leave it alone: its owner dials and resumes."""


class CancelReason(enum.StrEnum):
    """Why the caller left."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Offered:
    """A service as HELLO's answer and OFFER list it."""

    name: str
    fingerprint: str
    codecs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resumption:
    """The part of a HELLO that names a session: to resume it, or (without ``received``) to give it up."""

    session: int
    token: bytes
    received: int | None = None

    def __repr__(self) -> str:  # the token is a secret
        return f"Resumption(session={self.session}, received={self.received})"


@dataclass(frozen=True, slots=True)
class Hello:
    """First on every connection: who dials, what it can, and which session it means."""

    versions: tuple[int, ...]
    attempt: int
    body_bytes: int
    codecs: tuple[str, ...]
    compressions: tuple[str, ...]
    heartbeat_ms: int
    window_calls: int
    window_bytes: int
    info: Info = field(default_factory=dict)
    resumption: Resumption | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """Accepts a HELLO."""

    version: int
    session: int
    token: bytes
    resumed: bool
    received: int
    body_bytes: int
    window_calls: int
    window_bytes: int
    heartbeat_ms: int
    grace_ms: int
    services: tuple[Offered, ...] = ()
    compressions: tuple[str, ...] = ()

    def __repr__(self) -> str:  # the token is a secret
        return f"Welcome(session={self.session}, resumed={self.resumed}, received={self.received})"


@dataclass(frozen=True, slots=True)
class Offer:
    """The connector's services: the first numbered record of a fresh session."""

    services: tuple[Offered, ...] = ()


@dataclass(frozen=True, slots=True)
class Reset:
    """Closes its connection."""

    code: ResetCode
    text: str = ""


@dataclass(slots=True, eq=False)
class Request:
    """Begins a call."""

    id: int
    method: str
    timeout_ms: int | None
    flags: int
    body: Body
    key: Key | None = None
    metadata: Metadata | None = None
    parent: int = 0
    codec: str = ""
    reply_compression: str = ""
    """What the caller asks the reply to be compressed with."""
    compression: int = 0
    """What the body is compressed with, as the flags of the record say it."""
    deadline: float | None = None
    """Not on the wire: the instant on this side's clock. ``timeout_ms`` is made from it each time the record leaves."""


@dataclass(slots=True, eq=False)
class Item:
    """One item of a stream: the caller's, or the handler's."""

    id: int
    body: Body
    compression: int = 0
    """As a REQUEST's."""

    def __len__(self) -> int:
        """Bytes of its body: in the queues of a stream, what is compressed lies as an Item beside plain bytes."""
        return len(self.body)


@dataclass(frozen=True, slots=True)
class End:
    """The caller's items are complete."""

    id: int


@dataclass(slots=True, eq=False)
class Reply:
    """The one outcome of a call: success, or an exception that the IDL declares."""

    id: int
    body: Body
    metadata: Metadata | None = None
    compression: int = 0
    """As a REQUEST's."""


@dataclass(frozen=True, slots=True)
class Error:
    """The one outcome of a call: everything else."""

    id: int
    code: Code
    outcome: Outcome
    text: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)
    error_id: str = ""
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The caller left."""

    id: int
    reason: CancelReason = CancelReason.CANCELLED


@dataclass(frozen=True, slots=True)
class Credit:
    """Returns call window."""

    calls: int
    size: int


@dataclass(frozen=True, slots=True)
class StreamCredit:
    """Permits more items of a stream."""

    id: int
    size: int
    """Bytes that the stream may have more."""
    consumed: int
    """Bytes that all streams together may have more: what was read, of this stream and others, or dropped."""


@dataclass(frozen=True, slots=True)
class Void:
    """Keeps a number whose record is gone."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for a PONG of the same number."""

    number: int
    lag_ms: int = 0
    """How late the sender's event loop runs."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a PING."""

    number: int
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class GoAway:
    """The sender drains: calls above ``last_id`` are answered REJECTED, what runs finishes."""

    last_id: int
    grace_ms: int
    reason: str = ""


@dataclass(slots=True, eq=False)
class Fragment:
    """One piece of a body that travels in several: the first carries the message that it belongs to."""

    message: Request | Item | Reply | None
    """The message of the first fragment, its ``body`` empty; None in the further ones of a REQUEST. The header of an
    ITEM or REPLY does not tell whether a fragment is the first: these have it always."""
    type: int
    id: int
    body: Body
    more: bool


@dataclass(frozen=True, slots=True)
class Extension:
    """A record of a type that this code does not know: numbered, counted and skipped."""

    type: int


Message = (
    Hello
    | Welcome
    | Offer
    | Reset
    | Request
    | Item
    | End
    | Reply
    | Error
    | Cancel
    | Credit
    | StreamCredit
    | Void
    | Ping
    | Pong
    | GoAway
    | Fragment
    | Extension
)
UNNUMBERED: Final = frozenset({Hello, Welcome, Reset, Ping, Pong})
"""The classes whose records have no position. All others are numbered."""
