from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from callosum.upper.thrift import IdlError
from callosum.upper.thrift.idl.model import Const, ListValue, MapValue, SetValue, StructValue, Typedef, Value
from tests.upper.thrift.emit.emitting import named, writer

FILE = """
enum E {{ A = 1, None = 2 }}
struct P {{ 1: i32 x, 2: i32 class }}
typedef {} T
"""


def typed(spelled: str) -> tuple[str, str]:
    """A type as Python annotates it, and as the runtime reads it."""
    made = writer(FILE.format(spelled))
    kind = named(made, "T", Typedef).type
    return made.annotation(kind), made.spelled(kind)


@pytest.mark.parametrize(
    ("spelled", "annotation"),
    [
        ("bool", "bool"),
        ("i8", "int"),
        ("i64", "int"),
        ("double", "float"),
        ("string", "str"),
        ("binary", "bytes"),
        ("uuid", "UUID"),
        ("E", "E"),
        ("P", "P"),
        ("list<i32>", "list[int]"),
        ("set<i32>", "set[int]"),
        ("map<string, P>", "dict[str, P]"),
        ("set<list<set<i32>>>", "set[tuple[frozenset[int], ...]]"),
        ("map<list<i32>, list<set<i32>>>", "dict[tuple[int, ...], list[set[int]]]"),
        ("map<set<E>, set<map<i8, i8>>>", "dict[frozenset[E], set[dict[int, int]]]"),
    ],
)
def test_types(spelled: str, annotation: str) -> None:
    assert typed(spelled) == (annotation, spelled)


def test_typedefs_keep_their_names_where_somebody_reads_them() -> None:
    made = writer("typedef i32 Id typedef list<Id> Ids struct A { 1: Ids ids, 2: set<Ids> sets }")
    ids, sets = (one.type for one in made.document.definitions[2].fields)  # type: ignore[union-attr]
    assert (made.annotation(ids), made.spelled(ids)) == ("Ids", "list<i32>")
    assert (made.annotation(sets), made.spelled(sets)) == ("set[tuple[int, ...]]", "set<list<i32>>")


def valued(kind: str, literal: str) -> tuple[Any, Value]:
    made = writer(f"enum E {{ A = 1, None = 2 }} struct P {{ 1: i32 x, 2: i32 class }} const {kind} C = {literal}")
    one = named(made, "C", Const)
    return made, made.value(one.type, one.value)


@pytest.mark.parametrize(
    ("kind", "literal", "changeable", "constant"),
    [
        ("bool", "1", "True", "True"),
        ("i32", "-5", "-5", "-5"),
        ("double", "1", "1.0", "1.0"),
        ("string", "'it\\'s'", '"it\'s"', '"it\'s"'),
        ("binary", "'a\\n'", "b'a\\n'", "b'a\\n'"),
        ("E", "E.None", "E.None_", "E.None_"),
        ("list<i32>", "[]", "[]", "()"),
        ("list<i32>", "[1]", "[1]", "(1,)"),
        ("list<list<i32>>", "[[1], []]", "[[1], []]", "((1,), ())"),
        ("set<i32>", "[]", "set()", "frozenset()"),
        ("set<list<i32>>", "[[1]]", "{(1,)}", "frozenset({(1,)})"),
        ("map<i8, list<i8>>", "{}", "{}", "MappingProxyType({})"),
        ("map<set<i8>, list<i8>>", "{[1]: [2]}", "{frozenset({1}): [2]}", "MappingProxyType({frozenset({1}): (2,)})"),
        ("P", "{'class': 2, 'x': 1}", "P(class_=2, x=1)", "P(class_=2, x=1)"),
        ("list<P>", "[{'x': 1}]", "[P(x=1)]", "(P(x=1),)"),
    ],
)
def test_values(kind: str, literal: str, changeable: str, constant: str) -> None:
    made, value = valued(kind, literal)
    assert (made.expression(value), made.constant(value)) == (changeable, constant)


def test_values_that_have_no_literal_in_python() -> None:
    made, value = valued("uuid", "'12345678-1234-5678-1234-567812345678'")
    assert made.expression(value) == "UUID('12345678-1234-5678-1234-567812345678')"
    assert made.expression(float("inf")) == "float('inf')"
    assert made.expression(float("nan")) == "float('nan')"
    assert made.scope.import_lines() == ["from uuid import UUID"]


def test_what_instances_may_share() -> None:
    for kind, literal, is_shared in (
        ("i32", "1", True),
        ("string", "'a'", True),
        ("uuid", "'12345678-1234-5678-1234-567812345678'", True),
        ("E", "E.A", True),
        ("list<i32>", "[]", False),
        ("set<i32>", "[]", False),
        ("map<i32, i32>", "{}", False),
        ("P", "{}", False),
    ):
        made, value = valued(kind, literal)
        assert made.is_constant(value) is is_shared, kind


@pytest.mark.parametrize(
    ("kind", "zero"),
    [
        ("bool", ("default", "False")),
        ("i16", ("default", "0")),
        ("double", ("default", "0.0")),
        ("string", ("default", '""')),
        ("binary", ("default", 'b""')),
        ("uuid", ("default", "UUID(int=0)")),
        ("list<P>", ("factory", "list")),
        ("set<i8>", ("factory", "set")),
        ("map<i8, i8>", ("factory", "dict")),
        ("P", ("default", "None")),
        ("E", ("default", "None")),
    ],
)
def test_zeros(kind: str, zero: tuple[str, str]) -> None:
    made = writer(FILE.format(kind))
    assert made.zero(named(made, "T", Typedef).type) == zero


def test_what_has_to_be_there_before() -> None:
    made, value = valued("map<E, list<P>>", "{E.A: [{'x': 1}]}")
    assert list(made.classes_in(value)) == ["E", "P"]
    assert isinstance(value, MapValue)
    made = writer(FILE.format("map<E, set<list<P>>>"))
    assert list(made.named_in(named(made, "T", Typedef).type)) == ["E", "P"]


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        ("set<map<i8, i8>>", "[{}]"),
        ("list<set<list<map<i8, i8>>>>", "[[[{1: 2}]]]"),
        ("map<map<i8, i8>, i8>", "{{1: 2}: 3}"),
        ("map<i8, set<map<i8, i8>>>", "{1: [{}]}"),
    ],
)
def test_what_has_no_hash_cannot_be_where_one_is_needed(kind: str, literal: str) -> None:
    with pytest.raises(IdlError, match="in Python, no map can be an element of a set, or a key of a map"):
        valued(kind, literal)


def test_a_struct_has_a_hash_whatever_it_holds() -> None:
    made = writer("struct M { 1: map<i8, i8> m } const set<M> C = [{'m': {1: 2}}]")
    one = named(made, "C", Const)
    value = made.value(one.type, one.value)
    assert isinstance(value, SetValue)
    assert isinstance(value.items[0], StructValue)
    assert made.constant(value) == "frozenset({M(m={1: 2})})"


def test_a_value_of_another_value() -> None:
    made = writer("const list<i32> A = [1] const list<list<i32>> B = [A, A]")
    one = named(made, "B", Const)
    value = made.value(one.type, one.value)
    assert value == ListValue((ListValue((1,)), ListValue((1,))))
    assert UUID(int=0) != value
