from __future__ import annotations

from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, OutgoingState
from callosum.protocol.limits import Limits
from callosum.protocol.messages import (
    Cancel,
    CancelReason,
    Fragment,
    Request,
    Void,
)
from tests.protocol.pair import Pair, small_fragments


def test_requests_whose_caller_has_gone_leave_as_void():
    with small_fragments():
        pair = Pair(Limits(window_calls=10, window_bytes=50_000)).connect()
        parent = pair.served(pair.a)
        before = pair.a.outbox.window.calls, pair.a.outbox.window.size
        small, large = pair.call(pair.a, b"x"), pair.call(pair.a, bytes(2500))
        kept, oneway = pair.call(pair.a, b"k"), pair.call(pair.a, b"o", oneway=True)
        nested = pair.call(pair.a, b"n", parent=parent.request.id)
        large_nested = pair.call(pair.a, bytes(1500), parent=parent.request.id)
        whole = pair.call(pair.a, bytes(500))
        pair.take(pair.a)
        gone = (small, large, nested, large_nested, whole)
        for call in gone:
            assert call.state is OutgoingState.SENT
            pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
        pair.cut()
        pair.resume()
        window = pair.a.outbox.window
        assert (window.calls, window.size) == (before[0] - 2, before[1] - 2)
        batches = pair.take(pair.a)
        kinds = [type(m) for batch in batches for m in wire.decode(batch).messages]
        assert kinds.count(Request) == 2, "what has a caller, and the oneway"
        assert kinds.count(Void) == 8
        assert Fragment not in kinds
        assert kinds.count(Cancel) == 5
        events = pair.give(pair.b, batches)
        assert [type(event) for event in events] == [IncomingCall, IncomingCall]
        assert kept.state is OutgoingState.SENT
        assert oneway.state is OutgoingState.ENDED


def test_a_body_that_has_begun_to_arrive_is_completed_before_its_cancel():
    with small_fragments():
        pair = Pair(Limits(window_calls=8, window_bytes=50_000)).connect()
        call = pair.call(pair.a, bytes(2500))
        first, _lost, _lost_too = pair.take(pair.a)
        pair.give(pair.b, [first])
        pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
        pair.cut()
        pair.resume()
        batches = pair.take(pair.a)
        kinds = [type(m) for batch in batches for m in wire.decode(batch).messages]
        assert kinds == [Fragment, Fragment, Cancel]
        events = pair.give(pair.b, batches)
        assert [e.state for e in events if isinstance(e, IncomingCall)] == [IncomingState.ABANDONED] * 2
        pair.b.incoming.finish(pair.seen(pair.b, IncomingCall)[0])
        assert pair.b.incoming._assembly.size == 0
        pair.pump()
        assert pair.a.outbox.window.calls == 8


def test_timeouts_are_rewritten_when_sent_again():
    pair = Pair().connect()
    pair.call(pair.a, timeout=10.0)
    with_fragments = pair.call(pair.a, bytes(3_000_000), timeout=10.0)
    (first, *_rest) = pair.take(pair.a)
    (sent,) = wire.decode(first).messages
    assert isinstance(sent, Request)
    assert sent.timeout_ms == 10_000
    pair.cut()
    pair.now += 4
    pair.resume()
    messages = pair.messages(pair.a)
    assert [m.timeout_ms for m in messages if isinstance(m, Request)] == [6000]
    assert [m.message.timeout_ms for m in messages if isinstance(m, Fragment) and isinstance(m.message, Request)] == [
        6000
    ]
    assert with_fragments.state is OutgoingState.SENT


def test_a_oneway_that_was_numbered_but_not_taken_ends_when_it_is_sent_again():
    with small_fragments():
        pair = Pair().connect()
        small = pair.call(pair.a, oneway=True)
        assert pair.a.frames_to_send(pair.now) is not None
        assert small.state is OutgoingState.SENT
        pair.cut()
        pair.resume()
        pair.pump()
        assert small.state is OutgoingState.ENDED
        assert pair.seen(pair.a, OutgoingCall) == [small]
        large = pair.call(pair.a, bytes(1500), oneway=True)
        pair.give(pair.b, [pair.next(pair.a)])
        assert large.state is OutgoingState.SENT
        assert pair.a.frames_to_send(pair.now) is not None
        pair.cut()
        pair.resume()
        pair.pump()
        assert large.state is OutgoingState.ENDED
        assert large.failure is large.reply is None
        assert len(pair.seen(pair.b, IncomingCall)) == 2
