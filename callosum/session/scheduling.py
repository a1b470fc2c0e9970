"""The order of calls that have a request key: the policies that users choose, and the live order of one session.

Laws:
1. A place is taken when a call arrives, with its first fragment. A call without a key takes none.
2. The first of a key's line never waits for the line: it may run, and what it answers leaves at once.
3. A place that is given up is gone at once, whatever stage its call was in, and those behind it move up.
4. While a nested call has a place in a line, the first of the line needs no slot: all slots may be taken by handlers
   that wait for this nested call.
5. A line without places is forgotten: an idle key takes no memory.

This is order and nothing else: no bound on how many run, no queue, no clock. Whoever holds a call asks it whether the
call may run (`Order.ready`), tells it what became of the call (`Place.settle`, `Order.withdraw`, `Order.forsake`), and
is told of calls that may run later (``admit``), and of those that need no slot (``hurry``).
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from callosum.channel import Inbound
from callosum.context import Key
from callosum.errors import ConfigurationError
from callosum.protocol.messages import ONEWAY

if TYPE_CHECKING:
    from callosum.peer import Peer

Admit = Callable[[Inbound], None]
"""Is told of a call that had to wait, and may run now."""
Hurry = Callable[[Inbound], None]
"""Is told of a call that needs no slot any more."""
Send = Callable[[], None]
"""Lets the outcome of a call leave."""

MIB: Final = 1024 * 1024
_POLICIES: Final = "give Unordered(), OrderedReplies() or SerializedByKey()"


# --- what users write -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unordered:
    """Keys mean nothing: handlers overlap, and replies leave as handlers finish. The default."""


@dataclass(frozen=True, slots=True)
class OrderedReplies:
    """Handlers of one key overlap; their outcomes (replies, declared exceptions, errors) leave in request order.

    A late first handler holds back the outcomes of those behind it, not their execution. What is held back is bounded:
    where a bound would be passed, handlers that are not the first of their key wait before they start. How much those
    that have started will return is estimated by what others of the key returned; what is more comes on top.
    """

    key_bytes: int = MIB
    """Bytes that are held back for one key. Enough for thousands of small replies; a large one stops its key's."""
    peer_bytes: int = 16 * MIB
    """Bytes that are held back for all keys of a peer together: as much as the bodies of its unfinished calls."""

    def __post_init__(self) -> None:
        if not (self.key_bytes > 0 and self.peer_bytes > 0):
            raise ConfigurationError(f"{self!r}: key_bytes and peer_bytes are numbers of bytes above 0")


@dataclass(frozen=True, slots=True)
class SerializedByKey:
    """Handlers of one key run one after another, in request order; other keys, and calls without one, go on.

    A handler that was cancelled has its turn until it has ended. A call that is made, by however many others, from
    within a handler that has the turn of the same key is refused: ResourceExhausted, REJECTED.
    """


Policy = Unordered | OrderedReplies | SerializedByKey
Scheduling = Policy | Callable[["Peer"], Policy]
"""A policy for all peers, or what chooses one for each when its session opens."""


def check_scheduling(scheduling: object) -> None:
    """Raises ConfigurationError where it is neither a policy nor something that chooses one."""
    if isinstance(scheduling, type):
        raise ConfigurationError(f"scheduling={scheduling.__name__}: give an instance, {scheduling.__name__}()")
    if not isinstance(scheduling, Policy) and not callable(scheduling):
        raise ConfigurationError(f"scheduling={scheduling!r}: {_POLICIES}, or a function from a peer to one of these")


def policy_for(scheduling: Scheduling, peer: Peer) -> Policy:
    """The policy of a peer whose session has opened.

    Raises:
        ConfigurationError: The user's function returned something else.
        Exception: Whatever it raised.
    """
    if isinstance(scheduling, Policy):
        return scheduling
    policy: object = scheduling(peer)
    if not isinstance(policy, Policy):
        raise ConfigurationError(f"scheduling returned {policy!r} for {peer!r}: {_POLICIES}")
    return policy


# --- the live order ---------------------------------------------------------------------------------------------------


class Stage(enum.IntEnum):
    """Where a place is."""

    TAKEN = 0
    """Its call is not whole."""
    WAITING = 1
    """Its call is whole and may not run yet."""
    ADMITTED = 2
    """Its call may run, or runs."""
    HELD = 3
    """Its outcome is there, and is held back."""
    LEAVING = 4
    """Its outcome is so large that it is still on its way to the connection: small ones would overtake it."""
    LEFT = 5
    """It was given up, or its outcome has left."""


_LEFT: Final = Stage.LEFT


