"""The core of a session: handshakes, connections, time, and whatever may arrive."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.errors import Code, Outcome, ProtocolError
from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, OutgoingState, SessionState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Broken, Draining, Ended, Event, NotResumed, Opened, Refused, Resumed
from callosum.protocol.handshake import Terms
from callosum.protocol.incoming import MAX_SKIPPING
from callosum.protocol.limits import Limits
from callosum.protocol.messages import (
    Cancel,
    Credit,
    Error,
    Extension,
    Fragment,
    GoAway,
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
from callosum.protocol.outbox import Gate
from tests.protocol.pair import TOKEN, Pair, decoded, small_fragments

SERVICES = (Offered("S", "f", ("thrift",)),)


def broken(events):
    return [event for event in events if isinstance(event, Broken)]


def ended(events):
    return [event for event in events if isinstance(event, Ended)]


# --- handshake --------------------------------------------------------------------------------------------------------


def test_a_fresh_session_opens_with_the_offer():
    pair = Pair()
    pair.a.terms = dataclasses.replace(pair.a.terms, services=SERVICES)
    pair.b.terms = dataclasses.replace(pair.b.terms, services=SERVICES)
    assert (pair.a.state, pair.a.grace) == (SessionState.NEW, 30.0)
    hello = pair.hello()
    assert (hello.attempt, hello.resumption) == (1, None)
    assert pair.a.state is SessionState.GREETING
    assert pair.a.frames_to_send(pair.now) is None, "nothing but the HELLO before the WELCOME"
    pair.b.accept(hello, pair.welcome(hello), pair.now)
    assert pair.b.state is SessionState.OPENING
    assert pair.move(pair.b) == [Opened(SERVICES)]
    assert pair.move(pair.a) == [Opened(SERVICES)]
    assert pair.a.state is pair.b.state is SessionState.OPEN
    assert (pair.a.session, pair.a.token) == (pair.b.session, pair.b.token) == (7, TOKEN)
    assert (pair.a.attempt, pair.b.attempt) == (1, 1)
    assert (pair.a.last_number, pair.b.expected) == (1, 2)


def test_the_greeting_waits_until_it_is_taken():
    pair = Pair()
    pair.a.dial(pair.now)
    first = pair.a.frames_to_send(pair.now)
    assert pair.a.frames_to_send(pair.now + 1) is first
    pair.a.handed_over()
    assert pair.a.frames_to_send(pair.now + 1) is None


def test_a_hello_may_give_another_session_up():
    pair = Pair()
    pair.a.dial(pair.now, Resumption(3, TOKEN))
    (hello,) = decoded(pair.next(pair.a))
    assert hello.resumption == Resumption(3, TOKEN)


def test_a_connection_that_breaks_before_the_welcome_is_dialled_again():
    pair = Pair()
    pair.hello()
    pair.a.detach(pair.now)
    assert pair.a.state is SessionState.NEW
    assert pair.hello().attempt == 2


def test_a_listener_ends_where_the_offer_does_not_come():
    pair = Pair()
    hello = pair.hello()
    pair.b.accept(hello, pair.welcome(hello), pair.now)
    (end,) = pair.b.detach(pair.now)
    assert isinstance(end, Ended)
    assert pair.b.state is SessionState.ENDED
    assert pair.b.detach(pair.now) == []


@pytest.mark.parametrize("message", [Request(1, "S/m", None, 0, b""), Ping(1), Void()])
def test_until_the_offer_comes_nothing_else_is_taken(message):
    pair = Pair()
    hello = pair.hello()
    pair.b.accept(hello, pair.welcome(hello), pair.now)
    pair.take(pair.b)
    events = pair.raw(pair.b, message, ack=1)
    assert broken(events)[0].code is ResetCode.PROTOCOL
    assert pair.b.state is SessionState.ENDED


def test_a_reset_instead_of_the_offer():
    pair = Pair()
    hello = pair.hello()
    pair.b.accept(hello, pair.welcome(hello), pair.now)
    pair.take(pair.b)
    events = pair.raw(pair.b, Reset(ResetCode.CLOSED, "no"), Offer(), ack=1)
    assert [type(event) for event in events] == [Broken, Ended]


@pytest.mark.parametrize(
    "answer",
    [
        [Ping(1)],
        [],
        [Ping(1), Ping(2)],
        [Welcome(1, 7, TOKEN, True, 1, 1, 1, 1, 1000, 1000)],
        [Welcome(2, 7, TOKEN, False, 0, 1, 1, 1, 1000, 1000)],
    ],
)
def test_a_hello_is_answered_by_one_welcome_or_reset(answer):
    pair = Pair()
    pair.hello()
    events = pair.raw(pair.a, *answer)
    assert broken(events)[0].code is ResetCode.PROTOCOL
    assert pair.a.state is SessionState.ENDED


@pytest.mark.parametrize("code", list(ResetCode))
def test_what_a_reset_ends(code):
    """Some codes close a connection, others the session with it."""
    for pair in (Pair().connect(), Pair()):
        was_open = pair.a.state is SessionState.OPEN
        if not was_open:
            pair.hello()
        events = pair.raw(pair.a, Reset(code))
        (event,) = broken(events)
        assert event.code is code
        assert event.reason == f"the other side closed the connection: {code}"
        assert bool(ended(events)) is (code not in (ResetCode.STALE, ResetCode.DRAINING, ResetCode.NO_SESSION))
        if not ended(events):
            pair.a.detach(pair.now)
            assert pair.a.state is (SessionState.DETACHED if was_open else SessionState.NEW)


@pytest.mark.parametrize("code", list(ResetCode))
def test_our_reset_says_farewell(code):
    pair = Pair().connect()
    call = pair.call(pair.a)
    events = pair.a.reset(code, "why", pair.now)
    assert wire.decode(broken(events)[0].farewell).messages == [Reset(code, "why")]
    assert bool(ended(events)) is (pair.a.state is SessionState.ENDED)
    if ended(events):
        (twin,) = ended(events)[0].unsent
        assert twin is not call
        assert call.state is OutgoingState.ENDED
        assert pair.a.end("again") == []


def test_an_end_before_any_connection():
    pair = Pair()
    call = pair.call(pair.a)
    (event,) = pair.a.end("no more")
    assert isinstance(event, Ended)
    assert event.unsent[0].method == call.method
    assert pair.a.receive([b""], pair.now) == []


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_what_was_in_flight_arrives_after_a_cut():
    pair = Pair().connect()
    there, back = pair.call(pair.a, b"x"), pair.call(pair.b, b"y")
    pair.take(pair.a)
    pair.take(pair.b)
    pair.cut()
    assert pair.a.state is pair.b.state is SessionState.DETACHED
    pair.resume()
    assert pair.seen(pair.a, Resumed) == [Resumed()]
    pair.pump()
    for core, call in ((pair.b, there), (pair.a, back)):
        (arrived,) = pair.seen(core, IncomingCall)
        assert arrived.start()
        core.incoming.reply(arrived, b"z")
        pair.pump()
        assert call.reply is not None
        assert bytes(call.reply.body) == b"z"


def test_what_has_arrived_is_not_taken_twice():
    pair = Pair().connect()
    pair.call(pair.a, b"x")
    pair.call(pair.b, b"y")
    batches = pair.take(pair.a)
    assert len(pair.give(pair.b, batches)) == 1
    assert pair.give(pair.b, batches) == [], "all of it is old"
    more = pair.call(pair.a)
    assert [e.request.id for e in pair.move(pair.a)] == [more.id]


def test_a_batch_of_which_a_part_is_old():
    pair = Pair().connect()
    pair.raw(pair.b, Void())
    events = pair.raw(pair.b, Void(), Ping(4), Request(1, "S/m", None, 0, b""), seq=pair.b.expected - 1)
    assert [type(event) for event in events] == [IncomingCall]
    assert pair.messages(pair.b)[0] == Pong(4)


def test_a_gap_closes_the_connection():
    pair = Pair().connect()
    pair.call(pair.a)
    pair.take(pair.a)
    pair.call(pair.a)
    (event,) = pair.move(pair.a)
    assert isinstance(event, Broken)
    assert event.code is None
    assert "is missing" in event.reason
    pair.cut()
    pair.resume()
    pair.pump()
    assert len(pair.b.incoming.calls) == 2


def test_a_newer_connection_takes_over():
    pair = Pair().connect()
    pair.call(pair.a)
    pair.take(pair.a)
    pair.a.detach(pair.now)
    assert pair.b.state is SessionState.OPEN, "the old connection seems alive"
    pair.resume()
    assert pair.b.state is SessionState.OPEN
    assert pair.b.attempt == 2
    pair.pump()
    assert len(pair.b.incoming.calls) == 1


def test_a_resumption_breaks_and_goes_on():
    pair = Pair().connect()
    pair.cut()
    pair.hello()
    assert pair.a.state is SessionState.RESUMING
    pair.a.detach(pair.now + 5)
    assert pair.a.state is SessionState.DETACHED
    assert pair.a.grace_ends == pair.now + 30, "the grace began when the link broke"
    pair.resume()
    assert pair.a.state is SessionState.OPEN


@pytest.mark.parametrize("received", [0, 99])
def test_a_listener_refuses_to_resume_from_what_it_does_not_have(received):
    pair = Pair().connect()
    pair.raw(pair.b, Void())
    pair.cut()
    hello = pair.hello()
    assert hello.resumption is not None
    wrong = dataclasses.replace(hello, resumption=dataclasses.replace(hello.resumption, received=received))
    with pytest.raises(ProtocolError, match="is kept"):
        pair.b.accept(wrong, pair.welcome(hello), pair.now)
    assert pair.b.state is SessionState.DETACHED
    assert pair.b.attempt == 1


def test_a_connector_refuses_to_resume_from_what_it_does_not_have():
    pair = Pair().connect()
    pair.cut()
    hello = pair.hello()
    events = pair.raw(pair.a, dataclasses.replace(pair.welcome(hello), received=99))
    assert broken(events)[0].code is ResetCode.PROTOCOL
    assert pair.a.state is SessionState.ENDED


def test_a_session_that_is_not_known_any_more():
    """The fresh one that takes its place begins with the same WELCOME."""
    pair = Pair().connect()
    gone, parent = pair.call(pair.a, b"1"), pair.served(pair.a)
    nested = pair.call(pair.a, parent=parent.request.id)
    pair.cut()
    kept = pair.call(pair.a, b"2")
    hello = pair.hello()
    answer = dataclasses.replace(pair.welcome(hello), resumed=False, session=8)
    events = pair.raw(pair.a, answer)
    kinds = [type(event) for event in events]
    assert kinds == [NotResumed, OutgoingCall, OutgoingCall, IncomingCall, Ended]
    assert gone.failure is not None
    assert gone.failure.outcome is Outcome.UNKNOWN
    assert nested.failure is not None
    assert nested.failure.outcome is Outcome.NOT_SENT
    not_resumed, end = events[0], events[-1]
    assert isinstance(end, Ended)
    assert isinstance(not_resumed, NotResumed)
    (twin,) = end.unsent
    assert kept.state is OutgoingState.ENDED
    fresh = SessionCore(Role.CONNECTOR, pair.a.terms)
    fresh.open_call(twin, pair.now)
    opened: list[Event] = []
    fresh.welcomed(not_resumed.hello, not_resumed.welcome, pair.now, opened)
    assert opened == [Opened(())]
    assert (fresh.state, fresh.session, fresh.attempt) == (SessionState.OPEN, 8, 2)
    frames = fresh.frames_to_send(pair.now)
    assert frames is not None
    sent = decoded(frames)
    assert [type(message) for message in sent] == [Offer, Request], "the OFFER is first"
    assert sent[1].body == b"2"


# --- what arrives -----------------------------------------------------------------------------------------------------


def test_an_acknowledgement_of_what_was_never_sent():
    pair = Pair().connect()
    events = pair.raw(pair.a, ack=99)
    assert broken(events)[0].code is ResetCode.PROTOCOL
    assert pair.a.state is SessionState.ENDED


def test_an_older_acknowledgement_is_ignored():
    pair = Pair().connect()
    pair.call(pair.a)
    pair.pump()
    pair.wait(0.1)
    assert (pair.a.unacknowledged, pair.a.acknowledged) == (0, 2)
    assert pair.raw(pair.a, ack=1) == []
    assert pair.a.acknowledged == 2


def test_a_bare_acknowledgement_leaves_after_a_while():
    pair = Pair().connect()
    pair.wait(0.1)
    pair.call(pair.a)
    pair.move(pair.a)
    assert pair.b.frames_to_send(pair.now) is None
    assert pair.b.next_timer() == pair.b.wake_at == pair.now + 0.025
    pair.now += 0.025
    assert not pair.b.is_settled() or pair.b.is_flushed
    batch = wire.decode(pair.next(pair.b))
    assert (batch.messages, batch.ack) == ([], 3)
    assert pair.b.next_timer() > pair.now + 1


@pytest.mark.parametrize("message", [Welcome(1, 7, TOKEN, True, 1, 1, 1, 1, 1000, 1000), Offer()])
def test_a_handshake_in_an_open_session(message):
    pair = Pair().connect()
    events = pair.raw(pair.b, message)
    assert broken(events)[0].code is ResetCode.PROTOCOL
    assert f"a {type(message).__name__} in an open session" in broken(events)[0].reason


def test_a_hello_in_an_open_session():
    pair = Pair().connect()
    assert pair.a.hello is not None
    events = pair.raw(pair.b, pair.a.hello)
    assert broken(events)[0].code is ResetCode.PROTOCOL


def test_calls_are_not_taken_for_something_else():
    pair = Pair().connect()
    with pytest.raises(AssertionError, match="taken before"):
        pair.a._receive_other(Reply(1, b""), 0, pair.now, [])
    nothing: Any = None
    pair.a._receive_other(nothing, 0, pair.now, [])
    assert pair.a.state is SessionState.OPEN


def test_small_messages():
    pair = Pair().connect()
    assert pair.raw(pair.a, Ping(3, 17), Void(), Credit(2, 30)) == []
    assert pair.a.lag_ms == 17
    assert (pair.a.outbox.window.calls, pair.a.outbox.window.size) == (1026, 16 * 1024 * 1024 + 30)
    assert pair.messages(pair.a) == [Pong(3)]
    pair.raw(pair.a, Pong(1, 5))
    assert pair.a.lag_ms == 5
    events: list[Event] = []
    pair.a._receive_other(Extension(70), 0, pair.now, events)
    assert pair.a.skipped == 1
    assert events == []


def test_nothing_is_taken_without_a_connection():
    pair = Pair().connect()
    pair.call(pair.a)
    batches = pair.take(pair.a)
    pair.cut()
    assert pair.give(pair.b, batches) == []
    assert pair.b.expected == 2
    assert pair.a.frames_to_send(pair.now) is None


def test_a_request_that_was_late_on_its_way():
    """The base is the quickest batch; what a request takes beyond it is taken off its timeout."""
    pair = Pair().connect()
    call = pair.call(pair.a, timeout=0.5)
    other = pair.call(pair.a, timeout=5.0)
    batches = pair.take(pair.a)
    pair.now += 1.0
    late, in_time = pair.give(pair.b, batches)
    assert isinstance(late, Refused)
    assert late.code is Code.DEADLINE_EXCEEDED
    assert isinstance(in_time, IncomingCall)
    assert in_time.request.deadline == pair.now + 4.0
    pair.pump()
    assert call.failure is not None
    assert call.failure.outcome is Outcome.REJECTED
    assert other.state is OutgoingState.SENT


# --- draining ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_side_that_drains_rejects_what_comes_later(side):
    pair = Pair().connect()
    core: SessionCore = getattr(pair, side)
    there = pair.other(core)
    running = pair.served(core)
    core.go_away("maintenance")
    core.go_away("once more")
    late = pair.call(there)
    crossing = pair.take(there)
    (event,) = pair.move(core)
    assert isinstance(event, Draining)
    assert event.goaway == GoAway(running.request.id, 30_000, "maintenance")
    assert there.goaway == event.goaway
    (refused,) = pair.give(core, crossing)
    assert isinstance(refused, Refused)
    assert refused.code is Code.UNAVAILABLE
    pair.pump()
    if there is pair.a:  # the connector takes it back: it goes on a fresh session
        assert [twin.waiter for twin in event.unsent] == [late.waiter]
        assert late.state is OutgoingState.ENDED
    else:
        assert event.unsent == ()
        assert late.failure is not None
        assert late.failure.outcome is Outcome.REJECTED
    nested = pair.call(core, parent=running.request.id)
    pair.pump()
    assert nested.id in there.incoming.calls
    assert not core.is_settled() or core.is_flushed
    core.incoming.reply(running, b"done")
    pair.pump()
    pair.wait(0.1)
    assert core.is_settled()


def test_a_drained_session_takes_back_what_was_not_sent_there():
    pair = Pair().connect()
    with_id = pair.call(pair.a, b"1")
    pair.take(pair.a)
    queued = pair.call(pair.a, b"2")
    pair.b.go_away("x")
    (draining,) = pair.move(pair.b)
    assert [bytes(twin.body) for twin in draining.unsent] == [b"1", b"2"]
    assert with_id.state is queued.state is OutgoingState.ENDED
    assert pair.messages(pair.a) == [Cancel(with_id.id)]


def test_a_refusal_in_the_batch_of_the_goaway_does_not_reach_a_caller_who_can_go_elsewhere():
    pair = Pair().connect()
    late = pair.call(pair.a, b"late")
    sent = pair.take(pair.a)
    pair.b.go_away("x")
    pair.give(pair.a, sent)
    draining, *others = pair.move(pair.b)
    assert [bytes(twin.body) for twin in draining.unsent] == [b"late"]
    assert not others
    assert late.failure is None


def test_what_settles_a_drain_without_a_connection():
    pair = Pair().connect()
    running = pair.served(pair.b)
    pair.wait(0.1)
    pair.cut()
    assert pair.a.is_settled()
    assert pair.b.is_settled()
    pair.b.incoming.reply(running, b"x")
    assert not pair.b.is_settled(), "a reply waits"
    assert not pair.b.is_congested
    pair.resume()
    pair.take(pair.b)
    pair.cut()
    assert not pair.b.is_settled(), "it is not acknowledged"
    assert pair.b.in_flight == 0


# --- time -------------------------------------------------------------------------------------------------------------


def test_silence_is_asked_then_suspected_then_death():
    pair = Pair().connect()
    pair.wait(0.1)
    last = pair.now
    pair.now = pair.a.next_timer()
    assert pair.fire(pair.a) == []
    assert pair.messages(pair.a) == [Ping(1)]
    pair.now = pair.a.next_timer()
    assert pair.fire(pair.a) == []
    call = pair.call(pair.a)
    assert pair.a.frames_to_send(pair.now) is None, "a suspect link gets nothing new"
    assert call.state is OutgoingState.QUEUED
    pair.now = pair.a.next_timer()
    assert pair.now - last <= 5.0
    assert pair.fire(pair.a) == []
    assert pair.fire(pair.a) == [Broken("the other side is silent")]


def test_a_suspect_that_speaks_is_trusted_again():
    pair = Pair().connect()
    pair.wait(0.1)
    for _ in range(2):
        pair.now = pair.a.next_timer()
        pair.fire(pair.a)
    pair.a.next_timer()
    pair.call(pair.a)
    pair.now += 0.1
    pair.raw(pair.a, Pong(1))
    assert pair.a.wake_at <= pair.now + 2.0, "the next PING is due before the death would have been"
    assert [type(m) for m in pair.messages(pair.a)] == [Ping, Request]


def test_silence_while_greeting():
    pair = Pair()
    pair.hello()
    for _ in range(3):
        pair.now = pair.a.next_timer()
        assert pair.fire(pair.a) == []
        assert pair.a.frames_to_send(pair.now) is None
    assert broken(pair.fire(pair.a))


def test_a_link_that_acknowledges_nothing_is_given_up():
    pair = Pair().connect()
    pair.wait(0.1)
    pair.call(pair.a)
    pair.take(pair.a)
    began = pair.now
    for instant in range(1, 10):
        pair.now = began + instant
        pair.raw(pair.a)
        pair.raw(pair.a, ack=1)
        assert pair.fire(pair.a) == []
    pair.now = began + 10
    assert pair.a.wake_at <= pair.now
    assert pair.fire(pair.a) == [Broken("the other side acknowledges nothing")]


def test_a_link_that_acknowledges_nothing_for_the_grace_time_is_slow():
    pair = Pair(grace=25.0).connect()
    pair.wait(0.1)
    pair.call(pair.a)
    events: list[Event] = []
    for turn in range(3):
        pair.take(pair.a)
        began = pair.now
        for instant in range(1, 10):
            pair.now = began + instant
            pair.raw(pair.a, ack=1)
            assert pair.fire(pair.a) == []
        pair.now = began + 10
        events = pair.fire(pair.a)
        if turn < 2:
            assert events == [Broken("the other side acknowledges nothing")]
            pair.cut()
            pair.resume()
    assert broken(events)[0].code is ResetCode.SLOW
    assert ended(events)


def test_the_stall_begins_anew_with_the_connection():
    """What a WELCOME takes is not the link's fault."""
    pair = Pair(heartbeat=60.0).connect()
    pair.wait(0.1)
    pair.call(pair.a)
    pair.take(pair.a)
    pair.cut()
    hello = pair.hello()
    pair.now += 12
    assert pair.fire(pair.a) == []
    pair.b.accept(hello, pair.welcome(hello), pair.now)
    pair.move(pair.b)
    assert pair.fire(pair.a) == []
    assert pair.a.next_timer() == pair.now + 10
    pair.pump()
    assert len(pair.b.incoming.calls) == 1


