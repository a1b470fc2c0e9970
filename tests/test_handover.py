from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from callosum import handover as module
from callosum.errors import Cancelled, ConfigurationError, ConnectionLost, Outcome
from callosum.handover import BlockingIterator, Handover
from tests.looping import PATIENCE, interrupt_main, looping, until

mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="none")


@pytest.fixture
def there() -> Iterator[Handover]:
    with looping() as handover:
        yield handover


async def add(one: int, *, other: int) -> int:
    await asyncio.sleep(0)
    return one + other


async def fail(error: BaseException) -> None:
    raise error


async def divide() -> float:
    return 1 / 0


class Hanging:
    """Work that waits until it is cancelled."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    async def __call__(self) -> None:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def interrupting(self) -> None:
        interrupt_main()
        await self()


# --- work -------------------------------------------------------------------------------------------------------------


def test_a_thread_gets_the_result(there: Handover) -> None:
    assert there.run(add, 1, other=2) == 3


def test_an_exception_comes_as_itself_and_shows_the_line_of_the_thread(there: Handover) -> None:
    error = KeyError("x")
    with pytest.raises(KeyError) as caught:
        there.run(fail, error)  # this line
    assert caught.value is error
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert lines[0] == "there.run(fail, error)  # this line"
    assert lines[-1] == "raise error"


def test_an_exception_is_not_kept_by_its_own_frames(there: Handover) -> None:
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            there.run(divide)
        assert not [one for one in gc.get_objects() if isinstance(one, module.Work)]
    finally:
        gc.enable()


def test_it_runs_in_the_context_of_the_thread_and_changes_nothing_there(there: Handover) -> None:
    async def look() -> tuple[str, asyncio.Task[Any] | None]:
        seen = mark.get()
        mark.set("changed")
        return seen, asyncio.current_task()

    mark.set("mine")
    seen, task = there.run(look)
    assert (seen, mark.get()) == ("mine", "mine")
    assert task is not None
    mark.set("none")


def test_many_threads_at_once(there: Handover) -> None:
    def calls(number: int) -> list[int]:
        return [there.run(add, number, other=one) for one in range(200)]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(calls, range(8)))
    assert results == [[number + one for one in range(200)] for number in range(8)]


def test_a_keyboard_interrupt_cancels_the_work_and_is_raised(there: Handover) -> None:
    work = Hanging()
    with pytest.raises(KeyboardInterrupt):
        there.run(work.interrupting)
    until(work.ended)


def test_where_it_is_to_end_it_is_waited_for(there: Handover) -> None:
    ended: list[str] = []

    async def slow_to_end() -> None:
        try:
            interrupt_main()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            ended.append("ended")

    with pytest.raises(KeyboardInterrupt):
        there.run_to_end(slow_to_end)
    assert ended == ["ended"]
    assert there.run_to_end(add, 1, other=2) == 3


def test_work_that_its_thread_leaves_before_it_begins_never_does(there: Handover) -> None:
    work = Hanging()
    given = module.Work(work)
    given.leave()
    there.loop.call_soon_threadsafe(given.begin, there.loop, contextvars.copy_context())
    assert given.wait(PATIENCE)
    assert given.has_ended
    assert not given.is_begun
    assert not work.begun.is_set()
    with pytest.raises(Cancelled):
        given.outcome()


def test_a_cancelled_task_is_an_error_of_ours(there: Handover) -> None:
    """A CancelledError in a thread that runs no loop would say nothing to anybody."""
    with pytest.raises(Cancelled) as caught:
        there.run(fail, asyncio.CancelledError())
    assert caught.value.outcome is Outcome.UNKNOWN


# --- where no thread may wait -----------------------------------------------------------------------------------------


def test_a_thread_that_runs_a_loop_is_told_to_await(there: Handover) -> None:
    async def main() -> None:
        there.run(add, 1, other=2)

    with pytest.raises(ConfigurationError, match="await the call"):
        asyncio.run(main())
    with pytest.raises(ConfigurationError, match="@callosum.in_thread"):
        there.run(main)


def test_a_cell_of_a_notebook_may_wait(there: Handover, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernel runs each cell within its loop. But not for the loop that it is in itself."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    async def cell() -> int:
        return there.run(add, 1, other=2)

    assert asyncio.run(cell()) == 3
    with pytest.raises(ConfigurationError):
        there.run(cell)
    shell.kernel = None  # a terminal
    with pytest.raises(ConfigurationError):
        asyncio.run(cell())


def test_reading_waits_only_where_it_must(there: Handover) -> None:
    async def within() -> int | None:
        return there.read(lambda: threading.current_thread().ident)

    ident = there.read(lambda: threading.current_thread().ident)
    assert ident != threading.get_ident()
    assert there.run(within) == ident
    assert asyncio.run(within()) == ident


def test_a_forked_child_is_refused(there: Handover, monkeypatch: pytest.MonkeyPatch) -> None:
    here = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: here + 1)
    for use in (there.run, there.run_to_end):
        with pytest.raises(ConfigurationError, match="before a fork"):
            use(add, 1, other=2)
    with pytest.raises(ConfigurationError, match="before a fork"):
        there.read(int)
    there.soon(lambda: pytest.fail("nothing happens"))
    monkeypatch.undo()
    assert there.run(add, 1, other=2) == 3


# --- a loop that is gone ----------------------------------------------------------------------------------------------


def test_a_loop_that_has_ended() -> None:
    with looping() as there:
        pass
    with pytest.raises(ConnectionLost) as caught:
        there.run(add, 1, other=2)
    assert caught.value.outcome is Outcome.NOT_SENT
    assert there.read(lambda: "direct") == "direct"
    there.soon(lambda: pytest.fail("nothing happens"))


def test_a_loop_that_ends_meanwhile_leaves_no_thread_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it is closed with its tasks in it."""
    monkeypatch.setattr(module, "GLANCE", 0.01)
    loop = asyncio.new_event_loop()
    there = Handover(loop)
    work = Hanging()
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(there.run, work)
        loop.call_later(0.01, loop.stop)
        while not work.begun.is_set():
            loop.run_until_complete(asyncio.sleep(0.001))
        loop.run_forever()
        late = pool.submit(there.run, add, 1, other=2)
        while not there._given:
            pass
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()
        for one, outcome in ((waiting, Outcome.UNKNOWN), (late, Outcome.NOT_SENT)):
            error = one.exception(PATIENCE)
            assert isinstance(error, ConnectionLost)
            assert error.outcome is outcome


