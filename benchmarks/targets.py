"""What has to be reached, beside what was measured."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final

from benchmarks import peers
from benchmarks.measure import BURST_CALLS, Figures, Results, Turn
from benchmarks.workloads import BURST, MEMORY, TUNED

FLOOR: Final = "zmq_blocking"
"""No peer: what any peer over libzmq has below itself. It sends what it has received, untouched."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to reach. A bound of 0 asks for nothing: there is only an aim."""

    what: str
    value: float
    bound: float
    relation: str
    """``>=`` or ``<=``."""
    aim: float
    unit: str = "x"
    """Of all three; ``x`` is a ratio."""

    @property
    def reached(self) -> bool:
        """Whether the least that was asked for is there."""
        compare: Callable[[float, float], bool] = operator.ge if self.relation == ">=" else operator.le
        return compare(self.value, self.bound)

    @property
    def verdict(self) -> str:
        """For people."""
        return ("pass" if self.reached else "SHORT") if self.bound else "-"

    def as_dict(self) -> dict[str, object]:
        """For the JSON."""
        return {**asdict(self), "reached": self.reached}


def cpu(figures: Figures) -> float:
    """Microseconds of CPU a call, client and server together."""
    return figures["client_cpu_us"] + figures["server_cpu_us"]


def targets(results: Results) -> list[Target]:
    """Those whose peers and workloads were measured."""
    own = results.get("callosum")
    if own is None:
        return []
    others = {name: turn for name, turn in results.items() if name != "callosum"}
    return [*_echo(own, others), *_large(own, others), *_memory(own), *_holds(own)]


def _echo(own: Turn, others: Results) -> Iterator[Target]:
    if "echo" not in own:
        return
    mine = own["echo"]
    echo = {name: turn["echo"] for name, turn in others.items() if "echo" in turn}

    def rates(in_flight: str, other: str) -> float:
        return mine[in_flight]["rate"] / echo[other][in_flight]["rate"]

    if "grpc_aio" in echo:
        yield Target("calls/s, 100 in flight: callosum / grpc.aio", rates("100", "grpc_aio"), 20, ">=", 30)
        yield Target("calls/s, 1,000 in flight: callosum / grpc.aio", rates("1000", "grpc_aio"), 35, ">=", 60)
    if "zmq_asyncio" in echo:
        yield Target("calls/s, 100 in flight: callosum / zmq.asyncio", rates("100", "zmq_asyncio"), 6, ">=", 6)
    if "msgpack_streams" in echo:
        what = "calls/s, 100 in flight: callosum / msgpack streams (an aim only)"
        yield Target(what, rates("100", "msgpack_streams"), 0, ">=", 1)
    if "grpc_aio" in echo:
        value = mine["1"]["p50_us"] / echo["grpc_aio"]["1"]["p50_us"]
        yield Target("p50, one at a time: callosum / grpc.aio", value, 1 / 3, "<=", 1 / 3)
    if "zmq_blocking" in echo:
        value = mine["1"]["p50_us"] / echo["zmq_blocking"]["1"]["p50_us"]
        yield Target("p50, one at a time: callosum / blocking pyzmq", value, 2.4, "<=", 1.8)
    if "grpc_aio" in echo:
        value = cpu(mine["100"]) / cpu(echo["grpc_aio"]["100"])
        yield Target("CPU a call, 100 in flight: callosum / grpc.aio", value, 1 / 20, "<=", 1 / 40)


def _large(own: Turn, others: Results) -> Iterator[Target]:
    for workload, malloc in (("echo_1m", ""), (f"echo_1m{TUNED}", ", malloc tuned")):
        for in_flight in ("1", "8"):
            rates = {
                name: turn[workload][in_flight]["rate"]
                for name, turn in others.items()
                if name != FLOOR and in_flight in turn.get(workload, {})
            }
            if workload in own and rates:
                fastest = max(rates, key=lambda name: rates[name])
                value = own[workload][in_flight]["rate"] / rates[fastest]
                what = f"MB/s of 1 MiB, {in_flight} in flight{malloc}: callosum / the fastest"
                yield Target(f"{what} ({peers.load(fastest).title})", value, 1, ">=", 1.5)


def _memory(own: Turn) -> Iterator[Target]:
    if idle := own.get(MEMORY, {}).get("idle"):
        yield Target("memory of an idle connection, server", idle["server_kib"], 40, "<=", 30, "KiB")
    if parked := own.get(MEMORY, {}).get("parked"):
        yield Target("memory of a call in flight, server", parked["server_kib"], 3, "<=", 3, "KiB")
        yield Target("memory of a call in flight, client", parked["client_kib"], 1.5, "<=", 1.5, "KiB")


def _holds(own: Turn) -> Iterator[Target]:
    if burst := own.get(BURST, {}).get(str(BURST_CALLS)):
        for side in ("server", "client"):
            what = f"longest hold of the loop, burst of {BURST_CALLS:,} calls, {side}"
            yield Target(what, burst[f"{side}_held_ms"], 5, "<=", 2, "ms")
