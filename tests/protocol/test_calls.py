"""The state tables, and what a call is known to have come to."""

from __future__ import annotations

import pytest

from callosum.errors import Outcome
from callosum.protocol.calls import (
    INCOMING,
    OUTGOING,
    SESSION,
    IncomingCall,
    IncomingEvent,
    IncomingState,
    OutgoingCall,
    OutgoingEvent,
    OutgoingState,
    SessionEvent,
    SessionState,
)
from callosum.protocol.messages import Request

TABLES = {
    "session": (SESSION, SessionState, SessionEvent, SessionState.NEW),
    "outgoing": (OUTGOING, OutgoingState, OutgoingEvent, OutgoingState.QUEUED),
    "incoming": (INCOMING, IncomingState, IncomingEvent, IncomingState.ARRIVING),
}
tables = pytest.mark.parametrize(("table", "states", "events", "first"), TABLES.values(), ids=TABLES)


@tables
def test_each_state_has_its_row_and_nothing_else_has(table, states, events, first):
    assert list(table) == list(states)
    for row in table.values():
        assert set(row) <= set(events)
        assert set(row.values()) <= set(states)


@tables
def test_ended_is_final(table, states, events, first):
    assert table[states.ENDED] == {}


@tables
def test_whatever_has_not_ended_can_end(table, states, events, first):
    for state in set(states) - {states.ENDED}:
        assert table[state][events.END] is states.ENDED


@tables
def test_each_state_is_reached(table, states, events, first):
    reached, todo = {first}, [first]
    while todo:
        new = set(table[todo.pop()].values()) - reached
        reached |= new
        todo += new
    assert reached == set(states)


@tables
def test_each_event_moves_something(table, states, events, first):
    assert {event for row in table.values() for event in row} == set(events)


@tables
def test_a_change_that_the_table_does_not_have_is_a_fault_of_the_code(table, states, events, first):
    with pytest.raises(KeyError):
        table[states.ENDED][events.END]


def test_calls_go_forward_only():
    for table in (OUTGOING, INCOMING):
        for state, row in table.items():
            assert all(after > state for after in row.values())


def test_only_an_open_or_resuming_session_can_detach():
    before = {state for state, row in SESSION.items() for after in row.values() if after is SessionState.DETACHED}
    assert before == {SessionState.OPEN, SessionState.RESUMING}


@pytest.mark.parametrize(
    ("first", "last", "handed_over", "outcome"),
    [
        (0, 0, 1, Outcome.NOT_SENT),  # it waits
        (0, 0, 99, Outcome.NOT_SENT),
        (5, 5, 5, Outcome.NOT_SENT),  # numbered, but its batch was refused
        (5, 5, 6, Outcome.UNKNOWN),
        (5, 0, 9, Outcome.NOT_SENT),  # fragments are missing: it cannot have run
        (5, 8, 8, Outcome.NOT_SENT),
        (5, 8, 9, Outcome.UNKNOWN),
    ],
)
def test_what_was_not_wholly_handed_over_did_not_run(first, last, handed_over, outcome):
    call = OutgoingCall("S/m", 0, b"", waiter="me")
    call.first, call.last = first, last
    assert call.outcome(handed_over) is outcome
    assert call.waiter == "me"


def test_a_new_call_has_nothing_yet():
    request = Request(0, "S/m", None, 0, b"")
    outgoing = OutgoingCall("S/m", 0, b"")
    assert (outgoing.state, outgoing.first, outgoing.last, outgoing.offset) == (OutgoingState.QUEUED, 0, 0, 0)
    assert outgoing.reply is outgoing.failure is outgoing.waiter is None
    assert (outgoing.id, outgoing.timeout_ms) == (0, None)
    incoming = IncomingCall(request, IncomingState.ARRIVING, 7)
    assert (incoming.request, incoming.state, incoming.size) == (request, IncomingState.ARRIVING, 7)
    assert (incoming.nested, incoming.waiting) == (0, None)


def test_a_twin_is_the_same_call_made_once_more():
    call = OutgoingCall("S/m", 2, b"body", "key", {"a": "b"}, 3, "json", 7.5, "me")
    call.id, call.timeout_ms, call.first, call.last, call.state = 9, 100, 4, 5, OutgoingState.SENT
    twin = call.twin()
    fields = ("method", "flags", "body", "key", "metadata", "parent", "codec", "deadline", "waiter")
    assert [getattr(twin, name) for name in fields] == [getattr(call, name) for name in fields]
    assert (twin.id, twin.timeout_ms, twin.first, twin.last) == (0, None, 0, 0)
    assert twin.state is OutgoingState.QUEUED
