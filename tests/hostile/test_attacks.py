"""A live server is attacked while an honest client calls it: that one loses nothing, and the server goes on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import callosum
from callosum.upper import thrift
from tests.hostile.attacks import ATTACKS, Attack

ROOT = Path(__file__).parents[2]
SECONDS = 1.0
"""Of each attack."""
TIMEOUT = 20.0
"""Seconds that a call of the honest client has, and what must end at all: no latency is asserted."""
MAX_RSS = 256 << 20
"""Bytes of memory of the server, after all attacks together."""
IN_FLIGHT = 4

echo = thrift.load(str(Path(__file__).with_name("echo.thrift")))


class Server:
    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address

    @property
    def rss(self) -> int:
        """Bytes; 0 where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.is_file():
            return 0
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.hostile.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield Server(process, process.stdout.readline().strip())
        finally:
            process.kill()


class Honest:
    """Calls all the time, and compares each answer."""

    def __init__(self, peer: callosum.Peer) -> None:
        self._say = peer.stub(echo.Echo, timeout=TIMEOUT).say
        self.done = 0
        self.stopped = False

    async def call(self, number: int) -> None:
        while not self.stopped:
            text = f"{number}/{self.done} " + "x" * (self.done * 37 % 2000)
            assert await self._say(text) == text
            self.done += 1

    async def meanwhile(self, attack: Attack, address: str) -> int:
        """What the attack did, while calls were made."""
        async with asyncio.TaskGroup() as group:
            for number in range(IN_FLIGHT):
                group.create_task(self.call(number))
            try:
                return await asyncio.to_thread(attack, address, time.monotonic() + SECONDS)
            finally:
                self.stopped = True


async def under(attack: Attack, server: Server) -> tuple[int, int]:
    async with asyncio.timeout(40), callosum.connect(server.address) as peer:
        await peer.stub(echo.Echo, timeout=TIMEOUT).say("before")
        honest = Honest(peer)
        did = await honest.meanwhile(attack, server.address)
        assert await peer.stub(echo.Echo, timeout=TIMEOUT).say("after") == "after"
    async with asyncio.timeout(40), callosum.connect(server.address) as newcomer:
        assert await newcomer.stub(echo.Echo, timeout=TIMEOUT).say("new") == "new"
    return did, honest.done


@pytest.mark.parametrize("name", ATTACKS)
def test_an_honest_client_is_served_during_an_attack_and_a_new_one_after_it(name, server):
    did, done = asyncio.run(under(ATTACKS[name], server))
    print(f"{name}: {did} times; {done} calls meanwhile; {server.rss >> 20} MiB")
    assert did > 0
    assert done > IN_FLIGHT
    assert server.process.poll() is None
    assert server.rss < MAX_RSS
