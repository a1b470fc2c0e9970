"""Large data one way, beside raw pyzmq and grpc.aio: ``python -m benchmarks.transfer``, and at the end of all.

Each figure is the rate of a sending process and a receiving one over tcp loopback, in chunks of 1 MiB; the ways take
turns, and each round's figures are compared with that round's raw pyzmq: PUSH and PULL without a copy, which is what
libzmq can do at all. Then, how long small calls take while such a stream runs over the same session.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import callosum
from benchmarks import report
from benchmarks.report import Row
from benchmarks.targets import Target
from callosum import files
from callosum.upper import thrift

NAME: Final = "large_data"
MIB: Final = 1024 * 1024
CHUNK: Final = MIB
FILE: Final = 256 * MIB
"""Bytes of the file that is sent: it lies in the page cache, and so does what is written, until the end."""
WARM_UP: Final = 0.2
SERVER: Final = "TRANSFER_SERVER"
"""What tells the client the number of the server's process."""
RAW, GRPC = "pyzmq", "grpc"
TITLES: Final = {
    RAW: "pyzmq PUSH/PULL, no copy",
    GRPC: "grpc.aio, stream of bytes",
    "down": "callosum, handler to caller",
    "up": "callosum, caller to handler",
    "checked": "callosum.files, memory to consumer",
    "file": "callosum.files, file to file",
}

idl = thrift.load(str(Path(__file__).with_name("transfer.thrift")))


# --- the ways: each has what serves, and what runs for some seconds and returns bytes per second ----------------------


class Handler:
    """Gives and takes without end."""

    def __init__(self) -> None:
        self._chunk = bytes(CHUNK)

    async def give(self) -> AsyncIterator[bytes]:
        while True:
            yield self._chunk

    async def take(self, chunk: AsyncIterable[bytes]) -> int:
        return sum([len(one) async for one in chunk])

    def checked(self) -> AsyncIterator[bytes]:
        return files.send(self.give())

    def file(self, name: str) -> AsyncIterator[bytes]:
        return files.send(name)

    async def add(self, left: int, right: int) -> int:
        return left + right


async def serve_callosum() -> None:
    async with callosum.listen("tcp://127.0.0.1:0", {idl.Transfer: Handler()}) as server:
        print(server.addresses[0], flush=True)
        await server.serve_forever()