class Line:
    """The places of one key, in the order of arrival."""

    __slots__ = ("expected", "first", "held", "key", "last", "nested", "running", "waiting")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.first: Place | None = None
        self.last: Place | None = None
        self.nested = 0
        """How many are nested: made by the other side in a handler of a call of this side's."""
        self.held = 0
        """Bytes of the outcomes that are held back."""
        self.running = 0
        """How many are at the stage ADMITTED."""
        self.expected = 0
        """Bytes of an outcome that is to come, by those that came."""
        self.waiting: dict[Place, None] | None = None
        """Those at the stage WAITING, in order; kept where others than the first may run."""

    def append(self, place: Place) -> None:
        """One more, behind all others."""
        self.nested += place.is_nested
        place.before = self.last
        if self.last is None:
            self.first = place
        else:
            self.last.behind = place
        self.last = place

    def remove(self, place: Place) -> None:
        """Close up."""
        self.nested -= place.is_nested
        before, behind = place.before, place.behind
        if before is None:
            self.first = behind
        else:
            before.behind = behind
        if behind is None:
            self.last = before
        else:
            behind.before = before
        place.before = place.behind = None


class Place:
    """One call's place in the line of its key."""

    __slots__ = ("before", "behind", "call", "is_nested", "line", "order", "send", "size", "stage", "takes_slot")

    def __init__(self, call: Inbound, line: Line, order: Order) -> None:
        self.call = call
        self.is_nested = call.request.parent != 0
        self.takes_slot = not self.is_nested
        self.line = line
        self.order = order
        self.stage = Stage.TAKEN
        self.before: Place | None = None
        self.behind: Place | None = None
        self.send: Send | None = None
        """What lets the outcome leave that is held back."""
        self.size = 0
        """Its bytes."""

    def settle(self, send: Send, size: int) -> None:
        """The handler has ended with an outcome of so many bytes: it leaves now, or when it is its turn."""
        if self.stage is _LEFT:
            send()
        else:
            self.order.settle(self, send, size)


class Order(ABC):
    """The lines of one session, by one policy."""

    refuses_within: ClassVar[bool]
    """What becomes of a call that is made within another one of its key: it is refused, or else it has no place."""

    def __init__(self, admit: Admit, hurry: Hurry) -> None:
        self._admit_call = admit
        self._hurry_call = hurry
        self.lines: dict[Key, Line] = {}

    def take(self, call: Inbound, key: Key) -> Place | None:
        """Take the place behind all others of the key; None where the call has none."""
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line(key)
        place = Place(call, line, self)
        line.append(place)
        self.hurry(line)
        return place

    def hurry(self, line: Line) -> None:
        """Where a nested call may wait for the first of a line, that one waits for no slot."""
        first = line.first
        if line.nested and first is not None and first.takes_slot:
            first.takes_slot = False
            self._hurry_call(first.call)

    def is_within(self, makers: Iterable[Inbound], key: Key) -> bool:
        """Whether one of the calls in whose handlers a call is made has a place in the line of this key."""
        line = self.lines.get(key)
        return line is not None and any(
            maker.place is not None and maker.place.line is line and maker.place.stage is not _LEFT for maker in makers
        )

    @abstractmethod
    def ready(self, place: Place) -> bool:
        """The call is whole: whether it may run now. If not, ``admit`` is told when it may."""

    @abstractmethod
    def settle(self, place: Place, send: Send, size: int) -> None:
        """What `Place.settle` does while the place is not left."""

    @abstractmethod
    def forsake(self, place: Place) -> None:
        """The caller has gone while the handler runs; nobody hears the outcome."""

    def withdraw(self, place: Place) -> None:
        """Give a place up whose call does not run, or whose outcome nobody waits for."""
        if place.stage is not _LEFT:
            self._leave(place)

    @abstractmethod
    def _leave(self, place: Place) -> None:
        """Take a place out, and let those behind it move up."""

    def _admit(self, place: Place) -> None:
        place.stage = Stage.ADMITTED
        self._admit_call(place.call)


class SerialOrder(Order):
    """By `SerializedByKey`: the first of a line has its turn."""

    refuses_within = True

    def ready(self, place: Place) -> bool:
        """Where it is the first."""
        is_first = place.line.first is place
        place.stage = Stage.ADMITTED if is_first else Stage.WAITING
        return is_first

    def settle(self, place: Place, send: Send, size: int) -> None:  # noqa: ARG002 - nothing is held back
        """The outcome leaves, and the next one has its turn."""
        send()
        self._leave(place)

    def forsake(self, place: Place) -> None:
        """It has its turn until the handler has ended: two of one key never run at a time."""

    def _leave(self, place: Place) -> None:
        place.stage = _LEFT
        line = place.line
        line.remove(place)
        first = line.first
        if first is None:
            del self.lines[line.key]
            return
        if first.stage is Stage.WAITING:
            self._admit(first)
        self.hurry(line)