def test_what_ends_the_loop_is_told_the_thread_too() -> None:
    loop = asyncio.new_event_loop()
    there = Handover(loop)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(there.run, fail, SystemExit(3))
        with pytest.raises(SystemExit):
            loop.run_forever()
        assert isinstance(waiting.exception(PATIENCE), SystemExit)
    loop.close()


# --- values -----------------------------------------------------------------------------------------------------------


class Values:
    """An async iterator of numbers that counts how often it is closed."""

    def __init__(self, *values: int, error: Exception | None = None) -> None:
        self.values = list(values)
        self.error = error
        self.closed = threading.Event()

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        await asyncio.sleep(0)
        if self.values:
            return self.values.pop(0)
        if self.error is not None:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        assert not self.closed.is_set()
        self.closed.set()


def test_the_values_of_an_async_iterator(there: Handover) -> None:
    values = Values(1, 2, 3)
    iterator = BlockingIterator(there, values)
    assert list(iterator) == [1, 2, 3]
    assert list(iterator) == []
    iterator.close()
    assert not values.closed.is_set()  # it has ended by itself


def test_an_exception_comes_after_the_values_before_it(there: Handover) -> None:
    iterator = BlockingIterator(there, Values(1, error=KeyError("x")))
    assert next(iterator) == 1
    with pytest.raises(KeyError):
        next(iterator)
    assert list(iterator) == []


def test_an_iterator_that_is_thrown_away_is_closed(there: Handover) -> None:
    values = Values(1, 2, 3)
    for value in BlockingIterator(there, values):
        assert value == 1
        break
    until(values.closed)


def test_one_that_is_left_is_closed_at_once(there: Handover) -> None:
    values = Values(1, 2, 3)
    with BlockingIterator(there, values) as iterator:
        assert next(iterator) == 1
    assert values.closed.is_set()
    iterator.close()


def test_a_keyboard_interrupt_closes_it(there: Handover) -> None:
    class Slow(Values):
        async def __anext__(self) -> int:
            interrupt_main()
            return await asyncio.Event().wait()

    values = Slow()
    iterator = BlockingIterator(there, values)
    with pytest.raises(KeyboardInterrupt):
        next(iterator)
    until(values.closed)
    assert list(iterator) == []


def test_what_goes_wrong_while_nobody_waits_is_in_the_log(there: Handover, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Values):
        async def aclose(self) -> None:
            await super().aclose()
            raise KeyError("closing")

    values = Failing(1)
    with caplog.at_level(logging.WARNING, "callosum.blocking"):
        del values.error
        iterator = BlockingIterator(there, values)
        del iterator
        until(values.closed)
        there.run(asyncio.sleep, 0)
    assert "what was left behind did not end well" in caplog.text
