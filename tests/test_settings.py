from __future__ import annotations

import os
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError
from callosum.session.workers import Bounds
from callosum.settings import ProcessGuard, Settings, addresses_of
from tests.services import Echo, Handler, new_address, run


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"heartbeat": 0.1}, "heartbeat=0.1: give 0.25 to 60 seconds"),
        ({"heartbeat": 61.0}, "heartbeat=61.0: give 0.25 to 60 seconds"),
        ({"heartbeat": float("nan")}, "heartbeat=nan"),
        ({"grace": 0.0}, "grace=0.0: give a number above 0"),
        ({"grace": float("inf")}, "grace=inf"),
        ({"timeout": -1.0}, "timeout=-1.0: give a number above 0"),
        ({"bounds": Bounds(max_concurrency=0)}, "max_concurrency=0"),
        ({"bounds": Bounds(max_pending=0)}, "max_pending=0"),
        ({"bounds": Bounds(max_concurrency_per_peer=0)}, "max_concurrency_per_peer=0"),
        ({"bounds": Bounds(max_pending_per_peer=-1)}, "max_pending_per_peer=-1"),
        ({"bounds": Bounds(max_queue_delay=0.0)}, "max_queue_delay=0.0"),
        ({"scheduling": "unordered"}, "scheduling='unordered': give Unordered"),
        ({"patience": 0.0}, "connect_timeout=0.0"),
        ({"addresses": ()}, "no address: give one, for example tcp://127.0.0.1:5030"),
        ({"info": {"x": object()}}, "info cannot be sent"),
        ({"info": {"x": 2**70}}, "info cannot be sent"),
        ({"info": ["no", "mapping"]}, "info cannot be sent"),
        ({"info": {"x": "y" * 300_000}}, "info cannot be sent"),
    ],
)
def test_options_that_cannot_be(option, text):
    with pytest.raises(ConfigurationError, match=text):
        Settings(**({"addresses": ("memory://x",)} | option))


def test_nested_info_may_be_given():
    info: dict[str, Any] = {
        "name": "agent-7",
        "tags": ["a", "b"],
        "nested": {"n": 1, "f": 1.5, "b": b"\0", "none": None, "yes": True},
    }
    assert Settings(("memory://x",), info=info).info == info

    async def main():
        address = new_address()
        async with callosum.listen(address, {}) as server, callosum.connect(address, info=info):
            async for peer in server.accepted():
                assert peer.info == info
                break

    run(main())


def test_addresses():
    assert addresses_of("memory://a") == ("memory://a",)
    assert addresses_of(["memory://a", "memory://b", "memory://a"]) == ("memory://a", "memory://b")


def test_there_is_no_chain_without_interceptors():
    assert Settings(("memory://x",)).chain() is None


def test_a_process_is_no_child_of_itself():
    guard = ProcessGuard()
    guard.check()
    assert not guard.is_child


def in_child(function):
    """What a function returns in a forked child, as text."""
    read, write = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        try:
            os.write(write, str(function()).encode())
        finally:
            os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read, "rb") as file:
        answer = file.read().decode()
    assert status == 0
    return answer


def attempt(coroutine):  # pragma: no cover - in the child
    """What the first step of a coroutine raises; a fork may come in the middle of a running loop, so there is none."""
    try:
        coroutine.send(None)
    except BaseException as error:
        return type(error).__name__ + ": " + str(error)
    finally:
        coroutine.close()
    return "it waits"


def look(function):  # pragma: no cover - in the child
    try:
        return str(function())
    except Exception as error:
        return type(error).__name__ + ": " + str(error)


def test_an_endpoint_that_is_used_in_a_forked_child():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}) as server, callosum.connect(address) as peer:
            echo = peer.stub(Echo)
            assert await echo.say("x") == "x"

            def use():  # pragma: no cover - in the child
                return "\n".join(
                    [
                        attempt(echo.say("x")),
                        attempt(peer.drain()),
                        attempt(peer.wait_closed()),
                        attempt(server.serve_forever()),
                        attempt(server.drain()),
                        attempt(server.abort()),
                        attempt(anext(server.accepted())),
                        look(lambda: peer.state),
                        look(lambda: peer.info),
                        look(lambda: peer.address),
                        look(lambda: next(iter(server.peers)).services),
                    ]
                )

            lines = in_child(use).splitlines()
            assert len(lines) == 11
            for line in lines:
                assert line.startswith("ConfigurationError: this ")
                assert "before a fork; a child process must open its own" in line
            assert in_child(lambda: repr(peer)) == "<peer of the parent process>"
            assert await echo.say("the parent goes on") == "the parent goes on"

    run(main())


def test_leaving_in_a_forked_child_closes_nothing():
    async def main():
        address = new_address()
        server = callosum.listen(address, {Echo: Handler()})
        client = callosum.connect(address)
        async with server, client as peer:

            def leave():  # pragma: no cover - in the child
                raised = [attempt(endpoint.__aexit__(None, None, None)) for endpoint in (client, server)]
                return ", ".join(raised)

            assert in_child(leave) == "StopIteration: , StopIteration: "
            assert await peer.stub(Echo).say("x") == "x"

    run(main())


def test_an_endpoint_that_is_entered_in_a_forked_child():
    address = new_address()
    server, client = callosum.listen(address, {Echo: Handler()}), callosum.connect(address)
    for endpoint in (server, client):
        text = in_child(lambda: attempt(endpoint.__aenter__()))
        assert text.startswith("ConfigurationError: this endpoint was opened before a fork")


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (callosum.Limits(resend_bytes=100_000), "Limits(resend_bytes=100000): one batch must fit; give 262144 or more"),
        (callosum.Limits(resend_records=127), "Limits(resend_records=127): one batch must fit; give 128 or more"),
        (callosum.Limits(window_calls=0), "Limits(window_calls=0): give a number above 0"),
        (callosum.Limits(ack_delay=-1.0), "Limits(ack_delay=-1.0): give a number above 0"),
    ],
)
def test_limits_under_which_no_call_would_leave(limits, text):
    for make in (
        lambda: callosum.listen(new_address(), {}, limits=limits),
        lambda: callosum.connect(new_address(), limits=limits),
    ):
        with pytest.raises(callosum.ConfigurationError) as caught:
            make()
        assert str(caught.value) == text


def test_the_smallest_limits_that_let_a_call_leave():
    async def main():
        address, limits = new_address(), callosum.Limits(resend_bytes=256 * 1024, resend_records=128)
        async with (
            callosum.listen(address, {Echo: Handler()}, limits=limits),
            callosum.connect(address, limits=limits) as peer,
        ):
            assert await peer.stub(Echo).say("x") == "x"

    run(main())
