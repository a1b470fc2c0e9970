from __future__ import annotations

import asyncio
import contextvars
import gc

import pytest

from callosum.session.session import Caller
from callosum.session.waking import Waiter
from tests.services import paired, run, settle

trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="")


async def waiting(task: asyncio.Task[object]) -> None:
    """Let a task run until it waits."""
    await asyncio.sleep(0)
    assert not task.done()


def from_the_loop(callback):
    """Call something from a callback of the loop, where no task is running, and return what it returned."""

    async def call():
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(lambda: done.set_result(callback()))
        return await done

    return call()


def test_a_task_goes_on_within_resume():
    async def main():
        loop = asyncio.get_running_loop()
        waiter: Waiter[str] = Waiter(loop=loop)
        seen: list[object] = []

        async def wait():
            trace.set("waiting")
            seen.append(await waiter)
            seen.append(trace.get())
            seen.append(asyncio.current_task() is task)

        task = asyncio.create_task(wait())
        await waiting(task)

        def settle_it():
            waiter.set_result("x")
            assert not seen, "setting the result wakes nobody"
            waiter.resume()
            return list(seen)

        assert await from_the_loop(settle_it) == ["x", "waiting", True]
        await task

    asyncio.run(main())


def test_an_exception_is_raised_in_the_task():
    async def main():
        waiter: Waiter[None] = Waiter(loop=asyncio.get_running_loop())

        async def wait():
            with pytest.raises(KeyError):
                await waiter
            return "went on"

        task = asyncio.create_task(wait())
        await waiting(task)
        waiter.set_exception(KeyError("x"))
        await from_the_loop(waiter.resume)
        assert await task == "went on"

    asyncio.run(main())


def test_what_is_done_before_anybody_waits_is_not_waited_for():
    async def main():
        waiter: Waiter[int] = Waiter(loop=asyncio.get_running_loop())
        waiter.set_result(7)
        waiter.resume()
        assert await waiter == 7

    asyncio.run(main())


def test_a_cancelled_task_goes_on_by_itself():
    async def main():
        waiter: Waiter[int] = Waiter(loop=asyncio.get_running_loop())

        async def wait():
            await waiter

        task = asyncio.create_task(wait())
        await waiting(task)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiter.cancelled()
        assert not waiter.cancel()

    asyncio.run(main())


def test_a_caller_that_is_resumed_calls_again_and_again_within_one_run():
    async def main():
        async with paired() as pair:
            session = pair.peer.route.session
            batches = 0
            received = type(session).received

            async def caller(name):
                for n in range(3):
                    assert await pair.echo.say(f"{name}{n}") == f"{name}{n}"

            def count(frames):
                nonlocal batches
                batches += 1
                received(session, frames)

            session.received = count  # type: ignore[method-assign]
            await asyncio.gather(*(caller(name) for name in "abcdefgh"))
            assert batches <= 4, "what the callers of one batch make leaves in one batch"

    run(main())


def test_the_caller_of_a_call_that_has_ended_keeps_nothing():
    async def main():
        async with paired() as pair:
            await pair.echo.say("x")
            await settle()  # this task went on within `resume`
            assert not [one for one in gc.get_objects() if type(one) is Caller]

    run(main())
