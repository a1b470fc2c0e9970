from __future__ import annotations

import asyncio
import random

import pytest

from callosum.lower.memory import CAPACITY as PIPE_CAPACITY
from callosum.lower.memory import pipe
from callosum.testing import faulty
from callosum.testing.clock import ManualClock
from callosum.testing.faulty import CAPACITY, FaultyConnection, Way, flip_one_bit
from tests.lower.recorder import Recorder


def run(main):
    return ManualClock().run(main)


def wrapped(seed=0):
    """A faulty end, its receiver, and the receiver of the other end."""
    one, other = pipe()
    connection = FaultyConnection(one, seed=seed)
    return connection, Recorder(connection), Recorder(other)


def test_without_a_fault_everything_passes():
    async def main():
        connection, near, far = wrapped()
        for n in range(10):
            assert connection.send([b"%d" % n])
            assert far.connection.send([b"%d" % n])
        await asyncio.sleep(1)
        assert near.messages == far.messages == [[b"%d" % n] for n in range(10)]
        assert near.drains == far.drains == 1
        assert connection.peer_address == "memory://pipe/a"
        assert connection.peer_identity is None
        assert connection.limits.frames == 130
        connection.close()
        connection.close()
        assert not connection.send([b"x"])
        connection.cut()
        await asyncio.sleep(1)
        assert far.reasons
        assert not near.reasons

    run(main())


def test_back_pressure_passes_through():
    async def main():
        connection, near, _ = wrapped()
        for _ in range(PIPE_CAPACITY):
            assert connection.send([b"x"])
        assert not connection.send([b"x"])
        await asyncio.sleep(1)
        assert near.writables == 1
        assert connection.send([b"x"])

    run(main())


def test_the_other_end_closes():
    async def main():
        connection, near, far = wrapped()
        far.connection.send([b"last"])
        far.connection.close()
        await asyncio.sleep(1)
        assert near.events == ["received", "drained", "closed"]
        assert not connection.send([b"x"])
        connection.start(near)

    run(main())


def test_a_cut_is_told_at_both_ends_later():
    async def main():
        connection, near, far = wrapped()
        connection.cut("snip")
        assert not near.reasons
        await asyncio.sleep(1)
        assert near.reasons == ["snip"]
        assert len(far.reasons) == 1
        connection.cut()

    run(main())


def test_no_closed_after_an_own_close_that_follows_a_cut():
    async def main():
        connection, near, _ = wrapped()
        connection.cut()
        connection.close()
        await asyncio.sleep(1)
        assert not near.events

    run(main())


def test_what_is_in_flight_is_lost_at_a_cut():
    async def main():
        connection, near, far = wrapped()
        connection.stall()
        assert connection.send([b"lost"])
        assert far.connection.send([b"lost too"])
        await asyncio.sleep(1)
        connection.cut()
        await asyncio.sleep(1)
        assert near.events == far.events == ["closed"]

    run(main())


def test_a_stall_holds_back_in_bounds_and_in_order():
    async def main():
        connection, near, far = wrapped()
        connection.stall()
        for n in range(CAPACITY):
            assert connection.send([b"%d" % n])
        assert not connection.send([b"more"])
        far.connection.send([b"a"])
        far.connection.send([b"b"])
        await asyncio.sleep(1)
        assert not near.messages
        assert not far.messages
        connection.resume_flow()
        await asyncio.sleep(1)
        assert near.writables == 1
        assert near.messages == [[b"a"], [b"b"]]
        assert near.drains
        assert connection.send([b"more"])
        await asyncio.sleep(1)
        assert far.messages == [*([b"%d" % n] for n in range(CAPACITY)), [b"more"]]

    run(main())


def test_a_stall_with_too_much_to_hold_back_is_cut(monkeypatch):
    monkeypatch.setattr(faulty, "INCOMING_CAPACITY", 5)

    async def main():
        connection, near, far = wrapped()
        connection.stall(Way.IN)
        for _ in range(6):
            far.connection.send([b"x"])
        await asyncio.sleep(1)
        assert near.reasons == ["the test held back too many messages"]

    run(main())


