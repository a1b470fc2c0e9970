from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.binary.contents import BOOLS
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.fault import BYTES
from callosum.upper.thrift.incoming import FEW
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def decode(body: bytes) -> Any:
    return codec_of(m.Containers).decode(body)


def test_bytes_are_looked_up() -> None:
    assert BOOLS == (False, True)
    assert list(BYTES) == [int.from_bytes([byte], "big", signed=True) for byte in range(256)]
    assert decode(b"\x0f\0\2\x03" + u32(3) + b"\x80\xff\x7f\0").tinies == [-128, -1, 127]


@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, 5000])
def test_numbers_of_any_count(count: int) -> None:
    numbers = [i - 2 for i in range(count)]
    packed = b"".join((number & 0xFFFF).to_bytes(2, "big") for number in numbers)
    body = b"\x0f\0\3\x06" + u32(count) + packed + b"\0"
    assert decode(body).smalls == numbers
    assert BINARY.fields_decoder(struct_of(m.Containers), "x")(body)[2] == numbers
    with pytest.raises(DecodeError):
        decode(body[:-1])


def test_containers_within_a_container_take_room() -> None:
    """Those of a body itself may take none; those within them can be many."""
    rows = (b"\x08" + u32(60) + bytes(240)) * 60
    body = b"\x0f\0\x14\x0f" + u32(60) + rows + b"\0"
    assert decode(body).matrix == [[0] * 60] * 60
    empty = b"\x0f\0\x14\x0f" + u32(60_000) + (b"\x08" + u32(0)) * 60_000 + b"\0"
    assert len(decode(empty).matrix) == 60_000  # 13 times the input
    groups = b"\x0e\0\x16\x0e" + u32(60_000) + (b"\x0b" + u32(0)) * 60_000 + b"\0"
    for decoder in (decode, BINARY.fields_decoder(struct_of(m.Containers), "Containers")):
        with pytest.raises(DecodeError, match=r"Containers\.groups: its 60000 elements would take far more memory"):
            decoder(groups)


def test_unknown_members_of_an_enum_are_made_once_for_a_body() -> None:
    many = decode(b"\x0f\0\x09\x08" + u32(20_000) + u32(77) * 20_000 + b"\0").colours
    assert many == [77] * 20_000
    assert many[0] is many[-1]
    different = b"\x0f\0\x09\x08" + u32(20_000) + b"".join(map(u32, range(100, 20_100))) + b"\0"
    with pytest.raises(DecodeError, match="Containers: the value would take far more memory than the 80009 bytes"):
        decode(different)


@pytest.mark.parametrize("count", [1000, 19_661, 50_000, 65_536, 78_650])
def test_sets_of_numbers_are_not_refused_for_their_tables(count: int) -> None:
    holder: Any = type("Holder", (m.Empty.__base__,), {"thrift_spec": {1: (14, "numbers", 8, False)}})
    body = b"\x0e\0\1\x08" + u32(count) + b"".join(map(u32, range(300, 300 + count))) + b"\0"
    assert codec_of(holder).decode(body).numbers == set(range(300, 300 + count))


def test_what_is_ordinary_is_never_refused() -> None:
    row = type("Row", (m.Empty.__base__,), {"thrift_spec": {1: (8, "id", False), 2: (11, "name", False)}})
    wide = type("Wide", (m.Empty.__base__,), {"thrift_spec": {i: (8, f"f{i}", False) for i in range(1, 21)}})
    one = type("One", (m.Empty.__base__,), {"thrift_spec": {1: (2, "flag", False)}})
    specs = {1: (15, "rows", (12, row), False), 2: (15, "wides", (12, wide), False), 3: (15, "ones", (12, one), False)}
    holder: Any = type("Holder", (m.Empty.__base__,), {"thrift_spec": specs})
    for ident, name, element, count in (
        (1, "rows", b"\x08\0\1" + u32(7) + b"\x0b\0\2" + u32(0) + b"\0", 100_000),
        (2, "wides", b"\x08\0\3" + u32(7) + b"\x08\0\x11" + u32(7) + b"\0", 5_000),
        (2, "wides", b"\x08\0\3" + u32(7) + b"\0", 1_000),
        (3, "ones", b"\2\0\1\1\0", 100_000),
    ):
        body = b"\x0f" + ident.to_bytes(2, "big") + b"\x0c" + u32(count) + element * count + b"\0"
        assert len(getattr(codec_of(holder).decode(body), name)) == count
