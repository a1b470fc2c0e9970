"""One end of a call that streams, and the same call on another session."""

from __future__ import annotations

import pytest

from callosum.protocol.calls import ReceivingEvent, ReceivingState, SendingEvent, SendingState
from callosum.protocol.limits import ITEM_COST, STREAM_WINDOW
from callosum.protocol.messages import ITEMS_FOLLOW, ITEMS_WANTED, ONEWAY, STREAMS, End, Item, Reply
from callosum.protocol.stream import Stream, StreamingCall, cost, size_of
from tests.protocol.pair import Pair


def streaming(flags: int = STREAMS) -> StreamingCall:
    call = StreamingCall("S/m", flags, b"", "k", {"a": "b"}, codec="json", deadline=5.0, waiter="w")
    call.begin()
    return call


def test_what_an_item_counts_for():
    assert cost(b"") == ITEM_COST
    assert cost(memoryview(b"abc")) == ITEM_COST + 3
    assert size_of([b"abc", b"", Reply(1, b"not counted")]) == 2 * ITEM_COST + 3
    assert size_of([End(1)]) == 0


@pytest.mark.parametrize(
    ("flags", "sending", "receiving"),
    [
        (ITEMS_FOLLOW, SendingState.OPEN, ReceivingState.CLOSED),
        (ITEMS_WANTED, SendingState.ENDED, ReceivingState.OPEN),
        (STREAMS, SendingState.OPEN, ReceivingState.OPEN),
    ],
)
def test_a_call_has_the_directions_of_its_flags(flags, sending, receiving):
    stream = streaming(flags).stream
    assert (stream.sending, stream.receiving) == (sending, receiving)
    assert stream.credit == stream.window == stream.granted == STREAM_WINDOW
    assert stream.is_held


@pytest.mark.parametrize("flags", [0, ONEWAY, ONEWAY | ITEMS_WANTED])
def test_a_call_that_does_not_stream_has_no_stream(flags):
    with pytest.raises(AssertionError):
        StreamingCall("S/m", flags, b"").begin()


def test_there_is_something_to_read_while_items_are_here_and_once_none_will_come():
    stream = Stream(sends=False, receives=True)
    assert not stream.can_read
    stream.items.append(b"x")
    assert stream.can_read
    stream.move_receiving(ReceivingEvent.COMPLETE)
    stream.items.clear()
    assert stream.can_read


def test_a_change_that_the_table_does_not_have_is_a_fault():
    stream = Stream(sends=True, receives=False)
    with pytest.raises(KeyError):
        stream.move_sending(SendingEvent.LEAVE)
    stream.move_sending(SendingEvent.DROP)
    with pytest.raises(KeyError):
        stream.move_sending(SendingEvent.DROP)


def test_a_twin_has_what_waits_and_counts_it_anew():
    pair = Pair()
    call = streaming()
    call.compression, call.reply_compression = 1, "zstd"
    call.stream.keeps_newest = True
    call.stream.waiter = "owner"
    assert pair.a.streams.try_send(call.stream, b"one")
    assert pair.a.streams.try_send(call.stream, b"two")
    twin = call.twin()
    assert isinstance(twin, StreamingCall)
    assert (twin.method, twin.flags, twin.key, twin.metadata) == ("S/m", STREAMS, "k", {"a": "b"})
    assert (twin.codec, twin.deadline, twin.waiter) == ("json", 5.0, "w")
    assert (twin.compression, twin.reply_compression) == (1, "zstd")
    assert twin.stream is not call.stream
    assert (twin.stream.waiter, twin.stream.keeps_newest) == ("owner", True)
    assert list(twin.stream.queue) == [b"one", b"two"]
    assert twin.stream.credit == STREAM_WINDOW - 2 * ITEM_COST - 6
    call.stream.queue.clear()
    assert list(twin.stream.queue) == [b"one", b"two"]
    assert twin.stream.sending is SendingState.OPEN


def test_a_twin_ends_where_its_call_has_ended_even_if_that_end_has_a_number():
    pair = Pair().connect()
    call = streaming(ITEMS_FOLLOW)
    pair.a.streams.finish(call.stream, End(0))
    waiting = call.twin().stream
    assert (waiting.sending, list(waiting.queue)) == (SendingState.ENDING, [End(0)])
    call.deadline = None
    pair.a.open_call(call, pair.now)
    assert pair.a.frames_to_send(pair.now) is not None
    assert pair.a.handed_over() == []
    assert pair.a.frames_to_send(pair.now) is not None
    assert call.stream.sending is SendingState.ENDED
    again = call.twin().stream
    assert (again.sending, list(again.queue)) == (SendingState.ENDING, [End(0)])
    assert streaming(ITEMS_WANTED).twin().stream.sending is SendingState.ENDED


def test_what_is_compressed_counts_as_it_is_on_the_wire():
    item = Item(0, b"packed", compression=1)
    assert cost(item) == cost(b"packed") == 6 + ITEM_COST
    assert size_of([b"plain", item, End(1)]) == 11 + 2 * ITEM_COST


def test_what_waits_can_be_made_plain():
    pair = Pair()
    call = streaming()
    for content in (b"one", Item(0, b"2", compression=1), b"three"):
        assert pair.a.streams.try_send(call.stream, content)
    pair.a.streams.spare(call.stream, 2)
    twin = call.twin().stream
    assert twin.credit == call.stream.credit
    twin.unpack(lambda item: bytes(item.body) * item.compression + b"wo")
    assert list(twin.queue) == [b"one", b"2wo", b"three"]
    assert (twin.credit, twin.spared) == (STREAM_WINDOW - 3 * ITEM_COST - 11, 0)
    assert len(call.stream.queue[1]) == 1, "the old one has what it had"  # type: ignore[arg-type]
