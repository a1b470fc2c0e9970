"""What can be sent."""

from __future__ import annotations

import io
import os

import pytest

import callosum
from callosum.files import SourceChanged, sources, work
from callosum.files.sources import content_of
from tests.files.contents import PAYLOAD, make_file, stream_of
from tests.services import run_real

PIECES = [b"", b"a", b"bc" * 3, b"", b"d" * 50, b"e" * 7]
JOINED = b"".join(PIECES)


async def read_all(source, size, skipped=0):
    content = content_of(source)
    try:
        await content.open()
        await content.skip(skipped)
        pieces = []
        while piece := await content.read(size):
            pieces.append(piece)
        await content.finish()
        return pieces, content
    finally:
        await content.close()


def kinds(folder, data):
    path = make_file(folder, data)
    return {
        "path": path,
        "text": str(path),
        "bytes": data,
        "bytearray": bytearray(data),
        "view": memoryview(data),
        "words": memoryview(data[: len(data) // 4 * 4]).cast("I"),
        "object": io.BytesIO(data),
        "iterable": stream_of([data[i : i + 7] for i in range(0, len(data), 7)]),
        "large": stream_of([data]),
    }


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "bytearray", "view", "words", "object", "iterable", "large"])
@pytest.mark.parametrize("skipped", [0, 1, 64])
def test_all_of_a_source_comes_in_chunks(kind, skipped, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "SKIPPED", 10)
    data = JOINED  # 64 bytes

    async def main() -> None:
        pieces, content = await read_all(kinds(tmp_path, data)[kind], 16, skipped)
        assert b"".join(pieces) == data[skipped:]
        assert all(len(piece) == 16 for piece in pieces[:-1])
        whole, _ = await read_all(data, 1000)
        assert b"".join(whole) == data
        assert content.checksum.digest() == (await read_all(data, 1000))[1].checksum.digest()

    run_real(main())


def test_views_are_sent_where_nothing_need_be_put_together():
    async def main() -> None:
        data = bytearray(b"0123456789")
        pieces, _ = await read_all(data, 4)
        assert [type(piece) for piece in pieces] == [memoryview] * 3
        assert all(piece.obj is data for piece in pieces)
        pieces, _ = await read_all(stream_of([bytes(data), b"", b"ab"]), 10)
        assert pieces[0].obj == bytes(data)

    run_real(main())


def test_sizes_are_known_where_they_can_be(tmp_path):
    async def main() -> None:
        file = io.BytesIO(JOINED)
        file.seek(10)
        pieces, content = await read_all(file, 100)
        assert (content.size, pieces) == (54, [JOINED[10:]])
        assert not file.closed
        assert (await read_all(make_file(tmp_path, JOINED), 9))[1].size == 64
        assert (await read_all(stream_of([b"a"]), 9))[1].size is None
        file.seek(100)
        assert (await read_all(file, 9))[1].size == 0

    run_real(main())


def test_a_pipe_that_is_open_can_be_sent():
    async def main() -> None:
        readable, writable = os.pipe()
        with os.fdopen(readable, "rb") as file:
            with os.fdopen(writable, "wb") as other:
                other.write(JOINED)
            pieces, content = await read_all(file, 10)
            assert (content.size, b"".join(pieces)) == (None, JOINED)

    run_real(main())


@pytest.mark.parametrize("kind", ["path", "bytes", "object", "iterable"])
def test_a_source_that_is_shorter_than_the_offset_has_changed(kind, tmp_path):
    async def main() -> None:
        with pytest.raises(SourceChanged, match="has 64 bytes, and is to be sent from 65"):
            await read_all(kinds(tmp_path, JOINED)[kind], 10, 65)
        assert work._pool is None

    run_real(main())


def test_what_is_no_source_is_said(tmp_path):
    async def main() -> None:
        for wrong, message in [
            (7, "7 cannot be sent: give a path"),
            (memoryview(b"abcd")[::2], "has to be contiguous"),
        ]:
            with pytest.raises(callosum.ConfigurationError, match=message):
                content_of(wrong)  # type: ignore[arg-type]
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(callosum.ConfigurationError, match="no regular file: open it"):
            await read_all(tmp_path / "pipe", 10)
        with pytest.raises(callosum.ConfigurationError, match="gives str: open it in binary mode"):
            await read_all(io.StringIO("text"), 10)
        with pytest.raises(FileNotFoundError):
            await read_all(tmp_path / "missing", 10)
        with pytest.raises(callosum.ConfigurationError, match="no regular file"):
            await read_all(tmp_path, 10)
        assert work._pool is None

    run_real(main())


@pytest.mark.parametrize("change", [b"longer", b""])
def test_a_file_that_is_changed_while_it_is_sent(change, tmp_path):
    async def main() -> None:
        path = make_file(tmp_path)
        content = content_of(path)
        await content.open()
        try:
            first = await content.read(1000)
            if change:
                path.write_bytes(PAYLOAD + change)
            else:
                path.write_bytes(PAYLOAD[:5000])
            size = len(first)
            while piece := await content.read(1000):
                size += len(piece)
            assert size <= len(PAYLOAD)
            with pytest.raises(SourceChanged, match="was changed while it was sent"):
                await content.finish()
        finally:
            await content.close()

    run_real(main())


def test_the_iterable_is_closed():
    closed = []

    async def pieces():
        try:
            yield b"a" * 10
            yield b"b"
        finally:
            closed.append(True)

    async def main() -> None:
        content = content_of(pieces())
        await content.take(3)
        assert not closed
        await content.close()
        assert closed

    run_real(main())
