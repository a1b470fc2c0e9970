"""What happens around the edges of a connection: its last record, its stalls, its waiting callers."""

from __future__ import annotations

import math
from typing import Any

from callosum.errors import Code, Outcome
from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, OutgoingCall, SessionState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Broken, Ended, Refused
from callosum.protocol.headers import MAX_RESET_TEXT
from callosum.protocol.incoming import make_error
from callosum.protocol.limits import MIB, Limits
from callosum.protocol.messages import Hello, Ping, Reset, ResetCode
from callosum.protocol.positions import ResendBudget
from tests.protocol.pair import Pair


def test_nothing_is_read_behind_a_reset_that_ends_the_session():
    pair = Pair().connect()
    events = pair.raw(pair.a, Reset(ResetCode.CLOSED, "bye"), Ping(1))
    assert [type(event) for event in events] == [Broken, Ended]
    (event, _) = events
    assert isinstance(event, Broken)
    assert (event.code, event.farewell) == (ResetCode.CLOSED, ())


def test_nothing_is_read_behind_a_reset_that_leaves_the_session_alone():
    pair = Pair().connect()
    (event,) = pair.raw(pair.a, Reset(ResetCode.STALE), Ping(1))
    assert isinstance(event, Broken)
    assert pair.messages(pair.a) == []


def test_a_reset_that_quotes_what_the_other_side_sent_still_fits():
    text = "long " * 100_000
    pair = Pair().connect()
    (broken, _) = pair.a.reset(ResetCode.PROTOCOL, text, pair.now)
    assert isinstance(broken, Broken)
    (reset,) = wire.decode(broken.farewell).messages
    assert reset == Reset(ResetCode.PROTOCOL, text[:MAX_RESET_TEXT])


def test_a_hello_of_very_many_versions_is_refused_in_few_words():
    hello = Hello((120,) * 16_000, 1, 1, (), (), 1, 1, 1)
    pair = Pair()
    try:
        pair.welcome(hello)
    except Exception as error:
        assert len(str(error)) < 200
    else:
        raise AssertionError("it is accepted")


def stalled(pair, seconds):
    """Heartbeats flow for so long, and nothing is acknowledged."""
    events = []
    end = pair.now + seconds
    while (first := pair.a.next_timer()) <= end:
        pair.now = max(pair.now, first)
        events += pair.fire(pair.a)
        pair.take(pair.a)
        if any(isinstance(event, Broken) for event in events):
            return events
        pair.raw(pair.a, Ping(1), ack=1)
    pair.now = end
    return events


def resume_without_progress(pair):
    pair.cut()
    pair.resume()
    pair.take(pair.a)


def test_stalls_add_up_over_connections_until_the_grace_time_is_over():
    pair = Pair(grace=30.0).connect()
    pair.call(pair.a)
    pair.take(pair.a)
    pair.raw(pair.a, ack=pair.b.expected)
    for _ in range(2):
        (broken,) = stalled(pair, 20.0)
        assert isinstance(broken, Broken)
        assert broken.code is None
        resume_without_progress(pair)
    (broken, *others) = stalled(pair, 20.0)
    assert isinstance(broken, Broken)
    assert broken.code is ResetCode.SLOW
    assert isinstance(others[-1], Ended)


def test_progress_that_a_resumption_shows_is_progress():
    pair = Pair(grace=30.0).connect()
    for _ in range(6):
        pair.call(pair.a)
        batches = pair.take(pair.a)
        (broken,) = stalled(pair, 20.0)
        assert isinstance(broken, Broken)
        assert broken.code is None
        pair.give(pair.b, batches)  # it arrives, and the link breaks before that is acknowledged
        resume_without_progress(pair)
    assert pair.a.state is SessionState.OPEN


def test_the_time_of_a_handshake_is_no_stall():
    pair = Pair(grace=30.0).connect()
    pair.call(pair.a)
    pair.take(pair.a)
    pair.cut()
    for _ in range(4):
        pair.hello()
        pair.now += 6.0
        pair.a.detach(pair.now)
    pair.resume()
    pair.take(pair.a)
    (broken,) = stalled(pair, 20.0)
    assert isinstance(broken, Broken)
    assert broken.code is None


def test_waiting_calls_are_watched_once_however_often_a_connection_is_tried():
    pair = Pair(patience=1000.0)
    calls = [pair.call(pair.a) for _ in range(10)]
    for _ in range(50):
        pair.hello()
        pair.now += 1.0
        pair.a.detach(pair.now)
    assert len(pair.a._deadlines._heap) == 10
    pair.now += 950.0
    assert pair.fire(pair.a) == calls
    assert {call.failure and call.failure.outcome for call in calls} == {Outcome.NOT_SENT}


