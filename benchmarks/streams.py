"""Items of streams: down from a handler and up from a caller, many small ones and some of 64 KiB.

Beside them stand the plain calls of the same round with 100 in flight, and the streams of grpc.aio (bytes).
A server is a process, the caller another; all take turns, and the medians of the rounds are compared.

``python -m benchmarks.streams`` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import callosum
from benchmarks import report
from benchmarks.process import serving
from benchmarks.targets import Target
from callosum.upper import thrift

NAME = "streams"
SIZES = {"32 B": 32, "64 KiB": 65_536}
IN_FLIGHT = 100
"""Plain calls that are compared with."""
HAS_GRPC = importlib.util.find_spec("grpc") is not None

items = thrift.load_string(
    """
    service Items {
        binary down(1: i32 size, 2: i32 count) (callosum.stream = "server"),
        i64 up(1: binary item (callosum.stream = "in")) (callosum.stream = "client"),
        binary say(1: binary item)
    }
    """,
    module_name="items_thrift",
)

Rates = dict[str, dict[str, float]]
"""Items a second (calls, where it says so), by ``callosum`` and ``grpc.aio``, and by what they are."""
Measured = Callable[[int], Awaitable[object]]
"""Moves so many items."""


async def repeated(item: bytes, count: int) -> AsyncIterator[bytes]:
    """The same item again and again."""
    for _ in range(count):
        yield item


# --- callosum ---------------------------------------------------------------------------------------------------------


class ItemsHandler:
    """The service of callosum's server."""

    async def down(self, size: int, count: int) -> AsyncIterator[bytes]:
        item = bytes(size)
        for _ in range(count):
            yield item

    async def up(self, item: AsyncIterator[bytes]) -> int:
        count = 0
        async for _ in item:
            count += 1
        return count

    async def say(self, item: bytes) -> bytes:
        return item


async def serve_callosum() -> None:
    async with callosum.listen("tcp://127.0.0.1:0", {items.Items: ItemsHandler()}) as server:
        print(server.addresses[0].removeprefix("tcp://"), flush=True)
        await server.serve_forever()


async def call_callosum(address: str, seconds: float) -> dict[str, float]:
    async with callosum.connect(f"tcp://{address}") as peer:
        stub = peer.stub(items.Items)

        def down(size: int) -> Measured:
            async def move(count: int) -> None:
                assert len([None async for _ in stub.down(size, count)]) == count

            return move

        def up(size: int) -> Measured:
            async def move(count: int) -> None:
                assert await stub.up(repeated(bytes(size), count)) == count

            return move

        return await all_rates(down, up, stub.say, seconds)


# --- grpc.aio ---------------------------------------------------------------------------------------------------------


