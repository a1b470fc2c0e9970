from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import dataclass
from typing import Protocol, assert_type

import pytest

import callosum
from callosum import testing
from callosum.errors import ConfigurationError, EncodeError, Internal, InvalidArgument, Outcome
from callosum.upper import json


@dataclass
class Echoed:
    message: str
    length: int


@dataclass
class Empty(Exception):
    reason: str


class Gone(Exception):
    pass


@json.service
class Echo(Protocol):
    @json.raises(Empty, Gone)
    async def say(self, message: str, times: int = 1) -> Echoed: ...

    @json.oneway
    async def poke(self, message: str) -> None: ...


class EchoHandler:
    def __init__(self) -> None:
        self.poked = asyncio.Event()

    async def say(self, message: str, times: int = 1) -> Echoed:
        match message:
            case "":
                raise Empty("nothing to say")
            case "gone":
                raise Gone("away")
            case "wrong":
                return Echoed("x", "y")  # type: ignore[arg-type]
        return Echoed(message * times, len(message))

    async def poke(self, message: str) -> None:
        self.poked.set()


def test_a_protocol_is_served_and_called() -> None:
    async def main() -> None:
        handler = EchoHandler()
        async with testing.serve_in_memory({Echo: handler}) as peer:
            echo = peer.stub(Echo, timeout=20)
            assert_type(echo, Echo)
            assert await echo.say("hello") == Echoed("hello", 5)
            assert await echo.say("ab", times=2) == Echoed("abab", 2)
            await echo.poke("x")
            await handler.poked.wait()
            with pytest.raises(Empty, match="nothing to say") as empty:
                await echo.say("")
            assert empty.value.outcome is Outcome.EXECUTED  # type: ignore[attr-defined]
            with pytest.raises(Gone, match="away"):
                await echo.say("gone")
            with pytest.raises(EncodeError, match=r"^Echo\.say\.args\.message: Expected `str`") as wrong:
                await echo.say(5)  # type: ignore[arg-type]
            assert wrong.value.outcome is Outcome.NOT_SENT
            with pytest.raises(Internal):
                await echo.say("wrong")

    asyncio.run(main())


def test_a_handler_that_subclasses_the_protocol_needs_no_mapping() -> None:
    class Derived(Echo):
        async def say(self, message: str, times: int = 1) -> Echoed:
            return Echoed(message, times)

        async def poke(self, message: str) -> None: ...

    async def main() -> None:
        async with testing.serve_in_memory([Derived()]) as peer:
            assert await peer.stub(Echo).say("a") == Echoed("a", 1)

    asyncio.run(main())


def test_two_sides_that_see_the_service_differently() -> None:
    """An older server; a newer client that has one argument more, one field more and one type that changed."""

    @dataclass
    class NewEchoed:
        message: str
        language: str = "?"

    @json.service(name="Echo")
    class NewEcho(Protocol):
        async def say(self, message: str, tone: str = "low") -> NewEchoed: ...

    @json.service(name="Echo")
    class WrongEcho(Protocol):
        async def say(self, message: int) -> Echoed: ...

    async def main() -> None:
        async with testing.serve_in_memory({Echo: EchoHandler()}) as peer:
            assert await peer.stub(NewEcho).say("hello", "high") == NewEchoed("hello")
            with pytest.raises(InvalidArgument, match=r"Echo\.say\.args\.message: Expected `str`") as refused:
                await peer.stub(WrongEcho).say(1)
            assert refused.value.outcome is Outcome.REJECTED

    asyncio.run(main())


def test_a_protocol_that_nobody_decorated() -> None:
    class Bare(Protocol):
        async def say(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Bare is a Protocol, and no service class yet: write @json\.service"):
        callosum.service_of(Bare)
    assert json.JsonLayer().service_of(int) is None


def test_without_msgspec_it_says_what_to_install_and_the_others_work() -> None:
    program = (
        "import sys; sys.modules['msgspec'] = None\n"
        "import callosum\n"
        "from callosum.upper import thrift\n"
        "try: callosum.service_of(int)\n"
        "except callosum.ConfigurationError as error: print(error)\n"
        "from callosum.upper import json\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert "(thrift, json, which needs msgspec: it is not installed)" in done.stdout
    assert done.stderr.endswith("which is not installed: pip install 'callosum[json]'\n")
