"""Run the peers in turns, a server and a client process for each measurement, and take the medians."""

from __future__ import annotations

import importlib
import json
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.contract import Peer

Figures = dict[str, float]
"""``p50_us``, ``p99_us`` (one at a time), ``rate``, ``client_cpu_us`` and ``server_cpu_us`` a call."""
Results = dict[str, dict[str, Figures]]
"""By peer, then by the number of calls in flight."""

WARM_UP = 0.3
"""Seconds of calls before each measurement that do not count."""


class Worker:
    """One process, and the lines to and from it."""

    def __init__(self, role: str, name: str, port: int, loop: str) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", role, name, str(port), loop]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._name = f"{role} {name}"

    def read(self) -> dict[str, Any]:
        """Its next line of JSON."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The process `{self._name}` of the benchmark ended with {self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def end(self) -> None:
        """Close its input, by which it ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextmanager
def workers(name: str, loop: str) -> Iterator[tuple[Worker, Worker]]:
    """A server that can be reached, and a client that is connected to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = Worker("serve", name, port, loop)
    try:
        server.read()
        client = Worker("call", name, port, loop)
        try:
            client.read()
            yield server, client
        finally:
            client.end()
    finally:
        server.end()


def one_peer(name: str, loop: str, seconds: float) -> dict[str, Figures]:
    """One turn of one peer: all its numbers of calls in flight."""
    peer: Peer = importlib.import_module(f"benchmarks.peers.{name}").PEER
    figures: dict[str, Figures] = {}
    with workers(name, loop) as (server, client):
        for in_flight in peer.in_flight:
            client.ask(f"run {in_flight} {WARM_UP}")
            before = server.ask("cpu")["cpu"]
            run = client.ask(f"run {in_flight} {seconds}")
            server_cpu = server.ask("cpu")["cpu"] - before
            calls = run.pop("calls")
            run["client_cpu_us"] = run.pop("cpu") / calls * 1e6
            run["server_cpu_us"] = server_cpu / calls * 1e6
            figures[str(in_flight)] = run
    return figures


def all_peers(names: Sequence[str], loops: Sequence[str], rounds: int, seconds: float) -> dict[str, Results]:
    """The medians of all rounds, by loop. The peers take turns, so that a slow minute of the machine hits all."""
    runs: dict[str, dict[str, list[dict[str, Figures]]]] = {loop: {name: [] for name in names} for loop in loops}
    for number in range(1, rounds + 1):
        for name in names:
            peer: Peer = importlib.import_module(f"benchmarks.peers.{name}").PEER
            for loop in loops:
                if loop == "uvloop" and not peer.uvloop:
                    continue
                print(f"round {number} of {rounds}: {peer.title}, {loop} loop", file=sys.stderr)
                runs[loop][name].append(one_peer(name, loop, seconds))
    return {loop: {name: medians(turns) for name, turns in by_name.items() if turns} for loop, by_name in runs.items()}


def medians(turns: Sequence[dict[str, Figures]]) -> dict[str, Figures]:
    """The median of each figure over the turns."""
    return {
        in_flight: {key: statistics.median(turn[in_flight][key] for turn in turns) for key in figures}
        for in_flight, figures in turns[0].items()
    }
