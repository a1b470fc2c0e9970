"""Calls the server of server.py: `python client.py [ADDRESS]`."""

import asyncio
import sys

from echo_idl.echo import Echo, EchoLike, EmptyMessage, ListenerHandler, Tone

import callosum


class MyListener(ListenerHandler):
    async def answer(self, question: str) -> str:
        return f"you asked: {question}"


async def say_all(echo: EchoLike, *messages: str) -> None:
    """Says some messages to whatever has the methods of Echo: a stub, or a handler."""
    for message in messages:
        try:
            reply = await echo.say(message, Tone.LOUD)
        except EmptyMessage as error:
            print(f"refused: {error.reason}")
        else:
            print(reply.message, reply.length, reply.tone.name)


async def main(address: str = "tcp://127.0.0.1:5030") -> None:
    async with callosum.connect(address, [MyListener()]) as peer:
        stub = peer.stub(Echo)  # an EchoStub: editors and type checkers know its methods
        await say_all(stub.with_options(timeout=5.0), "hello", "")
        await stub.poke("are you there?")
        print(await stub.ask_me("who are you?"))


asyncio.run(main(*sys.argv[1:]))
