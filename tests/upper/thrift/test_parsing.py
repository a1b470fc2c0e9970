from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import thriftpy2

from callosum.errors import ConfigurationError
from callosum.upper.thrift.outline import Definition, Outline, read_outline
from callosum.upper.thrift.parsing import parse, struct_classes
from callosum.upper.thrift.spec import I32, ListType, MapType, StructType, struct_of


def read(text: str, **includes: ModuleType) -> Any:
    return parse(text, read_outline(text, "t.thrift"), "t", includes)


def test_types_may_be_used_before_they_are_defined() -> None:
    module = read(
        "service S { map<string, list<B>> f(1: set<T> a, 2: N n, 3: L l) throws (1: X x) }"
        "struct A { 1: B b, 2: list<list<B>> bs, 3: map<N, set<T>> m, 4: X x }"
        "typedef B T typedef N M typedef i32 N typedef list<T> L struct B { 1: A a } exception X { 1: list<X> more }"
    )
    success = struct_of(module.S.f_result).fields[-1].type
    assert isinstance(success, MapType)
    assert success.value == ListType(StructType(module.B))
    assert [field.type.text for field in struct_of(module.S.f_args).fields] == ["set<B>", "i32", "list<B>"]
    assert [field.type.text for field in struct_of(module.A).fields] == ["B", "list<list<B>>", "map<i32, set<B>>", "X"]
    assert struct_of(module.X).fields[0].type == ListType(StructType(module.X))
    assert module.M == I32.wire
    assert [cls.__name__ for cls in struct_classes(module)] == ["A", "B", "X", "f_args", "f_result"]


def test_includes_are_the_modules_that_are_given() -> None:
    shared = read("struct A {} exception X {} service S {} typedef A T")
    text = 'include "anything.thrift" struct B { 1: shared.A a, 2: list<shared.T> as2 } service R extends shared.S {}'
    module = read(text, shared=shared)
    assert struct_of(module.B).fields[0].type == StructType(shared.A)
    assert issubclass(module.R, shared.S)


def test_the_cache_of_thriftpy2_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.thrift"
    path.write_text("struct A { 1: i32 a }")
    before: Any = thriftpy2.load(str(path))
    text = path.read_text()
    assert parse(text, read_outline(text, str(path)), "t", {}).A is not before.A
    assert thriftpy2.load(str(path)) is before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("struct A { 1: i32 a b }", r"^t\.thrift:1: '}' cannot stand here: look at what is before it"),
        ("struct", r"^t\.thrift: the file ends in the middle of a definition"),
        ("struct A {\n1: list<none.B> b }", r"^t\.thrift:2: No type found: 'none\.B'"),
        ("struct A {\n1: list<B> b }", r"^t\.thrift:2: there is no type B: define it"),
        ("struct A { 1: i32 while }", r"reserved language keyword: 'while': rename it"),
        ("const string A = '\\q'", "Unexpected escaping character: q"),
        ("struct A { 1: B b = {'a': 1} } struct B { 1: i32 c }", "^$"),
        ("const B b = {'a': 1} struct B {} const B c = {'a': 1}", "No field named 'a'"),
    ],
)
def test_what_thriftpy2_says_becomes_a_configuration_error(text: str, message: str) -> None:
    if message == "^$":  # found later, when defaults are checked
        read(text)
        return
    with pytest.raises(ConfigurationError, match=message):
        read(text)


def test_what_thriftpy2_drops_is_missed() -> None:
    text = "struct A { 1: i32 async } struct B {} const i32 C = 1"
    outline = Outline("t.thrift", definitions=read_outline(text.replace("async", "ok"), "t.thrift").definitions)
    with pytest.raises(
        ConfigurationError, match=r"^t\.thrift:1: thriftpy2's parser dropped the struct A without a word"
    ):
        parse(text, outline, "t", {})
    with pytest.raises(ConfigurationError, match="dropped the const C"):
        parse("", Outline("t.thrift", definitions=[Definition("const", "C", 1)]), "t", {})


def test_faults_of_the_parser_itself_are_configuration_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, message in ((KeyError(-2), r"failed on it \(KeyError: -2\)"), (RecursionError(), "nested too deep")):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("thriftpy2.parser.parser._parse_data", fail)
        with pytest.raises(ConfigurationError, match=message):
            read("struct A {}")
