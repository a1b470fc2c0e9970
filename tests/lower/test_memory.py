from __future__ import annotations

import asyncio

import pytest

from callosum.auth import INSECURE
from callosum.errors import ConfigurationError, ConnectError, ProtocolError
from callosum.lower.base import ConnectionLimits
from callosum.lower.memory import CAPACITY, Memory, pipe
from tests.lower.recorder import Recorder, dial, listening, run, until


def test_messages_arrive_in_order_and_whole_and_runs_end_with_drained():
    async def main():
        async with listening(Memory(), "memory://a", echo=True) as server:
            client = await dial(Memory(), "memory://a")
            sent = [[b"%d" % n, b"", b"x" * n] for n in range(100)]
            for message in sent:
                assert client.connection.send(message)
            assert not server.recorders, "nothing is delivered from within a send"
            await until(lambda: len(client.messages) == 100)
            assert client.messages == sent == server.recorders[0].messages
            assert server.recorders[0].events[-1] == "drained"
            assert server.recorders[0].drains == 2  # runs are bounded
            assert client.connection.peer_address == "memory://a"
            assert server.recorders[0].connection.peer_address == "memory://a/client"

    run(main())


def test_nobody_listens():
    async def main():
        with pytest.raises(ConnectError, match="nobody listens at memory://nowhere"):
            await Memory().connector("memory://nowhere", None).connect(1)

    run(main())


def test_a_name_is_taken_once_and_free_again_after_close():
    async def main():
        async with listening(Memory(), "memory://a"):
            with pytest.raises(ConnectError, match="another listener"):
                await Memory().listener("memory://a", None).open(lambda _: None)
        async with listening(Memory(), "memory://a") as server:
            await server.listener.close()
            await server.listener.close()

    run(main())


@pytest.mark.parametrize("address", ["memory://", "memory:a", "tcp://a"])
def test_malformed_address(address):
    with pytest.raises(ConfigurationError, match="memory://name"):
        Memory().listener(address, None)
    with pytest.raises(ConfigurationError, match="memory://name"):
        Memory().connector(address, None)


def test_auth():
    Memory().listener("memory://a", INSECURE)
    with pytest.raises(ConfigurationError, match="auth"):
        Memory().connector("memory://a", object())


def test_a_full_direction_refuses_and_says_when_it_is_writable():
    async def main():
        one, other = pipe()
        sender = Recorder(one)
        for n in range(CAPACITY):
            assert one.send([b"%d" % n])
        assert not one.send([b"more"])
        await asyncio.sleep(0.01)
        assert sender.writables == 0
        receiver = Recorder(other)
        await until(lambda: sender.writables == 1)
        assert one.send([b"more"])
        await until(lambda: len(receiver.messages) == CAPACITY + 1)
        assert receiver.messages[-1] == [b"more"]
        assert sender.writables == 1

    run(main())


def test_a_receiver_that_starts_after_a_refused_send_hears_of_room():
    async def main():
        one, other = pipe()
        while one.send([b"x"]):
            pass
        receiver = Recorder(other)
        await until(lambda: len(receiver.messages) == CAPACITY)
        sender = Recorder(one)
        await until(lambda: sender.writables == 1)

    run(main())


def test_close_delivers_what_was_sent_and_then_closed():
    async def main():
        one, other = pipe()
        sender, receiver = Recorder(one), Recorder(other)
        one.send([b"last"])
        one.close()
        one.close()
        assert not receiver.events, "nothing is called back from within close"
        await until(lambda: receiver.reasons)
        assert receiver.events == ["received", "drained", "closed"]
        assert not sender.events, "its owner closed it and knows"
        assert not one.send([b"x"])
        assert not other.send([b"x"])
        other.close()
        await asyncio.sleep(0)

    run(main())


def test_send_after_the_other_end_closed_is_refused_and_closed_follows():
    async def main():
        one, other = pipe()
        receiver = Recorder(other)
        one.close()
        assert not other.send([b"x"])
        await until(lambda: receiver.reasons)

    run(main())


def test_closing_while_receiving_ends_delivery():
    async def main():
        one, other = pipe()
        receiver = Recorder(other)
        receiver.on_received = other.close
        for _ in range(3):
            one.send([b"x"])
        await asyncio.sleep(0.01)
        assert receiver.events == ["received"]

    run(main())


def test_closing_the_listener_ends_its_connections_also_those_that_nobody_has_seen():
    async def main():
        async with listening(Memory(), "memory://a") as server:
            first = await dial(Memory(), "memory://a")
            await until(lambda: server.recorders)
            second = await dial(Memory(), "memory://a")
            await server.listener.close()
            await until(lambda: first.reasons and second.reasons and server.recorders[0].reasons)
            assert first.reasons == ["the listener was closed"]
            assert len(server.recorders) == 1

    run(main())


def test_a_second_start_replaces_the_receiver():
    async def main():
        one, other = pipe()
        first = Recorder(other)
        second = Recorder(other)
        one.send([b"x"])
        await until(lambda: second.messages)
        assert not first.events

    run(main())


def test_a_start_after_a_close_calls_nobody():
    async def main():
        one, other = pipe()
        one.send([b"x"])
        other.close()
        late = Recorder(other)
        one.close()
        await asyncio.sleep(0.01)
        assert not late.events

    run(main())


@pytest.mark.parametrize("frames", [[], [b""] * 4, [b"12345", b"678901"]])
def test_a_message_over_the_limits_is_the_senders_fault(frames):
    async def main():
        one, _ = pipe(ConnectionLimits(message_bytes=10, frames=3))
        with pytest.raises(ProtocolError, match=r"carries 1 to 3 frames and 10 bytes"):
            one.send(frames)
        assert one.send([b"12345", b"67890", b""])

    run(main())


def test_a_view_is_copied():
    async def main():
        one, other = pipe()
        receiver = Recorder(other)
        memory = bytearray(b"before")
        one.send([memoryview(memory)])
        memory[:] = b"after!"
        await until(lambda: receiver.messages)
        assert receiver.frames[0] == (b"before",)

    run(main())


def test_a_receiver_that_raises_does_not_end_delivery():
    async def main():
        one, other = pipe()
        receiver = Recorder(other)
        faults: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(str(context["exception"])))

        def fail():
            if len(receiver.messages) == 1:
                raise ValueError("a fault of the engine")

        receiver.on_received = fail
        one.send([b"1"])
        one.send([b"2"])
        await until(lambda: len(receiver.messages) == 2)
        assert faults == ["a fault of the engine"]

    run(main())
