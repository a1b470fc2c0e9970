"""What was sent over a connection that broke, and is sent again over the next one.

Laws: records leave in their order, under their numbers, with nothing changed but timeouts. A request whose caller has
gone, and of which the other side has nothing, leaves as a VOID, and so do its items; the window that they took comes
back.
"""

from __future__ import annotations

from collections.abc import Sequence

from callosum.protocol import headers
from callosum.protocol.departure import Departure, set_timeout
from callosum.protocol.messages import ONEWAY, End, Fragment, Item, Request, Type, Void
from callosum.protocol.outbox import Outbox
from callosum.protocol.outgoing import OutgoingCalls
from callosum.protocol.positions import SentBatch
from callosum.protocol.stream import cost
from callosum.protocol.streams import Streams
from callosum.protocol.wire import clock_ms


class Replay:
    """The batches of one session that are to be sent again."""

    def __init__(self, outbox: Outbox, outgoing: OutgoingCalls, streams: Streams) -> None:
        self._outbox = outbox
        self._outgoing = outgoing
        self._streams = streams
        self._batches: list[SentBatch] = []  # the next one is the last

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self._batches)

    def begin(self, batches: Sequence[SentBatch], received: int) -> None:
        """Send these again, but for requests whose caller is gone; the other side expects the record ``received``."""
        gone: dict[int, int | None] = {}
        again = [batch for batch in batches if batch.end > received]
        for batch in again:
            self._void(batch, gone)
        self._batches = again[::-1]
        for size in gone.values():
            if size is not None:
                self._outbox.window.take_back(1, size)

    def _void(self, batch: SentBatch, gone: dict[int, int | None]) -> None:
        """Replace requests whose caller has gone, of which the other side has nothing, and note their sizes.

        Nested ones are noted without a size: they have taken no window.
        """
        for index, message in enumerate(batch.messages):
            request = message.message if isinstance(message, Fragment) else message
            if isinstance(request, Request):
                if request.id in self._outbox.outgoing:
                    continue
                if request.flags & ONEWAY and batch.first + index < self._outgoing.handed_over:
                    continue  # its caller has gone because it was sent
                size = len(message.body) if isinstance(message, Fragment) else len(request.body)
                gone[request.id] = None if request.parent else size
                batch.messages[index] = Void()
            elif isinstance(message, Fragment) and message.id in gone and message.type == Type.REQUEST:
                taken = gone[message.id]
                if taken is not None:
                    gone[message.id] = taken + len(message.body)
                batch.messages[index] = Void()
            elif isinstance(message, Item | End | Fragment) and message.id in gone:
                self._streams.free(_counted(message))
                batch.messages[index] = Void()

    def next_batch(self, ack: int, now: float) -> Departure:
        """The next one, with the acknowledgement that is to ride on it."""
        batch = self._batches.pop()
        departure = Departure()
        for message in batch.messages:
            request = message.message if isinstance(message, Fragment) else message
            if isinstance(request, Request):
                set_timeout(request, now)
            if isinstance(message, Request) or (isinstance(message, Fragment) and not message.more):
                call = self._outbox.outgoing.get(message.id)
                if call is not None and call.flags & ONEWAY:
                    departure.oneways.append(call)  # it has a number, and the link broke before it was handed over
            header, body = headers.header_and_body(message)
            departure.add(header, body, headers.record_flags(message))
        departure.finish(batch.first, ack, clock_ms(now))
        departure.end = batch.end
        return departure

    def clear(self) -> None:
        """Nothing is sent again: the connection is gone, or the session."""
        self._batches.clear()


def _counted(message: Item | End | Fragment) -> int:
    """Bytes for which a record of a stream counts."""
    if isinstance(message, End):
        return 0
    return cost(message.body) if isinstance(message, Item) else len(message.body)
