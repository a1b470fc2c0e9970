from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.model import (
    Const,
    ListValue,
    MapValue,
    MemberValue,
    Position,
    Sequence,
    SetValue,
    StructValue,
    Value,
)  # fmt: skip
from callosum.upper.thrift.idl.reading import read_text

GIVEN = (
    "enum Colour { RED = 1, GREEN } typedef Colour Hue typedef list<i32> Numbers\n"
    "struct P { 1: required i32 x, 2: i8 y = 5, 3: list<P> more } union U { 1: i32 a, 2: string b }\n"
    "const i32 SEVEN = 7 const string TEXT = 'text' const list<i32> LIST = [1, SEVEN]\n"
    "const Colour BEST = Colour.GREEN\n"
)


def value(kind: str, literal: str) -> Any:
    program = read_text(f"{GIVEN} const {kind} X = {literal}")
    const = program.root.by_name["X"]
    assert isinstance(const, Const)
    return evaluate(program, program.root, const.type, const.value)


@pytest.mark.parametrize(
    ("kind", "literal", "expected"),
    [
        ("bool", "true", True), ("bool", "0", False), ("i8", "-128", -128), ("i32", "true", 1), ("i64", "-0x1F", -31),
        ("double", "3", 3.0), ("double", "-1.5e3", -1500.0), ("string", "'ü'", "ü"), ("binary", "'ü'", "ü".encode()),
        ("binary", "TEXT", b"text"), ("double", "SEVEN", 7.0), ("i16", "SEVEN", 7), ("i32", "Colour.GREEN", 2),
        ("i32", "BEST", 2), ("list<i32>", "LIST", ListValue((1, 7))), ("Numbers", "LIST", ListValue((1, 7))),
        ("set<string>", "['a' TEXT]", SetValue(("a", "text"))),
        ("map<i8, bool>", "{1: true, 2: 0}", MapValue(((1, True), (2, False)))),
        ("map<i8, i8>", "[]", MapValue(())), ("list<i8>", "{}", ListValue(())), ("set<i8>", "{}", SetValue(())),
        ("uuid", "'00112233-4455-6677-8899-AABBCCDDEEFF'", UUID("00112233-4455-6677-8899-aabbccddeeff")),
        ("uuid", "'{00112233-4455-6677-8899-aabbccddeeff}'", UUID("00112233-4455-6677-8899-aabbccddeeff")),
    ],
)  # fmt: skip
def test_values(kind: str, literal: str, expected: Value) -> None:
    found = value(kind, literal)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("literal", ["Colour.GREEN", "2", "BEST"])
@pytest.mark.parametrize("kind", ["Colour", "Hue"])
def test_members(kind: str, literal: str) -> None:
    found = value(kind, literal)
    assert isinstance(found, MemberValue)
    assert (found.enum.name, found.value) == ("Colour", 2)
    assert found.member is not None
    assert found.member.name == "GREEN"


def test_structs() -> None:
    found = value("P", "{'x': SEVEN, 'more': [{'x': 1}]}")
    assert isinstance(found, StructValue)
    assert [(one.name, type(given)) for one, given in found.fields] == [("x", int), ("more", ListValue)]
    union = value("U", "{'b': TEXT}")
    assert [(one.name, given) for one, given in union.fields] == [("b", "text")]


def test_a_part_that_does_not_fit_has_its_place() -> None:
    program = read_text("const list<i32> X = [\n  1,\n  2]\n const list<string> Y = []")
    strings, numbers = program.root.by_name["Y"], program.root.by_name["X"]
    assert isinstance(strings, Const)
    assert isinstance(numbers, Const)
    assert isinstance(numbers.value, Sequence)
    with pytest.raises(IdlError) as caught:
        evaluate(program, program.root, strings.type, numbers.value)
    assert caught.value.faults[0].position == Position(2, 3)
    assert caught.value.faults[0].message == "1 is not a string"


def test_names_of_other_files(tmp_path: Any) -> None:
    (tmp_path / "far.thrift").write_text(
        "include 'farther.thrift' const list<farther.E> BOTH = [farther.E.A, farther.E.B]"
    )
    (tmp_path / "farther.thrift").write_text("enum E { A, B } const i32 N = E.B")
    text = "include 'far.thrift' include 'farther.thrift' const list<farther.E> X = far.BOTH const i8 Y = farther.N"
    program = read_text(text, include_dirs=[tmp_path])
    x, y = (program.root.by_name[name] for name in "XY")
    assert isinstance(x, Const)
    assert isinstance(y, Const)
    members = evaluate(program, program.root, x.type, x.value)
    assert isinstance(members, ListValue)
    assert [one.value for one in members.items if isinstance(one, MemberValue)] == [0, 1]
    assert evaluate(program, program.root, y.type, y.value) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("const list<i8> A = [1] const list<string> X = A", "A has parts of other types"),
        ("const list<i8> A = [1] const i8 X = A", "A is not an i8"),
        ("struct P {} const P A = {} const list<P> X = A", r"A is not a list, written in \[\]"),
        ("struct P {} const P A = {} const P X = {'a': 1, 'a': 2}", "P has no field 'a'"),
        ("struct P {1: i8 a} const P X = {'a': 1, 'a': 2}", "the field a is given twice"),
        ("const set<list<i8>> X = [[1], [1]]", "the set has a list of values twice"),
        ("enum E { A } const set<E> X = [E.A, 0]", "the set has 0 twice"),
        ("const map<set<i8>, i8> X = {[1, 2]: 1, [2, 1]: 2}", "the map has the key a list of values twice"),
        ("const bool X = 2", "2 is not a bool"),
        ("const i8 A = B const i8 B = C const i8 C = A", "stands for itself"),
        ("const i32 A = 300 const i8 X = A", "A, 300, does not fit into i8"),
    ],
)  # fmt: skip
def test_what_does_not_fit(text: str, message: str) -> None:
    with pytest.raises(IdlError, match=message):
        read_text(text)


def test_what_grows_beyond_its_text_has_a_bound() -> None:
    lines = ["const list<i8> L0 = [1, 2, 3, 4, 5, 6, 7, 8]"]
    kind = "list<i8>"
    for depth in range(1, 20):
        kind = f"list<{kind}>"
        lines.append(f"const {kind} L{depth} = [{', '.join([f'L{depth - 1}'] * 8)}]")
    with pytest.raises(IdlError, match="the value takes more than 10000 parts from other constants"):
        read_text("\n".join(lines))


def test_constants_may_stand_for_others_in_any_order() -> None:
    forwards = "const i8 A0 = 1 " + " ".join(f"const i8 A{n + 1} = A{n}" for n in range(2_000))
    assert len(read_text(forwards).root.definitions) == 2_001
    backwards = " ".join(f"const i8 A{n} = A{n + 1}" for n in range(2_000)) + " const i8 A2000 = 1"
    with pytest.raises(IdlError, match="more than 100 deep in one another"):
        read_text(backwards)
