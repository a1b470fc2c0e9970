"""What waits, in which order it leaves, and what holds it back."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.errors import Code, Outcome
from callosum.protocol import wire
from callosum.protocol.calls import OutgoingCall, OutgoingState
from callosum.protocol.departure import Departure
from callosum.protocol.limits import MAX_FRAME_0, MAX_RECORDS, Limits
from callosum.protocol.messages import (
    ONEWAY,
    UNNUMBERED,
    Body,
    Cancel,
    Credit,
    Error,
    Fragment,
    Key,
    Message,
    Offer,
    Offered,
    Ping,
    Pong,
    Reply,
    Request,
    Void,
)
from callosum.protocol.outbox import Gate, Outbox
from callosum.protocol.positions import ResendBuffer
from tests.protocol.pair import FRAGMENT, INLINE, small_fragments

LARGE = INLINE + 1
MANY = 2**30


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with small_fragments():
        yield


class Side:
    """One side's outbox and its resend buffer, as the core uses them."""

    def __init__(self, limits: Limits | None = None, *, calls: int = MANY, size: int = MANY, first_id: int = 1) -> None:
        self.limits = limits or Limits()
        self.resend = ResendBuffer()
        self.box = Outbox(first_id, self.limits, self.resend)
        self.box.window.take_back(calls, size)
        self.now = 50.0

    def request(
        self,
        body: Body = b"",
        key: Key | None = None,
        *,
        flags: int = 0,
        parent: int = 0,
        ahead: bool = False,
        deadline: float | None = None,
    ) -> OutgoingCall:
        call = OutgoingCall("S/m", flags, body, key, parent=parent, deadline=deadline)
        (self.box.add_request_ahead if ahead or parent else self.box.add_request)(call)
        return call

    def compose(self, gate: Gate = Gate.OPEN) -> Departure | None:
        """The next batch; it is kept for the resend buffer."""
        departure = self.box.compose(gate, self.now)
        if departure is not None:
            self.resend.append(departure.messages, departure.size, departure.bulk, self.now)
        return departure

    def send(self, gate: Gate = Gate.OPEN) -> list[Message]:
        """The messages of the next batch; none where nothing may leave."""
        first = self.resend.next
        departure = self.compose(gate)
        if departure is None:
            return []
        decoded = wire.decode(departure.finish(first, 1, 0))
        assert decoded.numbered == len(departure.messages) == self.resend.next - first
        assert decoded.size == departure.length + sum(map(len, departure.frames[1:]))
        if not any(type(message) in UNNUMBERED for message in decoded.messages):
            assert departure.size == decoded.size - wire.HEAD_SIZE
        return decoded.messages

    def drain(self, gate: Gate = Gate.OPEN) -> list[list[Message]]:
        """All batches that may leave, each acknowledged before the next one."""
        batches = []
        while batch := self.send(gate):
            batches.append(batch)
            self.acknowledge()
        return batches

    def acknowledge(self) -> None:
        self.resend.acknowledge(self.resend.next, self.now)

    def end(self, call: OutgoingCall) -> None:
        """As a cancellation ends it."""
        queued = call.state is OutgoingState.QUEUED
        call.state = OutgoingState.ENDED
        self.box.outgoing.pop(call.id, None)
        if queued:
            self.box.withdraw(call)
            call.body = b""


