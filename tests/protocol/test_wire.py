"""Batches to frames and back; and whatever bytes come in, nothing but ProtocolError or what these bytes say."""

from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Iterator, Mapping, Sequence

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.errors import Code, Outcome, ProtocolError
from callosum.protocol import limits, wire
from callosum.protocol.messages import (
    IDEMPOTENT,
    ONEWAY,
    UNNUMBERED,
    Cancel,
    CancelReason,
    Credit,
    Error,
    Extension,
    Fragment,
    GoAway,
    Hello,
    Info,
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
    "request-full": Request(1, "Echo/say", 1, 3, b"body", "k", {"a": "b"}, 4, "compact"),
    "reply": Reply(1, b"body"),
    "reply-empty": Reply(0, b""),
    "reply-metadata": Reply(MAX, b"body", {"a": b"b"}),
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
    "void": Void(),
    "ping": Ping(1),
    "ping-lag": Ping(MAX, 12),
    "pong": Pong(1),
    "pong-lag": Pong(MAX, 12),
    "goaway": GoAway(0, 0),
    "goaway-reason": GoAway(MAX, 30_000, "drained"),
    "fragment-first": Fragment(Request(1, "Echo/say", 5, 0, b"", "k"), Type.REQUEST, 1, b"part", more=True),
    "fragment-next": Fragment(None, Type.REQUEST, 1, b"part", more=True),
    "fragment-last": Fragment(None, Type.REQUEST, 1, b"part", more=False),
    "fragment-reply": Fragment(Reply(2, b"", {"a": "b"}), Type.REPLY, 2, b"part", more=True),
    "fragment-reply-short": Fragment(Reply(2, b""), Type.REPLY, 2, b"part", more=True),
}
ALONE = (Hello, Welcome, Fragment)
TOGETHER: list[Message] = [message for message in MESSAGES.values() if not isinstance(message, ALONE)]
BATCHES: dict[str, list[Message]] = {
    **{name: [message] for name, message in MESSAGES.items()},
    "together": TOGETHER,
    "calls": [MESSAGES["request"], MESSAGES["reply"], MESSAGES["request-full"], MESSAGES["ping"]],
    "in-frames": [Reply(1, b"x" * 70_000), MESSAGES["void"], Request(2, "m", 1, 0, b"y" * 70_000)],
    "none": [],
}


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


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BATCHES)
def test_what_was_encoded_is_decoded(name):
    messages = BATCHES[name]
    frames = wire.encode(messages, seq=2**64 - 1, ack=2**64 - 2, sent_ms=2**32 - 1)
    decoded = wire.decode(frames)
    assert plain(decoded.messages) == plain(messages)
    assert (decoded.seq, decoded.ack, decoded.sent_ms) == (2**64 - 1, 2**64 - 2, 2**32 - 1)
    assert decoded.numbered == sum(type(message) not in UNNUMBERED for message in messages)
    assert decoded.size == sum(map(len, frames))


@pytest.mark.parametrize("name", BATCHES)
def test_frames_may_be_memoryviews(name):
    frames = [memoryview(bytes(frame)) for frame in wire.encode(BATCHES[name])]
    assert plain(wire.decode(frames).messages) == plain(BATCHES[name])


def test_the_corpus_has_every_message_with_and_without_its_optional_fields():
    assert {type(message) for message in MESSAGES.values()} == set(wire._ENCODERS) | {Request, Reply}
    for kind in {type(message) for message in MESSAGES.values()}:
        samples = [message for message in MESSAGES.values() if isinstance(message, kind)]
        for field in dataclasses.fields(kind):
            if field.default is None and field.name != "deadline":
                assert {getattr(message, field.name) is None for message in samples} == {True, False}, field


def test_the_deadline_of_this_side_does_not_travel():
    request = Request(1, "m", 5, 0, b"", deadline=12.5)
    (decoded,) = wire.decode(wire.encode([request])).messages
    assert isinstance(decoded, Request)
    assert decoded.deadline is None


def test_empty_metadata_is_left_out():
    assert wire.encode([Request(1, "m", 5, 0, b"", metadata={})]) == wire.encode([Request(1, "m", 5, 0, b"")])
    assert wire.encode([Reply(1, b"", {})]) == wire.encode([Reply(1, b"")])


