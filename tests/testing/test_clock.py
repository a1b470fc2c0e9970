from __future__ import annotations

import asyncio
import threading
import time

import pytest

from callosum.lower.memory import pipe
from callosum.testing.clock import ManualClock
from tests.lower.recorder import Recorder


def test_waiting_takes_no_real_time_and_ends_exactly():
    clock = ManualClock()

    async def main():
        loop = asyncio.get_running_loop()
        assert clock.now() == loop.time() == 0
        await asyncio.sleep(30)
        assert clock.now() == pytest.approx(30)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        assert loop.time() == pytest.approx(3630)
        return "done"

    begin = time.monotonic()
    assert clock.run(main()) == "done"
    assert time.monotonic() - begin < 2
    assert clock.now() == pytest.approx(3630)


def test_timers_fire_in_order():
    fired: list[int] = []

    async def main():
        loop = asyncio.get_running_loop()
        for delay in (3, 1, 2):
            loop.call_later(delay, fired.append, delay)
        await asyncio.sleep(2.5)
        assert fired == [1, 2]
        await asyncio.sleep(1)

    ManualClock().run(main())
    assert fired == [1, 2, 3]


def test_time_stands_still_while_something_is_ready():
    clock = ManualClock()

    async def main():
        timer = asyncio.get_running_loop().call_later(0.001, lambda: None)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert clock.now() == 0
        timer.cancel()

    clock.run(main())


def test_advance_is_a_loop_that_was_held_up():
    clock = ManualClock()
    fired = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(1, lambda: fired.append(loop.time()))
        clock.advance(10)
        assert not fired
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert fired == [10]
        with pytest.raises(ValueError, match="back"):
            clock.advance(-1)

    clock.run(main())


def test_time_goes_on_from_run_to_run():
    clock = ManualClock()
    for n in range(1, 4):
        clock.run(asyncio.sleep(10))
        assert clock.now() == pytest.approx(10 * n)


def test_the_memory_layer_works_in_it():
    async def main():
        one, other = pipe()
        receiver = Recorder(other)
        one.send([b"x"])
        await asyncio.sleep(30)
        assert receiver.messages == [[b"x"]]

    ManualClock().run(main())


def test_a_lock_up_is_told(monkeypatch):
    monkeypatch.setattr("callosum.testing.clock.DEADLOCK", 0.05)

    async def main():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="locked up"):
        ManualClock().run(main())


def test_a_thread_may_wake_it():
    async def main():
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        thread = threading.Timer(0.05, lambda: loop.call_soon_threadsafe(woken.set))
        thread.start()
        await woken.wait()
        thread.join()

    ManualClock().run(main())
