"""The calls that the other side makes: what is admitted, refused, cancelled and answered."""

from __future__ import annotations

import pytest

from callosum.errors import Code, Outcome
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingState
from callosum.protocol.events import Announced, Broken, Ended, Refused, Withdrawn
from callosum.protocol.incoming import MAX_ERROR_TEXT, MAX_SKIPPING, make_error
from callosum.protocol.limits import MAX_HEADER, Limits
from callosum.protocol.messages import (
    ONEWAY,
    Cancel,
    CancelReason,
    Credit,
    Error,
    Fragment,
    Reply,
    Request,
    ResetCode,
    Type,
)
from tests.protocol.pair import FRAGMENT, Pair, small_fragments


@pytest.fixture
def pair():
    return Pair().connect()


def request(ident=1, body=b"", **fields):
    fields = {"timeout_ms": None, "flags": 0, **fields}
    return Request(ident, "S/m", body=body, **fields)


def first(ident=1, body=b"x", *, more=True, **fields):
    return Fragment(request(ident, **fields), Type.REQUEST, ident, body, more)


def further(ident=1, body=b"y", *, more=True):
    return Fragment(None, Type.REQUEST, ident, body, more)


def answers(pair):
    return [m for m in pair.messages(pair.b) if isinstance(m, Reply | Error)]


def is_closed_by_protocol(pair, events):
    (event,) = [event for event in events if isinstance(event, Broken)]
    return event.code is ResetCode.PROTOCOL and pair.b.state.name == "ENDED"


# --- what is admitted -------------------------------------------------------------------------------------------------


def test_a_call_is_answered_once(pair):
    (call,) = pair.raw(pair.b, request(body=b"arguments"))
    assert isinstance(call, IncomingCall)
    assert (call.state, call.size, pair.b.incoming.last_id) == (IncomingState.PENDING, 9, 1)
    incoming = pair.b.incoming
    assert call.start()
    assert not call.start(), "it runs already"
    incoming.reply(call, b"result", {"m": "d"})
    incoming.reply(call, b"again")
    incoming.answer_error(call, Error(1, Code.INTERNAL, Outcome.EXECUTED))
    incoming.finish(call)
    (reply,) = answers(pair)
    assert (reply.id, bytes(reply.body), reply.metadata) == (1, b"result", {"m": "d"})
    assert not call.start()
    assert incoming.calls == {}


def test_an_error_may_be_the_answer_before_it_runs_and_after(pair):
    for ident, runs in ((1, False), (3, True)):
        (call,) = pair.raw(pair.b, request(ident))
        if runs:
            call.start()
        pair.b.incoming.answer_error(call, Error(ident, Code.INTERNAL, Outcome.EXECUTED, "t"))
    assert [error.id for error in answers(pair)] == [1, 3]


def test_a_reply_of_what_never_ran_is_dropped(pair):
    (call,) = pair.raw(pair.b, request())
    pair.b.incoming.reply(call, b"x")
    assert answers(pair) == []
    assert call.state is IncomingState.ENDED


def test_a_oneway_is_never_answered(pair):
    calls = pair.raw(pair.b, request(1, flags=ONEWAY), request(3, flags=ONEWAY))
    for call in calls:
        call.start()
    pair.b.incoming.reply(calls[0], b"x")
    pair.b.incoming.answer_error(calls[1], Error(3, Code.INTERNAL, Outcome.EXECUTED))
    assert answers(pair) == []
    assert pair.b.in_flight == 0


@pytest.mark.parametrize("ident", [1, 3, 2])
def test_ids_grow_and_are_the_other_sides(pair, ident):
    pair.raw(pair.b, request(3))
    assert is_closed_by_protocol(pair, pair.raw(pair.b, request(ident)))


def test_a_window_that_is_ignored():
    pair = Pair(Limits(window_calls=2, window_bytes=100)).connect()
    arrived, second, refused = pair.raw(pair.b, request(1, bytes(60)), request(3, bytes(60)), request(5))
    assert isinstance(arrived, IncomingCall)
    assert isinstance(second, IncomingCall), "one may overdraw it"
    assert isinstance(refused, Refused)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    (error,) = answers(pair)
    assert (error.id, error.code, error.outcome) == (5, Code.RESOURCE_EXHAUSTED, Outcome.REJECTED)


