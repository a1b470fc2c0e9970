from __future__ import annotations

from typing import Any

from callosum.upper.thrift import load
from callosum.upper.thrift.binary.layout import field_header, is_flat, smallest
from callosum.upper.thrift.spec import (
    BOOL,
    I8,
    I64,
    STRING,
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


def test_headers() -> None:
    by_id = {one.id: one for one in struct_of(m.Scattered).fields}
    negative, seven = by_id[-3], by_id[7]
    assert field_header(negative) == b"\x08\xff\xfd"
    assert field_header(seven) == b"\x0a\0\x07"


def test_what_is_flat() -> None:
    assert is_flat(struct_of(m.Numbers).fields)
    assert is_flat(struct_of(m.Text).fields)
    assert not is_flat(struct_of(m.Node).fields)


def test_the_smallest_values() -> None:
    kinds: list[Type] = [
        BOOL,
        I64,
        EnumType(m.Colour),
        STRING,
        ListType(I8),
        SetType(I8),
        MapType(I8, I8),
        StructType(m.Point),
    ]
    assert [smallest(kind) for kind in kinds] == [1, 8, 4, 4, 5, 5, 6, 1]
