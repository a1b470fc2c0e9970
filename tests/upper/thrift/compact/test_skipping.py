from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TProtocol import TType
from thrift.transport.TTransport import TMemoryBuffer

from callosum.upper.thrift.compact.layout import Kind, varint
from callosum.upper.thrift.compact.skipping import pass_fields, skip, skip_elements
from callosum.upper.thrift.fault import FAULTS, PADDING, Fault, NoRoom
from callosum.upper.thrift.spec import MAX_DEPTH

WHOLE = [
    (Kind.TRUE, b"\1"),
    (Kind.I8, b"\1"),
    (Kind.I16, b"\x80\1"),
    (Kind.I32, b"\xff\xff\xff\xff\x0f"),
    (Kind.I64, b"\xff" * 9 + b"\1"),
    (Kind.DOUBLE, bytes(8)),
    (Kind.UUID, bytes(16)),
    (Kind.TEXT, b"\2ab"),
    (Kind.TEXT, b"\x80\1" + bytes(128)),
    (Kind.STRUCT, b"\0"),
    (Kind.STRUCT, b"\x15\1\x11\x12\x18\1x\x19\x25\1\2\5\x90\3\7\0"),
    (Kind.LIST, b"\x05"),
    (Kind.LIST, b"\x25\x80\1\2"),
    (Kind.LIST, b"\xf6\x10" + b"\x80\1" * 16),
    (Kind.LIST, b"\x21\1\2"),
    (Kind.SET, b"\x28\1a\0"),
    (Kind.LIST, b"\x2c\0\x11\0"),
    (Kind.LIST, b"\x29\x15\1\x29\5\x16\x81\1"),
    (Kind.LIST, b"\x2b\0\1\x83\1a\5"),
    (Kind.LIST, b"\x1d" + bytes(16)),
    (Kind.MAP, b"\0"),
    (Kind.MAP, b"\2\x33\1\2\3\4"),
    (Kind.MAP, b"\1\x8c\1a\x1c\x11\0\0"),
    (Kind.MAP, b"\2\x9c\x05\0\x15\1\x13\5\0"),
    (Kind.MAP, b"\1\xcc\0\x1b\1\x55\1\2\0"),
    (Kind.MAP, b"\1\x59\x80\1\x19\x15\1"),
]


def skipped(data: bytes, kind: int, depth: int = 1, room: int = 10**6) -> int:
    return skip(b"xx" + data + PADDING, 2, kind, depth, [room]) - 2


@pytest.mark.parametrize(("kind", "value"), WHOLE, ids=lambda part: part.name if isinstance(part, Kind) else "")
def test_a_value_is_skipped_whole(kind: int, value: bytes) -> None:
    assert skipped(value, kind) == len(value)
    assert skipped(value * 2, kind) == len(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (0, b""),
        (14, b""),
        (15, b""),
        (Kind.I32, b"\xff" * 5 + b"\0"),
        (Kind.I64, b"\xff" * 10 + b"\0"),
        (Kind.LIST, b"\x00"),
        (Kind.LIST, b"\x0e"),
        (Kind.LIST, b"\x10\1"),
        (Kind.LIST, b"\x1e\1"),
        (Kind.LIST, b"\xf5\x80\x80\x80\x80\x08"),
        (Kind.LIST, b"\xf5\xff\x7f"),
        (Kind.LIST, b"\x15" + b"\xff" * 5 + b"\0"),
        (Kind.LIST, b"\x16" + b"\xff" * 10 + b"\0"),
        (Kind.LIST, b"\x29\x00"),
        (Kind.MAP, b"\1\x05\1\1"),
        (Kind.MAP, b"\1\xe5\1\1"),
        (Kind.MAP, b"\xff\xff\xff\xff\7\x55"),
        (Kind.STRUCT, b"\x10"),
        (Kind.STRUCT, b"\x1e"),
        (Kind.STRUCT, b"\5\x80\x80\x80\x80\x80\1"),
    ],
)
def test_what_cannot_be_skipped(kind: int, value: bytes) -> None:
    with pytest.raises(Fault):
        skipped(value, kind)


def test_what_is_longer_than_the_input_is_behind_it() -> None:
    assert skipped(b"\xff\xff\xff\xff\7", Kind.TEXT) == 5 + 2**31 - 1
    with pytest.raises(IndexError):
        skipped(b"\x18\xff\xff\xff\xff\7", Kind.STRUCT)


@pytest.mark.parametrize("deeper", [b"\x1c", b"\x19\x1c"])
def test_skipping_is_limited_in_depth(deeper: bytes) -> None:
    levels = (MAX_DEPTH - 1) // len(deeper)
    deep = deeper * levels + b"\x11" + bytes(levels + 1)
    assert skipped(deep, Kind.STRUCT) == len(deep)
    with pytest.raises(Fault):
        skipped(deeper * (levels + 2) + b"\x11" + bytes(levels + 3), Kind.STRUCT)
    with pytest.raises(Fault):
        skipped(b"\x19" * 70 + b"\x05", Kind.LIST)
    assert skipped(b"\x19" * 60 + b"\x05", Kind.LIST) == 61


