"""A connection that fails when told to."""

from __future__ import annotations

import asyncio
import enum
import random
from collections import deque
from collections.abc import Callable
from typing import Final

from callosum.lower.base import Connection, Frames, Receiver

CAPACITY: Final = 64
"""Messages that an outgoing direction holds back; past it `send` returns False."""
INCOMING_CAPACITY: Final = 4096
"""Messages that an incoming direction holds back; past it the connection is cut, as nobody can refuse to receive."""


class Way(enum.Flag):
    """The directions of a connection, seen from the one that is wrapped."""

    OUT = enum.auto()
    IN = enum.auto()
    BOTH = OUT | IN


class FaultyConnection(Connection):
    """Wraps a connection and does to its messages what networks do, and some things that they do not.

    Until it is told otherwise everything passes. What it does is deterministic: corruption draws from ``seed``.
    A connection never loses one message and delivers a later one; `drop_outgoing`, `drop_incoming`, `swallow` followed
    by `resume_flow`, and `corrupt` break that promise on purpose, to see that the session notices.
    """

    def __init__(self, connection: Connection, *, seed: int = 0) -> None:
        self.peer_address = connection.peer_address
        self.peer_identity = connection.peer_identity
        self.limits = connection.limits
        self._inner = connection
        self._receiver: Receiver | None = None
        self._to_tell: Receiver | None = None  # who is still to hear of a cut
        self._ended = False
        self._refused = False
        self._passed = False  # something came through in this run of the wrapped connection
        self._loop = asyncio.get_running_loop()
        chance = random.Random(seed)  # noqa: S311 - faults must be repeatable
        self._out = _Lane(self._forward_out, chance, self._out_ran, self._cut_short)
        self._in = _Lane(self._forward_in, chance, self._in_ran, self._cut_short)

    # --- the contract

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver."""
        first = self._receiver is None
        self._receiver = receiver
        if first and not self._ended:
            self._inner.start(_Inner(self))

    def send(self, frames: Frames) -> bool:
        """Take one message, or return False. What is done to it comes later."""
        if self._ended:
            return False
        if len(self._out.queue) >= CAPACITY:
            self._refused = True
            return False
        if self._out.is_clear:
            self._refused = not self._inner.send(frames)
            return not self._refused
        self._out.offer(frames)
        return True

    def close(self, linger: float = 0.0) -> None:
        """Close. What was held back is lost."""
        self._to_tell = None
        if not self._ended:
            self._end()
            self._inner.close(linger)

    # --- faults

    def cut(self, reason: str = "cut by the test") -> None:
        """Break the connection: both ends are told ``closed``. What was held back is lost, although `send` took it."""
        if not self._ended:
            self._to_tell = self._receiver
            self._end()
            self._inner.close()
            self._loop.call_soon(self._tell_closed, reason)

    def cut_after(self, messages: int, way: Way = Way.OUT) -> None:
        """Cut when so many more messages have passed in a direction; the next one is taken, and lost."""
        for lane in self._lanes(way):
            lane.left = messages

    def stall(self, way: Way = Way.BOTH) -> None:
        """Hold everything back, in bounded memory, until `resume_flow`; a `cut` loses it."""
        for lane in self._lanes(way):
            lane.flow = _Flow.STALLED

    def swallow(self, way: Way = Way.BOTH) -> None:
        """Lose everything in silence, as a black hole does, until `resume_flow`."""
        for lane in self._lanes(way):
            lane.flow = _Flow.SWALLOWED
            lane.queue.clear()
        self._loop.call_soon(self._out_ran)  # there is room again

    def resume_flow(self, way: Way = Way.BOTH) -> None:
        """Let everything pass again, first what was held back."""
        for lane in self._lanes(way):
            lane.flow = _Flow.OPEN
            self._loop.call_soon(lane.pump)

    def drop_outgoing(self, count: int) -> None:
        """Lose the next messages that are sent, in silence."""
        self._out.drops += count

    def drop_incoming(self, count: int) -> None:
        """Lose the next messages that arrive, in silence."""
        self._in.drops += count

    def corrupt(self, count: int = 1, way: Way = Way.OUT) -> None:
        """Flip one bit in each of the next messages."""
        for lane in self._lanes(way):
            lane.corruptions += count

    def delay(self, seconds: float, way: Way = Way.BOTH) -> None:
        """Hold every message back for so long; the order is kept. What is under way already keeps its time."""
        for lane in self._lanes(way):
            lane.delay = seconds

    # --- within

    def _lanes(self, way: Way) -> list[_Lane]:
        return [lane for lane, bit in ((self._out, Way.OUT), (self._in, Way.IN)) if bit in way]

    def _end(self) -> None:
        self._ended = True
        self._receiver = None
        self._out.end()
        self._in.end()

    def _tell_closed(self, reason: str) -> None:
        if self._to_tell is not None:
            self._to_tell.closed(reason)

    def _cut_short(self) -> None:
        self.cut("cut by the test, after the messages that it let pass")

    def _forward_out(self, frames: Frames) -> bool:
        return self._inner.send(frames)

    def _out_ran(self) -> None:
        if self._refused and self._receiver is not None and len(self._out.queue) < CAPACITY:
            self._refused = False
            self._receiver.writable()

    def _forward_in(self, frames: Frames) -> bool:
        if self._receiver is not None:
            self._receiver.received(frames)
        return True

    def inner_drained(self) -> None:
        """A run of the wrapped connection has ended."""
        if self._passed:
            self._in_ran()

    def _in_ran(self) -> None:
        self._passed = False
        if self._receiver is not None:
            self._receiver.drained()

    def inner_received(self, frames: Frames) -> None:
        """The wrapped connection has received something."""
        if self._in.is_clear:
            self._passed = True
            self._forward_in(frames)
            return
        self._in.offer(frames)
        if len(self._in.queue) > INCOMING_CAPACITY:
            self.cut("the test held back too many messages")

    def inner_writable(self) -> None:
        """The wrapped connection takes more."""
        self._out.pump()
        self._out_ran()

    def inner_closed(self, reason: str) -> None:
        """The wrapped connection is gone."""
        receiver = self._receiver
        if receiver is not None:
            self._end()
            receiver.closed(reason)


class _Inner:
    """What the wrapped connection tells; `FaultyConnection` itself is no receiver."""

    def __init__(self, outer: FaultyConnection) -> None:
        self.received = outer.inner_received
        self.drained = outer.inner_drained
        self.writable = outer.inner_writable
        self.closed = outer.inner_closed


class _Flow(enum.Enum):
    OPEN = enum.auto()
    STALLED = enum.auto()
    SWALLOWED = enum.auto()


class _Lane:
    """One direction. A message's faults are decided when it is taken, its delay counts from then."""

    def __init__(
        self,
        forward: Callable[[Frames], bool],
        chance: random.Random,
        run_ended: Callable[[], None],
        cut: Callable[[], None],
    ) -> None:
        self.queue: deque[tuple[float, Frames]] = deque()
        self.flow = _Flow.OPEN
        self.left: int | None = None
        self.drops = 0
        self.corruptions = 0
        self.delay = 0.0
        self._forward = forward
        self._chance = chance
        self._run_ended = run_ended
        self._cut = cut
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_clear(self) -> bool:
        """Whether messages pass at once and unharmed."""
        return (
            self.flow is _Flow.OPEN
            and self.left is None
            and not (self.queue or self.drops or self.corruptions or self.delay)
        )

    def offer(self, frames: Frames) -> None:
        """Take one message, and do to it what was asked for."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self._loop.call_soon(self._cut)
                return
        if self.drops:
            self.drops -= 1
        elif self.flow is not _Flow.SWALLOWED:
            frames = tuple(frame if type(frame) is bytes else bytes(frame) for frame in frames)
            if self.corruptions:
                self.corruptions -= 1
                frames = flip_one_bit(frames, self._chance)
            self.queue.append((self._loop.time() + self.delay, frames))
            self._loop.call_soon(self.pump)

    def pump(self) -> None:
        """Let pass what may pass now."""
        passed = False
        while self.queue and self.flow is _Flow.OPEN:
            due, frames = self.queue[0]
            if due > self._loop.time():
                self._wait(due)
                break
            if not self._forward(frames):
                break  # `inner_writable` pumps again
            if self.queue:  # whoever was called may have ended the connection
                self.queue.popleft()
            passed = True
        if passed:
            self._run_ended()

    def end(self) -> None:
        """Lose what is held back."""
        self.queue.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self.pump)


def flip_one_bit(frames: Frames, chance: random.Random) -> Frames:
    """The same message with one bit changed, somewhere in the frames that hold any."""
    changed = [bytes(frame) for frame in frames]
    candidates = [index for index, frame in enumerate(changed) if frame]
    if candidates:
        index = chance.choice(candidates)
        frame = bytearray(changed[index])
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
        changed[index] = bytes(frame)
    return changed
