"""Serves streams.thrift: `python server.py [ADDRESS]`."""

import asyncio
import sys
from pathlib import Path

import callosum
from callosum.upper import thrift

streams = thrift.load(str(Path(__file__).with_name("streams.thrift")))


class JobsHandler:
    def __init__(self):
        self.room = set()

    async def tail(self, job):
        if job != "build":
            raise streams.NoSuchJob(job=job)
        number = 0
        try:
            while True:
                yield streams.Line(number=number, text=f"step {number}")
                number += 1
        finally:  # whoever reads has left
            print(f"nobody reads {job} any more", flush=True)

    async def upload(self, name, chunk):
        size = chunks = 0
        async for one in chunk:
            size += len(one)
            chunks += 1
        return streams.Summary(name=name, size=size, chunks=chunks)

    async def chat(self, who, text):
        heard: asyncio.Queue[object] = asyncio.Queue(100)
        self.room.add(heard)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen(who, text, heard))
                while (said := await heard.get()) is not None:
                    yield said
        finally:
            self.room.discard(heard)

    async def _listen(self, who, texts, heard):
        async for text in texts:
            for other in self.room:
                await other.put(streams.Said(who=who, text=text))
        await heard.put(None)  # one that says no more leaves


async def main(address="tcp://127.0.0.1:5030"):
    async with callosum.listen(address, {streams.Jobs: JobsHandler()}) as server:
        print(f"listening on {server.addresses[0]}", flush=True)
        await server.serve_forever()  # a SIGTERM or SIGINT drains, then it returns
    print("drained", flush=True)


asyncio.run(main(*sys.argv[1:]))
