from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
import zmq

from callosum.lower.base import ConnectionLimits
from callosum.lower.zeromq import ZeroMQ, accepted, driver
from callosum.lower.zeromq.context import plain_socket
from tests.lower.recorder import Recorder, dial, listening, run, until
from tests.lower.zeromq import raw

LOOPBACK = "tcp://127.0.0.1:0"


async def connected(server):
    """A client and its connection at the listener."""
    known = len(server.recorders)
    client = await dial(ZeroMQ(), server.address)
    client.connection.send([b"hello"])
    await until(lambda: len(server.recorders) > known and server.recorders[-1].messages)
    return client, server.recorders[-1]


@pytest.mark.parametrize("chosen", [b"a", b"\1abcd", b"abcde", b"x" * 255])
def test_a_chosen_routing_id_is_refused_and_its_owner_disconnected(chosen):
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            hostile = plain_socket(zmq.DEALER)
            hostile.setsockopt(zmq.ROUTING_ID, chosen)
            hostile.setsockopt(zmq.RECONNECT_IVL, -1)
            events = hostile.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            hostile.connect(server.address)
            hostile.send(b"hello")
            hostile.send(b"again")
            await until(lambda: events.poll(0))
            await until(lambda: len(server.listener._connections) == 1)
            assert len(server.recorders) == 1
            client.connection.send([b"x"])
            await until(lambda: len(recorder.messages) == 2)
            hostile.disable_monitor()
            events.close()
            hostile.close()
            client.connection.close()

    run(main())


def test_two_with_the_same_id_and_one_that_guesses_a_form():
    """HANDOVER is off: the second cannot take what is meant for the first."""

    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            guess = b"\0abcd"
            first = await asyncio.to_thread(raw.connect, server.address, Identity=guess)
            second = await asyncio.to_thread(raw.connect, server.address, Identity=guess)
            first.sendall(raw.frame(b"one"))
            second.sendall(raw.frame(b"two"))
            await until(lambda: server.recorders)
            await asyncio.sleep(0.02)
            assert [recorder.messages for recorder in server.recorders] == [[[b"one"]]]
            server.recorders[0].connection.send([b"for the first"])
            assert await asyncio.to_thread(raw.read_exactly, first, 15) == raw.frame(b"for the first")
            first.close()
            second.close()
            await until(lambda: server.recorders[0].reasons)

    run(main())


def test_what_a_peer_says_about_itself_is_not_believed():
    """ZMTP lets it send any metadata, also by the names that libzmq uses for what it verified."""

    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            victim, honest = await connected(server)
            told = {"User_Id": b"root", "Peer_Address": b"10.9.8.7", "__fd": str(honest.connection.descriptor).encode()}
            liar = await asyncio.to_thread(raw.connect, server.address, **told)
            liar.sendall(raw.frame(b"hello"))
            await until(lambda: len(server.recorders) == 2)
            connection = server.recorders[1].connection
            assert connection.peer_identity is None
            assert connection.peer_address == "tcp://127.0.0.1"
            assert connection.descriptor != honest.connection.descriptor
            connection.close()
            with pytest.raises(ConnectionError):
                await asyncio.to_thread(raw.read_exactly, liar, 10_000)
            victim.connection.send([b"x"])
            await until(lambda: len(honest.messages) == 2)
            liar.close()
            victim.connection.close()

    run(main())


def test_an_extra_frame_is_never_taken_for_an_identity():
    async def main():
        async with listening(ZeroMQ(ConnectionLimits(frames=3)), LOOPBACK) as server:
            client, recorder = await connected(server)
            hostile = await asyncio.to_thread(raw.connect, server.address)
            routing_id = recorder.connection.routing_id
            hostile.sendall(b"".join(raw.frame(routing_id, more=True) for _ in range(200)) + raw.frame(b"forged"))
            await until(lambda: len(server.recorders) == 2 and server.recorders[1].reasons)
            assert recorder.messages == [[b"hello"]]
            assert server.recorders[1].messages == []
            hostile.close()
            client.connection.close()

    run(main())


def test_an_unfinished_message_is_not_delivered():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            hostile = await asyncio.to_thread(raw.connect, server.address)
            hostile.sendall(raw.frame(b"whole") + raw.frame(b"half", more=True))
            await until(lambda: server.recorders and server.recorders[0].messages)
            hostile.close()
            await until(lambda: server.recorders[0].reasons)
            assert server.recorders[0].messages == [[b"whole"]]

    run(main())