def test_nested_calls_take_no_window_and_need_their_parent():
    pair = Pair(Limits(window_calls=1, window_bytes=100)).connect()
    outer = pair.call(pair.b)
    pair.take(pair.b)
    taken, nested, orphan = pair.raw(pair.b, request(1), request(3, parent=outer.id), request(5, bytes(9), parent=88))
    assert isinstance(taken, IncomingCall)
    assert isinstance(nested, IncomingCall)
    assert isinstance(orphan, Refused)
    assert orphan.code is Code.CANCELLED
    (error,) = answers(pair)
    assert (error.id, error.code, error.outcome) == (5, Code.CANCELLED, Outcome.REJECTED)
    pair.b.incoming.finish(nested)
    assert not any(isinstance(m, Credit) for m in pair.messages(pair.b))


def test_a_drain_rejects_but_for_nested_calls(pair):
    outer = pair.call(pair.b)
    pair.take(pair.b)
    pair.b.go_away("x")
    events = pair.raw(pair.b, request(1, flags=ONEWAY), request(3), request(5, parent=outer.id))
    assert [type(event) for event in events] == [Refused, Refused, IncomingCall]
    (error,) = answers(pair)
    assert (error.id, error.code, error.outcome) == (3, Code.UNAVAILABLE, Outcome.REJECTED)


def test_a_call_with_no_time_left(pair):
    late, in_time = pair.raw(pair.b, request(1, timeout_ms=0), request(3, timeout_ms=1))
    assert isinstance(late, Refused)
    assert late.code is Code.DEADLINE_EXCEEDED
    assert in_time.request.deadline == pair.now + 0.001


def test_window_comes_back_when_handlers_have_ended():
    pair = Pair(Limits(window_calls=8, window_bytes=1000)).connect()
    (call,) = pair.raw(pair.b, request(1, bytes(50)))
    call.start()
    pair.raw(pair.b, Cancel(1))
    assert not any(isinstance(m, Credit) for m in pair.messages(pair.b)), "its handler is still ending"
    pair.b.incoming.finish(call)
    assert Credit(1, 50) in pair.messages(pair.b)


# --- fragments --------------------------------------------------------------------------------------------------------


def test_a_body_in_fragments(pair):
    assert pair.raw(pair.b, first(body=b"a")) == []
    assert pair.b.incoming.calls[1].state is IncomingState.ARRIVING
    assert pair.raw(pair.b, further(body=b"b")) == []
    (call,) = pair.raw(pair.b, further(body=b"c", more=False))
    assert (call.state, call.request.body, call.size) == (IncomingState.PENDING, b"abc", 3)
    assert pair.b.incoming._assembly.size == 0


def test_a_nested_body_in_fragments_takes_no_window(pair):
    outer = pair.call(pair.b)
    pair.take(pair.b)
    before = pair.b.incoming._window._size
    pair.raw(pair.b, first(parent=outer.id))
    (call,) = pair.raw(pair.b, further(more=False))
    assert call.request.body == b"xy"
    assert pair.b.incoming._window._size == before


@pytest.mark.parametrize("ident", [3, 2])
def test_a_fragment_of_what_was_not_begun(pair, ident):
    pair.raw(pair.b, request(1))
    assert is_closed_by_protocol(pair, pair.raw(pair.b, further(ident)))


def test_fragments_of_what_has_ended_are_skipped(pair):
    """Nothing of it is heard, and its window comes back."""
    (call,) = pair.raw(pair.b, request(1))
    window = pair.b.incoming._window
    granted = window._size + window._owed_size
    assert pair.raw(pair.b, further(more=False)) == []
    assert call.request.body == b""
    pair.b.incoming.finish(call)
    assert pair.raw(pair.b, further()) == []
    assert window._size + window._owed_size == granted


def test_the_rest_of_a_refused_body_is_skipped(pair):
    (refused,) = pair.raw(pair.b, first(timeout_ms=0, body=b"abc"))
    assert isinstance(refused, Refused)
    window = pair.b.incoming._window
    granted = window._size + window._owed_size
    assert pair.raw(pair.b, further()) == []
    assert pair.b.incoming._skipping == {1: 0}
    assert pair.raw(pair.b, further(more=False)) == []
    assert pair.b.incoming._skipping == {}
    assert window._size + window._owed_size == granted


def test_the_rest_of_a_refused_nested_body_is_skipped(pair):
    window = pair.b.incoming._window
    before = window._size, window._owed_size
    pair.raw(pair.b, first(parent=88))
    assert pair.raw(pair.b, further()) == []
    assert pair.raw(pair.b, further(more=False)) == []
    assert (window._size, window._owed_size) == before
    assert pair.b.incoming._skipping == {}


