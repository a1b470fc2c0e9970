"""The seam between stubs and handlers above, and whatever carries calls below.

A `Channel` is what stubs call into; a `Dispatcher` is what brings calls to handlers. Both know bytes and `Method`s, no
IDL and no network. The session implements the first and feeds the second; a foreign protocol that has no session
(Apache Thrift's framed TCP, HTTP with JSON) does both itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from callosum.compression import Compression, PackedBody
from callosum.context import Carrier, Key, Metadata
from callosum.errors import Code, Detail, Outcome
from callosum.service import Body, Method, MethodCodec

if TYPE_CHECKING:
    from callosum.peer import Peer


class Channel(ABC):
    """A way to the other side."""

    @abstractmethod
    def codec(self, method: Method) -> tuple[str, MethodCodec]:
        """The encoding for a method that both sides know: its name as the request carries it, and its callables."""

    @abstractmethod
    def call(  # noqa: PLR0917 - a keyword costs more, and every call passes through here
        self,
        method: Method,
        codec: str,
        body: Body,
        deadline: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        parent: int = 0,
        compression: Compression | None = None,
    ) -> Awaitable[Body | PackedBody]:
        """One request and its reply: the bytes of a result or of a declared exception.

        They come as a `PackedBody` where the other side has compressed them.

        Of a oneway nothing comes back: it returns b"" when the request was handed to a connection.

        The call is made at once; what is returned is awaited by one task, once.

        Cancellation: safe. The handler is cancelled; what was not sent never leaves.

        Args:
            method: What is called.
            codec: As `codec` gave it.
            body: The encoded arguments.
            deadline: On the loop's clock, or None.
            key: The request key, or None.
            metadata: What travels with the call.
            parent: The id of the call in whose handler it is made, where that came over this channel; 0 without.
            compression: What the bodies are compressed with, where the other side can; None: nothing is asked for.

        Raises:
            RpcError, TransportError: With a true ``outcome``.
        """

    @abstractmethod
    def open_stream(  # noqa: PLR0917 - as call()
        self,
        method: Method,
        codec: str,
        body: Body,
        deadline: float | None = None,
        key: Key | None = None,
        metadata: Metadata | None = None,
        parent: int = 0,
        compression: Compression | None = None,
    ) -> ItemStream:
        """One request of a method that streams, made at once: this side's end of it.

        ``body`` is the encoded arguments without the stream; the rest is as for `call`.

        Raises:
            ConfigurationError: This way carries no streams.
            RpcError, TransportError: It cannot be made; NOT_SENT.
        """


class ItemStream(ABC):
    """One end of a call that streams: bytes of values out, bytes of values in.

    The caller has one from `Channel.open_stream`; its outcome is what `receive` raises, or `outcome` returns, behind
    the last item. A handler has one from `Inbound.items`; its outcome is the call's.
    """

    @abstractmethod
    def try_send(self, body: Body) -> bool:
        """Send one item, where that need not wait; False where it must.

        Raises:
            RpcError, TransportError: The call has ended.
        """

    @abstractmethod
    async def send(self, body: Body) -> None:
        """Send one item; wait while the other side takes no more. Cancellation: safe, the item was not sent then.

        Raises:
            RpcError, TransportError: The call has ended.
        """

    @abstractmethod
    def end(self) -> None:
        """No more items from here. Of the caller; a handler's end with its outcome."""

    @abstractmethod
    def try_receive(self) -> Body | PackedBody | None:
        """The next item, where one is here; a `PackedBody` where the other side has compressed it."""

    @abstractmethod
    async def receive(self) -> Body | PackedBody | None:
        """The next item, as `try_receive`; None behind the last one. Cancellation: safe, no item is lost.

        Raises:
            RpcError, TransportError: The call has failed; not before the items that had come were received, but for
                the deadline, which waits for nobody.
        """

    @abstractmethod
    def keep_newest(self) -> None:
        """Of unread items only the newest is kept, whatever comes from now on: the sender waits for no reader."""

    @abstractmethod
    async def outcome(self) -> Body:
        """The bytes of the result, or of a declared exception; b"" behind a stream that went well, and for a handler.

        Items that nobody received are dropped. Cancellation: safe; the call goes on.

        Raises:
            RpcError, TransportError: The call has failed.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Leave: of the caller, the handler is cancelled; of a handler, no more items are received. Nothing raises."""

    @abstractmethod
    def abort(self, failure: Exception) -> bool:
        """Leave, of the caller, because of a failure on this side: it is the outcome of the call from now on.

        False where the call has an outcome already, which stays then.
        """


