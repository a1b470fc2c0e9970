"""Serves echo.thrift: `python server.py [ADDRESS]`."""

import asyncio
import sys

from echo_idl.echo import Echoed, EchoHandler, EmptyMessage, Listener, Tone

import callosum


class MyEcho(EchoHandler):
    async def say(self, message: str, tone: Tone = Tone.PLAIN) -> Echoed:
        if not message:
            raise EmptyMessage("nothing to say")
        said = message.upper() if tone is Tone.LOUD else message
        return Echoed(said, len(said), tone=tone)

    async def poke(self, message: str) -> None:
        print(f"poked: {message}", flush=True)

    async def ask_me(self, question: str) -> str:
        return await callosum.current_peer().stub(Listener).answer(question)


async def main(address: str = "tcp://127.0.0.1:5030") -> None:
    async with callosum.listen(address, [MyEcho()]) as server:
        print(f"listening on {server.addresses[0]}", flush=True)
        await server.serve_forever()  # a SIGTERM or SIGINT drains, then it returns
    print("drained", flush=True)


asyncio.run(main(*sys.argv[1:]))
