"""One end of a connection under test: what sends there, and notes what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from callosum.errors import ProtocolError
from callosum.lower.base import Connection, Frame, Frames
from callosum.testing.lower_kit.laws import Law, broken, expect

_NUMBER = 8
"""Bytes of a message's number."""


class Watch:
    """What was seen against the contract in one check, by whichever end.

    A callback must not raise, so what is wrong in one is noted here, and raised when the check ends.
    """

    def __init__(self) -> None:
        self.faults: list[AssertionError] = []
        self._under_way: list[str] = []

    def note(self, law: Law, seen: str) -> None:
        """Note a fault."""
        self.faults.append(broken(law, seen))

    def note_unhandled(self, _: object, context: dict[str, Any]) -> None:  # as asyncio's exception handler gives it
        """Note what was left to the event loop."""
        self.note(Law.ONLY_NAMED, f"{context['message']}: {context.get('exception')!r}, left to the event loop")

    def raise_first(self) -> None:
        """Raise the first fault: what comes after it may be its consequence.

        Raises:
            AssertionError: There is one.
        """
        if self.faults:
            raise self.faults[0]

    @contextmanager
    def calling(self, name: str) -> Iterator[None]:
        """A call into the layer, from within which nobody may be called back, and which raises only what is named."""
        self._under_way.append(name)
        try:
            yield
        except ProtocolError:
            raise
        except Exception as error:
            raise broken(Law.ONLY_NAMED, f"{name} raised {error!r}") from error
        finally:
            self._under_way.pop()

    def called_back(self, whom: str) -> None:
        """Somebody is called back."""
        if self._under_way:
            self.note(Law.NOT_WITHIN, f"{whom} was called from within {self._under_way[-1]}")


class End:
    """One end, with the connection that it was given: its owner and its receiver.

    Attributes:
        connection: What is under test.
        name: For the reader of a failure.
        sizes: Of the numbered messages that it sent, of which the first is number 0.
        messages: What it received, copied when it came.
        kept: The same, as it came.
        drains, writables, reasons: What else it was told.
        on_received, on_drained, on_writable: What it does there.
    """

    def __init__(self, watch: Watch, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        self.sizes: list[int] = []
        self.messages: list[list[bytes]] = []
        self.kept: list[Frames] = []
        self.drains = 0
        self.owed_drain = False
        self.writables = 0
        self.reasons: list[str] = []
        self.on_received: Callable[[], object] | None = None
        self.on_drained: Callable[[], object] | None = None
        self.on_writable: Callable[[], object] | None = None
        self._watch = watch
        self._closed = False

    # --- what it does

    def start(self) -> None:
        """Begin to receive."""
        self.start_other(self)

    def start_other(self, other: End) -> None:
        """Have another receive what comes to this connection."""
        with self._watch.calling(f"start() of {self.name}"):
            self.connection.start(other)

    def send(self, frames: Frames) -> bool:
        """Send one message.

        Raises:
            ProtocolError: As `Connection.send`.
            AssertionError: It raised something else.
        """
        with self._watch.calling(f"send() of {self.name}"):
            taken = self.connection.send(frames)
        expect(isinstance(taken, bool), Law.TAKES_NOTHING, f"send() of {self.name} returned {taken!r}")
        return taken

    def push(self, size: int = 0) -> bool:
        """Send the next numbered message."""
        if not self.send(numbered(len(self.sizes), size)):
            return False
        self.sizes.append(size)
        return True

    def close(self, linger: float = 0.0) -> None:
        """Close its connection."""
        self._closed = True
        with self._watch.calling(f"close() of {self.name}"):
            self.connection.close(linger)

    # --- what it is told

    def received(self, frames: Frames) -> None:
        """See `Receiver`."""
        self._called("received")
        for frame in frames:
            if not _is_frame(frame):
                self._watch.note(Law.TO_KEEP, f"a frame of the type {type(frame).__name__}")
        self.messages.append([bytes(frame) for frame in frames])
        self.kept.append(frames)
        self.owed_drain = True
        _do(self.on_received)

    def drained(self) -> None:
        """See `Receiver`."""
        self._called("drained")
        self.drains += 1
        self.owed_drain = False
        _do(self.on_drained)

    def writable(self) -> None:
        """See `Receiver`."""
        self._called("writable")
        self.writables += 1
        _do(self.on_writable)

    def closed(self, reason: str) -> None:
        """See `Receiver`."""
        self._called("closed")
        if not is_text(reason):
            self._watch.note(Law.CLOSED, f"closed({reason!r}): that is no reason")
        self.reasons.append(reason)

    def _called(self, callback: str) -> None:
        self._watch.called_back(f"{callback} of {self.name}")
        if self.reasons:
            self._watch.note(Law.NONE_AFTER, f"{callback} of {self.name} after closed({self.reasons[0]!r})")
        if self._closed:
            self._watch.note(Law.NONE_AFTER, f"{callback} of {self.name} after its own close()")


def is_text(value: object) -> bool:
    """Whether a layer gave what people can read, whatever its types say."""
    return isinstance(value, str) and value != ""


def _is_frame(value: object) -> bool:
    return isinstance(value, bytes | memoryview)


def _do(action: Callable[[], object] | None) -> None:
    if action is not None:
        action()


def numbered(number: int, size: int) -> list[Frame]:
    """The message with a number, and ``size`` bytes that depend on it."""
    word = b"%015x." % number
    return [number.to_bytes(_NUMBER, "big") + (word * (size // len(word) + 1))[:size]]


def expect_prefix(sender: End, receiver: End) -> None:
    """What arrived is what was sent, in order, up to some message.

    Raises:
        AssertionError: It is not.
    """
    for number, message in enumerate(receiver.messages):
        where = f"message {number} of {len(receiver.messages)} that {receiver.name} received"
        expect(number < len(sender.sizes), Law.TAKES_NOTHING, f"{where}: {len(sender.sizes)} were taken")
        if message != numbered(number, sender.sizes[number]):
            frames = len(message)
            found = int.from_bytes(message[0][:_NUMBER], "big") if message else -1
            law = Law.ORDER if found in {number, number - 1} or frames != 1 else Law.NO_HOLE
            raise broken(
                law,
                f"{where} has {frames} frames and begins as message {found}, {sum(map(len, message))} bytes"
                f" instead of {sender.sizes[number] + _NUMBER}",
            )


def expect_all(sender: End, receiver: End, law: Law = Law.NO_HOLE) -> None:
    """All that was taken has arrived, in order.

    Raises:
        AssertionError: It has not.
    """
    expect_prefix(sender, receiver)
    expect(
        len(receiver.messages) == len(sender.sizes),
        law,
        f"{receiver.name} received {len(receiver.messages)} messages of {len(sender.sizes)} that were taken",
    )
