"""What a request key costs under each policy: the 32 B echo with 100 in flight, with keys and without.

``python -m benchmarks.policies`` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time

import callosum
from benchmarks import report
from benchmarks.peers.callosum import EchoHandler, echo
from benchmarks.process import serving

NAME = "policies"
IN_FLIGHT = 100
KEYS = 25
"""So four calls of each key are under way at a time."""
MESSAGE = "x" * 32
POLICIES: dict[str, callosum.Unordered | callosum.OrderedReplies | callosum.SerializedByKey] = {
    "Unordered": callosum.Unordered(),
    "OrderedReplies": callosum.OrderedReplies(),
    "SerializedByKey": callosum.SerializedByKey(),
}
Rates = dict[str, dict[str, float]]
"""Calls a second by policy, ``keyed`` and ``without``."""


async def serve(policy: str) -> None:
    """Until the process is ended."""
    services = {echo.Echo: EchoHandler()}
    async with callosum.listen("tcp://127.0.0.1:0", services, scheduling=POLICIES[policy]) as server:
        print(server.addresses[0], flush=True)
        await server.serve_forever()


async def rate(peer: callosum.Peer, keys: list[int | None], seconds: float) -> float:
    """Calls a second; each of so many loops has a key of these."""
    gc.collect()
    begin = time.perf_counter()
    end = begin + seconds
    done = 0

    async def loop(key: int | None) -> None:
        nonlocal done
        stub = peer.stub(echo.Echo, key=key)
        while time.perf_counter() < end:
            assert await stub.say(MESSAGE) == MESSAGE
            done += 1

    await asyncio.gather(*(loop(keys[n % len(keys)]) for n in range(IN_FLIGHT)))
    return done / (time.perf_counter() - begin)


async def measure_one(address: str, seconds: float) -> dict[str, float]:
    """One policy."""
    async with callosum.connect(address) as peer:
        await rate(peer, [None], seconds / 4)
        return {
            "keyed": await rate(peer, list(range(KEYS)), seconds),
            "without": await rate(peer, [None], seconds),
        }


def measure(rounds: int, seconds: float) -> Rates:
    """All policies in turns; medians."""
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in POLICIES}
    for number in range(rounds):
        print(f"policies, round {number + 1} of {rounds}", file=sys.stderr)
        for name, figures in turns.items():
            with serving("benchmarks.policies", name) as address:
                figures.append(asyncio.run(measure_one(address, seconds)))
    return {
        name: {what: statistics.median(one[what] for one in figures) for what in figures[0]}
        for name, figures in turns.items()
    }


def rows(rates: Rates) -> list[report.Row]:
    """A head, and a row for each policy."""
    plain = rates["Unordered"]["without"]
    head = (
        f"calls/s, {IN_FLIGHT} in flight, {KEYS} keys",
        "with keys",
        "without",
        "with keys / plain",
        "without / plain",
    )
    made: list[report.Row] = [head]
    for name, figures in rates.items():
        keyed, without = figures["keyed"], figures["without"]
        made.append((name, f"{keyed:,.0f}", f"{without:,.0f}", f"{keyed / plain:.2f}", f"{without / plain:.2f}"))
    return made


def main() -> None:
    """Measure and print; or be the server."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies", description=__doc__)
    parser.add_argument("--serve", choices=POLICIES, help="be the server (for this program itself)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each rate (default: 1)")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    rates = measure(options.rounds, options.seconds)
    print(json.dumps(rates))
    print(report.aligned(rows(rates)))


if __name__ == "__main__":
    main()
