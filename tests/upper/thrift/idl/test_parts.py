from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.faults import Faults
from callosum.upper.thrift.idl.parser import parse
from callosum.upper.thrift.idl.parts import check_parts


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("struct S { 1: i8 a, 2: i8 b }", []),
        ("struct S { 9: i8 a, 9: i8 b }", ["the id 9 is that of a in line 1: 10 is free"]),
        ("struct S { i8 a, -1: i8 b }", ["the id -1 is that of a in line 1: 1 is free"]),
        ("enum E { A = 1, B = 1 }", []),
        ("service S { void f(0: i8 a) }", []),
        ("union U { 1: optional i8 a }", []),
        ("exception E { 1: required i8 a = 4 }", []),
    ],
)
def test_parts(text: str, messages: list[str]) -> None:
    document, parsing = parse(text)
    assert not parsing
    faults = Faults()
    check_parts(document, document.definitions[0], faults)
    assert [one.message for one in faults.found] == messages
