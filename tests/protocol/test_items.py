from __future__ import annotations

import pytest

from callosum.protocol import wire
from callosum.protocol.calls import SendingEvent, SendingState
from callosum.protocol.departure import Departure
from callosum.protocol.items import put_end, put_item_fragment, put_items
from callosum.protocol.limits import FRAGMENT, INLINE_BODY, MAX_RECORDS
from callosum.protocol.messages import End, Fragment, Item
from callosum.protocol.stream import Content, Stream


def stream_of(*items: Content) -> Stream:
    stream = Stream(sends=True, receives=False)
    stream.begin(9)
    stream.queue.extend(items)
    return stream


def decoded(departure: Departure) -> list[object]:
    return list(wire.decode(departure.finish(1, 1, 0)).messages)


def test_small_items_leave_in_order_with_their_compression():
    departure = Departure()
    stream = stream_of(b"a", memoryview(b"b"), Item(9, b"c", 1))
    assert put_items(departure, stream, MAX_RECORDS)
    found = [one for one in decoded(departure) if isinstance(one, Item)]
    assert [(one.id, bytes(one.body), one.compression) for one in found] == [(9, b"a", 0), (9, b"b", 0), (9, b"c", 1)]
    assert not stream.queue
    assert departure.bulk == departure.size == departure.length - wire.HEAD_SIZE


@pytest.mark.parametrize("behind", [End(9), bytes(INLINE_BODY + 1)])
def test_what_is_no_small_item_waits_and_leaves_room_for_others(behind):
    departure, stream = Departure(), stream_of(b"a", b"b")
    stream.queue.append(behind)
    assert put_items(departure, stream, MAX_RECORDS)
    assert list(stream.queue) == [behind]
    assert departure.records == 2


def test_no_more_leave_than_there_is_room_for():
    departure, stream = Departure(), stream_of(*[b"x"] * (MAX_RECORDS + 1))
    assert put_items(departure, stream, 3)
    assert departure.records == 3
    assert not put_items(departure, stream, MAX_RECORDS)
    assert len(stream.queue) == 1
    long = stream_of(*[bytes(INLINE_BODY)] * 9)
    assert not put_items(departure := Departure(), long, MAX_RECORDS)
    assert 0 < departure.records < 9
    assert len(long.queue) == 9 - departure.records


def test_the_end_leaves_with_the_id_of_the_call():
    departure, stream = Departure(), stream_of()
    stream.queue.append(End(0))
    stream.move_sending(SendingEvent.FINISH)
    assert put_end(departure, stream)
    assert decoded(departure) == [End(9)]
    assert stream.sending is SendingState.ENDED
    assert not stream.queue


def test_an_end_that_has_no_place_waits():
    departure, stream = Departure(), stream_of(*[b"x"] * MAX_RECORDS)
    put_items(departure, stream, MAX_RECORDS)
    stream.queue.append(End(9))
    stream.move_sending(SendingEvent.FINISH)
    assert not put_end(departure, stream)
    assert list(stream.queue) == [End(9)]


@pytest.mark.parametrize("compression", [0, 2])
def test_a_large_item_leaves_in_fragments_of_which_the_first_says_its_compression(compression):
    body = bytes(range(256)) * (FRAGMENT // 128)
    content: Content = Item(9, body, compression) if compression else body
    stream = stream_of(content, b"next")
    parts, compressions = [], []
    while stream.queue[0] is content:
        departure = Departure()
        put_item_fragment(departure, stream, content)
        (found,) = decoded(departure)
        assert isinstance(found, Fragment | Item)
        parts.append(bytes(found.body))
        compressions.append(
            found.message.compression if isinstance(found, Fragment) and found.message is not None else 0
        )
    assert b"".join(parts) == body
    assert compressions == [compression, 0]
    assert list(stream.queue) == [b"next"]
    assert stream.offset == 0
