"""A loop in a thread of its own, for tests of what threads do with one."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from callosum.handover import Handover

PATIENCE = 10.0
"""Seconds after which a test has failed."""


@contextmanager
def looping() -> Iterator[Handover]:
    """The way to a loop, which ends with the block."""
    found: list[Handover] = []
    stops: list[asyncio.Event] = []
    ready = threading.Event()

    async def bounded() -> None:
        stops.append(asyncio.Event())
        found.append(Handover(asyncio.get_running_loop()))
        ready.set()
        await stops[0].wait()

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(asyncio.run, bounded())
        assert ready.wait(PATIENCE)
        try:
            yield found[0]
        finally:
            if not found[0].loop.is_closed():
                found[0].loop.call_soon_threadsafe(stops[0].set)
            ended.result(PATIENCE)


def interrupt_main() -> None:
    """What Ctrl-C does."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def until(event: threading.Event) -> None:
    """Wait for it, a bounded time."""
    assert event.wait(PATIENCE)
