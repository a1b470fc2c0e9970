from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.reading import read_text


@pytest.mark.parametrize(
    "text",
    [
        "struct A { 1: optional A a } struct B { 1: required list<B> bs, 2: B b }",
        "typedef E T exception E {} service S { void f() throws (1: T e) }",
        "struct T { 1: i8 a = 1 } struct S { 1: T t = {}, 2: list<T> ts = [{'a': 2}] }",
        "service A { void f() } service B extends A { void g() } service C extends A { void g() }",
        "union U { 1: U u, 2: i8 a }",
    ],
)
def test_what_is_right(text: str) -> None:
    assert read_text(text).root.definitions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("typedef A T struct A { 1: required T t }", "A contains itself through required fields"),
        ("struct S { 1: T t = {'a': 1} } struct T { 1: i8 a, 2: list<S> s = [{}] }", "is part of its own default"),
        ("service A { void f() } service B extends A {} service C extends B { void f() }", "C has f from A already"),
        ("service S { void f(1: i8 a = 300) }", "1:30: 300 does not fit into i8"),
        ("service S { void f() throws (1: list<i8> a) }", "f throws a container, which is no exception"),
        ("exception E {} service S { void f() throws (1: E e = {}) }", "e is thrown, so it has no default"),
    ],
)  # fmt: skip
def test_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(IdlError, match=message):
        read_text(text)


def test_what_is_wrong_with_a_constant_is_told_once() -> None:
    with pytest.raises(IdlError) as caught:
        read_text("const i8 A = 300\nstruct S { 1: i8 a = A, 2: i8 b = A }\nconst i8 B = A")
    assert [str(one.position.line) for one in caught.value.faults] == ["1"]
