"""Sends and fetches files: `python client.py upload|download PATH [ADDRESS]`.

Kill it, or the server, in the middle; start it again: it goes on where it was.
"""

import asyncio
import sys
from contextlib import contextmanager
from pathlib import Path

import callosum
from callosum import files
from callosum.upper import thrift

store = thrift.load(str(Path(__file__).with_name("store.thrift")))


@contextmanager
def progress_bar(title):
    """What `progress=` is given: a bar, where `rich` is installed, else lines."""
    try:
        from rich import progress as rich  # noqa: PLC0415 - whether it is there
    except ModuleNotFoundError:
        yield lambda done, total: print(f"{title}: {done} of {total or '?'}", file=sys.stderr)
        return
    columns = "{task.description}", rich.BarColumn(), rich.DownloadColumn(), rich.TransferSpeedColumn()
    with rich.Progress(*columns) as bars:
        bar = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


async def upload(stub, path):
    offset = await stub.received(path.name)
    if offset:
        print(f"going on at {offset}", flush=True)
    with progress_bar(path.name) as bar:
        return await stub.upload(path.name, files.send(path, offset, progress=bar))


async def download(stub, path):
    offset = await files.offset_of(path)
    if offset:
        print(f"going on at {offset}", flush=True)
    with progress_bar(path.name) as bar:
        received = await files.receive(stub.download(path.name, offset), path, progress=bar)
    return received.checksum


async def main(verb, path, address="tcp://127.0.0.1:5030"):
    transfer = {"upload": upload, "download": download}[verb]
    async with callosum.connect(address, grace=2.0) as peer:
        checksum = None
        while checksum is None:
            try:
                checksum = await transfer(peer.stub(store.Store), Path(path))
            except (callosum.ConnectionLost, callosum.Unavailable, files.TargetBusy) as error:
                print(f"interrupted: {type(error).__name__}", flush=True)
                await asyncio.sleep(0.5)
    print(f"{verb} done, xxh3 {checksum}", flush=True)


asyncio.run(main(*sys.argv[1:]))
