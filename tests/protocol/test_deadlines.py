"""One heap for the deadlines of all calls."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, OutgoingState
from callosum.protocol.deadlines import COMPACT_FROM, Deadlines
from callosum.protocol.messages import Request


def outgoing():
    return OutgoingCall("S/m", 0, b"")


def incoming(state: IncomingState = IncomingState.RUNNING):
    return IncomingCall(Request(1, "S/m", None, 0, b""), state, 0)


def test_calls_expire_in_the_order_of_their_instants_and_at_the_instant():
    deadlines = Deadlines()
    late, early, equal = outgoing(), incoming(), outgoing()
    deadlines.add(3.0, late)
    deadlines.add(1.0, early)
    deadlines.add(1.0, equal)
    assert deadlines.first() == 1.0
    assert list(deadlines.expired(0.999)) == []
    assert list(deadlines.expired(1.0)) == [early, equal]
    assert deadlines.first() == 3.0
    assert list(deadlines.expired(10.0)) == [late]
    assert deadlines.first() is None
    assert list(deadlines.expired(math.inf)) == []


def test_calls_that_have_ended_are_passed_over():
    deadlines = Deadlines()
    ended, live = outgoing(), outgoing()
    for instant, call in ((1.0, ended), (2.0, live), (1.5, ended)):
        deadlines.add(instant, call)
    ended.state = OutgoingState.ENDED
    assert list(deadlines.expired(1.0)) == []
    assert deadlines.first() == 2.0
    assert list(deadlines.expired(5.0)) == [live]


def test_a_handler_that_nobody_hears_has_no_deadline():
    deadlines = Deadlines()
    calls = {state: incoming(state) for state in IncomingState}
    for call in calls.values():
        deadlines.add(1.0, call)
    live = [IncomingState.ARRIVING, IncomingState.PENDING, IncomingState.RUNNING]
    assert list(deadlines.expired(1.0)) == [calls[state] for state in live]


def test_wake_at_is_the_earliest_that_was_named():
    deadlines = Deadlines()
    assert deadlines.wake_at == math.inf
    deadlines.wake_by(5.0)
    deadlines.wake_by(7.0)
    assert deadlines.wake_at == 5.0
    deadlines.add(6.0, outgoing())
    assert deadlines.wake_at == 5.0
    deadlines.add(4.0, outgoing())
    assert deadlines.wake_at == 4.0


def test_calls_that_ended_long_before_their_time_are_not_kept():
    deadlines = Deadlines()
    live = outgoing()
    deadlines.add(9.0, live)
    for count in range(10 * COMPACT_FROM):
        call = outgoing()
        deadlines.add(1000.0 + count, call)
        call.state = OutgoingState.ENDED
        assert len(deadlines._heap) <= COMPACT_FROM
    assert deadlines.first() == 9.0
    assert list(deadlines.expired(math.inf)) == [live]


def test_the_cost_of_compaction_grows_with_what_is_live():
    deadlines = Deadlines()
    for count in range(3 * COMPACT_FROM):
        deadlines.add(float(count), outgoing())
    assert deadlines._compact_at == 4 * COMPACT_FROM
    assert len(list(deadlines.expired(math.inf))) == 3 * COMPACT_FROM


def test_clear_watches_nothing_any_more():
    deadlines = Deadlines()
    deadlines.add(1.0, outgoing())
    deadlines.clear()
    assert deadlines.first() is None


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60), st.integers(0, 20))
def test_exactly_the_live_ones_that_are_due_expire(entries, now):
    deadlines = Deadlines()
    wanted: list[tuple[float, OutgoingCall]] = []
    later: list[tuple[float, OutgoingCall]] = []
    for instant, ended in entries:
        call = outgoing()
        deadlines.add(float(instant), call)
        if ended:
            call.state = OutgoingState.ENDED
        else:
            (wanted if instant <= now else later).append((instant, call))
    expired = list(deadlines.expired(float(now)))
    assert expired == [call for _, call in sorted(wanted, key=lambda entry: entry[0])]
    assert deadlines.first() == min((instant for instant, _ in later), default=None)
