"""The items of a stream, and the END behind them, as records of a batch."""

from __future__ import annotations

from typing import Final

from callosum.protocol import headers, wire
from callosum.protocol.calls import SendingEvent
from callosum.protocol.departure import Departure, next_part
from callosum.protocol.limits import INLINE_BODY, MAX_FRAME_0, MAX_RECORDS
from callosum.protocol.messages import Body, End, Error, Fragment, Item, Reply, Type
from callosum.protocol.stream import Content, Stream

# module constants: an attribute of another module costs more, and these are looked at for each item
RECORD_SIZE: Final = wire.RECORD_SIZE
pack_record: Final = wire.pack_record
_SHIFT: Final = headers.COMPRESSION_SHIFT
TERMINALS: Final = (End, Reply, Error)
"""What may be last in the queue of a stream; an outcome never comes to its head: the outbox takes it out before."""


def put_items(departure: Departure, stream: Stream, most: int) -> bool:
    """Small items that fit, up to so many records in all; False where the batch is full then.

    Written out flat: every item passes through here.
    """
    queue, header, ident = stream.queue, stream.header, stream.ident
    append_message, add_parts, take = departure.messages.append, departure.parts.extend, queue.popleft
    header_size = len(header)
    records, length = departure.records, departure.length
    before = length
    is_full = False
    while queue and records < most:
        head = queue[0]
        compression = 0
        if type(head) is bytes:
            body: Body = head
        elif isinstance(head, Item):
            body, compression = head.body, head.compression
        elif isinstance(head, TERMINALS):
            break
        else:
            body = head
        body_size = len(body)
        size = header_size + body_size
        if body_size > INLINE_BODY:
            break
        if length + RECORD_SIZE + size > MAX_FRAME_0:
            is_full = True
            break
        add_parts((pack_record(size, header_size, compression << _SHIFT), header, body))
        append_message(Item(ident, body, compression))
        take()
        records += 1
        length += RECORD_SIZE + size
    departure.records, departure.length = records, length
    departure.size += length - before
    departure.bulk += length - before
    return not is_full and records < MAX_RECORDS


def put_end(departure: Departure, stream: Stream) -> bool:
    """The caller's last word; False where the batch has no place for it."""
    end = End(stream.ident)  # the one that waits was made before the call had its id
    header, _ = headers.header_and_body(end)
    size = departure.put(header, b"")
    if not size:
        return False
    departure.messages.append(end)
    departure.size += size
    stream.queue.popleft()
    stream.move_sending(SendingEvent.LEAVE)
    return True


def put_item_fragment(departure: Departure, stream: Stream, content: Content) -> None:
    """The next fragment of the first item in the queue, which is large."""
    body, compression = (content.body, content.compression) if isinstance(content, Item) else (content, 0)
    if stream.offset:
        compression = 0  # the first one has said it
    part, end = next_part(body, stream.offset)
    item = Item(stream.ident, part, compression)
    if end < len(body):
        item.body = b""
        departure.put_bulk(Fragment(item, Type.ITEM, stream.ident, part, more=True))
        stream.offset = end
    else:
        departure.put_bulk(item)
        stream.offset = 0
        stream.queue.popleft()
