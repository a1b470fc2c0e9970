"""The event loop of this process's blocking endpoints, in a thread of its own.

One for all of them: they may then talk to one another over ``memory://``, which lives in one loop, and a hundred
endpoints take one thread. It begins with the first endpoint and ends with the last.

The thread is a daemon, and ended by `atexit`: so the interpreter ends it when every thread of the user's has ended,
and not before, as it would end what it waits for. At that time it closes what was left open.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Awaitable
from types import TracebackType
from typing import Final, Protocol, Self

from callosum.errors import ConfigurationError
from callosum.handover import Handover

_log = logging.getLogger("callosum.blocking")

EXIT_TIMEOUT: Final = 5.0
"""Seconds that what was left open has to close when the interpreter ends."""
LINGER: Final = 1.0
"""Seconds that what other threads wait for has to end by itself when the last endpoint is closed."""


class Endpoint(Protocol):
    """What an endpoint of the async side has."""

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Awaitable[None]: ...


class Background:
    """One loop and its thread, from the first endpoint to the last.

    Attributes:
        handover: The way to the loop.
        thread: Its thread.
        is_over: Whether the loop has ended, or is about to.
    """

    handover: Handover

    def __init__(self) -> None:
        self.is_over = False
        self._open: set[Endpoint] = set()
        self._begun = threading.Event()
        self._error: BaseException | None = None
        self._stop: asyncio.Event
        self.thread = threading.Thread(target=self._run, name="callosum-blocking", daemon=True)

    def start(self) -> Self:
        """Begin, and wait for the loop.

        Raises:
            ConfigurationError: The system gives none.
        """
        self.thread.start()
        self._begun.wait()
        if self._error is not None:
            raise ConfigurationError(f"no event loop can be had: {self._error}") from self._error
        return self

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.get_loop()  # before there is a coroutine, which nobody would await where there is none
                try:
                    runner.run(self._main())
                finally:
                    self.is_over = True
        except BaseException as error:  # noqa: BLE001 - SystemExit from a handler, above all: those who wait are told
            self._error = error
            _log.error("the event loop of all blocking endpoints has ended", exc_info=error)
        finally:
            self._begun.set()

    async def _main(self) -> None:
        self.handover = Handover(asyncio.get_running_loop())
        self._stop = asyncio.Event()
        self._begun.set()
        await self._stop.wait()
        for endpoint in list(self._open):
            _log.info("%r was left open, and is closed as the interpreter ends", endpoint)
            leaving = SystemExit("the interpreter ends")
            await endpoint.__aexit__(SystemExit, leaving, None)
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=LINGER)

    def stop(self) -> None:
        """End, and wait for the thread, a bounded time."""
        if self.thread.is_alive():
            try:
                self.handover.loop.call_soon_threadsafe(self._stop.set)
            except RuntimeError:
                _log.debug("the loop has ended by itself")
        self.thread.join(EXIT_TIMEOUT)
        if self.thread.is_alive():
            _log.error("a handler holds the event loop of all blocking endpoints: it is left behind")

    # --- who uses it --------------------------------------------------------------------------------------------------

    def add(self, endpoint: Endpoint) -> None:
        """It is open."""
        self._open.add(endpoint)

    def remove(self, endpoint: Endpoint) -> bool:
        """It is closed; whether it was the last one."""
        self._open.discard(endpoint)
        return not self._open


class _Process:
    """The background of this process, where there is one. A forked child has another `_Process`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.background: Background | None = None
        self.is_ending = False


_process = _Process()
_inherited: list[_Process] = []
"""Those of the parent processes: were their loops collected, they would close what is the parent's."""


def hold(endpoint: Endpoint) -> Background:
    """The loop for an endpoint, until it is released.

    Raises:
        ConfigurationError: The interpreter is ending.
    """
    with _process.lock:
        if _process.is_ending:
            raise ConfigurationError("the interpreter is ending: nothing can be opened any more")
        background = _process.background
        if background is None or background.is_over:
            background = _process.background = Background().start()
        background.add(endpoint)
        return background


def release(background: Background, endpoint: Endpoint) -> None:
    """An endpoint is closed; the last one ends the loop."""
    process = _process
    with process.lock:
        if not background.remove(endpoint):
            return
        if process.background is background:
            process.background = None
    background.stop()


def _end_at_exit() -> None:
    with _process.lock:
        _process.is_ending = True
        background, _process.background = _process.background, None
    if background is not None:
        background.stop()


def _begin_anew() -> None:
    """In a forked child: the thread is the parent's, and the lock may be held by one of its threads."""
    global _process  # noqa: PLW0603 - that is the point
    _inherited.append(_process)
    _process = _Process()


atexit.register(_end_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
