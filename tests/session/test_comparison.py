from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, Difference, Outcome
from callosum.fingerprint import MethodText, write_fingerprint
from callosum.protocol.calls import OutgoingCall
from callosum.protocol.messages import Offered
from callosum.service import Method, Parameter, Service, service_of
from callosum.session.comparison import Comparison, OnDifference
from callosum.session.session import Caller
from tests.services import Handler, dialler, new_address, run, service_class, settle, text_codec, until


def version(*methods: str, **arguments: str) -> type[callosum.ServiceClass[Any]]:
    """A version of the service Versioned: methods that are the same in all of them, and others with these arguments."""
    texts = dict.fromkeys(methods, "") | arguments
    made = {name: Method("Versioned", name, (Parameter("message"),), {"text": text_codec()}) for name in texts}
    parts = {name: MethodText(text, "") for name, text in texts.items()}
    return service_class(Service("Versioned", made, write_fingerprint(repr(sorted(texts.items())), parts)))


OLD = version("say")
NEWER = version("say", "call")
OTHER = version(say="changed")


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "callosum.differences"]


def test_what_differs_is_logged_once_and_kept(caplog):
    async def main():
        address = new_address()
        async with callosum.listen(address, {OLD: Handler()}), callosum.connect(address) as peer:
            assert peer.differences == ()
            stub = peer.stub(NEWER)
            peer.stub(NEWER, timeout=1)
            assert await stub.say("x") == "x"
            with pytest.raises(callosum.Unimplemented):
                await stub.call("x")
            assert peer.differences == (Difference("Versioned", missing=("call",)),)
            text = f"{address}: the other side has another version of Versioned: it lacks call"
            assert warnings(caplog) == [text]
            assert caplog.records[-1].levelno == logging.WARNING

    run(main())


@pytest.mark.parametrize("cls", [OLD, NEWER])
def test_the_same_version_and_a_newer_one_at_the_other_side_are_no_differences(cls, caplog):
    async def main():
        address = new_address()
        async with callosum.listen(address, {cls: Handler()}), callosum.connect(address, strict=True) as peer:
            assert await peer.stub(OLD).say("x") == "x"
            assert peer.differences == ()
        assert not warnings(caplog)

    run(main())


def test_what_is_not_served_is_kept_and_not_logged(caplog):
    async def main():
        address = new_address()
        async with callosum.listen(address, {}), callosum.connect(address) as peer:
            stub = peer.stub(OLD)
            assert peer.differences == (Difference("Versioned", is_served=False),)
            with pytest.raises(callosum.Unimplemented):
                await stub.say("x")
        assert not warnings(caplog)

    run(main())


def test_the_listening_side_learns_it_too(caplog):
    async def main():
        address = new_address()
        async with callosum.listen(address, {}) as server, callosum.connect(address, {OTHER: Handler()}):
            await until(lambda: len(server.peers) == 1)
            (peer,) = server.peers
            peer.stub(OLD)
            assert peer.differences == (Difference("Versioned", arguments=("say",)),)
        assert len(warnings(caplog)) == 1

    run(main())


@pytest.mark.parametrize(
    ("served", "text"),
    [
        ({OTHER: Handler()}, "has another version of Versioned: other arguments: say. strict=True refuses to call it"),
        ({}, "does not serve Versioned. strict=True refuses to call it: give both sides the same interface"),
    ],
)
def test_a_strict_connector_makes_no_stub(served, text):
    async def main():
        address = new_address()
        async with callosum.listen(address, served), callosum.connect(address, strict=True) as peer:
            for _ in range(2):
                with pytest.raises(ConfigurationError) as caught:
                    peer.stub(OLD)
                assert text in str(caught.value)
                assert str(caught.value).startswith(address)
            if served:
                assert await peer.stub(OTHER).say("the version that it serves") == "the version that it serves"

    run(main())


def test_a_strict_listener_makes_no_stub():
    async def main():
        address = new_address()
        async with callosum.listen(address, {}, strict=True) as server, callosum.connect(address, {OTHER: Handler()}):
            await until(lambda: len(server.peers) == 1)
            (peer,) = server.peers
            with pytest.raises(ConfigurationError, match="another version of Versioned"):
                peer.stub(OLD)

    run(main())


def test_on_connect_of_a_strict_connector_fails_and_so_does_connect():
    async def greet(peer):
        await peer.stub(OLD).say("x")

    async def main():
        address = new_address()
        async with callosum.listen(address, {OTHER: Handler()}):
            with pytest.raises(ConfigurationError, match="another version of Versioned"):
                async with callosum.connect(address, on_connect=greet, strict=True):
                    raise AssertionError("it was entered")

    run(main())