def test_what_nests_takes_room() -> None:
    dense = b"\xfc" + varint(20_000) + b"\x1b\1\x88\1a\1b\x1c\x1c\x11\0\0\0" * 20_000
    assert skipped(dense, Kind.LIST, room=10**9) == len(dense)
    with pytest.raises(NoRoom):
        skipped(dense, Kind.LIST)
    for unit in (b"\x11\0", b"\x19\x25\1\2\0", b"\x1b\1\x88\1a\1b\0"):
        plain = b"\xfc" + varint(20_000) + unit * 20_000
        assert skipped(plain, Kind.LIST, room=1000) == len(plain)  # what is hardly nested takes none


def test_many_integers_are_skipped_together() -> None:
    chance = random.Random(3)
    numbers = [chance.randrange(2 ** chance.randrange(1, 64)) for _ in range(3000)]
    data = b"".join(map(varint, numbers))
    assert skip_elements(data + PADDING, 0, Kind.I64, len(numbers)) == len(data)
    with pytest.raises(Fault):
        skip_elements(data, 0, Kind.I64, len(numbers) + 1)


def test_unknown_fields_are_passed_up_to_a_known_one() -> None:
    known = {5, 40}

    def passed(data: bytes, tag: int) -> tuple[int, int]:
        return pass_fields(data + PADDING, 0, tag, known, 1, [0])

    assert passed(b"\x35\1\x11\0", 3 << 4 | 5) == (0, 3)
    assert passed(b"\x31\x25\7", 3 << 4 | 1) == (5 << 4 | 5, 1)
    assert passed(b"\x31\5\x0a\7", 3 << 4 | 1)[1] == 1  # in the long form, which the caller reads again
    assert passed(b"\x31\5\x0c\7\x11\0", 3 << 4 | 1) == (0, 5)  # 6, and 7
    for data, tag in (
        (b"\x56\1\0", 5 << 4 | 6),  # known: so its kind is wrong
        (b"\x31\x10", 3 << 4 | 1),
        (b"\x31" + b"\xf1" * 3000, 3 << 4 | 1),
        (b"\1\xfe\xff\3\x11", 32767 << 4 | 1),
        (b"\xf1", 32768 << 4 | 1),
    ):
        with pytest.raises(FAULTS):
            passed(data, tag)


TTYPES = [TType.BOOL, TType.BYTE, TType.I16, TType.I32, TType.I64, TType.DOUBLE, TType.STRING, TType.UUID]
KINDS = {
    TType.BOOL: 1, TType.BYTE: 3, TType.I16: 4, TType.I32: 5, TType.I64: 6, TType.DOUBLE: 7, TType.STRING: 8,
    TType.LIST: 9, TType.SET: 10, TType.MAP: 11, TType.STRUCT: 12, TType.UUID: 13,
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([TType.STRUCT, TType.LIST, TType.MAP, TType.SET]))
def test_whatever_apaches_library_writes_is_skipped(source: random.Random, kind: int) -> None:
    buffer = TMemoryBuffer()
    protocol = TCompactProtocol(buffer)
    protocol.state = 2  # as within a field
    write_anything(protocol, kind, source, 0)
    data = buffer.getvalue()
    assert skipped(data, KINDS[kind]) == len(data)


def write_anything(protocol: Any, kind: int, source: random.Random, depth: int) -> None:
    kinds = [*TTYPES, TType.STRUCT, TType.LIST, TType.SET, TType.MAP] if depth < 5 else TTYPES
    count = source.choice([0, 0, 1, 1, 2, 3, 16])
    if depth > 2:
        count = min(count, 2)
    if kind == TType.STRUCT:
        protocol.writeStructBegin("")
        ident = 0
        for _ in range(count):
            ident += source.choice([1, 1, 2, 16])
            inner = source.choice(kinds)
            protocol.writeFieldBegin("", inner, ident)
            write_anything(protocol, inner, source, depth + 1)
            protocol.writeFieldEnd()
        protocol.writeFieldStop()
        protocol.writeStructEnd()
    elif kind in {TType.LIST, TType.SET}:
        inner = source.choice(kinds)
        protocol.writeListBegin(inner, count)
        for _ in range(count):
            write_anything(protocol, inner, source, depth + 1)
        protocol.writeListEnd()
    elif kind == TType.MAP:
        key, value = source.choice(kinds), source.choice(kinds)
        protocol.writeMapBegin(key, value, count)
        for _ in range(count):
            write_anything(protocol, key, source, depth + 1)
            write_anything(protocol, value, source, depth + 1)
        protocol.writeMapEnd()
    else:
        write_primitive(protocol, kind, source)


def write_primitive(protocol: Any, kind: int, source: random.Random) -> None:
    match kind:
        case TType.BOOL:
            protocol.writeBool(source.random() < 0.5)
        case TType.BYTE:
            protocol.writeByte(source.randrange(-128, 128))
        case TType.DOUBLE:
            protocol.writeDouble(source.random())
        case TType.STRING:
            protocol.writeBinary(bytes(source.choice([0, 1, 5, 130])))
        case TType.UUID:
            protocol.writeUuid(uuid.UUID(int=source.getrandbits(128)))
        case _:
            bits = {TType.I16: 16, TType.I32: 32, TType.I64: 64}[kind]
            number = source.randrange(-(1 << source.randrange(1, bits)), 1 << source.randrange(1, bits))
            getattr(protocol, {16: "writeI16", 32: "writeI32", 64: "writeI64"}[bits])(number)