def test_a_batch_without_records_is_an_acknowledgement():
    frames = wire.encode([], seq=5, ack=9, sent_ms=3)
    assert frames == [HEAD.pack(1, 0, 0, 3, 5, 9)]
    assert wire.HEAD_SIZE == len(frames[0]) == 24
    assert wire.RECORD_SIZE == RECORD.size == 8


texts = st.text(max_size=20)
naturals = st.integers(0, MAX)
bodies = st.binary(max_size=200)
metadata = st.none() | st.dictionaries(texts, texts | st.binary(max_size=20), min_size=1, max_size=3)
keys = st.none() | texts | st.binary(max_size=20) | st.integers(-(2**63), 2**64 - 1)
details = st.none() | texts | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.booleans() | bodies
requests = st.builds(
    Request,
    st.integers(1, MAX),
    texts,
    st.none() | naturals,
    naturals,
    bodies,
    keys,
    metadata,
    naturals,
    texts,
)
errors = st.builds(
    Error,
    naturals,
    st.sampled_from(Code),
    st.sampled_from([Outcome.REJECTED, Outcome.UNKNOWN, Outcome.EXECUTED]),
    texts,
    st.dictionaries(texts, details, max_size=3),
    texts,
    st.none() | naturals,
)
any_message = (
    requests
    | st.builds(Reply, naturals, bodies, metadata)
    | errors
    | st.builds(Cancel, naturals, st.sampled_from(CancelReason))
    | st.builds(Credit, naturals, naturals)
    | st.builds(GoAway, naturals, naturals, texts)
    | st.builds(Ping, naturals, naturals)
    | st.builds(Reset, st.sampled_from(ResetCode), texts)
)


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(any_message, max_size=12))
def test_whatever_is_encoded_is_decoded(messages):
    assert plain(wire.decode(wire.encode(messages)).messages) == plain(messages)


# --- the writer -------------------------------------------------------------------------------------------------------


def test_put_takes_so_many_records_and_no_more():
    writer = wire.BatchWriter()
    header = msgpack.packb([12, 0])
    assert [writer.put(header, b"") for _ in range(129)] == [8 + len(header)] * 128 + [0]
    assert len(wire.decode(writer.finish(1, 1, 0)).messages) == 128


def test_put_fills_frame_0_to_its_last_byte():
    writer = wire.BatchWriter()
    header = wire.reply_header(Reply(1, b""))
    room = limits.MAX_FRAME_0 - wire.HEAD_SIZE - 4 * (wire.RECORD_SIZE + len(header))
    for _ in range(3):
        assert writer.put(header, b"x" * limits.INLINE_BODY)
    rest = room - 3 * limits.INLINE_BODY
    before = writer.length
    assert writer.put(header, b"x" * (rest + 1)) == 0
    assert (writer.length, writer.records) == (before, 3)
    assert writer.put(header, b"x" * rest)
    (frame,) = writer.finish(1, 1, 0)
    assert len(frame) == writer.length == limits.MAX_FRAME_0
    assert len(wire.decode([frame]).messages) == 4


@pytest.mark.parametrize(("size", "frames"), [(limits.INLINE_BODY, 1), (limits.INLINE_BODY + 1, 2)])
def test_a_body_over_the_inline_bound_is_a_frame_of_its_own_and_is_not_copied(size, frames):
    body = b"z" * size
    made = wire.encode([Reply(1, body), Void()])
    assert len(made) == frames
    if frames == 2:
        assert made[1] is body
    reply, void = wire.decode(made).messages
    assert isinstance(reply, Reply)
    assert (reply.body, void) == (body, Void())


def test_which_records_go_on():
    assert wire.fragment_flags(MESSAGES["fragment-next"]) == 2
    assert wire.fragment_flags(MESSAGES["fragment-last"]) == 0
    assert wire.fragment_flags(Void()) == 0


