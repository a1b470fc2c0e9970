"""Run the peers in turns, a server and a client process for each measurement, and take the medians."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks import compression, peers
from benchmarks.contract import Peer
from benchmarks.process import Setting, Worker, workers
from benchmarks.worker import RESIDENT
from benchmarks.workloads import BURST, COMPRESSION, MEMORY, NAMES, TUNED, WORKLOADS, Workload

Figures = dict[str, float]
"""Of a rate: ``p50_us``, ``p99_us`` (one at a time), ``rate``, ``client_cpu_us`` and ``server_cpu_us`` a call; of the
memory ``server_kib`` and ``client_kib``; of the burst ``server_held_ms``, ``client_held_ms`` and the like."""
ByLoad = dict[str, Figures]
"""By the number of calls in flight; of the memory, ``idle`` (a connection) and ``parked`` (a call); of the compression,
by its name."""
Turn = dict[str, ByLoad]
"""By workload; ``_tuned`` at the end of a name tells the setting of malloc."""
Results = dict[str, Turn]
"""By peer."""

WARM_UP = 0.3
"""Seconds of calls before each measurement that do not count; less where the measurement itself is short."""
CONNECTIONS = 200
FIRST_CONNECTIONS = 50
"""Opened before those that are counted: what the first few need is not what each needs."""
PARKED = 1000
FIRST_PARKED = 20
BURST_CALLS = 100_000
PATIENCE = 45.0
"""Seconds that a burst may take."""
SETTLING = 0.2
"""Seconds until what is sent after a call (acknowledgements, credit) has been sent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    rounds: int = 3
    seconds: float = 1.5
    """The length of the measurements of the first workload; others take a share of it."""
    loops: tuple[str, ...] = ("default",)
    workloads: tuple[str, ...] = NAMES
    malloc: str = "default"
    """``tuned``: that of all workloads. The echo of 1 MiB is measured with both."""
    bursts_of_others: int = 1
    """The number of rounds in which others than callosum are given a burst: it takes them long."""


def one_rate(server: Worker, client: Worker, name: str, in_flight: int, seconds: float) -> Figures:
    """One number of calls in flight."""
    client.ask(f"run {name} {in_flight} {min(WARM_UP, seconds / 2)}")
    before = server.ask("cpu")["cpu"]
    run = client.ask(f"run {name} {in_flight} {seconds}")
    server_cpu = server.ask("cpu")["cpu"] - before
    calls = run.pop("calls")
    run["client_cpu_us"] = run.pop("cpu") / calls * 1e6
    run["server_cpu_us"] = server_cpu / calls * 1e6
    return run


def loads(peer: Peer, workload: Workload) -> Iterable[int]:
    """The numbers of calls in flight that make sense for both."""
    return (number for number in workload.in_flight if number in peer.in_flight)


def rates(name: str, setting: Setting, workloads: Sequence[str], seconds: float) -> Turn:
    """The workloads that are rates, over one connection, one after the other."""
    turn: Turn = {}
    peer = peers.load(name)
    with workers(name, setting) as (server, client):
        client.ask("check")
        for key in workloads:
            workload = WORKLOADS[key]
            turn[key] = {
                str(number): one_rate(server, client, key, number, seconds * workload.seconds)
                for number in loads(peer, workload)
            }
    return turn


def idle_connection(name: str, setting: Setting) -> Figures:
    """What a connection takes at the server."""
    with workers(name, setting) as (server, client):
        client.ask(f"open {FIRST_CONNECTIONS}")
        time.sleep(SETTLING)
        before = server.ask("memory")["bytes"]
        client.ask(f"open {CONNECTIONS}")
        time.sleep(SETTLING)
        return {"server_kib": (server.ask("memory")["bytes"] - before) / 1024 / CONNECTIONS}


def park(server: Worker, client: Worker, more: int, total: int) -> None:
    """Make calls that do not return, and wait until their handlers wait."""
    client.ask(f"park {more}")
    end = time.monotonic() + 10
    while (parked := server.ask("parked")["count"]) < total:
        if time.monotonic() > end:
            raise SystemExit(f"Of {total} calls that were parked only {parked} arrived.")
        time.sleep(0.01)
    time.sleep(SETTLING)