class Inbound(Carrier):
    """One incoming call, as whatever carries it brings it to the dispatcher.

    Exactly one of `reply`, `fail` and `finish` is called, once. None of them raises or waits.

    Attributes:
        request: The method's name on the wire, the body, the key, the metadata, the deadline on the loop's clock, and
            ``parent``, which is not 0 where it is made in a handler of this side's own call: it takes no slot then.
        peer: Who calls.
        arguments: What the handler is called with, set by the dispatcher.
        target: What runs it, set by the dispatcher.
        worker: Who runs it, set by the dispatcher.
        lane: What `Dispatcher.join` gave for its caller.
        place: Its place in the order of its key, set by the dispatcher; None where it has none.
        since: Since when it waits or, later, runs: on the loop's clock, set by the dispatcher where it looks at it.
    """

    __slots__ = ()

    peer: Peer
    arguments: Any  # a tuple of values of any IDL type
    target: Any  # the dispatcher's own
    worker: Any  # the dispatcher's own
    lane: Any  # the dispatcher's own
    place: Any = None  # the dispatcher's own
    since: Any  # a float; slots are the subclass's

    @property
    def carries_key(self) -> bool:
        """Whether a request key can come with the call; where not, the dispatcher computes those that the IDL names."""
        return True

    def makers(self) -> Iterator[Inbound]:
        """The calls of this side in whose handlers it is made, by however many calls to and fro; the nearest first."""
        return iter(())

    @property
    def items(self) -> ItemStream | None:
        """The end of its streams; None where its caller is gone. Asked for once, of a method that streams."""
        return None

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """Whether it was neither started nor ended."""

    def hold(self) -> bool:
        """Whether the carrier keeps the call, and submits it again later: where its peer takes replies too slowly."""
        return False

    def unpacked(self) -> AbstractContextManager[Body]:
        """The body of a request that is compressed, for as long as its handler runs.

        Raises:
            DecodeError: It is damaged, over the limit, or compressed with something that this side did not offer.
            ResourceExhausted: The other side's calls take too much already.
        """
        return nullcontext(self.request.body)  # of a carrier that compresses nothing

    @abstractmethod
    def start(self) -> bool:
        """The handler is about to be started; False where the caller is gone and it must not be."""

    @abstractmethod
    def reply(self, body: Body) -> None:
        """The result, or a declared exception."""

    def is_departing(self, then: Callable[[], None]) -> bool:  # noqa: ARG002 - the contract's
        """Whether its answer is on its way for so long that later ones may overtake it: ``then`` is called at the end.

        To be asked once, right after the answer.
        """
        return False

    @abstractmethod
    def fail(self, failure: Failure) -> None:
        """Any other outcome."""

    @abstractmethod
    def finish(self) -> None:
        """Nothing is to be answered: a oneway has run, or the caller is gone."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed, as it is answered."""

    code: Code
    outcome: Outcome
    text: str
    details: Mapping[str, Detail] = field(default_factory=dict)
    error_id: str = ""
    retry_after: float | None = None
    """Seconds."""


class Flushable(Protocol):
    """A carrier that has answers to send."""

    def flush_answers(self) -> None:
        """Send them now, or soon together with others."""


class Dispatcher(Protocol):
    """What takes incoming calls to their handlers."""

    def join(self, peer: Peer) -> Any:  # the dispatcher's own
        """The session of a peer has opened: what its calls have as their ``lane``. Never raises."""

    def expect(self, call: Inbound) -> None:
        """A call with a key has begun to arrive: `submit` follows, or `abandon`."""

    def submit(self, call: Inbound) -> None:
        """Take a call; it is answered, now or later, by the methods of the call."""

    def abandon(self, call: Inbound) -> None:
        """The caller of an expected or submitted call is gone: drop it from the queue, or cancel its handler."""

    def drained(self) -> None:
        """A run of `submit` is over: handlers may start."""

    def touched(self, carrier: Flushable) -> None:
        """A call was answered: the carrier sends it, once for all that is answered in a row."""
