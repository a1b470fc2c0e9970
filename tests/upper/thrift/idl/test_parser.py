from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.model import Const, Document, Enum, Field, Number, Requiredness, Service, Struct, Typedef
from callosum.upper.thrift.idl.parser import parse


def parsed(text: str) -> Document:
    document, faults = parse(text)
    assert not faults
    return document


def fields(text: str, word: str = "struct") -> tuple[Field, ...]:
    one = parsed(f"{word} S {{ {text} }}").definitions[0]
    assert isinstance(one, Struct)
    return one.fields


def test_headers() -> None:
    document = parsed(
        'namespace py a.b (uri = "x") namespace * c include "d/e.thrift" cpp_include "<f>" namespace py.twisted g'
    )
    assert [(one.scope, one.name) for one in document.namespaces] == [("py", "a.b"), ("*", "c"), ("py.twisted", "g")]
    assert document.namespaces[0].annotations[0].value == "x"
    assert [one.prefix for one in document.includes] == ["e"]
    assert document.namespace("rb", "*") == "c"


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1: i8 a, 2: i8 b", [1, 2]),
        ("i8 a 7: i8 b i8 c", [-1, 7, -2]),
        ("-5: i8 a i8 b", [-5, -6]),
        ("0x10: i8 a +3: i8 b 007: i8 c", [16, 3, 7]),
        ("1: i8 a xsd_attrs { i8 x, i8 y }, i8 b", [1, -3]),
    ],
)
def test_ids(text: str, ids: list[int]) -> None:
    found = fields(text)
    assert [one.id for one in found] == ids
    written = text.replace("xsd_attrs { i8 x, i8 y }", "").split("i8")[:-1]
    assert [one.has_id for one in found] == [":" in part for part in written]


def test_requiredness() -> None:
    text = "1: required i8 a, 2: optional i8 b, 3: i8 c"
    required, optional, default = Requiredness.REQUIRED, Requiredness.OPTIONAL, Requiredness.DEFAULT
    assert [one.requiredness for one in fields(text)] == [required, optional, default]
    assert [one.requiredness for one in fields("1: optional i8 b, 2: i8 c", "union")] == [optional, optional]
    service = parsed(f"service S {{ void f({text}) }}").definitions[0]
    assert isinstance(service, Service)
    assert [one.requiredness for one in service.functions[0].parameters] == [required, default, default]


def test_words_of_the_idl_name_parts() -> None:
    found = fields("1: i8 list 2: map<i8,i8> map required i8 required_ 4: optional i8 optional")
    assert [one.name for one in found] == ["list", "map", "required_", "optional"]
    enum = parsed("enum E { struct service }").definitions[0]
    assert isinstance(enum, Enum)
    assert [one.name for one in enum.members] == ["struct", "service"]


def test_members() -> None:
    enum = parsed("enum E { A B = 5, C; D = -0x2 (x) E }").definitions[0]
    assert isinstance(enum, Enum)
    assert [(one.name, one.value, one.has_value) for one in enum.members] == [
        ("A", 0, False), ("B", 5, True), ("C", 6, False), ("D", -2, True), ("E", -1, False),
    ]  # fmt: skip


def test_functions() -> None:
    service = parsed("service S extends a.B { oneway void f(), async void g(1: i8 a); i8 h() throws (1: E e) (x) }")
    one = service.definitions[0]
    assert isinstance(one, Service)
    assert one.extends is not None
    assert one.extends.name == "a.B"
    assert [(f.name, f.is_oneway, f.returns is None, len(f.throws)) for f in one.functions] == [
        ("f", True, True, 0), ("g", True, True, 0), ("h", False, False, 1),
    ]  # fmt: skip


def test_the_rest() -> None:
    typedef, const, field = parsed("typedef i8 T (a) const byte C = -0x7F; struct S { 1: T & t = 4 }").definitions
    assert isinstance(typedef, Typedef)
    assert isinstance(const, Const)
    assert const.value == Number(-127, const.value.position)
    assert isinstance(field, Struct)
    assert field.fields[0].default is not None


def test_it_goes_on_with_the_next_definition() -> None:
    document, faults = parse("struct A { 1: }\nstruct B {}\nstruct C {\n  1: i8\nenum D { X }\nfoo\nconst i8 E = 1")
    assert [one.name for one in document.definitions] == ["B", "D", "E"]
    assert [one.position.line for one in faults] == [1, 5, 6]


def test_there_are_not_more_faults_than_anybody_reads() -> None:
    assert len(parse("struct { }\n" * 1000)[1]) == 100
