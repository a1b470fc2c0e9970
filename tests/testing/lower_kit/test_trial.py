from __future__ import annotations

import asyncio
from unittest import SkipTest

import pytest

from callosum.errors import ConnectError
from callosum.lower.memory import Memory
from callosum.testing.lower_kit import trial
from callosum.testing.lower_kit.end import Watch
from callosum.testing.lower_kit.laws import Law
from callosum.testing.lower_kit.trial import Cannot, Side, Subject, Trial, bounded, only, run

SUBJECT = Subject(Memory(), "memory://trial-{n}", None, None, Cannot.NOTICE_CLOSE)


def test_each_address_is_new():
    one = Trial(SUBJECT, Watch())
    assert one.fresh_address() != one.fresh_address()
    assert SUBJECT.scheme == "memory"


@pytest.mark.parametrize("start", [Side.NEITHER, Side.DIALLED, Side.ACCEPTED, Side.BOTH])
def test_a_pair_is_started_where_it_is_asked_for(start):
    async def check(trial):
        async with trial.pair(start) as pair:
            pair.accepted.push()
            await asyncio.sleep(0.01)
            assert bool(pair.dialled.messages) == (Side.DIALLED in start)
            assert bool(pair.accepted.messages) == (Side.ACCEPTED in start)

    run(SUBJECT, check)


def test_what_is_left_out_is_skipped_with_a_reason():
    async def check(trial):
        trial.skip_where(Cannot.KEEP_A_LONG_TAIL)
        trial.skip_where(Cannot.NOTICE_CLOSE)
        raise AssertionError

    with pytest.raises(SkipTest, match=r"cannot=Cannot\.NOTICE_CLOSE"):
        run(SUBJECT, check)


def test_what_does_not_come_is_waited_for_in_bounds(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.1)

    async def check(trial):
        await trial.until(lambda: False, Law.CLOSE, lambda: "nothing")

    with pytest.raises(AssertionError, match=r"Seen: nothing, after 0\.1 s"):
        run(SUBJECT, check)


def test_a_check_that_does_not_end_is_given_up(monkeypatch):
    monkeypatch.setattr(trial, "LIMIT", 0.05)

    async def check(trial):
        await asyncio.sleep(10)

    with pytest.raises(AssertionError, match=r"not done after 0\.05 s"):
        run(SUBJECT, check)


def test_a_fault_that_was_noted_fails_a_check_that_has_passed():
    async def check(trial):
        trial.watch.note(Law.TO_KEEP, "something")

    with pytest.raises(AssertionError, match="Seen: something"):
        run(SUBJECT, check)


def test_an_exception_that_nobody_looks_at_fails_a_check():
    async def check(trial):
        asyncio.get_running_loop().create_future().set_exception(ValueError("lost"))

    with pytest.raises(AssertionError, match="ValueError"):
        run(SUBJECT, check)


def test_the_fault_of_a_check_is_told_before_what_it_leaves_behind(monkeypatch):
    monkeypatch.setattr(trial, "PATIENCE", 0.01)

    async def stay():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(10)

    async def check(trial):
        task = asyncio.create_task(stay())
        await asyncio.sleep(0)
        task.cancel()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(SUBJECT, check)


def test_calls_of_the_layer_are_bounded_and_raise_what_is_ours():
    async def main():
        with pytest.raises(AssertionError, match=r"it has not ended within 0\.01 s"):
            await bounded(asyncio.sleep(10), "it", 0.01)

        async def slow():
            raise TimeoutError

        with pytest.raises(AssertionError, match="it raised TimeoutError"):
            await bounded(slow(), "it")
        with pytest.raises(ConnectError), only("it"):
            raise ConnectError("nobody")

    asyncio.run(main())