class ReplyOrder(Order):
    """By `OrderedReplies`: the outcome of the first of a line may leave."""

    refuses_within = False

    def __init__(self, admit: Admit, hurry: Hurry, policy: OrderedReplies) -> None:
        super().__init__(admit, hurry)
        self._policy = policy
        self.held = 0
        """Bytes of the outcomes that are held back, of all lines."""
        self._is_sending = False
        self._stalled: dict[Line, None] = {}
        """The lines in which calls wait because of a bound."""

    def take(self, call: Inbound, key: Key) -> Place | None:
        """A oneway has no outcome that could be out of order."""
        return None if call.request.flags & ONEWAY else super().take(call, key)

    def ready(self, place: Place) -> bool:
        """Unless a bound is reached, and others are before it."""
        line = place.line
        if line.first is place or (not line.waiting and self._has_room(line)):
            place.stage = Stage.ADMITTED
            line.running += 1
            return True
        place.stage = Stage.WAITING
        if line.waiting is None:
            line.waiting = {}
            self._stalled[line] = None
        line.waiting[place] = None
        return False

    def _has_room(self, line: Line) -> bool:
        """Whether one more handler of a line may start that is not its first."""
        key_bytes, peer_bytes = self._policy.key_bytes, self._policy.peer_bytes
        expected = line.held + (line.running + 1) * line.expected
        return line.held < key_bytes and expected <= key_bytes and self.held < peer_bytes

    def settle(self, place: Place, send: Send, size: int) -> None:
        """The outcome leaves where it is the first, together with those that were held back behind it."""
        line = place.line
        line.expected = max(size, line.expected - line.expected // 8)
        if line.first is place:
            send()
            self._leave_behind(place)
            return
        place.stage, place.send, place.size = Stage.HELD, send, size
        line.running -= 1
        line.held += size
        self.held += size

    def forsake(self, place: Place) -> None:
        """Nobody waits for its outcome, so nobody waits behind it."""
        self.withdraw(place)

    def _leave_behind(self, place: Place) -> None:
        """The outcome of a place is sent: give the place up as soon as no other can overtake it."""
        if place.call.is_departing(partial(self._leave, place)):
            self._release(place)
            place.stage = Stage.LEAVING
        else:
            self._leave(place)

    def _leave(self, place: Place) -> None:
        line = place.line
        self._release(place)
        place.stage = _LEFT
        line.remove(place)
        first = line.first
        if first is None:
            del self.lines[line.key]
        elif first.stage is Stage.HELD and not self._is_sending:
            self._send_held(line)
        elif first.stage is Stage.WAITING:
            self._admit_waiting(first)
        self.hurry(line)
        if self._stalled:
            self._go_on()

    def _send_held(self, line: Line) -> None:
        """What was held back leaves, one after the other, up to the first whose outcome is missing."""
        self._is_sending = True
        while (first := line.first) is not None and first.stage is Stage.HELD:
            send = first.send
            assert send is not None, "an outcome is held back"
            send()
            self._leave_behind(first)
        self._is_sending = False

    def _release(self, place: Place) -> None:
        """What is counted of a place is counted no more."""
        line = place.line
        if place.stage is Stage.HELD:
            line.held -= place.size
            self.held -= place.size
            place.send = None
        elif place.stage is Stage.ADMITTED:
            line.running -= 1
        elif place.stage is Stage.WAITING:
            self._wait_no_more(place)

    def _wait_no_more(self, place: Place) -> None:
        line = place.line
        assert line.waiting is not None, "it waits"
        del line.waiting[place]
        if not line.waiting:
            line.waiting = None
            self._stalled.pop(line, None)

    def _admit_waiting(self, place: Place) -> None:
        self._wait_no_more(place)
        place.line.running += 1
        self._admit(place)

    def _go_on(self) -> None:
        """Admit what waits in lines that are under the bounds again."""
        for line in list(self._stalled):
            while line.waiting and self._has_room(line):
                self._admit_waiting(next(iter(line.waiting)))


def make_order(policy: Policy, admit: Admit, hurry: Hurry) -> Order | None:
    """The live order of one session; None where there is none to keep."""
    match policy:
        case Unordered():
            return None
        case OrderedReplies():
            return ReplyOrder(admit, hurry, policy)
        case SerializedByKey():
            return SerialOrder(admit, hurry)