@pytest.mark.parametrize("resuming", [False, True])
def test_the_grace_time_ends_the_session(resuming):
    pair = Pair(grace=4.0).connect()
    call, running = pair.call(pair.a), pair.served(pair.a)
    pair.pump()
    pair.cut()
    assert pair.a.next_timer() == pair.now + 4
    if resuming:
        pair.hello()
    pair.now += 4
    events = pair.fire(pair.a)
    assert len(broken(events)) == int(resuming)
    (end,) = ended(events)
    assert "grace" in end.reason
    assert call.failure is not None
    assert call.failure.outcome is Outcome.UNKNOWN
    assert running.state is IncomingState.ABANDONED
    assert pair.a.state is SessionState.ENDED
    assert pair.a.next_timer() == math.inf
    assert pair.fire(pair.a) == []


def test_the_grace_is_the_listeners():
    pair = Pair(grace=4.0)
    pair.a.terms = dataclasses.replace(pair.a.terms, grace=99.0)
    pair.connect()
    assert pair.a.grace == 4.0


def test_patience_of_calls_without_a_deadline():
    pair = Pair(patience=3.0)
    call, bounded = pair.call(pair.a), pair.call(pair.a, timeout=60.0)
    assert pair.a.next_timer() == pair.now + 3
    pair.now += 3
    assert pair.fire(pair.a) == [call]
    assert call.failure is not None
    assert call.failure.outcome is Outcome.NOT_SENT
    assert bounded.state is OutgoingState.QUEUED
    late = pair.call(pair.a)
    pair.connect()
    pair.now += 4
    assert late not in pair.fire(pair.a), "it was sent meanwhile"


