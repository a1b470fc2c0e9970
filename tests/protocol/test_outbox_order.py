"""Who leaves before whom: keys, calls that wait for nothing, large bodies, and the bounds of what is under way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from callosum.protocol import wire
from callosum.protocol.calls import OutgoingCall, OutgoingState
from callosum.protocol.limits import Limits
from callosum.protocol.messages import CancelReason, Credit, Fragment, Offered, Reply, Request
from callosum.protocol.outbox import Gate
from tests.protocol.pair import FRAGMENT, INLINE, Pair, small_fragments

LARGE = bytes(3 * FRAGMENT)


@pytest.fixture(autouse=True)
def _small() -> Iterator[None]:
    with small_fragments():
        yield


def sent(pair, core):
    """The bodies' first bytes of the requests that leave, in their order."""
    found = []
    for message in pair.messages(core):
        request = message.message if isinstance(message, Fragment) else message
        if isinstance(request, Request):
            found.append(bytes(message.body[:1]))
    return found


def nested_pair(limits=None):
    """``b`` serves a call of ``a`` and may call back in its handler."""
    pair = Pair(limits).connect()
    return pair, pair.served(pair.b)


def test_what_follows_a_large_body_of_its_key_waits_until_that_has_begun():
    pair = Pair().connect()
    for body, key in [(b"1" + LARGE, "k"), (b"2", "k"), (b"3", "other"), (b"4", None)]:
        pair.call(pair.a, body, key=key)
    assert sent(pair, pair.a) == [b"3", b"4", b"1", b"2"]


def test_large_bodies_of_one_key_begin_in_their_order():
    pair = Pair().connect()
    for body in (b"1" + LARGE, b"2" + LARGE, b"3", b"4" + LARGE, b"5"):
        pair.call(pair.a, body, key=7)
    assert sent(pair, pair.a) == [b"1", b"2", b"3", b"4", b"5"]


def test_a_large_body_that_is_cancelled_half_way_does_not_let_go_of_a_later_one_s_key():
    pair = Pair(Limits(window_calls=1, bulk_window=FRAGMENT)).connect()
    first = pair.call(pair.a, b"1" + LARGE, key="k")
    pair.next(pair.a)
    pair.call(pair.a, b"2" + LARGE, key="k")
    pair.call(pair.a, b"3", key="k")
    assert pair.messages(pair.a) == []
    pair.a.outgoing.cancel(first, CancelReason.CANCELLED)
    pair.raw(pair.a, ack=pair.a.last_number + 1)
    assert sent(pair, pair.a) == []
    pair.raw(pair.a, Credit(2, 100 * FRAGMENT))
    assert sent(pair, pair.a)[:2] == [b"2", b"3"]


def test_a_large_body_that_is_withdrawn_lets_go_of_its_key_at_once():
    pair = Pair(Limits(window_calls=1)).connect()
    pair.call(pair.a, b"0")
    pair.move(pair.a)
    first = pair.call(pair.a, b"1" + LARGE, key="k")
    pair.call(pair.a, b"2", key="k")
    assert pair.messages(pair.a) == []
    pair.a.outgoing.cancel(first, CancelReason.CANCELLED)
    assert pair.raw(pair.a, Credit(1, 1)) == []
    assert sent(pair, pair.a) == [b"2"]
    assert pair.a.is_flushed


def test_requeued_calls_of_one_key_keep_their_order():
    pair = Pair()
    calls = [pair.call(pair.a, body, key="k") for body in (b"1" + LARGE, b"2", b"3" + LARGE, b"4")]
    unsent = pair.a.outgoing.take_unsent()
    assert [bytes(call.body[:1]) for call in unsent] == [b"1", b"2", b"3", b"4"]
    assert {call.state for call in calls} == {OutgoingState.ENDED}


def test_requeued_calls_of_one_key_keep_their_order_where_a_large_body_has_been_in_turn():
    pair = Pair(Limits(window_calls=1)).connect()
    pair.call(pair.a, b"0")
    pair.move(pair.a)
    for body in (b"1" + LARGE, b"2", b"3"):
        pair.call(pair.a, body, key="k")
    assert pair.messages(pair.a) == []  # the large body waits for the window, the second call behind it
    pair.call(pair.a, b"4", key="k")
    unsent = pair.a.outgoing.take_unsent()
    assert [bytes(call.body[:1]) for call in unsent] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("size", [1, INLINE + 1, 3 * FRAGMENT])
