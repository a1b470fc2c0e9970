from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

import pytest
import zmq

from callosum.errors import AuthenticationError, ConnectError
from callosum.lower.zeromq import ZeroMQ, context, dialled
from callosum.lower.zeromq.address import Address
from callosum.lower.zeromq.context import plain_socket
from tests.lower.recorder import Recorder, dial, listening, run, until

LOOPBACK = "tcp://127.0.0.1:0"


def connector(address):
    return ZeroMQ().connector(address, None)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def answering(data, *, hang=False):
    """A TCP server that says the same to everybody, and closes, or stays."""
    server = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                held.append(client)
                with contextlib.suppress(OSError):  # the other end may be faster
                    client.sendall(data)
                    if not hang:
                        client.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for client in held:
            client.close()


@pytest.mark.parametrize("address", ["tcp", "ipc", "inproc"])
def test_nobody_listens(address, tmp_path):
    where = {"tcp": f"tcp://127.0.0.1:{free_port()}", "ipc": f"ipc://{tmp_path}/none", "inproc": "inproc://none"}[
        address
    ]

    async def main():
        with pytest.raises(ConnectError, match="nobody listens at " + where):
            await connector(where).connect(5)

    run(main())


def test_a_name_that_is_not_known():
    async def main():
        with pytest.raises(ConnectError, match="host name"):
            await connector("tcp://a..b:1").connect(5)

    run(main())


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10, b"\xff" * 100, bytes(100)])
def test_somebody_else_answers(data):
    async def main(where):
        with pytest.raises(ConnectError, match=where + " accepted a connection and ended it .* no callosum endpoint"):
            await connector(where).connect(5)

    with answering(data) as where:
        run(main(where))


def test_another_kind_of_zeromq_socket_answers():
    async def main():
        publisher = plain_socket(zmq.PUB)
        port = publisher.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(ConnectError, match="no callosum endpoint"):
            await connector(f"tcp://127.0.0.1:{port}").connect(5)
        publisher.close()

    run(main())


@pytest.mark.parametrize("own_limit", [False, True])
def test_a_silent_server(own_limit, monkeypatch):
    if own_limit:
        monkeypatch.setattr(context, "HANDSHAKE_MS", 100)
        monkeypatch.setattr(dialled, "HANDSHAKE_MS", 100)

    async def main(where):
        with pytest.raises(ConnectError, match=where + r" accepted .* did not answer as ZeroMQ within 0\.1.* s"):
            await connector(where).connect(5 if own_limit else 0.1)

    with answering(b"", hang=True) as where:
        run(main(where))


@pytest.mark.parametrize("own_limit", [False, True])
def test_packets_that_nobody_answers(own_limit, monkeypatch):
    """A listen queue that is full: the kernel drops what would open a connection."""
    if own_limit:
        monkeypatch.setattr(dialled, "CONNECT_MS", 200)

    async def main(where):
        with pytest.raises(ConnectError, match="no answer from " + where):
            await connector(where).connect(5 if own_limit else 0.2)

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filling = stack.enter_context(socket.socket())
            filling.settimeout(0)
            filling.connect_ex(server.getsockname())
        run(main(f"tcp://127.0.0.1:{server.getsockname()[1]}"))


def test_a_refusal_by_key_is_told_at_once():
    """Our own authenticators come later; the event that tells of a refusal is libzmq's."""

    def refuse(handler, stop):
        while not stop.is_set():
            if handler.poll(20):
                version, request, *_ = handler.recv_multipart()
                handler.send_multipart([version, request, b"400", b"no", b"", b""])

    async def main():
        theirs = zmq.Context()
        handler, server, stop = theirs.socket(zmq.REP), theirs.socket(zmq.ROUTER), threading.Event()
        handler.bind("inproc://zeromq.zap.01")
        server.setsockopt(zmq.ZAP_DOMAIN, b"test")
        port = server.bind_to_random_port("tcp://127.0.0.1")
        thread = threading.Thread(target=refuse, args=(handler, stop))
        thread.start()
        try:
            with pytest.raises(AuthenticationError, match=f"tcp://127.0.0.1:{port} refused our key"):
                await connector(f"tcp://127.0.0.1:{port}").connect(5)
        finally:
            stop.set()
            thread.join()
            theirs.destroy(linger=0)

    run(main())


def test_each_address_of_a_name_is_tried(monkeypatch):
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            good = Address("tcp", "127.0.0.1", int(server.address.rpartition(":")[2]))
            bad = Address("tcp", "127.0.0.1", free_port())
            found: list[Address] = []

            async def resolve(address):
                return found

            monkeypatch.setattr(dialled, "resolve", resolve)
            found = [bad, good]
            connection = await connector("tcp://name:1").connect(5)
            assert connection.peer_address == str(good)
            connection.close()
            found = [bad, bad]
            with pytest.raises(
                ConnectError, match=r"cannot connect to tcp://name:1: nobody listens .*; nobody listens"
            ):
                await connector("tcp://name:1").connect(5)
            found = []
            with pytest.raises(ConnectError, match="no address"):
                await connector("tcp://name:1").connect(5)

            async def refused(self):
                raise AuthenticationError("refused")

            found = [bad, good]
            monkeypatch.setattr(dialled.DialledConnection, "dial", refused)
            with pytest.raises(AuthenticationError):
                await connector("tcp://name:1").connect(5)

    run(main())


