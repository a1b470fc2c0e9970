"""The calls that the other side makes.

Laws: a call arrives with its first record, runs after its last, and is passed on once; one that has a key is announced
with its first where that is not its last, and withdrawn where its last does not come. Each has exactly one outcome:
what is answered for a call that has ended, or whose caller is gone, is dropped. Its window is owed to the other side
when its handler has ended, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

from callosum.errors import Code, Detail, Outcome, ProtocolError
from callosum.protocol import headers, wire
from callosum.protocol.assembly import Assembly
from callosum.protocol.assembly import Refusal as BodyRefusal
from callosum.protocol.calls import INCOMING, IncomingCall, IncomingEvent, IncomingState
from callosum.protocol.credit import ReceiveWindow
from callosum.protocol.deadlines import Deadlines
from callosum.protocol.events import Announced, Event, Refused, Withdrawn
from callosum.protocol.limits import Limits
from callosum.protocol.messages import (
    ONEWAY,
    STREAMS,
    Body,
    Error,
    Fragment,
    GoAway,
    Metadata,
    Reply,
    Request,
    Type,
)
from callosum.protocol.outbox import Outbox
from callosum.protocol.streams import Streams

# module constants: an attribute of an enum costs more, and these are looked at for each call
_PENDING: Final = IncomingState.PENDING
_STARTED: Final = INCOMING[_PENDING][IncomingEvent.START]
_ABANDONED: Final = IncomingState.ABANDONED
_ENDED: Final = IncomingState.ENDED
_END: Final = IncomingEvent.END
Refusal = tuple[Code, str]
_WINDOW_USED_UP: Final = (Code.RESOURCE_EXHAUSTED, "the call window is used up")
_TOO_MANY_NESTED_BYTES: Final = (Code.RESOURCE_EXHAUSTED, "the bodies of nested calls are more than are held")
ABANDONED_FACTOR: Final = 4
"""How many times the permitted number of nested calls there may be together with those whose handlers are ending."""
MAX_SKIPPING = 1024
"""Refused bodies whose rest may still be arriving."""
MAX_RETRY_AFTER = 86_400.0
"""Seconds; nobody is asked to wait longer."""
MAX_ERROR_TEXT = 2000
"""Characters of an error's text that travel."""