@pytest.mark.parametrize(
    "message",
    [
        Request(0, "m", None, 0, b"", key=2**64),
        Request(0, "m", None, 0, b"", metadata={"a": object()}),  # type: ignore[dict-item]
        Request(0, "\ud800", None, 0, b""),
        Error(1, Code.INTERNAL, Outcome.EXECUTED, "", {"a": -(2**63) - 1}),
        Request(0, "m" * (limits.MAX_HEADER - 30), None, 0, b""),
        Error(1, Code.INTERNAL, Outcome.EXECUTED, "x" * limits.MAX_HEADER),
    ],
    ids=["key", "metadata", "text", "details", "long", "long-text"],
)
def test_a_header_that_cannot_leave_is_found_before(message):
    with pytest.raises(ValueError, match="key, metadata or details"):
        wire.check_header(message)


def test_the_longest_header_that_is_permitted_fits_whatever_its_id():
    method = "m" * (limits.MAX_HEADER - 32 - 8)
    wire.check_header(Request(0, method, None, 0, b""))
    request = Request(MAX, method, MAX, 0, b"")
    assert len(wire.request_header(request)) <= limits.MAX_HEADER
    assert plain(wire.decode(wire.encode([request])).messages) == plain([request])
    wire.check_header(Error(1, Code.INTERNAL, Outcome.EXECUTED, "text", {"a": 1}))


# --- cut, flipped and random ------------------------------------------------------------------------------------------

SMALL = [name for name in BATCHES if name not in ("in-frames", "together")]


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_that_is_cut_off_anywhere_is_none(name):
    frame, *rest = (bytes(frame) for frame in wire.encode(BATCHES[name]))
    for size in range(len(frame)):
        assert not survive([frame[:size], *rest])


@pytest.mark.parametrize("name", BATCHES)
def test_bytes_too_many_are_no_batch(name):
    frame, *rest = (bytes(frame) for frame in wire.encode(BATCHES[name]))
    assert not survive([frame + b"\x00", *rest])
    assert not survive([frame, *rest, b""])


@pytest.mark.parametrize("name", SMALL)
def test_any_bit_that_is_flipped_ends_nothing(name):
    (frame,) = (bytes(frame) for frame in wire.encode(BATCHES[name]))
    for position in range(len(frame)):
        for bit in range(8):
            flipped = bytearray(frame)
            flipped[position] ^= 1 << bit
            survive([bytes(flipped)])


def test_bytes_that_are_swapped_for_others_end_nothing():
    source = random.Random(3)
    corpus = [bytes(wire.encode(BATCHES[name])[0]) for name in BATCHES]
    for _ in range(4000):
        frame = bytearray(source.choice(corpus))
        for _ in range(source.randint(1, 4)):
            frame[source.randrange(len(frame))] = source.choice((0, 1, 0x7F, 0x80, 0xC0, 0xC1, 0xD9, 0xDD, 0xFF))
        survive([bytes(frame)])


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.binary(max_size=100), max_size=4))
def test_random_frames_end_nothing(frames):
    survive(frames)


@settings(deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=100), st.integers(0, 3), st.booleans())
def test_random_records_end_nothing(rest, count, own_frame):
    survive([batch(rest, count=count), *([b"body"] if own_frame else [])])


@settings(deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=60), bodies, st.integers(0, 3))
def test_random_headers_end_nothing(header, body, flags):
    if flags & 1:
        survive([batch(record(header, b"", flags)), body])
    else:
        survive([batch(record(header, body, flags))])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | texts | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            texts | st.sampled_from(["key", "metadata", "parent", "codec", "details", "session", "token", "received"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from([*Type, 0, 6, 7, 16, 64, 2**40]),
    st.integers(-1, 3) | st.sampled_from([MAX, MAX + 1]),
    st.lists(values | naturals | texts | st.just(TOKEN), max_size=12),
    values | st.binary(max_size=20),
    st.integers(0, 3),
)
def test_headers_of_well_made_msgpack_end_nothing(kind, ident, fields, body, flags):
    header = msgpack.packb([int(kind), ident, *fields])
    raw = body if isinstance(body, bytes) else msgpack.packb(body)
    if flags & 1:
        survive([batch(record(header, b"", flags)), raw])
    else:
        survive([batch(record(header, raw, flags))])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.sampled_from([m for m in MESSAGES.values() if not isinstance(m, Fragment)]), st.data())
