"""The calls that this side makes: how they leave, and the one outcome of each."""

from __future__ import annotations

import math

import pytest

from callosum.errors import Code, ConnectionLost, DeadlineExceeded, Outcome, ResourceExhausted, RpcError
from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, OutgoingCall, OutgoingState
from callosum.protocol.events import Ended
from callosum.protocol.limits import Limits
from callosum.protocol.messages import (
    Cancel,
    CancelReason,
    Error,
    Fragment,
    Reply,
    Request,
    Type,
)
from callosum.protocol.outbox import Gate
from tests.protocol.pair import Pair, small_fragments


@pytest.fixture
def pair():
    with small_fragments():
        yield Pair(Limits(window_calls=64, window_bytes=100_000)).connect()


def sent(pair, body=b"", **how):
    call = pair.call(pair.a, body, **how)
    pair.take(pair.a)
    return call


def reply_fragment(ident, body=b"x"):
    return Fragment(Reply(ident, b""), Type.REPLY, ident, body, True)


# --- outcomes ---------------------------------------------------------------------------------------------------------


def test_a_reply_ends_its_call_once(pair):
    call, other = sent(pair), sent(pair)
    assert pair.a.outgoing.under_way == {1: call, 3: other}
    assert pair.raw(pair.a, Reply(1, b"r")) == [call]
    assert call.reply is not None
    assert bytes(call.reply.body) == b"r"
    assert call.state is OutgoingState.ENDED
    assert pair.raw(pair.a, Reply(1, b"again"), Error(1, Code.INTERNAL, Outcome.EXECUTED), Reply(99, b"")) == []
    assert other.state is OutgoingState.SENT


def test_an_error_is_what_the_other_side_says(pair):
    call = sent(pair)
    events = pair.raw(pair.a, Error(1, Code.UNAVAILABLE, Outcome.REJECTED, "busy", {"a": 1}, "e", 1500))
    assert events == [call]
    failure = call.failure
    assert isinstance(failure, RpcError)
    assert (failure.code, failure.outcome, failure.message) == (Code.UNAVAILABLE, Outcome.REJECTED, "busy")
    assert (failure.details, failure.error_id, failure.retry_after) == ({"a": 1}, "e", 1.5)
    second = sent(pair)
    pair.raw(pair.a, Error(3, Code.INTERNAL, Outcome.EXECUTED))
    assert isinstance(second.failure, RpcError)
    assert second.failure.retry_after is None


def test_an_answer_before_the_body_was_sent_stops_the_rest(pair):
    for answer, ident in ((Reply(1, b"r"), 1), (Error(3, Code.UNAVAILABLE, Outcome.REJECTED), 3)):
        call = pair.call(pair.a, bytes(5000))
        pair.next(pair.a)
        assert pair.raw(pair.a, answer) == [call]
        assert pair.messages(pair.a) == [Cancel(ident)]


def test_the_reply_of_a_nested_call_makes_room(pair):
    running = pair.served(pair.a)
    call = sent(pair, parent=running.request.id)
    assert running.nested == 1
    assert pair.raw(pair.a, Reply(call.id, b"")) == [call]
    assert running.nested == 0


def test_a_oneway_ends_when_it_is_handed_over(pair):
    call = pair.call(pair.a, oneway=True)
    assert pair.a.frames_to_send(pair.now) is not None
    assert call.state is OutgoingState.SENT
    assert pair.a.handed_over() == [call]
    assert call.reply is call.failure is None


def test_a_oneway_that_was_left_before_it_was_handed_over(pair):
    call = pair.call(pair.a, oneway=True)
    assert pair.a.frames_to_send(pair.now) is not None
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    assert pair.a.handed_over() == []


# --- replies in fragments ---------------------------------------------------------------------------------------------


def test_a_reply_in_fragments(pair):
    call = sent(pair)
    assert pair.raw(pair.a, reply_fragment(1, b"a")) == []
    assert pair.raw(pair.a, reply_fragment(1, b"b")) == []
    other = sent(pair)
    assert pair.raw(pair.a, Reply(3, b"o")) == [other], "another reply in between"
    assert pair.raw(pair.a, Reply(1, b"c")) == [call]
    assert call.reply is not None
    assert call.reply.body == b"abc"
    assert pair.a.outgoing._assembly.size == 0


