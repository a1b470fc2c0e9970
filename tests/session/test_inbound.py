from __future__ import annotations

import asyncio

import pytest

import callosum
from callosum import Code, Limits, Outcome
from callosum.channel import Failure
from callosum.context import current
from callosum.errors import RpcError
from callosum.protocol.calls import IncomingState
from callosum.session.inbound import SessionInbound
from tests.services import Agent, Echo, Handler, dialler, new_address, paired, run, settle


def handled() -> SessionInbound:
    """What brought the call whose handler is running."""
    carrier = current.get()
    assert isinstance(carrier, SessionInbound)
    return carrier


def test_what_a_handler_is_given():
    async def say(message):
        inbound = handled()
        assert not inbound.is_waiting
        assert not inbound.is_draining
        assert not inbound.hold()
        assert not inbound.start(), "it was started"
        assert inbound.call is inbound.call is callosum.current_call()
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            assert await pair.echo.say("x") == "x"

    run(main())


def test_answers_after_the_first_are_dropped():
    async def say(message):
        inbound = handled()
        inbound.reply(b"=first")
        inbound.reply(b"=second")
        inbound.fail(Failure(Code.INTERNAL, Outcome.EXECUTED, "third"))
        inbound.finish()
        assert inbound.state is IncomingState.ENDED
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            assert await pair.echo.say("x") == "first"
            assert await pair.echo.say("y") == "first"
            assert pair.client.counters["sessions"] == 1

    run(main())


def test_the_way_of_nested_calls():
    ways: list[tuple[bool, bool]] = []

    async def call(message):
        inbound = handled()
        own, other = inbound.session, others[0].peer.route.session
        ways.append((inbound.way_to(own) == (own, inbound.request.id), inbound.way_to(other) == (other, 0)))
        return await others[0].echo.say(message)

    others = []

    async def main():
        async with paired(Handler(call=call)) as pair, paired() as other:
            others.append(other)
            assert await pair.echo.call("x") == "x"
            assert ways == [(True, True)]

    run(main())


def test_a_handler_calls_back_over_its_own_session_while_that_drains():
    """The connector has a newer session by then; its handlers' calls still belong to the old one."""

    async def main():
        addresses = [new_address(), new_address()]
        release = asyncio.Event()
        late = []

        async def say(message):
            return "first " + message

        async def other(message):
            return "second " + message

        async def call(message):
            return await callosum.current_peer().stub(Agent).call(message)

        async def back(message):
            peer = callosum.current_peer()
            await release.wait()

            async def later():
                await asyncio.sleep(5)
                return await peer.stub(Echo).say("late")

            late.append(asyncio.create_task(later()))
            return await peer.stub(Echo).say("nested")

        async with (
            callosum.listen(addresses[0], {Echo: Handler(say=say, call=call)}) as first,
            callosum.listen(addresses[1], {Echo: Handler(say=other)}),
        ):
            client, _ = dialler(addresses, {Agent: Handler(call=back)})
            async with client as peer:
                running = asyncio.create_task(peer.stub(Echo).call("x"))
                await settle()
                draining = asyncio.create_task(first.drain())
                await settle()
                assert await peer.stub(Echo).say("x") == "second x"
                release.set()
                assert await running == "first nested"
                await draining
                assert await late[0] == "second late", "its handler has ended"

    run(main())


@pytest.mark.parametrize("text", ["", "a" * 1_000, "b" * 100_000, "c" * 2_000_000])
def test_replies_of_any_size(text):
    async def say(message):
        return text

    async def main():
        async with paired(Handler(say=say)) as pair:
            assert await pair.echo.say("x") == text

    run(main())


def test_the_reply_that_the_caller_does_not_accept():
    async def say(message):
        return "x" * 2_000

    async def main():
        async with paired(Handler(say=say), limits=Limits(body_bytes=1_000)) as pair:
            with pytest.raises(callosum.ResourceExhausted, match="the caller accepts 1000") as caught:
                await pair.echo.say("x")
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_an_error_keeps_what_it_says():
    async def say(message):
        raise RpcError(Code.UNAUTHENTICATED, "who are you", {"hint": "log in"}, error_id="beef", retry_after=0.25)

    async def main():
        async with paired(Handler(say=say)) as pair:
            with pytest.raises(callosum.Unauthenticated) as caught:
                await pair.echo.say("x")
            error = caught.value
            assert (error.message, error.details, error.error_id) == ("who are you", {"hint": "log in"}, "beef")
            assert error.retry_after == 0.25

    run(main())