def test_valid_headers_with_one_field_exchanged_end_nothing(message, data):
    header, body = wire.header_and_body(message)
    fields = msgpack.unpackb(header)
    position = data.draw(st.integers(0, len(fields) - 1))
    fields[position] = data.draw(values)
    if data.draw(st.booleans()):
        fields.append(data.draw(values))
    survive([batch(record(msgpack.packb(fields), bytes(body), data.draw(st.sampled_from([0, 2]))))])


# --- hostile msgpack --------------------------------------------------------------------------------------------------

HOSTILE = {
    "empty": b"",
    "never-used": b"\xc1",
    "nested-arrays": b"\x91" * 10_000 + b"\xc0",
    "nested-maps": b"\x81\xa1a" * 5_000 + b"\xc0",
    "nested-in-a-field": b"\x93\x08\x01\x81\xa1x" + b"\x91" * 10_000 + b"\xc0",
    "ext-empty": b"\x93\x08\x01\x81\xa1x\xc7\x00\x05",
    "ext-fixed": b"\x93\x08\x01\x81\xa1x\xd4\x05\x00",
    "ext-large": b"\x93\x08\x01\x81\xa1x\xc9\xff\xff\xff\xff\x05",
    "timestamp-32": b"\x93\x08\x01\x81\xa1x\xd6\xff\x00\x00\x00\x00",
    "timestamp-64": b"\x93\x08\x01\x81\xa1x\xd7\xff" + b"\x00" * 8,
    "timestamp-96": b"\x93\x08\x01\x81\xa1x\xc7\x0c\xff" + b"\x00" * 12,
    "timestamp-empty": b"\x93\x08\x01\x81\xa1x\xc7\x00\xff",
    "timestamp-as-id": b"\x92\x08\xd6\xff\x00\x00\x00\x01",
    "array-32": b"\xdd\xff\xff\xff\xff\x08\x01",
    "array-16": b"\xdc\xff\xff\x08\x01",
    "map-32": b"\xdf\xff\xff\xff\xff",
    "text-32": b"\x92\x08\xdb\xff\xff\xff\xff",
    "bytes-32": b"\x92\x08\xc6\xff\xff\xff\xff",
    "array-in-array": b"\x93\x08\x01\xdd\x7f\xff\xff\xff",
    "utf-8": b"\x95\x05\x01\xa2\xff\xfe\x01\x00",
    "utf-8-surrogate": b"\x95\x05\x01\xa3\xed\xa0\x80\x01\x00",
    "utf-8-cut-off": b"\x95\x05\x01\xa1\xc3\x01\x00",
    "key-of-a-map": b"\x93\x08\x01\x81\x01\x01",
    "key-is-a-list": b"\x93\x08\x01\x81\x90\x01",
    "trailing": b"\x92\x08\x01\xc0",
    "two": b"\x92\x08\x01\x92\x08\x01",
    "no-array": b"\x08",
    "map": b"\x82\x08\x01\x01\x01",
    "type-alone": b"\x91\x08",
    "type-text": b"\x92\xa1\x08\x01",
    "type-true": b"\x92\xc3\x01",
    "type-float": msgpack.packb([8.0, 1]),
    "type-float-of-a-request": msgpack.packb([5.0, 1, "m", None, 0]),
    "type-negative": msgpack.packb([-1, 1]),
    "type-of-streams": msgpack.packb([6, 1]),
    "type-unknown": msgpack.packb([63, 0]),
    "id-true": msgpack.packb([8, True]),
    "id-float": msgpack.packb([8, 1.0]),
    "id-negative": msgpack.packb([8, -1]),
    "id-over": msgpack.packb([8, 2**63]),
    "id-list": msgpack.packb([8, [1]]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(name):
    with pytest.raises(ProtocolError):
        single(HOSTILE[name])


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - {"map", "empty", "no-array", "trailing"}))
def test_hostile_bodies_of_the_handshake_are_refused(name):
    hello = wire.header_and_body(MESSAGES["hello"])[0]
    for header in (hello, wire.header_and_body(MESSAGES["offer"])[0]):
        with pytest.raises(ProtocolError):
            single(header, HOSTILE[name])