def test_patience_begins_when_the_link_breaks():
    pair = Pair(patience=3.0).connect()
    sent = pair.call(pair.a)
    pair.take(pair.a)
    pair.a.gate = Gate.AHEAD
    queued = pair.call(pair.a)
    pair.cut()
    pair.now += 3
    assert pair.fire(pair.a) == [queued]
    assert sent.state is OutgoingState.SENT
    again = pair.call(pair.a)
    sent_meanwhile = pair.call(pair.a)
    pair.a.gate = Gate.OPEN
    pair.resume()
    pair.take(pair.a)
    pair.cut()
    pair.now += 3
    assert again.state is sent_meanwhile.state is OutgoingState.SENT
    assert pair.fire(pair.a) == []


def test_calls_of_on_connect_go_ahead():
    pair = Pair()
    pair.a.gate = Gate.AHEAD
    pair.connect()
    waiting, ahead = pair.call(pair.a, b"w"), OutgoingCall("S/m", 0, b"a")
    pair.a.open_call_ahead(ahead)
    pair.pump()
    assert [bytes(c.request.body) for c in pair.b.incoming.calls.values()] == [b"a"]
    pair.a.gate = Gate.OPEN
    pair.pump()
    assert waiting.state is OutgoingState.SENT


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_peer_that_asks_and_does_not_take_is_slow():
    pair = Pair(Limits(reserve_records=10)).connect()
    pair.raw(pair.a, *(Ping(n) for n in range(10)))
    assert pair.a.state is SessionState.OPEN
    events = pair.raw(pair.a, Ping(11))
    assert broken(events)[0].code is ResetCode.SLOW
    assert pair.a.state is SessionState.ENDED
    assert pair.raw(pair.a, Ping(12)) == []


