"""The tasks that drive handlers, their queue and its bound.

Laws: there is no task for each call. A worker is an aiojobs job; it takes calls from the queue and drives the
handler's coroutine itself, in a context of its own for each call, so that a handler which never waits costs no task.
At most ``max_concurrency`` handlers are under way; nested calls (made by the other side in a handler of our own call)
take no slot, so that two sides that call each other back cannot lock each other up. Over ``max_pending`` waiting calls
the next one is refused at once. Where peers have bounds of their own, calls are taken from them in turns.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Final

import aiojobs

from callosum.channel import Failure, Inbound
from callosum.errors import Code, Outcome
from callosum.session.lanes import FairQueue, Lane
from callosum.session.scheduling import Place
from callosum.session.shedding import LEAST_RETRY, Shedding
from callosum.session.waking import Waiter
from callosum.session.watchdog import Watchdog

_log = logging.getLogger("callosum.session")

BUDGET: Final = 0.0005
"""Seconds for which one worker runs handlers before it yields to the event loop."""
STOP_TIMEOUT: Final = 2.0
"""Seconds that cancelled handlers have to end when the endpoint closes."""

_QUEUED: Final = object()
"""Who runs a call that waits in the queue."""

Serve = Callable[[Inbound], Coroutine[Any, Any, None]]  # whatever the handler's awaitables yield and are sent
Reject = Callable[[Inbound, Failure], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many calls an endpoint runs and keeps waiting, and for how long."""

    max_concurrency: int = 100
    max_pending: int = 10_000
    max_concurrency_per_peer: int | None = None
    max_pending_per_peer: int | None = None
    max_queue_delay: float | None = None
    """Seconds."""

    @property
    def are_shared(self) -> bool:
        """Whether no peer has bounds of its own."""
        return self.max_concurrency_per_peer is None and self.max_pending_per_peer is None


class Worker:
    """One task that drives handlers, one after another."""

    __slots__ = ("call", "task")

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.call: Inbound | None = None


