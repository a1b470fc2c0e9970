from __future__ import annotations

import pytest

from callosum.channel import Channel, Failure, Inbound
from callosum.errors import Code, Outcome
from callosum.protocol.messages import Request
from callosum.session.inbound import SessionInbound
from callosum.session.session import Session


def test_the_session_is_a_channel_and_its_calls_are_inbound():
    assert issubclass(Session, Channel)
    assert issubclass(SessionInbound, Inbound)
    with pytest.raises(TypeError):
        Channel()  # type: ignore[abstract]
    with pytest.raises(TypeError):
        Inbound()  # type: ignore[abstract]


def test_a_carrier_without_a_session_holds_nothing_back():
    class Foreign(Inbound):
        call = None  # type: ignore[assignment]
        is_draining = False
        is_waiting = True

        def way_to(self, channel):
            return channel, 0

        def start(self):
            return True

        def reply(self, body):
            """Nobody listens."""

        def fail(self, failure):
            """Nobody listens."""

        def finish(self):
            """Nothing to do."""

    assert not Foreign().hold()
    assert Foreign().items is None
    assert not Foreign().is_departing(Foreign().finish)
    assert Foreign().carries_key
    assert list(Foreign().makers()) == []
    assert Foreign().place is None
    foreign = Foreign()
    foreign.request = Request(1, "m", None, 0, b"body")
    with foreign.unpacked() as body:
        assert body == b"body"


def test_a_failure_says_no_more_than_it_must():
    failure = Failure(Code.INTERNAL, Outcome.EXECUTED, "x")
    assert (failure.details, failure.error_id, failure.retry_after) == ({}, "", None)
