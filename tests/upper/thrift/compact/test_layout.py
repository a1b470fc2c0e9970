from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift.protocol.TCompactProtocol import fromZigZag, makeZigZag, writeVarint
from thrift.transport.TTransport import TMemoryBuffer

from callosum.upper.thrift import load
from callosum.upper.thrift.compact.layout import (
    I16S,
    I32S,
    I64S,
    SIZES,
    Headers,
    Kind,
    ListHeads,
    MapHeads,
    from_zigzag,
    header,
    is_varint,
    kind_of,
    kinds_of,
    long_header,
    smallest,
    varint,
    zigzag,
)
from callosum.upper.thrift.mismatch import LONGEST, Misfit
from callosum.upper.thrift.spec import (
    BINARY,
    BOOL,
    DOUBLE,
    I8,
    I16,
    I32,
    I64,
    STRING,
    UUID,
    EnumType,
    ListType,
    MapType,
    SetType,
    StructType,
    Type,
    struct_of,
)
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def apaches(number: int) -> bytes:
    buffer = TMemoryBuffer()
    writeVarint(buffer, number)
    written: bytes = buffer.getvalue()
    return written


@given(st.integers(0, 2**64 - 1) | st.sampled_from([2**bits + more for bits in range(1, 64) for more in (-1, 0)]))
def test_varints_are_apaches(number: int) -> None:
    assert varint(number) == apaches(number)


@given(st.integers(-(2**63), 2**63 - 1))
def test_zigzag_is_apaches(number: int) -> None:
    assert zigzag(number) == makeZigZag(number, 64)
    assert from_zigzag(zigzag(number)) == fromZigZag(zigzag(number)) == number


@pytest.mark.parametrize(("signed", "bits"), [(I16S, 16), (I32S, 32), (I64S, 64)])
def test_integers_are_within_their_range(signed: Any, bits: int) -> None:
    for number in (0, 1, -1, 63, 64, -64, -65, 4095, 4096, -4096, -4097, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))):
        assert signed.write(number) == apaches(makeZigZag(number, bits))
        assert signed.kept.get(number, signed.write(number)) == signed.write(number)
    for number in (2 ** (bits - 1), -(2 ** (bits - 1)) - 1):
        with pytest.raises(Misfit):
            signed.write(number)
    assert len(signed.kept) <= 8192


def test_sizes() -> None:
    assert (SIZES[0], SIZES[127], SIZES[128], SIZES[LONGEST]) == (b"\0", b"\x7f", b"\x80\1", b"\xff\xff\xff\xff\7")
    assert LONGEST not in SIZES
    with pytest.raises(Misfit):
        SIZES[LONGEST + 1]


def test_heads_of_containers() -> None:
    heads = ListHeads(I32)
    assert (heads[0], heads[14], heads[15], heads[200]) == (b"\x05", b"\xe5", b"\xf5\x0f", b"\xf5\xc8\1")
    assert ListHeads(BOOL)[1] == b"\x11"
    assert (MapHeads(STRING, BOOL)[0], MapHeads(STRING, BOOL)[2]) == (b"\0", b"\2\x81")


def test_headers_of_fields() -> None:
    assert header(Kind.I32, 5, 2) == b"\x35"
    assert header(Kind.I32, 17, 2) == b"\xf5"
    for last in (1, 5, 6, 200):  # too far, the same, or backwards
        assert header(Kind.I32, 5, last if last != 1 else -11) == long_header(Kind.I32, 5) == b"\x05\x0a"
    (seven,) = [one for one in struct_of(m.Scattered).fields if one.id == 7]
    headers = Headers(seven, Kind.I64)
    assert (headers[0], headers[6], headers[7]) == (b"\x76", b"\x16", b"\x06\x0e")


def test_kinds() -> None:
    kinds: dict[Type, int] = {
        BOOL: 1, I8: 3, I16: 4, I32: 5, I64: 6, DOUBLE: 7, STRING: 8, BINARY: 8, ListType(I8): 9, SetType(I8): 10,
        MapType(I8, I8): 11, StructType(m.Point): 12, UUID: 13, EnumType(m.Colour): 5,
    }  # fmt: skip
    assert {one: kind_of(one) for one in kinds} == kinds
    assert kinds_of(BOOL) == (1, 2)
    assert kinds_of(I8) == (3,)
    assert [one for one in kinds if is_varint(one)] == [I16, I32, I64, EnumType(m.Colour)]
    assert {one: smallest(one) for one in kinds if smallest(one) != 1} == {DOUBLE: 8, UUID: 16}
