from __future__ import annotations

import asyncio

import pytest

import callosum
from callosum import ConnectionLost, Outcome, PeerState
from callosum.protocol.messages import Offered
from callosum.testing.faulty import Way
from tests.services import Agent, Echo, Handler, dialler, new_address, paired, run, settle, until


def test_what_a_peer_says_about_the_other_side():
    async def main():
        async with paired(info={"name": "agent-7", "n": 7}) as pair:
            caller = pair.caller
            assert caller.info == {"name": "agent-7", "n": 7}
            assert pair.peer.info == {}
            assert pair.peer.services == (Offered("Echo", "Echo-fingerprint", ("text",)),)
            assert caller.services == (Offered("Agent", "Agent-fingerprint", ("text",)),)
            assert pair.peer.address == pair.server.addresses[0]
            assert caller.address
            assert caller.principal is None
            assert pair.peer.state is caller.state is PeerState.CONNECTED
            assert len({caller, pair.peer}) == 2
            assert caller == caller
            assert repr(pair.peer) == f"<peer {pair.peer.address}, connected>"

    run(main())


def test_the_states_of_a_connectors_peer():
    async def main():
        address = new_address()
        client, links = dialler(address, connect_timeout=None)
        async with client as peer:
            assert peer.state is PeerState.CONNECTING
            assert peer.address == ""
            assert peer.info == {}
            assert peer.services == ()
            assert repr(peer) == "<peer without a connection, connecting>"
            async with callosum.listen(address, {Echo: Handler()}):
                await until(lambda: peer.state is PeerState.CONNECTED)
                links.down = True
                links.last.cut()
                await settle()
                assert peer.state is PeerState.DETACHED
                assert peer.address == ""
                links.down = False
                await until(lambda: peer.state is PeerState.CONNECTED)
            await settle()
            assert peer.state is PeerState.CONNECTING, "the listener closed in order; another may come"
        assert peer.state is PeerState.CLOSED

    run(main())


def test_the_listeners_peer_is_one_session():
    async def main():
        async with paired() as pair:
            caller = pair.caller
            await pair.cut()
            assert caller.state is PeerState.DETACHED
            assert pair.caller is caller, "the detached ones are in the view"
            await pair.reconnected()
            assert pair.caller is caller
            assert await caller.stub(Agent).say("x") == "x"
            waiting = asyncio.create_task(caller.wait_closed())
            await settle()
            assert not waiting.done()
        await waiting
        assert caller.state is PeerState.CLOSED
        with pytest.raises(ConnectionLost) as caught:
            await caller.stub(Agent).say("x")
        assert caught.value.outcome is Outcome.NOT_SENT
        assert isinstance(caught.value, ConnectionError)

    run(main())


def test_a_connectors_peer_lasts_through_fresh_sessions():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}):
            client, _ = dialler(address)
            async with client as peer:
                stub = peer.stub(Echo)
                assert await stub.say("1") == "1"
                closed = asyncio.create_task(peer.wait_closed())
                for _ in range(3):
                    peer.route.session.end("for the test")
                    assert await stub.say("2") == "2"
                assert not closed.done()
            await closed
            with pytest.raises(ConnectionLost) as caught:
                await stub.say("x")
            assert caught.value.outcome is Outcome.NOT_SENT

    run(main())


def test_wait_closed_can_be_cancelled():
    async def main():
        async with paired() as pair:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await pair.peer.wait_closed()

    run(main())


def test_drain_waits_for_the_acknowledgement():
    async def main():
        async with paired() as pair:
            await pair.peer.drain()
            pair.links.last.stall()
            await pair.echo.poke("x")
            draining = asyncio.create_task(pair.peer.drain())
            await asyncio.sleep(1)
            assert not draining.done()
            pair.links.last.resume_flow()
            await draining

    run(main())


def test_drain_through_a_cut():
    async def main():
        handler = Handler()
        async with paired(handler) as pair:
            pair.links.last.stall()
            await pair.echo.poke("x")
            draining = asyncio.create_task(pair.peer.drain())
            await pair.cut()
            await pair.reconnected()
            await draining
            await settle()
            assert handler.poked == ["x"]

    run(main())


def test_drain_where_the_session_ends():
    async def main():
        async with paired() as pair:
            pair.links.last.stall()
            await pair.echo.poke("x")
            draining = asyncio.create_task(pair.peer.drain())
            await settle()
            pair.peer.route.session.end("for the test")
            with pytest.raises(ConnectionLost) as caught:
                await draining
            assert caught.value.outcome is Outcome.UNKNOWN

    run(main())


def test_drain_can_be_cancelled():
    async def main():
        async with paired() as pair:
            pair.links.last.stall()
            await pair.echo.poke("x")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await pair.peer.drain()
            pair.links.last.resume_flow()
            await pair.peer.drain()

    run(main())


def test_drain_waits_for_a_session_that_drains_too():
    async def main():
        addresses = [new_address(), new_address()]
        handler = Handler()
        async with (
            callosum.listen(addresses[0], {Echo: handler}) as first,
            callosum.listen(addresses[1], {Echo: Handler()}),
        ):
            client, links = dialler(addresses)
            async with client as peer:
                links.last.stall(Way.OUT)
                await peer.stub(Echo).poke("x")
                closing = asyncio.create_task(first.drain())
                await until(lambda: len(links.links) > 1)  # the pause before a further one is random
                draining = asyncio.create_task(peer.drain())
                await asyncio.sleep(1)
                assert not draining.done()
                links.links[0].resume_flow()
                await draining
                await closing
                await settle()
                assert first.counters["refused.unavailable"] == 1, "it came after the GOAWAY"

    run(main())


def test_the_listeners_side_drains_too():
    async def main():
        agent = Handler()
        async with paired(agent=agent) as pair:
            await pair.agent.poke("x")
            await pair.caller.drain()
            await settle()
            assert agent.poked == ["x"]

    run(main())
