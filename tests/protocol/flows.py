"""The streams of a `World`: both ends of each, and what must hold of what is sent and read."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final
from unittest import mock

from callosum.protocol import outbox, stream, streams
from callosum.protocol.calls import ReceivingState, SendingState
from callosum.protocol.core import SessionCore
from callosum.protocol.messages import COMPRESSIONS, End, Item
from callosum.protocol.stream import Content, Stream

SMALL_WINDOW: Final = 3_000
SMALL_SHARED: Final = 24_000


@contextmanager
def small_windows() -> Iterator[None]:
    """Streams of some KiB use their windows up as those of some MiB do."""
    with ExitStack() as stack:
        for module, name, value in (
            (stream, "STREAM_WINDOW", SMALL_WINDOW),
            (streams, "STREAM_WINDOW", SMALL_WINDOW),
            (streams, "STREAMS_WINDOW", SMALL_SHARED),
            (streams, "_RETURN_SHARED", SMALL_SHARED // 16),
            (streams, "_GROWTH", SMALL_SHARED // 2),
            (streams, "_RESERVE", SMALL_SHARED // 2),
            (outbox, "STREAMS_WINDOW", SMALL_SHARED),
        ):
            stack.enter_context(mock.patch.object(module, name, value))
        yield


def patched(name: str) -> int:
    """A bound of the outbox, as it is while a test has made it smaller."""
    return int(vars(outbox)[name])


def compression_of(body: bytes | memoryview) -> int:
    """What an item says that it is compressed with: nobody looks into it here."""
    return len(body) % 5 if len(body) % 5 < COMPRESSIONS else 0


@dataclass
class Log:
    """What one side of a call has sent."""

    items: list[memoryview] = field(default_factory=list)
    complete: bool = False
    """Whether it has said that there are no more."""


class Flow:
    """One end of a call that streams, as its owner uses it: it waits for events, and looks again at each."""

    def __init__(
        self,
        rng: random.Random,
        core: SessionCore,
        stream: Stream,
        sent: Log,
        received: Log,
        make: Callable[[int], memoryview],
        totals: Counter[str],
    ) -> None:
        self.rng = rng
        self.sent, self.received = sent, received
        self._make = make
        self._totals = totals
        self.plan = rng.choice([0, 1, 3, 10, 60])
        """Items that it will send, at the most."""
        self.blocked = False
        """Whether its writer waits for an event."""
        self.waits = False
        """Whether its reader does."""
        self.position = 0
        """The item that is read next."""
        self.newest = rng.random() < 0.1
        self.available = -1
        """How many items are or were here when the outcome came: none may come after it."""
        self.left = False
        self.core = core
        self.stream = stream
        self.use(core, stream)

    def use(self, core: SessionCore, stream: Stream) -> None:
        """The call is made, or made once more: whoever waits looks again."""
        self.core, self.stream = core, stream
        stream.waiter = self
        stream.keeps_newest = self.newest
        self.wake()

    def wake(self) -> None:
        self.blocked = self.waits = False

    # --- sending ------------------------------------------------------------------------------------------------------

    @property
    def may_send(self) -> bool:
        return self.stream.sending is SendingState.OPEN and not self.sent.complete

    def send(self, most: int) -> None:
        """Send what is planned, until it has to wait."""
        for _ in range(most):
            if not self.may_send or not self.plan or self.blocked:
                return
            body = self._make(len(self.sent.items))
            kind = compression_of(body)
            if not self.core.streams.try_send(self.stream, Item(0, body, kind) if kind else body):
                assert self.stream.awaits_credit
                self.blocked = True
                self._totals["writers that waited"] += 1
                if self.rng.random() < 0.1:
                    self.core.streams.stop_waiting(self.stream)
                    self.blocked = False
                return
            self.plan -= 1
            self.sent.items.append(body)
            self._totals["items"] += 1
            self._totals["compressed items"] += bool(kind)
            if kind:
                self.core.streams.spare(self.stream, len(body))
            self._totals["large items"] += len(body) > patched("FRAGMENT")

    def end(self) -> None:
        """The caller's stream is complete."""
        if self.may_send:
            self.sent.complete = True
            self.core.streams.finish(self.stream, End(self.stream.ident))
            self._totals["ends"] += 1

    # --- receiving ----------------------------------------------------------------------------------------------------

    def read(self, most: int) -> None:
        """Read what is here, until it has to wait."""
        for _ in range(most):
            if self.waits or self.left:
                return
            body = self.core.streams.take(self.stream)
            if body is None:
                assert not self.stream.items
                self.waits = self.stream.awaits_item = self.stream.receiving is ReceivingState.OPEN
                return
            self._check(body)
            self._totals["items read"] += 1

    def _check(self, item: Content) -> None:
        kind, body = (item.compression, item.body) if isinstance(item, Item) else (0, item)
        assert kind == compression_of(body), "what it is compressed with stays with it"
        sent = self.received.items
        position = self.position
        while self.newest and position < len(sent) and sent[position] != body:
            position += 1
        assert position < len(sent), "an item that was not sent"
        assert sent[position] == body, f"item {position} is another one"
        self.position = position + 1
        assert self.available < 0 or self.newest or self.position <= self.available, "an item behind the outcome"

    def leave(self) -> None:
        """The reader leaves."""
        if not self.left:
            self.left = True
            self.core.streams.close(self.stream)
            assert not self.stream.items

    @property
    def is_drained(self) -> bool:
        return self.left or (not self.stream.items and self.stream.receiving is not ReceivingState.OPEN)

    def settled(self) -> None:
        """The call has its outcome."""
        assert self.stream.receiving is not ReceivingState.OPEN
        assert self.stream.sending is SendingState.ENDED
        self.available = self.position + len(self.stream.items)
        self.wake()

    def check_complete(self) -> None:
        """All was read, and there was an END, or an outcome that the handler made."""
        if self.left or not self.received.complete:
            return
        sent = self.received.items
        self._totals["complete streams"] += bool(sent)
        assert self.position == len(sent), f"{self.position} of {len(sent)} items"
