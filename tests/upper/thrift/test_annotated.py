from __future__ import annotations

from pathlib import Path

import pytest

from callosum.upper.thrift import IdlError
from callosum.upper.thrift.annotated import check_annotations, check_names
from callosum.upper.thrift.idl.reading import read, read_text


def faults(text: str, encodings: tuple[str, ...] = ("binary", "json")) -> list[str]:
    try:
        check_annotations(read_text(text, path="a.thrift"), encodings)
    except IdlError as error:
        return str(error).split("\n")
    return []


@pytest.mark.parametrize(
    "text",
    [
        'struct A { 1: i32 a } (callosum.reserved = "2,4-6,old")',
        'struct A { 1: i32 a } (callosum.frozen = "true")',
        'service S {} (callosum.name = "my.S", callosum.encoding = "json")',
        'service S { void a(1: i32 x) (callosum.key = "x", callosum.idempotent = "true", callosum.timeout = "1.5") }',
        'struct A { 1: i32 a (cpp.type = "x", callosumx = "y") } (deprecated)',
        "enum E { A (note) } (note) typedef i32 T (note) const i32 C = 1",
        'service S { i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "bidi", streaming.mode = "bidi") }',
    ],
)
def test_what_is_known_and_what_is_not_ours_is_taken(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('namespace py a (callosum.x = "1")', "a.thrift:1:17: namespace py: callosum has no annotation callosum.x"),
        ('struct A {} (callosum.key = "x")', "a.thrift:1:14: A: callosum has no annotation callosum.key"),
        ('struct A { 1: i32 a (callosum.key = "x") }', "a.thrift:1:22: A.a: callosum has no annotation callosum.key"),
        ('struct A { 1: i32 (callosum.x = "1") a }', "a.thrift:1:20: the type of A.a: callosum has no annotation"),
        ('struct A { 1: list<i32 (callosum.x = "1")> a }', "a.thrift:1:25: the type of A.a: callosum has no"),
        ('struct A { 1: map<i32 (callosum.x = "1"), i8> a }', "a.thrift:1:24: the type of A.a: callosum has no"),
        ('struct A { 1: map<i8, i32 (callosum.x = "1")> a }', "a.thrift:1:28: the type of A.a: callosum has no"),
        ('enum E { A } (callosum.x = "1")', "a.thrift:1:15: E: callosum has no annotation callosum.x"),
        ('enum E { A (callosum.x = "1") }', "a.thrift:1:13: E.A: callosum has no annotation callosum.x"),
        ('typedef i32 T (callosum.x = "1")', "a.thrift:1:16: T: callosum has no annotation callosum.x"),
        ('const i32 (callosum.x = "1") C = 1', "a.thrift:1:12: the type of C: callosum has no annotation callosum.x"),
        ('service S {} (callosum.frozen = "true")', "a.thrift:1:15: S: callosum has no annotation callosum.frozen"),
        ('service S { i32 f() (callosum.stream = "in") }', "a.thrift:1:22: S.f: callosum.stream = 'in': there is"),
        ('service S { void f() (callosum.stream = "server") }', "a.thrift:1:23: S.f streams what it returns"),
        (
            'service S { i32 f() (callosum.stream = "server", streaming.mode = "client") }',
            "a.thrift:1:22: S.f: callosum.stream and streaming.mode say different things",
        ),
        ('service S {} (callosum.encoding = "xml")', "a.thrift:1:15: S: callosum.encoding = 'xml'"),
        ('service S { void a() (callosum.key = "x") }', "a.thrift:1:23: S.a: callosum.key = 'x'"),
        ('service S { void a(1: i32 x (callosum.x = "1")) }', "a.thrift:1:30: S.a.x: callosum has no annotation"),
        ('service S { i32 (callosum.x = "1") a() }', "a.thrift:1:18: the type of S.a: callosum has no annotation"),
        (
            'exception X {} service S { void a() throws (1: X x (callosum.x = "1")) }',
            "a.thrift:1:53: S.a.x: callosum has no annotation callosum.x",
        ),
        (
            'struct A {} (callosum.frozen = "true", callosum.frozen = "true")',
            "a.thrift:1:14: callosum.frozen stands here",
        ),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert found.startswith(fault)


def test_all_faults_are_told_those_of_included_files_too(tmp_path: Path) -> None:
    (tmp_path / "b.thrift").write_text('struct B {} (callosum.x = "1")')
    (tmp_path / "a.thrift").write_text('include "b.thrift"\nstruct A {} (callosum.x = "1", callosum.y = "2")')
    with pytest.raises(IdlError) as caught:
        check_annotations(read(tmp_path / "a.thrift"), ("binary",))
    lines = str(caught.value).split("\n")
    assert len(lines) == 3
    assert sum("b.thrift:1:14: B: callosum has no annotation callosum.x" in one for one in lines) == 1
    assert sum("a.thrift:2:14: A: callosum has no annotation callosum.x" in one for one in lines) == 1
    assert sum("a.thrift:2:32: A: callosum has no annotation callosum.y" in one for one in lines) == 1


def test_methods_of_one_name_in_python() -> None:
    check_names(read_text("service S { void from(), void to() } service T { void from_() }"))
    with pytest.raises(IdlError) as caught:
        check_names(read_text("service S { void from(), void from_(), void with_options_(), void with_options() }"))
    assert str(caught.value).split("\n") == [
        "<string>:1:26: S: from and from_ would both be from_ in Python: rename one",
        "<string>:1:62: S: with_options_ and with_options would both be with_options_ in Python: rename one",
    ]


def test_inherited_methods_count_for_the_service_that_has_both() -> None:
    text = "service Base { void class() } service S extends Base { void class_() }"
    with pytest.raises(IdlError, match="^<string>:1:[0-9]+: S: .*class.* would both be class_ in Python: rename one$"):
        check_names(read_text(text))
