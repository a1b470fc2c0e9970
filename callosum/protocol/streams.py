"""The streams of one session: who may send, what has arrived, what was read.

Laws: what the two sides count is the same, record by record, so that nothing is lost over cuts: each byte that a
sender counts comes back in one `StreamCredit`, or is taken back where it never left. Items arrive only in the credit
that was given, and credit comes back only for what was sent; who sends more of either breaks the protocol. A stream's
window grows while its reader waits for it, and never beyond what the streams of a peer share.

Who waits is told: by an event of the stream where there is an item or credit, by the event of the call where that has
ended. A reader who leaves a call that goes on holds its sender as soon as the window is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from callosum.errors import Code, ProtocolError
from callosum.protocol.assembly import Assembly, Refusal
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
from callosum.protocol.stream import Content, Reader, Stream, StreamingCall, cost, size_of

_RECEIVING: Final = ReceivingState.OPEN
_SENDING: Final = SendingState.OPEN
_RETURN_SHARED: Final = STREAMS_WINDOW // 16
"""Bytes that were read of any streams, and are given back by themselves once they are so many."""
_RESERVE: Final = STREAMS_WINDOW // 2
"""Bytes of what all share that are for streams of which the other side has said that somebody reads."""
_NOBODY: Final = Reader.NONE
_GROWTH: Final = STREAMS_WINDOW // 2
"""Bytes by which all windows together may be larger than they began: the rest is for those that do not grow."""

Refuse = Callable[[int, Code, str, list[Event]], None]
"""Ends the call of an id, because what has arrived for it is too much."""


class Streams:
    """The streams of one session, both those of calls that this side makes and those of calls that it serves."""

    def __init__(self, first_id: int, limits: Limits, outbox: Outbox) -> None:
        self._own_parity = first_id % 2
        self._outbox = outbox
        self._flows = outbox.streams
        self._largest = max(limits.stream_bytes, STREAM_WINDOW)
        self._body_limit = limits.body_bytes
        self._assembly = Assembly(limits.body_bytes, limits.unfinished_bytes)
        self._blocked: dict[Stream, None] = {}
        """The streams whose owners wait for credit, the one that waits longest first."""
        self._quiet: dict[Stream, None] = {}
        """The streams whose readers are not known to the other side."""
        self.woken: list[Stream] = []
        """Those that may send again, and whose owners were not told yet: see `take_woken`."""
        self._overdraft = limits.body_bytes + ITEM_COST + STREAM_WINDOW
        """Bytes that may go over what all share: those of one item, or of what waited for a REQUEST to leave."""
        self._granted = STREAMS_WINDOW
        """Bytes of all streams that the other side has not used."""
        self._owed = 0
        """Bytes of them that were read or dropped, and not yet given back."""
        self._growth = 0
        """Bytes by which windows have grown."""
        self._is_over = False
        self.is_begun: Callable[[int], bool] = _is_begun
        """Whether there may be items of the call of an id; set by the core."""
        self.refuse: Refuse = _cannot_refuse
        """Set by the core."""
        outbox.begin_stream = self._begin_outgoing

    # --- what is sent -------------------------------------------------------------------------------------------------

    def try_send(self, stream: Stream, body: Content) -> bool:
        """Queue one item; False where it must wait for credit. The stream is named in an event once it may send.

        The caller has seen that the stream is open for sending.
        """
        outbox = self._outbox
        is_held = stream.is_held
        if stream.credit <= stream.spared or (
            not is_held and outbox.streams_left <= (0 if stream.has_reader else _RESERVE)
        ):
            self._await_credit(stream)
            return False
        size = len(body) + ITEM_COST
        stream.credit -= size
        stream.queue.append(body)
        if not is_held:
            outbox.streams_left -= size
            if not stream.is_in_turn:
                outbox.add_stream(stream)
        return True

    def may_send(self, stream: Stream) -> bool:
        """Whether `try_send` would queue an item now; else as that: so who has to wait need not compress before."""
        if stream.credit > stream.spared and (stream.is_held or self._has_room(stream)):
            return True
        self._await_credit(stream)
        return False

    def _await_credit(self, stream: Stream) -> None:
        stream.awaits_credit = True
        if stream.ident:
            self._blocked[stream] = None

    def spare(self, stream: Stream, size: int) -> None:
        """An item that was queued would be so much more in plain.

        A call of which no item has left may go on over another session, and plain: until then what waits has to be in
        the credit that this gives.
        """
        if not stream.numbered:
            stream.spared += size

    def _has_room(self, stream: Stream) -> bool:
        """Whether the stream may have more of what all share: half of it is for those of whom somebody reads.

        Else what nobody reads yet, as its handler has no turn, would let those wait that have one.
        """
        return self._outbox.streams_left > (0 if stream.has_reader else _RESERVE)

    def stop_waiting(self, stream: Stream) -> None:
        """Who waited for credit has left."""
        stream.awaits_credit = False
        if not stream.is_held:
            self._blocked.pop(stream, None)

    def _begin_outgoing(self, stream: Stream) -> None:
        """The whole REQUEST of a call of this side has left, and so may its items."""
        if stream.sending is not SendingState.ENDED:
            self._blocked[stream] = None
            self._look(stream, self.woken)
        if stream.reader is Reader.QUIET and stream.receiving is _RECEIVING:
            self._quiet[stream] = None
            self._use(0)

    def free(self, size: int) -> None:
        """So much was counted, and does not leave."""
        if self._add_room(size):
            self._wake(self.woken)

    def take_woken(self) -> list[Stream]:
        """The streams to name in events: their owners wait, and may send again because others do not."""
        woken, self.woken = self.woken, []
        return [stream for stream in woken if stream.sending is _SENDING]

    def _add_room(self, size: int) -> bool:
        """There is so much more for all streams together; whether one that had to wait for it may go on."""
        left = self._outbox.streams_left
        more = self._outbox.streams_left = left + size
        return left <= 0 < more or left <= _RESERVE < more

    def _wake(self, told: list[Stream] | list[Event]) -> None:
        """There is more for all streams together."""
        for stream in list(self._blocked):
            self._look(stream, told)

    def _look(self, stream: Stream, told: list[Stream] | list[Event]) -> None:
        """One that waits goes on where it may by now."""
        if stream.is_held:
            size = size_of(stream.queue)
            if size and not self._has_room(stream):
                return
            stream.is_held = False
            self._outbox.streams_left -= size
            if stream.queue:
                self._outbox.add_stream(stream)
        if not stream.awaits_credit:
            del self._blocked[stream]
        elif stream.credit > stream.spared and self._has_room(stream):
            del self._blocked[stream]
            stream.awaits_credit = False
            told.append(stream)

    def finish(self, stream: Stream, end: End) -> None:
        """There are no more items from here: an END leaves behind them. It may be made before the call has its id."""
        self.stop_waiting(stream)
        stream.move_sending(SendingEvent.FINISH)
        stream.queue.append(end)
        if not stream.is_in_turn and not stream.is_held:
            self._outbox.add_stream(stream)

    def on_control(self, message: StreamCredit | End, events: list[Event]) -> None:
        """The other side permits more, or has sent its last item."""
        if not self.is_begun(message.id):
            raise ProtocolError(f"a {type(message).__name__} of a call {message.id} that was not begun")
        if isinstance(message, End):
            self._complete(message.id, events)
        else:
            self._on_credit(message, events)

    def _on_credit(self, credit: StreamCredit, events: list[Event]) -> None:
        away = STREAMS_WINDOW - self._outbox.streams_left
        if credit.consumed > away:
            raise ProtocolError(f"{credit.consumed} bytes of streams come back; {away} are away")
        stream = self._flows.get(credit.id)
        if stream is not None:
            stream.has_reader = True
            stream.credit += credit.size
            if stream.credit > STREAMS_WINDOW:
                raise ProtocolError(f"the stream of the call {credit.id} may have more than all streams together")
        if self._add_room(credit.consumed):
            self._wake(events)
        elif stream in self._blocked:
            self._look(stream, events)  # all others wait for credit of their own

    # --- what arrives -------------------------------------------------------------------------------------------------

    def begin_incoming(self, request: Request) -> None:
        """A call of the other side that streams has arrived."""
        flags = request.flags
        stream = Stream(sends=bool(flags & ITEMS_WANTED), receives=bool(flags & ITEMS_FOLLOW))
        stream.begin(request.id)
        self._flows[request.id] = stream

    def arrive(self, item: Item, events: list[Event]) -> None:
        """An item, or the last fragment of one."""
        ident, body = item.id, item.body
        stream = self._flows.get(ident)
        if self._assembly.unfinished and (key := (int(Type.ITEM), ident)) in self._assembly.unfinished:
            _check_further(item)
            if not self._add_fragment(key, body, ITEM_COST, events):
                return
            item = cast(Item, self._assembly.finish(key))
            body = item.body
        else:
            size = len(body) + ITEM_COST
            if stream is None or stream.receiving is not _RECEIVING:
                self._skip(stream, ident, size)
                return
            self._take_credit(stream, size)
            if size > self._body_limit + ITEM_COST:
                self._owe(ident, size)
                self.refuse(ident, Code.RESOURCE_EXHAUSTED, f"an item {Refusal.TOO_LARGE.value}", events)
                return
        assert stream is not None, "what has an unfinished item is open"
        if stream.keeps_newest:
            self._drop_unread(stream)
        stream.items.append(item if item.compression else body)
        if stream.awaits_item:
            stream.awaits_item = False
            events.append(stream)

    def _drop_unread(self, stream: Stream) -> None:
        while stream.items:
            self._give_back(stream, cost(stream.items.popleft()))

    def arrive_fragment(self, fragment: Fragment, events: list[Event]) -> None:
        """A piece of an item, but not the last."""
        ident, size = fragment.id, len(fragment.body)
        key = (int(Type.ITEM), ident)
        if key not in self._assembly.unfinished:
            stream = self._flows.get(ident)
            if stream is None or stream.receiving is not _RECEIVING:
                self._skip(stream, ident, size)
                return
            self._take_credit(stream, 0)
            self._assembly.begin(key, cast(Item, fragment.message))
        else:
            _check_further(cast(Item, fragment.message))
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
        self._use(size)
        if self._granted < -self._overdraft:
            # not 0: items of different streams arrive in another order than they were counted
            raise ProtocolError("the streams have more under way than they share")

    def _skip(self, stream: Stream | None, ident: int, size: int) -> None:
        """What nobody reads is given back as it comes in."""
        if stream is not None:
            if stream.receiving is ReceivingState.COMPLETE:
                raise ProtocolError(f"an item of the call {ident} after its END")
        elif not self.is_begun(ident):
            raise ProtocolError(f"an item of a call {ident} that was not begun")
        self._use(size)
        self._owe(ident, size)

    def _use(self, size: int) -> None:
        self._granted -= size
        if self._granted <= _RESERVE and self._quiet:
            for stream in list(self._quiet):  # what is left is for those that are read
                self._give_credit(stream, 0)

    def _complete(self, ident: int, events: list[Event]) -> None:
        if ident % 2 == self._own_parity:
            raise ProtocolError(f"an END of the call {ident} by the side that answers it")
        stream = self._flows.get(ident)
        if stream is None or stream.receiving is ReceivingState.CLOSED:
            return  # nobody reads
        if stream.receiving is not _RECEIVING or (int(Type.ITEM), ident) in self._assembly.unfinished:
            raise ProtocolError(f"a second END of the call {ident}, or one within an item")
        stream.move_receiving(ReceivingEvent.COMPLETE)
        if stream.awaits_item:
            stream.awaits_item = False
            events.append(stream)

    # --- what is read -------------------------------------------------------------------------------------------------

    def take(self, stream: Stream) -> Content | None:
        """The next unread item, or None where none is here."""
        if stream.reader is _NOBODY:
            self._meet(stream)
        if not stream.items:
            stream.waited_at = stream.owed
            return None
        body = stream.items.popleft()
        self._give_back(stream, len(body) + ITEM_COST)
        return body

    def _meet(self, stream: Stream) -> None:
        """Somebody reads: the other side is told where it needs to know."""
        stream.reader = Reader.QUIET
        if stream.receiving is _RECEIVING and stream.ident:
            self._quiet[stream] = None
            self._use(0)

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
        self._give_credit(stream, self._grow(stream))

    def _give_credit(self, stream: Stream, growth: int) -> None:
        more = stream.owed + growth
        stream.owed, stream.waited_at = 0, -1
        stream.granted += more
        stream.reader = Reader.KNOWN
        self._quiet.pop(stream, None)
        self._outbox.add_control(StreamCredit(stream.ident, more, self._take_owed()))

    def _grow(self, stream: Stream) -> int:
        """Bytes by which the window grows: where the reader waited, and then a good part of a window came at once.

        So comes what is held up by the window. What comes by itself, comes piece by piece as it is made.
        """
        waited = stream.waited_at
        if waited < 0 or (stream.owed - waited) * 8 < stream.window or stream.keeps_newest:
            return 0
        more = min(stream.window, self._largest - stream.window, _GROWTH - self._growth)
        stream.window += more
        self._growth += more
        return more

    def _shrink(self, stream: Stream) -> None:
        """No more comes: the stream's growth is there for others again."""
        self._quiet.pop(stream, None)
        self._growth -= stream.window - STREAM_WINDOW
        stream.window = STREAM_WINDOW

    def _owe(self, ident: int, size: int) -> None:
        self._owed += size
        self._return_shared(ident)

    def _return_shared(self, ident: int) -> None:
        # no less than what is left: what others have unread must not let the other side wait for the rest
        if (self._owed >= _RETURN_SHARED or self._owed >= self._granted) and not self._is_over:
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

    def answer(self, outcome: Reply | Error) -> bool:
        """The outcome of a call of the other side; False where it need not wait for items, and leaves by itself."""
        stream = self._flows.get(outcome.id)
        if stream is None or stream.sending is not _SENDING or not stream.queue:
            return False
        self.stop_waiting(stream)
        stream.move_sending(SendingEvent.FINISH)
        stream.queue.append(outcome)  # it is in turn: items are before it
        self._outbox.hold_outcome(outcome)
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
        stream.awaits_credit = False
        self._blocked.pop(stream, None)
        if stream.sending is SendingState.ENDED:
            return
        if stream.sending is SendingState.ENDING and not isinstance(outcome := stream.queue[-1], End):
            self._outbox.drop_outcome(cast(Reply | Error, outcome))
        stream.move_sending(SendingEvent.DROP)
        size = 0 if stream.is_held else size_of(stream.queue) - stream.offset
        stream.queue.clear()
        stream.offset = 0
        stream.is_held = False
        if size:
            self.free(size)

    def incoming(self, call: IncomingCall) -> Stream | None:
        """The stream of a call that is served here, while it is not over."""
        return self._flows.get(call.request.id) if call.state <= IncomingState.RUNNING else None

    def clear(self) -> None:
        """The session has ended: nothing is sent or given back any more; what is here of ended calls may be read."""
        for ident in list(self._flows):
            self.drop(ident)
        self._blocked.clear()
        self._assembly.clear()
        self.woken.clear()
        self._is_over = True


def _check_further(item: Item) -> None:
    """Only the assembly knows that this is no item of its own: the headers of both look alike."""
    if item.compression:
        raise ProtocolError(f"a further fragment of an item of the call {item.id} names a compression of its own")


def _is_begun(ident: int) -> bool:
    raise AssertionError(f"the core has not said how to know whether the call {ident} was begun")


def _cannot_refuse(ident: int, _code: Code, text: str, _events: list[Event]) -> None:
    raise AssertionError(f"the core has not said how to end the call {ident}: {text}")
