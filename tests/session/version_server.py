"""A server for the service Echo of a .thrift file: ``python version_server.py FILE``. It ends when its stdin does."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import callosum
from callosum.upper import thrift


class EchoHandler:
    async def say(self, message: str, *_: Any) -> str:
        return message

    async def poke(self, message: str) -> None:
        """Poked."""


async def serve(path: str) -> None:
    service = thrift.load(path).Echo
    async with callosum.listen("tcp://127.0.0.1:0", {service: EchoHandler()}) as server:
        print(server.addresses[0], flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
