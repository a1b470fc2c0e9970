from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest
import zmq

from callosum.errors import ProtocolError
from callosum.lower.base import ConnectionLimits
from callosum.lower.zeromq import ZeroMQ
from callosum.lower.zeromq.context import plain_socket
from callosum.lower.zeromq.driver import BUDGET, POLLOUT, Driver, check_size, drop_rest
from tests.lower.recorder import dial, listening, run, until

names = (f"inproc://driver-{n}" for n in itertools.count())


class Owner:
    """Takes single frames, and does what a test says when it has one."""

    def __init__(self):
        self.name = next(names)
        self.far = plain_socket(zmq.PAIR)
        self.far.bind(self.name)
        near = plain_socket(zmq.PAIR)
        near.connect(self.name)
        self.driver = Driver(near, self)
        self.taken = []
        self.runs = []
        self.idles = []
        self.on_take = self.on_run = self.on_idle = lambda: None

    def take(self):
        self.taken.append(self.driver.recv(zmq.DONTWAIT, False).bytes)
        self.on_take()

    def run_ended(self):
        new = len(self.taken) - sum(self.runs)
        if new:
            self.runs.append(new)
            self.on_run()
        return bool(new)

    def idle(self, events):
        self.idles.append(events)
        self.on_idle()

    def close(self):
        self.driver.close(0.0)
        self.far.close()


def test_what_arrived_before_the_opening_is_taken():
    async def main():
        owner = Owner()
        for n in range(10):
            owner.far.send(b"%d" % n)
        await asyncio.sleep(0.01)
        owner.driver.check_soon()
        owner.driver.check_now(POLLOUT)
        await asyncio.sleep(0.01)
        assert not owner.taken, "it is not open yet"
        owner.driver.open()
        await until(lambda: len(owner.taken) == 10)
        assert owner.runs == [1, 9], "the first is a run of its own"
        assert owner.idles[-1] & POLLOUT
        owner.close()

    run(main())


def test_a_drain_keeps_to_its_budget_and_lets_others_run():
    async def main():
        owner = Owner()
        owner.on_take = lambda: time.sleep(BUDGET / 4)
        turns = []

        def turn():
            turns.append(len(owner.taken))
            if len(owner.taken) < 100:
                asyncio.get_running_loop().call_soon(turn)

        for _ in range(100):
            owner.far.send(b"x")
        owner.driver.open()
        turn()
        await until(lambda: len(owner.taken) == 100)
        assert max(owner.runs) < 20
        assert len(turns) > 5
        owner.close()

    run(main())


def test_what_is_sent_while_draining_is_looked_after():
    async def main():
        owner = Owner()
        owner.driver.open()
        await asyncio.sleep(0.01)

        def answer_at_once():
            owner.driver.send(b"answer", zmq.DONTWAIT)
            owner.driver.check_soon()
            owner.driver.check_now(POLLOUT)
            if len(owner.taken) < 3:
                owner.far.send(b"again")

        owner.on_run = answer_at_once
        owner.far.send(b"x")
        await until(lambda: len(owner.taken) == 3)
        owner.on_idle, owner.on_run = answer_at_once, lambda: None
        owner.far.send(b"last")
        await until(lambda: owner.far.poll(0) and len(owner.taken) == 4)
        owner.on_idle = lambda: None
        owner.close()

    run(main())


def test_a_callback_that_raises_does_not_end_the_watch():
    async def main():
        owner = Owner()
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

        def fail():
            if len(owner.taken) == 1:
                raise ValueError("a fault of the engine")

        owner.on_take = fail
        owner.far.send(b"1")
        owner.far.send(b"2")
        owner.driver.open()
        await until(lambda: len(owner.taken) == 2)
        assert len(faults) == 1
        owner.close()

    run(main())


@pytest.mark.parametrize("when", ["on_take", "on_run", "on_idle"])
def test_it_may_be_closed_from_within(when):
    async def main():
        owner = Owner()
        setattr(owner, when, owner.close)
        for _ in range(3):
            owner.far.send(b"x")
        owner.driver.open()
        owner.driver.check_now(POLLOUT)
        await until(lambda: owner.far.closed)
        await asyncio.sleep(0.01)
        assert len(owner.taken) == {"on_take": 1, "on_run": 1, "on_idle": 3}[when]
        owner.driver.check_soon()
        owner.driver.check_now(POLLOUT)
        owner.close()
        await asyncio.sleep(0)

    run(main())


def test_a_check_that_was_scheduled_before_the_close_does_nothing():
    async def main():
        owner = Owner()
        owner.driver.open()
        owner.close()
        await asyncio.sleep(0)
        assert not owner.idles

    run(main())


def test_a_send_that_swallows_the_edge_stalls_nothing():
    """After 1 ms without a call into libzmq a send handles its commands too, and with them the news of a message."""

    async def main():
        async with listening(ZeroMQ(), "tcp://127.0.0.1:0") as server:
            client = await dial(ZeroMQ(), server.address)
            client.connection.send([b"hello"])
            await until(lambda: server.recorders)
            accepted = server.recorders[0]
            for n in range(1, 11):
                for sender, receiver in ((accepted, client), (client, accepted)):
                    await asyncio.sleep(0.005)
                    sender.connection.send([b"x"])
                    time.sleep(0.005)
                    before = len(receiver.messages)
                    receiver.connection.send([b"y"])
                    await until(lambda: len(receiver.messages) == before + 1, 2.0)
                    await until(lambda: len(sender.messages) >= n, 2.0)
            client.connection.close()

    run(main())


def test_sizes_are_counted_in_bytes():
    limits = ConnectionLimits(frames=2, message_bytes=16)
    check_size([memoryview(bytes(16)).cast("Q")], limits)
    with pytest.raises(ProtocolError, match="2 frames and 24 bytes"):
        check_size([memoryview(bytes(16)).cast("Q"), bytes(8)], limits)


class Frame:
    def __init__(self, more):
        self.more = more


def test_what_is_left_of_a_message_is_dropped_a_part_at_a_time():
    left = [True] * 1200 + [False, True]
    parts = 1
    recv: Any = lambda flags, copy: Frame(left.pop(0))  # noqa: E731 - stands for a socket's method
    while drop_rest(recv):
        parts += 1
    assert parts == 3
    assert left == [True]
