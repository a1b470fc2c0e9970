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


@pytest.mark.parametrize("seed", range(12))
def test_random_faults(seed):
    chance = random.Random(seed)
    random.seed(seed)  # the jitter of the pauses
    journal = Journal(chance)
    methods = {"say": journal.execute, "call": journal.execute, "poke": journal.execute}

    async def nested(message):
        return message

    def serve(address):
        return callosum.listen(address, {Echo: Handler(**methods)}, grace=5.0, max_concurrency=20)

    async def main():
        addresses = [new_address(), new_address()]
        servers = {address: serve(address) for address in addresses}
        for server in servers.values():
            await server.__aenter__()
        client, links = dialler(addresses, {Agent: Handler(say=nested, call=journal.execute)}, connect_timeout=20.0)

        async def trouble():
            while asyncio.get_running_loop().time() < SECONDS:
                await asyncio.sleep(chance.uniform(0, 4))
                link = links.last
                match chance.randrange(9):
                    case 0 | 1:
                        link.cut()
                    case 2:
                        link.cut_after(chance.randrange(4), chance.choice([Way.OUT, Way.IN]))
                    case 3:
                        link.stall(chance.choice([Way.OUT, Way.IN, Way.BOTH]))
                        await asyncio.sleep(chance.uniform(0, 4))
                        link.resume_flow()
                    case 4:
                        link.swallow(chance.choice([Way.OUT, Way.IN, Way.BOTH]))
                    case 5:
                        link.drop_outgoing(1)
                    case 6:
                        links.down = True
                        link.cut()
                        await asyncio.sleep(chance.uniform(0, 9))
                        links.down = False
                    case 7:  # restarted in order
                        address = chance.choice(addresses)
                        await servers[address].__aexit__(None, None, None)
                        servers[address] = serve(address)
                        await servers[address].__aenter__()
                    case 8:  # as if it had been killed
                        address = chance.choice(addresses)
                        for session in list(servers[address]._sessions.values()):
                            session.end("killed by the test")

        async def back():
            while asyncio.get_running_loop().time() < SECONDS:
                for server in servers.values():
                    for peer in server.peers:
                        name = f"plain back {chance.random()}"
                        background.add(asyncio.create_task(journal.call(peer.stub(Agent), name, "call")))
                await asyncio.sleep(chance.uniform(0, 0.5))

        background: set[asyncio.Task[None]] = set()
        async with client as peer:
            await asyncio.gather(load(journal, peer.stub(Echo), "there"), trouble(), back())
            links.last.cut()
            assert await peer.stub(Echo).call("the last") == "the last"
            await asyncio.wait(background)
            for task in background:
                task.result()
            await asyncio.sleep(20)
            for line in client._lines:
                assert not line.session.core.in_flight
        for server in servers.values():
            await server.__aexit__(None, None, None)
            await settle()
            assert not server._sessions
            assert not server._openings
            assert server._dispatcher.workers.pending == 0

    run(main())
    journal.check()
    assert len(journal.told) > 300
    assert sum(outcome is None for outcome in journal.told.values()) > 100
