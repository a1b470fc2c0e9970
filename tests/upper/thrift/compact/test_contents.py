from __future__ import annotations

import uuid
from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.codec import ENCODINGS
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.compact.layout import varint, zigzag
from callosum.upper.thrift.incoming import FEW
from callosum.upper.thrift.spec import StructType, struct_of
from tests.upper.thrift.oracles import IDL, apache_decode, apache_encode, plain

m: Any = load(IDL / "everything.thrift")
IDS = {one.name: one.id for one in struct_of(m.Containers).fields}


def listed(name: str, kind: int, *elements: bytes) -> bytes:
    """A body with one list or set, in the long forms of everything."""
    outer = 10 if name.endswith("set") or name in {"tuples", "groups"} else 9
    head = bytes([outer]) + varint(zigzag(IDS[name])) + bytes([0xF0 | kind]) + varint(len(elements))
    return head + b"".join(elements) + b"\0"


def decode(body: bytes) -> Any:
    return COMPACT.codec_of(m.Containers).decode(body)


@pytest.mark.parametrize("count", [0, 1, 14, 15, FEW, FEW + 1, 5000])
def test_numbers_of_any_count(count: int) -> None:
    for scale in (0, 1, 1000):
        numbers = [(i - 2) * scale % 30_000 for i in range(count)]
        body = COMPACT.codec_of(m.Containers).encode(m.Containers(smalls=numbers, number_set=set(numbers)))
        value = decode(body)
        assert (value.smalls, value.number_set) == (numbers, set(numbers))
        with pytest.raises(DecodeError):
            decode(body[:-1])


def test_numbers_are_of_their_type() -> None:
    assert decode(listed("smalls", 4, b"\xff\xff\3")).smalls == [-(2**15)]
    for name, kind, element, bits in (
        ("smalls", 4, b"\x80\x80\4", 16),
        ("mediums", 5, b"\x80\x80\x80\x80\x10", 32),
        ("larges", 6, b"\x80" * 9 + b"\2", 64),
    ):
        with pytest.raises(DecodeError, match=rf"^Containers\.{name}\[0\]: \d+ does not fit into {bits} bits"):
            decode(listed(name, kind, element))
    with pytest.raises(DecodeError, match=r"^Containers\.larges\[0\]: a number is longer than 10 bytes"):
        decode(listed("larges", 6, b"\x80" * 10 + b"\0"))
    assert decode(listed("larges", 6, b"\x80" * 9 + b"\0")).larges == [0]  # longer than need be: as Apache reads it


def test_counts_beyond_the_input_are_refused_before_anything_is_made() -> None:
    for name, kind in (("flags", 1), ("mediums", 5), ("reals", 7), ("texts", 8), ("points", 12), ("matrix", 9)):
        body = bytes([9]) + varint(zigzag(IDS[name])) + bytes([0xF0 | kind]) + b"\xff\xff\xff\xff\7" + bytes(300)
        with pytest.raises(DecodeError, match=f"{name}: it has 2147483647 elements, and 300 bytes are left"):
            decode(body)
    for body in (b"\x0b\x20\xff\xff\xff\xff\7\x85" + bytes(300), b"\x0b\x20\x80\x80\4\x85" + bytes(300)):
        with pytest.raises(DecodeError, match=r"ages: it has \d+ elements, and 300 bytes are left"):
            decode(body)


def test_the_types_of_elements_are_those_of_the_schema() -> None:
    for body, message in (
        (listed("mediums", 6), r"Containers\.mediums\[\]: the IDL says i32, and the input says i64"),
        (listed("flags", 3), r"Containers\.flags\[\]: the IDL says bool, and the input says i8"),
        (b"\x0b\x20\1\x86\1a\2\0", r"Containers\.ages\.value\[\]: the IDL says i32, and the input says i64"),
        (b"\x0b\x20\1\x55\1a\2\0", r"Containers\.ages\.key\[\]: the IDL says string, and the input says i32"),
        (b"\x09\x20\0\0", r"Containers\.ages: the IDL says map<string, i32>, and the input says list"),
    ):
        with pytest.raises(DecodeError, match=f"^{message}"):
            decode(body)


