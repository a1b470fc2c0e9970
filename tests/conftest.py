"""What a test must not leave behind: tasks, threads, un-awaited coroutines, descriptors.

Warnings are errors (pyproject.toml), and each test ends with a garbage collection, so that a coroutine that nobody
awaited, or a socket that nobody closed, fails the test that made it and not a later one.
"""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import zmq

from callosum.lower.zeromq.context import shared_context

T = TypeVar("T")
PATIENCE = 2.0
"""Seconds that threads and sockets get to end after a test: libzmq closes its own in a thread."""
DESCRIPTORS = Path("/proc/self/fd")
"""Where Linux lists them; elsewhere this one check is left out."""


def descriptors() -> Counter[str]:
    """The open sockets, pipes and files, each with the number of its descriptors."""
    found: Counter[str] = Counter()
    if not DESCRIPTORS.is_dir():
        return found
    for entry in DESCRIPTORS.iterdir():
        try:
            found[os.readlink(entry)] += 1  # noqa: PTH115 - Path.readlink would resolve "socket:[1]" as a path
        except OSError:  # the one that listed the folder
            continue
    return found


def threads() -> set[threading.Thread]:
    """Those that Python knows of."""
    return set(threading.enumerate())


def wait_until_empty(leftover: Callable[[], T]) -> T:
    """What is still there when patience ends, or the first empty answer."""
    end = time.monotonic() + PATIENCE
    while (left := leftover()) and time.monotonic() < end:
        time.sleep(0.005)
    return left


@pytest.fixture(autouse=True, scope="session")
def _long_lived() -> None:
    """What is made once for the process and stays is made before anything is counted."""
    context = shared_context()
    with context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:  # starts libzmq's threads
        one.bind("inproc://warm")
        other.connect("inproc://warm")
        one.send(bytes(1 << 20), copy=False)  # starts pyzmq's thread, which frees what was sent without a copy
        other.recv()


@pytest.fixture(autouse=True, scope="module")
def _old(_long_lived: None) -> None:
    """What modules before this one made, and is still there: the collection after each test does not look at it again.

    Without this, the collections take most of the time of the whole suite.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test that left something behind."""
    tasks: list[str] = []
    cancel_all: Callable[[asyncio.AbstractEventLoop], None] = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def note_and_cancel_all(loop: asyncio.AbstractEventLoop) -> None:
        """asyncio.run cancels in silence what its main coroutine left running."""
        tasks.extend(repr(task) for task in asyncio.all_tasks(loop) if not task.cancelling())
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", note_and_cancel_all)
    threads_before, descriptors_before = threads(), descriptors()
    yield
    gc.collect()
    assert not tasks, f"tasks that were still running when the loop ended: {tasks}"
    left_threads = wait_until_empty(lambda: threads() - threads_before)
    assert not left_threads, f"threads that were left running: {left_threads}"
    left = wait_until_empty(lambda: descriptors() - descriptors_before)
    assert not left, f"descriptors that were left open: {dict(left)}"