def test_fragments_for_a_caller_that_has_gone(pair):
    call = sent(pair)
    assert pair.raw(pair.a, reply_fragment(99)) == []
    pair.raw(pair.a, reply_fragment(1))
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    assert pair.raw(pair.a, reply_fragment(1)) == []
    assert pair.a.outgoing._assembly.unfinished == {}
    assert pair.raw(pair.a, Reply(1, b"end")) == []


def test_the_last_fragment_for_a_caller_that_has_gone(pair):
    call, kept = sent(pair), sent(pair)
    pair.raw(pair.a, reply_fragment(1))
    pair.raw(pair.a, reply_fragment(3))
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    assert pair.raw(pair.a, Reply(1, b"end")) == []
    assert pair.raw(pair.a, Reply(3, b"end")) == [kept]
    assert pair.a.outgoing._assembly.size == 0


@pytest.mark.parametrize("last", [True, False])
def test_a_reply_that_is_too_large(last):
    pair = Pair(Limits(body_bytes=100, unfinished_bytes=150)).connect()
    call, other = pair.call(pair.a), pair.call(pair.a)
    pair.take(pair.a)
    pair.raw(pair.a, reply_fragment(1, bytes(90)))
    assert pair.raw(pair.a, Reply(1, bytes(90)) if last else reply_fragment(1, bytes(90))) == [call]
    assert isinstance(call.failure, ResourceExhausted)
    assert call.failure.outcome is Outcome.EXECUTED
    assert pair.a.outgoing._assembly.size == 0
    assert other.state is OutgoingState.SENT


@pytest.mark.parametrize("size", [100, 101])
def test_a_whole_reply_that_is_too_large(size):
    pair = Pair(Limits(body_bytes=100)).connect()
    call = pair.call(pair.a)
    pair.take(pair.a)
    assert pair.raw(pair.a, Reply(1, bytes(size))) == [call]
    assert isinstance(call.failure, ResourceExhausted) is (size > 100)


@pytest.mark.parametrize("last", [True, False])
def test_a_part_of_a_reply_is_forgotten_with_its_caller(pair, last):
    """However its call has ended; and where it has not, what is left of the table is looked after."""
    call, other = sent(pair), sent(pair)
    pair.raw(pair.a, reply_fragment(1))
    pair.raw(pair.a, reply_fragment(3))
    del pair.a.outbox.outgoing[1]
    assert pair.raw(pair.a, Reply(1, b"x") if last else reply_fragment(1)) == []
    assert len(pair.a.outgoing._assembly.unfinished) == 1
    assert call.reply is other.reply is None


def test_an_error_after_a_part_of_a_reply(pair):
    call = sent(pair)
    pair.raw(pair.a, reply_fragment(1))
    assert pair.raw(pair.a, Error(1, Code.INTERNAL, Outcome.EXECUTED)) == [call]
    assert pair.a.outgoing._assembly.unfinished == {}


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_cancel_in_every_state(pair):
    pair.a.gate = Gate.AHEAD
    queued = pair.call(pair.a, b"body")
    pair.a.outgoing.cancel(queued, CancelReason.CANCELLED)
    pair.a.outgoing.cancel(queued, CancelReason.CANCELLED)
    pair.a.gate = Gate.OPEN
    assert queued.body == b""
    assert pair.messages(pair.a) == [], "as if it had never been made"
    partly = pair.call(pair.a, bytes(5000))
    pair.next(pair.a)
    whole = sent(pair)
    for call in (partly, whole):
        pair.a.outgoing.cancel(call, CancelReason.DEADLINE)
        assert Cancel(call.id, CancelReason.DEADLINE) in pair.messages(pair.a)
        pair.a.outgoing.cancel(call, CancelReason.DEADLINE)
        assert pair.messages(pair.a) == []
    assert pair.a.in_flight == 0


def test_a_cancelled_overdraft_does_not_stop_the_others():
    """Who has used up the last of the window, and leaves, holds it no longer."""
    with small_fragments():
        pair = Pair(Limits(window_calls=1024, window_bytes=20_000)).connect()
        large = pair.call(pair.a, bytes(50_000))
        batches = [pair.next(pair.a) for _ in range(18)]
        second = pair.call(pair.a, bytes(5_000))
        batches += [pair.next(pair.a) for _ in range(2)]
        assert pair.a.outbox.window.size == 0
        assert pair.a.frames_to_send(pair.now) is None or second.offset > 1000
        pair.give(pair.b, batches)
        pair.a.outgoing.cancel(second, CancelReason.CANCELLED)
        pair.pump()
        assert large.last > 0
        (call,) = pair.seen(pair.b, IncomingCall)
        assert call.size == 50_000


