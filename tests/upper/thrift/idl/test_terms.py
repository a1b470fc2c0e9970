from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.model import (
    BaseType,
    Const,
    ListOf,
    MapOf,
    Mapped,
    Name,
    Number,
    Reference,
    Sequence,
    SetOf,
    Text,
    Typedef,
)  # fmt: skip
from callosum.upper.thrift.idl.parser import parse


def test_types() -> None:
    document, faults = parse(
        'typedef map cpp_type "m" <byte (a), set<x.Y (b)>> (c) M typedef list<uuid> cpp_type "l" (d) L'
    )
    assert not faults
    one, other = document.definitions
    assert isinstance(one, Typedef)
    assert isinstance(one.type, MapOf)
    assert isinstance(one.type.key, BaseType)
    assert (one.type.key.name, one.type.key.annotations[0].name) == ("i8", "a")
    assert isinstance(one.type.value, SetOf)
    assert isinstance(one.type.value.element, Reference)
    assert (one.type.value.element.name, one.type.annotations[0].name) == ("x.Y", "c")
    assert isinstance(other, Typedef)
    assert isinstance(other.type, ListOf)
    assert isinstance(other.type.element, BaseType)
    assert other.type.element.name == "uuid"


def test_values() -> None:
    document, faults = parse("const x C = [1 2.5, 'a'; true a.b {'c': [], 3: {}}]")
    assert not faults
    const = document.definitions[0]
    assert isinstance(const, Const)
    assert isinstance(const.value, Sequence)
    assert [type(one) for one in const.value.items] == [Number, Number, Text, Name, Name, Mapped]
    last = const.value.items[-1]
    assert isinstance(last, Mapped)
    assert len(last.items) == 2
    assert last.position == (1, 35)


@pytest.mark.parametrize(
    "text",
    ["typedef " + "list<" * 10_000, "const i8 A = " + "[" * 10_000, "const i8 A = " + "{1:" * 10_000,
     "struct S {" + "1: i8 a xsd_attrs {" * 10_000],
)  # fmt: skip
def test_nesting_has_a_bound(text: str) -> None:
    _, faults = parse(text)
    assert len(faults) == 1
    assert "are nested deeper than 64 here" in faults[0].message