def parked_call(name: str, setting: Setting) -> Figures:
    """What a call in flight takes, at both sides."""
    with workers(name, setting, "serve_parked") as (server, client):
        client.ask("check")
        park(server, client, FIRST_PARKED, FIRST_PARKED)
        before = server.ask("memory")["bytes"], client.ask("memory")["bytes"]
        park(server, client, PARKED, FIRST_PARKED + PARKED)
        after = server.ask("memory")["bytes"], client.ask("memory")["bytes"]
        at_server, at_client = (end - begin for begin, end in zip(before, after, strict=True))
        return {"server_kib": at_server / 1024 / PARKED, "client_kib": at_client / 1024 / PARKED}


def memory(name: str, setting: Setting) -> ByLoad:
    """Of a connection and of a call."""
    if not RESIDENT.exists():
        print(f"memory: not measured, this system has no {RESIDENT}", file=sys.stderr)
        return {}
    figures = {"idle": idle_connection(name, setting)}
    if peers.load(name).parks:
        figures["parked"] = parked_call(name, setting)
    return figures


def burst(name: str, setting: Setting) -> ByLoad:
    """How long each loop is held by calls that all begin at once."""
    with workers(name, setting) as (server, client):
        client.ask("run echo 100 0.2")
        server.ask("watch")
        at_client = client.ask(f"burst {BURST_CALLS} {PATIENCE}")
        at_server = server.ask("held")
    if "failed" in at_client:
        print(f"burst: {name} did not answer all calls within {PATIENCE:g} s: {at_client['failed']}", file=sys.stderr)
        return {}
    return {
        str(BURST_CALLS): {
            "seconds": at_client["seconds"],
            "begin_ms": at_client["begin_ms"],
            **{f"client_{key}": at_client[key] for key in at_server},
            **{f"server_{key}": value for key, value in at_server.items()},
        }
    }


def one_turn(name: str, loop: str, plan: Plan, number: int) -> Turn:
    """One turn of one peer: all workloads."""
    turn: Turn = {}
    peer = peers.load(name)
    wanted = [workload for workload in WORKLOADS if workload in plan.workloads]
    for malloc in ("default", "tuned"):
        here = wanted if malloc == plan.malloc else [workload for workload in wanted if workload == "echo_1m"]
        if here:
            found = rates(name, Setting(loop, malloc), here, plan.seconds)
            turn |= {f"{key}{TUNED}" if (key, malloc) == ("echo_1m", "tuned") else key: found[key] for key in found}
    setting = Setting(loop, plan.malloc)
    if MEMORY in plan.workloads:
        turn[MEMORY] = memory(name, setting)
    if BURST in plan.workloads and peer.bursts and (name == "callosum" or number <= plan.bursts_of_others):
        turn[BURST] = burst(name, setting)
    if COMPRESSION in plan.workloads and (name, loop) == ("callosum", "default"):
        turn[COMPRESSION] = compression.measure(plan.seconds)
    return turn


def all_peers(names: Sequence[str], plan: Plan) -> dict[str, Results]:
    """The medians of all rounds, by loop. The peers take turns, so that a slow minute of the machine hits all."""
    turns: dict[str, dict[str, list[Turn]]] = {loop: {} for loop in plan.loops}
    for number in range(1, plan.rounds + 1):
        for name in names:
            peer = peers.load(name)
            for loop in plan.loops:
                if loop == "uvloop" and not peer.uvloop:
                    continue
                print(f"round {number} of {plan.rounds}: {peer.title}, {loop} loop", file=sys.stderr)
                turns[loop].setdefault(name, []).append(one_turn(name, loop, plan, number))
    return {loop: {name: medians(of_peer) for name, of_peer in by_name.items()} for loop, by_name in turns.items()}


def medians(turns: Sequence[Turn]) -> Turn:
    """The median of each figure over the turns in which it was taken."""
    collected: dict[str, dict[str, dict[str, list[float]]]] = {}
    for turn in turns:
        for workload, by_load in turn.items():
            for load, figures in by_load.items():
                for key, value in figures.items():
                    at = collected.setdefault(workload, {}).setdefault(load, {})
                    at.setdefault(key, []).append(value)
    return {
        workload: {
            load: {key: statistics.median(values) for key, values in figures.items()} for load, figures in of.items()
        }
        for workload, of in collected.items()
    }
