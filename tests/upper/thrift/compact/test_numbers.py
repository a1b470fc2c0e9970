from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callosum.upper.thrift.compact.layout import I16S, I32S, I64S, Signed, varint, zigzag
from callosum.upper.thrift.compact.numbers import (
    BOOLS,
    SMALL,
    bools,
    numbers,
    read_doubles,
    read_i16,
    read_i32,
    read_i64,
    read_id,
    read_numbers,
    read_size,
)
from callosum.upper.thrift.fault import PADDING, Fault, NoRoom
from callosum.upper.thrift.footprint import INTEGER
from callosum.upper.thrift.mismatch import Misfit

READERS: list[tuple[Callable[[bytes, int], tuple[int, int]], int]] = [(read_i16, 16), (read_i32, 32), (read_i64, 64)]
TABLES: list[tuple[Signed, int]] = [(I16S, 16), (I32S, 32), (I64S, 64)]


def packed(*values: int) -> bytes:
    return b"".join(varint(zigzag(value)) for value in values)


@pytest.mark.parametrize(("read", "bits"), READERS)
def test_integers_of_more_than_a_byte(read: Callable[[bytes, int], tuple[int, int]], bits: int) -> None:
    values = [value for shift in range(6, bits) for value in ((1 << shift) - 1, -(1 << shift))]
    for value in values[1:]:
        data = packed(value)
        if len(data) > 1:
            assert read(b"x" + data + PADDING, 1) == (value, 1 + len(data))
    longest = 10 if bits == 64 else 5
    assert read(b"\x80" * (longest - 1) + b"\0" + PADDING, 0) == (0, longest)  # no longer than it may be
    for data in (varint(1 << bits), b"\x80" * longest + b"\0", b"\xff" * 20):
        with pytest.raises(Fault):
            read(data + PADDING, 0)


@pytest.mark.parametrize(("table", "bits"), TABLES)
def test_lists_of_integers(table: Signed, bits: int) -> None:
    ends = st.sampled_from([-(1 << bits - 1), (1 << bits - 1) - 1])

    @given(st.lists(st.integers(-70, 70) | st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) | ends))
    def check(values: list[int]) -> None:
        data = numbers(values, table)
        assert data == packed(*values)
        room = [10_000, "else"]
        assert read_numbers(b"x" + data + PADDING, 1, len(values), bits, room) == (values, 1 + len(data))
        assert room[0] == 10_000 - INTEGER * sum(not -64 <= value < 64 for value in values)

    check()
    with pytest.raises(Misfit):
        numbers([1, 1 << bits - 1], table)


def test_integers_of_one_byte_take_no_memory() -> None:
    values, _ = read_numbers(bytes(range(128)) + PADDING, 0, 128, 32, [0])
    assert values == [*SMALL]
    assert all(one is other for one, other in zip(values, SMALL, strict=True))
    with pytest.raises(NoRoom):
        read_numbers(packed(64) + PADDING, 0, 1, 32, [INTEGER - 1])


@pytest.mark.parametrize(
    ("data", "count", "bits"),
    [
        (b"", 300, 32),
        (b"\x80" * 5 + b"\0", 1, 32),
        (b"\x80" * 10 + b"\0", 1, 64),
        (b"\xff\xff\xff\xff\x1f", 1, 32),
        (b"\x80\x80\x04", 1, 16),
        (b"\xff" * 9 + b"\2", 1, 64),
    ],
)
def test_lists_that_cannot_be(data: bytes, count: int, bits: int) -> None:
    with pytest.raises(Fault):
        read_numbers(data + PADDING, 0, count, bits, [10**6])


def test_bools() -> None:
    assert bools([True, False]) == b"\1\2"
    assert [BOOLS[byte] for byte in b"\0\1\2"] == [False, True, False]


@pytest.mark.parametrize("count", [0, 1, 4096, 4097])
def test_doubles_are_the_other_way_round(count: int) -> None:
    assert read_doubles(b"x" + b"\0\0\0\0\0\0\xf8\x3f" * count, 1, count) == ([1.5] * count, 1 + 8 * count)
    with pytest.raises(Fault):
        read_doubles(bytes(8 * count + 7), 0, count + 1)


def test_sizes_and_ids() -> None:
    assert read_size(b"\x7f" + PADDING, 0) == (127, 1)
    assert read_size(b"\xff\xff\xff\xff\x07" + PADDING, 0) == (2**31 - 1, 5)
    with pytest.raises(Fault):
        read_size(b"\x80\x80\x80\x80\x08" + PADDING, 0)
    assert read_id(b"\x0e" + PADDING, 0) == (7, 0)
    assert read_id(packed(-32768) + PADDING, 0) == (-32768, 2)
    with pytest.raises(Fault):
        read_id(packed(32768) + PADDING, 0)
