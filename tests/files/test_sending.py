"""The items that are sent."""

from __future__ import annotations

import pytest

import callosum
from callosum import files
from callosum.files import work
from callosum.files.envelope import END, Tail, decode_head
from tests.files.contents import CHUNK, PAYLOAD, items_of, make_file
from tests.services import run_real

SIZE = len(PAYLOAD)


@pytest.mark.parametrize("offset", [0, 1, CHUNK, SIZE])
def test_a_head_the_content_and_a_tail(offset, tmp_path):
    async def main() -> None:
        from_file = await items_of(make_file(tmp_path), offset)
        assert from_file == await items_of(PAYLOAD, offset)
        head, *content, end, tail = from_file
        assert decode_head(head).size == SIZE
        assert decode_head(head).offset == offset
        assert b"".join(content) == PAYLOAD[offset:]
        assert all(len(item) == CHUNK for item in content[:-1])
        assert end == END
        digest = decode_head((await items_of(PAYLOAD, SIZE))[0]).digest
        assert tail == Tail(SIZE, digest).encode()

    run_real(main())


def test_nothing_is_opened_before_it_is_iterated_over(tmp_path):
    async def main() -> None:
        sending = files.send(tmp_path / "missing")
        with pytest.raises(FileNotFoundError):
            await anext(sending)

    run_real(main())


def test_left_in_the_middle_it_closes_the_file(tmp_path):
    async def main() -> None:
        sending = files.send(make_file(tmp_path), chunk_size=1000)
        async for _ in sending:
            break
        assert work._pool is not None
        await sending.aclose()
        assert work._pool is None

    run_real(main())


def test_progress_counts_what_was_taken(tmp_path):
    async def main() -> None:
        told = []
        sending = files.send(
            make_file(tmp_path), CHUNK, chunk_size=CHUNK, progress=lambda done, total: told.append((done, total))
        )
        await anext(sending)
        assert not told
        async for _ in sending:
            pass
        assert told[0] == (CHUNK, SIZE)
        assert told[-1] == (SIZE, SIZE)

    run_real(main())


@pytest.mark.parametrize("wrong", [{"offset": -1}, {"chunk_size": 0}])
def test_numbers_are_checked_at_once(wrong):
    with pytest.raises(callosum.ConfigurationError, match="give numbers from 0, and from 1"):
        files.send(b"", **wrong)
