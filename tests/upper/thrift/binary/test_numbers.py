from __future__ import annotations

import struct

import pytest

from callosum.upper.thrift.binary.numbers import Unpackers, numbers_in_parts
from callosum.upper.thrift.fault import Fault


def test_unpackers_are_remembered_where_they_are_few() -> None:
    unpackers = Unpackers("h")
    for count in (0, 3, 64, 65):
        packed = struct.pack(f"!{count}h", *range(count))
        assert unpackers[count](packed, 0) == tuple(range(count))
    assert set(unpackers) == {0, 3, 64}


@pytest.mark.parametrize("count", [0, 1, 4096, 4097, 10_000])
def test_many_numbers_are_read_in_parts(count: int) -> None:
    packed = b"x" + struct.pack(f"!{count}i", *range(count))
    assert numbers_in_parts("i", count, packed, 1) == list(range(count))
    with pytest.raises(Fault):
        numbers_in_parts("i", count + 1, packed, 1)
