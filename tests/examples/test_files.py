"""Files that are sent, with the server and the client killed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import xxhash

from tests.examples.processes import EXAMPLES

FOLDER = EXAMPLES / "files"
SIZE = 24 * 1024 * 1024
SOME = 8 * 1024 * 1024
"""Bytes that get through before the link stands still: in the middle is where both sides surely are then."""
LEAST = 4 * 1024 * 1024
"""Bytes of these that are surely on the disk at some time."""
CONTENT = xxhash.xxh3_64_digest(b"seed") * (SIZE // 8)
CHECKSUM = xxhash.xxh3_128_hexdigest(CONTENT)


@contextmanager
def started(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(FOLDER / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(address: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with started("server.py", address, str(folder)) as server:
        assert server.stdout is not None
        yield server, server.stdout.readline().rsplit(maxsplit=1)[-1]


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
    with contextlib.suppress(ConnectionError):
        while most > 0 and (data := await reader.read(65536)):
            most -= len(data)
            writer.write(data)
            await writer.drain()
        if most <= 0:
            await asyncio.Event().wait()
    writer.close()


@asynccontextmanager
async def narrow_link(target: str) -> AsyncIterator[str]:
    """An address; its first connection stands still in the middle of a file."""
    most = SOME
    links: set[asyncio.Task[None]] = set()

    async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        this, most = most, 10**12
        links.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            there = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
        except ConnectionError:
            writer.close()
            return
        pumps = [asyncio.create_task(pump(reader, there[1], this)), asyncio.create_task(pump(there[0], writer, this))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in pumps:
                one.cancel()
            await asyncio.wait(pumps)
            writer.close()
            there[1].close()

    async with await asyncio.start_server(link, "127.0.0.1", 0) as server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in links:
            task.cancel()
        await asyncio.gather(*links, return_exceptions=True)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def some_of(partial: Path) -> None:
    """Until a part of the file is there."""
    end = time.monotonic() + 40
    while size_of(partial) < LEAST:
        assert time.monotonic() < end, "nothing came"
        await asyncio.sleep(0.01)


async def finished(client: subprocess.Popen[str]) -> list[str]:
    output, _ = await asyncio.to_thread(client.communicate, timeout=40)
    assert client.returncode == 0
    return [line for line in output.splitlines() if not line.startswith("data.bin")]  # that is the bar


def test_an_upload_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    source, there = tmp_path / "data.bin", tmp_path / "there"
    there.mkdir()
    source.write_bytes(CONTENT)

    async def main() -> None:
        with serving("tcp://127.0.0.1:0", there) as (server, address):
            async with narrow_link(address) as link:
                with started("client.py", "upload", str(source), link) as client:
                    await some_of(there / "data.bin.partial")
                    server.kill()
                    server.wait()
                    assert not (there / "data.bin").exists()
                    with serving(address, there):
                        interrupted, going_on, done = await finished(client)
        assert interrupted.startswith("interrupted: ")
        assert int(going_on.removeprefix("going on at ")) >= LEAST
        assert done == f"upload done, xxh3 {CHECKSUM}"
        assert (there / "data.bin").read_bytes() == CONTENT

    asyncio.run(main())


def test_a_download_goes_on_after_the_client_was_killed(tmp_path: Path) -> None:
    target, there = tmp_path / "data.bin", tmp_path / "there"
    there.mkdir()
    (there / "data.bin").write_bytes(CONTENT)

    async def main() -> None:
        with serving("tcp://127.0.0.1:0", there) as (_, address):
            async with narrow_link(address) as link:
                with started("client.py", "download", str(target), link) as client:
                    await some_of(tmp_path / "data.bin.partial")
                    client.kill()
                assert not target.exists()
                with started("client.py", "download", str(target), link) as client:
                    going_on, done = await finished(client)
        assert int(going_on.removeprefix("going on at ")) >= LEAST
        assert done == f"download done, xxh3 {CHECKSUM}"
        assert target.read_bytes() == CONTENT

    asyncio.run(main())