def test_a_later_session_is_compared_when_it_opens(caplog):
    async def main():
        address = new_address()
        client, _ = dialler(address)
        async with callosum.listen(address, {OLD: Handler()}):
            peer = await client.__aenter__()
            stub = peer.stub(OLD)
            assert await stub.say("x") == "x"
        async with callosum.listen(address, {OTHER: Handler()}):
            assert await stub.say("y") == "y", "it is called all the same"
            assert peer.differences == (Difference("Versioned", arguments=("say",)),)
            assert len(warnings(caplog)) == 1
        async with callosum.listen(address, {OLD: Handler()}):
            assert await stub.say("z") == "z"
            assert peer.differences == ()
            await client.__aexit__(None, None, None)
        assert len(warnings(caplog)) == 1

    run(main())


def test_calls_of_an_older_stub_fail_in_a_later_session_of_a_strict_endpoint():
    async def main():
        address = new_address()
        client, _ = dialler(address, strict=True)
        said: list[str] = []

        async def say(message):
            said.append(message)
            return message

        async with callosum.listen(address, {OLD: Handler()}):
            peer = await client.__aenter__()
            stub = peer.stub(OLD)
            assert await stub.say("x") == "x"
        await until(lambda: not peer.services)
        waiting = [asyncio.create_task(stub.say(text)) for text in ("small", "large" * 100_000)]
        waiting.append(asyncio.create_task(stub.with_options(timeout=50, key="k").say("keyed")))
        await settle()
        async with callosum.listen(address, {OTHER: Handler(say=say)}):
            for call in (*waiting, stub.say("made later")):
                with pytest.raises(ConfigurationError, match="strict=True refuses to call it") as caught:
                    await call
                assert caught.value.outcome is Outcome.NOT_SENT
            await settle()
            assert said == []
        async with callosum.listen(address, {OLD: Handler()}):
            await until(lambda: peer.services)
            assert await stub.say("again the same version") == "again the same version"
            await client.__aexit__(None, None, None)

    run(main())


def test_a_call_that_goes_on_in_another_session_is_compared_there():
    async def main():
        address = new_address()
        other = new_address()
        client, links = dialler([address, other], strict=True)
        entered = asyncio.Event()

        async def say(message):
            entered.set()
            await asyncio.Event().wait()

        async with callosum.listen(other, {OTHER: Handler()}):
            async with callosum.listen(address, {OLD: Handler(say=say)}, grace=1.0) as first:
                peer = await client.__aenter__()
                stub = peer.stub(OLD)
                running = asyncio.create_task(stub.say("x"))
                await entered.wait()
                links.last.stall()
                late = asyncio.create_task(stub.say("y"))  # made before this side learns that the first one drains
                closing = asyncio.create_task(first.drain())
                await settle()
                links.last.resume_flow()
                with pytest.raises(ConfigurationError, match="another version") as caught:
                    await late
                assert caught.value.outcome is Outcome.NOT_SENT
                await closing
                with pytest.raises(callosum.CallosumError):
                    await running
            await client.__aexit__(None, None, None)

    run(main())


def test_what_another_session_gives_up_is_refused_as_well():
    async def main():
        address = new_address()
        async with callosum.listen(address, {OTHER: Handler()}), callosum.connect(address, strict=True) as peer:
            with pytest.raises(ConfigurationError):
                peer.stub(OLD)
            caller = Caller(loop=asyncio.get_running_loop())
            session = caller.session = peer.route.session
            session.adopt([OutgoingCall("Versioned/say", 0, b"x", waiter=caller)])
            with pytest.raises(ConfigurationError, match="another version"):
                await caller

    run(main())


def test_a_stub_that_is_made_before_there_is_a_session_is_compared_when_it_opens(caplog):
    async def main():
        address = new_address()
        client, _ = dialler(address, connect_timeout=None)
        async with client as peer:
            stub = peer.stub(OLD)
            assert peer.differences == ()
            async with callosum.listen(address, {OTHER: Handler()}):
                assert await stub.say("x") == "x"
                assert len(peer.differences) == len(warnings(caplog)) == 1

    run(main())


def test_a_comparison_looks_once_at_each_service(caplog):
    service = service_of(OLD)
    comparison = Comparison(OnDifference.WARN)
    comparison.include(service)
    assert not comparison.differences, "the session is not open yet"
    for _ in range(2):
        comparison.begin({"Versioned": Offered("Versioned", "another", ())}, [service], "memory://x")
        comparison.include(service)
    assert comparison.differences == (Difference("Versioned"),)
    assert len(warnings(caplog)) == 1
    comparison.check_service(service)
    assert comparison.refusal("Versioned/say") is None