def test_of_a_key_that_comes_twice_the_last_one_counts():
    message = single(b"\x96\x05\x01\xa1m\xc0\x00\x82\xa3key\x01\xa3key\x02")
    assert isinstance(message, Request)
    assert message.key == 2


def test_a_message_of_an_error_shows_no_more_than_a_little_of_a_hostile_field():
    with pytest.raises(ProtocolError) as caught:
        single([10, 1, ["x" * 10_000]])
    assert len(str(caught.value)) < 200


WRONG_FIELDS: dict[str, tuple[list[object], bytes]] = {
    "request-id-0": ([5, 0, "m", None, 0], b""),
    "request-short": ([5, 1, "m", None], b""),
    "request-method": ([5, 1, b"m", None, 0], b""),
    "request-timeout-negative": ([5, 1, "m", -1, 0], b""),
    "request-timeout-over": ([5, 1, "m", 2**63, 0], b""),
    "request-timeout-text": ([5, 1, "m", "1", 0], b""),
    "request-flags-negative": ([5, 1, "m", None, -1], b""),
    "request-flags-true": ([5, 1, "m", None, True], b""),
    "request-flags-none": ([5, 1, "m", None, None], b""),
    "request-options": ([5, 1, "m", None, 0, []], b""),
    "request-long": ([5, 1, "m", None, 0, {}, 1], b""),
    "request-key": ([5, 1, "m", None, 0, {"key": 1.5}], b""),
    "request-key-true": ([5, 1, "m", None, 0, {"key": True}], b""),
    "request-metadata": ([5, 1, "m", None, 0, {"metadata": []}], b""),
    "request-metadata-value": ([5, 1, "m", None, 0, {"metadata": {"a": 1}}], b""),
    "request-metadata-key": ([5, 1, "m", None, 0, {"metadata": {b"a": "1"}}], b""),
    "request-parent": ([5, 1, "m", None, 0, {"parent": -1}], b""),
    "request-codec": ([5, 1, "m", None, 0, {"codec": 1}], b""),
    "reply-options": ([8, 1, 5], b""),
    "reply-metadata": ([8, 1, {"metadata": 1}], b""),
    "error-code": ([9, 1, 2, 3, ""], b""),
    "error-code-float": ([9, 1, 13.0, 3, ""], b""),
    "error-outcome": ([9, 1, 13, 4, ""], b""),
    "error-not-sent": ([9, 1, 13, 0, ""], b""),
    "error-text": ([9, 1, 13, 3, None], b""),
    "error-short": ([9, 1, 13, 3], b""),
    "error-details": ([9, 1, 13, 3, "", {"details": []}], b""),
    "error-details-nested": ([9, 1, 13, 3, "", {"details": {"a": []}}], b""),
    "error-id": ([9, 1, 13, 3, "", {"error_id": 1}], b""),
    "error-retry": ([9, 1, 13, 3, "", {"retry_after": -1}], b""),
    "error-body": ([9, 1, 13, 3, ""], b"x"),
    "cancel-reason": ([10, 1, "why"], b""),
    "cancel-body": ([10, 1, "deadline"], b"x"),
    "credit-of-a-stream": ([11, 1, 1, 1], b""),
    "credit-negative": ([11, 0, -1, 1], b""),
    "credit-body": ([11, 0, 1, 1], b"x"),
    "void-body": ([12, 0], b"x"),
    "void-long": ([12, 0, 1], b""),
    "ping": ([13, 0, None, 0], b""),
    "ping-body": ([13, 0, 1, 0], b"x"),
    "pong": ([14, 0, 1, -1], b""),
    "pong-body": ([14, 0, 1, 0], b"x"),
    "goaway": ([15, 0, 1, 1, 1], b""),
    "goaway-body": ([15, 0, 1, 1, ""], b"x"),
    "reset": ([4, 0, "what", ""], b""),
    "reset-body": ([4, 0, "slow", ""], b"x"),
    "offer-without-body": ([3, 0], b""),
    "offer-map": ([3, 0], msgpack.packb({})),
    "offer-two-fields": ([3, 0], msgpack.packb([["S", "f"]])),
    "offer-no-list": ([3, 0], msgpack.packb(["abc"])),
    "offer-name": ([3, 0], msgpack.packb([[1, "f", []]])),
    "offer-codecs": ([3, 0], msgpack.packb([["S", "f", "c"]])),
    "offer-codec": ([3, 0], msgpack.packb([["S", "f", [1]]])),
    "hello-versions": ([1, 0, 1, 1, 1, [], [], 1, 1, 1], b""),
    "hello-no-version": ([1, 0, [], 1, 1, [], [], 1, 1, 1], b""),
    "hello-version": ([1, 0, ["1"], 1, 1, [], [], 1, 1, 1], b""),
    "hello-attempt": ([1, 0, [1], -1, 1, [], [], 1, 1, 1], b""),
    "hello-codecs": ([1, 0, [1], 1, 1, {}, [], 1, 1, 1], b""),
    "hello-info": ([1, 0, [1], 1, 1, [], [], 1, 1, 1], msgpack.packb([])),
    "hello-token-short": ([1, 0, [1], 1, 1, [], [], 1, 1, 1, {"session": 1, "token": b"x" * 15}], b""),
    "hello-token-long": ([1, 0, [1], 1, 1, [], [], 1, 1, 1, {"session": 1, "token": b"x" * 17}], b""),
    "hello-token-text": ([1, 0, [1], 1, 1, [], [], 1, 1, 1, {"session": 1, "token": "x" * 16}], b""),
    "hello-no-token": ([1, 0, [1], 1, 1, [], [], 1, 1, 1, {"session": 1}], b""),
    "hello-no-session": ([1, 0, [1], 1, 1, [], [], 1, 1, 1, {"token": TOKEN}], b""),
    "hello-received": ([1, 0, [1], 1, 1, [], [], 1, 1, 1, {"session": 1, "token": TOKEN, "received": -1}], b""),
    "welcome-resumed": ([2, 0, 1, 1, TOKEN, 0, 1, 1, 1, 1, 1, 1], b"\x90"),
    "welcome-token": ([2, 0, 1, 1, "", True, 1, 1, 1, 1, 1, 1], b"\x90"),
    "welcome-short": ([2, 0, 1, 1, TOKEN, True, 1, 1, 1, 1, 1], b"\x90"),
    "welcome-services": ([2, 0, 1, 1, TOKEN, True, 1, 1, 1, 1, 1, 1], b""),
}


