from __future__ import annotations

import asyncio

import pytest

import callosum
from callosum.errors import ConfigurationError
from tests.services import Agent, Echo, Handler, new_address, paired, run


def test_one_call():
    async def main():
        async with paired() as pair:
            assert await pair.echo.say("hello") == "hello"
            assert await pair.echo.say(message="by name") == "by name"

    run(main())


def test_both_sides_call_at_the_same_time():
    async def main():
        async with paired(agent=Handler(say=shout)) as pair:
            there = [pair.echo.say(str(n)) for n in range(300)]
            back = [pair.agent.say(str(n)) for n in range(300)]
            answers = await asyncio.gather(*there, *back)
            assert answers == [str(n) for n in range(300)] + [f"{n}!" for n in range(300)]

    async def shout(message):
        return message + "!"

    run(main())


def test_a_handler_calls_its_caller_back():
    async def call(message):
        return "told: " + await callosum.current_peer().stub(Agent).say(message)

    async def main():
        async with paired(Handler(call=call)) as pair:
            assert await pair.echo.call("x") == "told: x"

    run(main())


def test_a_peer_that_a_handler_kept_is_called_later():
    agents = {}

    async def register(name):
        agents[name] = callosum.current_peer()
        return name

    async def main():
        async with paired(Handler(call=register)) as pair:
            await pair.echo.call("agent-7")
            assert agents["agent-7"] is pair.caller
            assert await agents["agent-7"].stub(Agent).say("go") == "go"

    run(main())


def test_wrong_use_fails_at_the_call_of_listen_and_connect():
    with pytest.raises(ConfigurationError, match=r"no method call.*;.*poke"):
        callosum.listen(new_address(), {Echo: object()})
    with pytest.raises(ConfigurationError, match="no method say"):
        callosum.connect(new_address(), {Agent: object()})
    with pytest.raises(ConfigurationError, match="has no scheme"):
        callosum.listen("127.0.0.1:5030", {})
    with pytest.raises(ConfigurationError, match="order='sorted': write 'given' or 'random'"):
        callosum.connect(new_address(), order="sorted")
    with pytest.raises(ConfigurationError, match="connect_timeout=0"):
        callosum.connect(new_address(), connect_timeout=0)


def test_no_work_is_done_before_entering():
    callosum.listen("tcp://127.0.0.1:5030", {Echo: Handler()})
    callosum.connect("tcp://127.0.0.1:5030")


def test_the_timeout_of_the_endpoints_is_the_default_of_their_stubs():
    async def forever(message):
        await asyncio.Event().wait()

    async def main():
        clock = asyncio.get_running_loop()
        async with paired(
            Handler(say=forever), agent=Handler(say=forever), timeout=3.0, listen={"timeout": 5.0}
        ) as pair:
            begin = clock.time()
            with pytest.raises(callosum.DeadlineExceeded):
                await pair.echo.say("x")
            assert clock.time() - begin == pytest.approx(3, abs=0.1)
            begin = clock.time()
            with pytest.raises(callosum.DeadlineExceeded):
                await pair.agent.say("x")
            assert clock.time() - begin == pytest.approx(5, abs=0.1)

    run(main())


def test_one_endpoint_listens_at_several_addresses():
    async def main():
        addresses = [new_address(), new_address()]
        async with callosum.listen(addresses, {Echo: Handler()}) as server:
            assert server.addresses == tuple(addresses)
            for address in addresses:
                async with callosum.connect(address) as peer:
                    assert await peer.stub(Echo).say("x") == "x"

    run(main())
