"""The one place where blocking work on files is done: a few threads, which there are while a transfer needs them.

Laws: the jobs of one lane run one after another, and none is abandoned: a lane is closed when its last job is done,
whoever is cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
THREADS: Final = 8
"""Transfers whose disks are worked on at the same time; others wait for their turn, chunk by chunk."""

_log = logging.getLogger("callosum.files")
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_lanes = 0


def _enter() -> ThreadPoolExecutor:
    global _lanes, _pool  # noqa: PLW0603 - one for all loops of the process
    with _lock:
        _lanes += 1
        if _pool is None:
            _pool = ThreadPoolExecutor(THREADS, thread_name_prefix="callosum-files")
        return _pool


def _leave() -> None:
    global _lanes, _pool  # noqa: PLW0603 - as above
    with _lock:
        _lanes -= 1
        if not _lanes and _pool is not None:
            _pool.shutdown(wait=False)
            _pool = None


class Lane:
    """The blocking work of one transfer."""

    __slots__ = ("_is_open", "_job", "_loop", "_pool")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = _enter()
        self._is_open = True
        self._job: asyncio.Future[Any] | None = None  # of whatever the job returns

    async def begin(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Begin a job beside what follows, once the one before is done; raises what that raised.

        Cancellation: safe, the job was not begun.
        """
        await self.result()
        self._start(function, *args, **kwargs)

    async def result(self) -> Any:  # of whatever the job returns
        """Wait for the job that was begun. Cancellation: safe, it goes on, and can be waited for again."""
        job = self._job
        if job is None:
            return None
        await asyncio.wait([job])
        self._job = None
        return job.result()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do a job, and wait for it. Cancelled, the job goes on."""
        await self.begin(function, *args, **kwargs)
        result: T = await self.result()
        return result

    async def close(self, function: Callable[[], object]) -> None:
        """Do the last job when those before are done, however they ended. Waits for it even while it is cancelled.

        What a job before has raised, and nobody has seen, is logged: another failure has ended the transfer.
        """
        if not self._is_open:
            return
        self._is_open = False
        before, self._job = self._job, None
        try:
            await _complete(before)
        finally:
            try:
                if before is not None and (error := before.exception()) is not None:
                    _log.warning("the work on a file that was under way has failed, too: %r", error)
                self._start(function)
                await _complete(self._job)
            finally:
                _leave()
        await self.result()

    def _start(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        self._job = self._loop.run_in_executor(self._pool, lambda: function(*args, **kwargs))


async def alone(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do a single job. Cancelled, the job goes on."""
    lane = Lane()
    try:
        return await lane.run(function, *args, **kwargs)
    finally:
        await lane.close(lambda: None)


async def _complete(job: asyncio.Future[Any] | None) -> None:  # of whatever the job returns
    """Wait until a job is done; a cancellation comes through behind it. What it raised is not raised here."""
    cancelled: asyncio.CancelledError | None = None
    while job is not None and not job.done():
        try:
            await asyncio.wait([job])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
