from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

import callosum
from callosum import blocking, threads
from callosum.errors import ConfigurationError, DeadlineExceeded, Internal, Unavailable
from callosum.handover import END
from callosum.threads import Threads, _Job, in_thread
from tests.looping import PATIENCE, until
from tests.services import Agent, Echo, Handler, Refusal, new_address, run_real

mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="none")


class ThreadHandler:
    """Serves Echo and Agent with a plain function."""

    def __init__(self, function: Callable[[str], Any]) -> None:
        self.function = function
        self.poked = threading.Event()

    @in_thread
    def say(self, message: str) -> Any:
        return self.function(message)

    async def call(self, message: str) -> str:
        return message

    @in_thread
    def poke(self, message: str) -> None:
        self.poked.set()


class Gate:
    """A function that waits in its thread until it is told to go on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.one_has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, message: str) -> str:
        self.begun.append(message)
        self.one_has_begun.set()
        until(self.may_end)
        return message

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.one_has_begun.wait, PATIENCE)


class Serving:
    """A server with plain handlers, and a client of it."""

    def __init__(self, function: Callable[[str], Any], **options: Any) -> None:
        self.handler = ThreadHandler(function)
        address = new_address()
        self.listen = callosum.listen(address, {Echo: self.handler}, **options)
        self.connect = callosum.connect(address, {Agent: Handler()})

    async def __aenter__(self) -> Any:
        await self.listen.__aenter__()
        peer = await self.connect.__aenter__()
        return peer.stub(Echo)

    async def __aexit__(self, *error: object) -> None:
        await self.connect.__aexit__(*error)  # type: ignore[arg-type]
        await self.listen.__aexit__(*error)  # type: ignore[arg-type]


# --- what a handler sees ----------------------------------------------------------------------------------------------


def test_a_plain_handler_runs_in_a_thread_with_its_call() -> None:
    def look(message: str) -> str:
        call = callosum.current_call()
        assert call.remaining is not None
        assert 4 < call.remaining <= 5
        assert threading.current_thread() is not threading.main_thread()
        assert mark.get() == "at listen()"
        mark.set("changed")
        return f"{message} {call.method.name} {call.metadata['tenant']!s}"

    async def main() -> None:
        mark.set("at listen()")
        async with Serving(look) as echo:
            tenant = echo.with_options(metadata={"tenant": "a"}, timeout=5.0)
            assert await tenant.say("hi") == "hi say a"
            assert await tenant.say("ho") == "ho say a"
            await echo.poke("x")
            serving = callosum.current_call
            with pytest.raises(ConfigurationError):
                serving()

    run_real(main())


def test_a_oneway_runs_in_one_too() -> None:
    async def main() -> None:
        serving = Serving(str)
        async with serving as echo:
            await echo.poke("x")
            assert await asyncio.to_thread(serving.handler.poked.wait, PATIENCE)

    run_real(main())


def test_exceptions_arrive_as_from_async_handlers() -> None:
    def refuse(message: str) -> str:
        if message == "declared":
            raise Refusal("no")
        if message == "stop":
            raise StopIteration
        raise KeyError(message)

    async def main() -> None:
        async with Serving(refuse, expose_errors=True) as echo:
            with pytest.raises(Refusal, match="no"):
                await echo.say("declared")
            with pytest.raises(Internal, match="KeyError: 'other'"):
                await echo.say("other")
            with pytest.raises(Internal, match="RuntimeError: ThreadHandler.say raised StopIteration"):
                await echo.say("stop")

    run_real(main())


def test_a_handler_calls_back_and_its_calls_inherit() -> None:
    """Through the peer of the call: deadline, trace and parent are those of the call that is being handled."""
    seen: list[callosum.Call] = []

    class Client:
        async def say(self, message: str) -> str:
            seen.append(callosum.current_call())
            return f"{message}!"

        call = poke = say

    def call_back(message: str) -> str:
        with blocking.deadline(3.0):
            answer: str = blocking.current_peer().stub(Agent).say(message)
            return answer

    async def main() -> None:
        address = new_address()
        async with (
            callosum.listen(address, {Echo: ThreadHandler(call_back)}, max_concurrency=1),
            callosum.connect(address, {Agent: Client()}) as peer,
        ):
            echo = peer.stub(Echo, metadata={"traceparent": "00-1", "tenant": "a"})
            assert await echo.say("hi") == "hi!"
            assert await echo.with_options(timeout=1.0).say("hi") == "hi!"

    run_real(main())
    first, second = seen
    assert dict(first.metadata) == {"traceparent": "00-1"}
    assert first.deadline is not None
    assert second.deadline is not None
    assert second.deadline < first.deadline
    assert first._carrier is not None
    assert first._carrier.request.parent


def test_current_peer_is_for_threads() -> None:
    with pytest.raises(ConfigurationError, match="in_thread"):
        blocking.current_peer()


# --- the bound --------------------------------------------------------------------------------------------------------


def test_a_cancelled_handler_is_answered_at_once_and_its_thread_stays_busy() -> None:
    gate = Gate()

    async def main() -> None:
        async with Serving(gate, max_threads=1) as echo:
            with pytest.raises(DeadlineExceeded):
                await echo.with_options(timeout=0.05).say("first")
            second = asyncio.create_task(echo.say("second"))
            with pytest.raises(DeadlineExceeded):
                await echo.with_options(timeout=0.05).say("third")  # waits for a thread, and gives up
            assert gate.begun == ["first"]
            gate.may_end.set()
            assert await second == "second"
            assert gate.begun == ["first", "second"]

    run_real(main())


def test_what_a_dropped_thread_raises_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    def fail(message: str) -> None:
        gate(message)
        raise KeyError(message)

    async def main() -> None:
        async with Serving(fail) as echo:
            with pytest.raises(DeadlineExceeded):
                await echo.with_options(timeout=0.05).say("first")
            gate.may_end.set()

    with caplog.at_level(logging.WARNING, "callosum.session"):
        run_real(main())
    assert "ThreadHandler.say failed when its caller had gone" in caplog.text


def test_threads_are_reused_and_none_is_made_before_one_is_needed() -> None:
    async def main() -> None:
        before = threading.active_count()
        async with Serving(lambda _: threading.current_thread().name, max_threads=2) as echo:
            idle = threading.active_count()
            assert idle - before == 2  # a watchdog at each side
            names = {await echo.say("x") for _ in range(10)}
            assert len(names) <= 2
            assert await asyncio.gather(*(echo.say("x") for _ in range(20)))
            assert threading.active_count() - idle <= 2

    run_real(main())


def test_options_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="max_threads=0"):
        callosum.listen("memory://x", [], max_threads=0)
    with pytest.raises(ConfigurationError, match="max_threads=-1"):
        callosum.connect("memory://x", max_threads=-1)


# --- the end ----------------------------------------------------------------------------------------------------------


def test_closing_waits_for_threads_that_run() -> None:
    ended = threading.Event()
    gate = Gate()

    def slow(message: str) -> None:
        gate(message)
        ended.set()

    async def main() -> None:
        async with Serving(slow, grace=0.05) as echo:
            call = asyncio.create_task(echo.say("x"))
            await gate.has_begun()
            asyncio.get_running_loop().call_later(0.1, gate.may_end.set)
            call.cancel()
        assert ended.is_set()

    run_real(main())


def test_a_thread_that_does_not_end_is_reported(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "STOP_TIMEOUT", 0.05)
    gate = Gate()

    async def main() -> None:
        async with Serving(gate, grace=0.05) as echo:
            call = asyncio.create_task(echo.say("x"))
            await gate.has_begun()
            call.cancel()
        assert "handlers go on in their threads, and are left behind: ThreadHandler.say" in caplog.text

    run_real(main())
    gate.may_end.set()


def test_threads_that_are_closed_take_nothing() -> None:
    async def main() -> None:
        pool = Threads(1)
        with pytest.raises(Unavailable, match="closing"):
            await pool.run(_Job("x", int))
        contextvars.copy_context().run(pool.open)
        assert await pool.run(_Job("x", int)) == 0
        assert pool._executor is not None
        pool._executor.shutdown()  # as the interpreter does when it ends
        with pytest.raises(Unavailable, match="process is ending"):
            await pool.run(_Job("x", int))
        await pool.close()
        await pool.close()

    run_real(main())


def test_outside_of_a_handler_it_runs_in_a_thread_of_asyncios() -> None:
    async def main() -> None:
        handler = ThreadHandler(lambda message: (message, threading.current_thread() is threading.main_thread()))
        assert await handler.say("x") == ("x", False)

    run_real(main())


# --- streams ----------------------------------------------------------------------------------------------------------


class Lines:
    """Methods that stream, as a handler has them."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.waits, self.may_go_on = threading.Event(), threading.Event()

    @in_thread
    def tail(self, count: int) -> Generator[int, None, None]:
        token = mark.set("in the generator")
        try:
            for number in range(count):
                assert mark.get() == "in the generator"
                yield number
            self.waits.set()
            until(self.may_go_on)
            yield -1
        finally:
            mark.reset(token)
            self.closed.set()

    @in_thread
    def total(self, numbers: Any) -> int:
        assert isinstance(numbers, Iterator)
        assert threading.current_thread() is not threading.main_thread()
        return sum(numbers)