def test_a_refused_body_is_forgotten_with_its_cancel(pair):
    pair.raw(pair.b, first(timeout_ms=0))
    assert pair.raw(pair.b, Cancel(1)) == []
    assert pair.b.incoming._skipping == {}


def test_refused_bodies_are_bounded(pair):
    pair.b.incoming._skipping = dict.fromkeys(range(10_001, 10_001 + 2 * MAX_SKIPPING, 2), 0)
    assert is_closed_by_protocol(pair, pair.raw(pair.b, first(timeout_ms=0)))


@pytest.mark.parametrize("more", [True, False])
def test_a_body_over_the_limit(more):
    pair = Pair(Limits(body_bytes=10)).connect()
    pair.raw(pair.b, first(body=bytes(8)))
    (refused,) = pair.raw(pair.b, further(body=bytes(8), more=more))
    assert isinstance(refused, Refused)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    assert "over the largest body" in refused.text
    assert bool(pair.b.incoming._skipping) is more
    (error,) = answers(pair)
    assert error.outcome is Outcome.REJECTED
    assert pair.b.in_flight == 0
    window = pair.b.incoming._window
    assert window._calls + window._owed_calls == 1024


def test_too_many_unfinished_bodies():
    pair = Pair(Limits(unfinished_bytes=10)).connect()
    pair.raw(pair.b, first(1, body=bytes(8)))
    (refused,) = pair.raw(pair.b, first(3, body=bytes(8)))
    assert isinstance(refused, Refused)
    assert "unfinished" in refused.text
    assert list(pair.b.incoming.calls) == [1]


@pytest.mark.parametrize("size", [10, 11])
def test_a_whole_body_over_the_limit(size):
    pair = Pair(Limits(body_bytes=10)).connect()
    (event,) = pair.raw(pair.b, request(1, bytes(size)))
    assert isinstance(event, Refused) is (size > 10)


def test_fragments_beyond_a_window_that_another_has_overdrawn():
    pair = Pair(Limits(window_calls=9, window_bytes=100)).connect()
    pair.raw(pair.b, first(1, body=bytes(50)))
    pair.raw(pair.b, first(3, body=bytes(60)))
    assert pair.raw(pair.b, further(3, body=bytes(60))) == [], "it has overdrawn, and may go on"
    (refused,) = pair.raw(pair.b, further(1, body=bytes(1)))
    assert isinstance(refused, Refused)
    assert (refused.request.id, refused.code) == (1, Code.RESOURCE_EXHAUSTED)


def nesting(**limits):
    """A pair, and the id of a call of ``b`` in whose handler ``a`` calls back."""
    pair = Pair(Limits(**limits)).connect()
    outer = pair.call(pair.b)
    pair.take(pair.b)
    return pair, outer.id


def test_nested_calls_are_counted():
    pair, parent = nesting(nested_calls=2)
    one, two, refused = pair.raw(pair.b, *(request(ident, parent=parent) for ident in (1, 3, 5)))
    assert isinstance(refused, Refused)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    pair.raw(pair.b, Cancel(1))
    (third,) = pair.raw(pair.b, request(7, parent=parent))
    assert isinstance(third, IncomingCall), "whose handler is ending does not count"
    for call in (one, two, third):
        pair.b.incoming.finish(call)
    assert pair.b.incoming._nested == {}


def test_nested_calls_whose_handlers_do_not_end_are_bounded():
    pair, parent = nesting(nested_calls=2)
    for turn in range(20):
        events = pair.raw(pair.b, request(2 * turn + 1, parent=parent), Cancel(2 * turn + 1))
        if isinstance(events[0], Refused):
            break
    else:
        pytest.fail("any number of them")
    assert len(pair.b.incoming.calls) == turn == 8