@pytest.mark.parametrize("way", [Way.OUT, Way.IN])
def test_a_black_hole_in_one_direction(way):
    async def main():
        connection, near, far = wrapped()
        connection.swallow(way)
        connection.send([b"out"])
        far.connection.send([b"in"])
        await asyncio.sleep(1)
        assert far.messages == ([] if way is Way.OUT else [[b"out"]])
        assert near.messages == ([] if way is Way.IN else [[b"in"]])
        connection.resume_flow()
        connection.send([b"out"])
        far.connection.send([b"in"])
        await asyncio.sleep(1)
        assert far.messages[-1] == [b"out"]
        assert near.messages[-1] == [b"in"]

    run(main())


def test_a_black_hole_after_a_stall_makes_room():
    async def main():
        connection, near, far = wrapped()
        connection.stall()
        while connection.send([b"x"]):
            pass
        connection.swallow()
        await asyncio.sleep(1)
        assert near.writables == 1
        assert not far.messages

    run(main())


def test_messages_are_dropped_by_number():
    async def main():
        connection, near, far = wrapped()
        connection.drop_outgoing(2)
        connection.drop_incoming(1)
        for n in range(4):
            connection.send([b"%d" % n])
            far.connection.send([b"%d" % n])
        await asyncio.sleep(1)
        assert far.messages == [[b"2"], [b"3"]]
        assert near.messages == [[b"1"], [b"2"], [b"3"]]

    run(main())


@pytest.mark.parametrize("way", [Way.OUT, Way.IN])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_cut_after_so_many(way, count):
    async def main():
        connection, near, far = wrapped()
        connection.cut_after(count, way)
        sender, receiver = (connection, far) if way is Way.OUT else (far.connection, near)
        for n in range(6):
            sender.send([b"%d" % n])
        await asyncio.sleep(1)
        assert receiver.messages == [[b"%d" % n] for n in range(count)]
        assert near.reasons == ["cut by the test, after the messages that it let pass"]
        assert far.reasons

    run(main())


def test_corruption_changes_one_bit_of_so_many_messages_and_is_repeatable():
    async def main(seed):
        connection, _, far = wrapped(seed)
        connection.corrupt(2)
        for _ in range(3):
            connection.send([b"", bytes(10), bytes(10)])
        await asyncio.sleep(1)
        return far.messages

    first, again, other = (run(main(seed)) for seed in (1, 1, 2))
    assert first == again != other
    ones = [sum(byte.bit_count() for frame in message for byte in frame) for message in first]
    assert ones == [1, 1, 0]
    assert flip_one_bit([b"", b""], random.Random(0)) == [b"", b""]


def test_a_delay_keeps_the_order_and_the_time():
    clock = ManualClock()

    async def main():
        connection, near, far = wrapped()
        times = []
        far.on_received = near.on_received = lambda: times.append(round(clock.now(), 3))
        connection.delay(1.0)
        connection.send([b"1"])
        await asyncio.sleep(0.5)
        connection.send([b"2"])
        connection.delay(0.0, Way.OUT)
        connection.send([b"3"])
        far.connection.send([b"back"])
        await asyncio.sleep(5)
        assert far.messages == [[b"1"], [b"2"], [b"3"]]
        assert times == [1.0, 1.5, 1.5, 1.5]
        assert near.messages == [[b"back"]]
        connection.delay(1.0)
        connection.send([b"never"])
        await asyncio.sleep(0.5)
        connection.cut()
        await asyncio.sleep(5)
        assert len(far.messages) == 3

    clock.run(main())


def test_a_held_back_message_waits_for_room_behind_it():
    async def main():
        one, other = pipe()
        connection = FaultyConnection(one)
        near = Recorder(connection)
        while connection.send([b"x"]):
            pass
        connection.stall(Way.OUT)
        assert connection.send([memoryview(b"behind")])
        connection.resume_flow()
        await asyncio.sleep(1)
        far = Recorder(other)
        await asyncio.sleep(1)
        assert len(far.messages) == PIPE_CAPACITY + 1
        assert far.messages[-1] == [b"behind"]
        assert near.writables >= 1

    run(main())


def test_closing_from_within_a_callback():
    async def main():
        connection, near, far = wrapped()
        connection.stall()
        far.connection.send([b"1"])
        far.connection.send([b"2"])
        await asyncio.sleep(1)
        near.on_received = connection.close
        connection.resume_flow()
        await asyncio.sleep(1)
        assert near.events == ["received"]

    run(main())
