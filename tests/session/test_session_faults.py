"""Random faults against a journal of executions: at most once, and every outcome true."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

import callosum
from callosum import Outcome
from callosum.errors import CallosumError
from callosum.testing.faulty import Way
from tests.services import Agent, Echo, Handler, dialler, new_address, run, settle

SECONDS = 120.0


class Journal:
    """What was executed, and what its callers were told."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.runs: Counter[str] = Counter()
        self.told: dict[str, Any] = {}

    async def execute(self, message: str) -> str:
        self.runs[message] += 1
        await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.2, 1.0]))
        if message.startswith("nest"):
            await callosum.current_peer().stub(Agent).say("n" + message)
        return message

    async def call(self, stub: Any, name: str, method: str) -> None:
        kind = self.chance.random()
        try:
            if kind < 0.6:
                answer = await getattr(stub, method)(name)
            elif kind < 0.8:
                answer = await getattr(stub.with_options(timeout=self.chance.uniform(0.01, 2)), method)(name)
            else:
                async with asyncio.timeout(self.chance.uniform(0, 2)):
                    answer = await getattr(stub, method)(name)
            assert answer == (None if method == "poke" else name)
            self.told[name] = None
        except CallosumError as error:
            self.told[name] = error.outcome
        except TimeoutError:
            self.told[name] = Outcome.UNKNOWN

    def check(self) -> None:
        for name, outcome in self.told.items():
            count = self.runs[name]
            assert count <= 1, f"{name} ran {count} times"
            if outcome is None and not name.startswith("poke"):
                assert count == 1, f"{name} succeeded and never ran"
            if outcome in (Outcome.NOT_SENT, Outcome.REJECTED):
                assert count == 0, f"{name} was {outcome!r} and ran"
            if outcome is Outcome.EXECUTED:
                assert count == 1, f"{name} was {outcome!r} and never ran"


async def load(journal: Journal, stub: Any, prefix: str) -> None:
    loop = asyncio.get_running_loop()
    number = 0
    async with asyncio.TaskGroup() as group:
        while loop.time() < SECONDS:
            for _ in range(journal.chance.randrange(4)):
                number += 1
                method = journal.chance.choice(["say", "say", "say", "poke"])
                kind = "poke" if method == "poke" else journal.chance.choice(["plain", "nest"])
                group.create_task(journal.call(stub, f"{kind} {prefix} {number}", method))
            await asyncio.sleep(journal.chance.uniform(0, 0.3))


class World:
    """Two servers, and a client whose links fail."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.chance = journal.chance
        self.addresses = [new_address(), new_address()]
        self.servers = {address: self.server(address) for address in self.addresses}
        agent = Handler(say=nested, call=journal.execute)
        self.client, self.links = dialler(self.addresses, {Agent: agent}, connect_timeout=20.0)
        self.background: set[asyncio.Task[None]] = set()

    def server(self, address: str) -> callosum.ListenEndpoint:
        execute = self.journal.execute
        handler = Handler(say=execute, call=execute, poke=execute)
        return callosum.listen(address, {Echo: handler}, grace=5.0, max_concurrency=20)

    async def trouble(self) -> None:
        troubles = [self.cut, self.cut, self.cut_later, self.stall, self.swallow, self.lose, self.down, self.restart]
        while asyncio.get_running_loop().time() < SECONDS:
            await asyncio.sleep(self.chance.uniform(0, 4))
            await self.chance.choice([*troubles, self.kill])()

    def way(self) -> Way:
        return self.chance.choice([Way.OUT, Way.IN, Way.BOTH])

    async def cut(self) -> None:
        self.links.last.cut()

    async def cut_later(self) -> None:
        self.links.last.cut_after(self.chance.randrange(4), self.way())

    async def stall(self) -> None:
        link = self.links.last
        link.stall(self.way())
        await asyncio.sleep(self.chance.uniform(0, 4))
        link.resume_flow()

    async def swallow(self) -> None:
        self.links.last.swallow(self.way())

    async def lose(self) -> None:
        self.links.last.drop_outgoing(1)

    async def down(self) -> None:
        self.links.down = True
        self.links.last.cut()
        await asyncio.sleep(self.chance.uniform(0, 9))
        self.links.down = False

    async def restart(self) -> None:
        """In order: no call fails for it."""
        address = self.chance.choice(self.addresses)
        await self.servers[address].__aexit__(None, None, None)
        self.servers[address] = self.server(address)
        await self.servers[address].__aenter__()

    async def kill(self) -> None:
        """As if the process had died, and another had its place."""
        for session in list(self.servers[self.chance.choice(self.addresses)]._sessions.values()):
            session.end("killed by the test")

    async def call_back(self) -> None:
        """The servers call the client, however it is connected."""
        while asyncio.get_running_loop().time() < SECONDS:
            for server in self.servers.values():
                for peer in server.peers:
                    name = f"plain back {self.chance.random()}"
                    call = self.journal.call(peer.stub(Agent), name, "call")
                    self.background.add(asyncio.create_task(call))
            await asyncio.sleep(self.chance.uniform(0, 0.5))

    async def run(self) -> None:
        for server in self.servers.values():
            await server.__aenter__()
        async with self.client as peer:
            await asyncio.gather(load(self.journal, peer.stub(Echo), "there"), self.trouble(), self.call_back())
            self.links.last.cut()
            assert await peer.stub(Echo).call("the last") == "the last"
            await asyncio.gather(*self.background)
            await asyncio.sleep(20)
            assert not any(line.session.core.in_flight for line in self.client._lines)
        for server in self.servers.values():
            await server.__aexit__(None, None, None)
            await settle()
            assert not server._sessions
            assert not server._openings
            assert server._dispatcher.workers.pending == 0


async def nested(message: str) -> str:
    return message


@pytest.mark.parametrize("seed", range(12))
def test_random_faults(seed):
    random.seed(seed)  # the jitter of the pauses
    journal = Journal(random.Random(seed))

    async def main():
        await World(journal).run()

    run(main())
    journal.check()
    assert len(journal.told) > 300
    assert sum(outcome is None for outcome in journal.told.values()) > 100
