from __future__ import annotations

import asyncio

import pytest
import zmq

from callosum.errors import TransportError
from callosum.lower.zeromq.context import plain_socket
from callosum.lower.zeromq.monitor import Monitor, settled
from tests.lower.recorder import run, until


def test_events_are_reported_in_order_until_it_is_closed():
    async def main():
        server, client = plain_socket(zmq.ROUTER), plain_socket(zmq.DEALER)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        events = []
        monitor = Monitor(client, int(zmq.EVENT_ALL), lambda event, value: events.append(zmq.Event(event)))
        client.connect(f"tcp://127.0.0.1:{port}")
        await until(lambda: zmq.Event.HANDSHAKE_SUCCEEDED in events)
        assert events.index(zmq.Event.CONNECTED) < events.index(zmq.Event.HANDSHAKE_SUCCEEDED)
        monitor.close()
        monitor.close()
        seen = len(events)
        server.close()
        await asyncio.sleep(0.02)
        assert len(events) == seen
        client.close()

    run(main())


def test_it_may_be_closed_from_within():
    async def main():
        server, client = plain_socket(zmq.ROUTER), plain_socket(zmq.DEALER)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        events = []

        def report(event, value):
            events.append(event)
            monitor.close()
            client.close()

        monitor = Monitor(client, int(zmq.EVENT_ALL), report)
        client.connect(f"tcp://127.0.0.1:{port}")
        await until(lambda: client.closed)
        await asyncio.sleep(0.01)
        assert len(events) == 1
        server.close()

    run(main())


def test_a_socket_that_cannot_be_monitored():
    async def main():
        closed = plain_socket(zmq.DEALER)
        closed.close()
        with pytest.raises(TransportError, match="cannot monitor"):
            Monitor(closed, int(zmq.EVENT_ALL), lambda event, value: None)

    run(main())


def test_settled_waits_in_bounds():
    async def main():
        loop = asyncio.get_running_loop()
        begin = loop.time()
        assert await settled(lambda: loop.time() > begin + 0.05, 5.0)
        assert not await settled(lambda: False, 0.05)

    run(main())