# --- keys -------------------------------------------------------------------------------------------------------------


def bodies(core):
    return [len(call.request.body) for call in core.incoming.calls.values()]


def test_requests_of_one_key_leave_in_order(pair):
    for size in (2000, 1, 3000, 2, 3):
        pair.call(pair.a, bytes(size), key="k")
    pair.call(pair.a, bytes(4))
    pair.pump()
    by_id = [(c.request.id, len(c.request.body)) for c in pair.b.incoming.calls.values()]
    assert [size for _, size in sorted(by_id)] == [4, 2000, 1, 3000, 2, 3]


def test_a_large_body_that_is_left_half_way_lets_nobody_pass(pair):
    """Its key is another's by then."""
    first = pair.call(pair.a, bytes(5000), key="k")
    pair.next(pair.a)
    second, third = pair.call(pair.a, bytes(5000), key="k"), pair.call(pair.a, b"3", key="k")
    pair.next(pair.a)
    pair.a.outgoing.cancel(first, CancelReason.CANCELLED)
    pair.pump()
    assert first.id < second.id < third.id


def test_calls_are_taken_back_in_the_order_of_their_key(pair):
    pair.a.outbox.window.size = 0
    pair.a.outbox.window.calls = 0
    sizes = (2000, 1, 3000, 2)
    pair.a.outbox.window.calls, pair.a.outbox.window.size = 64, 1
    other = pair.call(pair.a, bytes(2500))
    pair.next(pair.a)
    for size in sizes:
        pair.call(pair.a, bytes(size), key="k")
    assert pair.a.frames_to_send(pair.now) is not None
    pair.call(pair.a, bytes(9), key="k")
    (event,) = [e for e in pair.a.end("over") if isinstance(e, Ended)]
    assert [len(twin.body) for twin in event.unsent if twin.key] == [*sizes, 9]
    assert other.state is OutgoingState.ENDED


# --- nested calls -----------------------------------------------------------------------------------------------------


def test_the_ninth_nested_call_waits_and_goes_on(pair):
    running = pair.served(pair.a)
    nested = [pair.call(pair.a, parent=running.request.id) for _ in range(11)]
    pair.pump()
    assert [call.state for call in nested] == [OutgoingState.SENT] * 8 + [OutgoingState.QUEUED] * 3
    pair.a.outgoing.cancel(nested[8], CancelReason.CANCELLED)
    pair.pump()
    assert nested[9].state is OutgoingState.QUEUED, "who only waited had no place to give"
    pair.raw(pair.a, Reply(nested[0].id, b""))
    pair.pump()
    assert (nested[9].state, nested[10].state) == (OutgoingState.SENT, OutgoingState.QUEUED)
    pair.raw(pair.a, Reply(nested[1].id, b""))
    pair.pump()
    assert nested[10].state is OutgoingState.SENT
    assert all(call.parent for call in nested)
    for call in nested[2:8] + nested[9:]:
        pair.raw(pair.a, Reply(call.id, b""))
    assert running.nested == 0


def test_nested_calls_leave_where_a_window_is_used_up():
    pair = Pair(Limits(window_calls=1, window_bytes=1000)).connect()
    running = pair.served(pair.a)
    first, second = pair.call(pair.a), pair.call(pair.a)
    nested = pair.call(pair.a, parent=running.request.id)
    pair.pump()
    assert (first.state, second.state) == (OutgoingState.SENT, OutgoingState.QUEUED)
    assert nested.state is OutgoingState.SENT


@pytest.mark.parametrize("how", ["unknown", "ended", "pending"])
def test_a_task_that_outlives_its_handler_calls_without_it(pair, how):
    running = pair.served(pair.a)
    ident = running.request.id
    if how == "ended":
        pair.a.incoming.finish(running)
    elif how == "pending":
        pair.call(pair.b)
        pair.pump()
        ident = max(pair.a.incoming.calls)
    else:
        ident = 98
    call = pair.call(pair.a, parent=ident)
    pair.pump()
    assert (call.state, call.parent) == (OutgoingState.SENT, 0)


def test_a_nested_call_that_outlives_its_handler_may_end(pair):
    running = pair.served(pair.a)
    call = sent(pair, parent=running.request.id)
    pair.a.incoming.finish(running)
    assert pair.raw(pair.a, Reply(call.id, b"")) == [call]


