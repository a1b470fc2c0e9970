from __future__ import annotations

from callosum.upper.thrift.idl.checks import check
from callosum.upper.thrift.idl.model import Program
from callosum.upper.thrift.idl.parser import parse


def checked(text: str) -> list[str]:
    document, faults = parse(text)
    assert not faults
    return [one.message for one in check(Program(document, (document,), {document: {}}))]


def test_a_program_that_is_right() -> None:
    assert checked("struct A { 1: optional A a } service S { A f() }") == []


def test_names_come_before_what_they_stand_for() -> None:
    assert checked("struct A { 1: B b } const i8 C = 300") == ["there is no type B"]
    assert checked("struct A { 1: i8 b, 1: i8 b } const B C = 1") == [
        "there is no type B",
        "struct A has b in line 1 already: take another name",
        "the id 1 is that of b in line 1: 2 is free",
    ]
