"""The server that is attacked: ``python server.py`` prints its address and echoes until its input ends."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import callosum
from callosum.upper import thrift

echo = thrift.load(str(Path(__file__).with_name("echo.thrift")))


class EchoHandler:
    async def say(self, message: str) -> str:
        return message


def die(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Nothing that a peer sends may be raised into the loop: the test sees that the process has ended."""
    loop.default_exception_handler(context)
    os._exit(1)


async def main() -> None:
    asyncio.get_running_loop().set_exception_handler(die)
    async with callosum.listen("tcp://127.0.0.1:0", {echo.Echo: EchoHandler()}) as server:
        print(server.addresses[0], flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
