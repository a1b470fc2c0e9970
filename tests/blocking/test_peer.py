from __future__ import annotations

import pytest

import callosum
from callosum import blocking
from callosum.errors import ConfigurationError, ConnectionLost, Outcome
from tests.services import Agent, Echo, Handler, new_address


def test_what_a_peer_tells() -> None:
    with blocking.listen(new_address(), {Echo: Handler()}) as server:
        client = blocking.connect(server.addresses[0], {Agent: Handler()}, info={"name": "a"})
        with client as peer:
            assert peer.state is callosum.PeerState.CONNECTED
            assert [offered.name for offered in peer.services] == ["Echo"]
            assert peer.address == server.addresses[0]
            assert (peer.info, peer.principal) == ({}, None)
            peer.stub(Agent)
            assert [difference.service for difference in peer.differences] == ["Agent"]
            assert repr(peer).startswith("<blocking <peer memory://")
            (other,) = server.peers
            assert other.info == {"name": "a"}
            assert other != peer
            assert other != "a peer"
            assert {other} == set(server.peers)
    assert peer.state is callosum.PeerState.CLOSED


def test_calls_on_a_peer_that_is_closed() -> None:
    with blocking.listen(new_address(), {Echo: Handler()}) as server, blocking.connect(server.addresses[0]) as peer:
        stub = peer.stub(Echo)
    with pytest.raises(ConnectionLost) as caught:
        stub.say("x")
    assert caught.value.outcome is Outcome.NOT_SENT


def test_a_stub_of_what_is_no_service() -> None:
    with blocking.listen(new_address(), {Echo: Handler()}) as server, blocking.connect(server.addresses[0]) as peer:
        with pytest.raises(ConfigurationError, match="not a service class"):
            peer.stub(int)
        with pytest.raises(ConfigurationError, match="timeout"):
            peer.stub(Echo, timeout=-1)


def test_the_current_peer_can_be_kept() -> None:
    kept: list[blocking.Peer] = []

    class Registering(Handler):
        @callosum.in_thread
        def say(self, message: str) -> str:
            kept.append(blocking.current_peer())
            return message

    with blocking.listen(new_address(), {Echo: Registering()}) as server:
        client = blocking.connect(server.addresses[0], {Agent: Handler()})
        with client as peer:
            peer.stub(Echo).say("agent-7")
            assert kept == list(server.peers)
            assert kept[0].stub(Agent).say("start") == "start"