def test_a_slow_name_service(monkeypatch):
    async def resolve(address):
        await asyncio.sleep(10)

    async def main():
        monkeypatch.setattr(dialled, "resolve", resolve)
        with pytest.raises(ConnectError, match=r"not resolved within 0\.05 s"):
            await connector("tcp://name:1").connect(0.05)

    run(main())


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_cancelled_while_dialling_leaves_nothing_open(turns):
    async def main(where):
        task = asyncio.create_task(connector(where).connect(5))
        for _ in range(turns):
            await asyncio.sleep(0.01 if turns == 3 else 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with answering(b"", hang=True) as where:
        run(main(where))


def test_a_failure_that_comes_together_with_a_cancellation_is_not_left_unread():
    async def main():
        connection = dialled.DialledConnection(Address("tcp", "127.0.0.1", 1), ZeroMQ()._limits)
        connection._on_event(int(zmq.EVENT_CLOSED), 0)
        connection._on_event(int(zmq.EVENT_DISCONNECTED), 0)
        connection.close()

    run(main())


def test_what_arrives_before_the_start_waits_for_it():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            connection = await connector(server.address).connect(5)
            assert connection.send([b"hello"])
            await until(lambda: server.recorders)
            for n in range(3):
                server.recorders[0].connection.send([b"%d" % n])
            await asyncio.sleep(0.02)
            server.recorders[0].connection.close(linger=0.01)
            await asyncio.sleep(0.3)
            client = Recorder(connection)
            await until(lambda: client.reasons)
            assert client.messages == [[b"0"], [b"1"], [b"2"]]
            assert client.events[-2:] == ["drained", "closed"]
            closed = await connector(server.address).connect(5)
            closed.close()
            closed.start(client)

    run(main())


def test_a_second_start_replaces_the_receiver():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK, echo=True) as server:
            first = await dial(ZeroMQ(), server.address)
            second = Recorder(first.connection)
            first.connection.send([b"x"])
            await until(lambda: second.messages)
            assert not first.events
            first.connection.close()

    run(main())


def test_a_slow_server_refuses_and_says_when_there_is_room():
    async def main():
        server = plain_socket(zmq.ROUTER)
        server.setsockopt(zmq.RCVHWM, 4)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        client = await dial(ZeroMQ(), f"tcp://127.0.0.1:{port}")
        left = [b"%d" % n + bytes(100_000) for n in range(300)]
        want = list(left)

        def push():
            while left and client.connection.send([left[0]]):
                left.pop(0)

        client.on_writable = push
        async with asyncio.timeout(10):
            while True:
                push()
                before = len(left)
                await asyncio.sleep(0.05)
                if len(left) == before:
                    break
        assert left
        assert client.writables < 100, "POLLOUT is told by its edge"
        got: list[Any] = []
        async with asyncio.timeout(10):
            while len(got) < len(want):
                while server.poll(0):
                    got.append(server.recv_multipart()[1])
                await asyncio.sleep(0.001)
        assert got == want
        client.connection.close()
        server.close()

    run(main())


def test_a_send_that_libzmq_refuses_for_good_ends_the_connection():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client = await dial(ZeroMQ(), server.address)

            def fail(*_):
                raise zmq.ZMQError(zmq.ETERM)

            connection: Any = client.connection
            connection._send = fail
            assert not client.connection.send([b"x"])
            assert not client.reasons
            assert not client.connection.send([b"x"])
            await until(lambda: client.reasons)
            assert "ZeroMQ refused to send" in client.reasons[0]

    run(main())


def test_a_link_that_ends_by_itself_in_the_middle_of_a_stream():
    async def main():
        server = plain_socket(zmq.ROUTER)
        port = server.bind_to_random_port("tcp://127.0.0.1")
        client = await dial(ZeroMQ(), f"tcp://127.0.0.1:{port}")
        client.connection.send([b"hello"])
        await until(lambda: server.poll(0))
        routing_id, _ = server.recv_multipart()
        for n in range(20):
            server.send_multipart([routing_id, b"%d" % n])
        server.close(linger=500)
        await until(lambda: client.reasons)
        assert client.messages == [[b"%d" % n] for n in range(20)]
        assert client.reasons == ["the connection was lost"]

    run(main())


def test_a_send_that_fails_before_the_start_is_told_after_it():
    async def main():
        async with listening(ZeroMQ(), "tcp://127.0.0.1:0") as server:
            connection = await ZeroMQ().connector(server.address, None).connect(5)

            def refuse(*_: object) -> None:
                raise zmq.ZMQError(zmq.ETERM)

            connection._send = refuse  # type: ignore[attr-defined]
            assert not connection.send([b"x"])
            await asyncio.sleep(0.01)
            late = Recorder(connection)
            await until(lambda: late.reasons)

    run(main())
