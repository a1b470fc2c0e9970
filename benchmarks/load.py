"""What a client process does to a peer: so many calls in flight for so long, a burst, calls that are parked."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.contract import Client, Peer
from benchmarks.ticker import Ticker
from benchmarks.workloads import WORKLOADS, Workload


async def one_at_a_time(call: Callable[[], Awaitable[Any]], accepts: Callable[[Any], bool], until: float) -> list[int]:
    """Nanoseconds that each call took."""
    took: list[int] = []
    clock = time.perf_counter_ns
    end = int(until * 1e9)
    now = clock()
    while now < end:
        reply = await call()
        then, now = now, clock()
        took.append(now - then)
        assert accepts(reply)
    return took


async def keep_in_flight(
    call: Callable[[], Awaitable[Any]], accepts: Callable[[Any], bool], until: float, in_flight: int
) -> int:
    """The number of calls that so many loops completed."""
    clock = time.perf_counter

    async def loop() -> int:
        done = 0
        while clock() < until:
            assert accepts(await call())
            done += 1
        return done

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop()) for _ in range(in_flight)]
    return sum(task.result() for task in tasks)


async def run(client: Client, workload: Workload, in_flight: int, seconds: float) -> dict[str, float]:
    """One measurement."""
    call, accepts = workload.calls(client), workload.accepts
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    latency: dict[str, float] = {}
    if in_flight == 1:
        took = sorted(await one_at_a_time(call, accepts, start + seconds))
        calls = len(took)
        latency = {"p50_us": took[calls // 2] / 1000, "p99_us": took[calls * 99 // 100] / 1000}
    else:
        calls = await keep_in_flight(call, accepts, start + seconds, in_flight)
    elapsed = time.perf_counter() - start
    return {"calls": calls, "rate": calls / elapsed, "cpu": time.process_time() - cpu, **latency}


def run_in_threads(peer: Peer, port: int, workload: Workload, in_flight: int, seconds: float) -> dict[str, float]:
    """As `run`, for calls that block: each thread has a connection, and makes a call after the other."""
    threads = min(in_flight, peer.threads)
    start, cpu = 0.0, 0.0

    def begin() -> None:
        nonlocal start, cpu
        start, cpu = time.perf_counter(), time.process_time()

    barrier = threading.Barrier(threads, action=begin)

    async def one_thread() -> int:
        async with peer.connect(port) as client:
            call, accepts = workload.calls(client), workload.accepts
            assert accepts(await call())
            barrier.wait()
            return len(await one_at_a_time(call, accepts, start + seconds))

    gc.collect()
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(lambda: asyncio.run(one_thread())) for _ in range(threads)]
        calls = sum(future.result() for future in futures)
    return {"calls": calls, "rate": calls / (time.perf_counter() - start), "cpu": time.process_time() - cpu}


async def burst(client: Client, count: int, patience: float, tasks: list[asyncio.Future[None]]) -> dict[str, float]:
    """So many calls that begin in one turn of the loop, and how long the loop was held while they were answered.

    The turn in which the caller begins them all is the caller's own, and is not counted. Garbage is not collected
    meanwhile: to look through a hundred thousand tasks holds a loop for longer than any of the peers do.

    The tasks are the caller's, too: it keeps those that have not ended. Raises TimeoutError where not all were
    answered in time, and what the first of them raised that failed.
    """
    workload = WORKLOADS["echo"]
    call, accepts = workload.calls(client), workload.accepts
    left = count
    finished = asyncio.Event()

    async def one() -> None:
        nonlocal left
        try:
            assert accepts(await call())
        except Exception:
            finished.set()
            raise
        left -= 1
        if not left:
            finished.set()

    start = time.perf_counter()
    tasks += [asyncio.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0)
    begun = time.perf_counter()
    ticker = Ticker()
    async with asyncio.timeout(patience):
        await finished.wait()
    seconds = time.perf_counter() - start
    held = ticker.stop()
    for task in tasks if left else ():
        if task.done():
            task.result()
    return {"begin_ms": (begun - start) * 1000, "seconds": seconds, **held}


async def open_connections(peer: Peer, port: int, count: int, connections: AsyncExitStack) -> None:
    """So many more, each of which has made a call and is idle."""
    workload = WORKLOADS["echo"]
    for _ in range(count):
        client = await connections.enter_async_context(peer.connect(port))
        assert workload.accepts(await workload.calls(client)())


def park(client: Client, count: int) -> list[asyncio.Future[None]]:
    """So many calls that do not return, a task each."""
    return [asyncio.ensure_future(client.park()) for _ in range(count)]