def kinds(messages: list[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def ids(messages: list[Message]) -> list[int]:
    return [message.id for message in messages if isinstance(message, Request | Reply | Error | Fragment)]


def body(number: int, size: int) -> bytes:
    return bytes([number]) * size


def first_bytes(batches: list[list[Message]]) -> list[int]:
    """Whose body each record carries."""
    return [m.body[0] for batch in batches for m in batch if isinstance(m, Request | Reply | Fragment)]


# --- the order --------------------------------------------------------------------------------------------------------


def test_control_then_replies_then_nested_then_ahead_then_requests_then_bulk():
    side = Side()
    side.request(body(5, LARGE))
    side.request(body(4, 1))
    side.request(body(3, 1), ahead=True)
    side.request(body(2, 1), parent=2)
    side.box.add_reply(Reply(2, body(6, LARGE)))
    side.box.add_reply(Reply(4, body(1, 1)))
    side.box.add_error(Error(6, Code.INTERNAL, Outcome.EXECUTED))
    side.box.add_control(Ping(1))
    side.box.add_control(Cancel(9))
    side.box.add_first(Offer())
    small, *bulk = side.drain()
    assert kinds(small) == ["Offer", "Ping", "Cancel", "Reply", "Error", "Request", "Request", "Request"]
    assert first_bytes([small]) == [1, 2, 3, 4]
    assert first_bytes(bulk) == [6, 5]
    assert all(len(batch) == 1 for batch in bulk)
    assert side.box.is_empty


def test_nothing_that_waits_is_no_batch():
    side = Side()
    assert side.box.is_empty
    assert side.box.compose(Gate.OPEN, 0.0) is None


@pytest.mark.parametrize("what", ["control", "reply", "bulk", "requests", "ahead", "nested", "bulk-request"])
def test_anything_that_waits_is_seen(what):
    side = Side()
    if what == "control":
        side.box.add_control(Void())
    elif what in ("reply", "bulk"):
        side.box.add_reply(Reply(2, bytes(1 if what == "reply" else LARGE)))
    elif what == "bulk-request":
        side.request(bytes(LARGE))
        assert side.send(Gate.SHUT) == []
    else:
        side.request(ahead=what == "ahead", parent=2 if what == "nested" else 0)
    assert not side.box.is_empty
    assert side.box.has_replies is (what in ("reply", "bulk"))
    side.drain()
    assert side.box.is_empty
    assert not side.box.has_replies


def test_ids_grow_by_two_in_the_order_of_leaving():
    side = Side(first_id=2)
    calls = [side.request(body(number, size)) for number, size in ((1, LARGE), (2, 1), (3, LARGE), (4, 1))]
    batches = side.drain()
    assert [ids(batch) for batch in batches] == [[2, 4], [6], [8]]
    assert first_bytes(batches) == [2, 4, 1, 3]
    assert [call.id for call in calls] == [6, 2, 8, 4]
    assert [(call.first, call.last) for call in calls] == [(3, 3), (1, 1), (4, 4), (2, 2)]
    assert side.box.outgoing == {call.id: call for call in calls}
    assert all(call.state is OutgoingState.SENT for call in calls)


def test_numbers_of_requests_count_what_leaves_before_them_in_the_batch():
    side = Side()
    side.box.add_control(Ping(1))  # has no number
    side.box.add_control(Void())
    side.box.add_reply(Reply(2, b""))
    call = side.request()
    side.send()
    assert call.first == call.last == 3


@pytest.mark.parametrize(
    ("gate", "leaves"), [(Gate.SHUT, [9]), (Gate.AHEAD, [9, 1, 2, 5, 6]), (Gate.OPEN, [9, 1, 2, 3, 5, 6, 4])]
)
def test_the_gate_holds_requests_and_only_these(gate, leaves):
    side = Side()
    side.request(body(4, LARGE))
    side.request(body(3, 1))
    side.request(body(6, LARGE), ahead=True)
    side.request(body(5, LARGE), parent=2)
    side.request(body(2, 1), ahead=True)
    side.request(body(1, 1), parent=2)
    side.box.add_reply(Reply(2, body(9, 1)))
    assert first_bytes(side.drain(gate)) == leaves
    rest = first_bytes(side.drain())
    assert sorted(leaves + rest) == [1, 2, 3, 4, 5, 6, 9]


def test_a_large_body_that_waits_at_the_gate_is_passed_by_others():
    side = Side()
    side.request(body(1, LARGE))
    assert side.send(Gate.OPEN)
    side.request(body(2, LARGE))
    assert side.send(Gate.OPEN)
    side.request(body(3, LARGE))
    side.request(body(4, 1))
    assert first_bytes([side.send(Gate.OPEN)]) == [4]
    side.box.add_reply(Reply(2, body(5, LARGE)))
    assert first_bytes(side.drain(Gate.AHEAD)) == [5]
    assert first_bytes(side.drain(Gate.OPEN)) == [3]


def test_what_has_begun_goes_on_while_the_gate_is_shut():
    side = Side()
    side.request(body(1, 2 * FRAGMENT))
    side.request(body(2, 2 * FRAGMENT), parent=2)
    side.send()
    side.send()
    assert first_bytes(side.drain(Gate.SHUT)) == [2, 1]


def test_a_timeout_is_what_is_left_when_the_record_leaves():
    side = Side()
    small, large = side.request(deadline=51.2341), side.request(bytes(LARGE), deadline=51.0)
    late, never = side.request(deadline=49.0), side.request()
    side.drain()
    assert [call.timeout_ms for call in (small, large, late, never)] == [1235, 1000, 0, None]


# --- full batches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["control", "replies", "errors", "requests", "nested", "ahead"])
def test_a_batch_has_so_many_records_and_the_next_one_goes_on(what):
    side = Side()
    for number in range(MAX_RECORDS + 2):
        if what == "control":
            side.box.add_control(Cancel(number))
        elif what == "replies":
            side.box.add_reply(Reply(number, b"x"))
        elif what == "errors":
            side.box.add_error(Error(number, Code.INTERNAL, Outcome.EXECUTED))
        else:
            side.request(ahead=what == "ahead", parent=2 if what == "nested" else 0)
    assert [len(batch) for batch in side.drain()] == [MAX_RECORDS, 2]


def test_large_bodies_wait_for_a_batch_of_their_own():
    side = Side()
    side.request(bytes(LARGE))
    side.box.add_control(Ping(1))
    assert kinds(side.send()) == ["Ping"]
    assert kinds(side.send()) == ["Request"]


@pytest.mark.parametrize("what", ["control", "replies", "requests"])
def test_a_batch_has_so_many_bytes_and_the_next_one_goes_on(what):
    side = Side()
    text = "x" * 12_000
    count = MAX_FRAME_0 // 12_000 + 2
    for number in range(count):
        if what == "control":
            side.box.add_control(Error(number, Code.INTERNAL, Outcome.EXECUTED, text))
        elif what == "replies":
            side.box.add_error(Error(number, Code.INTERNAL, Outcome.EXECUTED, text))
        else:
            side.request(key=text)
    batches = side.drain()
    assert [len(batch) for batch in batches] == [count - 2, 2]
    numbers = ids([message for batch in batches for message in batch])
    assert numbers == (list(range(1, 2 * count, 2)) if what == "requests" else list(range(count)))


def test_a_request_that_does_not_fit_has_no_id_yet():
    side = Side()
    calls = [side.request(key="x" * 12_000) for _ in range(30)]
    side.send()
    waiting = [call for call in calls if call.state is OutgoingState.QUEUED]
    assert waiting == list(side.box.requests)
    assert {call.id for call in waiting} == {0}


def test_the_offer_of_many_services_has_a_frame_of_its_own():
    side = Side()
    services = tuple(Offered(f"Service{number}", "f" * 20, ("binary",)) for number in range(20))
    side.box.add_first(Offer(services))
    side.box.add_control(Void())
    assert side.send() == [Offer(services), Void()]


def test_credit_that_has_not_left_is_merged_and_only_with_the_last_record():
    side = Side()
    side.box.add_credit(1, 10)
    side.box.add_credit(2, 20)
    side.box.add_control(Pong(1))
    side.box.add_credit(4, 40)
    side.box.add_credit(8, 80)
    assert side.send() == [Credit(3, 30), Pong(1), Credit(12, 120)]
    side.box.add_credit(1, 1)
    assert side.send() == [Credit(1, 1)]


# --- the call window --------------------------------------------------------------------------------------------------


def test_requests_wait_for_the_window_and_others_do_not():
    side = Side(calls=2)
    for number in range(1, 5):
        side.request(body(number, 1))
    assert first_bytes(side.drain()) == [1, 2]
    side.request(body(9, 1), parent=2)
    side.box.add_reply(Reply(2, body(8, 1)))
    side.box.add_control(Void())
    assert first_bytes(side.drain()) == [8, 9]
    side.box.window.take_back(1, 0)
    assert first_bytes(side.drain()) == [3]
    side.box.window.take_back(1, 0)
    assert first_bytes(side.drain()) == [4]


def test_calls_that_leave_ahead_spend_window_and_nested_ones_do_not():
    side = Side(calls=1, size=100)
    side.request(bytes(5), parent=2)
    side.request(bytes(LARGE), parent=2)
    side.drain()
    assert (side.box.window.calls, side.box.window.size) == (1, 100)
    side.request(bytes(7), ahead=True)
    side.request(bytes(7), ahead=True)
    assert len(side.drain()) == 1
    assert (side.box.window.calls, side.box.window.size) == (0, 93)


def test_one_small_call_may_overdraw():
    side = Side(size=10)
    for number in range(1, 4):
        side.request(body(number, 6))
    assert first_bytes(side.drain()) == [1, 2]
    assert side.box.window.size == -2


def test_one_large_call_may_overdraw_and_goes_on_to_its_end():
    side = Side(size=FRAGMENT // 2)
    side.request(body(1, 3 * FRAGMENT))
    side.request(body(2, 3 * FRAGMENT))
    side.request(body(3, 1))
    assert first_bytes([side.send()]) == [3]
    side.acknowledge()
    assert first_bytes(side.drain()) == [1, 1, 1]
    side.box.window.take_back(1, 3 * FRAGMENT)
    assert first_bytes(side.drain()) == [2, 2, 2]
    assert side.box.window.size == FRAGMENT // 2 - 1 - 3 * FRAGMENT


def test_a_call_that_has_begun_waits_for_the_one_that_has_overdrawn():
    side = Side(size=FRAGMENT + 1)
    side.request(body(1, 3 * FRAGMENT))
    side.request(body(2, 3 * FRAGMENT))
    # 1 leaves one byte, 2 overdraws it: only 2 goes on
    assert first_bytes(side.drain()) == [1, 2, 2, 2]
    side.box.window.take_back(1, 3 * FRAGMENT)
    assert first_bytes(side.drain()) == [1, 1]


# --- large bodies -----------------------------------------------------------------------------------------------------


def test_large_bodies_leave_in_turn_a_fragment_each():
    side = Side()
    side.request(body(1, 2 * FRAGMENT + 1))
    side.request(body(2, FRAGMENT + 1))
    side.request(body(3, FRAGMENT))
    assert first_bytes(side.drain()) == [1, 2, 3, 1, 2, 1]


def test_fragments_join_to_the_body_and_the_first_one_carries_the_message():
    side = Side()
    whole = bytes(range(250)) * 10
    call = side.request(whole, key="k")
    side.box.add_reply(Reply(2, whole, {"a": "b"}))
    parts: dict[type, list[Fragment]] = {Request: [], Reply: []}
    for _ in range(6):
        departure = side.compose()
        assert departure is not None
        (message,) = departure.messages
        assert isinstance(message, Fragment)
        parts[Request if message.type == 5 else Reply].append(message)
    for kind, fragments in parts.items():
        assert b"".join(fragment.body for fragment in fragments) == whole
        assert [fragment.more for fragment in fragments] == [True, True, False]
        assert isinstance(fragments[0].message, kind)
    assert parts[Request][1].message is None
    assert (call.first, call.last, call.offset) == (2, 6, len(whole))
    assert side.box.reply_bytes == 0


def test_a_large_reply_is_leaving_until_its_last_fragment_has_left():
    side = Side()
    assert not side.box.is_leaving(2)
    side.request(bytes(LARGE))
    side.box.add_reply(Reply(2, bytes(2 * FRAGMENT)))
    side.box.add_reply(Reply(4, b"small"))
    seen = []
    while side.send():
        seen.append(side.box.is_leaving(2))
        assert not side.box.is_leaving(4)
    assert seen == [True, True, True, False], "the small reply, the request, and two fragments"


@pytest.mark.parametrize("size", [FRAGMENT, LARGE])
def test_a_body_that_fits_into_one_fragment_travels_whole_and_is_not_copied(size):
    side = Side()
    request = memoryview(body(1, size))
    side.request(request)
    side.box.add_reply(Reply(2, reply := body(2, size)))
    departures = [side.compose(), side.compose()]
    messages = [message for departure in departures if departure for message in departure.messages]
    assert kinds(messages) == ["Reply", "OutgoingCall"]
    assert getattr(messages[0], "body", None) is reply
    assert getattr(messages[1], "body", None) is request


def test_a_large_call_is_numbered_with_its_first_fragment_and_known_whole_with_its_last():
    side = Side()
    call = side.request(bytes(2 * FRAGMENT))
    side.send()
    assert (call.state, call.first, call.last) == (OutgoingState.SENT, 1, 0)
    assert call.id == 1
    side.send()
    assert (call.first, call.last) == (1, 2)


@pytest.mark.parametrize("replies", [False, True])
def test_no_more_than_the_bulk_window_is_unacknowledged(replies):
    side = Side(Limits(bulk_window=2 * FRAGMENT))
    if replies:
        side.box.add_reply(Reply(2, bytes(5 * FRAGMENT)))
    else:
        side.request(bytes(5 * FRAGMENT))
    assert side.send()
    assert side.send()
    assert side.resend.bulk == 2 * FRAGMENT
    assert side.send() == []
    small = side.request(b"x")
    assert ids(side.send()) == [small.id]  # passes by
    side.resend.acknowledge(2, 0.0)
    assert side.send()
    assert side.send() == []


def test_who_waits_for_the_bulk_window_keeps_its_turn():
    side = Side(Limits(bulk_window=FRAGMENT))
    side.request(body(1, 2 * FRAGMENT))
    side.request(body(2, 2 * FRAGMENT))
    assert first_bytes([side.send()]) == [1]
    for _ in range(3):
        assert side.send() == []
    side.acknowledge()
    assert first_bytes(side.drain()) == [2, 1, 2]


@pytest.mark.parametrize("bounds", [Limits(bulk_window=1), Limits(resend_bytes=MAX_FRAME_0, bulk_window=1)])
def test_one_fragment_may_always_be_under_way(bounds):
    side = Side(bounds)
    side.request(body(1, 2 * FRAGMENT))
    assert side.send()
    assert side.send() == []
    side.acknowledge()
    assert side.send()


def test_a_fragment_keeps_to_the_bytes_that_are_kept():
    side = Side(Limits(resend_bytes=MAX_FRAME_0 + FRAGMENT // 2))
    side.resend.append([Void()], FRAGMENT // 2, 0, 0.0)
    side.request(body(1, FRAGMENT))
    assert side.send()
    side = Side(Limits(resend_bytes=MAX_FRAME_0 + 1))
    side.resend.append([Void()], 2, 0, 0.0)
    side.request(body(1, FRAGMENT))
    assert side.send() == []  # the buffer has no room for a batch


# --- keys -------------------------------------------------------------------------------------------------------------


def test_requests_of_one_key_leave_in_their_order_whatever_their_size():
    side = Side()
    for number, size in enumerate((1, LARGE, 1, 3 * FRAGMENT, 1, 1, LARGE)):
        side.request(body(number, size), key="k")
    begun = []
    for batch in side.drain():
        begun += [m for m in batch if isinstance(m, Request) or (isinstance(m, Fragment) and m.message is not None)]
    assert [message.body[0] for message in begun] == list(range(7))
    assert side.box._behind == {}


def test_other_keys_and_calls_without_one_pass_a_large_body():
    side = Side()
    side.request(body(1, LARGE), key="a")
    side.request(body(2, 1), key="a")
    side.request(body(3, 1), key="b")
    side.request(body(4, 1))
    assert first_bytes(side.drain()) == [3, 4, 1, 2]


def test_what_waits_behind_a_key_goes_back_to_where_it_came_from():
    side = Side()
    side.request(body(1, LARGE), key="k", ahead=True)
    side.request(body(2, 1), key="k", ahead=True)
    side.request(body(4, LARGE), key="k", ahead=True)
    side.request(body(6, 1), key="k")
    side.request(body(9, 1))
    side.box.window.calls = 0
    assert side.send() == []  # what is large is in its ring, what follows is behind it
    side.request(body(3, 1), key="k", parent=2)
    side.request(body(5, LARGE), key="k", parent=2)
    assert side.send() == []
    assert list(side.box.queued_ahead()) == []
    side.box.window.take_back(MANY, 0)
    assert first_bytes([side.send(Gate.AHEAD)]) == [1]
    assert first_bytes(side.drain(Gate.AHEAD)) == [3, 5, 2, 4]
    assert first_bytes(side.drain(Gate.OPEN)) == [6, 9]


def test_a_large_body_that_is_withdrawn_lets_its_key_go():
    side = Side(calls=0)
    large = side.request(body(1, LARGE), key="k")
    small = side.request(body(2, 1), key="k")
    side.send()
    assert list(side.box.queued()) == [large, small]
    side.end(large)
    assert list(side.box.queued()) == [small]
    side.box.window.take_back(5, 5)
    assert first_bytes(side.drain()) == [2]


# --- withdrawing ------------------------------------------------------------------------------------------------------


def test_what_was_withdrawn_does_not_leave_and_takes_no_id():
    side = Side()
    calls = [side.request(body(number, 1)) for number in range(4)]
    side.end(calls[0])
    side.end(calls[2])
    (batch,) = side.drain()
    assert first_bytes([batch]) == [1, 3]
    assert ids([*batch]) == [1, 3]


@pytest.mark.parametrize("ahead", [False, True])
def test_a_withdrawn_large_body_does_not_leave(ahead):
    side = Side()
    call = side.request(body(1, 3 * FRAGMENT), ahead=ahead)
    side.request(body(2, LARGE))
    side.box.add_control(Void())
    side.send()
    side.end(call)
    assert first_bytes(side.drain()) == [2]
    assert side.box._early == set()


def test_a_large_body_whose_caller_left_half_way_does_not_go_on():
    side = Side()
    call = side.request(body(1, 3 * FRAGMENT))
    side.request(body(2, 2 * FRAGMENT))
    side.send()
    side.end(call)
    assert first_bytes(side.drain()) == [2, 2]
    assert side.box.is_empty


def test_the_queue_is_compacted_once_most_of_it_is_withdrawn_and_stays_the_same_object():
    side = Side(calls=0)
    queue = side.box.requests
    kept = []
    for number in range(200):
        call = side.request(body(number, 1))
        if number % 4:
            side.end(call)
        else:
            kept.append(call)
    assert len(queue) < 200
    assert side.box.requests is queue
    for call in kept[5:]:
        side.end(call)
    assert len(queue) < 80
    assert side.box.requests is queue
    side.box.window.take_back(MANY, 0)
    assert first_bytes(side.drain()) == [0, 4, 8, 12, 16]


def test_a_few_withdrawn_calls_are_left_where_they_are():
    side = Side(calls=0)
    calls = [side.request() for _ in range(200)]
    for call in calls[:64]:
        side.end(call)
    assert len(side.box.requests) == 200


def test_what_was_withdrawn_while_it_waited_behind_a_key_does_not_leave():
    side = Side(calls=0)
    side.request(body(1, LARGE), key="k")
    small = side.request(body(2, 1), key="k")
    side.request(body(3, 1), key="k")
    side.send()
    side.end(small)
    side.box.window.take_back(5, MANY)
    assert first_bytes(side.drain()) == [1, 3]


def test_what_was_withdrawn_is_not_kept_behind_a_key_whose_large_body_waits():
    side = Side(calls=0)
    large = side.request(body(1, LARGE), key="k")
    ahead = side.request(body(2, 1), key="k", ahead=True)
    for _ in range(300):
        call = side.request(key="k")
        side.send()
        side.end(call)
    assert list(side.box.queued()) == [large, ahead]
    side.end(ahead)
    assert list(side.box.queued()) == [large]
    assert side.box._early == set()


# --- nested calls whose handler ends ----------------------------------------------------------------------------------


def test_disowned_calls_are_given_back_and_others_stay():
    side = Side()
    mine, other = side.request(parent=2), side.request(parent=4)
    also = side.request(parent=2)
    assert side.box.disown(2) == [mine, also]
    assert (mine.parent, also.parent, other.parent) == (0, 0, 4)
    assert list(side.box.queued_ahead()) == [other]
    waiting = side.request()
    side.box.add_requests_first([mine, also])
    assert list(side.box.requests) == [mine, also, waiting]


def test_disowned_calls_that_are_held_lose_their_parent_where_nothing_of_them_has_left():
    side = Side(Limits(bulk_window=1))
    begun = side.request(bytes(3 * FRAGMENT), parent=2)
    waits = side.request(bytes(3 * FRAGMENT), key="k", parent=2)
    behind = side.request(b"", key="k", parent=2)
    stranger = side.request(bytes(3 * FRAGMENT), parent=4)
    side.box.add_reply(Reply(8, bytes(LARGE)))
    side.send()  # the reply
    side.acknowledge()
    side.send()
    assert begun.state is OutgoingState.SENT
    assert side.box.disown(2) == []
    assert [call.parent for call in (begun, waits, behind, stranger)] == [2, 0, 0, 4]


# --- oneways ----------------------------------------------------------------------------------------------------------


def test_a_oneway_ends_with_its_batch():
    side = Side()
    oneway, call, nested = side.request(flags=ONEWAY), side.request(), side.request(flags=ONEWAY, parent=2)
    departure = side.compose()
    assert departure is not None
    assert departure.oneways == [nested, oneway]
    assert call.state is OutgoingState.SENT


@pytest.mark.parametrize(("size", "batches"), [(LARGE, 1), (3 * FRAGMENT, 3)])
def test_a_large_oneway_ends_with_its_last_fragment(size, batches):
    side = Side()
    oneway = side.request(bytes(size), flags=ONEWAY)
    ended = []
    for _ in range(batches):
        departure = side.compose()
        assert departure is not None
        ended.append(departure.oneways)
    assert ended == [[]] * (batches - 1) + [[oneway]]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_replies_and_requests_wait_while_the_resend_buffer_is_full_and_control_does_not():
    limits = Limits(resend_records=MAX_RECORDS + 1, reserve_records=2)
    side = Side(limits)
    side.request(b"1")
    assert side.send()
    side.box.add_reply(Reply(2, b"2"))
    assert side.send()
    side.request(b"3")
    side.request(b"4", parent=2)
    side.box.add_reply(Reply(4, b"5"))
    side.box.add_reply(Reply(4, bytes(LARGE)))
    assert side.send() == []
    side.box.add_control(Void())
    assert side.send() == [Void()]
    side.acknowledge()
    assert kinds(side.send()) == ["Reply", "Request", "Request"]


def test_they_wait_for_bytes_too():
    side = Side(Limits(resend_bytes=MAX_FRAME_0 + 10))
    side.resend.append([Void()], 11, 0, 0.0)
    side.request(b"1")
    assert side.send() == []
    side.acknowledge()
    assert side.send()


def test_the_reserve_of_the_resend_buffer_is_used_up_at_its_bound():
    limits = Limits(resend_records=10, reserve_records=5, resend_bytes=100, reserve_bytes=50)
    for records, size, overdrawn in ((14, 149, False), (15, 0, True), (1, 150, True)):
        side = Side(limits)
        side.resend.append([Void() for _ in range(records)], size, 0, 0.0)
        assert side.box.is_overdrawn is overdrawn


def test_control_records_and_refusals_that_wait_have_their_bound():
    limits = Limits(window_calls=3, reserve_records=2)
    side = Side(limits)
    for _ in range(2):
        side.box.add_control(Void())
    for _ in range(7):
        side.box.add_error(Error(1, Code.RESOURCE_EXHAUSTED, Outcome.REJECTED))
    assert not side.box.is_overdrawn
    side.box.add_control(Void())
    assert side.box.is_overdrawn
    side.send()
    assert not side.box.is_overdrawn
    for _ in range(8):
        side.box.add_error(Error(1, Code.RESOURCE_EXHAUSTED, Outcome.REJECTED))
    assert side.box.is_overdrawn


def test_replies_that_leave_slowly_are_congestion():
    side = Side(Limits(reply_backlog_bytes=LARGE + 10, reserve_records=5))
    side.box.add_reply(Reply(2, bytes(LARGE)))
    side.box.add_reply(Reply(4, bytes(10)))
    assert not side.box.is_congested
    side.box.add_reply(Reply(6, b"x"))
    assert side.box.is_congested
    side.send()
    assert (side.box.reply_bytes, side.box.is_congested) == (LARGE, False)
    side.send()
    assert side.box.reply_bytes == 0
    for _ in range(6):
        side.box.add_error(Error(1, Code.INTERNAL, Outcome.EXECUTED))
    assert side.box.is_congested


def test_clear_leaves_nothing():
    side = Side(calls=1)
    side.request(b"1")
    side.send()
    queue = side.box.requests
    side.request(bytes(LARGE), key="k", ahead=True)
    side.request(bytes(LARGE), key="k")
    side.send()
    side.request(b"2")
    side.request(b"3", parent=2)
    side.request(b"4", ahead=True)
    side.box.add_reply(Reply(2, b"5"))
    side.box.add_control(Void())
    side.box.clear()
    assert side.box.is_empty
    assert (side.box.outgoing, side.box.reply_bytes, side.box._behind, side.box._early) == ({}, 0, {}, set())
    assert [*side.box.queued(), *side.box.queued_ahead()] == []
    assert side.box.requests is queue
    assert side.send() == []


# --- any order of things ----------------------------------------------------------------------------------------------

SIZES = st.sampled_from([0, 1, INLINE, LARGE, FRAGMENT, FRAGMENT + 1, 3 * FRAGMENT])
STEPS = st.one_of(
    st.tuples(
        st.just("request"), SIZES, st.sampled_from([None, None, "a", "b"]), st.sampled_from(["", "ahead", "nested"])
    ),
    st.tuples(st.just("reply"), SIZES),
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("disown")),
    st.tuples(st.just("send"), st.sampled_from(Gate)),
    st.tuples(st.just("acknowledge")),
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(STEPS, max_size=40), st.integers(1, 4), st.integers(1, 3 * FRAGMENT))
def test_whatever_is_asked_all_of_it_leaves_once_and_each_key_in_its_order(steps, window_calls, window_bytes):
    side = Side(dataclasses.replace(Limits(), bulk_window=2 * FRAGMENT), calls=window_calls, size=window_bytes)
    calls: list[OutgoingCall] = []
    replies: list[Reply] = []
    arrived: dict[int, bytes] = {}
    answered: dict[int, bytes] = {}
    order: list[int] = []
    of_key: dict[tuple[str | None, str], list[OutgoingCall]] = defaultdict(list)
    unfinished: dict[int, set[int]] = {5: set(), 8: set()}

    def receive(messages: list[Message]) -> None:
        for message in messages:
            if isinstance(message, Fragment):
                held = arrived if message.type == 5 else answered
                is_first = message.message is not None and message.id not in unfinished[message.type]
                (unfinished[message.type].add if message.more else unfinished[message.type].discard)(message.id)
            else:
                assert isinstance(message, Request | Reply)
                held = arrived if isinstance(message, Request) else answered
                # the last fragment of a reply looks like a whole one
                is_first = held is arrived or message.id not in unfinished[8]
            assert (message.id not in held) is is_first
            held[message.id] = held.get(message.id, b"") + bytes(message.body)
            if held is arrived and is_first:
                order.append(message.id)

    for step in steps:
        match step:
            case ("request", size, key, how):
                parent = 2 if how == "nested" else 0
                calls.append(side.request(body(len(calls), size), key, ahead=how == "ahead", parent=parent))
                of_key[key, how].append(calls[-1])
            case ("reply", size):
                replies.append(Reply(2 * len(replies), body(len(replies), size)))
                side.box.add_reply(replies[-1])
            case ("cancel", index) if index < len(calls):
                side.end(calls[index])
            case ("disown",):
                side.box.add_requests_first(side.box.disown(2))
            case ("send", gate):
                receive(side.send(gate))
                assert side.resend.bulk <= 2 * FRAGMENT
            case ("acknowledge",):
                side.acknowledge()
    waiting = [*side.box.queued(), *side.box.queued_ahead()]
    assert all(call in waiting for call in calls if call.state is OutgoingState.QUEUED)
    side.box.window.take_back(MANY, MANY)
    side.acknowledge()
    for batch in side.drain():
        receive(batch)
    assert side.box.is_empty
    assert side.box._behind == {}
    assert side.box._early == set()
    assert side.box.reply_bytes == 0
    bodies = {call.id: call.body for call in calls if call.state is not OutgoingState.ENDED}
    assert 0 not in bodies
    assert {ident: arrived[ident] for ident in bodies} == bodies
    assert answered == {reply.id: reply.body for reply in replies}
    for (key, how), same in of_key.items():
        if key is not None and how != "nested":
            left = [call.id for call in same if call.id]
            assert left == sorted(left)
    assert order == sorted(order) == list(range(1, 2 * len(order), 2))
