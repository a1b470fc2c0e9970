"""Streams without async, over a real session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import callosum
from tests.services import Refusal, Streams
from tests.test_streams import StreamHandler


@contextmanager
def streaming() -> Iterator[tuple[Any, StreamHandler]]:
    """A stub that blocks, and the handler that it calls."""
    handler = StreamHandler()
    with (
        callosum.blocking.listen("tcp://127.0.0.1:0", {Streams: handler}) as server,
        callosum.blocking.connect(server.addresses[0]) as peer,
    ):
        yield peer.stub(Streams), handler


def test_what_the_handler_sends_is_an_iterator():
    with streaming() as (stub, _):
        assert list(stub.tail("3")) == ["0", "1", "2"]
        items: list[str] = []
        with pytest.raises(Refusal):
            items.extend(stub.tail("2 refuse"))


def test_leaving_the_loop_cancels_the_handler():
    with streaming() as (stub, handler):
        for item in stub.tail("2 wait"):
            if item == "1":
                break
        assert stub.say("x") == "x"  # what left before it has arrived
        assert handler.ended == ["2 wait"]


def test_what_the_caller_sends_is_an_iterable():
    with streaming() as (stub, _):
        assert stub.join("-", (word for word in ("a", "b"))) == "a-b"
        with pytest.raises(LookupError):
            stub.join("-", broken())
        assert list(stub.talk(["a", "b"])) == ["A", "B", "bye"]


def broken() -> Iterator[str]:
    yield "a"
    raise LookupError("no more")


def test_a_stream_each_way():
    with streaming() as (stub, _):
        with stub.talk() as talk:
            talk.send("hello")
            assert next(talk) == "HELLO"
            talk.end()
            assert list(talk) == ["bye"]
        assert stub.say("x") == "x"


def test_a_deadline_and_the_time_of_an_item():
    with streaming() as (stub, _):
        for option in ({"timeout": 0.2}, {"item_timeout": 0.2}):
            items: list[str] = []
            with pytest.raises(callosum.DeadlineExceeded):
                items.extend(stub.with_options(**option).tail("2 wait"))


async def words() -> AsyncIterator[str]:
    yield "a"


def test_an_async_iterable_may_be_sent_too():
    with streaming() as (stub, _):
        assert stub.join("-", words()) == "a"
