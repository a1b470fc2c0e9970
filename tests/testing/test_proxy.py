from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from callosum.testing.proxy import TcpProxy, Toward
from tests.lower.recorder import PATIENCE, run, until


@contextlib.asynccontextmanager
async def echoing():
    """A TCP echo server, and a proxy before it."""
    tasks: set[Any] = set()

    async def echo(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with TcpProxy("127.0.0.1", port) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE)


@contextlib.asynccontextmanager
async def client(proxy):
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def silent(reader, seconds=0.1):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await reader.read(1)


def test_bytes_pass_and_ends_are_passed_on():
    async def main():
        async with echoing() as proxy:
            assert proxy.address == f"tcp://127.0.0.1:{proxy.port}"
            async with client(proxy) as (reader, writer):
                data = bytes(range(256)) * 10_000
                writer.write(data)
                assert await reader.readexactly(len(data)) == data
                assert (proxy.accepted, proxy.connections) == (1, 1)
                writer.write_eof()
                assert await reader.read() == b""
            await until(lambda: not proxy.connections)

    run(main())


def test_a_cut_is_hard_and_new_connections_pass():
    async def main():
        async with echoing() as proxy:
            async with client(proxy) as (reader, writer):
                writer.write(b"x")
                await reader.readexactly(1)
                proxy.cut()
                with pytest.raises(ConnectionError):
                    await reader.readexactly(1)
            await until(lambda: not proxy.connections)
            async with client(proxy) as (reader, writer):
                writer.write(b"y")
                assert await reader.readexactly(1) == b"y"

    run(main())


def test_a_cut_right_after_a_connect():
    async def main():
        async with echoing() as proxy:
            for turns in range(6):
                async with client(proxy) as (reader, _):
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    await until(lambda: proxy.accepted > turns)
                    proxy.cut()
                    with contextlib.suppress(ConnectionError):
                        assert await reader.read() == b""

    run(main())


def test_refused_and_accepted_again_at_the_same_port():
    async def main():
        async with echoing() as proxy:
            port = proxy.port
            async with client(proxy) as (reader, writer):
                for _ in range(3):
                    proxy.refuse()
                    proxy.refuse()
                    with pytest.raises(ConnectionRefusedError):
                        await asyncio.open_connection(proxy.host, proxy.port)
                    writer.write(b"x")
                    assert await reader.readexactly(1) == b"x", "what is open stays open"
                    proxy.accept()
                    proxy.accept()
                    assert proxy.port == port
                    async with client(proxy) as (second, into):
                        into.write(b"y")
                        assert await second.readexactly(1) == b"y"
            proxy.refuse()

    run(main())


@pytest.mark.parametrize("toward", [Toward.TARGET, Toward.CLIENT, Toward.BOTH])
def test_a_stall_passes_nothing_and_loses_nothing(toward):
    async def main():
        async with echoing() as proxy, client(proxy) as (reader, writer):
            writer.write(b"1")
            await reader.readexactly(1)
            proxy.stall(toward)
            writer.write(b"2")
            await silent(reader)
            proxy.flow()
            assert await reader.readexactly(1) == b"2"

    run(main())


def test_a_stalled_sender_is_held_back_in_bounded_memory():
    async def main():
        async with echoing() as proxy, client(proxy) as (_, writer):
            proxy.stall(Toward.TARGET)
            writer.write(bytes(64 << 20))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await writer.drain()
            proxy.cut()

    run(main())


@pytest.mark.parametrize("toward", [Toward.TARGET, Toward.CLIENT])
def test_swallowed_bytes_are_lost(toward):
    async def main():
        async with echoing() as proxy, client(proxy) as (reader, writer):
            proxy.swallow(toward)
            writer.write(b"lost")
            await silent(reader)
            proxy.flow()
            writer.write(b"there")
            assert await reader.readexactly(5) == b"there"

    run(main())


def test_a_delay():
    async def main():
        async with echoing() as proxy, client(proxy) as (reader, writer):
            proxy.delay = 0.1
            loop = asyncio.get_running_loop()
            begin = loop.time()
            writer.write(b"x")
            await reader.readexactly(1)
            assert 0.19 < loop.time() - begin < 2

    run(main())


@pytest.mark.parametrize("toward", [Toward.TARGET, Toward.CLIENT])
def test_one_byte_is_corrupted(toward):
    async def main():
        async with echoing() as proxy, client(proxy) as (reader, writer):
            proxy.corrupt_next_byte(toward)
            writer.write(b"\x00abc")
            assert await reader.readexactly(4) == b"\xffabc"
            writer.write(b"\x00abc")
            assert await reader.readexactly(4) == b"\x00abc"

    run(main())


def test_a_target_that_refuses_resets_the_client():
    async def main():
        async with TcpProxy("127.0.0.1", 1) as proxy, client(proxy) as (reader, _):
            with pytest.raises(ConnectionError):
                await reader.readexactly(1)

    run(main())


def test_leaving_ends_everything():
    async def main():
        async with echoing() as proxy, client(proxy) as (reader, writer):
            proxy.stall()
            writer.write(b"x")
            await proxy.__aexit__(None, None, None)
            assert not proxy.connections
            with pytest.raises(ConnectionError):
                await reader.readexactly(1)

    run(main())
