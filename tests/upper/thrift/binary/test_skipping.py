from __future__ import annotations

import struct

import pytest

from callosum.upper.thrift.binary.skipping import pass_field, skip
from callosum.upper.thrift.fault import PADDING, Fault
from callosum.upper.thrift.spec import MAX_DEPTH, Wire

WHOLE = [
    (Wire.BOOL, b"\1"),
    (Wire.I8, b"\1"),
    (Wire.I16, b"\0\1"),
    (Wire.I32, bytes(4)),
    (Wire.I64, bytes(8)),
    (Wire.DOUBLE, bytes(8)),
    (Wire.STRING, b"\0\0\0\2ab"),
    (Wire.STRUCT, b"\0"),
    (Wire.STRUCT, b"\x08\0\1\0\0\0\1\x0b\0\2\0\0\0\1x\0"),
    (Wire.LIST, b"\x08\0\0\0\2" + bytes(8)),
    (Wire.SET, b"\x0b\0\0\0\2\0\0\0\1a\0\0\0\0"),
    (Wire.LIST, b"\x0c\0\0\0\2\0\x02\0\1\1\0"),
    (Wire.MAP, b"\x08\x02\0\0\0\1\0\0\0\1\1"),
    (Wire.MAP, b"\x08\x0b\0\0\0\1\0\0\0\1\0\0\0\1x"),
]


@pytest.mark.parametrize(("wire", "value"), WHOLE, ids=lambda part: part.name if isinstance(part, Wire) else "")
def test_a_value_is_skipped_whole(wire: int, value: bytes) -> None:
    assert skip(b"xx" + value + PADDING, 2, wire, 1) == 2 + len(value)


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (1, b""),
        (9, b""),
        (99, b""),
        (Wire.LIST, b"\x09\0\0\0\0"),
        (Wire.LIST, b"\x08\0\1\0\0"),
        (Wire.MAP, b"\x08\x01\0\0\0\0"),
        (Wire.MAP, b"\x08\x08\x7f\xff\xff\xff"),
        (Wire.STRUCT, b"\x09\0\1"),
    ],
)
def test_what_cannot_be_skipped(wire: int, value: bytes) -> None:
    with pytest.raises(Fault):
        skip(value + PADDING, 0, wire, 1)


def test_skipping_is_limited_in_depth() -> None:
    deep = b"\x0c\0\1" * (MAX_DEPTH - 1)
    assert skip(deep + bytes(MAX_DEPTH) + PADDING, 0, Wire.STRUCT, 1) == len(deep) + MAX_DEPTH
    with pytest.raises(Fault):
        skip(b"\x0c\0\1" + deep + bytes(MAX_DEPTH) + PADDING, 0, Wire.STRUCT, 1)


def test_positions_never_go_back() -> None:
    assert skip(b"\xff\xff\xff\xff" + PADDING, 0, Wire.STRING, 1) == 4 + 0xFFFFFFFF
    with pytest.raises((struct.error, IndexError)):
        skip(b"\x0b\0\1\xff\xff\xff\xff" + PADDING, 0, Wire.STRUCT, 1)


def test_fields_are_passed_or_left_to_another_pass() -> None:
    known = {1: int(Wire.I32)}
    field = b"\x08\0\1\0\0\0\1"
    assert pass_field(field + PADDING, 0, known, 1) == 0
    assert pass_field(b"\x08\0\2\0\0\0\1" + PADDING, 0, known, 1) == 7
    with pytest.raises(Fault):
        pass_field(b"\x0a\0\1" + PADDING, 0, known, 1)
