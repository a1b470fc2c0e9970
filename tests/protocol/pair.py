"""Two cores face to face over a link that takes everything at once, for tests of one behaviour at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

from callosum.protocol import departure, items, outbox, wire
from callosum.protocol import limits as limits_module
from callosum.protocol.calls import IncomingCall, OutgoingCall
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Event
from callosum.protocol.handshake import Terms, make_welcome
from callosum.protocol.limits import Limits
from callosum.protocol.messages import ONEWAY, Body, Hello, Key, Message, Welcome

T = TypeVar("T")
Batch = list[bytes]
TOKEN = b"0123456789abcdef"
FRAGMENT = 1000
INLINE = 100


@contextmanager
def small_fragments(fragment: int = FRAGMENT, inline: int = INLINE) -> Iterator[None]:
    """Bodies of some hundred bytes travel as those of some MiB do."""
    with (
        mock.patch.multiple(outbox, FRAGMENT=fragment, INLINE_BODY=inline),
        mock.patch.object(departure, "FRAGMENT", fragment),
        mock.patch.object(items, "INLINE_BODY", inline),
        mock.patch.object(limits_module, "INLINE_BODY", inline),
    ):
        yield


def decoded(batch: Sequence[bytes | memoryview]) -> list[Any]:  # messages: tests look into them
    """The messages of a batch."""
    return list(wire.decode(batch).messages)


class Pair:
    """``a`` is the connector, ``b`` the listener."""

    def __init__(self, limits: Limits | None = None, *, b_limits: Limits | None = None, **terms: Any) -> None:
        limits = limits or Limits()
        own = Terms(limits)
        own = dataclasses.replace(own, **terms)  # fields by name
        self.now = 100.0
        self.a = SessionCore(Role.CONNECTOR, own)
        self.b = SessionCore(Role.LISTENER, dataclasses.replace(own, limits=b_limits or limits))
        self.events: dict[SessionCore, list[Event]] = {self.a: [], self.b: []}

    # --- the link -----------------------------------------------------------------------------------------------------

    def other(self, core: SessionCore) -> SessionCore:
        return self.b if core is self.a else self.a

    def next(self, core: SessionCore) -> Batch:
        """The next batch, which must be there; it is handed over."""
        frames = core.frames_to_send(self.now)
        assert frames is not None, "nothing leaves"
        batch = [bytes(frame) for frame in frames]
        self.events[core] += core.handed_over()
        return batch

    def take(self, core: SessionCore) -> list[Batch]:
        """All batches that leave now."""
        batches = []
        while core.frames_to_send(self.now) is not None:
            batches.append(self.next(core))
        return batches

    def give(self, core: SessionCore, batches: Sequence[Batch]) -> list[Any]:  # events: tests look into them
        events: list[Event] = []
        for batch in batches:
            events += core.receive(batch, self.now)
        self.events[core] += events
        return events

    def messages(self, core: SessionCore) -> list[Any]:  # as above
        """What leaves now; it is lost."""
        return [message for batch in self.take(core) for message in decoded(batch)]

    def move(self, core: SessionCore) -> list[Any]:  # as above
        """All that one side has to say arrives at the other."""
        return self.give(self.other(core), self.take(core))

    def pump(self) -> None:
        for _ in range(1000):
            batches = self.take(self.a)
            replies = self.take(self.b)
            if not batches and not replies:
                return
            self.give(self.b, batches)
            self.give(self.a, replies)
        raise AssertionError("they talk for ever")

    def raw(
        self, core: SessionCore, *messages: Message, ack: int | None = None, seq: int | None = None
    ) -> list[Any]:  # as above
        """A hostile, or hand-made, batch arrives that continues where the other side is."""
        there = self.other(core)
        seq = core.expected if seq is None else seq
        batch = wire.encode(messages, seq, there.expected if ack is None else ack, int(self.now * 1000) % 2**32)
        return self.give(core, [[bytes(frame) for frame in batch]])

    # --- connections --------------------------------------------------------------------------------------------------

    def hello(self) -> Hello:
        """The connector dials, and this is what it says."""
        self.a.dial(self.now)
        hello = wire.decode(self.next(self.a)).messages[0]
        assert isinstance(hello, Hello)
        return hello

    def welcome(self, hello: Hello) -> Welcome:
        received = None
        if hello.resumption is not None and hello.resumption.received is not None:
            received = self.b.expected
        return make_welcome(self.b.terms, hello, 7, TOKEN, received)

    def connect(self) -> Pair:
        hello = self.hello()
        self.b.accept(hello, self.welcome(hello), self.now)
        self.move(self.b)
        self.pump()
        return self

    def cut(self) -> None:
        for core in (self.a, self.b):
            self.events[core] += core.detach(self.now)

    def resume(self) -> None:
        """A new connection; nothing but the handshake has passed."""
        hello = self.hello()
        self.b.accept(hello, self.welcome(hello), self.now)
        self.give(self.a, [self.next(self.b)])

    def wait(self, seconds: float) -> None:
        """Both timers are served until then, and what they cause arrives."""
        end = self.now + seconds
        while (first := min(self.a.next_timer(), self.b.next_timer())) <= end:
            self.now = max(self.now, first)
            self.fire(self.a)
            self.fire(self.b)
            self.pump()
        self.now = end

    def fire(self, core: SessionCore) -> list[Any]:  # as above
        events = core.on_timer(self.now)
        self.events[core] += events
        return events

    # --- calls --------------------------------------------------------------------------------------------------------

    def call(
        self,
        core: SessionCore,
        body: Body = b"",
        *,
        timeout: float | None = None,
        key: Key | None = None,
        parent: int = 0,
        oneway: bool = False,
    ) -> OutgoingCall:
        deadline = None if timeout is None else self.now + timeout
        flags = ONEWAY if oneway else 0
        call = OutgoingCall("S/m", flags, body, key, parent=parent, deadline=deadline)
        core.open_call(call, self.now)
        return call

    def served(self, core: SessionCore, body: Body = b"") -> IncomingCall:
        """A call of the other side that is running here."""
        self.call(self.other(core), body)
        self.pump()
        call = list(core.incoming.calls.values())[-1]
        assert call.start()
        return call

    def seen(self, core: SessionCore, kind: type[T]) -> list[T]:
        return [event for event in self.events[core] if isinstance(event, kind)]
