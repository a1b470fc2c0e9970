"""Batches to frames and back; and whatever bytes come in, nothing but ProtocolError or what these bytes say."""

from __future__ import annotations

import dataclasses
import random
import struct

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.errors import Code, Outcome, ProtocolError
from callosum.protocol import headers, limits, wire
from callosum.protocol.messages import (
    ONEWAY,
    STREAMS,
    UNNUMBERED,
    Cancel,
    CancelReason,
    Credit,
    End,
    Error,
    Fragment,
    GoAway,
    Item,
    Message,
    Ping,
    Reply,
    Request,
    Reset,
    ResetCode,
    StreamCredit,
    Type,
    Void,
)
from tests.protocol.records import (
    HEAD,
    MAX,
    MESSAGES,
    RECORD,
    TOGETHER,
    TOKEN,
    batch,
    plain,
    record,
    single,
    survive,
)

BATCHES: dict[str, list[Message]] = {
    **{name: [message] for name, message in MESSAGES.items()},
    "together": TOGETHER,
    "calls": [MESSAGES["request"], MESSAGES["reply"], MESSAGES["request-full"], MESSAGES["ping"]],
    "in-frames": [Reply(1, b"x" * 70_000), MESSAGES["void"], Request(2, "m", 1, 0, b"y" * 70_000)],
    "none": [],
}


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
    assert {type(message) for message in MESSAGES.values()} == set(headers._ENCODERS) | {Request, Item, Reply}
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
    naturals.filter(lambda flags: not (flags & ONEWAY and flags & STREAMS)),
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
    | st.builds(StreamCredit, st.integers(1, MAX), naturals, naturals)
    | st.builds(Item, naturals, bodies)
    | st.builds(End, naturals)
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
    header = headers.reply_header(Reply(1, b""))
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


# --- plain records ----------------------------------------------------------------------------------------------------

IDS = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, MAX]
MARKED = {1: ">BB", 2: ">BH", 4: ">BI", 8: ">BQ"}


def number(value: int, width: int) -> bytes:
    """A number of msgpack's with so many bytes, also where fewer would do; 0 stands for the number alone."""
    if not width:
        return bytes([value])
    return struct.pack(MARKED[width], {1: 0xCC, 2: 0xCD, 4: 0xCE, 8: 0xCF}[width], value)


@st.composite
def plain_headers(draw):
    """Headers of a REPLY, or of a REQUEST without options: well made or nearly so."""
    width = draw(st.sampled_from([0, 1, 2, 4, 8]))
    highest = 2 ** (8 * width) - 1 if width else 127
    ident = draw(st.sampled_from([one for one in IDS if one <= highest]))
    head, rest = draw(
        st.sampled_from([(b"\x92\x08", b""), (b"\x95\x05", b"\xa1m\xc0\x00"), (b"\x95\x05", b"\xa1m\x05\x01")])
    )
    header = head + number(ident, width) + rest
    match draw(st.integers(0, 3)):
        case 0:
            return header[: draw(st.integers(3, len(header)))]
        case 1:
            return header + draw(st.binary(min_size=1, max_size=4))
    return header


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(plain_headers(), st.binary(max_size=12), st.sampled_from([0, 0, 0, 2]))
def test_what_is_recognised_by_its_bytes_is_what_the_long_way_makes_of_it(header, body, flags):
    try:
        expected = plain(headers.decode_message(header, body, flags))
    except ProtocolError:
        expected = None
    others = [record(msgpack.packb([12, 0]))] if flags == 0 else []
    for among in ([], [], others):  # the second time its method is remembered
        try:
            message = wire.decode([batch(record(header, body, flags), *among)]).messages[0]
        except ProtocolError:
            assert expected is None
        else:
            assert plain(message) == expected


