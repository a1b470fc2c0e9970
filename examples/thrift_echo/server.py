"""Serves echo.thrift: `python server.py [ADDRESS]`."""

import asyncio
import sys
from pathlib import Path

import callosum
from callosum.upper import thrift

echo = thrift.load(str(Path(__file__).with_name("echo.thrift")))


class EchoHandler:
    async def say(self, message):
        if not message:
            raise echo.EmptyMessage(reason="nothing to say")
        return echo.Echoed(message=message, length=len(message))

    async def say_slowly(self, message, seconds):
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            print(f"say_slowly({message!r}) was cancelled", flush=True)
            raise
        print(f"say_slowly({message!r}) has run", flush=True)
        return echo.Echoed(message=message, length=len(message))

    async def poke(self, message):
        print(f"poked: {message}", flush=True)

    async def ask_me(self, question):
        return await callosum.current_peer().stub(echo.Listener).answer(question)


async def main(address="tcp://127.0.0.1:5030"):
    async with callosum.listen(address, {echo.Echo: EchoHandler()}) as server:
        print(f"listening on {server.addresses[0]}", flush=True)
        await server.serve_forever()  # a SIGTERM or SIGINT drains, then it returns
    print("drained", flush=True)


asyncio.run(main(*sys.argv[1:]))
