"""Kill the server, cut the link, under load: each outcome is compared with the journal of what was executed.

``make soak`` runs these. They print the seed and the figures; ``CALLOSUM_SOAK_SEED`` sets the seed, and
``CALLOSUM_SOAK_ROUNDS`` how often each fault comes.
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
from callosum.upper import thrift

pytestmark = pytest.mark.soak

HERE = Path(__file__).parent
SEED = int(os.environ.get("CALLOSUM_SOAK_SEED", random.randrange(2**32)))
ROUNDS = int(os.environ.get("CALLOSUM_SOAK_ROUNDS", "5"))
TIMEOUT = 20.0
"""Seconds that each call has."""

journal = thrift.load(str(HERE / "journal.thrift"))


class Server:
    """A process of server.py, killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal"
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, str(HERE / "server.py"), str(self.port), str(self.path)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().rsplit(":", 1)[1])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def executions(self) -> Counter[int]:
        return Counter(int(line) for line in self.path.read_text().splitlines())


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Calls:
    """Numbered calls, what became of each, and the longest that one overran its deadline."""

    def __init__(self, peer: Any) -> None:
        self._record = peer.stub(journal.Journal, timeout=TIMEOUT).record
        self.became: dict[int, str] = {}
        self.overshoot = 0.0

    async def one(self, number: int, seconds: float) -> None:
        start = time.monotonic()
        try:
            assert await self._record(number, seconds) == number
            self.became[number] = "OK"
        except callosum.CallosumError as error:
            self.became[number] = error.outcome.name
        self.overshoot = max(self.overshoot, time.monotonic() - start - TIMEOUT)

    async def many(self, numbers: range, in_flight: int, rng: random.Random) -> None:
        left = iter(numbers)

        async def loop() -> None:
            for number in left:
                await self.one(number, rng.choice((0.0, 0.005, 0.02, 0.05)))

        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(loop())


def judge(what: str, calls: Calls, executions: Counter[int]) -> Counter[str]:
    """Print what happened, and fail where an outcome is not true."""
    outcomes = Counter(calls.became.values())
    twice = [number for number, count in executions.items() if count > 1]
    missing = [n for n, became in calls.became.items() if became in {"OK", "EXECUTED"} and n not in executions]
    ran = [n for n, became in calls.became.items() if became in {"NOT_SENT", "REJECTED"} and n in executions]
    unknown = [n for n, became in calls.became.items() if became == "UNKNOWN"]
    print(
        f"\n{what}: seed {SEED}, {len(calls.became)} calls, {dict(outcomes)}; of the UNKNOWN "
        f"{sum(n in executions for n in unknown)} ran; executed twice {len(twice)}, "
        f"OK or EXECUTED but not in the journal {len(missing)}, NOT_SENT or REJECTED but in it {len(ran)}; "
        f"largest overshoot of a deadline {max(calls.overshoot, 0) * 1000:.0f} ms"
    )
    assert not twice
    assert not missing
    assert not ran
    assert calls.overshoot < 0.25
    return outcomes


def test_the_server_is_killed_in_the_middle_of_calls(tmp_path: Path) -> None:
    rng = random.Random(SEED)

    async def main(server: Server) -> Calls:
        async with callosum.connect(f"tcp://127.0.0.1:{server.port}") as peer:
            calls = Calls(peer)
            for turn in range(ROUNDS):
                load = asyncio.create_task(calls.many(range(turn * 1000, turn * 1000 + 1000), 100, rng))
                await asyncio.sleep(rng.uniform(0.02, 0.12))
                await asyncio.to_thread(server.kill)
                assert not load.done(), "the kill came after the load"
                await asyncio.sleep(rng.uniform(0.0, 0.5))
                await asyncio.to_thread(server.start)
                await load
            return calls

    with running(tmp_path) as server:
        calls = asyncio.run(main(server))
        outcomes = judge(f"kill -9 and restart, {ROUNDS} times", calls, server.executions())
    assert len(calls.became) == ROUNDS * 1000
    assert outcomes["OK"] > outcomes.total() / 2


def test_the_link_is_cut_under_load(tmp_path: Path) -> None:
    rng = random.Random(SEED)

    async def main(server: Server) -> Calls:
        async with (
            TcpProxy("127.0.0.1", server.port) as proxy,
            callosum.connect(proxy.address) as peer,
        ):
            calls = Calls(peer)
            load = asyncio.create_task(calls.many(range(ROUNDS * 5000), 50, rng))
            for turn in range(ROUNDS):
                await asyncio.sleep(rng.uniform(0.1, 0.4))
                proxy.refuse()
                proxy.cut()
                await asyncio.sleep(3.0 if turn == 0 else rng.uniform(0.1, 2.0))
                proxy.accept()
            await load
            return calls

    with running(tmp_path) as server:
        calls = asyncio.run(main(server))
        outcomes = judge(f"cuts of up to 3 s, {ROUNDS} times", calls, server.executions())
    assert outcomes == {"OK": ROUNDS * 5000}
