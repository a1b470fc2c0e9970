from __future__ import annotations

import dataclasses

import pytest

from callosum.upper.thrift.idl.model import BaseType, Enum, Include, Position, Service, Struct, value_of
from callosum.upper.thrift.idl.reading import read_text


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("a.thrift", "a"),
        ("x/y/a.b.thrift", "a.b"),
        ("x\\a.thrift", "a"),
        ("a.idl", "a"),
        ("a", "a"),
        (".thrift", ".thrift"),
    ],
)
def test_prefixes(path: str, prefix: str) -> None:
    assert Include(path, Position(1, 1)).prefix == prefix


def test_annotations_by_name() -> None:
    annotations = read_text("struct S {} (a = 'b', a = 'c', d)").root.definitions[0].annotations
    assert (value_of(annotations, "a"), value_of(annotations, "d"), value_of(annotations, "e")) == ("c", "1", None)


def test_a_program_finds_names_and_types() -> None:
    program = read_text("typedef list<E> L typedef L M enum E { A } struct S { 1: M m, 2: E e }")
    root = program.root
    assert program.find(root, "x.E") is None
    struct = root.by_name["S"]
    assert isinstance(struct, Struct)
    where, true = program.true_type(root, struct.fields[0].type)
    assert (where, type(true).__name__) == (root, "ListOf")
    assert isinstance(program.true_type(root, struct.fields[1].type)[1], Enum)
    assert isinstance(program.true_type(root, BaseType("i8", Position(1, 1)))[1], BaseType)


def test_functions_of_a_service_and_its_bases() -> None:
    program = read_text("service B extends A { void g() } service A { void f() }")
    service = program.root.by_name["B"]
    assert isinstance(service, Service)
    found = [(base.name, one.name) for _, base, one in program.functions(program.root, service)]
    assert found == [("A", "f"), ("B", "g")]


def test_it_is_immutable() -> None:
    struct = read_text("struct S {}").root.definitions[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        struct.name = "T"  # type: ignore[misc]
