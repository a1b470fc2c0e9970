"""A peer that keeps to the format and to nothing else: what it can make this side hold is bounded."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.protocol.calls import IncomingCall, IncomingState, SessionState
from callosum.protocol.core import SessionCore
from callosum.protocol.events import Broken
from callosum.protocol.incoming import ABANDONED_FACTOR, MAX_SKIPPING
from callosum.protocol.limits import Limits
from callosum.protocol.messages import (
    ONEWAY,
    Cancel,
    Credit,
    Error,
    Extension,
    Fragment,
    GoAway,
    Message,
    Ping,
    Reply,
    Request,
    ResetCode,
    Type,
    Void,
)
from tests.protocol.pair import Pair

LIMITS = Limits(
    body_bytes=2_000,
    window_calls=6,
    window_bytes=3_000,
    unfinished_bytes=5_000,
    nested_calls=2,
    reserve_records=20,
)
OWN_CALLS = 3

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["call", "call", "first", "more", "more", "last", "cancel", "reply", "piece", "other", "serve"]
        ),
        st.integers(0, 40),
        st.sampled_from([0, 1, 10, 700, 1_900, 2_500]),
        st.sampled_from([0, 0, 0, 1, 3, 5]),
    ),
    max_size=120,
)


class Hostile:
    def __init__(self) -> None:
        self.next_id = 2

    def message(self, kind: str, number: int, size: int, parent: int) -> Message:
        body = bytes(size)
        if kind in ("call", "first"):
            ident = self.next_id + number % 3 * 2
            self.next_id = ident + 2
            flags = ONEWAY if number % 7 == 0 else 0
            request = Request(ident, "S/m", 1000 if number % 5 == 0 else None, flags, body, parent=parent)
            if kind == "call":
                return request
            request.body = b""
            return Fragment(request, Type.REQUEST, ident, body or b"x", True)
        begun = max(2, self.next_id - 2 - number % 6 * 2)
        match kind:
            case "more" | "last" if self.next_id > 2:
                return Fragment(None, Type.REQUEST, begun, body or b"x", kind == "more")
            case "cancel":
                return Cancel(begun)
            case "reply":
                return Reply(parent or 1, body)
            case "piece":
                return Fragment(Reply(parent or 1, b""), Type.REPLY, parent or 1, body or b"x", True)
            case _:
                others: list[Message] = [Credit(1, 1), Ping(number), Void(), GoAway(0, 0), Extension(64)]
                return others[number % 5]


def check_bounds(core: SessionCore) -> None:
    calls = list(core.incoming.calls.values())
    ordinary = [call for call in calls if not call.request.parent]
    assert len(ordinary) <= LIMITS.window_calls
    assert sum(call.size for call in ordinary) <= LIMITS.window_bytes + LIMITS.body_bytes
    nested = [call for call in calls if call.request.parent]
    alive = Counter(call.request.parent for call in nested if call.state is not IncomingState.ABANDONED)
    assert all(count <= LIMITS.nested_calls for count in alive.values())
    every = Counter(call.request.parent for call in nested)
    assert all(count <= ABANDONED_FACTOR * LIMITS.nested_calls for count in every.values())
    assert sum(call.size for call in nested) == core.incoming._nested_bytes <= LIMITS.unfinished_bytes
    for assembly in (core.incoming._assembly, core.outgoing._assembly):
        assert 0 <= assembly.size <= LIMITS.unfinished_bytes
        assert len(assembly.unfinished) <= len(calls) + OWN_CALLS
    assert len(core.incoming._skipping) <= MAX_SKIPPING
    assert len(core.outbox._control) <= LIMITS.reserve_records
    window = core.incoming._window
    assert window._calls + window._owed_calls + len(ordinary) == LIMITS.window_calls
    assert window._size + window._owed_size + sum(call.size for call in ordinary) == LIMITS.window_bytes


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(steps, st.booleans())
def test_what_a_hostile_peer_makes_this_side_hold_is_bounded(plan, reads):
    pair = Pair(LIMITS).connect()
    core, hostile = pair.a, Hostile()
    for _ in range(OWN_CALLS):
        pair.call(core)
    pair.take(core)
    for kind, number, size, parent in plan:
        if kind == "serve":
            for call in list(core.incoming.calls.values())[: 1 + number % 3]:
                if call.start() and number % 2:
                    core.incoming.reply(call, b"")
                elif call.state is IncomingState.ABANDONED and number % 3:
                    core.incoming.finish(call)
        elif isinstance(message := hostile.message(kind, number, size, parent), Extension):
            pair.now += 0.5
            pair.fire(core)
        else:
            events = pair.raw(core, message)
            assert all(event.code is not ResetCode.PROTOCOL for event in events if isinstance(event, Broken)), events
        if core.state is SessionState.ENDED:
            return
        if reads:
            pair.take(core)
        check_bounds(core)
    served = {event.request.id for event in pair.seen(core, IncomingCall)}
    assert all(ident % 2 == 0 for ident in served)


def test_fragments_of_refused_bodies_are_bounded():
    pair = Pair().connect()
    for number in range(MAX_SKIPPING):
        ident = 2 * number + 1
        request = Request(ident, "S/m", 0, 0, b"")
        pair.raw(pair.b, Fragment(request, Type.REQUEST, ident, b"x", True))
    assert len(pair.b.incoming._skipping) == MAX_SKIPPING
    assert pair.b.state is SessionState.OPEN
    last = 2 * MAX_SKIPPING + 1
    pair.raw(pair.b, Fragment(Request(last, "S/m", 0, 0, b""), Type.REQUEST, last, b"x", True))
    assert pair.b.state is SessionState.ENDED


def test_who_asks_for_answers_and_does_not_take_them_is_cut_off():
    pair = Pair(LIMITS).connect()
    pair.call(pair.a)
    for number in range(10_000):
        ident = 2 * number + 2
        pair.raw(pair.a, Request(ident, "S/m", None, 0, b"", parent=99))
        if pair.a.state is SessionState.ENDED:
            break
    else:
        raise AssertionError("answers are kept without end")
    (broken,) = [event for event in pair.seen(pair.a, Broken) if event.code]
    assert broken.code is ResetCode.SLOW
    assert not pair.seen(pair.a, Error)
