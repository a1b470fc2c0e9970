"""Whether the transport keeps the contract, and whether a service can be called over it."""

from __future__ import annotations

import asyncio

import pytest
from callosum_toy import Toy

import callosum
from callosum.auth import INSECURE
from callosum.testing import check_lower, tcp_link
from callosum.upper import thrift

GREETING = bytes([0, 0, 0, 1, 0, 0, 0, 0])
"""A message of one empty frame."""

TestToy = check_lower(Toy(), "toy://127.0.0.1:0", link=tcp_link)


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", bytes(4), bytes([0, 0, 4, 0]) + bytes(4096), bytes([0, 0, 0, 1, 255, 255, 255, 255])],
)
def test_who_speaks_another_language_is_disconnected(garbage):
    async def main():
        async with callosum.listen("toy://127.0.0.1:0", {}) as server:
            port = server.addresses[0].rpartition(":")[2]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(garbage)
            async with asyncio.timeout(5):
                assert await reader.read() == GREETING
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


@pytest.mark.parametrize("answer", [b"", b"\0", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_who_does_not_greet_is_refused(answer):
    def answer_and_go(_, writer):
        writer.write(answer)
        writer.close()

    async def main():
        async with await asyncio.start_server(answer_and_go, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(callosum.ConnectError, match="no toy answers"):
                await Toy().connector(f"toy://127.0.0.1:{port}", None).connect(5)

    asyncio.run(main())


@pytest.mark.parametrize("address", ["toy://127.0.0.1", "toy://127.0.0.1:99999", "toy://0.0.0.0:0"])
def test_where_it_does_not_listen(address):
    with pytest.raises(callosum.ConfigurationError):
        Toy().listener(address, None)


def test_a_name_that_cannot_be():
    address = "toy://no..name:1"
    place = Toy().listener(address, INSECURE), Toy().connector(address, INSECURE)

    async def main():
        with pytest.raises(callosum.ConnectError):
            await place[0].open(lambda _: None)
        with pytest.raises(callosum.ConnectError):
            await place[1].connect(5)

    asyncio.run(main())


class EchoHandler:
    async def say(self, message: str) -> str:
        return message * 2


def test_a_service_over_it(tmp_path):
    idl = tmp_path / "echo.thrift"
    idl.write_text("service Echo { string say(1: string message) }")
    echo = thrift.load(str(idl))

    async def main():
        async with (
            callosum.listen("toy://127.0.0.1:0", {echo.Echo: EchoHandler()}) as server,
            callosum.connect(server.addresses[0]) as peer,
        ):
            assert await peer.stub(echo.Echo).say("toy") == "toytoy"

    asyncio.run(main())
