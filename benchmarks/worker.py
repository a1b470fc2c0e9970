"""One process of a measurement: ``python -m benchmarks.worker serve|call PEER PORT default|uvloop``.

It obeys lines on its standard input and answers each with a line of JSON. When its input ends, it ends.

    cpu                     seconds of CPU that this process has used, all threads
    run CALLS SECONDS       (client) keep so many calls in flight for so long
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Coroutine
from typing import Any

from benchmarks.contract import Call, Peer

MESSAGE = "0123456789abcdef0123456789abcdef"


def answer(value: Any) -> None:  # whatever JSON takes
    """One line to the parent."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def watch_input() -> None:
    """The server's side of the pipe, in a thread: a blocking server has no loop that could do it."""
    for line in sys.stdin:
        if line.split() == ["cpu"]:
            answer({"cpu": time.process_time()})
    os._exit(0)


async def serve(peer: Peer, port: int) -> None:
    """Serve until the parent goes."""
    threading.Thread(target=watch_input, daemon=True).start()
    await peer.serve(port, lambda: answer({"ready": True}))


async def one_at_a_time(call: Call, until: float) -> list[int]:
    """Nanoseconds that each call took."""
    took: list[int] = []
    clock = time.perf_counter_ns
    end = int(until * 1e9)
    now = clock()
    while now < end:
        reply = await call(MESSAGE)
        assert reply == MESSAGE
        then, now = now, clock()
        took.append(now - then)
    return took


async def keep_in_flight(call: Call, until: float, in_flight: int) -> int:
    """The number of calls that so many loops completed."""
    clock = time.perf_counter

    async def loop() -> int:
        done = 0
        while clock() < until:
            reply = await call(MESSAGE)
            assert reply == MESSAGE
            done += 1
        return done

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop()) for _ in range(in_flight)]
    return sum(task.result() for task in tasks)


async def run(call: Call, in_flight: int, seconds: float) -> dict[str, float]:
    """One measurement."""
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    if in_flight == 1:
        took = sorted(await one_at_a_time(call, start + seconds))
        calls = len(took)
        latency = {"p50_us": took[calls // 2] / 1000, "p99_us": took[calls * 99 // 100] / 1000}
    else:
        calls = await keep_in_flight(call, start + seconds, in_flight)
        latency = {}
    elapsed = time.perf_counter() - start
    return {"calls": calls, "rate": calls / elapsed, "cpu": time.process_time() - cpu, **latency}


async def call(peer: Peer, port: int) -> None:
    """Measure as the parent says, until it goes. Between measurements, the loop goes on."""
    loop = asyncio.get_running_loop()
    async with peer.connect(port) as one_call:
        answer({"ready": True})
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            _, in_flight, seconds = line.split()
            answer(await run(one_call, int(in_flight), float(seconds)))


def main() -> None:
    """Begin in the role that the arguments name."""
    role, name, port, loop = sys.argv[1:]
    peer: Peer = importlib.import_module(f"benchmarks.peers.{name}").PEER
    program: Coroutine[Any, Any, None] = serve(peer, int(port)) if role == "serve" else call(peer, int(port))
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - only where it was asked for

        uvloop.run(program)
    else:
        asyncio.run(program)


if __name__ == "__main__":
    main()
