"""The one place where blocking work is done."""

from __future__ import annotations

import asyncio
import threading

import pytest

from callosum.files import work
from callosum.files.work import Lane, alone
from tests.services import run_real


def fail():
    raise OSError("no")


def test_jobs_of_a_lane_run_one_after_another_off_the_loop():
    async def main() -> None:
        lane = Lane()
        done: list[object] = []
        for number in range(5):
            await lane.begin(done.append, number)
        assert await lane.run(threading.current_thread) is not threading.current_thread()
        assert done == [0, 1, 2, 3, 4]
        assert await lane.result() is None
        await lane.close(lambda: done.append("closed"))
        await lane.close(lambda: done.append("again"))
        assert done[-1] == "closed"

    run_real(main())
    assert work._pool is None


def test_there_are_threads_while_somebody_needs_them():
    async def main() -> None:
        one, other = Lane(), Lane()
        await one.run(int)
        await one.close(int)
        assert work._pool is not None
        assert await other.run(lambda: 3) == 3
        await other.close(int)
        assert work._pool is None
        assert await alone(lambda a, b: a + b, 1, b=2) == 3
        assert work._pool is None

    run_real(main())


def test_what_a_job_raises_is_raised_by_what_follows():
    async def main() -> None:
        lane = Lane()
        with pytest.raises(OSError, match="no"):
            await lane.run(fail)
        await lane.begin(fail)
        with pytest.raises(OSError, match="no"):
            await lane.begin(int)
        assert await lane.run(lambda: 1) == 1
        with pytest.raises(OSError, match="no"):
            await lane.close(fail)
        with pytest.raises(OSError, match="no"):
            await alone(fail)
        assert work._pool is None

    run_real(main())


def test_a_failure_that_nobody_has_seen_is_logged(caplog):
    async def main() -> None:
        lane = Lane()
        await lane.begin(fail)
        await lane.close(int)

    run_real(main())
    assert "OSError('no')" in caplog.text


def test_closing_waits_for_the_job_even_while_it_is_cancelled():
    async def main() -> None:
        lane, release, done = Lane(), threading.Event(), []

        def job() -> None:
            release.wait(10)
            done.append("job")

        await lane.begin(job)
        waiting = asyncio.create_task(lane.result())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        closing = asyncio.create_task(lane.close(lambda: done.append("closed")))
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.sleep(0.01)
        assert not closing.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert done == ["job", "closed"]
        assert work._pool is None

    run_real(main())
