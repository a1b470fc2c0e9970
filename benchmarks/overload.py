"""Whether work that is done is still worth something when there is more of it than a server can do.

A handler takes a fixed time of the processor, each call has a deadline, and calls are made at their instants whether or
not the earlier ones were answered (an open loop). Goodput is the rate of answers that came in time. Beside it stands
the same server with shedding turned off: it works off its queue in order, and is late with all of it.

``python -m benchmarks.overload`` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import random
import statistics
import sys
import time

import callosum
from benchmarks import report
from benchmarks.process import serving
from benchmarks.targets import Target
from callosum.upper import thrift

NAME = "overload"
work = thrift.load_string("service Work { void spend() }", module_name="overload_thrift")

COST = 0.002
"""Seconds of the processor that a call takes."""
TIMEOUT = 0.2
"""Seconds that its caller has."""
LOADS = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Of what the server can do."""
WARM_UP = 2 * TIMEOUT
"""Seconds until the queue is as long as it gets; they do not count."""
MOST = 3.0
"""Which of the loads is compared with the peak."""

Goodput = dict[str, dict[str, float]]
"""Answers in time a second, by ``shedding`` and ``without``, and by load; ``capacity`` has what was reached before."""


class WorkHandler:
    """Keeps the processor busy, and the event loop with it."""

    async def spend(self) -> None:
        end = time.thread_time() + COST
        while time.thread_time() < end:
            pass


async def serve(max_queue_delay: float | None) -> None:
    """Until the process is ended."""
    async with callosum.listen(
        "tcp://127.0.0.1:0", {work.Work: WorkHandler()}, max_queue_delay=max_queue_delay
    ) as server:
        print(server.addresses[0], flush=True)
        await server.serve_forever()


async def capacity(peer: callosum.Peer, seconds: float) -> float:
    """Calls a second that the server does, a few at a time."""
    stub = peer.stub(work.Work)
    end = time.perf_counter() + seconds
    done = 0

    async def loop() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await stub.spend()
            done += 1

    begin = time.perf_counter()
    await asyncio.gather(*(loop() for _ in range(4)))
    return done / (time.perf_counter() - begin)


async def goodput(peer: callosum.Peer, rate: float, seconds: float) -> float:
    """Answers in time a second, of calls that are made at this rate."""
    stub = peer.stub(work.Work, timeout=TIMEOUT)
    clock = asyncio.get_running_loop().time
    chance = random.Random(7)  # noqa: S311 - the same instants for all
    begin = clock()
    counts_from = begin + min(WARM_UP, 3 * seconds)
    end = counts_from + seconds
    in_time = 0

    async def one(counts: bool) -> None:  # noqa: FBT001 - a fact
        nonlocal in_time
        try:
            await stub.spend()
        except callosum.RpcError:
            return
        in_time += counts

    instant = begin
    async with asyncio.TaskGroup() as group:
        while instant < end:
            instant += chance.expovariate(rate)
            if instant > clock():
                await asyncio.sleep(instant - clock())
            group.create_task(one(instant >= counts_from))
    return in_time / seconds


async def measure_one(address: str, capacity_seconds: float, seconds: float) -> dict[str, float]:
    """One server under all loads."""
    async with callosum.connect(address) as peer:
        figures = {"capacity": await capacity(peer, capacity_seconds)}
        gc.collect()
        for load in LOADS:
            figures[f"{load:g}"] = await goodput(peer, load * figures["capacity"], seconds)
        return figures


def measure(rounds: int, seconds: float) -> Goodput:
    """Both servers in turns; medians."""
    results: dict[str, list[dict[str, float]]] = {"shedding": [], "without": []}
    for number in range(rounds):
        print(f"overload, round {number + 1} of {rounds}", file=sys.stderr)
        for way, figures in results.items():
            with serving("benchmarks.overload", way) as address:
                figures.append(asyncio.run(measure_one(address, seconds, seconds)))
    return {
        way: {load: statistics.median(one[load] for one in figures) for load in figures[0]}
        for way, figures in results.items()
    }


def kept(figures: dict[str, float]) -> float:
    """How much of its peak the goodput keeps under three times the load."""
    return figures[f"{MOST:g}"] / max(figures[f"{load:g}"] for load in LOADS)


def targets(results: Goodput) -> list[Target]:
    """What has to be reached."""
    what = f"goodput at {MOST:g} times the sustainable load / its peak"
    return [Target(what, kept(results["shedding"]), 0.8, ">=", 0.9)]


def rows(results: Goodput) -> list[report.Row]:
    """A head, and a row for each server."""
    head = ("answers in time a second, by load", "can do", *(f"{load:g} x" for load in LOADS), "3 x / peak")
    made: list[report.Row] = [head]
    for way, title in (("shedding", "as it is"), ("without", "with shedding turned off")):
        figures = results[way]
        cells = [f"{figures[f'{load:g}']:,.0f}" for load in LOADS]
        made.append((title, f"{figures['capacity']:,.0f}", *cells, f"{kept(figures):.2f}"))
    return made


def main() -> None:
    """Measure and print; or be the server."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--serve", choices=("shedding", "without"), help="be the server (for this program itself)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each load (default: 3)")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(math.inf if options.serve == "without" else None))
        return
    results = measure(options.rounds, options.seconds)
    print(json.dumps(results))
    print(report.aligned(rows(results)))


if __name__ == "__main__":
    main()
