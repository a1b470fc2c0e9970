"""The other side in a process of its own: `python process.py listen` echoes, `python process.py dial ADDRESS` dials.

A listener prints its address. A dialling process says hello, then prints "ready", and stays.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from callosum.lower.zeromq import ZeroMQ
from tests.lower.recorder import PATIENCE, dial, listening

ROOT = Path(__file__).parents[3]


async def _listen() -> None:
    async with listening(ZeroMQ(), "tcp://127.0.0.1:0", echo=True) as server:
        print(server.address, flush=True)
        await asyncio.to_thread(sys.stdin.readline)


async def _dial(address: str) -> None:
    client = await dial(ZeroMQ(), address)
    client.connection.send([b"hello"])
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    client.connection.send([b"goodbye"])
    client.connection.close(linger=1.0)


@contextmanager
def other_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the first line that it printed. It is ended, if it has not ended by itself."""
    command = [sys.executable, "-m", "tests.lower.zeromq.process", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()
            process.wait(PATIENCE)


if __name__ == "__main__":
    main: Any = _listen() if sys.argv[1] == "listen" else _dial(sys.argv[2])
    asyncio.run(main)