@pytest.mark.parametrize("name", WRONG_FIELDS)
def test_wrong_fields_are_refused(name):
    header, body = WRONG_FIELDS[name]
    with pytest.raises(ProtocolError):
        single(header, body)


def test_an_error_in_fields_names_the_message():
    with pytest.raises(ProtocolError, match="a CANCEL has wrong fields"):
        single([10, 1, "why"])


@pytest.mark.parametrize(
    "header",
    [
        [5, 1, "m", None, 0, {"new": [1, {"x": 2}]}],
        [8, 1, {"new": 1}],
        [9, 1, 13, 3, "", {"new": 1}],
        [10, 1, "deadline", {"new": 1}],
        [11, 0, 1, 1, {}],
        [12, 0, {"new": 1}],
        [13, 0, 1, 0, {"new": 1}],
        [14, 0, 1, 0, {"new": 1}],
        [15, 0, 1, 1, "", {"new": 1}],
        [4, 0, "slow", "", {"new": 1}],
        [1, 0, [1], 1, 1, [], [], 1, 1, 1, {"new": 1}],
    ],
)
def test_unknown_optional_fields_are_ignored(header):
    assert plain(single(header)) == plain(single(header[:-1]))


@pytest.mark.parametrize("kind", [64, 65, 2**40])
@pytest.mark.parametrize("fields", [[0], [1, "anything", {"x": 1}]])
def test_what_is_new_is_skipped(kind, fields):
    decoded = wire.decode([batch(record(msgpack.packb([kind, *fields]), b"body"), record(msgpack.packb([12, 0])))])
    assert decoded.messages == [Extension(kind), Void()]
    assert decoded.numbered == 2


# --- lengths and counts -----------------------------------------------------------------------------------------------

REPLY = msgpack.packb([8, 1])


@pytest.mark.parametrize("length", [0, 2, 4, 2**16, 2**31, 2**32 - 1])
def test_a_record_that_lies_about_its_length_is_refused(length):
    assert not survive([batch(record(REPLY, length=length))])


