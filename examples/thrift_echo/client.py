"""Calls the server of server.py: `python client.py [ADDRESS]`."""

import asyncio
import sys
from pathlib import Path

import callosum
from callosum.upper import thrift

echo = thrift.load(str(Path(__file__).with_name("echo.thrift")))


class ListenerHandler:
    async def answer(self, question):
        return f"you asked: {question}"


async def main(address="tcp://127.0.0.1:5030"):
    async with callosum.connect(address, {echo.Listener: ListenerHandler()}) as peer:
        stub = peer.stub(echo.Echo)
        reply = await stub.say("hello")
        print(reply.message, reply.length)
        try:
            await stub.say("")
        except echo.EmptyMessage as error:
            print(f"the server refused: {error.reason}")
        await stub.poke("are you there?")
        print(await stub.ask_me("who are you?"))


asyncio.run(main(*sys.argv[1:]))
