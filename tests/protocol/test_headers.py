"""Messages to headers and bodies, and back; whatever comes in, nothing but ProtocolError or what it says."""

from __future__ import annotations

import msgpack
import pytest

from callosum.errors import Code, Outcome, ProtocolError
from callosum.protocol import headers, limits, wire
from callosum.protocol.messages import (
    Error,
    Extension,
    Request,
    Void,
)
from tests.protocol.records import MAX, MESSAGES, TOKEN, batch, plain, record, single


def test_which_records_go_on():
    assert headers.record_flags(MESSAGES["fragment-next"]) == 2
    assert headers.record_flags(MESSAGES["fragment-last"]) == 0
    assert headers.record_flags(Void()) == 0


def test_what_the_flags_of_a_record_say_of_compression():
    assert headers.record_flags(MESSAGES["request-compressed"]) == 4
    assert headers.record_flags(MESSAGES["reply-compressed"]) == 8
    assert headers.record_flags(MESSAGES["item-compressed"]) == 4
    assert headers.record_flags(MESSAGES["fragment-compressed"]) == 8 + 2
    assert headers.record_flags(MESSAGES["fragment-item-compressed"]) == 8 + 2
    assert headers.record_flags(MESSAGES["reply"]) == 0


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
        headers.check_header(message)


def test_the_longest_header_that_is_permitted_fits_whatever_its_id():
    method = "m" * (limits.MAX_HEADER - 32 - 8)
    headers.check_header(Request(0, method, None, 0, b""))
    request = Request(MAX, method, MAX, 0, b"")
    assert len(headers.request_header(request)) <= limits.MAX_HEADER
    assert plain(wire.decode(wire.encode([request])).messages) == plain([request])
    headers.check_header(Error(1, Code.INTERNAL, Outcome.EXECUTED, "text", {"a": 1}))


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
    hello = headers.header_and_body(MESSAGES["hello"])[0]
    for header in (hello, headers.header_and_body(MESSAGES["offer"])[0]):
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
    "credit-of-a-stream-negative": ([11, 1, 1, -1], b""),
    "credit-of-a-stream-body": ([11, 1, 1, 1], b"x"),
    "item-long": ([6, 1, 1], b""),
    "end-long": ([7, 1, 1], b""),
    "end-body": ([7, 1], b"x"),
    "request-oneway-that-streams": ([5, 1, "m", None, 5], b""),
    "request-oneway-that-wants-items": ([5, 1, "m", None, 9], b""),
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


@pytest.mark.parametrize("depth", [10, 900, 1000, 1020])
@pytest.mark.parametrize("one", [b"\x91", b"\x81\xa0"], ids=["lists", "maps"])
def test_what_nests_where_a_number_is_expected_is_refused(depth, one):
    """A message that spelled it out would be too deep for Python, and that is no ProtocolError."""
    text = b"\xda\x2f\xff" + b"x" * 0x2FFF  # so that there may be as many values
    header = b"\x94\x0d\x00\x92" + one * depth + b"\xc0" + text + b"\x00"
    with pytest.raises(ProtocolError, match="list is not a natural number"):
        headers.decode_message(header, b"", 0)