def test_on_connect_may_call_with_a_body_of_any_size(size):
    pair = Pair().connect()
    pair.a.gate = Gate.AHEAD
    pair.call(pair.a, b"later")
    calls = [OutgoingCall("S/m", 0, b"x" * size, "k") for _ in range(3)]
    for call in calls:
        pair.a.open_call_ahead(call)
    assert sent(pair, pair.a) == [b"x"] * 3
    assert all(call.last for call in calls)
    assert not pair.a.outbox._early
    pair.a.gate = Gate.OPEN
    assert sent(pair, pair.a) == [b"l"]


def test_a_large_body_of_on_connect_waits_while_the_link_is_not_trusted():
    pair = Pair(heartbeat=1.0).connect()
    pair.a.gate = Gate.AHEAD
    pair.a.open_call_ahead(OutgoingCall("S/m", 0, LARGE))
    pair.now += 1.0
    pair.fire(pair.a)
    pair.take(pair.a)  # the PING
    pair.now += 1.0
    pair.a.open_call_ahead(OutgoingCall("S/m", 0, LARGE))
    pair.fire(pair.a)
    assert sent(pair, pair.a) == []
    pair.raw(pair.a)
    assert len(sent(pair, pair.a)) == 1


def test_a_large_body_of_on_connect_that_waits_for_the_window_waits_for_trust_too():
    pair = Pair(Limits(window_calls=1), heartbeat=1.0).connect()
    pair.call(pair.a, b"0")
    pair.take(pair.a)
    pair.a.gate = Gate.AHEAD
    pair.a.open_call_ahead(OutgoingCall("S/m", 0, LARGE))
    assert pair.take(pair.a) == []
    for _ in range(2):
        pair.now += 1.0
        pair.fire(pair.a)
    assert sent(pair, pair.a) == []
    pair.a.outbox.window.take_back(1, 0)
    assert sent(pair, pair.a) == [], "a PONG is overdue"
    pair.raw(pair.a)
    assert len(sent(pair, pair.a)) == 1


def test_a_withdrawn_large_body_of_on_connect_leaves_nothing():
    pair = Pair(Limits(window_calls=1)).connect()
    pair.call(pair.a, b"0")
    pair.move(pair.a)
    pair.a.gate = Gate.AHEAD
    call = OutgoingCall("S/m", 0, LARGE)
    pair.a.open_call_ahead(call)
    assert pair.messages(pair.a) == []
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    assert pair.a.is_flushed
    assert not pair.a.outbox._early


@pytest.mark.parametrize("size", [1, 3 * FRAGMENT])
def test_a_nested_call_waits_for_no_window_and_for_no_call_of_on_connect(size):
    pair, running = nested_pair(Limits(window_calls=1))
    pair.call(pair.b, b"window")
    pair.move(pair.b)
    pair.b.open_call_ahead(OutgoingCall("S/m", 0, b"ahead"))
    pair.call(pair.b, b"n" * size, parent=running.request.id)
    assert sent(pair, pair.b) == [b"n"]


def test_a_nested_call_behind_a_large_body_of_its_key_stays_a_nested_one():
    pair, running = nested_pair(Limits(window_calls=1))
    pair.call(pair.b, b"window")
    pair.move(pair.b)
    pair.call(pair.b, b"1" + LARGE, key="k", parent=running.request.id)
    pair.call(pair.b, b"2", key="k", parent=running.request.id)
    assert sent(pair, pair.b) == [b"1", b"2"]


def test_a_nested_call_that_has_not_left_when_its_handler_ends_goes_without_it():
    pair, running = nested_pair()
    small = pair.call(pair.b, b"1", parent=running.request.id)
    large = pair.call(pair.b, b"2" + LARGE, parent=running.request.id)
    pair.b.incoming.reply(running, b"done")
    assert small.parent == 0
    assert large.parent == 0
    assert sent(pair, pair.b) == [b"1", b"2"]