# --- deadlines --------------------------------------------------------------------------------------------------------


def expire(pair):
    pair.now += 2.0
    return [event for event in pair.fire(pair.a) if isinstance(event, OutgoingCall)]


def test_a_deadline_before_it_was_sent(pair):
    pair.a.gate = Gate.AHEAD
    call = pair.call(pair.a, timeout=1.0)
    assert expire(pair) == [call]
    assert isinstance(call.failure, DeadlineExceeded)
    assert call.failure.outcome is Outcome.NOT_SENT
    assert "before it was sent" in str(call.failure)


def test_a_deadline_of_a_body_that_was_sent_in_part(pair):
    call = pair.call(pair.a, bytes(5000), timeout=1.0)
    pair.next(pair.a)
    assert expire(pair) == [call]
    assert call.failure is not None
    assert call.failure.outcome is Outcome.NOT_SENT
    assert Cancel(call.id, CancelReason.DEADLINE) in pair.messages(pair.a)


def test_a_deadline_before_an_answer(pair):
    call = sent(pair, timeout=1.0)
    assert expire(pair) == [call]
    assert call.failure is not None
    assert call.failure.outcome is Outcome.UNKNOWN
    assert "before an answer came" in str(call.failure)


def test_a_deadline_while_the_batch_waits_for_the_connection(pair):
    """It leaves all the same, so nothing is known of it."""
    call = pair.call(pair.a, timeout=1.0)
    assert pair.a.frames_to_send(pair.now) is not None
    assert expire(pair) == [call]
    assert call.failure is not None
    assert call.failure.outcome is Outcome.UNKNOWN
    assert Request in {type(message) for message in pair.messages(pair.a)}


def test_the_deadline_of_a_oneway_that_waits_for_the_connection(pair):
    call = pair.call(pair.a, timeout=1.0, oneway=True)
    assert pair.a.frames_to_send(pair.now) is not None
    pair.cut()
    assert expire(pair) == [call]
    assert call.failure is not None
    pair.resume()
    arrived = [message for message in pair.messages(pair.a) if isinstance(message, Request)]
    assert not arrived or call.failure.outcome is Outcome.UNKNOWN


def test_deadlines_of_calls_ahead_and_nested(pair):
    running = pair.served(pair.a)
    nested = [pair.call(pair.a, parent=running.request.id, timeout=1.0) for _ in range(10)]
    ahead = OutgoingCall("S/m", 0, b"", deadline=pair.now + 1.0)
    pair.a.open_call_ahead(ahead)
    without = OutgoingCall("S/m", 0, b"")
    pair.a.open_call_ahead(without)
    pair.pump()
    assert set(expire(pair)) == {*nested, ahead}
    assert running.nested == 0
    assert without.state is OutgoingState.SENT


def test_an_endless_timeout(pair):
    pair.call(pair.a, timeout=math.inf)
    (message,) = pair.messages(pair.a)
    assert isinstance(message, Request)
    assert message.timeout_ms == 10**12


# --- the end of the session -------------------------------------------------------------------------------------------


def test_what_is_known_of_calls_when_the_session_ends(pair):
    running = pair.served(pair.a)
    handed, oneway = sent(pair), sent(pair, oneway=True)
    nested = [pair.call(pair.a, parent=running.request.id) for _ in range(9)]
    ended = sent(pair)
    pair.raw(pair.a, Reply(ended.id, b""))
    partly = pair.call(pair.a, bytes(5000))
    pair.next(pair.a)
    ahead = OutgoingCall("S/m", 0, b"")
    pair.a.open_call_ahead(ahead)
    offered = pair.call(pair.a, b"o")
    assert pair.a.frames_to_send(pair.now) is not None
    queued = pair.call(pair.a, b"q")
    events = pair.a.end("over")
    end = events[-1]
    assert isinstance(end, Ended)
    assert {len(twin.body) for twin in end.unsent} >= {5000, 1}
    assert {bytes(twin.body) for twin in end.unsent} >= {b"o", b"q"}
    for call in (partly, offered, queued):
        assert call.state is OutgoingState.ENDED
        assert call not in events
    assert isinstance(handed.failure, ConnectionLost)
    assert handed.failure.outcome is Outcome.UNKNOWN
    assert oneway.failure is None
    outcomes = [call.failure.outcome for call in nested if call.failure is not None]
    assert outcomes == [Outcome.UNKNOWN] * 8 + [Outcome.NOT_SENT]
    assert ahead.state is OutgoingState.ENDED
    assert not pair.a.outgoing.under_way


