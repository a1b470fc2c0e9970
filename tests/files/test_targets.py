"""Where a content can go."""

from __future__ import annotations

import asyncio
import errno
import io
import os

import pytest

import callosum
from callosum import files
from callosum.files import Corrupted, TooLarge, WrongOffset, partial, targets, work
from callosum.files.partial import partial_of
from callosum.files.targets import FileTarget, sink_of
from tests.files.contents import PAYLOAD, items_of, spoilt, stream_of
from tests.services import run_real


def flip(items):
    items[2] = b"x" + items[2][1:]


async def received(target, items=None, **options):
    result = await files.receive(stream_of(items or await items_of(PAYLOAD)), target, **options)
    assert result.size == len(PAYLOAD)
    assert work._pool is None


def test_a_path(tmp_path):
    run_real(received(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == PAYLOAD
    run_real(received(str(tmp_path / "target")))
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize(
    "make",
    [
        bytearray,
        lambda data: memoryview(bytearray(data)),
        lambda data: memoryview(bytearray(data + b"xyz"[: -len(data) % 4])).cast("I"),
    ],
)
def test_a_buffer(make):
    buffer = make(bytes(len(PAYLOAD)))
    run_real(received(buffer))
    assert bytes(buffer)[: len(PAYLOAD)] == PAYLOAD


def test_a_buffer_is_large_enough_and_writable():
    async def main() -> None:
        for known in (PAYLOAD, stream_of([PAYLOAD])):
            with pytest.raises(TooLarge, match="or more, and the buffer 1000"):
                await files.receive(stream_of(await items_of(known)), bytearray(1000))
        with pytest.raises(callosum.ConfigurationError, match="writable and contiguous"):
            await files.receive(stream_of([]), memoryview(b"abc"))

    run_real(main())


def test_a_consumer_is_given_views():
    taken = []

    async def take(piece: memoryview) -> None:
        taken.append(piece)

    run_real(received(take))
    assert all(isinstance(piece, memoryview) for piece in taken)
    assert b"".join(taken) == PAYLOAD


def test_a_file_that_is_open(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        run_real(received(file))
        assert (tmp_path / "file").read_bytes() == PAYLOAD
        assert not file.closed
    raw = io.BytesIO(b"abc")
    raw.seek(3)
    run_real(received(raw))
    assert raw.getvalue() == b"abc" + PAYLOAD


class Slow(io.RawIOBase):
    def __init__(self, most):
        self.most = most
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data[: self.most]
        return min(len(data), self.most)


def test_a_file_that_takes_little_at_a_time():
    file = Slow(1000)
    run_real(received(file))
    assert file.data == PAYLOAD


def test_a_file_that_takes_nothing():
    with pytest.raises(callosum.ConfigurationError, match="takes no more"):
        run_real(received(Slow(0)))
    assert work._pool is None


def test_an_empty_content(tmp_path):
    async def main() -> None:
        for target in (tmp_path / "target", io.BytesIO(), bytearray()):
            assert (await files.receive(files.send(b""), target)).size == 0

    run_real(main())
    assert (tmp_path / "target").read_bytes() == b""


@pytest.mark.parametrize("make", [lambda: bytearray(len(PAYLOAD)), io.BytesIO])
def test_what_is_no_path_is_checked_and_begins_at_0(make):
    async def main() -> None:
        with pytest.raises(Corrupted, match="Do not use it"):
            await files.receive(spoilt(PAYLOAD, flip), make())
        with pytest.raises(WrongOffset, match="only a target that is a path"):
            await files.receive(files.send(PAYLOAD, 5), make())

    run_real(main())


def test_what_is_no_target_is_said():
    with pytest.raises(callosum.ConfigurationError, match="7 cannot be received into"):
        sink_of(7)  # type: ignore[arg-type]


def test_small_pieces_are_written_together(tmp_path, monkeypatch):
    writes: list[int] = []
    write = partial.PartialFile.write

    def counted(self, pieces):
        writes.append(len(pieces))
        write(self, pieces)

    monkeypatch.setattr(partial.PartialFile, "write", counted)
    monkeypatch.setattr(targets, "GATHERED", 100_000)
    run_real(received(tmp_path / "target", run_real(items_of(PAYLOAD, chunk_size=1000))))
    assert writes == [100, 100, 100, 1, 0]


def test_a_full_disk_comes_out_and_what_was_written_stays(tmp_path, monkeypatch):
    writev, count = os.writev, 0

    def full(descriptor, pieces):
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return writev(descriptor, pieces)

    monkeypatch.setattr(os, "writev", full)
    monkeypatch.setattr(targets, "GATHERED", 50_000)
    with pytest.raises(OSError, match="No space"):
        run_real(received(tmp_path / "target"))
    monkeypatch.undo()
    kept = partial_of(tmp_path / "target").read_bytes()
    assert kept
    assert PAYLOAD.startswith(kept)
    assert not targets._owners
    assert work._pool is None


def test_a_later_transfer_takes_the_file_over(tmp_path):
    async def main() -> None:
        items = await items_of(PAYLOAD)
        path = tmp_path / "target"
        first: asyncio.Queue[bytes] = asyncio.Queue()

        async def stuck():
            while True:
                yield await first.get()

        for item in items[:3]:
            first.put_nowait(item)
        waiting = asyncio.create_task(files.receive(stuck(), path))
        while not first.empty():
            await asyncio.sleep(0.001)
        assert (await files.receive(files.send(PAYLOAD), path)).size == len(PAYLOAD)
        with pytest.raises(files.TargetBusy, match="a later transfer"):
            await waiting
        assert path.read_bytes() == PAYLOAD
        assert not targets._owners

    run_real(main())


def test_others_of_this_process_are_refused(tmp_path):
    """A loop in another thread has it."""

    async def main() -> None:
        sink = FileTarget(tmp_path / "target")
        items = await items_of(PAYLOAD)
        await sink.open(files.envelope.decode_head(items[0]))
        try:
            with pytest.raises(files.TargetBusy, match="by another process"):
                await asyncio.to_thread(asyncio.run, files.receive(files.send(PAYLOAD), tmp_path / "target"))
        finally:
            await sink.close()
        assert not (tmp_path / "target").exists()

    run_real(main())
