"""A server that writes down each call that a handler was given, before it does anything else.

``python server.py PORT JOURNAL``: a line a call, in one write, so that a kill -9 loses none that was begun.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import callosum
from callosum.upper import thrift

journal = thrift.load(str(Path(__file__).with_name("journal.thrift")))


class JournalHandler:
    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def record(self, number: int, seconds: float) -> int:
        os.write(self._file, b"%d\n" % number)
        if seconds:
            await asyncio.sleep(seconds)
        return number


async def main(port: str, path: str) -> None:
    services = {journal.Journal: JournalHandler(path)}
    async with callosum.listen(f"tcp://127.0.0.1:{port}", services) as server:
        print(server.addresses[0], flush=True)
        await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