def test_calls_that_wait_when_the_link_breaks_are_watched_too():
    pair = Pair(Limits(window_calls=1), patience=1.0).connect()
    sent, waiting = pair.call(pair.a), pair.call(pair.a)
    pair.take(pair.a)
    pair.cut()
    pair.now += 1.0
    assert pair.fire(pair.a) == [waiting]
    assert sent.failure is None


def test_the_end_of_a_session_lets_go_of_what_it_kept_for_the_whole_process():
    budget = ResendBudget(1_000_000)
    pair = Pair()
    pair.a = SessionCore(Role.CONNECTOR, pair.a.terms, budget.open_buffer(lambda: None))
    pair.events[pair.a] = []
    pair.connect()
    for core in (pair.a, pair.b):
        pair.call(core, bytes(1000))
    pair.move(pair.b)
    pair.take(pair.a)
    assert budget.size > 1000
    assert pair.a.in_flight == 2
    assert pair.b.in_flight == 1
    pair.a.end("because")
    assert budget.size == 0
    assert not budget._holders
    assert pair.a.unacknowledged >= 1  # numbers stay as they were


def test_large_bodies_keep_the_bound_of_what_is_unacknowledged():
    pair = Pair(Limits(resend_bytes=3 * MIB // 2, bulk_window=10 * MIB)).connect()
    pair.call(pair.a, bytes(5 * MIB))
    assert len(pair.take(pair.a)) == 1
    assert pair.a._resend.size <= 3 * MIB // 2


def test_the_answer_to_a_hello_tells_the_connector_how_long_the_way_is():
    pair = Pair().connect()
    pair.call(pair.b, b"late", timeout=1.0)
    batches = pair.take(pair.b)
    pair.now += 2.0
    (event,) = pair.give(pair.a, batches)  # the first batch that comes after the WELCOME
    assert isinstance(event, Refused)
    assert event.code is Code.DEADLINE_EXCEEDED


def test_the_smaller_body_is_what_both_sides_may_send():
    pair = Pair(Limits(body_bytes=300), b_limits=Limits(body_bytes=200)).connect()
    assert (pair.a.body_bytes, pair.b.body_bytes) == (200, 200)
    pair = Pair(Limits(body_bytes=100), b_limits=Limits(body_bytes=200)).connect()
    assert (pair.a.body_bytes, pair.b.body_bytes) == (100, 100)


def test_what_is_sent_and_not_acknowledged_is_not_settled():
    pair = Pair().connect()
    pair.wait(0.1)
    assert pair.a.is_settled()
    pair.call(pair.a)
    assert not pair.a.is_settled(), "it has not left"
    (batch,) = pair.take(pair.a)
    assert not pair.a.is_settled(), "it is not acknowledged"
    pair.give(pair.b, [batch])
    pair.wait(0.1)
    assert pair.a.is_settled()
    pair.call(pair.a)
    pair.take(pair.a)
    pair.cut()
    assert pair.a.is_settled(), "a connector does not dial in order to say goodbye"


def test_a_session_that_has_ended_waits_for_nothing():
    pair = Pair().connect()
    for core in (pair.a, pair.b):
        pair.call(core, timeout=100.0)
    pair.pump()
    for core in (pair.a, pair.b):
        core.end("because")
        assert core.next_timer() == math.inf
        assert not core._deadlines._heap
        assert core.frames_to_send(pair.now) is None
        assert core.on_timer(pair.now + 1000.0) == []


def test_details_that_the_other_side_would_not_read_are_left_out():
    details: dict[str, Any] = {"list": [1, 2]}
    error = make_error(1, Code.INTERNAL, Outcome.EXECUTED, "failed", details, "id")
    assert error.details == {}
    assert "without its details" in error.text
    assert wire.decode(wire.encode([error])).messages == [error]


def test_a_session_of_many_calls_both_ways_keeps_nothing():
    pair = Pair().connect()
    for round_ in range(50):
        calls = [pair.call(core, bytes(round_), timeout=1000.0) for core in (pair.a, pair.b) for _ in range(60)]
        pair.pump()
        for core in (pair.a, pair.b):
            for call in list(core.incoming.calls.values()):
                assert call.start()
                core.incoming.reply(call, call.request.body)
        pair.pump()
        assert all(call.reply is not None and call.reply.body == bytes(round_) for call in calls)
    pair.wait(1.0)
    for core in (pair.a, pair.b):
        assert core.unacknowledged == 0
        assert core.in_flight == 0
        assert len(core._deadlines._heap) <= 2048
        assert not core._resend._batches
    assert len(pair.seen(pair.a, OutgoingCall)) == len(pair.seen(pair.a, IncomingCall)) == 3000