def test_containers_within_a_container_take_room() -> None:
    rows = [b"\xf5\x3c" + bytes(60)] * 60
    assert decode(listed("matrix", 9, *rows)).matrix == [[0] * 60] * 60
    assert len(decode(listed("matrix", 9, *[b"\x05"] * 20_000)).matrix) == 20_000  # 65 times the input
    with pytest.raises(DecodeError, match=r"Containers\.matrix: its 60000 elements would take far more memory"):
        decode(listed("matrix", 9, *[b"\x05"] * 60_000))
    with pytest.raises(DecodeError, match=r"Containers\.groups: its 60000 elements would take far more memory"):
        decode(listed("groups", 10, *[b"\x08"] * 60_000))


def test_what_is_ordinary_is_never_refused() -> None:
    row = type("Row", (m.Empty.__base__,), {"thrift_spec": {1: (8, "id", False), 2: (11, "name", False)}})
    point = type("Point", (m.Empty.__base__,), {"thrift_spec": {1: (8, "x", False), 2: (8, "y", False)}})
    specs = {1: (15, "rows", (12, row), False), 2: (15, "points", (12, point), False), 3: (15, "ids", 10, False)}
    specs |= {4: (15, "names", 11, False), 5: (13, "ages", (11, 8), False), 6: (14, "set", 10, False)}
    holder: Any = type("Holder", (m.Empty.__base__,), {"thrift_spec": specs})
    keys = [f"k{i:05}".encode() for i in range(100_000)]
    for ident, head, elements in (
        (1, b"\xfc", [b"\x15\x0e\x18\5names\0"] * 100_000),
        (2, b"\xfc", [b"\x15\2\x15\4\0"] * 100_000),
        (3, b"\xf6", [b"\2"] * 300_000),
        (3, b"\xf6", [varint(zigzag(2**40 + i)) for i in range(100_000)]),
        (4, b"\xf8", [b"\1a"] * 300_000),
        (4, b"\xf8", [b"\2ab"] * 300_000),
        (5, b"", [b"\6" + key + b"\2" for key in keys]),
        (6, b"\xf6", [varint(zigzag(2**30 + i)) for i in range(100_000)]),
    ):
        kind = {5: b"\x0b", 6: b"\x0a"}.get(ident, b"\x09")
        size = varint(len(elements)) + (b"\x85" if ident == 5 else b"")
        body = kind + varint(zigzag(ident)) + head + size + b"".join(elements) + b"\0"
        found = next(one for one in vars(COMPACT.codec_of(holder).decode(body)).values() if one)
        assert len(found) == len(elements)


def test_unknown_members_of_an_enum_are_made_once_for_a_body() -> None:
    many = decode(listed("colours", 5, *[b"\x9a\1"] * 20_000)).colours
    assert many == [77] * 20_000
    assert many[0] is many[-1]
    different = listed("colours", 5, *[varint(zigzag(number)) for number in range(100, 20_100)])
    with pytest.raises(DecodeError, match="Containers: the value would take far more memory than the"):
        decode(different)
    assert decode(listed("colours", 5, b"\2", b"\4")).colours == [m.Colour.RED, m.Colour.GREEN]


def uuids() -> Any:
    one, other = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"), uuid.UUID(int=0)
    return m.Uuids(one=one, all=[one, other], some={one, other}, names={one: "a"})


@pytest.mark.parametrize("name", ["thrift-binary", "thrift-compact"])
def test_uuids_are_sixteen_bytes_the_first_first(name: str) -> None:
    (encoding,) = [one for one in ENCODINGS if one.name == name]
    codec, value = encoding.codec_of(m.Uuids), uuids()
    body = codec.encode(value)
    assert value.one.bytes in body
    assert body == apache_encode(value, name)
    assert apache_decode(m.Uuids, body, name) == plain(StructType(m.Uuids), value)
    assert codec.decode(body) == value
    for length in range(len(body)):
        with pytest.raises(DecodeError):
            codec.decode(body[:length])


def test_uuids_of_one_hash_are_refused() -> None:
    same = [((2**61 - 1) * number).to_bytes(16, "big") for number in range(65)]
    assert {hash(uuid.UUID(bytes=one)) for one in same} == {0}
    compact = b"\x3a\xfd\x41" + b"".join(same) + b"\0"
    binary = b"\x0e\0\3\x10\0\0\0\x41" + b"".join(same) + b"\0"
    for codec, body in ((COMPACT.codec_of(m.Uuids), compact), (BINARY.codec_of(m.Uuids), binary)):
        with pytest.raises(DecodeError, match="more than 64 elements with the same hash"):
            codec.decode(body)
