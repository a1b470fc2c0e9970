"""What the core tells its owner."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from callosum.errors import Code
from callosum.protocol import events
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall
from callosum.protocol.events import Announced, Broken, Draining, Ended, NotResumed, Opened, Refused, Withdrawn
from callosum.protocol.messages import GoAway, Hello, Offered, Request, ResetCode, Resumption, Welcome
from callosum.protocol.stream import Stream

TOKEN = b"secret-of-16-byt"


def test_the_union_has_every_event_of_the_module_the_two_calls_and_the_stream():
    own = {value for value in vars(events).values() if dataclasses.is_dataclass(value)}
    own = {value for value in own if typing.cast(type, value).__module__ == events.__name__}
    assert set(typing.get_args(events.Event)) == own | {OutgoingCall, IncomingCall, Stream}


def test_what_may_be_left_out():
    assert Broken("gone") == Broken("gone", None, ())
    assert Ended("over").unsent == ()
    assert Broken("gone", ResetCode.SLOW, [b"x"]).farewell == [b"x"]
    assert Refused(request := Request(1, "S/m", None, 0, b""), Code.CANCELLED, "late").request is request


def test_what_is_announced_and_withdrawn_is_one_call():
    call = IncomingCall(Request(1, "S/m", None, 0, b"", "k"), IncomingState.ARRIVING, 0)
    assert Announced(call).call is Withdrawn(call).call is call
    assert Announced(call) != Withdrawn(call)


def test_an_event_does_not_change():
    event = Opened((Offered("S", "f", ()),))
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.services = ()  # type: ignore[misc]
    assert Draining(GoAway(1, 2)) == Draining(GoAway(1, 2))


def test_no_event_shows_a_token():
    hello = Hello((1,), 1, 1, (), (), 1, 1, 1, resumption=Resumption(7, TOKEN, 3))
    event = NotResumed(hello, Welcome(1, 7, TOKEN, False, 0, 1, 1, 1, 1, 1))
    assert "secret" not in repr(event)
    assert "session=7" in repr(event)