def test_the_backlog_is_looked_at_by_the_timer_too():
    pair = Pair(Limits(reserve_records=2)).connect()
    for n in range(3):
        pair.a.outbox.add_control(Pong(n))
    events = pair.fire(pair.a)
    assert broken(events)[0].code is ResetCode.SLOW


def test_too_many_refused_bodies_end_the_session_by_the_timer():
    with small_fragments():
        pair = Pair(Limits(window_calls=5000, window_bytes=10_000_000, reserve_records=100_000)).connect()
        pair.b.incoming._skipping = dict.fromkeys(range(10_001, 10_001 + 2 * MAX_SKIPPING, 2), 0)
        request = Request(1, "S/m", 1000, 0, b"")
        pair.raw(pair.b, Fragment(request, Type.REQUEST, 1, b"x", True))
        pair.now += 1.5
        events = pair.fire(pair.b)
        assert broken(events)[0].code is ResetCode.PROTOCOL
        assert pair.b.state is SessionState.ENDED


def test_unacknowledged_records_are_bounded():
    pair = Pair(Limits(resend_records=128)).connect()
    calls = [pair.call(pair.a) for _ in range(300)]
    pair.take(pair.a)
    assert pair.a.unacknowledged <= 129
    pair.pump()
    pair.wait(0.5)
    assert all(call.state is OutgoingState.SENT for call in calls)
    assert len(pair.b.incoming.calls) == 300


