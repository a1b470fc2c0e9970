"""Streams from and to the server of server.py: `python client.py [ADDRESS]`."""

import asyncio
import sys
from pathlib import Path

import callosum
from callosum.upper import thrift

streams = thrift.load(str(Path(__file__).with_name("streams.thrift")))


async def tail(jobs):
    async for line in jobs.tail("build"):
        print(line.number, line.text)
        if line.number == 2:
            break  # the handler is cancelled
    try:
        async for line in jobs.tail("nothing"):
            print(line)
    except streams.NoSuchJob as error:
        print(f"there is no job {error.job}")


async def chunks():
    for _ in range(100):
        yield bytes(10_000)


async def upload(jobs):
    summary = await jobs.upload("zeros", chunks())
    print(f"{summary.name}: {summary.size} bytes in {summary.chunks} chunks")


async def chat(jobs):
    async with jobs.chat("ann") as ann, jobs.chat("bob") as bob:
        for one, text in ((ann, "is anybody here?"), (bob, "hello ann")):
            await one.send(text)
            said = await anext(ann)  # ann hears all that is said from her own first words on
            print(f"{said.who}: {said.text}")
        await ann.end()
        async for said in ann:
            print(said)
        print("ann has left")


async def main(address="tcp://127.0.0.1:5030"):
    async with callosum.connect(address) as peer:
        jobs = peer.stub(streams.Jobs)
        await tail(jobs)
        await upload(jobs)
        await chat(jobs)


asyncio.run(main(*sys.argv[1:]))