class IncomingCalls:
    """The table of calls that this side serves."""

    def __init__(self, first_id: int, limits: Limits, outbox: Outbox, deadlines: Deadlines, streams: Streams) -> None:
        self._outbox = outbox
        self._streams = streams
        self._deadlines = deadlines
        self._window = ReceiveWindow(limits.window_calls, limits.window_bytes)
        self._body_limit = limits.body_bytes
        self._assembly = Assembly(limits.body_bytes, limits.unfinished_bytes)
        self._nested_limit = limits.nested_calls
        self._nested_bytes_limit = limits.unfinished_bytes
        self._nested: dict[int, list[IncomingCall]] = {}
        """The unfinished nested calls, by their parents; no window bounds them."""
        self._nested_bytes = 0
        self._parity = first_id % 2
        self.last_id = 0
        """The highest id that has arrived."""
        self.calls: dict[int, IncomingCall] = {}
        """The unfinished calls."""
        self._skipping: dict[int, int] = {}
        """Refused bodies of which fragments still arrive, with their parents."""
        self.make_call: Callable[[Request, IncomingState, int], IncomingCall] = IncomingCall
        """The owner may have calls of a class of its own."""
        self.release: Callable[[IncomingCall], None] = _keep
        """What becomes of nested calls that still wait when the handler has ended; set by the core."""
        self.goaway: GoAway | None = None
        """What we told the other side about draining."""

    # --- what arrives -------------------------------------------------------------------------------------------------

    def arrive(self, request: Request, delay_ms: int, now: float, events: list[Event]) -> None:
        """A whole request."""
        ident, size = request.id, len(request.body)
        if (
            request.timeout_ms is None
            and not request.parent
            and self.goaway is None
            and ident > self.last_id
            and ident % 2 == self._parity
            and size <= self._body_limit
        ):
            # what `_admit` does with nearly all, written out: every call passes through here
            self.last_id = ident
            refusal = None if self._window.begin_call(ident, size) else _WINDOW_USED_UP
        else:
            refusal = self._admit(request, size, delay_ms, now)
        if refusal is not None:
            self._refuse(request, size, refusal, events)
            return
        call = self.make_call(request, _PENDING, size)
        self.calls[ident] = call
        if request.flags & STREAMS:
            self._streams.begin_incoming(request)
        if request.parent:
            self._add_nested(call, size)
        if request.deadline is not None:
            self._deadlines.add(request.deadline, call)
        events.append(call)

    def arrive_fragment(self, fragment: Fragment, delay_ms: int, now: float, events: list[Event]) -> None:
        """A piece of a request."""
        size = len(fragment.body)
        if fragment.message is not None:
            request = cast(Request, fragment.message)
            refusal = self._admit(request, size, delay_ms, now)
            if refusal is not None:
                self._skip_rest(request)
                self._refuse(request, size, refusal, events)
                return
            call = self.make_call(request, IncomingState.ARRIVING, 0)
            self.calls[request.id] = call
            if request.parent:
                self._add_nested(call, size)
            self._assembly.begin((Type.REQUEST, request.id), request)
            if request.deadline is not None:
                self._deadlines.add(request.deadline, call)
            if request.key is not None:
                events.append(Announced(call))
        else:
            begun = self.calls.get(fragment.id)
            if begun is None or begun.state is not IncomingState.ARRIVING:
                self._skip_fragment(fragment)
                return
            call = begun
            refusal = self._admit_more(call, size)
        call.size += size
        self._assemble(call, fragment, refusal, events)

    def _admit_more(self, call: IncomingCall, size: int) -> Refusal | None:
        """Take the window of a further fragment, and say why it may not come, if so."""
        if call.request.parent:
            self._nested_bytes += size
            if self._nested_bytes > self._nested_bytes_limit:
                return _TOO_MANY_NESTED_BYTES
        elif not self._window.spend(call.request.id, size):
            return _WINDOW_USED_UP
        return None

    def _skip_fragment(self, fragment: Fragment) -> None:
        """A part of a body that was refused, or whose call has ended: its window goes back as it comes in."""
        ident = fragment.id
        if ident > self.last_id or ident % 2 != self._parity:
            raise ProtocolError(f"a fragment of a request {ident} that was not begun")
        if not self._skipping.get(ident):
            self._window.spend(ident, len(fragment.body))
            self._owe(0, len(fragment.body))
        if not fragment.more:
            self._skipping.pop(ident, None)

    def _skip_rest(self, request: Request) -> None:
        """A body of which fragments are under way is refused: its sender goes on until it hears of it."""
        if len(self._skipping) >= MAX_SKIPPING:
            raise ProtocolError(f"more than {MAX_SKIPPING} refused bodies are still arriving")
        self._skipping[request.id] = request.parent

    def _assemble(self, call: IncomingCall, fragment: Fragment, refusal: Refusal | None, events: list[Event]) -> None:
        request = call.request
        key = (int(Type.REQUEST), request.id)
        if refusal is None and (excess := self._assembly.add(key, fragment.body)) is not None:
            refusal = Code.RESOURCE_EXHAUSTED, f"the body {excess.value}"
        if refusal is not None:
            self._assembly.drop(key)
            self._end(call, events)
            if fragment.more:
                self._skip_rest(request)
            self._refuse(request, call.size, refusal, events)
        elif not fragment.more:
            self._assembly.finish(key)
            if request.flags & STREAMS:
                self._streams.begin_incoming(request)
            call.state = INCOMING[call.state][IncomingEvent.COMPLETE]
            events.append(call)

    def _admit(self, request: Request, size: int, delay_ms: int, now: float) -> Refusal | None:
        """Take the call's place in the order of ids and its window, and say why it may not run, if so."""
        ident = request.id
        if ident <= self.last_id or ident % 2 != self._parity:
            raise ProtocolError(f"request id {ident} does not follow {self.last_id}")
        self.last_id = ident
        if request.parent:
            refusal = self._admit_nested(request.parent, size)
            if refusal is not None:
                return refusal
        elif not self._window.begin_call(ident, size):
            return _WINDOW_USED_UP
        if size > self._body_limit:
            return Code.RESOURCE_EXHAUSTED, f"the body {BodyRefusal.TOO_LARGE.value}"
        if self.goaway is not None and not request.parent:
            return Code.UNAVAILABLE, f"this side is draining: {self.goaway.reason}"
        if request.timeout_ms is not None:
            remaining = request.timeout_ms - delay_ms
            if remaining <= 0:
                return Code.DEADLINE_EXCEEDED, f"it arrived {-remaining} ms after its deadline"
            request.deadline = now + remaining / 1000
        return None

    def _admit_nested(self, parent: int, size: int) -> Refusal | None:
        """Nested calls wait for nothing; so that the other side cannot have any number here, they are counted."""
        if parent not in self._outbox.outgoing:
            return Code.CANCELLED, f"the call {parent}, in whose handler it was made, has ended"
        siblings = self._nested.get(parent, ())
        alive = sum(1 for call in siblings if call.state is not _ABANDONED)
        if alive >= self._nested_limit or len(siblings) >= ABANDONED_FACTOR * self._nested_limit:
            return Code.RESOURCE_EXHAUSTED, f"{len(siblings)} calls of the handler of {parent} are under way already"
        if self._nested_bytes + size > self._nested_bytes_limit:
            return _TOO_MANY_NESTED_BYTES
        return None

    def _add_nested(self, call: IncomingCall, size: int) -> None:
        self._nested.setdefault(call.request.parent, []).append(call)
        self._nested_bytes += size

    def _drop_nested(self, call: IncomingCall) -> None:
        parent = call.request.parent
        siblings = self._nested[parent]
        siblings.remove(call)
        if not siblings:
            del self._nested[parent]
        self._nested_bytes -= call.size

    def _refuse(self, request: Request, size: int, refusal: Refusal, events: list[Event]) -> None:
        code, text = refusal
        if not request.parent:
            self._owe(1, size)
        events.append(Refused(request, code, text))
        if not request.flags & ONEWAY:
            self._outbox.add_error(Error(request.id, code, Outcome.REJECTED, text))

    def cancel(self, ident: int, events: list[Event]) -> None:
        """The caller left; nothing is answered."""
        self._skipping.pop(ident, None)
        call = self.calls.get(ident)
        if ident in self._outbox.streams and ident % 2 == self._parity:
            self._streams.drop(ident)  # also where the handler has ended, and its outcome waits behind items
        if call is None or call.state is IncomingState.ABANDONED:
            return
        if call.state is IncomingState.ARRIVING:
            self._assembly.drop((Type.REQUEST, ident))
            self._end(call, events)
            self._return_window(call)
        else:
            call.state = INCOMING[call.state][IncomingEvent.ABANDON]
            events.append(call)

    # --- what is answered ---------------------------------------------------------------------------------------------

    def reply(self, call: IncomingCall, body: Body, metadata: Metadata | None = None, compression: int = 0) -> None:
        """Answer with a result or a declared exception, and end the call."""
        request = call.request
        if call.state is _STARTED and not request.flags & ONEWAY:
            reply = Reply(request.id, body, metadata, compression)
            if not request.flags & STREAMS or not self._streams.answer(reply):
                self._outbox.add_reply(reply)
        self.finish(call)

    def answer_error(self, call: IncomingCall, error: Error) -> None:
        """Answer with an error, and end the call."""
        request = call.request
        if (
            call.state in (_PENDING, _STARTED)
            and not request.flags & ONEWAY
            and not (request.flags & STREAMS and self._streams.answer(error))
        ):
            self._outbox.add_error(error)
        self.finish(call)

    def finish(self, call: IncomingCall) -> None:
        """The handler of a call has ended, or never ran: its window goes back."""
        if call.state is _ENDED:
            return
        call.state = _ENDED  # from all other states, by the table
        request = call.request
        self.calls.pop(request.id, None)
        if request.flags & STREAMS:
            self._streams.handler_ended(request.id)
        if call.nested:
            self.release(call)
        if request.parent:
            self._drop_nested(call)
        elif (window := self._window).owe(1, call.size):
            self._outbox.add_credit(*window.take_owed())

    def expire(self, call: IncomingCall, events: list[Event]) -> None:
        """The deadline of a call has passed."""
        self._streams.drop(call.request.id)
        error = Error(call.request.id, Code.DEADLINE_EXCEEDED, Outcome.REJECTED, "the deadline passed before it ran")
        if call.state is IncomingState.ARRIVING:
            self._assembly.drop((Type.REQUEST, call.request.id))
            self._end(call, events)
            self._skip_rest(call.request)
            self._refuse(call.request, call.size, (error.code, error.text), events)
            return
        if call.state is IncomingState.RUNNING:
            error = Error(error.id, error.code, Outcome.EXECUTED, "the deadline passed while it ran")
        else:
            events.append(Refused(call.request, error.code, error.text))
        if not call.request.flags & ONEWAY:
            self._outbox.add_error(error)
        call.state = INCOMING[call.state][IncomingEvent.ABANDON]
        events.append(call)

    def refuse_item(self, ident: int, code: Code, text: str, events: list[Event]) -> None:
        """What the caller sends is too much for this side."""
        self.give_up(self.calls[ident], code, text, events)

    def give_up(self, call: IncomingCall, code: Code, text: str, events: list[Event]) -> None:
        """End a call that streams, for a reason of this side's: its caller is told, and its handler stopped.

        Nothing happens where it has ended already, or its caller is gone.
        """
        if call.state not in (_PENDING, _STARTED):
            return
        ident = call.request.id
        self._streams.drop(ident)
        outcome = Outcome.EXECUTED if call.state is _STARTED else Outcome.REJECTED
        self._outbox.add_error(Error(ident, code, outcome, text))
        call.state = INCOMING[call.state][IncomingEvent.ABANDON]
        events.append(call)

    def end_all(self, events: list[Event]) -> None:
        """The session has ended: stop every handler."""
        for call in list(self.calls.values()):
            if call.state in (IncomingState.PENDING, IncomingState.RUNNING):
                call.state = INCOMING[call.state][IncomingEvent.ABANDON]
                events.append(call)
            elif call.state is IncomingState.ARRIVING:
                self._end(call, events)
        self._assembly.clear()

    def _end(self, call: IncomingCall, events: list[Event]) -> None:
        """End a call of which fragments are missing."""
        call.state = INCOMING[call.state][_END]
        del self.calls[call.request.id]
        if call.request.key is not None:
            events.append(Withdrawn(call))
        if call.request.parent:
            self._drop_nested(call)

    def _return_window(self, call: IncomingCall) -> None:
        if not call.request.parent:
            self._owe(1, call.size)

    def _owe(self, calls: int, size: int) -> None:
        if self._window.owe(calls, size):
            self._outbox.add_credit(*self._window.take_owed())


def _keep(_call: IncomingCall) -> None:
    """Nothing waits in a table of its own."""


def make_error(
    ident: int,
    code: Code,
    outcome: Outcome,
    text: str,
    details: Mapping[str, Detail],
    error_id: str = "",
    retry_after: float | None = None,
) -> Error:
    """An ERROR that surely fits into a header, and says where something was left out. Never raises."""
    retry_after_ms = None
    if isinstance(retry_after, int | float) and 0 <= retry_after < MAX_RETRY_AFTER:
        retry_after_ms = round(retry_after * 1000)
    text = str(text).encode("utf-8", "replace").decode("utf-8")
    if len(text) > MAX_ERROR_TEXT:
        text = text[:MAX_ERROR_TEXT] + "…"
    error = Error(ident, code, outcome, text, details, error_id, retry_after_ms)
    try:
        headers.check_header(error)
        if details:
            wire.decode(wire.encode([error]))  # what the other side could not read would end the session
    except (ValueError, ProtocolError) as unfit:
        return Error(ident, code, outcome, f"{text} (without its details: {unfit})", {}, error_id, retry_after_ms)
    return error