def test_what_is_remembered_is_bounded():
    for number in range(3 * wire._REMEMBERED):
        single([5, 300, f"m{number}", None, 0])
        assert len(wire._known) <= wire._REMEMBERED
    before = dict(wire._known)
    single([5, 300, "m" * wire._REMEMBERED_SIZE, None, 0])
    single([5, 300, "with a timeout", 7, 0])
    single([5, 300, "with options", None, 0, {"key": 1}])
    assert wire._known == before


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
    header, body = headers.header_and_body(message)
    fields = msgpack.unpackb(header)
    position = data.draw(st.integers(0, len(fields) - 1))
    fields[position] = data.draw(values)
    if data.draw(st.booleans()):
        fields.append(data.draw(values))
    survive([batch(record(msgpack.packb(fields), bytes(body), data.draw(st.sampled_from([0, 2]))))])


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


@pytest.mark.parametrize("flags", [32, 64, 128, 255])
def test_unknown_record_flags_are_refused(flags):
    with pytest.raises(ProtocolError, match="not valid"):
        wire.decode([batch(record(REPLY, b"", flags))])


@pytest.mark.parametrize("flags", [12, 16, 20, 24, 28])
def test_unknown_compressions_are_refused(flags):
    with pytest.raises(ProtocolError, match="unknown compression"):
        wire.decode([batch(record(REPLY, b"", flags))])


@pytest.mark.parametrize("ident", [1, 300, 70_000])
def test_what_is_compressed_is_not_taken_for_what_is_plain(ident):
    """The short ways ask for a record without flags, whatever the batch; the second time its method is remembered."""
    sent: list[Reply | Request | Item] = [
        Reply(ident, b"body", compression=1),
        Item(ident, b"body", compression=1),
        Request(ident, "m", None, 0, b"body", compression=2),
    ]
    plain_ones: list[Reply | Request | Item] = [
        Reply(ident, b"body"),
        Item(ident, b"body"),
        Request(ident, "m", None, 0, b"body"),
    ]
    for _ in range(2):
        for message, same in zip(sent, plain_ones, strict=True):
            for batched, numbers in (([message], [message.compression]), ([same, message], [0, message.compression])):
                found = wire.decode(wire.encode(batched)).messages
                assert [one.compression for one in found] == numbers  # type: ignore[union-attr]
                assert plain(found) == plain(batched)


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
    header = headers.header_and_body(MESSAGES[name])[0]
    empty = msgpack.packb({"x": b""} if name == "hello" else [["S", "", [""]]])
    room = limits.MAX_HANDSHAKE_BODY - len(empty) - 4  # the longer length
    for spare, fits in ((0, True), (5, False)):
        filled = b"x" * (room + spare)
        body = msgpack.packb({"x": filled} if name == "hello" else [["S", "", [filled.decode()]]])
        assert (len(body) <= limits.MAX_HANDSHAKE_BODY) is fits
        assert survive([batch(record(header, b"", 1)), body]) is fits


@pytest.mark.parametrize(("count", "fits"), [(4096, True), (4097, False)])
def test_lists_and_maps_of_the_handshake_have_their_bounds(count, fits):
    hello, offer = (headers.header_and_body(MESSAGES[name])[0] for name in ("hello", "offer"))
    assert survive([batch(record(hello, msgpack.packb({"x": [2**32] * count})))]) is fits
    assert survive([batch(record(hello, msgpack.packb({f"{i:08}": 0 for i in range(count)})))]) is fits
    assert survive([batch(record(offer, msgpack.packb([["service", "fingerprint", []]] * count)))]) is fits


# --- fragments --------------------------------------------------------------------------------------------------------


def test_a_fragment_is_alone_in_its_batch():
    part = record(msgpack.packb([5, 1]), b"part", 2)
    assert survive([batch(part)])
    for others in ([part, part], [part, record(REPLY)], [record(REPLY), part]):
        with pytest.raises(ProtocolError, match="alone"):
            wire.decode([batch(*others)])


@pytest.mark.parametrize("name", ["hello", "welcome"])
def test_the_handshake_is_alone_in_its_batch(name):
    header, body = headers.header_and_body(MESSAGES[name])
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


@pytest.mark.parametrize("kind", [*sorted(set(Type) - {Type.REQUEST, Type.ITEM, Type.REPLY})])
def test_only_calls_and_items_are_in_fragments(kind):
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