def test_an_acknowledgement_waits_for_the_connection():
    """A batch that is not taken shuts out the timer of the acknowledgement behind it."""
    pair = Pair().connect()
    pair.wait(0.1)
    pair.call(pair.a)
    assert pair.a.frames_to_send(pair.now) is not None
    pair.raw(pair.a, Void())
    assert pair.a.next_timer() > pair.now + 1.0
    pair.a.handed_over()
    assert pair.a.next_timer() == pair.now + 0.025


# --- anything ---------------------------------------------------------------------------------------------------------


def _states():
    """Cores in every state, and a way to make them."""

    def new():
        return Pair().a

    def greeting():
        pair = Pair()
        pair.hello()
        return pair.a

    def opening():
        pair = Pair()
        hello = pair.hello()
        pair.b.accept(hello, pair.welcome(hello), pair.now)
        return pair.b

    def opened(side="a"):
        pair = Pair(Limits(window_calls=16, window_bytes=100_000, unfinished_bytes=3000)).connect()
        pair.call(pair.a, b"x")
        pair.call(pair.b, bytes(100), timeout=5.0)
        running = pair.served(pair.a)
        pair.call(pair.a, parent=running.request.id)
        pair.take(pair.a)
        pair.raw(pair.b, Fragment(Request(9, "S/m", None, 0, b""), Type.REQUEST, 9, b"x" * 100, True))
        return getattr(pair, side)

    def listening():
        return opened("b")

    def detached():
        pair = Pair().connect()
        pair.cut()
        return pair.a

    def resuming():
        pair = Pair().connect()
        pair.cut()
        pair.hello()
        return pair.a

    def over():
        pair = Pair().connect()
        pair.a.end("x")
        return pair.a

    return [new, greeting, opening, opened, listening, detached, resuming, over]


