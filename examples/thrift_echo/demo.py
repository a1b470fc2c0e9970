"""Starts server.py as a process of its own, calls it, and tells what happens.

Exits with 1 where a promise is not kept.
"""

import asyncio
import re
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import callosum
from callosum.testing import TcpProxy
from callosum.upper import thrift

HERE = Path(__file__).parent
echo = thrift.load(str(HERE / "echo.thrift"))


class PromiseBroken(Exception):
    pass


def tell(text):
    print(text, flush=True)


def check(kept, promise):
    if not kept:
        raise PromiseBroken(promise)
    tell(f"  client | {promise}")


class Server:
    """server.py, and what it prints."""

    def __init__(self, process: Process):
        self.process = process
        self.lines: list[str] = []
        self.printed = asyncio.Condition()

    async def relay(self):
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self.printed:
                self.lines.append(line.decode().rstrip())
                tell(f"  server | {self.lines[-1]}")
                self.printed.notify_all()

    async def prints(self, pattern):
        """Wait for a line that matches."""

        def matching():
            return next(filter(None, (re.search(pattern, line) for line in self.lines)), None)

        try:
            async with asyncio.timeout(10), self.printed:
                return await self.printed.wait_for(matching)
        except TimeoutError:
            raise PromiseBroken(f"the server prints {pattern!r}") from None


class ListenerHandler:
    async def answer(self, question):
        return f"the client was asked {question!r}"


async def show_calls(stub, server):
    tell("\nA call, and its answer:")
    reply = await stub.say("hello")
    check((reply.message, reply.length) == ("hello", 5), f"say('hello') returned {reply.message!r}, {reply.length}")

    tell("\nAn exception that the .thrift file declares arrives as itself:")
    try:
        await stub.say("")
    except echo.EmptyMessage as error:
        check(error.reason == "nothing to say", f"say('') raised EmptyMessage: {error.reason}")
    else:
        raise PromiseBroken("say('') raises EmptyMessage")

    tell("\nA oneway: nobody waits for an answer:")
    await stub.poke("wake up")
    await server.prints("poked: wake up")

    tell("\nThe server calls the client back, over the client's own connection:")
    answer = await stub.ask_me("who are you?")
    check(answer == "the client was asked 'who are you?'", f"ask_me(...) returned {answer!r}")


async def show_ends(stub, server):
    tell("\nA deadline of 0.3 s passes, at both sides:")
    start = time.monotonic()
    try:
        async with callosum.deadline(0.3):
            await stub.say_slowly("too slow", 5.0)
    except callosum.DeadlineExceeded as error:
        took = time.monotonic() - start
        check(took < 1, f"DeadlineExceeded after {took:.2f} s, outcome {error.outcome.name}")
    else:
        raise PromiseBroken("the deadline ends the call")
    await server.prints("'too slow'.* was cancelled")

    tell("\nThe client cancels a call, and its handler learns of it:")
    call = asyncio.create_task(stub.say_slowly("never mind", 5.0))
    await asyncio.sleep(0.2)
    call.cancel()
    await asyncio.wait([call])
    check(call.cancelled(), "the task of the call was cancelled")
    await server.prints("'never mind'.* was cancelled")


async def show_cut(stub, server, proxy):
    tell("\nThe connection is cut while a call runs. The session finds itself again, and the call goes on:")
    call = asyncio.create_task(stub.say_slowly("still here", 1.5))
    await asyncio.sleep(0.3)
    proxy.cut()
    tell("    link | cut")
    reply = await call
    check(reply.message == "still here", f"say_slowly(...) returned {reply.message!r}, as if nothing had been")
    runs = sum("'still here') has run" in line for line in server.lines)
    check(runs == 1, "it ran once")


async def show_rate(stub):
    tell("\n10,000 calls, all started at once:")
    start = time.perf_counter()
    replies = await asyncio.gather(*(stub.say(f"message {number}") for number in range(10_000)))
    rate = len(replies) / (time.perf_counter() - start)
    right = all(reply.message == f"message {number}" for number, reply in enumerate(replies))
    check(right, f"10,000 right answers, {rate:,.0f} calls a second")


async def show_drain(stub, server):
    tell("\nThe server gets a SIGTERM while a call runs. It takes no new calls, and finishes this one:")
    call = asyncio.create_task(stub.say_slowly("the last one", 0.8))
    await asyncio.sleep(0.2)
    server.process.terminate()
    reply = await call
    check(reply.message == "the last one", f"say_slowly(...) returned {reply.message!r}")
    async with asyncio.timeout(10):
        status = await server.process.wait()
    await server.prints("drained")
    check(status == 0, "the server has ended, with exit status 0")


async def show_all(server):
    port = int((await server.prints(r"listening on tcp://127\.0\.0\.1:(\d+)"))[1])
    async with (
        TcpProxy("127.0.0.1", port) as proxy,
        callosum.connect(proxy.address, {echo.Listener: ListenerHandler()}) as peer,
    ):
        stub = peer.stub(echo.Echo)
        await show_calls(stub, server)
        await show_ends(stub, server)
        await show_cut(stub, server, proxy)
        await show_rate(stub)
        await show_drain(stub, server)


async def main():
    tell("A server process and a client process, ZeroMQ over tcp:// between them:")
    arguments = [sys.executable, str(HERE / "server.py"), "tcp://127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(*arguments, stdout=PIPE)
    server = Server(process)
    relay = asyncio.create_task(server.relay())
    try:
        async with asyncio.timeout(60):
            await show_all(server)
    except (PromiseBroken, TimeoutError, callosum.CallosumError) as error:
        tell(f"\nNot as promised: {error!r}")
        return 1
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await relay
    tell("\nAll as promised.")
    return 0


sys.exit(asyncio.run(main()))
