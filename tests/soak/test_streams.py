"""Streams both ways between two processes, over a link that is cut again and again: complete, and in order.

``make soak`` runs this. ``CALLOSUM_SOAK_SECONDS`` says for how long (20 without it), ``CALLOSUM_SOAK_SEED`` sets the
seed.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import callosum
from callosum.testing import TcpProxy
from tests.soak.streams_server import NumbersHandler, in_order, items, numbers

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

HERE = Path(__file__).parent
SEED = int(os.environ.get("CALLOSUM_SOAK_SEED", random.randrange(2**32)))
SECONDS = float(os.environ.get("CALLOSUM_SOAK_SECONDS", "20"))
COUNTS = (10, 1000, 5000)


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.soak.streams_server", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parents[1]) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline().rsplit(":", 1)[1])
        finally:
            server.kill()


async def keep_on(way: str, stub: Any, until: float, moved: Counter[str], rng: random.Random) -> None:
    """One stream after another, each looked at to its end."""
    while time.monotonic() < until:
        count = rng.choice(COUNTS)
        match way:
            case "down":
                assert await in_order(stub.down(count)) == count
            case "up":
                assert await stub.up(items(count)) == count
            case "both":
                assert await in_order(stub.echo(items(count))) == count
            case _:
                before = await stub.called_back()
                await stub.call_back(count)
                while await stub.called_back() < before + 2 * count:
                    await asyncio.sleep(0.05)
        moved[way] += 2 * count if way in {"both", "back"} else count
        moved["streams"] += 2 if way == "back" else 1


async def cut_on(proxy: TcpProxy, until: float, rng: random.Random) -> int:
    """Cuts, most of them short."""
    cuts = 0
    while time.monotonic() < until - 2:
        await asyncio.sleep(rng.uniform(0.05, 0.6))
        proxy.refuse()
        proxy.cut()
        cuts += 1
        await asyncio.sleep(rng.choice((0.0, 0.05, 0.3, 1.0)))
        proxy.accept()
    return cuts


def test_streams_are_complete_and_in_order_over_cuts() -> None:
    rng = random.Random(SEED)
    moved: Counter[str] = Counter()

    async def main(port: int) -> int:
        async with (
            TcpProxy("127.0.0.1", port) as proxy,
            callosum.connect(proxy.address, {numbers.Numbers: NumbersHandler()}) as peer,
        ):
            stub = peer.stub(numbers.Numbers)
            until = time.monotonic() + SECONDS
            async with asyncio.TaskGroup() as group:
                cutting = group.create_task(cut_on(proxy, until, rng))
                for way in ("down", "down", "up", "up", "both", "back"):
                    group.create_task(keep_on(way, stub, until, moved, rng))
            return cutting.result()

    with serving() as port:
        cuts = asyncio.run(main(port))
    print(f"\nstreams: seed {SEED}, {SECONDS:g} s, {cuts} cuts, {dict(moved)}: all complete and in order")
    assert cuts
    assert moved["streams"] > 10