class Workers:
    """The workers of one endpoint."""

    def __init__(
        self,
        serve: Serve,
        bounds: Bounds,
        flush: Callable[[], None],
        reject: Reject,
    ) -> None:
        self._serve = serve
        self._flush = flush
        self._reject = reject
        self.bounds = bounds
        self._max_pending, self._max_concurrency = bounds.max_pending, bounds.max_concurrency
        self.shedding = Shedding(bounds.max_queue_delay)
        self.watchdog = Watchdog()
        self._fair = None if bounds.are_shared else FairQueue(bounds.max_concurrency_per_peer)
        self._queue: deque[Inbound] | FairQueue = deque() if self._fair is None else self._fair
        self.in_line = 0
        """Calls that the order of their key does not let run yet; they count as waiting, and are the dispatcher's."""
        self._nested: deque[Inbound] = deque()
        self._stale = 0
        self._looking = 0
        """Workers that are about to look at the queue: woken, begun, or between two runs."""
        self._slots = 0
        """Handlers under way that take a slot."""
        self._parked: list[Waiter[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduler: aiojobs.Scheduler | None = None
        self._context: Context = copy_context()
        self._loop: asyncio.AbstractEventLoop

    def open(self, prepare: Callable[[], object]) -> None:
        """Take the running loop and the current context, of which each handler gets a copy.

        Args:
            prepare: Run in that context first.
        """
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._context.run(prepare)
        self._scheduler = aiojobs.Scheduler(limit=None)
        self.watchdog.start()

    async def close(self) -> None:
        """Cancel what runs, and wait for it a bounded time."""
        scheduler, self._scheduler = self._scheduler, None
        self._queue.clear()
        self._nested.clear()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
            if stuck:
                _log.error("%d handlers ignore their cancellation and are left behind", len(stuck))
        if scheduler is not None:
            closing = asyncio.ensure_future(scheduler.close())
            await asyncio.wait({closing}, timeout=STOP_TIMEOUT)
        self.watchdog.stop()

    # --- the queue ----------------------------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """How many calls wait for a worker."""
        return len(self._queue) + len(self._nested) - self._stale + self.in_line

    def excess(self, lane: Lane) -> str:
        """Why no further call of a session may wait, or ""."""
        limit = self.bounds.max_pending_per_peer
        if limit is not None and lane.pending >= limit:
            return f"{limit} calls of this peer wait already"
        if len(self._queue) - self._stale + self.in_line >= self.bounds.max_pending:
            return f"{self.bounds.max_pending} calls wait already"
        return ""

    def now(self) -> float:
        """The loop's time."""
        return self._loop.time()

    @property
    def running(self) -> int:
        """How many handlers are under way."""
        return len(self._tasks) - len(self._parked)

    def submit(self, call: Inbound) -> bool:
        """Queue a call; False where too many wait already. For endpoints without orders and bounds of peers."""
        if call.request.parent:
            self._nested.append(call)
        elif len(self._queue) - self._stale >= self._max_pending:
            return False
        else:
            self._queue.append(call)
        call.worker = _QUEUED
        return True

    def enqueue(self, call: Inbound) -> None:
        """Queue a call that may wait: it was asked before whether there are too many."""
        (self._queue if _takes_slot(call) else self._nested).append(call)
        call.worker = _QUEUED

    def hurry(self, call: Inbound) -> None:
        """A call needs no slot any more: where it is queued for one, it is queued with those that need none."""
        if call.worker is _QUEUED:
            queue = self._queue
            if isinstance(queue, deque):
                queue.remove(call)
            else:
                queue.discard(call)
            self._nested.append(call)

    def is_driving(self, call: Inbound) -> bool:
        """Whether the handler of a call is under way."""
        worker = call.worker
        return isinstance(worker, Worker) and worker.call is call

    def abandon(self, call: Inbound) -> None:
        """The caller is gone: a queued call gives up its place, a running handler is cancelled."""
        worker = call.worker
        if isinstance(worker, Worker):
            if worker.call is call:
                worker.task.cancel()
            return
        call.finish()
        if worker is not _QUEUED:
            return  # it left in the batch that it came with
        call.worker = None
        if self._fair is not None and _takes_slot(call):
            self._fair.discard(call)
            return
        self._stale += 1
        if self._stale > 64 and self._stale > (len(self._queue) + len(self._nested)) // 2:
            # not by `is_waiting`: of callers that left together, some are still to be counted here
            for queue in (self._queue, self._nested):
                if isinstance(queue, deque):
                    waiting = [call for call in queue if call.worker is _QUEUED]
                    queue.clear()
                    queue.extend(waiting)
            self._stale = 0

    def run(self) -> None:
        """A run of `submit` is over: where there is something to do, a worker does it here and now, if one is there."""
        if self._looking or not (self._nested or (self._queue and self._slots < self._max_concurrency)):
            return  # `_is_wanted`, written out
        parked = self._unpark()
        if parked is None:
            self._spawn()
        elif asyncio.current_task(self._loop) is None:
            parked.resume()
        else:  # a task cannot run within another one
            self._loop.call_soon(parked.resume)

    def wake(self) -> None:
        """See to it that a worker looks at the queue soon, where there is something for it."""
        if self._is_wanted():
            parked = self._unpark()
            if parked is None:
                self._spawn()
            else:
                self._loop.call_soon(parked.resume)

    def _spawn(self) -> None:
        if self._scheduler is None:
            return
        self._looking += 1
        spawning = self._scheduler.spawn(self._work())
        try:
            spawning.send(None)  # without a limit it never suspends
        except StopIteration:
            return
        raise AssertionError("aiojobs suspended in spawn although it has no limit")

    def _is_wanted(self) -> bool:
        """Whether there is something that a worker may do, and none is about to look."""
        if self._looking:
            return False
        return bool(self._nested) or (bool(self._queue) and self._slots < self._max_concurrency)

    def _unpark(self) -> Waiter[None] | None:
        """A parked worker that is about to look at the queue now, or None."""
        while self._parked:
            parked = self._parked.pop()
            if not parked.done():
                self._looking += 1
                parked.set_result(None)
                return parked
        return None

    # --- a worker -----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:  # noqa: PLR0915 - written out flat: every call passes through here
        """One coroutine for all of it: each call that is under way holds what its worker waits in."""
        task = asyncio.current_task()
        assert task is not None, "a job runs in a task"
        worker = Worker(task)
        self._tasks.add(task)
        self._looking -= 1
        clock, getrefcount = time.perf_counter, sys.getrefcount
        serve, copy_context, watchdog = self._serve, self._context.copy, self.watchdog
        queue, nested, max_concurrency = self._queue, self._nested, self._max_concurrency
        max_delay = self.bounds.max_queue_delay
        # Where somebody else holds the task after a call, he may cancel it later, when it runs another call: such a
        # worker ends, and so does one with a pending cancellation. What holds it now is the engine and asyncio.
        references = getrefcount(task)
        until = clock() + BUDGET
        try:
            while True:
                if nested:
                    call = nested.popleft()
                elif queue and self._slots < max_concurrency:
                    call = queue.popleft()
                else:
                    self._flush()
                    await self._park()
                    until = clock() + BUDGET
                    continue
                request = call.request
                if call.hold():
                    call.worker = None
                    continue
                if (request.deadline is not None or max_delay is not None) and self._is_late(call):
                    continue
                if not call.start():  # its caller has left while it waited
                    self._stale = max(0, self._stale - 1)
                    continue
                # The coroutine is driven here, in a context of its own; one that never waits ends in this step.
                run = copy_context().run
                coroutine = serve(call)
                worker.call = call
                call.worker = worker
                watchdog.running = request.method
                watchdog.steps += 1
                try:
                    yielded = run(coroutine.send, None)
                except StopIteration:
                    worker.call = watchdog.running = None
                else:
                    watchdog.running = None
                    await self._go_on(worker, call, coroutine, run, yielded)
                if task.cancelling() or getrefcount(task) > references:
                    self._flush()
                    return
                if clock() > until:
                    self._flush()
                    await self._yield()
                    until = clock() + BUDGET
        finally:
            self._tasks.discard(task)
            self.wake()

    async def _park(self) -> None:
        """Wait until there is something to do."""
        parked: Waiter[None] = Waiter(loop=self._loop)
        self._parked.append(parked)
        try:
            await parked
        finally:
            if parked.done() and not parked.cancelled():
                self._looking -= 1
            elif parked in self._parked:
                self._parked.remove(parked)

    async def _yield(self) -> None:
        """Let the event loop do something else, and look at the queue again."""
        self._looking += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._looking -= 1

    def _is_late(self, call: Inbound) -> bool:
        """Whether a call has waited past its deadline, or for so long that it is not worth starting: it is refused."""
        if not call.is_waiting:
            return False
        request, now = call.request, self._loop.time()
        if request.deadline is not None and now >= request.deadline:
            failure = Failure(Code.DEADLINE_EXCEEDED, Outcome.REJECTED, "the deadline passed before it ran")
        else:
            waited = None
            if not request.parent:  # that one did not wait for others
                waited = self.shedding.too_late(request, now)
                if waited is None and self.bounds.max_queue_delay is not None:
                    waited = self.shedding.too_long(call.since, now)
            if waited is None:
                call.since = now
                return False
            text = f"overloaded: it waited for {waited:.3f} s, and was not started"
            retry_after = max(LEAST_RETRY, waited)
            failure = Failure(Code.RESOURCE_EXHAUSTED, Outcome.REJECTED, text, retry_after=retry_after)
        self._reject(call, failure)
        return True

    @types.coroutine
    def _go_on(
        self,
        worker: Worker,
        call: Inbound,
        coroutine: Coroutine[Any, Any, None],  # whatever the handler's awaitables yield and are sent
        run: Callable[..., Any],  # as above
        yielded: Any,  # as above
    ) -> Generator[Any, Any, None]:
        """A handler waits: it takes a slot, another worker looks at the queue, and this one drives it to its end.

        Step by step, in the handler's context.
        """
        takes_slot = _takes_slot(call)
        fair = self._fair if takes_slot else None
        watchdog, method = self.watchdog, call.request.method
        self._slots += takes_slot
        if fair is not None:
            fair.begin(call.lane)
        try:
            self.wake()
            self._flush()
            while True:
                try:
                    value = yield yielded
                except BaseException as error:  # noqa: BLE001 - cancellation, and whatever else, is the handler's
                    step, argument = coroutine.throw, error
                else:
                    step, argument = coroutine.send, value  # type: ignore[assignment]
                watchdog.running = method
                watchdog.steps += 1
                try:
                    yielded = run(step, argument)
                except StopIteration:
                    return
                finally:
                    watchdog.running = None
        finally:
            worker.call = None
            self._slots -= takes_slot
            if fair is not None:
                fair.end(call.lane)


def _takes_slot(call: Inbound) -> bool:
    """Whether a call counts among those that run at a time: no nested one does, nor one that such a one waits for."""
    if call.request.parent:
        return False
    place: Place | None = call.place
    return place is None or place.takes_slot