def test_bodies_of_nested_calls_are_bounded():
    pair, parent = nesting(unfinished_bytes=100)
    (held,) = pair.raw(pair.b, request(1, bytes(60), parent=parent))
    (refused,) = pair.raw(pair.b, request(3, bytes(60), parent=parent))
    assert isinstance(refused, Refused)
    pair.raw(pair.b, first(5, bytes(30), parent=parent))
    (refused,) = pair.raw(pair.b, further(5, bytes(30)))
    assert isinstance(refused, Refused)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    pair.b.incoming.finish(held)
    assert pair.b.incoming._nested_bytes == 0


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_cancel_in_every_state(pair):
    pair.raw(pair.b, first(1))
    pending, running = pair.raw(pair.b, request(3), request(5))
    running.start()
    assert pair.raw(pair.b, Cancel(1)) == [], "nobody knew of it yet"
    assert pair.b.incoming._assembly.unfinished == {}
    for call in (pending, running):
        assert pair.raw(pair.b, Cancel(call.request.id)) == [call]
        assert call.state is IncomingState.ABANDONED
        assert pair.raw(pair.b, Cancel(call.request.id)) == []
        assert not call.start()
        pair.b.incoming.answer_error(call, Error(call.request.id, Code.CANCELLED, Outcome.REJECTED))
        assert pair.raw(pair.b, Cancel(call.request.id)) == []
    assert answers(pair) == []
    assert pair.b.incoming.calls == {}


def test_a_nested_body_that_is_cancelled_returns_no_window(pair):
    outer = pair.call(pair.b)
    pair.take(pair.b)
    pair.raw(pair.b, first(1, parent=outer.id))
    window = pair.b.incoming._window
    pair.raw(pair.b, Cancel(1))
    assert (window._calls, window._owed_calls) == (1024, 0)


# --- deadlines --------------------------------------------------------------------------------------------------------


def expired(pair):
    pair.now += 2
    return pair.fire(pair.b)


def test_expiry_while_it_arrives(pair):
    pair.raw(pair.b, first(timeout_ms=1000))
    (refused,) = expired(pair)
    assert isinstance(refused, Refused)
    assert refused.code is Code.DEADLINE_EXCEEDED
    assert pair.raw(pair.b, further(more=False)) == [], "the rest is skipped"
    (error,) = answers(pair)
    assert (error.code, error.outcome) == (Code.DEADLINE_EXCEEDED, Outcome.REJECTED)
    assert pair.b.incoming._assembly.size == pair.b.in_flight == 0


def test_expiry_before_it_runs(pair):
    (call,) = pair.raw(pair.b, request(timeout_ms=1000))
    refused, abandoned = expired(pair)
    assert isinstance(refused, Refused)
    assert abandoned is call
    assert not call.start()
    pair.b.incoming.finish(call)
    (error,) = answers(pair)
    assert error.outcome is Outcome.REJECTED


def test_expiry_while_it_runs(pair):
    (call,) = pair.raw(pair.b, request(timeout_ms=1000))
    call.start()
    assert expired(pair) == [call]
    assert call.state is IncomingState.ABANDONED
    pair.b.incoming.reply(call, b"late")
    (error,) = answers(pair)
    assert (error.code, error.outcome) == (Code.DEADLINE_EXCEEDED, Outcome.EXECUTED)


def test_expiry_of_a_oneway_is_told_to_us_only(pair):
    pending, running = pair.raw(
        pair.b, request(1, timeout_ms=1000, flags=ONEWAY), request(3, timeout_ms=1000, flags=ONEWAY)
    )
    running.start()
    events = expired(pair)
    assert [type(event) for event in events] == [Refused, IncomingCall, IncomingCall]
    assert answers(pair) == []
    assert pending.state is IncomingState.ABANDONED


def test_what_was_abandoned_does_not_expire(pair):
    (call,) = pair.raw(pair.b, request(timeout_ms=1000))
    pair.raw(pair.b, Cancel(1))
    assert expired(pair) == []
    assert call.state is IncomingState.ABANDONED


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_end_of_the_session_stops_every_handler(pair):
    pair.raw(pair.b, first(1))
    arriving = pair.b.incoming.calls[1]
    pending, running, abandoned = pair.raw(pair.b, request(3), request(5), request(7))
    running.start()
    pair.raw(pair.b, Cancel(7))
    events = pair.b.end("over")
    assert events[:-1] == [pending, running]
    assert isinstance(events[-1], Ended)
    assert arriving.state is IncomingState.ENDED
    assert abandoned.state is IncomingState.ABANDONED
    for call in (pending, running, abandoned):
        pair.b.incoming.finish(call)
    assert pair.b.incoming.calls == {}


def test_nested_calls_that_wait_go_on_without_their_handler():
    with small_fragments():
        pair = Pair(Limits(nested_calls=2)).connect()
        running = pair.served(pair.a)
        nested = [pair.call(pair.a, b"n", parent=running.request.id) for _ in range(4)]
        pair.pump()
        assert [call.state for call in nested] == [OutgoingState.SENT] * 2 + [OutgoingState.QUEUED] * 2
        pair.a.outgoing.cancel(nested[2], CancelReason.CANCELLED)
        pair.a.incoming.reply(running, b"done")
        pair.pump()
        assert nested[3].state is OutgoingState.SENT
        assert nested[3].parent == 0