def test_an_empty_frame_is_a_probe_and_is_ignored_at_both_sides():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            for _ in range(3):
                client.connection.send([b""])
                recorder.connection.send([b""])
            client.connection.send([b"x"])
            recorder.connection.send([b"y"])
            await until(lambda: len(recorder.messages) == 2 and client.messages)
            assert (recorder.messages, client.messages) == ([[b"hello"], [b"x"]], [[b"y"]])
            client.connection.close()

    run(main())


def test_a_hint_about_a_live_peer_does_not_end_it():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            server.listener._on_event(int(zmq.EVENT_DISCONNECTED), recorder.connection.descriptor)
            server.listener._on_event(int(zmq.EVENT_DISCONNECTED), recorder.connection.descriptor)
            server.listener._on_event(int(zmq.EVENT_DISCONNECTED), 99_999)
            await until(lambda: recorder.connection.probing is None)
            client.connection.send([b"x"])
            await until(lambda: len(recorder.messages) == 2)
            assert not recorder.reasons
            assert not client.messages
            client.connection.close()
            await until(lambda: recorder.reasons)

    run(main())


def test_a_descriptor_that_is_used_again_is_a_hint_too():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            report = server.listener._monitor._report
            server.listener._monitor._report = lambda event, value: None  # no other hint
            client, recorder = await connected(server)
            client.connection.close()
            await asyncio.sleep(0.05)
            assert not recorder.reasons
            server.listener._by_descriptor = dict.fromkeys(range(3, 100), recorder.connection)
            other, _ = await connected(server)
            await until(lambda: recorder.reasons)
            server.listener._monitor._report = report
            other.connection.close()

    run(main())


def test_a_send_to_a_peer_that_has_gone_is_refused_and_then_closed_is_told():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            report = server.listener._monitor._report
            server.listener._monitor._report = lambda event, value: None  # no hint
            client, recorder = await connected(server)
            client.connection.close()
            await asyncio.sleep(0.05)
            assert not recorder.connection.send([b"x"])
            assert not recorder.connection.send([b"x"])
            assert not recorder.reasons
            await until(lambda: recorder.reasons)
            assert recorder.reasons == ["the connection was lost"]
            recorder.connection.close()
            server.listener._monitor._report = report

    run(main())


class NeverIdle:
    """A listener that always has something more to read."""

    def __init__(self, listener):
        self.take, self.run_ended = listener.take, listener.run_ended

    def idle(self, events):
        pass


def test_the_gone_are_told_even_if_there_is_always_something_to_read(monkeypatch):
    monkeypatch.setattr(accepted, "_GONE_LIMIT", 0.05)

    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            driver = server.listener.driver
            real = driver._owner
            driver._owner = NeverIdle(real)
            client.connection.close()
            await until(lambda: recorder.reasons)
            driver._owner = real

    run(main())


def test_a_full_peer_does_not_stop_the_others_and_is_told_when_there_is_room():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK, echo=True) as server:
            slow = await asyncio.to_thread(raw.connect, server.address)
            slow.sendall(raw.frame(b"hello"))
            await until(lambda: server.recorders)
            full = server.recorders[0]
            client = await dial(ZeroMQ(), server.address)
            block = bytes(64 * 1024)

            async def fill():
                async with asyncio.timeout(10):
                    while full.connection.send([block]) or full.connection.send([block]):  # the second sets no timer
                        await asyncio.sleep(0)

            await fill()
            for n in range(200):
                assert client.connection.send([b"%d" % n])
                await until(lambda: len(client.messages) == n + 1, 2.0)
            await asyncio.sleep(0.05)
            assert full.writables <= 5, "who does not try again is told once for each refusal"

            again = []
            full.on_writable = lambda: again.append(full.connection.send([b"last"]))
            await fill()
            while not any(again):
                assert await asyncio.to_thread(slow.recv, 1 << 20)
            assert len(again) < 20, "it is tried again at growing intervals"
            slow.close()
            await until(lambda: full.reasons)
            client.connection.close()

    run(main())


def test_nothing_is_lost_where_sends_are_refused_in_between():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            left = [b"%d" % n + bytes(20_000) for n in range(2000)]
            want = [[message] for message in left]

            def push():
                while left and recorder.connection.send([left[0]]):
                    left.pop(0)

            recorder.on_writable = push
            push()
            assert left, "the peer was never full"
            await until(lambda: not left and len(client.messages) == len(want))
            assert client.messages == want
            assert recorder.writables
            client.connection.close()

    run(main())


