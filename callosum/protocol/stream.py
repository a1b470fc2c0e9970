"""One side's end of a call that streams: what it sends, what it receives, and the credit for both.

Laws: an item is counted when it is queued and when it arrives, by the same measure (`cost`); what is counted here is
given back by the other side, once, when it was read or dropped. With credit above 0 one item may overdraw it.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

from callosum.protocol import headers
from callosum.protocol.calls import (
    RECEIVING,
    SENDING,
    OutgoingCall,
    ReceivingEvent,
    ReceivingState,
    SendingEvent,
    SendingState,
)
from callosum.protocol.limits import ITEM_COST, STREAM_WINDOW
from callosum.protocol.messages import ITEMS_FOLLOW, ITEMS_WANTED, ONEWAY, STREAMS, Body, End, Error, Item, Reply

Terminal = End | Reply | Error
"""What ends the items of one side."""
Content = Body | Item
"""What is sent and received: the bytes of an item, or an Item where these are compressed."""
_OPEN: Final = ReceivingState.OPEN


class Reader(enum.IntEnum):
    """Whether somebody reads what arrives here."""

    NONE = 0
    """Nobody has looked yet."""
    QUIET = 1
    """Somebody has; the other side does not know, as it can send without that."""
    KNOWN = 2


def cost(body: Content) -> int:
    """Bytes for which an item counts."""
    return len(body) + ITEM_COST


def size_of(queue: Iterable[Content | Terminal]) -> int:
    """Bytes for which the items of a queue count."""
    return sum(cost(one) for one in queue if not isinstance(one, End | Reply | Error))


class Stream:
    """This side's end of one call.

    Attributes:
        waiter: Whatever the owner of the session wants to find the reader and the writer by.
        awaits_item: Whether the owner wants to be told of the next item, or that there is none.
        awaits_credit: Whether it wants to be told when it may send again.
    """

    __slots__ = (
        "awaits_credit",
        "awaits_item",
        "credit",
        "granted",
        "has_reader",
        "header",
        "ident",
        "is_held",
        "is_in_turn",
        "items",
        "keeps_newest",
        "numbered",
        "offset",
        "owed",
        "queue",
        "reader",
        "receiving",
        "sending",
        "spared",
        "waited_at",
        "waiter",
        "window",
    )

    def __init__(self, *, sends: bool, receives: bool) -> None:
        self.ident = 0
        self.header = b""
        """Of each of its ITEMs."""
        self.waiter: Any = None  # the owner's own kind of handle
        # what is sent
        self.sending = SendingState.OPEN if sends else SendingState.ENDED
        self.queue: deque[Content | Terminal] = deque()
        """The items that have no number yet, and in the end what ends them."""
        self.offset = 0
        """Bytes of the first of them that have a number, where it travels in fragments."""
        self.numbered = False
        """Whether any item has a number."""
        self.credit = STREAM_WINDOW
        """Bytes that may still be sent; below 0 after an overdraft."""
        self.spared = 0
        """Bytes by which what waits would be more in plain, while it may have to go so: see `unpack`."""
        self.is_in_turn = False
        """Whether it is among those that leave in turn."""
        self.is_held = False
        """Whether what waits here does not count yet for what all streams share."""
        self.has_reader = False
        """Whether the other side has said that somebody reads."""
        self.awaits_credit = False
        # what is received
        self.receiving = ReceivingState.OPEN if receives else ReceivingState.CLOSED
        self.items: deque[Content] = deque()
        """The unread items."""
        self.window = STREAM_WINDOW
        """Bytes that may be under way or unread."""
        self.granted = STREAM_WINDOW
        """Bytes of it that the other side has not used."""
        self.owed = 0
        """Bytes that were read, and not yet given back."""
        self.waited_at = -1
        """What was owed when the reader last waited; -1 where it has not since the other side last got credit."""
        self.reader = Reader.NONE
        self.awaits_item = False
        self.keeps_newest = False
        """Whether an unread item gives way to the next one."""

    def begin(self, ident: int) -> None:
        """The call has its id."""
        self.ident = ident
        self.header = headers.item_header(ident)

    def move_sending(self, event: SendingEvent) -> None:
        """By the table."""
        self.sending = SENDING[self.sending][event]

    def move_receiving(self, event: ReceivingEvent) -> None:
        """By the table."""
        self.receiving = RECEIVING[self.receiving][event]

    def unpack(self, unpack: Callable[[Item], Body]) -> None:
        """What waits goes plain: it was compressed for another session, and there is credit for it (`spared`)."""
        before = size_of(self.queue)
        self.queue = deque(unpack(one) if isinstance(one, Item) else one for one in self.queue)
        self.credit -= size_of(self.queue) - before

    @property
    def can_read(self) -> bool:
        """Whether there is something to read, or nothing will come any more."""
        return bool(self.items) or self.receiving is not _OPEN


class StreamingCall(OutgoingCall):
    """A call of this side that streams."""

    __slots__ = ("stream",)
    stream: Stream

    def begin(self) -> None:
        """Make its stream; once, before it is queued."""
        flags = self.flags
        assert flags & STREAMS, "its method streams"
        assert not flags & ONEWAY, "what is not answered does not stream"
        self.stream = Stream(sends=bool(flags & ITEMS_FOLLOW), receives=bool(flags & ITEMS_WANTED))
        self.stream.is_held = True  # a call that waits for the call window must not hold what others need to end

    def twin(self) -> Self:
        """The same call on another session, with what waits to be sent. Whoever waits at the old one looks again."""
        twin = super().twin()
        twin.begin()
        old, new = self.stream, twin.stream
        new.waiter, new.keeps_newest = old.waiter, old.keeps_newest
        new.queue = deque(old.queue)
        new.credit -= size_of(new.queue)
        if new.sending is SendingState.OPEN and old.sending is not SendingState.OPEN:
            new.move_sending(SendingEvent.FINISH)
            if not new.queue:
                new.queue.append(End(0))  # the END has its number there, and nobody has got it
        return twin
