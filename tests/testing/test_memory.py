from __future__ import annotations

import asyncio

import pytest

import callosum
from callosum.errors import ConfigurationError
from callosum.testing import serve_in_memory
from tests.services import Agent, Echo, Handler, run


def test_a_server_and_a_client_in_one_line():
    async def main():
        async with serve_in_memory({Echo: Handler()}) as peer:
            assert await peer.stub(Echo).say("x") == "x"

    run(main())


def test_the_client_serves_too_and_options_are_those_of_listen():
    async def call(message):
        raise ValueError(await callosum.current_peer().stub(Agent).say(message))

    async def main():
        async with serve_in_memory(
            {Echo: Handler(call=call)}, client_services={Agent: Handler()}, expose_errors=True
        ) as peer:
            with pytest.raises(callosum.Internal, match="ValueError: x"):
                await peer.stub(Echo).call("x")

    run(main())


def test_several_at_a_time():
    async def main():
        async with serve_in_memory({Echo: Handler()}) as one, serve_in_memory({Echo: Handler()}) as other:
            assert await asyncio.gather(one.stub(Echo).say("1"), other.stub(Echo).say("2")) == ["1", "2"]

    run(main())


def test_a_handler_that_does_not_fit():
    async def main():
        with pytest.raises(ConfigurationError, match="no method say"):
            async with serve_in_memory({Echo: object()}):
                pass

    run(main())