async def upto(count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


def test_a_generator_function_gives_a_stream() -> None:
    async def main() -> None:
        lines = Lines()
        lines.may_go_on.set()
        assert [number async for number in lines.tail(3)] == [0, 1, 2, -1]
        assert lines.closed.is_set()

    run_real(main())


def test_one_that_is_left_between_two_values_runs_its_finally() -> None:
    async def main() -> None:
        lines = Lines()
        stream = lines.tail(3)
        assert await anext(stream) == 0
        await stream.aclose()
        assert lines.closed.is_set()

    run_real(main())


def test_one_that_is_cancelled_while_it_runs_is_closed_when_it_pauses() -> None:
    async def main() -> None:
        lines = Lines()
        stream = lines.tail(0)
        waiting = asyncio.ensure_future(anext(stream))
        assert await asyncio.to_thread(lines.waits.wait, PATIENCE)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not lines.closed.is_set()
        lines.may_go_on.set()
        assert await asyncio.to_thread(lines.closed.wait, PATIENCE)

    run_real(main())


def test_a_step_that_nobody_waits_for_does_not_begin() -> None:
    async def main() -> None:
        steps = threads._Steps(lambda: iter_of(2))
        assert steps.step() == 0
        assert not steps.leave()
        steps.close()
        assert steps.step() is END

    run_real(main())


def iter_of(count: int) -> Generator[int, None, None]:
    yield from range(count)


def test_the_callers_stream_is_an_ordinary_iterator() -> None:
    async def main() -> None:
        assert await Lines().total(upto(5)) == 10

    run_real(main())


def test_it_says_what_it_is() -> None:
    assert Lines.total.__name__ == "total"
    assert inspect.iscoroutinefunction(Lines.total)
    assert inspect.isasyncgenfunction(Lines.tail)