def test_a_nested_call_whose_large_body_waits_goes_without_its_handler_too():
    pair, running = nested_pair(Limits(bulk_window=FRAGMENT))
    ident = running.request.id
    begun = pair.call(pair.b, b"0" + LARGE, parent=ident)
    held = pair.call(pair.b, b"1" + LARGE, key="k", parent=ident)
    behind = pair.call(pair.b, b"2", key="k", parent=ident)
    pair.take(pair.b)  # one fragment: nothing is acknowledged
    assert begun.offset == FRAGMENT
    pair.b.incoming.finish(running)
    assert [call.parent for call in (begun, held, behind)] == [ident, 0, 0]


def test_large_bodies_take_turns():
    pair = Pair().connect()
    for mark in (b"1", b"2"):
        pair.call(pair.a, mark * 3 * FRAGMENT)
    bodies = [bytes(message.body[:1]) for message in pair.messages(pair.a) if isinstance(message, Fragment | Request)]
    assert bodies == [b"1", b"2", b"1", b"2", b"1", b"2"]


def test_no_more_than_the_bulk_window_is_under_way():
    pair = Pair(Limits(bulk_window=2 * FRAGMENT)).connect()
    pair.call(pair.a, bytes(INLINE + 1))
    pair.call(pair.a, bytes(FRAGMENT))
    pair.call(pair.a, bytes(FRAGMENT))
    batches = pair.take(pair.a)
    assert len(batches) == 2
    assert pair.a._resend.bulk == INLINE + 1 + FRAGMENT
    pair.call(pair.a, b"small")
    batches += pair.take(pair.a)
    assert len(batches) == 3
    pair.give(pair.b, batches)
    pair.pump()
    pair.wait(1.0)
    assert len(pair.b.incoming.calls) == 4


def test_the_last_piece_of_a_body_takes_only_its_own_room():
    pair = Pair(Limits(bulk_window=5 * FRAGMENT // 2)).connect()
    pair.call(pair.a, bytes(5 * FRAGMENT // 2))
    assert len(pair.take(pair.a)) == 3


def test_one_fragment_leaves_however_small_the_bulk_window_is():
    pair = Pair(Limits(bulk_window=1)).connect()
    pair.call(pair.a, LARGE)
    assert len(pair.take(pair.a)) == 1
    assert len(pair.take(pair.a)) == 0


def test_large_replies_keep_the_bounds_too():
    pair = Pair(Limits(bulk_window=2 * FRAGMENT)).connect()
    for running in [pair.served(pair.b), pair.served(pair.b)]:
        pair.b.incoming.reply(running, bytes(2 * FRAGMENT))
    pieces = [message for message in pair.messages(pair.b) if isinstance(message, Fragment | Reply)]
    assert len(pieces) == 2
    assert pair.b.outbox.reply_bytes == 2 * FRAGMENT


def test_the_bytes_that_are_kept_stay_within_their_bound_with_large_bodies_too():
    pair = Pair(Limits(resend_bytes=300_000, bulk_window=1_000_000)).connect()
    for _ in range(50):
        pair.call(pair.a, LARGE)
    pair.take(pair.a)
    assert 30_000 < pair.a._resend.size <= 300_000


def test_credit_that_waits_is_merged():
    pair = Pair(Limits(window_calls=1)).connect()
    outbox = pair.b.outbox
    outbox.add_credit(1, 10)
    outbox.add_credit(2, 20)
    assert pair.messages(pair.b) == [Credit(3, 30)]


def test_the_offer_of_very_many_services_is_a_frame_of_its_own():
    pair = Pair(services=tuple(Offered(f"Service{number}", "f" * 64, ("thrift",)) for number in range(20)))
    hello = pair.hello()
    pair.b.accept(hello, pair.welcome(hello), pair.now)
    pair.move(pair.b)
    (batch,) = pair.take(pair.a)
    assert len(batch) == 2
    pair.give(pair.b, [batch])
    assert wire.decode(batch).messages
    assert pair.b.state is pair.a.state