async def serve_grpc() -> None:
    import grpc  # noqa: PLC0415 - of the group bench: it may not be there
    import grpc.aio  # noqa: PLC0415 - as above

    async def down(request: bytes, context: Any) -> AsyncIterator[bytes]:  # grpc has no types
        del context
        size, count = map(int, request.split())
        item = bytes(size)
        for _ in range(count):
            yield item

    async def up(requests: AsyncIterator[bytes], context: Any) -> bytes:
        del context
        count = 0
        async for _ in requests:
            count += 1
        return b"%d" % count

    async def say(request: bytes, context: Any) -> bytes:
        del context
        return request

    methods = {
        "down": grpc.unary_stream_rpc_method_handler(down),
        "up": grpc.stream_unary_rpc_method_handler(up),
        "say": grpc.unary_unary_rpc_method_handler(say),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Items", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


async def call_grpc(address: str, seconds: float) -> dict[str, float]:
    import grpc.aio  # noqa: PLC0415 - as above

    async with grpc.aio.insecure_channel(address) as channel:
        call_down, call_up = channel.unary_stream("/Items/down"), channel.stream_unary("/Items/up")

        def down(size: int) -> Measured:
            async def move(count: int) -> None:
                assert len([None async for _ in call_down(b"%d %d" % (size, count))]) == count

            return move

        def up(size: int) -> Measured:
            async def move(count: int) -> None:
                assert int(await call_up(repeated(bytes(size), count))) == count

            return move

        return await all_rates(down, up, channel.unary_unary("/Items/say"), seconds)


# --- measuring --------------------------------------------------------------------------------------------------------


async def all_rates(
    down: Callable[[int], Measured],
    up: Callable[[int], Measured],
    say: Callable[[bytes], Awaitable[bytes]],
    seconds: float,
) -> dict[str, float]:
    """One round of one of the two."""
    found = {"calls": await rate(lambda count: calls(say, count), seconds)}
    for title, size in SIZES.items():
        found[f"{title} down"] = await rate(down(size), seconds)
        found[f"{title} up"] = await rate(up(size), seconds)
    return found


async def calls(say: Callable[[bytes], Awaitable[bytes]], count: int) -> None:
    """So many plain calls of 32 B."""
    item = bytes(32)
    left = iter(range(count))

    async def loop() -> None:
        for _ in left:
            await say(item)

    await asyncio.gather(*(loop() for _ in range(IN_FLIGHT)))


async def rate(move: Measured, seconds: float) -> float:
    """Items a second, of one stream that takes about so long."""
    count, took = 500, 0.0
    while took < seconds / 4:  # what comes before is the warm-up
        count *= 2
        begin = time.perf_counter()
        await move(count)
        took = time.perf_counter() - begin
    count = round(count * seconds / took)
    gc.collect()
    begin = time.perf_counter()
    await move(count)
    return count / (time.perf_counter() - begin)


SERVERS = {"callosum": serve_callosum, "grpc.aio": serve_grpc}
CALLERS = {"callosum": call_callosum, "grpc.aio": call_grpc}


def measure_one(who: str, seconds: float) -> dict[str, float]:
    """A server and a caller, each a process of its own."""
    command = [sys.executable, "-m", "benchmarks.streams", "--call", who, "--seconds", str(seconds), "--address"]
    with serving("benchmarks.streams", who) as address:
        done = subprocess.run([*command, address], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(rounds: int, seconds: float) -> Rates:
    """All of them in turns; medians."""
    results: dict[str, list[dict[str, float]]] = {who: [] for who in CALLERS if who == "callosum" or HAS_GRPC}
    for number in range(rounds):
        print(f"streams, round {number + 1} of {rounds}", file=sys.stderr)
        for who, figures in results.items():
            figures.append(measure_one(who, seconds))
    return {
        who: {what: statistics.median(one[what] for one in figures) for what in figures[0]}
        for who, figures in results.items()
    }


# --- what comes of it -------------------------------------------------------------------------------------------------


def targets(results: Rates) -> list[Target]:
    """What has to be reached."""
    own = results["callosum"]
    return [
        Target(
            f"items of 32 B {way} / plain calls, {IN_FLIGHT} in flight",
            own[f"32 B {way}"] / own["calls"],
            0.5,
            ">=",
            2.0,
        )
        for way in ("down", "up")
    ]


def rows(results: Rates) -> list[report.Row]:
    """A head, and a row for each."""
    own, grpc = results["callosum"], results.get("grpc.aio")
    made: list[report.Row] = [
        ("items of one stream, a second", "callosum", "/ its calls", "grpc.aio", "callosum / grpc.aio")
    ]
    for what, figure in own.items():
        title = f"plain calls of 32 B, {IN_FLIGHT} in flight" if what == "calls" else what
        beside = (f"{grpc[what]:,.0f}", f"{figure / grpc[what]:.2f}") if grpc is not None else ("-", "-")
        made.append((title, f"{figure:,.0f}", f"{figure / own['calls']:.2f}", *beside))
    return made


def main() -> None:
    """Measure and print; or be one of the processes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--serve", choices=SERVERS, help="be the server (for this program itself)")
    parser.add_argument("--call", choices=CALLERS, help="be the caller (for this program itself)")
    parser.add_argument("--address", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each stream (default: 1.5)")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(SERVERS[options.serve]())
    elif options.call:
        print(json.dumps(asyncio.run(CALLERS[options.call](options.address, options.seconds))))
    else:
        results = measure(options.rounds, options.seconds)
        print(report.aligned(rows(results)))
        for target in targets(results):
            print(f"{target.what}: {target.value:.2f}, {target.verdict}")


if __name__ == "__main__":
    main()
