"""Describing what a live server serves, over loopback, as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

import callosum
from callosum.builtin import reflection
from callosum.upper import json, thrift
from tests.codegen.running import write

SHOP = """namespace py live_shop
include "shared.thrift"
/** Sells things. */
service Shop {
  /** Finds one. */
  shared.Item find(1: string name)
} (callosum.name = "acme.Shop")
"""


class Ended(NamedTuple):
    code: int | None
    out: str
    err: str


async def described(*arguments: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callosum_codegen", "describe", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


def served(services: Mapping[type, object], *names: str, reflection: bool = True) -> list[Ended]:
    """What is printed for each name, where a server has these services."""

    async def main() -> list[Ended]:
        async with callosum.listen("tcp://127.0.0.1:0", services, reflection=reflection) as server:
            address = server.addresses[0]
            return [await described(address, *filter(None, [name])) for name in names]

    return asyncio.run(main())


@pytest.fixture
def shop(folder: Path) -> dict[type, object]:
    write(folder, shop=SHOP, shared="/** A thing. */ struct Item { 1: string label = 'a\\tb' }")
    module: Any = thrift.load("shop.thrift")

    class Handler:
        async def find(self, name):
            return module.shared.Item(label=name)

    return {module.Shop: Handler()}


def test_all_that_is_served(shop: dict[type, object]) -> None:
    (ended,) = served(shop, "")
    assert (ended.code, ended.err) == (0, "")
    assert "service acme.Shop  # Sells things.\n    find(name: string) -> Item  # Finds one.\n" in ended.out
    assert "service callosum.Reflection" in ended.out


def test_a_service_and_a_method_by_their_names_on_the_wire(shop: dict[type, object]) -> None:
    service, method, reflection = served(shop, "acme.Shop", "acme.Shop.find", "callosum.Reflection.describe")
    assert "Sells things." in service.out
    assert "shared.Item find(1: string name)" in service.out
    assert method.out.startswith("shared.Item find(1: string name)\n    of Shop\n    Finds one.\n")
    assert "struct Item\n    A thing.\n    1: string label" in method.out
    assert reflection.out.startswith("Description describe(1: string name)")


def test_what_is_not_served(shop: dict[type, object]) -> None:
    service, method = served(shop, "acme.Shp", "acme.Shop.fnd")
    assert (service.code, service.out) == (2, "")
    assert service.err.endswith("it serves no acme.Shp: did you mean acme.Shop?\n")
    assert method.code == 2
    assert "there is no Shop.fnd: did you mean Shop.find" in method.err


def test_a_server_that_does_not_tell(shop: dict[type, object]) -> None:
    (ended,) = served(shop, "", reflection=False)
    assert (ended.code, ended.out) == (2, "")
    assert "it has to listen with reflection=True" in ended.err
    assert "Traceback" not in ended.err


@json.service
class Greeter(Protocol):
    """Greets."""

    async def greet(self, name: str) -> str: ...


def test_an_interface_without_files() -> None:
    class Handler:
        async def greet(self, name: str) -> str:
            return name

    (ended,) = served({Greeter: Handler()}, "Greeter")
    assert ended.code == 0, ended.err
    assert "service Greeter" in ended.out
    assert "greet(" in ended.out


def test_nobody_is_there() -> None:
    ended = asyncio.run(described("tcp://127.0.0.1:9"))
    assert (ended.code, ended.out) == (2, "")
    assert "is the server running?" in ended.err


def test_what_is_no_address() -> None:
    ended = asyncio.run(described("carrier://pigeon"))
    assert (ended.code, ended.out) == (2, "")
    assert "carrier" in ended.err
    assert "Traceback" not in ended.err


class Stranger:
    """A handler of `callosum.Reflection` that tells what it was given."""

    def __init__(self, text: str) -> None:
        self.info = reflection.ServiceInfo(name="Evil", fingerprint="f", codecs=["thrift-binary"], doc="\x1b[31mred")
        self.told = reflection.Description(
            info=self.info,
            files=[reflection.InterfaceFile(path="evil.thrift", text=text)],
            text="\x1b[31mred",
        )

    async def services(self) -> list[reflection.ServiceInfo]:
        return [self.info]

    async def describe(self, name: str) -> reflection.Description:
        return self.told


def test_a_terminal_obeys_no_stranger() -> None:
    text = (
        "/** \x1b[2J\x9b2J */ service Evil { /** \x07 */ i32 f(1: string a = '\\e[31m\x1b[31m' /* \x1b */, "
        '2: string b = "\\x1b[2J\x9b2J") (note = "\x1b[2J\x9b2J") }'
    )
    endings = served({reflection.Reflection: Stranger(text)}, "", "Evil", "Evil.f", reflection=False)
    for ended in endings:
        assert not {one for one in ended.out + ended.err if not one.isprintable()} - {"\n"}, ended
    assert all(ended.code in {0, 2} for ended in endings)
    assert "\N{REPLACEMENT CHARACTER}[31mred" in endings[0].out


def test_an_interface_with_faults() -> None:
    (ended,) = served({reflection.Reflection: Stranger("struct {\nservice Evil { }")}, "Evil", reflection=False)
    assert (ended.code, ended.out) == (2, "")
    assert "the interface that it told has faults:\nevil.thrift:1:8: " in ended.err
    (ended,) = served({reflection.Reflection: Stranger("service Good { }")}, "Evil", reflection=False)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "Evil: the interface that the peer told has no such service\n"
