"""Streams between two cores: credit is conserved, order is kept, nobody waits for ever, and no peer takes memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from callosum.errors import Code, Outcome, ProtocolError, ResourceExhausted, RpcError
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, ReceivingState, SendingState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Broken, Draining, Ended, Event
from callosum.protocol.incoming import make_error
from callosum.protocol.limits import (
    FRAGMENT,
    INLINE_BODY,
    ITEM_COST,
    MAX_FRAME_0,
    MIB,
    STREAM_WINDOW,
    STREAMS_WINDOW,
    Limits,
)
from callosum.protocol.messages import (
    ITEMS_FOLLOW,
    ITEMS_WANTED,
    STREAMS,
    Cancel,
    CancelReason,
    End,
    Error,
    Fragment,
    Item,
    Reply,
    Request,
    StreamCredit,
    Type,
    Void,
)
from callosum.protocol.outbox import Outbox
from callosum.protocol.positions import ResendBuffer
from callosum.protocol.stream import Stream, StreamingCall
from callosum.protocol.streams import Streams
from callosum.protocol.wire import HEAD_SIZE, RECORD_SIZE
from tests.protocol.flows import SMALL_SHARED, SMALL_WINDOW, patched, small_windows
from tests.protocol.pair import Pair, decoded, small_fragments


def call_of(pair: Pair, core: SessionCore, flags: int = STREAMS, body: bytes = b"", **more: Any) -> StreamingCall:
    call = StreamingCall("S/m", flags, body, **more)
    call.begin()
    core.open_call(call, pair.now)
    return call


def begin(pair: Pair, flags: int = STREAMS, core: SessionCore | None = None) -> tuple[StreamingCall, IncomingCall]:
    """A call that streams, and its running handler at the other side."""
    core = core or pair.a
    call = call_of(pair, core, flags)
    pair.pump()
    served = list(pair.other(core).incoming.calls.values())[-1]
    assert served.start()
    return call, served


def flow(core: SessionCore, served: IncomingCall) -> Stream:
    stream = core.streams.incoming(served)
    assert stream is not None
    return stream


def read(core: SessionCore, stream: Stream) -> list[bytes]:
    items = []
    while (body := core.streams.take(stream)) is not None:
        assert not isinstance(body, Item), "it is compressed"
        items.append(bytes(body))
    return items


def fill(core: SessionCore, stream: Stream, body: bytes = b"x" * 1000) -> int:
    """Send until it must wait."""
    count = 0
    while core.streams.try_send(stream, body):
        count += 1
    return count


def check_whole(pair: Pair) -> None:
    """All credit is back, and nothing is left anywhere."""
    pair.pump()
    shared = patched("STREAMS_WINDOW")
    for core in (pair.a, pair.b):
        there = pair.other(core)
        owed = there.streams._owed
        assert core.outbox.streams_left + owed == there.streams._granted + owed == shared
        assert not core.outbox.streams
        assert core.streams._assembly.size == 0
        assert core.streams._growth == 0
        assert not core.streams._blocked
        assert not core.streams._quiet
        assert core.outbox.held_outcomes == 0
        assert core.outbox.reply_bytes == 0
        assert core.in_flight == 0
        assert core.is_flushed


@pytest.fixture
def small() -> Iterator[None]:
    with small_windows(), small_fragments():
        yield


# --- both ways --------------------------------------------------------------------------------------------------------


def test_items_go_both_ways_before_the_outcome():
    pair = Pair().connect()
    call, served = begin(pair)
    there = flow(pair.b, served)
    for body in (b"1", b"", b"3"):
        assert pair.a.streams.try_send(call.stream, body)
        assert pair.b.streams.try_send(there, body + b"!")
    pair.a.streams.finish(call.stream, End(call.id))
    pair.pump()
    assert read(pair.b, there) == [b"1", b"", b"3"]
    assert there.receiving is ReceivingState.COMPLETE
    pair.b.incoming.reply(served, b"")
    pair.pump()
    assert call.reply is not None
    assert call.reply.body == b""
    assert read(pair.a, call.stream) == [b"1!", b"!", b"3!"]
    assert pair.b.streams.incoming(served) is None
    check_whole(pair)


def test_the_listener_streams_too():
    pair = Pair().connect()
    call, served = begin(pair, core=pair.b)
    assert pair.b.streams.try_send(call.stream, b"up")
    assert pair.a.streams.try_send(flow(pair.a, served), b"down")
    pair.pump()
    assert read(pair.a, flow(pair.a, served)) == [b"up"]
    assert read(pair.b, call.stream) == [b"down"]
    pair.a.incoming.reply(served, b"")
    check_whole(pair)


def test_items_may_be_sent_before_the_request_has_left():
    pair = Pair()
    call = call_of(pair, pair.a)
    assert pair.a.streams.try_send(call.stream, b"early")
    pair.a.streams.finish(call.stream, End(call.id))
    pair.connect()
    served = pair.seen(pair.b, IncomingCall)[0]
    assert read(pair.b, flow(pair.b, served)) == [b"early"]
    assert flow(pair.b, served).receiving is ReceivingState.COMPLETE


def test_a_request_in_fragments_leaves_before_its_items(small):
    pair = Pair().connect()
    call = call_of(pair, pair.a, ITEMS_FOLLOW, bytes(2500))
    assert pair.a.streams.try_send(call.stream, b"item")
    kinds = [type(m) for m in pair.messages(pair.a)]
    assert kinds == [Fragment, Fragment, Fragment, Item]


def test_an_end_alone_leaves_where_nothing_else_does():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_FOLLOW)
    there = flow(pair.b, served)
    assert pair.b.streams.take(there) is None
    there.awaits_item = True
    pair.a.streams.finish(call.stream, End(call.id))
    events = pair.move(pair.a)
    assert events == [there]
    assert there.can_read


def test_a_reader_that_waits_is_told_once():
    pair = Pair().connect()
    call, served = begin(pair)
    there = flow(pair.b, served)
    there.awaits_item = True
    for body in (b"1", b"2"):
        pair.a.streams.try_send(call.stream, body)
    assert pair.move(pair.a) == [there]
    assert not there.awaits_item


# --- order and fairness -----------------------------------------------------------------------------------------------


def test_large_and_small_items_keep_their_order(small):
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    sent = [b"a" * 150, b"b", b"c" * 1000, b"d", b"e" * 1001]
    for body in sent:
        assert pair.b.streams.try_send(there, body)
    pair.b.incoming.reply(served, b"")
    pair.pump()
    assert read(pair.a, call.stream) == sent
    assert call.reply is not None
    check_whole(pair)


def test_an_outcome_waits_behind_the_items_and_leaves_with_the_last():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    pair.b.streams.try_send(there, b"item")
    error = make_error(call.id, Code.INTERNAL, Outcome.EXECUTED, "it failed", {})
    pair.b.incoming.answer_error(served, error)
    assert pair.b.outbox.held_outcomes == 1
    assert pair.b.outbox.has_replies
    assert pair.b.outbox.is_leaving(call.id)
    (batch,) = pair.take(pair.b)
    assert [type(m) for m in decoded(batch)] == [Item, Error]
    assert not pair.b.outbox.is_leaving(call.id)
    pair.give(pair.a, [batch])
    assert isinstance(call.failure, RpcError)
    assert read(pair.a, call.stream) == [b"item"]
    check_whole(pair)


@pytest.mark.parametrize("size", [200, 3000])
def test_a_large_outcome_behind_items_leaves_by_itself(small, size):
    """Nothing else happens that would make it leave."""
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    pair.b.streams.try_send(flow(pair.b, served), b"x" * size)
    pair.b.incoming.reply(served, b"y" * 1500)
    assert pair.b.outbox.reply_bytes == 1500
    pair.pump()
    assert call.reply is not None
    assert call.reply.body == b"y" * 1500
    assert [len(body) for body in read(pair.a, call.stream)] == [size]
    check_whole(pair)


def test_outcomes_that_wait_hold_further_handlers_back():
    pair = Pair(Limits(reply_backlog_bytes=1000)).connect()
    _, served = begin(pair, ITEMS_WANTED)
    pair.b.streams.try_send(flow(pair.b, served), b"x")
    pair.b.incoming.reply(served, bytes(2000))
    assert pair.b.is_congested
    assert not pair.b.is_settled()
    pair.pump()
    assert not pair.b.is_congested


def test_streams_and_large_replies_have_their_turns():
    """A stream whose items fill each batch does not keep the others from leaving."""
    pair = Pair().connect()
    greedy, served = begin(pair, ITEMS_WANTED)
    modest, served_too = begin(pair, ITEMS_WANTED)
    unary = pair.served(pair.b)
    flow(pair.b, served).credit += 10 * MIB
    for _ in range(40):
        assert pair.b.streams.try_send(flow(pair.b, served), bytes(60_000))
    pair.b.streams.try_send(flow(pair.b, served_too), b"small")
    pair.b.incoming.reply(unary, bytes(100_000))
    order = []
    for _ in range(3):
        first = decoded(pair.next(pair.b))[0]
        order.append((type(first), first.id))
    assert order == [(Item, greedy.id), (Item, modest.id), (Reply, unary.request.id)]


def test_many_streams_share_a_batch():
    pair = Pair().connect()
    flows = [flow(pair.b, begin(pair, ITEMS_WANTED)[1]) for _ in range(3)]
    for there in flows:
        for _ in range(100):
            pair.b.streams.try_send(there, b"x")
    batches = [decoded(batch) for batch in pair.take(pair.b)]
    assert [len(batch) for batch in batches] == [128, 128, 44]
    assert {m.id for m in batches[0]} == {there.ident for there in flows}
    counts = [[m.id for m in batch].count(flows[0].ident) for batch in batches]
    assert counts[0] == 32 * 2, "its share twice, while the others have had theirs"


def test_an_end_that_has_no_place_in_the_batch_leaves_with_the_next():
    pair = Pair().connect()
    full, empty = begin(pair, ITEMS_FOLLOW)[0], begin(pair, ITEMS_FOLLOW)[0]
    sizes = [INLINE_BODY] * 3
    record = RECORD_SIZE + len(full.stream.header)
    sizes.append(MAX_FRAME_0 - HEAD_SIZE - sum(sizes) - 4 * record - 5)
    for size in sizes:
        assert pair.a.streams.try_send(full.stream, bytes(size))
    pair.a.streams.finish(empty.stream, End(empty.id))
    batches = pair.take(pair.a)
    assert [[type(m) for m in decoded(batch)] for batch in batches] == [[Item] * 4, [End]]
    assert len(batches[0][0]) == MAX_FRAME_0 - 5


def test_a_plain_reply_waits_behind_no_more_than_the_window_of_bulk():
    pair = Pair().connect()
    _, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    there.credit = 20 * MIB
    there.has_reader = True
    while there.credit > 0:
        pair.b.streams.try_send(there, bytes(1000))
    size = sum(len(frame) for batch in pair.take(pair.b) for frame in batch)
    assert 1.5 * MIB < size <= Limits().bulk_window
    plain = pair.served(pair.b)
    pair.b.incoming.reply(plain, b"")
    assert type(decoded(pair.next(pair.b))[0]) is Reply


# --- credit -----------------------------------------------------------------------------------------------------------


def test_a_writer_waits_for_credit_and_is_told_when_it_comes():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    count = fill(pair.b, there)
    assert count == -(-STREAM_WINDOW // (1000 + ITEM_COST))
    assert there.awaits_credit
    pair.pump()
    half = [pair.a.streams.take(call.stream) for _ in range(count // 2)]
    assert all(half)
    events = pair.move(pair.a)
    assert events == [there]
    assert not there.awaits_credit
    assert pair.b.streams.try_send(there, b"again")
    read(pair.a, call.stream)
    pair.b.incoming.reply(served, b"")
    pair.pump()
    read(pair.a, call.stream)
    check_whole(pair)


def test_one_item_may_be_larger_than_its_window_and_than_what_all_share():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    body = bytes(40 * MIB)
    assert pair.b.streams.try_send(there, body)
    assert not pair.b.streams.try_send(there, b"x")
    assert pair.b.outbox.streams_left < 0
    pair.pump()
    assert pair.a.streams.take(call.stream) == body
    assert there in pair.move(pair.a)
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


def test_who_stops_waiting_is_not_told():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    fill(pair.b, there)
    pair.b.streams.stop_waiting(there)
    pair.pump()
    read(pair.a, call.stream)
    assert there not in pair.move(pair.a)
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


def test_who_waits_before_the_request_has_left_is_told_once_its_items_were_read():
    pair = Pair()
    call = call_of(pair, pair.a, ITEMS_FOLLOW)
    fill(pair.a, call.stream)
    pair.a.streams.stop_waiting(call.stream)
    assert not pair.a.streams.try_send(call.stream, b"x")
    pair.connect()
    served = pair.seen(pair.b, IncomingCall)[0]
    pair.a.streams.stop_waiting(call.stream)
    assert not pair.a.streams.try_send(call.stream, b"x")
    read(pair.b, flow(pair.b, served))
    assert call.stream in pair.move(pair.b)


def test_a_window_grows_where_the_reader_waits_and_much_comes_at_once():
    limits = Limits(stream_bytes=MIB)
    pair = Pair(limits).connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    windows = []
    for _ in range(6):
        assert pair.a.streams.take(call.stream) is None
        fill(pair.b, there)
        pair.pump()
        read(pair.a, call.stream)
        pair.pump()
        windows.append(call.stream.window)
    assert windows == [512 * 1024, MIB, MIB, MIB, MIB, MIB]
    assert there.credit > MIB // 2
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


def test_a_window_does_not_grow_by_what_comes_bit_by_bit():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    for _ in range(300):
        assert pair.a.streams.take(call.stream) is None
        pair.b.streams.try_send(flow(pair.b, served), bytes(2000))
        pair.pump()
        assert len(read(pair.a, call.stream)) == 1
    assert call.stream.window == STREAM_WINDOW


def test_all_windows_together_grow_by_no_more_than_half_of_what_is_shared(small):
    pair = Pair().connect()
    for _ in range(6):
        call, served = begin(pair, ITEMS_WANTED)
        for _ in range(6):
            assert pair.a.streams.take(call.stream) is None
            fill(pair.b, flow(pair.b, served), bytes(90))
            pair.pump()
            read(pair.a, call.stream)
            pair.pump()
    assert pair.a.streams._growth == SMALL_SHARED // 2


def test_what_ended_streams_owe_comes_back_before_it_is_missed(small):
    """Others hold nearly all, unread: the little that small streams owe is what can be used."""
    pair = Pair().connect()
    calls = []
    for _ in range(6):
        call, served = begin(pair, ITEMS_WANTED)
        pair.a.streams.take(call.stream)
        for _ in range(2):  # at first it is not known that it is read
            fill(pair.b, flow(pair.b, served), bytes(90))
            pair.pump()
        calls.append((call, served))
    assert pair.b.outbox.streams_left < SMALL_SHARED // 3
    last, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    pair.a.streams.take(last.stream)
    pair.pump()
    for _ in range(100):
        assert pair.b.streams.try_send(there, bytes(50)), "nobody lets it wait"
        pair.pump()
        assert read(pair.a, last.stream) == [bytes(50)]
        pair.pump()
    for call, served in calls:
        pair.b.incoming.reply(served, b"")
        pair.pump()
        read(pair.a, call.stream)
    pair.b.incoming.reply(next(iter(pair.b.incoming.calls.values())), b"")
    check_whole(pair)


# --- what nobody reads ------------------------------------------------------------------------------------------------


def test_streams_that_nobody_reads_leave_half_to_those_that_are_read(small):
    pair = Pair().connect()
    unread = []
    for _ in range(12):
        call = call_of(pair, pair.a, ITEMS_FOLLOW)
        pair.pump()
        fill(pair.a, call.stream, bytes(90))
        unread.append(call)
    assert SMALL_SHARED // 2 - 300 < pair.a.outbox.streams_left <= SMALL_SHARED // 2
    pair.pump()
    call, served = begin(pair, ITEMS_FOLLOW)
    assert not pair.a.streams.try_send(call.stream, b"x"), "nobody is known to read it"
    there = flow(pair.b, served)
    assert pair.b.streams.take(there) is None
    assert call.stream in pair.move(pair.b), "now somebody is"
    for _ in range(200):
        assert pair.a.streams.try_send(call.stream, bytes(50))
        pair.pump()
        assert read(pair.b, there) == [bytes(50)]
        pair.pump()
    for one in [*unread, call]:
        pair.a.outgoing.cancel(one, CancelReason.CANCELLED)
    pair.pump()
    for served in pair.seen(pair.b, IncomingCall):
        pair.b.incoming.finish(served)
    check_whole(pair)


def test_readers_that_are_quiet_are_made_known_once_half_is_used(small):
    pair = Pair().connect()
    quiet, quiet_served = begin(pair, ITEMS_FOLLOW)
    there = flow(pair.b, quiet_served)
    assert pair.a.streams.try_send(quiet.stream, b"x")
    pair.pump()
    assert read(pair.b, there) == [b"x"]
    assert pair.take(pair.b) == [], "nothing is said while all have room"
    assert not quiet.stream.has_reader
    for _ in range(5):
        fill(pair.a, call_of(pair, pair.a, ITEMS_FOLLOW).stream, bytes(90))
        pair.pump()
    assert quiet.stream.has_reader
    assert pair.a.streams.try_send(quiet.stream, b"y")


def test_a_reader_that_waits_before_the_request_has_left_is_made_known_then(small):
    pair = Pair(Limits(window_calls=6)).connect()
    for _ in range(5):
        _, served = begin(pair, ITEMS_WANTED)
        fill(pair.b, flow(pair.b, served), bytes(90))
        pair.pump()
    assert pair.a.streams._granted <= SMALL_SHARED // 2
    plain = pair.call(pair.a)
    waiting = call_of(pair, pair.a, ITEMS_WANTED)
    pair.pump()
    assert waiting.id == 0
    assert pair.a.streams.take(waiting.stream) is None
    assert pair.a.is_flushed or not pair.a.outbox.has_control
    served = list(pair.b.incoming.calls.values())[-1]
    assert served.start()
    pair.b.incoming.reply(served, b"")
    pair.pump()
    assert plain.reply is not None
    assert waiting.id
    there = flow(pair.b, list(pair.b.incoming.calls.values())[-1])
    assert there.has_reader


def test_calls_that_wait_for_the_call_window_hold_nothing(small):
    """What they hold would keep the running ones from ending, and so the window from coming back."""
    pair = Pair(Limits(window_calls=1)).connect()
    call, served = begin(pair, STREAMS)
    waiting = [call_of(pair, pair.a, ITEMS_FOLLOW) for _ in range(20)]
    for one in waiting:
        fill(pair.a, one.stream, bytes(90))
    assert pair.a.outbox.streams_left == SMALL_SHARED
    assert pair.a.streams.try_send(call.stream, b"goes")
    for one in [*waiting[1:], call]:
        pair.a.outgoing.cancel(one, CancelReason.CANCELLED)
    pair.pump()
    pair.b.incoming.finish(served)
    pair.pump()
    assert waiting[0].id
    served = list(pair.b.incoming.calls.values())[-1]
    assert len(read(pair.b, flow(pair.b, served))) > 5
    pair.a.outgoing.cancel(waiting[0], CancelReason.CANCELLED)
    pair.pump()
    pair.b.incoming.finish(served)
    check_whole(pair)


def test_what_waited_for_its_request_waits_for_room_too(small):
    pair = Pair().connect()
    _, one = begin(pair, ITEMS_FOLLOW)
    fillers = []
    while pair.a.outbox.streams_left > SMALL_SHARED // 2:
        fillers.append(call_of(pair, pair.a, ITEMS_FOLLOW))
        pair.pump()
        fill(pair.a, fillers[-1].stream, bytes(90))
    late = call_of(pair, pair.a, ITEMS_FOLLOW)
    assert pair.a.streams.try_send(late.stream, b"late")
    fill(pair.a, late.stream, bytes(90))
    pair.a.streams.stop_waiting(late.stream)
    ended = call_of(pair, pair.a, ITEMS_FOLLOW)
    pair.a.streams.finish(ended.stream, End(0))
    pair.pump()
    served, finished = list(pair.b.incoming.calls.values())[-2:]
    assert flow(pair.b, served).items == flow(pair.b, one).items
    assert flow(pair.b, finished).receiving is ReceivingState.COMPLETE, "an END takes no room"
    assert pair.b.streams.take(flow(pair.b, served)) is None
    pair.pump()
    assert read(pair.b, flow(pair.b, served))[0] == b"late"


def test_who_makes_room_by_leaving_lets_others_go_on(small):
    """No credit comes for what never left: those that wait are told by the timer, and that is due at once."""
    pair = Pair().connect()
    blocked, served = begin(pair, ITEMS_FOLLOW)
    others = [begin(pair, ITEMS_FOLLOW)[0] for _ in range(5)]
    for one in others:
        fill(pair.a, one.stream, bytes(90))
    assert not pair.a.streams.try_send(blocked.stream, b"x")
    for one in others:
        pair.a.outgoing.cancel(one, CancelReason.CANCELLED)
    pair.messages(pair.a)
    assert pair.a.wake_at <= pair.now
    assert pair.a.next_timer() <= pair.now
    assert pair.fire(pair.a) == [blocked.stream]
    assert pair.a.next_timer() > pair.now
    assert pair.a.streams.try_send(blocked.stream, b"x")
    assert served.state is IncomingState.RUNNING


# --- leaving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", range(5))
@pytest.mark.parametrize("arrived", range(5))
def test_a_caller_may_leave_at_any_moment(small, sent, arrived):
    """Some batches have left, and some of these have arrived, when it goes."""
    pair = Pair().connect()
    call = call_of(pair, pair.a, STREAMS, bytes(1500))
    for body in (b"1", bytes(2500), b"3"):
        pair.a.streams.try_send(call.stream, body)
    batches = [pair.next(pair.a) for _ in range(sent) if pair.a.frames_to_send(pair.now) is not None]
    pair.give(pair.b, batches[:arrived])
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    pair.give(pair.b, batches[arrived:])
    pair.pump()
    for served in list(pair.b.incoming.calls.values()):
        pair.b.incoming.finish(served)
    check_whole(pair)


@pytest.mark.parametrize("how", ["reply", "error", "finish", "give up", "expire"])
@pytest.mark.parametrize("sent", range(4))
def test_a_handler_may_leave_at_any_moment(small, how, sent):
    pair = Pair().connect()
    call = call_of(pair, pair.a, STREAMS, deadline=pair.now + 10)
    pair.pump()
    served = list(pair.b.incoming.calls.values())[-1]
    assert served.start()
    there = flow(pair.b, served)
    for body in (b"1", bytes(1500), b"3"):
        pair.b.streams.try_send(there, body)
        pair.a.streams.try_send(call.stream, body)
    batches = [pair.next(pair.b) for _ in range(sent) if pair.b.frames_to_send(pair.now) is not None]
    pair.give(pair.b, [pair.next(pair.a), pair.next(pair.a)])
    events: list[Event] = []
    if how == "reply":
        pair.b.incoming.reply(served, b"")
    elif how == "error":
        pair.b.incoming.answer_error(served, make_error(call.id, Code.INTERNAL, Outcome.EXECUTED, "", {}))
    elif how == "give up":
        pair.b.incoming.give_up(served, Code.UNAVAILABLE, "going", events)
    elif how == "expire":
        pair.b.incoming.expire(served, events)
    else:
        pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
        pair.b.incoming.cancel(call.id, events)
    assert events == ([] if how in ("reply", "error") else [served])
    pair.b.incoming.finish(served)
    pair.give(pair.a, batches)
    pair.pump()
    items = read(pair.a, call.stream)
    if how in ("reply", "error"):
        assert items == [b"1", bytes(1500), b"3"]
    pair.a.streams.close(call.stream)
    check_whole(pair)


def test_a_reader_that_leaves_gives_back_what_was_unread():
    pair = Pair().connect()
    call, served = begin(pair, STREAMS)
    there = flow(pair.b, served)
    fill(pair.a, call.stream)
    pair.pump()
    pair.b.streams.close(there)
    pair.b.streams.close(there)
    assert not there.items
    pair.pump()
    assert not pair.a.streams.try_send(call.stream, b"x"), "its own window does not come back"
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


def test_what_arrives_for_a_reader_that_has_left_is_given_back():
    pair = Pair().connect()
    call, served = begin(pair, STREAMS)
    pair.a.streams.try_send(call.stream, bytes(5000))
    pair.b.streams.close(flow(pair.b, served))
    pair.a.streams.finish(call.stream, End(call.id))
    pair.pump()
    assert pair.b.streams._owed == 5000 + ITEM_COST
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


def test_what_is_unread_of_an_ended_call_may_be_read_later():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    count = fill(pair.b, flow(pair.b, served))
    pair.b.incoming.reply(served, b"")
    pair.pump()
    assert call.reply is not None
    assert len(read(pair.a, call.stream)) == count
    check_whole(pair)


def test_a_caller_that_cancels_while_the_outcome_waits_takes_it_away():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    pair.b.streams.try_send(flow(pair.b, served), b"x")
    pair.b.incoming.reply(served, bytes(100))
    assert (pair.b.outbox.held_outcomes, pair.b.outbox.reply_bytes) == (1, 100)
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    pair.move(pair.a)
    assert (pair.b.outbox.held_outcomes, pair.b.outbox.reply_bytes) == (0, 0)
    pair.a.streams.close(call.stream)
    check_whole(pair)


def test_a_writer_of_a_handler_that_has_answered_waits_no_more():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    fill(pair.b, there)
    pair.b.incoming.reply(served, b"")
    assert not there.awaits_credit
    pair.pump()
    read(pair.a, call.stream)
    check_whole(pair)


def test_give_up_is_nothing_where_the_call_is_over():
    pair = Pair().connect()
    call, served = begin(pair)
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    pair.pump()
    events: list[Event] = []
    pair.b.incoming.give_up(served, Code.UNAVAILABLE, "late", events)
    pair.b.incoming.finish(served)
    pair.b.incoming.give_up(served, Code.UNAVAILABLE, "later", events)
    assert events == []
    check_whole(pair)


def test_give_up_of_a_call_that_was_not_started_is_a_rejection():
    pair = Pair().connect()
    call = call_of(pair, pair.a)
    pair.pump()
    (served,) = pair.b.incoming.calls.values()
    events: list[Event] = []
    pair.b.incoming.give_up(served, Code.UNAVAILABLE, "draining", events)
    pair.pump()
    assert isinstance(call.failure, RpcError)
    assert call.failure.outcome is Outcome.REJECTED
    pair.b.incoming.finish(served)
    check_whole(pair)


def test_only_the_newest_item_is_kept_where_that_is_wanted():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    there = flow(pair.b, served)
    for number in range(3):
        pair.b.streams.try_send(there, b"%d" % number)
    pair.pump()
    assert len(call.stream.items) == 3
    call.stream.keeps_newest = True
    for number in range(3, 2000):
        while not pair.b.streams.try_send(there, b"%d" % number + bytes(1000)):
            pair.pump()
    pair.pump()
    assert len(call.stream.items) == 1
    assert call.stream.window == STREAM_WINDOW
    (newest,) = read(pair.a, call.stream)
    assert newest.startswith(b"1999")
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_stream_lives_through_a_cut(small):
    pair = Pair().connect()
    call, served = begin(pair)
    there = flow(pair.b, served)
    sent = [bytes([number]) * (number * 70 % 1500) for number in range(20)]
    got: list[bytes] = []
    position = 0
    while len(got) < len(sent):
        while position < len(sent) and pair.b.streams.try_send(there, sent[position]):
            position += 1
        batches = pair.take(pair.b)
        pair.give(pair.a, batches[: len(batches) // 2])
        got += read(pair.a, call.stream)
        pair.cut()
        pair.resume()
        pair.pump()
        got += read(pair.a, call.stream)
        pair.pump()
    assert got == sent
    pair.b.incoming.reply(served, b"")
    check_whole(pair)


def test_items_of_a_call_whose_caller_has_gone_are_not_sent_again(small):
    pair = Pair().connect()
    blocked, _ = begin(pair, ITEMS_FOLLOW)
    call = call_of(pair, pair.a, ITEMS_FOLLOW)
    for body in (b"1", bytes(1500)):
        pair.a.streams.try_send(call.stream, body)
    pair.a.streams.finish(call.stream, End(call.id))
    pair.take(pair.a)
    fill(pair.a, blocked.stream, bytes(90))
    pair.a.outgoing.cancel(call, CancelReason.CANCELLED)
    pair.cut()
    pair.resume()
    kinds = [type(m) for batch in pair.take(pair.a) for m in decoded(batch)]
    assert kinds.count(Void) == 5
    assert Fragment not in kinds
    assert End not in kinds
    assert kinds[-1] is Item, "those of the other call"


def test_a_call_of_which_nothing_has_left_goes_on_with_its_items():
    pair = Pair().connect()
    other = Pair().connect()
    pair.b.go_away("drained")
    call = call_of(pair, pair.a, ITEMS_FOLLOW)
    pair.a.streams.try_send(call.stream, b"one")
    (event,) = pair.move(pair.b)
    assert isinstance(event, Draining)
    (twin,) = event.unsent
    assert isinstance(twin, StreamingCall)
    assert pair.a.outbox.streams_left == STREAMS_WINDOW
    other.a.open_call(twin, other.now)
    other.a.streams.finish(twin.stream, End(0))
    other.pump()
    (served,) = other.b.incoming.calls.values()
    assert read(other.b, flow(other.b, served)) == [b"one"]
    assert flow(other.b, served).receiving is ReceivingState.COMPLETE


def test_a_call_whose_items_have_left_does_not_go_on_elsewhere():
    pair = Pair().connect()
    pair.b.go_away("drained")
    goaway = pair.take(pair.b)
    call = call_of(pair, pair.a, ITEMS_FOLLOW)
    pair.a.streams.try_send(call.stream, b"one")
    batches = pair.take(pair.a)
    events = pair.give(pair.a, goaway)
    assert [event.unsent for event in events if isinstance(event, Draining)] == [()]
    pair.give(pair.b, batches)
    pair.pump()
    assert isinstance(call.failure, RpcError)
    assert call.failure.outcome is Outcome.REJECTED
    check_whole(pair)


def test_the_end_of_a_session_ends_its_streams():
    pair = Pair().connect()
    call, served = begin(pair)
    there = flow(pair.b, served)
    pair.b.streams.try_send(there, bytes(3 * MIB))
    pair.a.streams.try_send(call.stream, b"x")
    pair.pump()
    for core in (pair.a, pair.b):
        pair.events[core] += core.end("over")
    assert pair.seen(pair.a, OutgoingCall) == [call]
    assert there.receiving is ReceivingState.CLOSED
    assert there.sending is SendingState.ENDED
    assert [len(body) for body in read(pair.a, call.stream)] == [3 * MIB], "what is here may be read"
    assert pair.a.outbox.is_empty
    pair.b.incoming.finish(served)
    assert pair.b.outbox.is_empty


# --- hostile ----------------------------------------------------------------------------------------------------------


def refused(pair: Pair, core: SessionCore, *messages: Any) -> str:
    """What ``core`` says breaks the protocol."""
    events = pair.raw(core, *messages)
    ended = [event for event in events if isinstance(event, Ended)]
    assert [type(event) for event in events if isinstance(event, Broken | Ended)] == [Broken, Ended]
    return ended[0].reason


@pytest.mark.parametrize("ident", [1, 2, 7, 8])
@pytest.mark.parametrize("kind", [Item, End, StreamCredit, Fragment])
def test_what_names_a_call_that_was_not_begun_is_refused(kind, ident):
    pair = Pair().connect()
    message = {
        Item: Item(ident, b"x"),
        End: End(ident),
        StreamCredit: StreamCredit(ident, 1, 0),
        Fragment: Fragment(Item(ident, b""), Type.ITEM, ident, b"x", more=True),
    }[kind]
    assert "not begun" in refused(pair, pair.b, message)


@pytest.mark.parametrize("message", [Item(0, b"x"), End(0)])
def test_what_names_no_call_is_refused(message):
    pair = Pair().connect()
    assert "not begun" in refused(pair, pair.b, message)


def test_items_of_a_request_that_has_not_come_whole_are_refused():
    pair = Pair().connect()
    request = Request(1, "S/m", None, ITEMS_FOLLOW, b"")
    pair.raw(pair.b, Fragment(request, Type.REQUEST, 1, b"x", more=True))
    assert "not begun" in refused(pair, pair.b, Item(1, b"x"))


def test_items_of_a_call_that_was_not_sent_whole_are_refused(small):
    pair = Pair().connect()
    call_of(pair, pair.a, ITEMS_WANTED, bytes(2500))
    pair.next(pair.a)
    assert "not begun" in refused(pair, pair.a, Item(1, b"x"))


def test_items_of_calls_that_have_ended_or_take_none_are_dropped():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    pair.raw(pair.b, Item(call.id, b"x"), End(call.id))
    pair.b.incoming.reply(served, b"")
    pair.pump()
    pair.raw(pair.a, Item(call.id, b"y"), Fragment(Item(call.id, b""), Type.ITEM, call.id, b"z", more=True))
    assert pair.b.streams._owed == ITEM_COST + 1
    assert not pair.seen(pair.b, Ended)


def test_fragments_for_nobody_are_dropped():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    pair.b.incoming.reply(served, b"")
    pair.pump()
    pair.raw(pair.a, Fragment(Item(call.id, b""), Type.ITEM, call.id, b"abc", more=True))
    assert (pair.a.streams._owed, pair.a.streams._assembly.size) == (3, 0)


def test_an_item_behind_the_end_is_refused():
    pair = Pair().connect()
    call, _ = begin(pair)
    assert "after its END" in refused(pair, pair.b, End(call.id), Item(call.id, b"x"))


def test_a_second_end_is_refused():
    pair = Pair().connect()
    call, _ = begin(pair)
    assert "second END" in refused(pair, pair.b, End(call.id), End(call.id))


def test_an_end_within_an_item_is_refused():
    pair = Pair().connect()
    call, _ = begin(pair)
    pair.raw(pair.b, Fragment(Item(call.id, b""), Type.ITEM, call.id, b"x", more=True))
    assert "within an item" in refused(pair, pair.b, End(call.id))


def test_an_end_by_the_side_that_answers_is_refused():
    pair = Pair().connect()
    call, _ = begin(pair)
    assert "by the side that answers" in refused(pair, pair.a, End(call.id))


def test_an_item_without_credit_is_refused():
    pair = Pair().connect()
    call, _ = begin(pair)
    pair.raw(pair.b, Item(call.id, bytes(STREAM_WINDOW)))
    assert "without credit" in refused(pair, pair.b, Item(call.id, b""))


def test_more_than_all_streams_share_is_refused():
    pair = Pair(Limits(body_bytes=MIB)).connect()
    calls = [begin(pair, ITEMS_FOLLOW)[0] for _ in range(40)]
    for call in calls[:33]:
        pair.raw(pair.b, Item(call.id, bytes(MIB)))
    assert "more under way than they share" in refused(pair, pair.b, Item(calls[-1].id, bytes(MIB)))


@pytest.mark.parametrize("consumed", [1, 2**63 - 1])
def test_credit_for_what_was_not_used_is_refused(consumed):
    pair = Pair().connect()
    call, _ = begin(pair)
    assert "0 are away" in refused(pair, pair.b, StreamCredit(call.id, 0, consumed))


def test_credit_beyond_what_all_share_is_refused():
    pair = Pair().connect()
    call, _ = begin(pair)
    pair.raw(pair.b, StreamCredit(call.id, STREAMS_WINDOW - STREAM_WINDOW, 0))
    assert call.stream.credit == STREAM_WINDOW
    assert "more than all streams" in refused(pair, pair.b, StreamCredit(call.id, 1, 0))


@pytest.mark.parametrize("in_fragments", [True, False])
def test_an_item_over_the_largest_body_ends_its_call(in_fragments):
    with small_fragments() if in_fragments else nullcontext():
        pair = Pair(Limits(body_bytes=1000)).connect()
        for sender in (pair.a, pair.b):
            call, served = begin(pair)
            stream = call.stream if sender is pair.a else flow(pair.b, served)
            assert sender.streams.try_send(stream, bytes(1001))
            pair.pump()
            failure = call.failure
            assert isinstance(failure, RpcError | ResourceExhausted)
            assert failure.outcome is Outcome.EXECUTED
            assert "an item is over the largest body" in str(failure)
            assert served.state is IncomingState.ABANDONED
            pair.b.incoming.finish(served)
            check_whole(pair)


def test_the_last_fragment_may_be_the_one_too_many():
    pair = Pair(Limits(body_bytes=1000)).connect()
    call, served = begin(pair)
    pair.raw(pair.b, Fragment(Item(call.id, b""), Type.ITEM, call.id, bytes(600), more=True))
    assert pair.raw(pair.b, Item(call.id, bytes(600))) == [served]
    assert pair.b.streams._granted + pair.b.streams._owed == STREAMS_WINDOW


def test_a_cancel_of_the_other_sides_own_call_is_nothing():
    pair = Pair().connect()
    call, served = begin(pair)
    assert pair.raw(pair.a, Cancel(call.id)) == []
    assert call.stream.receiving is ReceivingState.OPEN
    pair.b.streams.try_send(flow(pair.b, served), b"x")
    batches = pair.take(pair.b)
    assert call.id in pair.a.outbox.streams
    assert batches


def test_an_outcome_in_the_middle_of_an_item_drops_it():
    pair = Pair().connect()
    call, served = begin(pair, ITEMS_WANTED)
    pair.raw(pair.a, Fragment(Item(call.id, b""), Type.ITEM, call.id, bytes(700), more=True))
    pair.raw(pair.a, Error(call.id, Code.INTERNAL, Outcome.EXECUTED))
    assert pair.a.streams._assembly.size == 0
    assert pair.a.streams._owed == 700
    assert served.state is IncomingState.RUNNING


def test_thousands_of_tiny_items_are_bounded_by_what_they_count_for():
    pair = Pair().connect()
    call, served = begin(pair)
    there = flow(pair.b, served)
    for _ in range(STREAM_WINDOW // ITEM_COST // 128):
        pair.raw(pair.b, *[Item(call.id, b"")] * 128)
    assert len(there.items) == STREAM_WINDOW // ITEM_COST
    assert "without credit" in refused(pair, pair.b, Item(call.id, b""))


def test_streams_without_a_core_say_so():
    limits = Limits()
    streams = Streams(Role.CONNECTOR.value, limits, Outbox(1, limits, ResendBuffer()))
    with pytest.raises(AssertionError, match="has not said"):
        streams.on_control(End(2), [])
    with pytest.raises(AssertionError, match="has not said how to end"):
        streams.refuse(2, Code.INTERNAL, "x", [])


def test_the_bounds_are_what_the_tests_take_them_for():
    assert SMALL_WINDOW * 4 < SMALL_SHARED
    assert FRAGMENT > STREAM_WINDOW
    assert dataclasses.asdict(Limits())["stream_bytes"] == 4 * MIB


# --- compression ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, INLINE_BODY + 1, 2 * FRAGMENT + 5])
def test_an_item_arrives_as_what_it_was_compressed_with(size):
    pair = Pair().connect()
    call, served = begin(pair)
    back = flow(pair.b, served)
    for core, way, other, reader in ((pair.a, call.stream, pair.b, back), (pair.b, back, pair.a, call.stream)):
        for content in (b"plain", Item(0, bytes(size), compression=2)):
            assert core.streams.try_send(way, content)
        pair.pump()
        plain, item = other.streams.take(reader), other.streams.take(reader)
        assert plain == b"plain"
        assert isinstance(item, Item)
        assert (item.id, bytes(item.body), item.compression) == (call.id, bytes(size), 2)
        assert other.streams.take(reader) is None
        pair.pump()
        assert core.streams.try_send(way, b"again")
        pair.pump()
        assert other.streams.take(reader) == b"again"


def test_compressed_items_count_as_much_at_both_sides():
    pair = Pair().connect()
    call, served = begin(pair)
    back = flow(pair.b, served)
    assert pair.a.streams.try_send(call.stream, Item(0, bytes(1000), compression=1))
    assert call.stream.credit == STREAM_WINDOW - 1000 - ITEM_COST
    pair.pump()
    assert back.granted == STREAM_WINDOW - 1000 - ITEM_COST
    assert pair.b.streams.take(back) is not None
    assert back.owed == 1000 + ITEM_COST


@pytest.mark.parametrize("size", [50, 2500])
def test_a_compressed_item_that_is_sent_again_says_so_again(size):
    with small_fragments():
        pair = Pair().connect()
        call, served = begin(pair)
        assert pair.a.streams.try_send(call.stream, Item(0, bytes(size), compression=2))
        assert pair.take(pair.a), "and it is lost"
        pair.cut()
        pair.resume()
        pair.pump()
        item = pair.b.streams.take(flow(pair.b, served))
        assert isinstance(item, Item)
        assert (len(item), item.compression) == (size, 2)


@pytest.mark.parametrize("more", [False, True])
def test_a_further_fragment_of_an_item_names_no_compression(more):
    pair = Pair().connect()
    call, _ = begin(pair)
    events: list[Event] = []
    streams = pair.b.streams
    streams.arrive_fragment(Fragment(Item(call.id, b"", 1), Type.ITEM, call.id, b"a", more=True), events)
    further = Item(call.id, b"" if more else b"b", 1)
    with pytest.raises(ProtocolError, match="a compression of its own"):
        if more:
            streams.arrive_fragment(Fragment(further, Type.ITEM, call.id, b"b", more=True), events)
        else:
            streams.arrive(further, events)


def test_who_has_to_wait_need_not_compress_before():
    pair = Pair().connect()
    call, served = begin(pair)
    streams = pair.a.streams
    assert streams.may_send(call.stream)
    assert not call.stream.awaits_credit
    fill(pair.a, call.stream)
    call.stream.awaits_credit = False
    assert not streams.may_send(call.stream)
    assert call.stream.awaits_credit
    pair.pump()
    read(pair.b, flow(pair.b, served))
    pair.pump()
    assert call.stream in pair.events[pair.a]
    assert streams.may_send(call.stream)


def test_what_may_have_to_go_plain_takes_its_credit_until_an_item_has_left():
    pair = Pair().connect()
    call = call_of(pair, pair.a)
    stream, streams = call.stream, pair.a.streams
    item = Item(0, b"x" * 1000, compression=1)
    assert streams.try_send(stream, item)
    streams.spare(stream, STREAM_WINDOW)
    assert not streams.may_send(stream), "one may be over the window, and it is"
    assert not streams.try_send(stream, b"x")
    assert stream.awaits_credit
    pair.pump()
    assert stream.numbered
    assert stream in pair.fire(pair.a)
    assert stream.spared == 0
    streams.spare(stream, STREAM_WINDOW)
    assert streams.try_send(stream, item), "it stays on this session: what is on the wire counts"


def test_a_large_item_that_has_begun_to_leave_frees_what_others_may_have_to_take():
    pair = Pair().connect()
    call = call_of(pair, pair.a)
    assert pair.a.streams.try_send(call.stream, Item(0, bytes(INLINE_BODY + 1), compression=1))
    pair.a.streams.spare(call.stream, STREAM_WINDOW)
    assert not pair.a.streams.may_send(call.stream)
    pair.pump()
    assert call.stream in pair.fire(pair.a)
    assert pair.a.streams.may_send(call.stream)