def test_without_an_owner_nothing_is_released():
    from callosum.protocol.incoming import _keep

    call = IncomingCall(request(), IncomingState.PENDING, 0)
    _keep(call)
    assert call.state is IncomingState.PENDING


# --- errors that surely travel ----------------------------------------------------------------------------------------


def test_an_error_with_everything():
    error = make_error(1, Code.INTERNAL, Outcome.EXECUTED, "text", {"a": 1}, "e", 1.5)
    assert (error.text, error.details, error.error_id, error.retry_after_ms) == ("text", {"a": 1}, "e", 1500)


@pytest.mark.parametrize("retry_after", [None, -1, 86_400.0, 1e30, float("nan"), float("inf"), "soon"])
def test_a_retry_after_that_makes_no_sense_is_left_out(retry_after):
    assert make_error(1, Code.INTERNAL, Outcome.EXECUTED, "", {}, "", retry_after).retry_after_ms is None


def test_a_long_text_is_cut():
    error = make_error(1, Code.INTERNAL, Outcome.EXECUTED, "é" * 5000, {})
    assert error.text == "é" * MAX_ERROR_TEXT + "…"


def test_a_text_that_is_no_unicode():
    assert make_error(1, Code.INTERNAL, Outcome.EXECUTED, "a\udc80", {}).text == "a?"


@pytest.mark.parametrize("details", [{"a": "x" * MAX_HEADER}, {"a": object()}, {"a": 2**70}])
def test_details_that_do_not_fit_are_left_out(details):
    error = make_error(1, Code.INTERNAL, Outcome.EXECUTED, "text", details)
    assert error.details == {}
    assert error.text.startswith("text (without its details: ")


def test_fragments_of_the_tests_are_small():
    with small_fragments():
        pair = Pair().connect()
        pair.call(pair.a, bytes(2 * FRAGMENT + 1))
        assert [type(m) for m in pair.messages(pair.a)] == [Fragment] * 3


# --- calls with a key -------------------------------------------------------------------------------------------------


def test_a_call_with_a_key_is_announced_with_its_first_fragment(pair):
    (announced,) = pair.raw(pair.b, first(key="k"))
    assert isinstance(announced, Announced)
    assert announced.call.state is IncomingState.ARRIVING
    assert pair.raw(pair.b, further()) == []
    (call,) = pair.raw(pair.b, further(more=False))
    assert call is announced.call
    assert call.state is IncomingState.PENDING


def test_a_call_that_is_whole_or_has_no_key_is_not_announced(pair):
    (call,) = pair.raw(pair.b, request(1, key="k"))
    assert isinstance(call, IncomingCall)
    assert pair.raw(pair.b, first(3)) == []
    assert pair.raw(pair.b, Cancel(3)) == []


def test_a_call_that_was_announced_and_is_cancelled_is_withdrawn(pair):
    (announced,) = pair.raw(pair.b, first(key=0))
    (withdrawn,) = pair.raw(pair.b, Cancel(1, CancelReason.CANCELLED))
    assert withdrawn == Withdrawn(announced.call)
    assert announced.call.state is IncomingState.ENDED


def test_a_call_that_was_announced_and_is_too_large_is_withdrawn():
    pair = Pair(Limits(body_bytes=10)).connect()
    pair.raw(pair.b, first(body=bytes(8), key=b""))
    assert [type(event) for event in pair.raw(pair.b, further(body=bytes(8)))] == [Withdrawn, Refused]
    pair = Pair(Limits(unfinished_bytes=10)).connect()
    events = pair.raw(pair.b, first(body=bytes(20), key="k"))
    assert [type(event) for event in events] == [Announced, Withdrawn, Refused]


def test_a_call_that_was_announced_and_expires_is_withdrawn(pair):
    pair.raw(pair.b, first(key="k", timeout_ms=100))
    events = pair.b.on_timer(pair.now + 1)
    assert [type(event) for event in events] == [Withdrawn, Refused]


def test_a_call_that_was_announced_is_withdrawn_at_the_end_of_the_session(pair):
    pair.raw(pair.b, first(key="k"))
    events = pair.b.end("over")
    assert [type(event) for event in events] == [Withdrawn, Ended]
