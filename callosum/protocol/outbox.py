"""What waits to leave, and the order in which it may.

Laws: control leaves first, then small records, then large bodies in turn, a fragment each. Records of one call, and
requests of one key, leave in the order in which they were made. A request gets its id with its first record, so that
ids arrive growing. What has no number yet can be withdrawn as if it had never been made.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Iterator
from typing import Final

from callosum.protocol import wire
from callosum.protocol.calls import OUTGOING, OutgoingCall, OutgoingEvent, OutgoingState
from callosum.protocol.credit import SendWindow
from callosum.protocol.limits import FRAGMENT, INLINE_BODY, MAX_FRAME_0, MAX_RECORDS, Limits
from callosum.protocol.messages import (
    ONEWAY,
    UNNUMBERED,
    Body,
    Error,
    Fragment,
    Key,
    Message,
    Reply,
    Request,
    Type,
)
from callosum.protocol.positions import ResendBuffer

MAX_TIMEOUT: Final = 1e9
"""Seconds: who gives more (infinity, for example) means no end, which this is."""
_QUEUED: Final = OutgoingState.QUEUED
_NUMBERED: Final = OUTGOING[_QUEUED][OutgoingEvent.NUMBER]


class Gate(enum.Enum):
    """Which requests may leave."""

    SHUT = enum.auto()
    """None: the link is not trusted."""
    AHEAD = enum.auto()
    """Only those that do not wait for others: until ``on_connect`` is through."""
    OPEN = enum.auto()


class Departure:
    """A batch on its way out."""

    __slots__ = ("bulk", "end", "messages", "oneways", "size", "writer")

    def __init__(self) -> None:
        self.writer = wire.BatchWriter()
        self.messages: list[Message] = []
        """The numbered ones."""
        self.size = 0
        self.bulk = 0
        self.oneways: list[OutgoingCall] = []
        """Calls that end when this batch is handed over."""
        self.end = 0
        """The number after its last record."""


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
        self._next_id = first_id
        self.window = SendWindow(0, 0)
        """What the other side permits; set when the session opens."""
        self.outgoing: dict[int, OutgoingCall] = {}
        """The calls that have an id and no outcome."""
        self.reply_bytes = 0
        """Bytes of replies that have no number yet."""
        self._control: deque[Message] = deque()
        self._replies: deque[Reply | Error] = deque()
        self._ahead: deque[OutgoingCall] = deque()
        self.requests: deque[OutgoingCall] = deque()
        """The calls that wait to leave, one and the same object for the life of the session."""
        self._bulk: deque[OutgoingCall | BulkReply] = deque()
        self._behind: dict[Key, deque[OutgoingCall]] = {}
        self._withdrawn = 0
        self._overdrawing: OutgoingCall | None = None

    # --- what comes in ------------------------------------------------------------------------------------------------

    def add_control(self, message: Message) -> None:
        """A record that leaves before all others."""
        self._control.append(message)

    def add_first(self, message: Message) -> None:
        """The record that leaves before all others: the OFFER."""
        self._control.appendleft(message)

    def add_reply(self, reply: Reply | Error) -> None:
        """The outcome of a call of the other side."""
        if type(reply) is Reply:
            size = len(reply.body)
            self.reply_bytes += size
            if size > INLINE_BODY:
                self._bulk.append(BulkReply(reply))
                return
        self._replies.append(reply)

    def add_request(self, call: OutgoingCall) -> None:
        """A call of this side."""
        self.requests.append(call)

    def add_request_ahead(self, call: OutgoingCall) -> None:
        """A call that waits neither for the gate nor for other calls: a nested one, or one of ``on_connect``."""
        self._ahead.append(call)

    def withdraw(self) -> None:
        """A queued call has ended: it is left out when its turn comes, or before, once such are most of the queue."""
        self._withdrawn += 1
        if self._withdrawn > 64 and self._withdrawn > len(self.requests) // 2:
            waiting = [call for call in self.requests if call.state is not OutgoingState.ENDED]
            self.requests.clear()
            self.requests.extend(waiting)
            self._withdrawn = 0

    def queued(self) -> Iterator[OutgoingCall]:
        """The calls of which something still has to leave, but for those that leave ahead."""
        yield from self.requests
        for calls in self._behind.values():
            yield from calls
        yield from (entry for entry in self._bulk if isinstance(entry, OutgoingCall))

    def queued_ahead(self) -> Iterator[OutgoingCall]:
        """The calls that leave ahead and have no number yet."""
        yield from self._ahead

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._control or self._replies or self._ahead or self.requests or self._bulk or self._behind)

    @property
    def has_replies(self) -> bool:
        """Whether a reply, or a part of one, waits."""
        return bool(self._replies) or any(isinstance(entry, BulkReply) for entry in self._bulk)

    def clear(self) -> None:
        """The session has ended."""
        for queue in (self._control, self._replies, self._ahead, self.requests, self._bulk):
            queue.clear()
        self._behind.clear()
        self.outgoing.clear()
        self.reply_bytes = 0

    # --- what goes out ------------------------------------------------------------------------------------------------

    @property
    def is_congested(self) -> bool:
        """Whether replies leave so slowly that no further handler should start."""
        return self.reply_bytes > self._limits.reply_backlog_bytes or len(self._replies) > self._limits.reserve_records

    @property
    def is_overdrawn(self) -> bool:
        """Whether even the reserve for control records and refusals is used up."""
        limits, resend = self._limits, self._resend
        return (
            len(self._control) > limits.reserve_records
            or len(self._replies) > limits.window_calls + 2 * limits.reserve_records
            or resend.records >= limits.resend_records + limits.reserve_records
            or resend.size >= limits.resend_bytes + limits.reserve_bytes
        )

    def compose(self, gate: Gate, now: float) -> Departure | None:
        """The next batch, or None where nothing may leave."""
        departure = Departure()
        if self._control:
            self._take_control(departure)
        limits, resend = self._limits, self._resend
        if resend.records + MAX_RECORDS <= limits.resend_records and resend.size + MAX_FRAME_0 <= limits.resend_bytes:
            if self._replies:
                self._take_replies(departure)
            if self._ahead and gate is not Gate.SHUT:
                self._take_requests(departure, self._ahead, now)
            if self.requests and gate is Gate.OPEN:
                self._take_requests(departure, self.requests, now)
            if self._bulk and not departure.writer.records:
                self._take_fragment(departure, gate, now)
        if not departure.writer.records:
            return None
        departure.end = resend.next + len(departure.messages)
        return departure

    def _take_control(self, departure: Departure) -> None:
        writer, queue = departure.writer, self._control
        while queue:
            message = queue[0]
            header, body = wire.header_and_body(message)
            size = writer.put(header, body)
            if not size:
                return
            queue.popleft()
            if type(message) not in UNNUMBERED:
                departure.messages.append(message)
                departure.size += size

    def _take_replies(self, departure: Departure) -> None:
        writer, queue, messages = departure.writer, self._replies, departure.messages
        while queue:
            reply = queue[0]
            if type(reply) is Reply:
                header, body = wire.reply_header(reply), reply.body
            else:
                header, body = wire.header_and_body(reply)
            size = writer.put(header, body)
            if not size:
                return
            queue.popleft()
            messages.append(reply)
            departure.size += size
            self.reply_bytes -= len(body)

    def _take_requests(self, departure: Departure, queue: deque[OutgoingCall], now: float) -> None:
        writer, messages, window, behind = departure.writer, departure.messages, self.window, self._behind
        outgoing, request_header, put = self.outgoing, wire.request_header, writer.put
        number, before = self._resend.next + len(messages), writer.size
        while queue:
            call = queue[0]
            request = call.request
            body = request.body
            if call.state is not _QUEUED or len(body) > INLINE_BODY or (behind and request.key in behind):
                queue.popleft()
                self._divert(call)
                continue
            if not request.parent and not window.is_open:
                break
            request.id = self._next_id
            if request.deadline is not None:
                set_timeout(request, now)
            if not put(request_header(request), body):
                request.id = 0
                break
            queue.popleft()
            if not request.parent:
                window.begin_call(len(body))
            call.state = _NUMBERED
            call.first = call.last = number
            if request.flags & ONEWAY:
                departure.oneways.append(call)
            outgoing[request.id] = call
            messages.append(request)
            self._next_id += 2
            number += 1
        departure.size += writer.size - before

    def _divert(self, call: OutgoingCall) -> None:
        """A large body goes to the ring of these, and what has the same key waits until it has begun."""
        if call.state is not _QUEUED:
            return
        key = call.request.key
        if key is not None and key in self._behind:
            self._behind[key].append(call)
            return
        self._bulk.append(call)
        if key is not None:
            self._behind[key] = deque()

    def _number(self, call: OutgoingCall, departure: Departure) -> None:
        call.state = _NUMBERED
        self._next_id += 2
        if call.request.flags & ONEWAY:
            departure.oneways.append(call)
        self.outgoing[call.request.id] = call

    def _take_fragment(self, departure: Departure, gate: Gate, now: float) -> None:
        """One fragment of the first large body in turn that may go on."""
        if self._resend.bulk >= self._limits.bulk_window:
            return
        for _ in range(len(self._bulk)):
            entry = self._bulk.popleft()
            if isinstance(entry, BulkReply):
                finished = self._send_reply_fragment(entry, departure)
            elif entry.state is OutgoingState.ENDED:
                self._release_key(entry)
                continue
            elif not self._may_go_on(entry, gate):
                self._bulk.append(entry)
                continue
            else:
                finished = self._send_request_fragment(entry, departure, now)
            if not finished:
                self._bulk.append(entry)
            return

    def _may_go_on(self, call: OutgoingCall, gate: Gate) -> bool:
        if call.request.parent:
            return call.offset > 0 or gate is not Gate.SHUT
        if call.offset:
            return self.window.size > 0 or self._overdrawing in (None, call)
        return gate is Gate.OPEN and self.window.is_open

    def _send_request_fragment(self, call: OutgoingCall, departure: Departure, now: float) -> bool:
        request = call.request
        if not call.offset:
            request.id = self._next_id
            set_timeout(request, now)
            self._number(call, departure)
            call.first = self._resend.next
        part, end = _part(request.body, call.offset)
        finished = end == len(request.body)
        if not call.request.parent:
            if call.offset:
                self.window.spend(len(part))
            else:
                self.window.begin_call(len(part))
            self._overdrawing = call if self.window.size <= 0 and not finished else None
        if call.offset or not finished:
            first = None if call.offset else request
            self._add_bulk(departure, Fragment(first, Type.REQUEST, request.id, part, not finished))
        else:
            self._add_bulk(departure, request)
        if not call.offset:
            self._release_key(call)
        call.offset = end
        if finished:
            call.last = self._resend.next
        elif departure.oneways:
            departure.oneways.clear()  # it ends with its last fragment
        if finished and request.flags & ONEWAY:
            departure.oneways = [call]
        return finished

    def _release_key(self, call: OutgoingCall) -> None:
        key = call.request.key
        if key is not None and key in self._behind:
            self.requests.extendleft(reversed(self._behind.pop(key)))

    def _send_reply_fragment(self, entry: BulkReply, departure: Departure) -> bool:
        reply = entry.reply
        part, end = _part(reply.body, entry.offset)
        finished = end == len(reply.body)
        if entry.offset or not finished:
            first = None if entry.offset else reply
            self._add_bulk(departure, Fragment(first, Type.REPLY, reply.id, part, not finished))
        else:
            self._add_bulk(departure, reply)
        entry.offset = end
        self.reply_bytes -= len(part)
        return finished

    def _add_bulk(self, departure: Departure, message: Fragment | Request | Reply) -> None:
        header, body = wire.header_and_body(message)
        departure.writer.add(header, body, wire.fragment_flags(message))
        departure.messages.append(message)
        departure.size += wire.RECORD_SIZE + len(header) + len(body)
        departure.bulk += len(body)


def set_timeout(request: Request, now: float) -> None:
    """Turn the deadline into what is left of it; rounded up, so that nothing expires early at the other side."""
    if request.deadline is not None:
        request.timeout_ms = max(0, math.ceil(min(request.deadline - now, MAX_TIMEOUT) * 1000))


def _part(body: Body, offset: int) -> tuple[Body, int]:
    end = min(offset + FRAGMENT, len(body))
    if not offset and end == len(body):
        return body, end
    return memoryview(body)[offset:end], end