def test_a_listener_has_nothing_to_take_elsewhere(pair):
    call = pair.call(pair.b)
    ended, end = pair.b.end("over")
    assert ended is call
    assert isinstance(end, Ended)
    assert end.unsent == ()
    assert call.failure is not None
    assert call.failure.outcome is Outcome.NOT_SENT


def test_what_has_ended_is_not_taken_elsewhere(pair):
    pair.a.gate = Gate.AHEAD
    gone, call = pair.call(pair.a, b"1"), pair.call(pair.a, b"2", timeout=9.0)
    pair.a.outgoing.cancel(gone, CancelReason.CANCELLED)
    call.waiter = "w"
    (twin,) = pair.a.outgoing.take_unsent()
    assert (twin.waiter, twin.body, twin.deadline) == ("w", b"2", pair.now + 9.0)
    assert (twin.id, twin.timeout_ms, twin.state) == (0, None, OutgoingState.QUEUED)
    assert pair.a.outgoing.take_unsent() == ()


def test_twins_of_bodies_that_were_sent_in_part_are_made_once(pair):
    running = pair.served(pair.a)
    call = pair.call(pair.a, bytes(5000))
    pair.next(pair.a)
    pair.call(pair.a, parent=running.request.id)
    pair.take(pair.a)
    kept = sent(pair)
    (twin,) = pair.a.outgoing.take_unsent(call.id) or (None,)
    assert twin is not None
    assert twin.id == 0
    assert kept.state is OutgoingState.ENDED


# --- compression ------------------------------------------------------------------------------------------------------


def test_a_call_says_what_its_body_and_its_reply_are_compressed_with(pair):
    call = pair.call(pair.a, b"packed")
    call.compression, call.reply_compression = 2, "zstd"
    (arrived,) = pair.move(pair.a)
    assert (arrived.request.compression, arrived.request.reply_compression) == (2, "zstd")
    arrived.start()
    pair.b.incoming.reply(arrived, b"packed too", None, 1)
    assert pair.move(pair.b) == [call]
    assert call.reply is not None
    assert (call.reply.body, call.reply.compression) == (b"packed too", 1)


def test_the_first_fragment_says_what_the_whole_is_compressed_with(pair):
    call = pair.call(pair.a, bytes(2500))
    call.compression = 1
    batches = pair.take(pair.a)
    flags = [wire.decode(batch).messages[0] for batch in batches]
    assert [isinstance(message, Fragment) and message.message is not None for message in flags] == [True, False, False]
    (arrived,) = pair.give(pair.b, batches)
    assert (arrived.request.compression, arrived.request.body) == (1, bytes(2500))
    arrived.start()
    pair.b.incoming.reply(arrived, bytes(2100), None, 2)
    assert pair.move(pair.b) == [call]
    assert call.reply is not None
    assert (call.reply.compression, bytes(call.reply.body)) == (2, bytes(2100))


def test_a_compressed_body_that_is_sent_again_says_so_again(pair):
    for size in (50, 1500):
        call = pair.call(pair.a, bytes(size))
        call.compression = 2
    lost = pair.take(pair.a)
    assert len(lost) == 3
    pair.cut()
    pair.resume()
    arrived = [event for event in pair.move(pair.a) if isinstance(event, IncomingCall)]
    assert [(call.request.compression, len(call.request.body)) for call in arrived] == [(2, 50), (2, 1500)]


def test_a_call_that_is_made_again_elsewhere_keeps_its_compression(pair):
    call = OutgoingCall("m", 0, b"packed", reply_compression="zstd")
    call.compression = 2
    twin = call.twin()
    assert (twin.body, twin.compression, twin.reply_compression) == (b"packed", 2, "zstd")


@pytest.mark.parametrize("more", [True, False])
def test_a_further_fragment_of_a_reply_names_no_compression(pair, more):
    sent(pair)
    first = reply_fragment(1)
    first.message.compression = 1
    assert pair.raw(pair.a, first) == []
    further = Reply(1, b"" if more else b"x", compression=1)
    events = pair.raw(pair.a, Fragment(further, Type.REPLY, 1, b"x", more) if more else further)
    assert any(isinstance(event, Ended) and "a compression of its own" in event.reason for event in events)
