"""Messages of every kind, and records and batches made by hand, for the tests of the wire."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping, Sequence

import msgpack

from callosum.errors import Code, Outcome, ProtocolError
from callosum.protocol import limits, wire
from callosum.protocol.messages import (
    IDEMPOTENT,
    ITEMS_FOLLOW,
    ITEMS_WANTED,
    ONEWAY,
    UNNUMBERED,
    Cancel,
    CancelReason,
    Credit,
    End,
    Error,
    Fragment,
    GoAway,
    Hello,
    Info,
    Item,
    Message,
    Offer,
    Offered,
    Ping,
    Pong,
    Reply,
    Request,
    Reset,
    ResetCode,
    Resumption,
    StreamCredit,
    Type,
    Void,
    Welcome,
)

HEAD = struct.Struct("<BBHIQQ")
RECORD = struct.Struct("<IHBB")
TOKEN = bytes(range(16))
MAX = 2**63 - 1
SERVICES = (Offered("Echo", "ab12", ("binary", "compact")), Offered("Größe", "", ()))
INFO: Info = {"name": "client", "n": 7, "x": 1.5, "on": True, "no": None, "raw": b"\xff", "deep": [1, {"a": ["b"]}]}

MESSAGES: dict[str, Message] = {
    "hello": Hello((1,), 1, 64, (), (), 2000, 10, 100),
    "hello-info": Hello((1, 2), 3, 64, ("binary",), ("snappy", "zstd"), 2000, 10, 100, INFO),
    "hello-resumes": Hello((1,), 2, 64, (), (), 0, 0, 0, {}, Resumption(9, TOKEN, 17)),
    "hello-gives-up": Hello((1,), 2, 64, (), (), 0, 0, 0, {"a": "b"}, Resumption(9, TOKEN)),
    "hello-resumes-from-0": Hello((1,), MAX, MAX, (), (), MAX, MAX, MAX, {}, Resumption(0, TOKEN, 0)),
    "welcome": Welcome(1, 9, TOKEN, False, 0, 64, 10, 100, 2000, 30_000),
    "welcome-full": Welcome(1, MAX, TOKEN, True, MAX, 64, 10, 100, 2000, 30_000, SERVICES),
    "welcome-compressions": Welcome(1, 9, TOKEN, False, 0, 64, 10, 100, 2000, 30_000, (), ("snappy", "zstd")),
    "offer": Offer(),
    "offer-full": Offer(SERVICES),
    **{f"reset-{code.value}": Reset(code) for code in ResetCode},
    "reset-text": Reset(ResetCode.CLOSED, "good bye, schöne Welt"),
    "request": Request(1, "Echo/say", None, 0, b"body"),
    "request-empty": Request(2, "", 0, ONEWAY | IDEMPOTENT, b""),
    "request-timeout": Request(MAX, "Echo/say", MAX, ONEWAY, b"\x00"),
    "request-key": Request(1, "Echo/say", 1, 0, b"body", key="k"),
    "request-key-0": Request(1, "Echo/say", 1, 0, b"body", key=0),
    "request-key-negative": Request(1, "Echo/say", 1, 0, b"body", key=-(2**63)),
    "request-key-bytes": Request(1, "Echo/say", 1, 0, b"body", key=b""),
    "request-metadata": Request(1, "Echo/say", 1, 0, b"body", metadata={"a": "b", "c": b"\xff"}),
    "request-parent": Request(1, "Echo/say", 1, 0, b"body", parent=4),
    "request-codec": Request(1, "Echo/say", 1, 0, b"body", codec="compact"),
    "request-items-follow": Request(1, "Echo/say", None, ITEMS_FOLLOW, b"body"),
    "request-items-both-ways": Request(1, "Echo/say", None, ITEMS_FOLLOW | ITEMS_WANTED | IDEMPOTENT, b"body"),
    "item": Item(1, b"body"),
    "item-empty": Item(0, b""),
    "item-of-a-larger-id": Item(300, b"body"),
    "item-compressed": Item(300, b"body", 1),
    "item-of-the-largest-id": Item(MAX, b"body"),
    "end": End(1),
    "end-of-the-largest-id": End(MAX),
    "request-asks": Request(1, "Echo/say", 1, 0, b"body", reply_compression="snappy"),
    "request-compressed": Request(300, "Echo/say", None, 0, b"body", compression=1),
    "request-full": Request(1, "Echo/say", 1, 3, b"body", "k", {"a": "b"}, 4, "compact", "zstd", 2),
    "reply": Reply(1, b"body"),
    "reply-empty": Reply(0, b""),
    "reply-metadata": Reply(MAX, b"body", {"a": b"b"}),
    "reply-compressed": Reply(300, b"body", compression=2),
    "error": Error(1, Code.INTERNAL, Outcome.EXECUTED),
    "error-full": Error(
        3,
        Code.RESOURCE_EXHAUSTED,
        Outcome.REJECTED,
        "full",
        {"n": 1, "s": "x", "f": 1.5, "b": True, "-": None},
        "e1",
        0,
    ),
    "error-details": Error(3, Code.CANCELLED, Outcome.UNKNOWN, "", {"raw": b"\xff"}),
    "error-id": Error(3, Code.CANCELLED, Outcome.UNKNOWN, "", {}, "e2"),
    "error-retry": Error(3, Code.UNAVAILABLE, Outcome.REJECTED, "", {}, "", 250),
    "cancel": Cancel(1),
    "cancel-deadline": Cancel(MAX, CancelReason.DEADLINE),
    "credit": Credit(0, 0),
    "credit-large": Credit(MAX, MAX),
    "credit-of-a-stream": StreamCredit(1, 0, 0),
    "credit-of-a-stream-large": StreamCredit(MAX, MAX, MAX),
    "void": Void(),
    "ping": Ping(1),
    "ping-lag": Ping(MAX, 12),
    "pong": Pong(1),
    "pong-lag": Pong(MAX, 12),
    "goaway": GoAway(0, 0),
    "goaway-reason": GoAway(MAX, 30_000, "drained"),
    "fragment-first": Fragment(Request(1, "Echo/say", 5, 0, b"", "k"), Type.REQUEST, 1, b"part", more=True),
    "fragment-compressed": Fragment(
        Request(1, "Echo/say", 5, 0, b"", compression=2), Type.REQUEST, 1, b"part", more=True
    ),
    "fragment-next": Fragment(None, Type.REQUEST, 1, b"part", more=True),
    "fragment-last": Fragment(None, Type.REQUEST, 1, b"part", more=False),
    "fragment-item": Fragment(Item(2, b""), Type.ITEM, 2, b"part", more=True),
    "fragment-item-compressed": Fragment(Item(2, b"", 2), Type.ITEM, 2, b"part", more=True),
    "fragment-reply": Fragment(Reply(2, b"", {"a": "b"}), Type.REPLY, 2, b"part", more=True),
    "fragment-reply-short": Fragment(Reply(2, b""), Type.REPLY, 2, b"part", more=True),
}
ALONE = (Hello, Welcome, Fragment)
TOGETHER: list[Message] = [message for message in MESSAGES.values() if not isinstance(message, ALONE)]


def plain(value: object) -> object:
    """Comparable: some messages compare by identity."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field.name, plain(getattr(value, field.name))) for field in dataclasses.fields(value))
        return type(value).__name__, dict(fields)
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def pieces(value: object) -> Iterator[bytes]:
    """Every text and every bytes in a message."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from pieces(getattr(value, field.name))
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, bytes | memoryview):
        yield bytes(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from pieces(key)
            yield from pieces(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from pieces(item)


def record(header: bytes, body: bytes = b"", flags: int = 0, *, length: int | None = None, cut: int | None = None):
    length = len(header) + len(body) if length is None else length
    return RECORD.pack(length, len(header) if cut is None else cut, flags, 0) + header + body


def batch(*records: bytes, count: int | None = None) -> bytes:
    return HEAD.pack(1, 0, len(records) if count is None else count, 0, 1, 1) + b"".join(records)


def single(header: object, body: bytes = b"", flags: int = 0) -> Message:
    raw = header if isinstance(header, bytes) else msgpack.packb(header)
    (message,) = wire.decode([batch(record(raw, body, flags))]).messages
    return message


def survive(frames: Sequence[bytes]) -> bool:
    """Decode; True where it was a batch. Anything but a ProtocolError, or a byte that was not received, fails."""
    try:
        decoded = wire.decode(frames)
    except ProtocolError:
        return False
    received = b"".join(frames)
    assert len(decoded.messages) <= limits.MAX_RECORDS
    assert decoded.numbered == sum(type(message) not in UNNUMBERED for message in decoded.messages)
    assert decoded.size == len(received)
    total = 0
    for message in decoded.messages:
        for piece in pieces(message):
            assert piece in received
        body = getattr(message, "body", b"")
        assert len(body) <= limits.FRAGMENT
        total += len(body)
    assert total <= len(received)
    return True
