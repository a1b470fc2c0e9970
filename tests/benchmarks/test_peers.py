"""Each peer whose package is installed answers each workload, in processes of its own, as when it is measured."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import cast

import pytest

from benchmarks import peers, workloads
from benchmarks.contract import Client
from benchmarks.load import burst
from benchmarks.measure import park
from benchmarks.process import Setting, workers

PACKAGES = {"grpc_aio": "grpc", "grpclib": "grpclib", "apache_thrift": "thrift", "pycapnp": "capnp"}
"""What CI's `make test` need not have; all else callosum itself needs."""
PARKING = ("callosum", "grpc_aio", "pycapnp", "zmq_asyncio")


def needs_package_of(name: str) -> None:
    """Looked for and not imported: some of these packages leave threads behind in the process that imports them."""
    if name in PACKAGES and not find_spec(PACKAGES[name]):
        pytest.skip(f"{PACKAGES[name]} is not installed")


@pytest.mark.parametrize("name", peers.NAMES)
def test_a_peer_answers_each_workload(name: str) -> None:
    needs_package_of(name)
    with workers(name, Setting()) as (server, client):
        assert client.ask("check") == {"checked": list(workloads.WORKLOADS)}
        assert client.ask(f"run add {1 if name == 'zmq_blocking' else 8} 0.02")["calls"] >= 1
        client.ask("open 2")
        assert server.ask("cpu")["cpu"] > 0


@pytest.mark.parametrize("name", PARKING)
def test_a_peer_has_calls_that_do_not_return(name: str) -> None:
    needs_package_of(name)
    with workers(name, Setting(), "serve_parked") as (server, client):
        park(server, client, 150, 150)
        assert client.ask("check")
        assert client.ask("memory")["bytes"] > 0
        assert server.ask("memory")["bytes"] > 0


def test_the_loops_are_watched_during_a_burst() -> None:
    with workers("callosum", Setting()) as (server, client):
        server.ask("watch")
        burst = client.ask("burst 2000 30")
        assert burst["begin_ms"] > 0
        assert burst["held_ms"] >= 0
        assert server.ask("held")["held_ms"] > 0
        assert client.ask("burst 2000 0") == {"failed": "TimeoutError()"}


def test_a_burst_of_which_a_call_fails_tells_why() -> None:
    async def fail() -> None:
        tasks: list[asyncio.Future[None]] = []
        with pytest.raises(AssertionError):
            await burst(cast(Client, Wrong("say")), 3, 5, tasks)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(fail())


class Wrong:
    """A client whose last byte is not the one that was sent."""

    def __init__(self, wrong: str) -> None:
        self._wrong = wrong

    async def say(self, message: str) -> object:
        return message.encode() if self._wrong == "say" else message

    async def blob(self, payload: bytes) -> object:
        return payload[:-1] + b"\0" if self._wrong == "blob" else payload

    async def add(self, left: int, right: int) -> object:
        return left + right + (self._wrong == "add")

    async def park(self) -> None:
        raise AssertionError


@pytest.mark.parametrize("method", ["say", "blob", "add"])
def test_a_wrong_answer_is_found(method: str) -> None:
    asyncio.run(workloads.check(cast(Client, Wrong(""))))
    with pytest.raises(workloads.WrongAnswerError):
        asyncio.run(workloads.check(cast(Client, Wrong(method))))
