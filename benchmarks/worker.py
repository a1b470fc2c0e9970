"""One process of a measurement: ``python -m benchmarks.worker ROLE PEER PORT LOOP MALLOC``.

ROLE is serve, serve_parked or call; LOOP default or uvloop; MALLOC default or tuned. It obeys lines on its standard
input and answers each with a line of JSON. When its input ends, it ends.

    cpu                              seconds of CPU that this process has used, all threads
    memory                           bytes of it that lie in memory
    watch, held                      (server) begin to watch the loop; how long it was held
    parked                           (server) handlers that wait
    check                            (client) make each call once
    run WORKLOAD CALLS SECONDS       (client) keep so many calls in flight for so long
    open CONNECTIONS                 (client) open so many more, and keep them
    park CALLS                       (client) make so many calls that do not return
    burst CALLS SECONDS              (client) make so many calls at the same time; or, why they failed
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks import load, peers, workloads
from benchmarks.contract import Client, Peer, Serve
from benchmarks.parking import Parked
from benchmarks.ticker import Ticker
from callosum import tune_malloc

RESIDENT = Path("/proc/self/statm")
"""Where Linux says how much of a process lies in memory."""


def answer(value: dict[str, Any]) -> None:  # whatever JSON takes
    """One line to the parent."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def memory() -> int:
    """Bytes, without garbage."""
    gc.collect()
    return int(RESIDENT.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def collect_no_more() -> None:
    """Garbage is what is there now; see `load.burst`."""
    gc.collect()
    gc.freeze()
    gc.disable()


class ServerCommands:
    """The server's side of the pipe, in a thread: a blocking server has no loop that could do it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ticker: Ticker | None = None

    def run(self) -> None:
        """Until the input ends."""
        for line in sys.stdin:
            answer(self._obey(line.strip()))
        os._exit(0)

    def _obey(self, command: str) -> dict[str, float]:
        match command:
            case "cpu":
                return {"cpu": time.process_time()}
            case "memory":
                return {"bytes": memory()}
            case "parked":
                return {"count": Parked.count}
            case "watch":
                return self._in_loop(self._watch)
            case "held":
                return self._in_loop(self._held)
        raise ValueError(command)

    def _in_loop(self, function: Any) -> dict[str, float]:
        done: Future[dict[str, float]] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(function()))
        return done.result()

    def _watch(self) -> dict[str, float]:
        collect_no_more()
        self._ticker = Ticker()
        return {}

    def _held(self) -> dict[str, float]:
        assert self._ticker is not None
        return self._ticker.stop()


async def serve(serving: Serve, port: int) -> None:
    """Serve until the parent goes."""
    threading.Thread(target=ServerCommands().run, daemon=True).start()
    await serving(port, lambda: answer({"ready": True}))


class ClientCommands:
    """Between the commands the loop goes on."""

    def __init__(self, peer: Peer, port: int, client: Client) -> None:
        self._peer = peer
        self._port = port
        self._client = client
        self._tasks: list[asyncio.Future[None]] = []

    async def run(self) -> None:
        """Until the input ends."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as connections:
            while line := await loop.run_in_executor(None, sys.stdin.readline):
                answer(await self._obey(line.split(), connections))
            os._exit(0)  # to close hundreds of connections, or to cancel calls, takes time and is not measured

    async def _obey(self, words: list[str], connections: AsyncExitStack) -> dict[str, Any]:
        match words:
            case ["memory"]:
                return {"bytes": memory()}
            case ["check"]:
                await workloads.check(self._client)
                return {"checked": list(workloads.WORKLOADS)}
            case ["run", name, in_flight, seconds]:
                return await self._run(workloads.WORKLOADS[name], int(in_flight), float(seconds))
            case ["open", count]:
                await load.open_connections(self._peer, self._port, int(count), connections)
                return {}
            case ["park", count]:
                self._tasks += load.park(self._client, int(count))
                return {}
            case ["burst", count, patience]:
                collect_no_more()
                return await self._burst(int(count), float(patience))
        raise ValueError(words)

    async def _burst(self, count: int, patience: float) -> dict[str, Any]:
        try:
            return await load.burst(self._client, count, patience, self._tasks)
        except Exception as error:  # noqa: BLE001 - whatever a peer's calls raise is told
            return {"failed": repr(error)}

    async def _run(self, workload: workloads.Workload, in_flight: int, seconds: float) -> dict[str, float]:
        if self._peer.threads and in_flight > 1:
            return await asyncio.to_thread(load.run_in_threads, self._peer, self._port, workload, in_flight, seconds)
        return await load.run(self._client, workload, in_flight, seconds)


async def call(peer: Peer, port: int) -> None:
    """Do as the parent says, until it goes."""
    async with peer.connect(port) as client:
        answer({"ready": True})
        await ClientCommands(peer, port, client).run()


def program(role: str, peer: Peer, port: int) -> Coroutine[Any, Any, None]:
    """What this process does."""
    match role:
        case "serve":
            return serve(peer.serve, port)
        case "serve_parked":
            return serve(peer.serve_parked or peer.serve, port)
        case "call":
            return call(peer, port)
    raise ValueError(role)


def main() -> None:
    """Begin in the role that the arguments name."""
    role, name, port, loop, malloc = sys.argv[1:]
    if malloc == "tuned" and not tune_malloc():
        raise SystemExit("tuned malloc: the C library of this machine has no mallopt()")
    peer = peers.load(name)
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - only where it was asked for

        uvloop.run(program(role, peer, int(port)))
    else:
        asyncio.run(program(role, peer, int(port)))


if __name__ == "__main__":
    main()