IDS = st.sampled_from([0, 1, 2, 3, 4, 9, 11, 12, 13, 14, 2**62])
BODIES = st.binary(max_size=30)
METHODS = st.sampled_from(["S/m", "", "x"])
REQUESTS = st.builds(
    Request,
    IDS.filter(bool),
    METHODS,
    st.sampled_from([None, 0, 5, 2**40]),
    st.integers(0, 3),
    BODIES,
    st.sampled_from([None, "k", 1]),
    st.none(),
    st.sampled_from([0, 0, 1, 2, 3, 4]),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    REQUESTS,
    st.builds(Reply, IDS, BODIES),
    st.builds(Error, IDS, st.sampled_from(Code), st.sampled_from(Outcome)),
    st.builds(Cancel, IDS),
    st.builds(Credit, st.integers(0, 2**40), st.integers(0, 2**40)),
    st.builds(Ping, IDS),
    st.builds(Pong, IDS),
    st.builds(GoAway, IDS, IDS),
    st.builds(Void),
    st.builds(Offer),
    st.builds(Reset, st.sampled_from(ResetCode)),
)
ALONE: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        lambda r, b, more: Fragment(dataclasses.replace(r, body=b""), Type.REQUEST, r.id, b, more),
        REQUESTS,
        st.binary(min_size=1, max_size=30),
        st.booleans(),
    ),
    st.builds(lambda i, b, m: Fragment(None, Type.REQUEST, i, b, m), IDS, st.binary(min_size=1), st.booleans()),
    st.builds(lambda i, b: Fragment(Reply(i, b""), Type.REPLY, i, b, True), IDS, st.binary(min_size=1, max_size=2000)),
    st.builds(
        Welcome,
        st.just(1),
        IDS,
        st.just(TOKEN),
        st.booleans(),
        st.integers(0, 5),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
        st.integers(0, 2**40),
        st.integers(1, 2**31),
        st.integers(0, 2**31),
    ),
)
FLIPS = st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), max_size=3)
BATCHES = st.one_of(
    st.tuples(st.lists(MESSAGES, max_size=6), st.integers(0, 12), st.integers(0, 6), FLIPS, st.integers(0, 40)),
    st.tuples(st.lists(ALONE, min_size=1, max_size=1), st.integers(0, 12), st.integers(0, 6), FLIPS, st.just(0)),
)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(_states()), st.lists(BATCHES, max_size=8), st.lists(st.binary(max_size=80), max_size=3))
def test_whatever_arrives_nothing_is_raised(make, batches, rubbish):
    """Well-formed, truncated, with flipped bytes or random: in every state the timer stays right and nothing raises."""
    core = make()
    now = 200.0
    armed = core.next_timer()
    if len(rubbish) == 3:
        core.receive(rubbish, now)
    for messages, place_in_order, acknowledged, flips, shortened in batches:
        seq = core.expected if place_in_order < 9 else place_in_order - 9
        ack = min(acknowledged, core.last_number + 1) if acknowledged else core.last_number + 1
        try:
            frames = [bytearray(frame) for frame in wire.encode(messages, seq, ack, 5)]
        except ValueError:
            continue
        for place, value in flips:
            frames[0][place % len(frames[0])] ^= value
        if shortened > 35:
            del frames[0][-shortened + 35 :]
        core.receive([bytes(frame) for frame in frames], now)
        now += 0.01
        if core.wake_at < armed:
            armed = core.next_timer()
        kept = core._deadlines.wake_at
        assert armed <= core.next_timer()
        core._deadlines.wake_at = kept
        for _ in range(20):
            if core.frames_to_send(now) is None:
                break
            core.handed_over()
    core.on_timer(now)
    core.receive(rubbish, now)
    core.detach(now)
    core.end("enough")
    assert core.next_timer() == math.inf
    assert not core.outbox.outgoing


def test_roles():
    assert SessionCore(Role.CONNECTOR, Terms()).outbox._next_id == 1
    assert SessionCore(Role.LISTENER, Terms()).outbox._next_id == 2


# --- compression ------------------------------------------------------------------------------------------------------


def test_each_side_knows_what_the_other_decompresses_and_keeps_it():
    pair = Pair()
    pair.a.terms = dataclasses.replace(pair.a.terms, compressions=("snappy",))
    pair.b.terms = dataclasses.replace(pair.b.terms, compressions=("zstd",))
    assert pair.a.compressions == pair.b.compressions == ()
    pair.connect()
    assert (pair.a.compressions, pair.b.compressions) == (("zstd",), ("snappy",))
    pair.cut()
    pair.a.terms = dataclasses.replace(pair.a.terms, compressions=("zstd",))
    pair.b.terms = dataclasses.replace(pair.b.terms, compressions=())
    pair.resume()
    assert (pair.a.compressions, pair.b.compressions) == (("zstd",), ("snappy",))