def test_a_connection_that_is_started_late_keeps_what_has_arrived_in_order_and_in_bounds():
    async def main():
        connections: list[Any] = []
        listener = ZeroMQ().listener(LOOPBACK, None)
        await listener.open(connections.append)
        client = await ZeroMQ().connector(listener.address, None).connect(5)
        for n in range(3):
            client.send([b"%d" % n])
        await until(lambda: connections and len(connections[0].backlog) == 3)
        recorder = Recorder(connections[0])
        client.send([b"3"])
        await until(lambda: len(recorder.messages) == 4)
        assert recorder.messages == [[b"%d" % n] for n in range(4)]
        client.close()
        await until(lambda: recorder.reasons)

        flood = await ZeroMQ().connector(listener.address, None).connect(5)
        sent = 0
        while connections[-1] is connections[0] or connections[-1].state is not accepted.State.CLOSED:
            sent += flood.send([b"x"])
            await asyncio.sleep(0)
        assert sent > accepted._BACKLOG
        flood.close()

        short = await ZeroMQ().connector(listener.address, None).connect(5)
        short.send([b"x"])
        await until(lambda: len(connections) == 3)
        short.close()
        late = Recorder(connections[2])
        connections[2].close()
        await asyncio.sleep(0.05)
        assert not late.events
        await listener.close()

    run(main())


def test_frames_that_are_still_on_their_way_after_a_close_make_no_new_connection():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            recorder.connection.close(linger=0.05)
            recorder.connection.close()
            for n in range(20):
                client.connection.send([b"%d" % n])
                await asyncio.sleep(0.001)
            await until(lambda: client.reasons)
            assert len(server.recorders) == 1
            assert recorder.messages == [[b"hello"]]
            await until(lambda: not server.listener._connections)
            assert not server.listener._kicks

    run(main())


def test_a_peer_that_leaves_during_the_linger_needs_no_kick():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            recorder.connection.close(linger=30)
            client.connection.close()
            await until(lambda: not server.listener._connections)
            assert not server.listener._kicks
            second, recorder = await connected(server)
            recorder.connection.close(linger=30)
            await server.listener.close()
            second.connection.close()

    run(main())


def test_over_inproc_a_closed_id_comes_again_as_a_new_connection():
    async def main():
        async with listening(ZeroMQ(), "inproc://again") as server:
            client, recorder = await connected(server)
            recorder.connection.close(linger=1)
            client.connection.send([b"after"])
            await until(lambda: len(server.recorders) == 2)
            assert server.recorders[1].messages == [[b"after"]]
            client.connection.close()

    run(main())


def test_close_from_within_a_callback():
    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            recorder.on_received = recorder.connection.close
            for _ in range(10):
                client.connection.send([b"x"])
            await until(lambda: client.reasons)
            assert len(recorder.messages) == 2
            assert not recorder.reasons

    run(main())


@pytest.mark.parametrize(
    "address", ["tcp://nodevice0:0", "tcp://192.0.2.1:0", "ipc:///nowhere/x", "ipc://" + "x" * 200]
)
def test_where_nobody_can_listen(address):
    async def main():
        from callosum.auth import INSECURE
        from callosum.errors import ConfigurationError

        with pytest.raises(ConfigurationError) as caught:
            await ZeroMQ().listener(address, INSECURE).open(lambda _: None)
        assert f"cannot listen at {address}: " in str(caught.value)

    run(main())


def test_a_cancelled_close_closes_all_the_same(monkeypatch):
    monkeypatch.setattr(accepted, "is_free", lambda _: False)  # a busy I/O thread

    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            task = asyncio.create_task(server.listener.close())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            monkeypatch.undo()
            again = ZeroMQ().listener(server.address, None)
            async with asyncio.timeout(5):
                while True:
                    try:
                        await again.open(lambda _: None)
                        break
                    except ConnectionError:
                        await asyncio.sleep(0.01)
            await again.close()

    run(main())


def test_a_stale_path_is_taken_over(tmp_path):
    path = f"{tmp_path}/socket"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    assert Path(path).exists()

    async def main():
        async with listening(ZeroMQ(), f"ipc://{path}", echo=True) as server:
            client = await dial(ZeroMQ(), server.address)
            client.connection.send([b"x"])
            await until(lambda: client.messages)
            client.connection.close()

    run(main())


