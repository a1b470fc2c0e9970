from __future__ import annotations

import asyncio
import threading
import time

import pytest

import callosum
from callosum.session import watchdog as module
from callosum.session.watchdog import Watchdog
from tests.services import Echo, Handler, new_address, run_real


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "BLOCKED_AFTER", 0.1)
    monkeypatch.setattr(module, "_TICK", 0.02)


def reports(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "callosum.watchdog"]


def block_until(condition, limit=10.0):
    end = time.monotonic() + limit
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_the_method_of_a_handler_that_blocks_is_logged_once_while_it_blocks(caplog):
    async def say(message):
        block_until(lambda: reports(caplog))  # the loop stands still until the watchdog has spoken
        time.sleep(0.2)
        return message

    async def main():
        async with (
            callosum.listen(new_address(), {Echo: Handler(say=say)}) as server,
            callosum.connect(server.addresses[0]) as peer,
        ):
            echo = peer.stub(Echo)
            assert await asyncio.gather(echo.say("x"), echo.call("others lose nothing")) == ["x", "others lose nothing"]

    run_real(main())
    (text,) = reports(caplog)
    assert "the handler of Echo/say has blocked the event loop" in text
    assert "in block_until" in text


def test_a_step_after_a_wait_is_watched_too(caplog):
    async def say(message):
        await asyncio.sleep(0.01)
        block_until(lambda: reports(caplog))
        return message

    async def main():
        async with (
            callosum.listen(new_address(), {Echo: Handler(say=say)}) as server,
            callosum.connect(server.addresses[0]) as peer,
        ):
            await peer.stub(Echo).say("x")

    run_real(main())
    assert len(reports(caplog)) == 1


def test_a_handler_that_waits_long_is_not_reported(caplog):
    async def say(message):
        for _ in range(30):
            await asyncio.sleep(0.01)
        return message

    async def main():
        async with (
            callosum.listen(new_address(), {Echo: Handler(say=say)}) as server,
            callosum.connect(server.addresses[0]) as peer,
        ):
            await peer.stub(Echo).say("x")

    run_real(main())
    assert not reports(caplog)


def test_a_thread_that_is_gone_has_no_place(caplog):
    watchdog = Watchdog()
    started = threading.Event()

    def begin():
        watchdog.start()
        watchdog.running = "Echo/say"
        started.set()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    started.wait(5)
    block_until(lambda: reports(caplog))
    watchdog.stop()
    watchdog.stop()
    assert "(unknown)" in reports(caplog)[0]
