from __future__ import annotations

from uuid import UUID

import pytest

from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.model import BaseType, Number, Position, Text, Value
from callosum.upper.thrift.idl.parser import parse
from callosum.upper.thrift.idl.scalars import Place, integers_fitted, scalar_fitted

START = Position(1, 1)
PLACE = Place(parse("")[0], START)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("bool", 1, True), ("i8", True, 1), ("double", 2, 2.0), ("double", True, 1.0), ("string", b"a", "a"),
        ("binary", "a", b"a"), ("uuid", UUID(int=3), UUID(int=3)),
    ],
)  # fmt: skip
def test_what_fits(kind: str, value: Value, expected: Value) -> None:
    found = scalar_fitted(PLACE.document, BaseType(kind, START), value, PLACE, "it")
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("bool", 1.0),
        ("bool", 2),
        ("i8", 128),
        ("i8", 1.0),
        ("string", 1),
        ("binary", 1),
        ("double", "1"),
        ("uuid", "1"),
    ],
)
def test_what_does_not_fit(kind: str, value: Value) -> None:
    with pytest.raises(IdlError):
        scalar_fitted(PLACE.document, BaseType(kind, START), value, PLACE, "it")


def test_tables_of_numbers() -> None:
    items = (Number(1, START), Number(1.0, START), Number(300, START), Text("1", START))
    assert integers_fitted(BaseType("i8", START), items) == [1]
    assert integers_fitted(BaseType("string", START), items) == []