@pytest.mark.parametrize("cut", [0, 1, 2, 4, 5, 2**15, 2**16 - 1])
def test_a_record_that_lies_about_its_header_is_refused(cut):
    assert not survive([batch(record(REPLY, b"\xc1", cut=cut))])


@pytest.mark.parametrize("count", [0, 1, 3, 128, 129, 2**16 - 1])
def test_a_wrong_count_is_refused(count):
    with pytest.raises(ProtocolError):
        wire.decode([batch(record(REPLY), record(REPLY), count=count)])


def test_a_header_of_a_record_that_is_cut_off():
    with pytest.raises(ProtocolError, match="cut off"):
        wire.decode([batch(record(REPLY), b"\x00" * 7, count=2)])


@pytest.mark.parametrize("flags", [4, 8, 16, 32, 64, 128, 255])
def test_unknown_record_flags_are_refused(flags):
    with pytest.raises(ProtocolError, match="not valid"):
        wire.decode([batch(record(REPLY, b"", flags))])


def test_the_reserved_byte_is_zero():
    with pytest.raises(ProtocolError, match="not valid"):
        wire.decode([batch(RECORD.pack(len(REPLY), len(REPLY), 0, 1) + REPLY)])


@pytest.mark.parametrize(("version", "flags"), [(0, 0), (2, 0), (255, 0), (1, 1), (1, 128)])
def test_another_version_and_flags_of_a_batch_are_refused(version, flags):
    with pytest.raises(ProtocolError, match="version"):
        wire.decode([HEAD.pack(version, flags, 0, 0, 1, 1)])


def test_no_frames_are_no_batch():
    with pytest.raises(ProtocolError, match="frame 0"):
        wire.decode([])


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_frame_0_has_its_bound():
    small = limits.MAX_FRAME_0 - wire.HEAD_SIZE - wire.RECORD_SIZE - len(REPLY)
    assert survive([batch(record(REPLY, b"x" * small))])
    with pytest.raises(ProtocolError, match="frame 0 has 262145 bytes"):
        wire.decode([batch(record(REPLY, b"x" * (small + 1)))])


def test_a_batch_has_so_many_records_and_no_more():
    assert survive([batch(*[record(REPLY)] * 128)])
    with pytest.raises(ProtocolError, match="129 records"):
        wire.decode([batch(*[record(REPLY)] * 129)])


def test_a_batch_has_so_many_frames_and_no_more():
    records = [record(REPLY, b"", 1)] * 128
    assert survive([batch(*records), *[b"x"] * 128])
    for extra in (129, 130):
        with pytest.raises(ProtocolError):
            wire.decode([batch(*records), *[b"x"] * extra])


def test_a_header_has_its_bound():
    method = "m" * (limits.MAX_HEADER - 8)
    header = msgpack.packb([5, 1, method, None, 0])
    assert len(header) == limits.MAX_HEADER
    assert survive([batch(record(header))])
    with pytest.raises(ProtocolError, match="not valid"):
        wire.decode([batch(record(msgpack.packb([5, 1, method + "m", None, 0])))])


@pytest.mark.parametrize("flags", [1, 3])
def test_a_body_has_its_bound(flags):
    assert survive([batch(record(REPLY, b"", flags)), b"x" * limits.FRAGMENT])
    with pytest.raises(ProtocolError, match="not in fragments"):
        wire.decode([batch(record(REPLY, b"", flags)), b"x" * (limits.FRAGMENT + 1)])


@pytest.mark.parametrize("name", ["hello", "offer"])
def test_a_body_of_the_handshake_has_its_bound(name):
    header = wire.header_and_body(MESSAGES[name])[0]
    empty = msgpack.packb({"x": b""} if name == "hello" else [["S", "", [""]]])
    room = limits.MAX_HANDSHAKE_BODY - len(empty) - 4  # the longer length
    for spare, fits in ((0, True), (5, False)):
        filled = b"x" * (room + spare)
        body = msgpack.packb({"x": filled} if name == "hello" else [["S", "", [filled.decode()]]])
        assert (len(body) <= limits.MAX_HANDSHAKE_BODY) is fits
        assert survive([batch(record(header, b"", 1)), body]) is fits


