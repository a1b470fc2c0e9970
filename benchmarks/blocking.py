"""Calls that block: callosum.blocking beside grpc's sync API. ``python -m benchmarks --blocking``.

One connection, and one thread or eight that make a call after the other. The peers take turns, in processes of their
own, as everywhere here. ``python -m benchmarks.blocking serve|call PEER PORT ...`` is such a process.
"""

from __future__ import annotations

import gc
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import callosum
from benchmarks import parking
from benchmarks.report import aligned
from benchmarks.workloads import TEXT
from callosum.upper import thrift

RESULTS = Path(__file__).parent / "results" / "blocking.json"
ECHO = Path(__file__).parent / "echo.thrift"
THREADS = (1, 8)
HANDLERS = 16
"""Threads of a server whose handlers run in threads."""
WARM_UP = 0.2
"""Seconds of calls that do not count."""
Say = Callable[[str], str]
Figures = dict[str, float]
"""``p50_us`` and ``p99_us`` of a call, ``rate`` of all threads."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to make a blocking call."""

    title: str
    """For people."""
    serve: Callable[[int, Callable[[], None]], None]
    """Serve on a port of 127.0.0.1, and tell when it can be reached."""
    connect: Callable[[int], Any]  # a context manager that gives a `Say`
    package: str = "callosum"


# --- the peers --------------------------------------------------------------------------------------------------------


class Async:
    """The service of echo.thrift; only one method is called here."""

    async def say(self, message: str) -> str:
        return message

    async def blob(self, payload: bytes) -> bytes:
        return payload

    async def add(self, left: int, right: int) -> int:
        return left + right

    async def park(self) -> None:
        await parking.park()


class InThread(Async):
    """The same, and what is called runs in a thread."""

    @callosum.in_thread
    def say(self, message: str) -> str:
        return message


def serve_callosum(handler: Callable[[], Async]) -> Callable[[int, Callable[[], None]], None]:
    def serve(port: int, ready: Callable[[], None]) -> None:
        services = {thrift.load(str(ECHO)).Echo: handler()}
        with callosum.blocking.listen(f"tcp://127.0.0.1:{port}", services, max_threads=HANDLERS) as server:
            ready()
            server.serve_forever()

    return serve


@contextmanager
def connect_callosum(port: int) -> Iterator[Say]:
    with callosum.blocking.connect(f"tcp://127.0.0.1:{port}") as peer:
        yield peer.stub(thrift.load(str(ECHO)).Echo).say


def serve_grpc(port: int, ready: Callable[[], None]) -> None:
    import grpc  # noqa: PLC0415 - only where it is measured

    def say(request: bytes, context: Any) -> bytes:  # grpc has no types
        del context
        return request.decode().encode()

    server = grpc.server(ThreadPoolExecutor(HANDLERS))
    methods = {"say": grpc.unary_unary_rpc_method_handler(say)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    ready()
    server.wait_for_termination()


@contextmanager
def connect_grpc(port: int) -> Iterator[Say]:
    import grpc  # noqa: PLC0415 - as above

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/Echo/say")
        yield lambda message: call(message.encode()).decode()


PEERS = {
    "callosum": Peer("callosum.blocking", serve_callosum(Async), connect_callosum),
    "in_thread": Peer("callosum.blocking, in_thread handler", serve_callosum(InThread), connect_callosum),
    "grpc": Peer("grpc, sync", serve_grpc, connect_grpc, package="grpc"),
}


# --- a process --------------------------------------------------------------------------------------------------------


def run(say: Say, threads: int, seconds: float) -> Figures:
    """So many threads, each of which makes a call after the other."""
    gc.collect()
    barrier = threading.Barrier(threads)

    def one_thread() -> list[int]:
        took: list[int] = []
        clock = time.perf_counter_ns
        barrier.wait()
        now = clock()
        end = now + int(seconds * 1e9)
        while now < end:
            assert say(TEXT) == TEXT
            then, now = now, clock()
            took.append(now - then)
        return took

    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        futures = [pool.submit(one_thread) for _ in range(threads)]
        took = sorted(one for future in futures for one in future.result())
        elapsed = time.perf_counter() - start
    calls = len(took)
    return {
        "p50_us": took[calls // 2] / 1000,
        "p99_us": took[calls * 99 // 100] / 1000,
        "rate": calls / elapsed,
    }


def process(role: str, name: str, port: str, *rest: str) -> None:
    """What this process does."""
    peer = PEERS[name]
    if role == "serve":
        peer.serve(int(port), lambda: print("ready", flush=True))
        return
    threads, seconds = rest
    with peer.connect(int(port)) as say:
        run(say, int(threads), WARM_UP)
        print(json.dumps(run(say, int(threads), float(seconds))))


# --- the measurement --------------------------------------------------------------------------------------------------


def one_turn(name: str, threads: int, seconds: float) -> Figures:
    """A server and a client, in processes of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "benchmarks.blocking"]
    with subprocess.Popen([*command, "serve", name, port], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                raise SystemExit(f"the server of {name} did not begin")
            client = [*command, "call", name, port, str(threads), str(seconds)]
            done = subprocess.run(client, stdout=subprocess.PIPE, text=True, check=True, timeout=60 + seconds)
        finally:
            server.terminate()
    figures: Figures = json.loads(done.stdout)
    return figures


Results = dict[str, dict[int, Figures]]
"""By peer, by the number of threads."""


def measure(rounds: int, seconds: float) -> Results:
    """The medians; the peers take turns."""
    turns: dict[tuple[str, int], list[Figures]] = {}
    names = [name for name, peer in PEERS.items() if find_spec(peer.package)]
    for number in range(1, rounds + 1):
        print(f"blocking calls, round {number} of {rounds}", file=sys.stderr)
        for name in names:
            for threads in THREADS:
                turns.setdefault((name, threads), []).append(one_turn(name, threads, seconds))
    return {name: {threads: _medians(turns[name, threads]) for threads in THREADS} for name in names}


def _medians(turns: list[Figures]) -> Figures:
    return {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}


def table(results: Results) -> str:
    """For the terminal; the last column of each load is how many calls callosum makes while the peer makes one."""
    head = ["blocking echo of 32 B"]
    for threads in THREADS:
        head += [f"{threads}: p50 µs", "p99 µs", "calls/s", "callosum /"]
    rows = [tuple(head)]
    for name, by_threads in results.items():
        row = [PEERS[name].title]
        for threads in THREADS:
            figures, own = by_threads[threads], results["callosum"][threads]
            row += [f"{figures['p50_us']:,.0f}", f"{figures['p99_us']:,.0f}", f"{figures['rate']:,.0f}"]
            row.append(f"{own['rate'] / figures['rate']:.2f}")
        rows.append(tuple(row))
    return aligned(rows)


def report(rounds: int, seconds: float, path: Path = RESULTS) -> None:
    """Measure, print, and write the figures down."""
    results = measure(rounds, seconds)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n{table(results)}")


if __name__ == "__main__":
    process(*sys.argv[1:])
