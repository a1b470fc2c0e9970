"""Compression: 64 KiB there and back, plain, in snappy and in zstd, in turns over one connection.

Once as a list of structs, whose encoding takes much longer than its compression, and once as the bytes of a JSON text,
which are as they are. `measure` is what ``python -m benchmarks`` calls, in the process of the client;
``python -m benchmarks.compression PORT`` is the server.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final

import callosum
from benchmarks.load import keep_in_flight, one_at_a_time
from callosum.compression import NUMBERS, compress
from callosum.upper import thrift

NAMES: Final = ("none", "snappy", "zstd")
SIZE: Final = 64 * 1024
IN_FLIGHT: Final = 8
TURNS: Final = 5
shop = thrift.load(str(Path(__file__).with_name("compression.thrift")))
_METHODS: Final = callosum.service_of(shop.Orders).methods


class OrdersHandler:
    """The service of compression.thrift."""

    async def echo(self, orders: list[Any]) -> list[Any]:
        return orders

    async def text(self, text: bytes) -> bytes:
        return text


def sample(size: int = SIZE) -> list[Any]:
    """Orders as shops have them, of about so many bytes: ids that count, few cities, prices and names that differ."""
    rng = random.Random(1)  # noqa: S311 - the same ones each time
    made: list[Any] = []
    syllables = ("an", "be", "ro", "li", "ka", "mo", "tes", "in", "da", "ul")
    while not made or len(_encoded("echo", made)) < size:
        for _ in range(10):
            made.append(
                shop.Order(
                    id=100_000 + len(made),
                    customer=" ".join("".join(rng.choices(syllables, k=3)).title() for _ in range(2)),
                    city=rng.choice(["Hamburg", "Lyon", "Torino", "Malmö", "Porto"]),
                    total=rng.randrange(100, 100_000) / 100,
                    paid=rng.random() < 0.8,
                    tags=rng.sample(["new", "gift", "express", "returned", "wholesale"], 2),
                )
            )
    return made


def sample_text(size: int = SIZE) -> bytes:
    """The same orders as JSON."""
    return json.dumps([vars(order) for order in sample(size)]).encode()[:size]


def _encoded(method: str, arguments: Any) -> bytes:  # a value of the IDL
    return bytes(_METHODS[method].preferred.encode_args(arguments))


async def serve(port: int) -> None:
    """Until the input ends."""
    async with callosum.listen(f"tcp://127.0.0.1:{port}", {shop.Orders: OrdersHandler()}):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def server() -> Iterator[str]:
    """The address of a process that serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.compression", str(port)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield f"tcp://127.0.0.1:{port}"
        finally:
            process.stdin.close()


def measure(seconds: float) -> dict[str, dict[str, float]]:
    """Of each method and compression: bytes of the arguments on the wire, ``p50_us``, ``rate``; medians of some turns.

    Args:
        seconds: The length of each turn of each.
    """
    with server() as address:
        return asyncio.run(_measure(address, seconds / TURNS))


async def _measure(address: str, seconds: float) -> dict[str, dict[str, float]]:
    figures: dict[str, dict[str, float]] = {}
    async with callosum.connect(address) as peer:
        stubs = {name: peer.stub(shop.Orders, compression=name) for name in NAMES}
        for method, value in (("echo", sample()), ("text", sample_text())):
            calls = {name: partial(getattr(stub, method), value) for name, stub in stubs.items()}
            found = await _in_turns(calls, value, seconds)
            body = _encoded(method, value)
            for name in NAMES:
                figures[f"{method} {name}"] = {"bytes": _size(body, name), **_medians(found[name])}
    return figures


def _size(body: bytes, name: str) -> float:
    return float(len(compress(body, NUMBERS[name])[0] if name in NUMBERS else body))


async def _in_turns(calls: dict[str, Any], value: Any, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """One after the other, again and again: a slow second of the machine hits all."""
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for call in calls.values():
        assert await call() == value, "it comes back as it was"
    for _ in range(TURNS):
        for name, call in calls.items():
            turns[name].append(await _turn(call, len(value), seconds))
    return turns


async def _turn(call: Any, count: int, seconds: float) -> tuple[float, float]:  # a stub's method, bound
    """Microseconds of one call at a time, and calls a second of several."""

    def accepts(reply: Sequence[Any]) -> bool:
        return len(reply) == count

    start = time.perf_counter()
    took = await one_at_a_time(call, accepts, start + seconds)
    start = time.perf_counter()
    calls = await keep_in_flight(call, accepts, start + seconds, IN_FLIGHT)
    return statistics.median(took) / 1000, calls / (time.perf_counter() - start)


def _medians(turns: Sequence[tuple[float, float]]) -> dict[str, float]:
    latencies, rates = zip(*turns, strict=True)
    return {"p50_us": statistics.median(latencies), "rate": statistics.median(rates)}


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
