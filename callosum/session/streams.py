"""The ends of a call that streams, over a session: bytes of items, and tasks that wait for them.

Laws: an item is queued, or was not sent; it is returned, or still there: cancellation loses none. What waits goes on
in the run that brings what it waits for, and all of it looks again: so none is missed where another is cancelled. The
core refers to an end while its call goes on, and an end to no value of the user's: who forgets a stream is noticed (see
`callosum.streams`), and nothing of one that is over waits for the garbage collector.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from callosum.channel import ItemStream
from callosum.compression import Compression, PackedBody
from callosum.errors import (
    CallosumError,
    Cancelled,
    ConfigurationError,
    DeadlineExceeded,
    Outcome,
    ResourceExhausted,
    RpcError,
)
from callosum.protocol.calls import ReceivingState, SendingState
from callosum.protocol.messages import End, Item, Request
from callosum.protocol.stream import Stream, StreamingCall
from callosum.service import Body
from callosum.session.waking import Waiter

if TYPE_CHECKING:
    from callosum.session.session import Session

_RECEIVING: Final = ReceivingState.OPEN
_SENDING: Final = SendingState.OPEN


class _Nobody:
    """Whom the core tells of a stream whose end is gone."""

    def wake(self) -> None:
        """Nobody waits."""


_NOBODY: Final = _Nobody()


class SessionStream(ItemStream):
    """What both ends have."""

    __slots__ = ("_compression", "_waiting", "session", "stream")

    def __init__(self, session: Session, stream: Stream, compression: Compression | None) -> None:
        self.session = session
        self._compression = None if compression is None or compression.is_off else compression
        self.stream = stream
        self._waiting: dict[Waiter[None], None] = {}
        stream.waiter = self

    def wake(self) -> None:
        """Whatever waits looks again: there is an item, or credit, or the call has ended."""
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
                self.session.settled.append(waiter)

    def _let_go(self) -> None:
        """This end is over: whatever waits goes on soon, and the core knows it no longer."""
        session = self.session
        session.core.streams.close(self.stream)
        self.stream.waiter = _NOBODY
        if session.outbox.has_control:  # what was unread is given back to the other streams
            session.flush_soon()
        self.wake()
        session.resume_soon()

    async def _wait(self) -> None:
        waiter: Waiter[None] = Waiter(loop=self.session.loop)
        self._waiting[waiter] = None
        try:
            await waiter
        finally:
            self._waiting.pop(waiter, None)

    # --- sending ------------------------------------------------------------------------------------------------------

    def try_send(self, body: Body) -> bool:
        """Send one item, where that need not wait; see `ItemStream.try_send`."""
        if self.stream.sending is not _SENDING:
            raise self._cannot_send()
        session = self.session
        if len(body) > session.core.body_bytes:
            raise self._oversized(len(body))
        compression = self._compression
        if compression is not None and len(body) > compression.threshold:
            if not self._try_send_packed(body, compression):
                return False
        elif not session.core.streams.try_send(self.stream, body):
            return False
        session.flush_soon()
        return True

    def _try_send_packed(self, body: Body, compression: Compression) -> bool:
        streams, stream = self.session.core.streams, self.stream
        if not streams.may_send(stream):
            return False
        packed = self.session.packing.pack_item(body, compression)
        queued = streams.try_send(stream, packed)
        assert queued, "there was room for it"
        self._note_spared(len(body) - len(packed))
        return True

    def _note_spared(self, size: int) -> None:
        """Compression has spared so many bytes of an item."""

    async def send(self, body: Body) -> None:
        """Send one item; see `ItemStream.send`."""
        while not self.try_send(body):
            await self._wait()

    @abstractmethod
    def _cannot_send(self) -> CallosumError:
        """Why there are no more items from here."""

    def _oversized(self, size: int) -> CallosumError:
        """Why an item that the other side does not accept is not sent."""
        text = f"an item takes {size} bytes; the other side accepts {self.session.core.body_bytes}"
        return ResourceExhausted(text, outcome=Outcome.UNKNOWN)

    # --- receiving ----------------------------------------------------------------------------------------------------

    def try_receive(self) -> Body | PackedBody | None:
        """The next item, where one is here; see `ItemStream.try_receive`."""
        session = self.session
        body = session.core.streams.take(self.stream)
        if session.outbox.has_control:  # credit; or that somebody reads
            session.flush_soon()
        return session.packing.packed_item(body) if isinstance(body, Item) else body

    async def receive(self) -> Body | PackedBody | None:
        """The next item; see `ItemStream.receive`."""
        while True:
            body = self.try_receive()
            if body is not None:
                return body
            if self.stream.receiving is not _RECEIVING:
                self._check_outcome()
                return None
            self.stream.awaits_item = True
            await self._wait()

    def keep_newest(self) -> None:
        """Of unread items only the newest is kept."""
        self.stream.keeps_newest = True

    @abstractmethod
    def _check_outcome(self) -> None:
        """There are no more items; raises where that is because the call has failed."""


class CallerStream(SessionStream):
    """The end of the side that called. It is what the session tells of the call's outcome."""

    __slots__ = ("body", "call", "failure")

    def __init__(self, session: Session, call: StreamingCall, compression: Compression | None) -> None:
        super().__init__(session, call.stream, compression)
        self.call = call
        self.body: Body | PackedBody | None = None
        """The outcome, where there is one."""
        self.failure: BaseException | None = None

    # --- what the session does with whoever waits for an outcome ------------------------------------------------------

    def done(self) -> bool:
        """Whether there is an outcome."""
        return self.body is not None or self.failure is not None

    def set_result(self, body: Body | PackedBody) -> None:
        """The call has ended well."""
        self.body = body

    def set_exception(self, failure: BaseException) -> None:
        """The call has failed. Its deadline waits for no reader: what is unread then is dropped."""
        self.failure = failure
        deadline = self.call.deadline
        if isinstance(failure, DeadlineExceeded) and deadline is not None and self.session.loop.time() >= deadline:
            self.session.core.streams.close(self.stream)

    def resume(self) -> None:
        """Whatever waits looks again, for the outcome."""
        if self._waiting:
            self.wake()
            self.session.resume_soon()

    def adopt(self, session: Session, call: StreamingCall) -> None:
        """The call goes on over another session: nothing of it has left."""
        self.session, self.call, self.stream = session, call, call.stream
        self.wake()
        session.resume_soon()

    # --- what stubs do ------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """No more items from here."""
        if self.stream.sending is _SENDING:
            self.session.core.streams.finish(self.stream, End(self.stream.ident))
            self.session.flush_soon()

    async def outcome(self) -> Body:
        """The bytes of the outcome; see `ItemStream.outcome`."""
        while not self.done():
            await self._wait()
        self._let_go()
        self._check_outcome()
        body = self.body
        if isinstance(body, PackedBody):
            return body.unpack()
        return b"" if body is None else body

    def cancel(self) -> None:
        """Leave: the handler is cancelled, and what is unread is dropped."""
        if not self.done():
            method = self.call.method
            self.abort(_of(method, Cancelled(f"this side has left the call of {method}", outcome=Outcome.UNKNOWN)))
        elif self.stream.waiter is self:
            self._let_go()

    def abort(self, failure: Exception) -> bool:
        """Leave, because of a failure on this side; see `ItemStream.abort`."""
        if self.done():
            return False
        self.failure = failure
        self.session.leave(self.call)
        self._let_go()
        return True

    def _cannot_send(self) -> CallosumError:
        method = self.call.method
        if isinstance(self.failure, CallosumError):
            return self.failure
        if self.done():
            text = f"the call of {method} is over: it takes no more items"
            return _of(method, Cancelled(text, outcome=Outcome.EXECUTED if self.failure is None else Outcome.UNKNOWN))
        return ConfigurationError(f"nothing can be sent to {method} after end(), and its stream must be one that sends")

    def _note_spared(self, size: int) -> None:
        self.session.core.streams.spare(self.stream, size)  # the call may go on over another session yet

    def _oversized(self, size: int) -> CallosumError:
        return _of(self.call.method, super()._oversized(size))

    def _check_outcome(self) -> None:
        if self.failure is not None:
            raise self.failure


def _of(method: str, error: CallosumError) -> CallosumError:
    """An error that came out of a call: where it escapes from a handler, it is not that handler's own."""
    if isinstance(error, RpcError):
        error.call = method
    return error


class HandlerStream(SessionStream):
    """The end of the side that serves."""

    __slots__ = ("_method",)

    def __init__(self, session: Session, stream: Stream, request: Request) -> None:
        super().__init__(session, stream, session.packing.item_compression(request))
        self._method = request.method

    def end(self) -> None:
        """Items of a handler end with its outcome."""
        raise AssertionError("a handler ends its items by its outcome")

    async def outcome(self) -> Body:
        """Nothing comes behind the items of a caller."""
        return b""

    def cancel(self) -> None:
        """No more items are received; whoever still waits, outside of the handler, is told."""
        self._let_go()

    def abort(self, failure: Exception) -> bool:
        """A handler fails by its outcome."""
        raise AssertionError(f"a handler fails by its outcome, not with {failure!r}")

    def _cannot_send(self) -> CallosumError:
        return Cancelled(f"this call of {self._method} is over", outcome=Outcome.EXECUTED)

    def _check_outcome(self) -> None:
        if self.stream.receiving is ReceivingState.CLOSED:
            raise self._cannot_send()
