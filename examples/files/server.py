"""Keeps files: `python server.py [ADDRESS [FOLDER]]`. Kill it in the middle, and start it again."""

import asyncio
import sys
from pathlib import Path

import callosum
from callosum import files
from callosum.upper import thrift

store = thrift.load(str(Path(__file__).with_name("store.thrift")))


class StoreHandler:
    def __init__(self, folder):
        self.folder = Path(folder)

    def path_of(self, name):
        if not name or name in {".", ".."} or "/" in name or "\0" in name:  # a name is the caller's, a path is ours
            raise callosum.InvalidArgument(f"{name!r} is no name of a file")
        return self.folder / name

    async def received(self, name):
        return await files.offset_of(self.path_of(name))

    async def upload(self, name, chunk):
        received = await files.receive(chunk, self.path_of(name), limit=10 * 2**30)
        print(f"{name}: {received.size} bytes, {received.offset} of them from before", flush=True)
        return received.checksum

    def download(self, name, offset):
        return files.send(self.path_of(name), offset)


async def main(address="tcp://127.0.0.1:5030", folder="."):
    async with callosum.listen(address, {store.Store: StoreHandler(folder)}) as server:
        print(f"listening on {server.addresses[0]}", flush=True)
        await server.serve_forever()
    print("drained", flush=True)


asyncio.run(main(*sys.argv[1:]))
