"""Contents that travel: from one side of a session to the other, and what is left where they do not arrive."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import xxhash

import callosum
from callosum import files
from callosum.errors import InvalidArgument, Outcome, ResourceExhausted
from callosum.files import work
from callosum.files.partial import partial_of
from callosum.upper import thrift
from tests.files.contents import CHUNK, PAYLOAD, items_of, make_file, spoilt, stream_of
from tests.services import new_address, run_real

idl = thrift.load(str(Path(__file__).parent / "files.thrift"))
SIZE = len(PAYLOAD)
CHECKSUM = xxhash.xxh3_128_hexdigest(PAYLOAD)


class Folder:
    """Serves the files of a folder."""

    def __init__(self, folder, limit=None):
        self.folder = folder
        self.limit = limit
        self.count = 0
        self.ended = asyncio.Event()

    async def size(self, name):
        return (self.folder / name).stat().st_size

    def download(self, name, offset):
        return files.send(self.folder / name, offset, chunk_size=CHUNK)

    async def upload(self, name, chunk):
        try:
            received = await files.receive(self.counted(chunk), self.folder / name, limit=self.limit)
        finally:
            self.ended.set()
        return received.checksum

    async def counted(self, chunk):
        async for item in chunk:
            self.count += 1
            yield item

    async def have(self, name):
        return await files.offset_of(self.folder / name)


@asynccontextmanager
async def serving(folder, **options):
    folder.mkdir()
    handler = Folder(folder, **options)
    address = new_address()
    async with callosum.listen(address, {idl.Files: handler}), callosum.connect(address) as peer:
        yield peer.stub(idl.Files), handler
    assert work._pool is None


def test_down_and_up(tmp_path):
    async def main() -> None:
        async with serving(tmp_path / "served") as (stub, _):
            make_file(tmp_path / "served")
            here = tmp_path / "here"
            received = await files.receive(stub.download("source.bin", 0), here)
            assert received == files.Received(SIZE, 0, CHECKSUM)
            assert here.read_bytes() == PAYLOAD
            assert await stub.upload("up", files.send(here)) == CHECKSUM
            assert await stub.upload("empty", files.send(b"")) == xxhash.xxh3_128_hexdigest(b"")
            assert (tmp_path / "served" / "up").read_bytes() == PAYLOAD

    run_real(main())


def test_more_than_any_window_goes_through(tmp_path):
    async def main() -> None:
        content = PAYLOAD * 30
        async with serving(tmp_path / "served") as (stub, _):
            assert await stub.upload("up", files.send(content)) == xxhash.xxh3_128_hexdigest(content)
            assert (tmp_path / "served" / "up").read_bytes() == content

    run_real(main())


def test_going_on_from_where_it_broke_off(tmp_path):
    async def main() -> None:
        path = tmp_path / "target"
        items = await items_of(PAYLOAD)
        with pytest.raises(files.Truncated, match=f"ended after {2 * CHUNK} of {SIZE} bytes"):
            await files.receive(stream_of(items[:3]), path)
        assert not path.exists()
        assert await files.offset_of(path) == 2 * CHUNK
        told = []
        received = await files.receive(
            files.send(PAYLOAD, 2 * CHUNK), path, progress=lambda done, total: told.append((done, total))
        )
        assert received == files.Received(SIZE, 2 * CHUNK, CHECKSUM)
        assert told[0] == (2 * CHUNK, SIZE)
        assert told[-1] == (SIZE, SIZE)
        assert path.read_bytes() == PAYLOAD
        assert await files.offset_of(path) == 0

    run_real(main())


def test_the_sender_may_begin_before_what_is_here(tmp_path):
    async def main() -> None:
        path = tmp_path / "target"
        partial_of(path).write_bytes(PAYLOAD[:1000] + b"damaged")
        assert (await files.receive(files.send(PAYLOAD, 1000), path)).offset == 1000
        assert path.read_bytes() == PAYLOAD

    run_real(main())


def test_a_source_that_is_another_one_meanwhile(tmp_path):
    async def main() -> None:
        async with serving(tmp_path / "served") as (stub, _):
            partial_of(tmp_path / "served" / "up").write_bytes(b"x" * 1000)
            with pytest.raises(InvalidArgument, match="Begin again, at 0") as caught:
                await stub.upload("up", files.send(PAYLOAD, await stub.have("up")))
            assert caught.value.details == {"transfer": "source-changed"}
            assert await stub.have("up") == 0
            assert await stub.upload("up", files.send(PAYLOAD, 0)) == CHECKSUM
            with pytest.raises(InvalidArgument, match="the source has"):
                await files.receive(stub.download("up", SIZE + 1), tmp_path / "here")

    run_real(main())


def test_cancelled_in_the_middle_nothing_is_lost(tmp_path):
    async def main() -> None:
        async with serving(tmp_path / "served") as (stub, handler):
            items = await items_of(PAYLOAD)

            async def some():
                for item in items[:4]:
                    yield item
                await asyncio.Event().wait()

            call = asyncio.create_task(stub.upload("up", some()))
            while handler.count < 4:
                await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await handler.ended.wait()
            have = await stub.have("up")
            assert have == 3 * CHUNK
            assert PAYLOAD.startswith((tmp_path / "served" / "up.partial").read_bytes())
            assert await stub.upload("up", files.send(PAYLOAD, have)) == CHECKSUM

    run_real(main())


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda items: items.pop(), files.Truncated),
        (lambda items: items.pop(2), files.Corrupted),
        (lambda items: items.insert(1, items.pop(2)), files.Corrupted),
        (lambda items: items.insert(1, items[1]), files.Corrupted),
        (lambda items: items.__setitem__(2, bytes(len(items[2]))), files.Corrupted),
        (lambda items: items.pop(0), files.Corrupted),
        (lambda items: items.append(b"more"), files.Corrupted),
        (lambda items: items.clear(), files.Truncated),
    ],
)
def test_what_is_not_whole_never_has_the_name(change, kind, tmp_path):
    async def main() -> None:
        target = tmp_path / "target"
        with pytest.raises(kind):
            await files.receive(spoilt(PAYLOAD, change), target)
        assert not target.exists()
        have = await files.offset_of(target)
        await files.receive(files.send(PAYLOAD, have), target)
        assert target.read_bytes() == PAYLOAD

    run_real(main())
    assert work._pool is None


def test_a_limit_holds_before_the_disk_is_full(tmp_path):
    async def main() -> None:
        async with serving(tmp_path / "served", limit=1000) as (stub, _):
            with pytest.raises(ResourceExhausted, match="the receiver takes 1000") as caught:
                await stub.upload("up", files.send(PAYLOAD))
            assert caught.value.outcome is Outcome.EXECUTED
            assert await stub.have("up") == 0

    run_real(main())


def test_errors_of_the_system_are_what_they_are(tmp_path):
    async def main() -> None:
        async with serving(tmp_path / "served") as (stub, _):
            with pytest.raises(FileNotFoundError):
                await stub.upload("up", files.send(tmp_path / "missing"))
            make_file(tmp_path / "served")
            with pytest.raises(FileNotFoundError):
                await files.receive(stub.download("source.bin", 0), tmp_path / "no" / "folder")
            (tmp_path / "folder").mkdir()
            with pytest.raises(OSError, match="directory"):
                await files.receive(stub.download("source.bin", 0), tmp_path / "folder")

    run_real(main())


def test_what_the_other_side_raises_comes_out(tmp_path, caplog):
    async def main() -> None:
        async with serving(tmp_path / "served") as (stub, _):
            with pytest.raises(callosum.Internal):
                await files.receive(stub.download("missing", 0), tmp_path / "here")
            assert list(tmp_path.iterdir()) == [tmp_path / "served"]

    run_real(main())
    assert "FileNotFoundError" in caplog.text


def test_a_wrong_target_leaves_no_stream_behind(tmp_path):
    async def main() -> None:
        async with serving(tmp_path / "served") as (stub, _):
            with pytest.raises(callosum.ConfigurationError, match="cannot be received into"):
                await files.receive(stub.download("missing", 0), 7)  # type: ignore[arg-type]

    run_real(main())


def test_a_deadline_is_a_deadline(tmp_path):
    async def main() -> None:
        async def late():
            yield (await items_of(PAYLOAD))[0]
            raise callosum.DeadlineExceeded("too late")

        with pytest.raises(callosum.DeadlineExceeded):
            await files.receive(late(), tmp_path / "here")

    run_real(main())


def test_what_is_here_can_be_thrown_away(tmp_path):
    async def main() -> None:
        path = tmp_path / "target"
        await files.discard(path)
        partial_of(path).write_bytes(b"abc")
        assert await files.offset_of(str(path)) == 3
        await files.discard(path)
        assert await files.offset_of(path) == 0

    run_real(main())


def test_large_items_are_not_copied():
    """Over tcp: what the handler's consumer gets are views of received frames, as is what the caller's gets."""
    content = PAYLOAD * 2

    class Kinds(Folder):
        def download(self, name, offset):
            return files.send(content)

        async def upload(self, name, chunk):
            self.kinds = await kinds_of(chunk)
            return ""

    async def kinds_of(stream):
        kinds = []

        async def look(piece):
            kinds.append(type(piece.obj))

        await files.receive(stream, look)
        return kinds

    async def main() -> None:
        handler = Kinds(Path())
        server = callosum.listen("tcp://127.0.0.1:0", {idl.Files: handler})
        async with server, callosum.connect(server.addresses[0]) as peer:
            stub = peer.stub(idl.Files)
            down = await kinds_of(stub.download("x", 0))
            await stub.upload("x", files.send(content))
            assert len(down) == len(handler.kinds) == 1
            assert bytes not in down + handler.kinds

    run_real(main())
