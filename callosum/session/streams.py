"""The ends of a call that streams, over a session: bytes of items, and tasks that wait for them.

Laws: an item is queued, or was not sent; it is returned, or still there: cancellation loses none. What waits goes on
in the run that brings what it waits for. The core refers to an end, and an end to no value of the user's: who forgets
a stream is noticed (see `callosum.streams`).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from callosum.channel import ItemStream
from callosum.compression import PackedBody
from callosum.errors import CallosumError, Cancelled, ConfigurationError, DeadlineExceeded, Outcome
from callosum.protocol.calls import ReceivingState, SendingState
from callosum.protocol.messages import End
from callosum.protocol.stream import Stream, StreamingCall
from callosum.service import Body
from callosum.session.waking import Waiter

if TYPE_CHECKING:
    from callosum.session.inbound import SessionInbound
    from callosum.session.session import Session

_RECEIVING: Final = ReceivingState.OPEN
_SENDING: Final = SendingState.OPEN


class SessionStream(ItemStream):
    """What both ends have."""

    __slots__ = ("_waiting", "session", "stream")

    def __init__(self, session: Session, stream: Stream) -> None:
        self.session = session
        self.stream = stream
        self._waiting: list[Waiter[None]] = []
        stream.waiter = self

    def wake(self) -> None:
        """Whatever waits looks again: there is an item, or credit, or the call has ended."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
                self.session.settled.append(waiter)

    async def _wait(self) -> None:
        waiter: Waiter[None] = Waiter(loop=self.session.loop)
        self._waiting.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    # --- sending ------------------------------------------------------------------------------------------------------

    def try_send(self, body: Body) -> bool:
        """Send one item, where that need not wait; see `ItemStream.try_send`."""
        if self.stream.sending is not _SENDING:
            raise self._cannot_send()
        session = self.session
        if len(body) > session.core.body_bytes:
            raise session.oversized_item(len(body))
        if not session.core.streams.try_send(self.stream, body):
            return False
        session.flush_soon()
        return True

    async def send(self, body: Body) -> None:
        """Send one item; see `ItemStream.send`."""
        while not self.try_send(body):
            await self._wait()

    @abstractmethod
    def _cannot_send(self) -> CallosumError:
        """Why there are no more items from here."""

    # --- receiving ----------------------------------------------------------------------------------------------------

    def try_receive(self) -> Body | None:
        """The next item, where one is here."""
        session = self.session
        body = session.core.streams.take(self.stream)
        if body is not None and session.outbox.has_control:
            session.flush_soon()
        return body

    async def receive(self) -> Body | None:
        """The next item; see `ItemStream.receive`."""
        while True:
            self._check_deadline()
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

    def _check_deadline(self) -> None:
        """Raises DeadlineExceeded where the deadline of the call has passed: it waits for no reader."""

    @abstractmethod
    def _check_outcome(self) -> None:
        """There are no more items; raises where that is because the call has failed."""


class CallerStream(SessionStream):
    """The end of the side that called. It is what the session tells of the call's outcome."""

    __slots__ = ("body", "call", "failure")

    def __init__(self, session: Session, call: StreamingCall) -> None:
        super().__init__(session, call.stream)
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
        self.wake()

    def set_exception(self, failure: BaseException) -> None:
        """The call has failed."""
        self.failure = failure
        self.wake()

    def resume(self) -> None:
        """Whatever waits is resumed by itself."""

    def adopt(self, session: Session, call: StreamingCall) -> None:
        """The call goes on over another session: nothing of it has left."""
        self.session, self.call, self.stream = session, call, call.stream
        self.wake()

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
        self.session.core.streams.close(self.stream)
        self._check_outcome()
        body = self.body
        if isinstance(body, PackedBody):
            return body.unpack()
        return b"" if body is None else body

    def cancel(self) -> None:
        """Leave: the handler is cancelled, and what is unread is dropped."""
        if not self.done():
            self.failure = Cancelled(f"the caller of {self.call.method} has left", outcome=Outcome.UNKNOWN)
            self.session.leave(self.call)
        self.session.core.streams.close(self.stream)
        self.wake()
        self.session.resume_soon()

    def _cannot_send(self) -> CallosumError:
        method = self.call.method
        if isinstance(self.failure, CallosumError):
            return self.failure
        if self.body is not None:
            return Cancelled(f"the handler of {method} has ended: it takes no more items", outcome=Outcome.EXECUTED)
        return ConfigurationError(f"nothing can be sent to {method} after end(), and its stream must be one that sends")

    def _check_deadline(self) -> None:
        if isinstance(self.failure, DeadlineExceeded):
            raise self.failure

    def _check_outcome(self) -> None:
        if self.failure is not None:
            raise self.failure


class HandlerStream(SessionStream):
    """The end of the side that serves."""

    __slots__ = ("_inbound",)

    def __init__(self, session: Session, stream: Stream, inbound: SessionInbound) -> None:
        super().__init__(session, stream)
        self._inbound = inbound

    def end(self) -> None:
        """Items of a handler end with its outcome."""
        raise AssertionError("a handler ends its items by its outcome")

    async def outcome(self) -> Body:
        """Nothing comes behind the items of a caller."""
        return b""

    def cancel(self) -> None:
        """No more items are received."""
        self.session.core.streams.close(self.stream)
        self.session.flush_soon()

    def _cannot_send(self) -> CallosumError:
        return Cancelled(f"the caller of {self._inbound.request.method} is gone", outcome=Outcome.EXECUTED)

    def _check_outcome(self) -> None:
        if self.stream.receiving is ReceivingState.CLOSED:
            raise self._cannot_send()
