"""What is said of a call that has no answer is true, also of one that the connection has refused so far."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from callosum.errors import Outcome
from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, OutgoingCall
from callosum.protocol.events import Refused
from callosum.protocol.limits import Limits
from callosum.protocol.messages import Cancel, CancelReason, Error, Fragment, Request, Void
from tests.protocol.pair import FRAGMENT, Pair, small_fragments

SIZES = pytest.mark.parametrize("size", [10, 3 * FRAGMENT], ids=["small", "large"])
KINDS = pytest.mark.parametrize("oneway", [False, True], ids=["unary", "oneway"])


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with small_fragments():
        yield


def refuse_last(pair):
    """Hand over all batches but the last, which is offered and refused."""
    while True:
        frames = pair.a.frames_to_send(pair.now)
        batch = wire.decode([bytes(frame) for frame in frames])
        call = batch.messages[-1]
        if isinstance(call, Request) or (isinstance(call, Fragment) and not call.more):
            return [bytes(frame) for frame in frames]
        pair.give(pair.b, [pair.next(pair.a)])


def outcome(call):
    assert call.failure is not None
    return call.failure.outcome


@SIZES
@KINDS
def test_what_the_connection_may_still_take_is_not_surely_unsent(size, oneway):
    pair = Pair().connect()
    call = pair.call(pair.a, bytes(size), timeout=1.0, oneway=oneway)
    batch = refuse_last(pair)
    pair.now += 1.0
    assert pair.fire(pair.a) == [call]
    assert outcome(call) is Outcome.UNKNOWN
    offered = pair.a.frames_to_send(pair.now) or []
    assert [bytes(frame) for frame in offered] == batch, "it is offered again unchanged"
    pair.now -= 0.9  # whatever the other side's clock makes of it
    (arrived,) = [event for event in pair.give(pair.b, [batch]) if isinstance(event, IncomingCall)]
    assert arrived.start(), "it runs: NOT_SENT would have been a lie"


@KINDS
def test_what_the_connection_never_took_is_unsent_once_that_is_gone_and_is_voided(oneway):
    pair = Pair().connect()
    call = pair.call(pair.a, b"x", timeout=1.0, oneway=oneway)
    refuse_last(pair)
    pair.cut()
    pair.now += 1.0
    assert pair.fire(pair.a) == [call]
    assert outcome(call) is Outcome.NOT_SENT
    pair.resume()
    window = pair.a.outbox.window
    assert pair.messages(pair.a) == [Void(), Cancel(call.id, CancelReason.DEADLINE)]
    assert (window.calls, window.size) == (1024, Limits().window_bytes)


@KINDS
def test_a_large_call_that_was_sent_in_part_is_sent_to_its_end_after_a_cut(oneway):
    pair = Pair().connect()
    call = pair.call(pair.a, bytes(3 * FRAGMENT), timeout=1.0, oneway=oneway)
    refuse_last(pair)
    pair.cut()
    pair.now += 0.9
    pair.resume()  # both sides' clocks say that there is time left
    pair.cut()
    pair.now += 0.1
    pair.a.on_timer(pair.now)
    assert outcome(call) is Outcome.UNKNOWN
    pair.resume()
    last, cancel = pair.messages(pair.a)
    assert isinstance(last, Fragment)
    assert not last.more
    assert cancel == Cancel(call.id, CancelReason.DEADLINE)


def test_all_of_a_batch_that_was_never_taken_is_voided():
    pair = Pair().connect()
    kinds = (False, True, False, True)
    calls = [pair.call(pair.a, b"x", timeout=1.0, oneway=oneway) for oneway in kinds]
    refuse_last(pair)
    pair.cut()
    pair.now += 1.0
    assert pair.fire(pair.a) == calls
    assert {outcome(call) for call in calls} == {Outcome.NOT_SENT}
    pair.resume()
    assert [message for message in pair.messages(pair.a) if not isinstance(message, Cancel)] == [Void()] * 4


@KINDS
def test_the_very_first_record_is_unsent_until_it_is_taken(oneway):
    pair = Pair().connect()
    call = pair.call(pair.b, b"x", oneway=oneway)
    assert pair.b.frames_to_send(pair.now) is not None
    assert (call.first, pair.b.outgoing.handed_over) == (1, 1)
    pair.b.end("because")
    assert outcome(call) is Outcome.NOT_SENT


def test_a_large_call_whose_end_has_no_number_is_surely_unsent():
    pair = Pair(Limits(bulk_window=FRAGMENT)).connect()
    call = pair.call(pair.a, bytes(3 * FRAGMENT), timeout=1.0)
    pair.move(pair.a)
    pair.now += 1.0
    pair.fire(pair.a)
    assert outcome(call) is Outcome.NOT_SENT
    pair.pump()
    assert not pair.seen(pair.b, IncomingCall)
    assert not pair.b.incoming.calls


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_large_nested_call_whose_caller_has_gone_is_voided_whole_or_sent_whole(lost):
    """`lost`: from which fragment on the link loses them."""
    pair = Pair().connect()
    running = pair.served(pair.b)
    nested = pair.call(pair.b, bytes(3 * FRAGMENT), parent=running.request.id)
    batches = pair.take(pair.b)
    pair.give(pair.a, batches[:lost])
    pair.b.outgoing.cancel(nested, CancelReason.CANCELLED)
    pair.cut()
    pair.resume()
    window = pair.b.outbox.window
    before = window.calls, window.size
    messages = pair.messages(pair.b)
    assert [type(message) for message in messages[:-1]] == [Void if lost == 0 else Fragment] * (3 - lost)
    assert isinstance(messages[-1], Cancel)
    assert (window.calls, window.size) == before, "nested calls take no window, and get none back"


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_the_window_of_a_voided_call_is_taken_back_and_of_a_sent_one_is_not(lost):
    pair = Pair().connect()
    call = pair.call(pair.a, bytes(3 * FRAGMENT))
    window = pair.a.outbox.window
    pair.give(pair.b, pair.take(pair.a)[:lost])
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    pair.cut()
    pair.resume()
    assert window.calls == (1023 if lost else 1024)
    pair.pump()
    for abandoned in list(pair.b.incoming.calls.values()):
        pair.b.incoming.finish(abandoned)
    pair.pump()
    there = pair.b.incoming._window
    assert window.size == there._size
    assert there._size + there._owed_size == Limits().window_bytes


# --- nested calls -----------------------------------------------------------------------------------------------------


def sent_now(pair):
    return sum(isinstance(message, Request) for message in pair.messages(pair.b))


def test_a_nested_call_that_ends_while_it_waits_makes_room_for_no_other():
    pair = Pair().connect()
    ident = pair.served(pair.b).request.id
    calls = [pair.call(pair.b, parent=ident) for _ in range(10)]
    assert sent_now(pair) == 8
    pair.b.outgoing.cancel(calls[8], CancelReason.CANCELLED)
    pair.call(pair.b, parent=ident)
    assert sent_now(pair) == 0
    pair.b.outgoing.cancel(calls[0], CancelReason.CANCELLED)
    assert sent_now(pair) == 1
    assert calls[9].id > 0


def test_what_is_called_in_the_handler_of_a_oneway_has_no_parent():
    pair = Pair().connect()
    pair.call(pair.a, oneway=True)
    pair.pump()
    (running,) = pair.b.incoming.calls.values()
    running.start()
    call = pair.call(pair.b, parent=running.request.id)
    pair.pump()
    assert call.parent == 0
    assert [event.request.id for event in pair.seen(pair.a, IncomingCall)] == [call.id]


def hostile_nested(pair, count, parent, **fields):
    requests = [Request(2 * number + 2, "S/m", None, 0, b"", parent=parent, **fields) for number in range(count)]
    return [event for request in requests for event in pair.raw(pair.a, request)]


def test_who_makes_more_nested_calls_than_permitted_is_answered():
    pair = Pair().connect()
    parent = pair.call(pair.a)
    pair.pump()
    events = hostile_nested(pair, 10, parent.id)
    assert [type(event) for event in events] == [IncomingCall] * 8 + [Refused] * 2
    errors = [message for message in pair.messages(pair.a) if isinstance(message, Error)]
    assert {(error.code.name, error.outcome) for error in errors} == {("RESOURCE_EXHAUSTED", Outcome.REJECTED)}
    pair.a.incoming.finish(events[0])
    (event,) = pair.raw(pair.a, Request(100, "S/m", None, 0, b"", parent=parent.id))
    assert isinstance(event, IncomingCall)


def test_nested_calls_that_were_cancelled_count_until_their_handlers_end():
    pair = Pair().connect()
    parent = pair.call(pair.a)
    pair.pump()
    taken = []
    for number in range(1, 60):
        ident = 2 * number
        events = pair.raw(pair.a, Request(ident, "S/m", None, 0, b"", parent=parent.id), Cancel(ident))
        taken.append(isinstance(events[0], IncomingCall))
    assert taken == [True] * 32 + [False] * 27
    for call in list(pair.a.incoming.calls.values()):
        pair.a.incoming.finish(call)
    assert not pair.a.incoming._nested
    assert pair.a.incoming._nested_bytes == 0


def test_the_bodies_of_nested_calls_are_bounded():
    pair = Pair(Limits(unfinished_bytes=1000)).connect()
    parent = pair.call(pair.a)
    pair.pump()
    one, two, three = (
        Request(ident, "S/m", None, 0, bytes(size), parent=parent.id) for ident, size in ((2, 600), (4, 500), (6, 400))
    )
    first, refused, third = (event for request in (one, two, three) for event in pair.raw(pair.a, request))
    assert isinstance(first, IncomingCall)
    assert isinstance(refused, Refused)
    assert isinstance(third, IncomingCall)


def test_the_bodies_of_nested_calls_in_fragments_are_bounded():
    pair = Pair(Limits(unfinished_bytes=1000)).connect()
    parent = pair.call(pair.a)
    pair.pump()
    whole = Request(2, "S/m", None, 0, bytes(600), parent=parent.id)
    pair.raw(pair.a, whole)
    head = Request(4, "S/m", None, 0, b"", parent=parent.id)
    assert pair.raw(pair.a, Fragment(head, 5, 4, bytes(300), True)) == []
    (refused,) = pair.raw(pair.a, Fragment(None, 5, 4, bytes(200), True))
    assert isinstance(refused, Refused)
    assert pair.raw(pair.a, Fragment(None, 5, 4, bytes(200), False)) == []
    assert pair.a.incoming._nested_bytes == 600
    assert pair.a.incoming._assembly.size == 0


# --- bounds of one body -----------------------------------------------------------------------------------------------


def test_a_whole_body_over_the_limit_is_refused():
    pair = Pair(Limits(body_bytes=50)).connect()
    (refused,) = pair.raw(pair.b, Request(1, "S/m", None, 0, bytes(51)))
    assert isinstance(refused, Refused)
    (taken,) = pair.raw(pair.b, Request(3, "S/m", None, 0, bytes(50)))
    assert isinstance(taken, IncomingCall)


def test_a_whole_reply_over_the_limit_ends_its_call():
    pair = Pair(Limits(body_bytes=50)).connect()
    call = pair.call(pair.a)
    pair.pump()
    (running,) = pair.b.incoming.calls.values()
    running.start()
    pair.b.incoming.reply(running, bytes(51))
    assert pair.move(pair.b) == [call]
    assert outcome(call) is Outcome.EXECUTED
    assert call.reply is None


def test_parts_of_a_reply_are_let_go_with_their_call():
    pair = Pair().connect()
    call = pair.call(pair.a)
    pair.pump()
    (running,) = pair.b.incoming.calls.values()
    running.start()
    pair.b.incoming.reply(running, bytes(3 * FRAGMENT))
    first, *others = pair.take(pair.b)
    pair.give(pair.a, [first])
    assert pair.a.outgoing._assembly.size == FRAGMENT
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    assert pair.a.outgoing._assembly.size == 0
    pair.give(pair.a, others)
    assert pair.a.outgoing._assembly.size == 0
    assert not pair.seen(pair.a, OutgoingCall)


def test_credit_returns_where_calls_that_run_for_long_hold_most_of_the_window():
    """An eighth that is never reached must not lie between the caller and the rest of its window."""
    pair = Pair(Limits(window_calls=16)).connect()
    for _ in range(15):
        pair.served(pair.b)
    for _ in range(20):
        pair.b.incoming.reply(pair.served(pair.b), b"")
        pair.pump()


def test_small_calls_end_where_unfinished_bodies_hold_most_of_the_window():
    pair = Pair(Limits(window_bytes=20 * FRAGMENT, bulk_window=100 * FRAGMENT)).connect()
    large = [pair.call(pair.a, bytes(10 * FRAGMENT)) for _ in range(19)]
    for _ in range(19):
        pair.give(pair.b, [pair.next(pair.a)])
    small = [pair.call(pair.a, bytes(50)) for _ in range(40)]
    for _ in range(400):
        pair.pump()
        for call in list(pair.b.incoming.calls.values()):
            if call.start():
                pair.b.incoming.reply(call, b"")
        pair.now += 0.1
    assert all(call.reply is not None for call in (*small, *large))
