from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift import load_string
from callosum.upper.thrift.spelling import NUMBERS, kind_of


@pytest.fixture(scope="module")
def scope() -> dict[str, Any]:
    return vars(
        load_string("enum Colour { RED } struct Point { 1: i32 x } union Shape { 1: i32 a } const i32 LIMIT = 1")
    )


@pytest.mark.parametrize(
    ("spelled", "kind"),
    [
        ("bool", 2),
        ("i8", 3),
        ("double", 4),
        ("i16", 6),
        ("i32", 8),
        ("i64", 10),
        ("string", 11),
        ("uuid", 16),
        ("binary", 18),
        ("list<i32>", (15, 8)),
        ("set<string>", (14, 11)),
        ("map<string, binary>", (13, (11, 18))),
        ("map<string,list<i32>>", (13, (11, (15, 8)))),
        ("list<list<set<i8>>>", (15, (15, (14, 3)))),
        ("map<list<i16>, map<i8, uuid>>", (13, ((15, 6), (13, (3, 16))))),
    ],
)
def test_types_without_names(spelled: str, kind: object) -> None:
    assert kind_of(spelled, {}, "here") == kind


def test_names_are_those_of_the_module(scope: dict[str, Any]) -> None:
    assert kind_of("Colour", scope, "here") == (8, scope["Colour"])
    assert kind_of("Point", scope, "here") == (12, scope["Point"])
    assert kind_of("map<Colour, list<Shape>>", scope, "here") == (
        13,
        ((8, scope["Colour"]), (15, (12, scope["Shape"]))),
    )


def test_names_may_lead_through_modules(scope: dict[str, Any]) -> None:
    inner, outer = ModuleType("inner"), ModuleType("outer")
    vars(inner)["Point"], vars(outer)["inner"] = scope["Point"], inner
    assert kind_of("list<outer.inner.Point>", {"outer": outer}, "here") == (15, (12, scope["Point"]))
    with pytest.raises(
        ConfigurationError, match=r"^here: there is no type outer\.other\.Point: generate the module again"
    ):
        kind_of("outer.other.Point", {"outer": outer}, "here")


@pytest.mark.parametrize("spelled", ["Missing", "list<Missing>", "LIMIT", "int", "list"])
def test_what_is_no_type_is_said_with_its_place(scope: dict[str, Any], spelled: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^A\.b: there is no type "):
        kind_of(spelled, {**scope, "int": int}, "A.b")


@pytest.mark.parametrize("spelled", ["list<i8, i8>", "map<i8>", "stream<i8>"])
def test_what_is_spelled_badly(spelled: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^A\.b: \(.* is no type: generate the module again"):
        kind_of(spelled, {}, "A.b")


def test_the_numbers_are_thriftpy2s() -> None:
    from thriftpy2.thrift import TType

    named = {"i8": "BYTE", "uuid": None}
    for name, number in NUMBERS.items():
        theirs = named.get(name, name.upper())
        if theirs:
            assert getattr(TType, theirs) == number
