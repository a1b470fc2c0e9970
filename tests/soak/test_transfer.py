"""1 GiB through a reader that sleeps, each way, over tcp: the memory of neither process grows with it.

``make soak`` runs these, and they print the figures; ``CALLOSUM_SOAK_MEBIBYTES`` sets the size.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xxhash

import callosum
from callosum import files
from tests.soak.transfer_server import MIB, Sleepy, mebibytes, transfer

pytestmark = pytest.mark.soak

SIZE = int(os.environ.get("CALLOSUM_SOAK_MEBIBYTES", "1024"))
WARM_UP = 64
"""Mebibytes before memory is looked at: what comes once is no growth."""
MOST = 48
"""Mebibytes by which each process may grow."""
PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving() -> Iterator[tuple[str, int]]:
    """The address, and the process."""
    command = [sys.executable, "-m", "tests.soak.transfer_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip(), server.pid
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(20) == 0


def resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE


async def watch(processes: list[int], peaks: list[int]) -> None:
    """The largest that each has been."""
    while True:
        peaks[:] = [max(peak, resident(process)) for peak, process in zip(peaks, processes, strict=True)]
        await asyncio.sleep(0.02)


def digest(count: int) -> str:
    checksum = xxhash.xxh3_128()
    for _ in range(count):
        checksum.update(bytes(range(256)) * (MIB // 256))
    return checksum.hexdigest()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not say what lies in memory")
@pytest.mark.parametrize("way", ["down", "up"])
def test_memory_does_not_grow_with_what_a_sleeping_reader_is_sent(way):
    async def transfer_once(stub, count: int) -> str:
        if way == "up":
            return str(await stub.take(files.send(mebibytes(count))))
        return (await files.receive(stub.give(count), Sleepy())).checksum

    async def main() -> None:
        with serving() as (address, process):
            async with callosum.connect(address) as peer:
                stub = peer.stub(transfer.Transfer)
                await transfer_once(stub, WARM_UP)
                gc.collect()
                processes = [process, os.getpid()]
                before = [resident(one) for one in processes]
                peaks = list(before)
                watching = asyncio.create_task(watch(processes, peaks))
                begin = time.perf_counter()
                checksum = await transfer_once(stub, SIZE)
                seconds = time.perf_counter() - begin
                watching.cancel()
                await asyncio.wait([watching])
        grown = [(peak - start) / MIB for peak, start in zip(peaks, before, strict=True)]
        print(f"\n{way}: {SIZE} MiB in {seconds:.1f} s; grown: server {grown[0]:.1f} MiB, client {grown[1]:.1f} MiB")
        assert checksum == digest(SIZE)
        assert max(grown) < MOST

    asyncio.run(main())