@pytest.mark.parametrize(("count", "fits"), [(4096, True), (4097, False)])
def test_lists_and_maps_of_the_handshake_have_their_bounds(count, fits):
    hello, offer = (wire.header_and_body(MESSAGES[name])[0] for name in ("hello", "offer"))
    assert survive([batch(record(hello, msgpack.packb({"x": [0] * count})))]) is fits
    assert survive([batch(record(hello, msgpack.packb({str(i): 0 for i in range(count)})))]) is fits
    assert survive([batch(record(offer, msgpack.packb([["", "", []]] * count)))]) is fits


# --- fragments --------------------------------------------------------------------------------------------------------


def test_a_fragment_is_alone_in_its_batch():
    part = record(msgpack.packb([5, 1]), b"part", 2)
    assert survive([batch(part)])
    for others in ([part, part], [part, record(REPLY)], [record(REPLY), part]):
        with pytest.raises(ProtocolError, match="alone"):
            wire.decode([batch(*others)])


@pytest.mark.parametrize("name", ["hello", "welcome"])
def test_the_handshake_is_alone_in_its_batch(name):
    header, body = wire.header_and_body(MESSAGES[name])
    with pytest.raises(ProtocolError, match="alone"):
        wire.decode([batch(record(header, bytes(body)), record(REPLY))])


@pytest.mark.parametrize("header", [[5, 1], [5, 1, "m", None, 0], [8, 1], [8, 1, {}]])
@pytest.mark.parametrize("flags", [2, 3])
def test_a_fragment_has_something_of_the_body(header, flags):
    raw = msgpack.packb(header)
    with pytest.raises(ProtocolError, match="empty"):
        wire.decode([batch(record(raw, b"", flags)), *([b""] if flags & 1 else [])])


def test_the_last_fragment_has_something_of_the_body_too():
    with pytest.raises(ProtocolError, match="empty"):
        single([5, 1])


@pytest.mark.parametrize("kind", [*sorted(set(Type) - {Type.REQUEST, Type.REPLY})])
def test_only_calls_are_in_fragments(kind):
    with pytest.raises(ProtocolError, match="cannot be in fragments"):
        single([int(kind), 0], b"x", 2)


def test_a_first_fragment_with_wrong_fields_is_refused():
    with pytest.raises(ProtocolError, match="a REQUEST has wrong fields"):
        single([5, 1, 7, None, 0], b"x", 2)


def test_a_first_fragment_carries_its_message_without_a_body():
    fragment = single([5, 3, "m", 9, 0, {"key": "k"}], b"part", 2)
    assert isinstance(fragment, Fragment)
    assert plain(fragment.message) == plain(Request(3, "m", 9, 0, b"", "k"))
    assert (fragment.type, fragment.id, bytes(fragment.body), fragment.more) == (5, 3, b"part", True)


# --- frames of bodies -------------------------------------------------------------------------------------------------


def test_bodies_in_frames_are_taken_in_their_order_and_not_copied():
    frames = [batch(record(REPLY, b"", 1), record(REPLY, b"inline"), record(REPLY, b"", 1)), b"first", b"second"]
    one, two, three = wire.decode(frames).messages
    assert isinstance(one, Reply)
    assert isinstance(two, Reply)
    assert isinstance(three, Reply)
    assert (two.body, three.body) == (b"inline", b"second")
    assert one.body is frames[1]


def test_a_body_is_in_a_frame_that_is_there():
    with pytest.raises(ProtocolError, match="not there"):
        wire.decode([batch(record(REPLY, b"", 1))])


def test_a_body_is_not_in_two_places():
    with pytest.raises(ProtocolError, match="not there"):
        wire.decode([batch(record(REPLY, b"x", 1)), b"y"])


def test_a_frame_that_belongs_to_no_record_is_refused():
    with pytest.raises(ProtocolError, match="1 frames belong to no record"):
        wire.decode([batch(record(REPLY)), b"y"])


def test_bytes_that_belong_to_no_record_are_refused():
    with pytest.raises(ProtocolError, match="1 bytes"):
        wire.decode([batch(record(REPLY)) + b"\x00"])
