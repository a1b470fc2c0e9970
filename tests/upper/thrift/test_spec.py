from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift import load
from callosum.upper.thrift.spec import (
    BINARY,
    BOOL,
    I8,
    I32,
    I64,
    STRING,
    EnumType,
    ListType,
    MapType,
    SetType,
    StructType,
    inner_types,
    reachable,
    recursive,
    struct_of,
    type_of,
)
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def made(specs: object, **attributes: object) -> type:
    return type("Made", (), {"thrift_spec": specs, **attributes})


def test_fields() -> None:
    by_id = {one.id: one for one in struct_of(m.Scattered).fields}
    assert list(by_id) == sorted(by_id)
    negative, seven = by_id[-3], by_id[7]
    assert (negative.id, negative.name, negative.type, negative.is_required) == (-3, "negative", I32, False)
    assert (seven.id, seven.name, seven.type) == (7, "seven", I64)
    assert struct_of(m.Point).fields[0].is_required
    assert struct_of(m.Defaults).fields[0].default == 3
    assert struct_of(m.Point) is struct_of(m.Point)


def test_types_and_how_the_idl_spells_them() -> None:
    texts = [field.type.text for field in struct_of(m.Containers).fields]
    assert texts[8:10] == ["list<Colour>", "list<Point>"]
    assert texts[22:24] == ["map<list<list<i16>>, double>", "map<string, map<string, set<i32>>>"]
    assert [f.type.text for f in struct_of(m.Numbers).fields] == ["bool", "i8", "i16", "i32", "i64", "double"]
    assert [f.type for f in struct_of(m.Text).fields] == [STRING, BINARY]
    assert struct_of(m.Shape).fields[1].type == EnumType(m.Colour)


def test_unions_are_known_and_require_nothing() -> None:
    assert struct_of(m.Shape).is_union
    assert not struct_of(m.Point).is_union
    union = made({1: (8, "a", True)}, __thrift_union__=True, default_spec=[("a", 1)])
    (field,) = struct_of(union).fields
    assert (field.is_required, field.default) == (False, None)


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        (None, "has no thrift_spec"),
        ({1: (8, "a", False), 2: (8, "a", False)}, "two fields are called a"),
        ({1: (8, "a")}, "is no field as thriftpy2 writes them"),
        ({"1": (8, "a", False)}, "the field's id is '1'"),
        ({40000: (8, "a", False)}, "the field's id is 40000"),
        ({1: (8, "a b", False)}, "which Python cannot name"),
        ({1: (8, "class", False)}, "which Python cannot name"),
        ({1: (8, "__class__", False)}, "which Python cannot name"),
        ({1: (-2, "a", False)}, "its type was not found"),
        ({1: (15, "a", -2, False)}, "its type was not found"),
        ({1: (15, "a", "x", False)}, "'x' is no type"),
        ({1: (12, "a", int, False)}, "its type was not found"),
        ({1: (13, "a", 8, False)}, "its type was not found"),
    ],
)
def test_metadata_that_thriftpy2_does_not_make(specs: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        struct_of(made(specs))


def test_types_as_thriftpy2_writes_them() -> None:
    assert type_of(3, None, "") == I8
    assert type_of(18, None, "") == BINARY
    assert type_of(8, int, "") == I32
    assert type_of(13, (11, (15, 10)), "") == MapType(STRING, ListType(I64))
    assert type_of(14, (12, m.Point), "") == SetType(StructType(m.Point))


def test_what_a_struct_can_hold() -> None:
    structs = reachable(struct_of(m.Later))
    assert set(structs) == {m.Later, m.Sooner}
    assert recursive(structs) == set()
    assert recursive(reachable(struct_of(m.Shape))) == {m.Shape}
    assert recursive({m.Node: struct_of(m.Node)}) == {m.Node}
    assert recursive({m.Odd: struct_of(m.Odd)}) == set()


def test_inner_types() -> None:
    kind = MapType(STRING, ListType(SetType(BOOL)))
    assert list(inner_types(kind)) == [kind, STRING, ListType(SetType(BOOL)), SetType(BOOL), BOOL]
