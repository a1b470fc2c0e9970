"""The streams of one session: who may send, what has arrived, what was read.

Laws: what the two sides count is the same, record by record, so that nothing is lost over cuts: each byte that a
sender counts comes back in one `StreamCredit`, or is taken back where it never left. Items arrive only in the credit
that was given; who sends more breaks the protocol. A stream's window grows while its reader waits for it, and never
beyond what the streams of a peer share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from callosum.errors import Code, ProtocolError
from callosum.protocol.assembly import Assembly
from callosum.protocol.calls import (
    IncomingCall,
    IncomingState,
    OutgoingCall,
    ReceivingEvent,
    ReceivingState,
    SendingEvent,
    SendingState,
)
from callosum.protocol.events import Event
from callosum.protocol.limits import ITEM_COST, STREAM_WINDOW, STREAMS_WINDOW, Limits
from callosum.protocol.messages import (
    ITEMS_FOLLOW,
    ITEMS_WANTED,
    Body,
    End,
    Error,
    Fragment,
    Item,
    Reply,
    Request,
    StreamCredit,
    Type,
)
from callosum.protocol.outbox import Outbox
from callosum.protocol.stream import Stream, StreamingCall, Terminal, cost

_RECEIVING: Final = ReceivingState.OPEN
_SENDING: Final = SendingState.OPEN
_RETURN_SHARED: Final = STREAMS_WINDOW // 16
"""Bytes that were read of any streams, and are given back by themselves once they are so many."""
_GROWTH: Final = STREAMS_WINDOW // 2
"""Bytes by which all windows together may be larger than they began: the rest is for those that do not grow."""

Refuse = Callable[[int, Code, str, list[Event]], None]
"""Ends the call of an id, because what has arrived for it is too much."""


class Streams:
    """The streams of one session, both those of calls that this side makes and those of calls that it serves."""

    def __init__(self, limits: Limits, outbox: Outbox) -> None:
        self._outbox = outbox
        self._flows = outbox.streams
        self._largest = max(limits.stream_bytes, STREAM_WINDOW)
        self._assembly = Assembly(limits.body_bytes, limits.unfinished_bytes)
        self._blocked: dict[Stream, None] = {}
        """The streams whose owners wait for credit, the one that waits longest first."""
        self._overdraft = limits.body_bytes + ITEM_COST
        """Bytes of one item that goes over what all share."""
        self._granted = STREAMS_WINDOW
        """Bytes of all streams that the other side has not used."""
        self._owed = 0
        """Bytes of them that were read or dropped, and not yet given back."""
        self._growth = 0
        """Bytes by which windows have grown."""
        self.refuse: Refuse = _cannot_refuse
        """Set by the core."""

    # --- what is sent -------------------------------------------------------------------------------------------------

    def open(self, call: StreamingCall) -> None:
        """A call of this side is queued; what it brings from another session counts here."""
        stream = call.stream
        for one in stream.queue:
            if not isinstance(one, End | Reply | Error):
                self._spend(stream, cost(one))

    def try_send(self, stream: Stream, body: Body) -> bool:
        """Queue one item; False where it must wait for credit. The stream is named in an event once it may send.

        The caller has seen that the stream is open for sending.
        """
        if stream.credit <= 0 or self._outbox.streams_left <= 0:
            stream.awaits_credit = True
            self._blocked[stream] = None
            return False
        self._spend(stream, len(body) + ITEM_COST)
        stream.queue.append(body)
        if not stream.is_in_turn and stream.ident:
            self._outbox.add_stream(stream)
        return True

    def stop_waiting(self, stream: Stream) -> None:
        """Who waited for credit has left."""
        stream.awaits_credit = False
        self._blocked.pop(stream, None)

    def _spend(self, stream: Stream, size: int) -> None:
        stream.credit -= size
        self._outbox.streams_left -= size

    def finish(self, stream: Stream, terminal: Terminal) -> None:
        """There are no more items from here: this leaves behind them."""
        stream.move_sending(SendingEvent.FINISH)
        stream.queue.append(terminal)
        if not isinstance(terminal, End):
            self._outbox.held_outcomes += 1
        if not stream.is_in_turn and stream.ident:
            self._outbox.add_stream(stream)

    def on_control(self, message: StreamCredit | End, events: list[Event]) -> None:
        """The other side permits more, or has sent its last item."""
        if isinstance(message, End):
            self._complete(message.id, events)
        else:
            self._on_credit(message, events)

    def _on_credit(self, credit: StreamCredit, events: list[Event]) -> None:
        stream = self._flows.get(credit.id)
        if stream is not None:
            stream.credit += credit.size
        self._outbox.streams_left += credit.consumed
        if self._blocked and self._outbox.streams_left > 0:
            ready = [stream for stream in self._blocked if stream.credit > 0]
            for stream in ready:
                del self._blocked[stream]
                stream.awaits_credit = False
                events.append(stream)

    # --- what arrives -------------------------------------------------------------------------------------------------

    def begin_incoming(self, request: Request) -> None:
        """A call of the other side that streams has arrived."""
        flags = request.flags
        stream = Stream(sends=bool(flags & ITEMS_WANTED), receives=bool(flags & ITEMS_FOLLOW))
        stream.begin(request.id)
        self._flows[request.id] = stream

    def arrive(self, item: Item, last_id: int, events: list[Event]) -> None:
        """An item, or the last fragment of one."""
        ident, body = item.id, item.body
        stream = self._flows.get(ident)
        if self._assembly.unfinished and (key := (int(Type.ITEM), ident)) in self._assembly.unfinished:
            if not self._add_fragment(key, body, ITEM_COST, events):
                return
            body = cast(Item, self._assembly.finish(key)).body
        else:
            size = len(body) + ITEM_COST
            if stream is None or stream.receiving is not _RECEIVING:
                self._skip(ident, size, last_id)
                return
            self._take_credit(stream, size)
        if stream is None:
            return
        if stream.keeps_newest and stream.items:
            self._give_back(stream, cost(stream.items.popleft()))
        stream.items.append(body)
        if stream.awaits_item:
            stream.awaits_item = False
            events.append(stream)

    def arrive_fragment(self, fragment: Fragment, last_id: int, events: list[Event]) -> None:
        """A piece of an item, but not the last."""
        ident, size = fragment.id, len(fragment.body)
        key = (int(Type.ITEM), ident)
        if key in self._assembly.unfinished:
            self._add_fragment(key, fragment.body, 0, events)
            return
        stream = self._flows.get(ident)
        if stream is None or stream.receiving is not _RECEIVING:
            self._skip(ident, size, last_id)
            return
        self._take_credit(stream, 0)
        self._assembly.begin(key, cast(Item, fragment.message))
        self._add_fragment(key, fragment.body, 0, events)

    def _add_fragment(self, key: tuple[int, int], body: Body, more: int, events: list[Event]) -> bool:
        """Add to an item of which a fragment is here; False where that is too much, and the call ends with it."""
        stream = self._flows[key[1]]
        self._count(stream, len(body) + more)
        before = self._assembly.size
        refusal = self._assembly.add(key, body)
        if refusal is None:
            return True
        self._owe(key[1], before - self._assembly.size + len(body) + more)
        self.refuse(key[1], Code.RESOURCE_EXHAUSTED, f"an item {refusal.value}", events)
        return False

    def _take_credit(self, stream: Stream, size: int) -> None:
        if stream.granted <= 0:
            raise ProtocolError(f"an item of the call {stream.ident} has come without credit")
        self._count(stream, size)

    def _count(self, stream: Stream, size: int) -> None:
        stream.granted -= size
        self._granted -= size
        if (
            self._granted < -self._overdraft
        ):  # items of different streams arrive in another order than they were counted
            raise ProtocolError("the streams have more under way than they share")

    def _skip(self, ident: int, size: int, last_id: int) -> None:
        """What nobody reads is given back as it comes in."""
        if ident > last_id:
            raise ProtocolError(f"an item of a call {ident} that was not begun")
        self._granted -= size
        self._owe(ident, size)

    def _complete(self, ident: int, events: list[Event]) -> None:
        stream = self._flows.get(ident)
        if stream is not None and stream.receiving is _RECEIVING:
            stream.move_receiving(ReceivingEvent.COMPLETE)
            if stream.awaits_item:
                stream.awaits_item = False
                events.append(stream)

    # --- what is read -------------------------------------------------------------------------------------------------

    def take(self, stream: Stream) -> Body | None:
        """The next unread item, or None where none is here."""
        if not stream.items:
            stream.is_hungry = True
            return None
        body = stream.items.popleft()
        self._give_back(stream, len(body) + ITEM_COST)
        return body

    def close(self, stream: Stream) -> None:
        """The reader has left: what is unread is dropped, and so is what comes."""
        if stream.receiving is ReceivingState.CLOSED:
            return
        stream.move_receiving(ReceivingEvent.CLOSE)
        stream.awaits_item = False
        size = sum(map(cost, stream.items)) + self._assembly.drop((int(Type.ITEM), stream.ident))
        stream.items.clear()
        self._shrink(stream)
        if size:
            self._owe(stream.ident, size)

    def _give_back(self, stream: Stream, size: int) -> None:
        """So much of a stream was read."""
        owed = stream.owed = stream.owed + size
        if owed * 4 < stream.window and (stream.granted > 0 or stream.items):
            self._owe(stream.ident, size)
            return
        self._owed += size
        if stream.receiving is not _RECEIVING:
            self._return_shared(stream.ident)
            return
        more = owed + self._grow(stream)
        stream.owed = 0
        stream.granted += more
        self._outbox.add_control(StreamCredit(stream.ident, more, self._take_owed()))

    def _grow(self, stream: Stream) -> int:
        """Bytes by which the window grows: where the reader waits, and the window is what the sender waits for."""
        if not stream.is_hungry or stream.granted > 0 or stream.items:
            return 0
        stream.is_hungry = False
        more = min(stream.window, self._largest - stream.window, _GROWTH - self._growth)
        stream.window += more
        self._growth += more
        return more

    def _shrink(self, stream: Stream) -> None:
        """The stream's growth is there for others again."""
        self._growth -= stream.window - STREAM_WINDOW
        stream.window = STREAM_WINDOW

    def _owe(self, ident: int, size: int) -> None:
        self._owed += size
        self._return_shared(ident)

    def _return_shared(self, ident: int) -> None:
        if self._owed >= _RETURN_SHARED:
            self._outbox.add_control(StreamCredit(ident, 0, self._take_owed()))

    def _take_owed(self) -> int:
        owed, self._owed = self._owed, 0
        self._granted += owed
        return owed

    # --- the end of a call --------------------------------------------------------------------------------------------

    def caller_ended(self, call: OutgoingCall) -> None:
        """A call of this side has its outcome, or has left: what is here may still be read."""
        stream = cast(StreamingCall, call).stream
        self._drop_sending(stream)
        if stream.receiving is _RECEIVING:
            stream.move_receiving(ReceivingEvent.COMPLETE)
        self._flows.pop(stream.ident, None)
        self._shrink(stream)
        size = self._assembly.drop((int(Type.ITEM), stream.ident))
        if size:
            self._owe(stream.ident, size)

    def answer(self, terminal: Reply | Error) -> bool:
        """The outcome of a call of the other side; False where it need not wait for items, and leaves by itself."""
        stream = self._flows.get(terminal.id)
        if stream is None or stream.sending is not _SENDING or not stream.queue:
            return False
        self.finish(stream, terminal)
        return True

    def handler_ended(self, ident: int) -> None:
        """Nobody reads what the caller sends, and but for what waits behind items, nothing more is sent."""
        stream = self._flows.get(ident)
        if stream is None:
            return
        self.close(stream)
        if stream.sending is not SendingState.ENDING:
            self._drop_sending(stream)
            del self._flows[ident]

    def drop(self, ident: int) -> None:
        """The caller of a call that is served here is gone, or answered: nothing more is sent, or read."""
        stream = self._flows.pop(ident, None)
        if stream is not None:
            self.close(stream)
            self._drop_sending(stream)

    def _drop_sending(self, stream: Stream) -> None:
        self.stop_waiting(stream)
        if stream.sending is SendingState.ENDED:
            return
        if stream.sending is SendingState.ENDING and not isinstance(stream.queue[-1], End):
            self._outbox.held_outcomes -= 1
        stream.move_sending(SendingEvent.DROP)
        size = sum(cost(one) for one in stream.queue if not isinstance(one, End | Reply | Error)) - stream.offset
        stream.queue.clear()
        stream.offset = 0
        self._outbox.streams_left += size

    def incoming(self, call: IncomingCall) -> Stream | None:
        """The stream of a call that is served here, while it is not over."""
        return self._flows.get(call.request.id) if call.state <= IncomingState.RUNNING else None

    def clear(self) -> None:
        """The session has ended."""
        self._blocked.clear()
        self._assembly.clear()


def _cannot_refuse(ident: int, _code: Code, text: str, _events: list[Event]) -> None:
    raise AssertionError(f"the core has not said how to end the call {ident}: {text}")
