"""What waits to leave, and the order in which it may.

Laws: control leaves first, then small records, then large bodies in turn, a fragment each. Records of one call, and
requests of one key, leave in the order in which they were made; only nested calls, and those of ``on_connect``, wait
for no others. A request gets its id with its first record, so that ids arrive growing. What has no number yet can be
withdrawn as if it had never been made.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from callosum.protocol import headers, wire
from callosum.protocol.calls import OUTGOING, OutgoingCall, OutgoingEvent, OutgoingState, SendingEvent, SendingState
from callosum.protocol.credit import SendWindow
from callosum.protocol.departure import Departure, next_part, set_timeout
from callosum.protocol.items import TERMINALS, put_end, put_item_fragment, put_items
from callosum.protocol.limits import (
    FRAGMENT,
    INLINE_BODY,
    MAX_FRAME_0,
    MAX_RECORDS,
    STREAMS_WINDOW,
    Limits,
)
from callosum.protocol.messages import (
    ONEWAY,
    STREAMS,
    UNNUMBERED,
    Credit,
    Error,
    Fragment,
    Key,
    Message,
    Reply,
    Type,
)
from callosum.protocol.positions import ResendBuffer
from callosum.protocol.stream import Stream, StreamingCall

# module constants: an attribute of another module, or of an enum, costs more, and these are looked at for each record
RECORD_SIZE: Final = wire.RECORD_SIZE
pack_record: Final = wire.pack_record
request_header: Final = headers.request_header
reply_header: Final = headers.reply_header
_QUEUED: Final = OutgoingState.QUEUED
_NUMBERED: Final = OUTGOING[_QUEUED][OutgoingEvent.NUMBER]
_SHIFT: Final = headers.COMPRESSION_SHIFT
_UNUSUAL: Final = ONEWAY | STREAMS
"""Flags of calls for which more is done when they leave."""
_SHARE: Final = 32
"""Items of a stream that leave before the next one has its turn."""
_TURNS: Final = MAX_RECORDS // _SHARE
"""Turns that there are at least for a batch: so it is full where there are two streams."""


class Gate(enum.Enum):
    """Which requests may leave."""

    SHUT = enum.auto()
    """None: the link is not trusted."""
    AHEAD = enum.auto()
    """Only those that do not wait for others: until ``on_connect`` is through."""
    OPEN = enum.auto()


_SHUT: Final = Gate.SHUT
_GATE_OPEN: Final = Gate.OPEN


_NONE: Final = cast(deque[Any], ())
"""A queue that most sessions never need, until its first entry: an empty deque takes 760 bytes. What would add to it
without making one fails, and loses nothing in silence."""


class BulkReply:
    """A reply whose body is large, and how much of it has a number."""

    __slots__ = ("offset", "reply")

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.offset = 0


class Outbox:
    """The queues of one session, and the calls that have an id."""

    def __init__(self, first_id: int, limits: Limits, resend: ResendBuffer) -> None:
        self._limits = limits
        self._resend = resend
        # a batch of any size fits below these
        self._records_bound = limits.resend_records - MAX_RECORDS
        self._size_bound = limits.resend_bytes - MAX_FRAME_0
        self._next_id = first_id
        self.window = SendWindow(0, 0)
        """What the other side permits; set when the session opens."""
        self.outgoing: dict[int, OutgoingCall] = {}
        """The calls that have an id and no outcome."""
        self.reply_bytes = 0
        """Bytes of replies that have no number yet."""
        self._control: deque[Message] = deque()
        self._replies: deque[Reply | Error] = deque()
        self._nested: deque[OutgoingCall] = _NONE
        self._ahead: deque[OutgoingCall] = _NONE
        self._early: set[OutgoingCall] = set()
        """Those of the calls that leave ahead whose bodies are large."""
        self.requests: deque[OutgoingCall] = deque()
        """The calls that wait to leave, one and the same object for the life of the session."""
        self.streams: dict[int, Stream] = {}
        """The streams of the calls that have an id, of both sides."""
        self.streams_left = STREAMS_WINDOW
        """Bytes of items that the other side permits all streams together."""
        self.held_outcomes = 0
        """Outcomes that wait behind items."""
        self.begin_stream: Callable[[Stream], None] = self.add_stream
        """What becomes of the stream of a call that has left; set by who counts its items."""
        self._bulk: deque[OutgoingCall | BulkReply | Stream] = _NONE
        self._behind: dict[Key, deque[OutgoingCall]] = {}
        self._withdrawn = 0

    # --- what comes in ------------------------------------------------------------------------------------------------

    def add_control(self, message: Message) -> None:
        """A record that leaves before all others."""
        self._control.append(message)

    def add_credit(self, calls: int, size: int) -> None:
        """Call window goes back; what becomes free before it has left goes back with it."""
        last = self._control[-1] if self._control else None
        if isinstance(last, Credit):
            self._control[-1] = Credit(last.calls + calls, last.size + size)
        else:
            self._control.append(Credit(calls, size))

    def add_first(self, message: Message) -> None:
        """The record that leaves before all others: the OFFER."""
        self._control.appendleft(message)

    def add_reply(self, reply: Reply) -> None:
        """The outcome of a call of the other side."""
        size = len(reply.body)
        self.reply_bytes += size
        if size > INLINE_BODY:
            self._add_large(BulkReply(reply))
        else:
            self._replies.append(reply)

    def add_error(self, error: Error) -> None:
        """The outcome of a call of the other side."""
        self._replies.append(error)

    def add_request(self, call: OutgoingCall) -> None:
        """A call of this side."""
        self.requests.append(call)

    def add_request_ahead(self, call: OutgoingCall) -> None:
        """A call that waits neither for the gate nor for other calls: a nested one, or one of ``on_connect``."""
        if call.parent:
            if self._nested is _NONE:
                self._nested = deque()
            self._nested.append(call)
        else:
            if self._ahead is _NONE:
                self._ahead = deque()
            self._ahead.append(call)

    def add_stream(self, stream: Stream) -> None:
        """A stream whose call has its id has something to send."""
        stream.is_in_turn = True
        self._add_large(stream)

    def hold_outcome(self, outcome: Reply | Error) -> None:
        """An outcome waits behind items."""
        self.held_outcomes += 1
        if isinstance(outcome, Reply):
            self.reply_bytes += len(outcome.body)

    def drop_outcome(self, outcome: Reply | Error) -> None:
        """It waits there no more."""
        self.held_outcomes -= 1
        if isinstance(outcome, Reply):
            self.reply_bytes -= len(outcome.body)

    def _add_large(self, entry: OutgoingCall | BulkReply | Stream) -> None:
        """What leaves in fragments, or in a batch of its own."""
        if self._bulk is _NONE:
            self._bulk = deque()
        self._bulk.append(entry)

    def disown(self, parent: int) -> list[OutgoingCall]:
        """Take out the nested calls that have no number yet, of a parent that ends now: they are nested no more."""
        found = [call for call in self._nested if call.parent == parent]
        for call in found:
            self._nested.remove(call)
        held = (call for call in (*self._bulk, *_chain(self._behind)) if isinstance(call, OutgoingCall))
        for call in (*found, *held):
            if call.parent == parent and call.state is _QUEUED:
                call.parent = 0
        return found

    def add_requests_first(self, calls: list[OutgoingCall]) -> None:
        """Calls of this side that come before those that wait already."""
        self.requests.extendleft(reversed(calls))

    def withdraw(self, call: OutgoingCall) -> None:
        """A queued call has ended: it is left out when its turn comes, or before, once such are most of the queue."""
        if self._bulk:
            behind = self._behind.get(call.key) if call.key is not None else None
            if call in self._bulk:
                self._bulk.remove(call)
                self._early.discard(call)
                self._release_key(call)
                return
            if behind and call in behind:  # its turn may never come: the body before it may wait for the window
                behind.remove(call)
                self._early.discard(call)
                return
        self._withdrawn += 1
        if self._withdrawn > 64 and self._withdrawn > len(self.requests) // 2:
            waiting = [call for call in self.requests if call.state is not OutgoingState.ENDED]
            self.requests.clear()
            self.requests.extend(waiting)
            self._withdrawn = 0

    def queued(self) -> Iterator[OutgoingCall]:
        """The calls of which something still has to leave, but for those that leave ahead; each key's in its order."""
        yield from (entry for entry in self._bulk if isinstance(entry, OutgoingCall))
        yield from _chain(self._behind)
        yield from self.requests

    def queued_ahead(self) -> Iterator[OutgoingCall]:
        """The calls that leave ahead and have no number yet."""
        yield from self._nested
        yield from self._ahead

    @property
    def has_control(self) -> bool:
        """Whether control records wait."""
        return bool(self._control)

    @property
    def last_id(self) -> int:
        """The highest id of a call of this side so far."""
        return self._next_id - 2

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._control or self._replies or self.requests or self._bulk or self._nested or self._ahead)

    @property
    def has_replies(self) -> bool:
        """Whether a reply, or a part of one, waits."""
        return bool(self._replies or self.held_outcomes) or any(isinstance(entry, BulkReply) for entry in self._bulk)

    def is_leaving(self, ident: int) -> bool:
        """Whether the outcome of a call waits behind items, or is a large reply that has not left as a whole."""
        if not self._bulk:
            return False  # nearly always
        stream = self.streams.get(ident)
        return (stream is not None and stream.sending is SendingState.ENDING) or any(
            isinstance(entry, BulkReply) and entry.reply.id == ident for entry in self._bulk
        )

    def clear(self) -> None:
        """The session has ended."""
        for queue in (self._control, self._replies, self._nested, self._ahead, self.requests, self._bulk):
            if queue:
                queue.clear()
        self._behind.clear()
        self._early.clear()
        self.outgoing.clear()
        self.streams.clear()
        self.reply_bytes = self.held_outcomes = 0

    # --- what goes out ------------------------------------------------------------------------------------------------

    @property
    def is_congested(self) -> bool:
        """Whether replies leave so slowly that no further handler should start."""
        waiting = len(self._replies) + self.held_outcomes
        return self.reply_bytes > self._limits.reply_backlog_bytes or waiting > self._limits.reserve_records

    @property
    def is_overdrawn(self) -> bool:
        """Whether even the reserve for control records and refusals is used up."""
        limits, resend = self._limits, self._resend
        records, size = resend.next - resend.acknowledged, resend.size
        if not self._control and not self._replies and records <= self._records_bound and size <= self._size_bound:
            return False  # nearly always
        return (
            len(self._control) > limits.reserve_records
            or len(self._replies) > limits.window_calls + 2 * limits.reserve_records
            or records >= limits.resend_records + limits.reserve_records
            or size >= limits.resend_bytes + limits.reserve_bytes
        )

    def compose(self, gate: Gate, now: float) -> Departure | None:
        """The next batch, or None where nothing may leave."""
        if not (self._replies or self.requests or self._control or self._bulk or self._nested or self._ahead):
            return None  # `is_empty`, written out
        departure = Departure()
        if self._control:
            self._take_control(departure)
        resend = self._resend
        if resend.next - resend.acknowledged <= self._records_bound and resend.size <= self._size_bound:
            if self._replies:
                self._take_replies(departure)
            if gate is not _SHUT:
                if self._nested:
                    self._take_requests(departure, self._nested, now)
                if self._ahead:
                    self._take_requests(departure, self._ahead, now)
                if self.requests and gate is _GATE_OPEN:
                    self._take_requests(departure, self.requests, now)
            if self._bulk and not departure.records:
                self._take_bulk(departure, gate, now)
                if self._replies and departure.may_go_on:  # outcomes that have waited behind items
                    self._take_replies(departure)
        return departure if departure.records else None

    def _take_control(self, departure: Departure) -> None:
        queue = self._control
        while queue:
            message = queue[0]
            header, body = headers.header_and_body(message)
            if len(body) > INLINE_BODY:  # the OFFER of very many services
                departure.add(header, body)
                size = wire.RECORD_SIZE + len(header) + len(body)
            else:
                size = departure.put(header, body)
            if not size:
                return
            queue.popleft()
            if type(message) not in UNNUMBERED:
                departure.messages.append(message)
                departure.size += size

    def _take_replies(self, departure: Departure) -> None:
        """The replies that fit. Written out flat, as `_take_requests` is."""
        queue, append_message, add_parts = self._replies, departure.messages.append, departure.parts.extend
        records, length = departure.records, departure.length
        before, bodies = length, 0
        while queue and records < MAX_RECORDS:
            reply = queue[0]
            if type(reply) is Reply:
                header, body, flags = reply_header(reply), reply.body, reply.compression << _SHIFT
            else:
                header, body = headers.header_and_body(reply)
                flags = 0
            header_size, body_size = len(header), len(body)
            size = header_size + body_size
            if length + RECORD_SIZE + size > MAX_FRAME_0:
                break
            add_parts((pack_record(size, header_size, flags), header, body))
            records += 1
            length += RECORD_SIZE + size
            bodies += body_size
            queue.popleft()
            append_message(reply)
        departure.records, departure.length = records, length
        departure.size += length - before
        self.reply_bytes -= bodies

    def _take_requests(self, departure: Departure, queue: deque[OutgoingCall], now: float) -> None:
        """The requests that fit, and may go by the call window. Written out flat: every call passes through here."""
        messages, window, behind, outgoing = departure.messages, self.window, self._behind, self.outgoing
        append_message, add_parts, take = messages.append, departure.parts.extend, queue.popleft
        number, records, length = self._resend.next + len(messages), departure.records, departure.length
        calls_left, size_left, begun, taken = window.calls, window.size, 0, 0
        before = length
        ident = self._next_id
        while queue:
            call = queue[0]
            body, parent = call.body, call.parent
            body_size = len(body)
            if call.state is not _QUEUED or body_size > INLINE_BODY or (behind and call.key in behind):
                self._divert(take(), queue)
                continue
            if records >= MAX_RECORDS or (not parent and (begun >= calls_left or taken >= size_left)):
                break
            call.id = ident
            if call.deadline is not None:
                set_timeout(call, now)
            header = request_header(call)
            header_size = len(header)
            size = header_size + body_size
            if length + RECORD_SIZE + size > MAX_FRAME_0:
                call.id = 0
                break
            add_parts((pack_record(size, header_size, call.compression << _SHIFT), header, body))
            take()
            records += 1
            length += RECORD_SIZE + size
            if not parent:
                begun += 1
                taken += body_size
            call.state = _NUMBERED
            call.first = call.last = number
            outgoing[ident] = call
            if call.flags & _UNUSUAL:
                self._leave_unusual(call, departure)
            append_message(call)
            ident += 2
            number += 1
        window.begin_calls(begun, taken)
        self._next_id = ident
        departure.records, departure.length = records, length
        departure.size += length - before

    def _divert(self, call: OutgoingCall, queue: deque[OutgoingCall]) -> None:
        """A large body goes to the ring of these, and what has the same key waits until it has begun."""
        if call.state is not _QUEUED:
            return
        if queue is self._ahead:
            self._early.add(call)
        key = call.key
        if key is not None and key in self._behind:
            self._behind[key].append(call)
            return
        self._add_large(call)
        if key is not None:
            self._behind[key] = deque()

    def _leave_unusual(self, call: OutgoingCall, departure: Departure) -> None:
        """All of a call has a number that is a oneway, or that streams."""
        if call.flags & ONEWAY:
            departure.oneways.append(call)
        if isinstance(call, StreamingCall):
            stream = call.stream
            stream.begin(call.id)
            self.streams[call.id] = stream
            self.begin_stream(stream)

    def _number(self, call: OutgoingCall) -> None:
        call.state = _NUMBERED
        self._next_id += 2
        self.outgoing[call.id] = call

    def _take_bulk(self, departure: Departure, gate: Gate, now: float) -> None:
        """One fragment of the first large body in turn that may go on, or items of the streams whose turn it is."""
        for _ in range(max(len(self._bulk), _TURNS)):
            if not self._bulk:
                return
            entry = self._bulk.popleft()
            if isinstance(entry, Stream):
                if not self._take_items(departure, entry):
                    return
                continue
            if departure.records:
                self._bulk.appendleft(entry)
                return
            if isinstance(entry, OutgoingCall):
                if entry.state is OutgoingState.ENDED:
                    continue
                if not self._may_go_on(entry, gate):
                    self._bulk.append(entry)
                    continue
            body = entry.body if isinstance(entry, OutgoingCall) else entry.reply.body
            if not self._has_room(min(FRAGMENT, len(body) - entry.offset)):
                self._bulk.appendleft(entry)
                return
            if isinstance(entry, OutgoingCall):
                finished = self._send_request_fragment(entry, departure, now)
            else:
                finished = self._send_reply_fragment(entry, departure)
            if not finished:
                self._bulk.append(entry)
            return

    def _may_go_on(self, call: OutgoingCall, gate: Gate) -> bool:
        if call.offset:
            return bool(call.parent) or self.window.may_spend(call)
        if call.parent:
            return gate is not Gate.SHUT
        return self.window.is_open and (gate is Gate.OPEN or (gate is Gate.AHEAD and call in self._early))

    def _has_room(self, size: int) -> bool:
        """Whether one more fragment may be unacknowledged; the first always may, however small the bounds are."""
        resend, limits = self._resend, self._limits
        return (not resend.bulk or resend.bulk + size <= limits.bulk_window) and (
            not resend.size or resend.size + size <= limits.resend_bytes
        )

    def _send_request_fragment(self, call: OutgoingCall, departure: Departure, now: float) -> bool:
        if not call.offset:
            call.id = self._next_id
            set_timeout(call, now)
            self._number(call)
            call.first = self._resend.next
        part, end = next_part(call.body, call.offset)
        finished = end == len(call.body)
        if not call.parent:
            if call.offset:
                self.window.spend(len(part), call)
            else:
                self.window.begin_call(len(part), call)
        if call.offset or not finished:
            first = None if call.offset else call
            departure.put_bulk(Fragment(first, Type.REQUEST, call.id, part, not finished))
        else:
            departure.put_bulk(call)
        if not call.offset:
            self._early.discard(call)
            self._release_key(call)
        call.offset = end
        if finished:
            call.last = self._resend.next
            self._leave_unusual(call, departure)
        return finished

    def _release_key(self, call: OutgoingCall) -> None:
        key = call.key
        if key is None:
            return
        for waiting in reversed(self._behind.pop(key)):
            if waiting.parent:
                self._nested.appendleft(waiting)
            elif waiting in self._early:
                self._early.discard(waiting)
                self._ahead.appendleft(waiting)
            else:
                self.requests.appendleft(waiting)

    def _send_reply_fragment(self, entry: BulkReply, departure: Departure) -> bool:
        reply = entry.reply
        part, end = next_part(reply.body, entry.offset)
        finished = end == len(reply.body)
        if entry.offset or not finished:
            first = None if entry.offset else reply
            departure.put_bulk(Fragment(first, Type.REPLY, reply.id, part, not finished))
        else:
            departure.put_bulk(reply)
        entry.offset = end
        self.reply_bytes -= len(part)
        return finished

    def _take_items(self, departure: Departure, stream: Stream) -> bool:
        """Items of one stream; whether the next in turn may have a place in the same batch."""
        queue, before = stream.queue, departure.records
        may_share = True
        if queue:
            head = queue[0]
            if isinstance(head, TERMINALS):
                may_share = put_end(departure, stream)
            elif len(head) > INLINE_BODY or stream.offset:
                may_share = False
                if not before and self._has_room(min(FRAGMENT, len(head) - stream.offset)):
                    put_item_fragment(departure, stream, head)
            else:
                most = min(MAX_RECORDS, before + (_SHARE if self._bulk else MAX_RECORDS))
                may_share = self._has_room(departure.bulk + MAX_FRAME_0) and put_items(departure, stream, most)
            if departure.records > before and not stream.numbered and not isinstance(head, TERMINALS):
                self._note_numbered(stream)
            self._release_outcome(stream)
        if not queue:
            stream.is_in_turn = False  # all has left, or its call has ended
        elif departure.records == before:
            self._bulk.appendleft(stream)  # its turn comes again
        else:
            self._bulk.append(stream)
        return may_share

    def _note_numbered(self, stream: Stream) -> None:
        """An item has left: the call stays on this session, and none of what waits goes plain."""
        stream.numbered = True
        if stream.spared:
            stream.spared = 0
            self.begin_stream(stream)  # whoever waits for credit looks again

    def _release_outcome(self, stream: Stream) -> None:
        """The outcome of a call leaves as any other, once the last item before it has a number."""
        if not stream.queue:
            return
        outcome = stream.queue[0]
        if isinstance(outcome, Reply | Error):
            stream.queue.popleft()
            self.drop_outcome(outcome)
            del self.streams[stream.ident]
            stream.move_sending(SendingEvent.LEAVE)
            if isinstance(outcome, Reply):
                self.add_reply(outcome)
            else:
                self.add_error(outcome)


def _chain(queues: dict[Key, deque[OutgoingCall]]) -> Iterator[OutgoingCall]:
    for calls in queues.values():
        yield from calls
