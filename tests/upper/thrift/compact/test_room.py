from __future__ import annotations

import sys
from typing import Any

from callosum.upper.thrift import footprint, load
from callosum.upper.thrift.compact.room import in_field, least, per_element
from callosum.upper.thrift.spec import BOOL, DOUBLE, I8, I32, I64, STRING, UUID, ListType, MapType, SetType, StructType
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")
NODE, POINT = StructType(m.Node), StructType(m.Point)


def test_what_python_shares_takes_nothing() -> None:
    assert [least(kind) for kind in (BOOL, I8, I32, I64)] == [0] * 4
    assert [in_field(kind) for kind in (BOOL, I8, I32, I64)] == [0] * 4
    assert least(DOUBLE) == sys.getsizeof(1.5)
    assert least(STRING) == footprint.TEXT
    assert in_field(POINT) > footprint.in_field(POINT)


def test_elements() -> None:
    assert per_element(ListType(I32)) == per_element(ListType(STRING)) == footprint.SLOT
    assert per_element(ListType(POINT)) == footprint.per_element(ListType(POINT))
    assert per_element(MapType(STRING, I32)) == footprint.per_element(MapType(STRING, BOOL))


def test_what_takes_a_call_counts_as_one() -> None:
    assert per_element(ListType(NODE), {m.Node}) > per_element(ListType(NODE))
    assert per_element(SetType(POINT)) > footprint.per_element(SetType(POINT))
    assert per_element(MapType(UUID, I32)) > footprint.per_element(MapType(UUID, BOOL))
    assert per_element(SetType(STRING)) < footprint.per_element(SetType(STRING))