class Meter:
    """Counts bytes behind the warm-up, until the time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begin = time.perf_counter() + WARM_UP
        self._size = 0
        self._cpu = 0.0
        self.rate = 0.0
        self.cpu = 0.0
        """Milliseconds of CPU for 1 GiB, of this process; or of both, where the system says what the other has used."""

    def count(self, size: int) -> bool:
        """Whether the time is over."""
        now = time.perf_counter()
        if now < self._begin:
            return False
        if not self._size:
            self._begin = now
            self._cpu = cpu_seconds()
        elif now - self._begin > self._seconds:
            self.rate = self._size / (now - self._begin)
            self.cpu = (cpu_seconds() - self._cpu) * 1000 / (self._size / 2**30)
            return True
        self._size += size
        return False


Figures = dict[str, float]
"""``rate``, bytes per second; ``cpu_ms`` for 1 GiB."""


def figures(meter: Meter) -> Figures:
    return {"rate": meter.rate, "cpu_ms": meter.cpu}


def cpu_seconds() -> float:
    """Of this process and of the server's, whose number stands in the environment."""
    path = Path("/proc") / os.environ.get(SERVER, "") / "stat"
    used = time.process_time()
    if path.is_file():
        user, system = path.read_text().rpartition(")")[2].split()[11:13]
        used += (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return used


async def down(stub: Any, seconds: float) -> Figures:
    meter = Meter(seconds)
    async for chunk in stub.give():
        if meter.count(len(chunk)):
            break
    return figures(meter)


async def up(stub: Any, seconds: float) -> Figures:
    meter = Meter(seconds)
    chunk = bytes(CHUNK)

    async def chunks() -> AsyncIterator[bytes]:
        while not meter.count(CHUNK):
            yield chunk

    await stub.take(chunks())
    return figures(meter)


class _Over(Exception):
    """The time is over."""


async def checked(stub: Any, seconds: float) -> Figures:
    meter = Meter(seconds)

    async def consume(piece: memoryview) -> None:
        if meter.count(len(piece)):
            raise _Over

    try:
        await files.receive(stub.checked(), consume)
    except _Over:
        return figures(meter)
    raise AssertionError("it has no end")


async def file(stub: Any, seconds: float) -> Figures:
    """One file, whole: with what is at its end, but for waiting for the disk."""
    del seconds
    memory = await asyncio.to_thread(Path("/dev/shm").is_dir)  # noqa: S108 - no disk: it is not what is measured
    with tempfile.TemporaryDirectory(dir="/dev/shm" if memory else None) as folder:  # noqa: S108 - as above
        source = Path(folder) / "source"
        source.write_bytes(os.urandom(MIB) * (FILE // MIB))
        begin, cpu = time.perf_counter(), cpu_seconds()
        await files.receive(stub.file(str(source)), Path(folder) / "target")
        cpu = (cpu_seconds() - cpu) * 1000 / (FILE / 2**30)
        return {"rate": FILE / (time.perf_counter() - begin), "cpu_ms": cpu}


async def call_callosum(way: str, address: str, seconds: float) -> dict[str, float]:
    ways: dict[str, Callable[[Any, float], Awaitable[Figures]]] = {
        "down": down,
        "up": up,
        "checked": checked,
        "file": file,
    }
    async with callosum.connect(address) as peer:
        stub = peer.stub(idl.Transfer)
        if way == "latency":
            return await latency(stub, seconds)
        return await ways[way](stub, seconds)


async def small_calls(stub: Any, seconds: float) -> list[float]:
    """How long each took; with a pause, as of somebody who looks now and then."""
    took = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        await stub.add(1, 2)
        took.append(time.perf_counter() - begin)
        await asyncio.sleep(0.002)
    return took


def percentile(values: list[float], of: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * of))]


async def latency(stub: Any, seconds: float) -> dict[str, float]:
    alone = await down(stub, seconds)
    idle = await small_calls(stub, seconds)
    running = asyncio.create_task(down(stub, seconds))
    await asyncio.sleep(WARM_UP)
    busy = await small_calls(stub, seconds)
    rate = await running
    return {
        "share": rate["rate"] / alone["rate"],
        "idle_p50_us": percentile(idle, 0.5) * 1e6,
        "idle_p99_us": percentile(idle, 0.99) * 1e6,
        "busy_p50_us": percentile(busy, 0.5) * 1e6,
        "busy_p99_us": percentile(busy, 0.99) * 1e6,
        "calls": len(busy),
    }


async def serve_grpc() -> None:
    import grpc  # noqa: PLC0415 - a peer whose package is missing is left out
    import grpc.aio  # noqa: PLC0415 - as above

    chunk = bytes(CHUNK)

    async def give(request: bytes, context: Any) -> AsyncIterator[bytes]:  # grpc has no types
        del request, context
        while True:
            yield chunk

    server = grpc.aio.server()
    methods = {"give": grpc.unary_stream_rpc_method_handler(give)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Transfer", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


async def call_grpc(address: str, seconds: float) -> dict[str, float]:
    import grpc.aio  # noqa: PLC0415 - as above

    meter = Meter(seconds)
    async with grpc.aio.insecure_channel(address) as channel:
        stream = channel.unary_stream("/Transfer/give")(b"")
        async for chunk in stream:
            if meter.count(len(chunk)):
                break
        stream.cancel()
    return figures(meter)


def serve_raw() -> None:
    import zmq  # noqa: PLC0415 - the one way that is zmq's

    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.sndhwm = 8
        print(f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}", flush=True)
        chunk = bytes(CHUNK)
        while True:
            socket.send(chunk, copy=False)


def call_raw(address: str, seconds: float) -> dict[str, float]:
    import zmq  # noqa: PLC0415 - as above

    meter = Meter(seconds)
    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        socket.rcvhwm = 8
        socket.connect(address)
        while not meter.count(len(socket.recv(copy=False))):
            pass
    return figures(meter)


def role(words: list[str]) -> None:
    """One process of a measurement."""
    match words:
        case ["serve", "pyzmq"]:
            serve_raw()
        case ["serve", "grpc"]:
            asyncio.run(serve_grpc())
        case ["serve", _]:
            asyncio.run(serve_callosum())
        case ["call", "pyzmq", address, seconds]:
            print(json.dumps(call_raw(address, float(seconds))))
        case ["call", "grpc", address, seconds]:
            print(json.dumps(asyncio.run(call_grpc(address, float(seconds)))))
        case ["call", way, address, seconds]:
            print(json.dumps(asyncio.run(call_callosum(way, address, float(seconds)))))
        case _:
            raise SystemExit(f"unknown role {words}")


# --- the measurement --------------------------------------------------------------------------------------------------


def measure_one(way: str, seconds: float) -> dict[str, float]:
    """A server process, and a client process against it."""
    program = [sys.executable, "-m", "benchmarks.transfer"]
    with subprocess.Popen([*program, "serve", way], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            client = [*program, "call", way, address, str(seconds)]
            found: Figures = json.loads(
                subprocess.run(
                    client, capture_output=True, text=True, check=True, env={**os.environ, SERVER: str(server.pid)}
                ).stdout
            )
        finally:
            server.kill()
    return found


Found = dict[str, dict[str, float]]
"""By way, and ``latency``."""


def measure(rounds: int, seconds: float, ways: list[str]) -> Found:
    """By way: the median rate, and of the ratios to the raw rate of the same round; the small calls' times."""
    rates: dict[str, list[float]] = {way: [] for way in ways}
    cpus: dict[str, list[float]] = {way: [] for way in ways}
    calls: list[dict[str, float]] = []
    for number in range(1, rounds + 1):
        print(f"large data, round {number} of {rounds}", file=sys.stderr)
        for way in ways:
            one = measure_one(way, seconds)
            rates[way].append(one["rate"])
            cpus[way].append(one["cpu_ms"])
        calls.append(measure_one("latency", seconds))
    found = {
        way: {
            "rate": statistics.median(rates[way]),
            "cpu_ms": statistics.median(cpus[way]),
            "of_raw": statistics.median(a / b for a, b in zip(rates[way], rates[RAW], strict=True)),
        }
        for way in ways
    }
    found["latency"] = {key: statistics.median(one[key] for one in calls) for key in calls[0]}
    if GRPC in ways:
        for way in ways:
            pairs = zip(rates[way], rates[GRPC], strict=True)
            found[way]["of_grpc"] = statistics.median(a / b for a, b in pairs)
    return found


def targets(found: Found) -> list[Target]:
    """What has to be reached."""
    calls = found["latency"]
    best = max(found[way]["of_raw"] for way in ("down", "up"))
    return [
        Target("stream of 1 MiB chunks / raw pyzmq without a copy", best, 0.4, ">=", 0.8),
        Target("stream beside small calls / alone", calls["share"], 0.5, ">=", 0.8),
        Target(
            "p99 of small calls beside the stream / allowed", calls["busy_p99_us"] / allowed_us(calls), 1.0, "<=", 0.5
        ),
    ]


def allowed_us(calls: dict[str, float]) -> float:
    """What a small call may take beside a stream."""
    return max(5 * calls["idle_p99_us"], 5000)


def rows(found: Found) -> list[Row]:
    """A head, and a row for each way."""
    made: list[Row] = [("large data one way, 1 MiB chunks", "MB/s", "/ pyzmq", "/ grpc.aio", "CPU ms/GiB")]
    for way, title in TITLES.items():
        if way in found:
            one = found[way]
            of_grpc = f"{one['of_grpc']:.2f}" if "of_grpc" in one else "-"
            made.append((title, f"{one['rate'] / 1e6:,.0f}", f"{one['of_raw']:.2f}", of_grpc, f"{one['cpu_ms']:.0f}"))
    return made


def small_calls_text(found: Found) -> str:
    """How small calls fare beside it."""
    calls = found["latency"]
    return (
        f"small calls beside it, while it has {calls['share']:.0%} of its rate: p50 {calls['busy_p50_us']:.0f} µs,"
        f" p99 {calls['busy_p99_us']:.0f} µs; without it p50 {calls['idle_p50_us']:.0f} µs, p99"
        f" {calls['idle_p99_us']:.0f} µs; allowed {allowed_us(calls):.0f} µs"
    )


def installed() -> list[str]:
    """The ways whose packages are there."""
    if importlib.util.find_spec("grpc") is not None:
        return list(TITLES)
    print("grpc: left out, the package grpc is not installed")
    return [way for way in TITLES if way != GRPC]


def main() -> None:
    """Measure, and print."""
    if sys.argv[1:2] in (["serve"], ["call"]):
        role(sys.argv[1:])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--ways", nargs="+", choices=[*TITLES], default=None)
    options = parser.parse_args()
    found = measure(options.rounds, options.seconds, options.ways or installed())
    print(f"{report.aligned(rows(found))}\n{small_calls_text(found)}")


if __name__ == "__main__":
    main()