async def not_started(server, messages=1):
    """A client, and its connection at the listener, which nobody starts."""
    connections: list[Any] = []
    listener = ZeroMQ().listener(server, None)
    await listener.open(connections.append)
    client = await dial(ZeroMQ(), listener.address)
    for n in range(messages):
        while not client.connection.send([b"%d" % n]) and not client.reasons:
            await asyncio.sleep(0.001)
    await until(lambda: connections)
    return listener, client, connections[0]


@pytest.mark.parametrize("end", ["client", "listener"])
def test_one_that_ended_before_it_was_started_says_so_when_it_is(end):
    async def main():
        listener, client, connection = await not_started(LOOPBACK, messages=3)
        await until(lambda: len(connection.backlog) == 3)
        if end == "client":
            client.connection.close()
            await until(lambda: connection.state is accepted.State.CLOSED)
        else:
            await listener.close()
        assert not connection.send([b"x"])
        late = Recorder(connection)
        assert not late.events, "nobody is called back from within start"
        await until(lambda: late.reasons)
        assert late.events == ["received", "received", "received", "drained", "closed"]
        later = Recorder(connection)
        await asyncio.sleep(0.01)
        assert not later.events
        client.connection.close()
        await listener.close()

    run(main())


def test_one_that_ended_before_it_was_started_may_be_closed_instead():
    async def main():
        listener, client, connection = await not_started(LOOPBACK)
        await listener.close()
        await until(lambda: connection.state is accepted.State.CLOSED)
        connection.close()
        late = Recorder(connection)
        await asyncio.sleep(0.01)
        assert not late.events
        client.connection.close()

    run(main())


def test_one_that_is_never_started_is_given_up_and_both_sides_are_told():
    async def main():
        listener, client, connection = await not_started(LOOPBACK, messages=100)
        await until(lambda: client.reasons)
        late = Recorder(connection)
        await until(lambda: late.reasons)
        assert late.messages == [[b"%d" % n] for n in range(64)]
        assert late.reasons == ["it sent more than 64 messages before it was started"]
        await listener.close()

    run(main())


def test_a_message_that_comes_right_after_a_late_start_is_not_too_many():
    async def main():
        listener, client, connection = await not_started(LOOPBACK, messages=64)
        await until(lambda: len(connection.backlog) == 64)
        late = Recorder(connection)
        connection.keep([b"64"])  # as if it came in the same turn of the loop
        assert len(late.messages) == 65
        late.on_received = connection.close
        connection.backlog.append([b"65"])
        connection.keep([b"66"])
        await asyncio.sleep(0.01)
        assert late.messages[64:] == [[b"64"], [b"65"]]
        client.connection.close()
        await listener.close()

    run(main())


def test_one_that_was_refused_before_it_was_started_hears_of_room():
    async def main():
        listener, client, connection = await not_started(LOOPBACK)
        connection._block()
        await until(lambda: connection._timer is None)
        late = Recorder(connection)
        await until(lambda: late.writables)
        client.connection.close()
        await listener.close()

    run(main())


@pytest.mark.parametrize("frames", [131, 132, 100_000])
def test_a_message_of_very_many_frames_is_dropped_a_part_at_a_time(frames, monkeypatch):
    """Between the parts the loop turns, when the driver's budget is used up. Who sent it is cut off at once."""
    parts = []

    def drop_rest(recv):
        parts.append(driver.drop_rest(recv))
        return parts[-1]

    monkeypatch.setattr(accepted, "drop_rest", drop_rest)

    async def main():
        async with listening(ZeroMQ(), LOOPBACK) as server:
            client, recorder = await connected(server)
            hostile = await asyncio.to_thread(raw.connect, server.address)
            many = raw.frame(b"x", more=True) * (frames - 1) + raw.frame(b"last") + raw.frame(b"and one more")
            await asyncio.to_thread(hostile.sendall, many)
            await until(lambda: len(server.recorders) == 2 and server.recorders[1].reasons)
            client.connection.send([b"honest"])
            await until(lambda: len(recorder.messages) == 2)
            assert recorder.messages[1] == [b"honest"]
            assert not server.recorders[1].messages
            hostile.close()
            client.connection.close()

    run(main())
    left = frames - ConnectionLimits().frames - 1
    assert len(parts) == -(-left // driver.DROPPED)
    assert parts == [True] * (len(parts) - 1) + [False] * (left > 0)
