"""What it takes more than two texts to see: several files, streams, and the sentences."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from callosum.upper.thrift.idl.reading import read, read_text
from callosum_codegen.breaking.comparison import compare
from callosum_codegen.findings import Finding


def texts(old: str, new: str) -> list[str]:
    found = compare(read_text(old, path="a.thrift"), read_text(new, path="a.thrift"))
    return [f"{one.place.position.line}:{one.place.position.column} [{one.rule.name}] {one.message}" for one in found]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / next(iter(files))


def compared(tmp_path: Path, old: dict[str, str], new: dict[str, str]) -> list[Finding]:
    """The first file of each is the root."""
    return compare(read(written(tmp_path / "old", old)), read(written(tmp_path / "new", new)))


@pytest.mark.parametrize("annotation", ["callosum.stream", "streaming.mode"])
def test_a_method_that_streams_in_another_mode(annotation: str) -> None:
    plain = "struct L { 1: string s } service S { L tail(1: string job) }"
    server = f'struct L {{ 1: string s }} service S {{ L tail(1: string job) ({annotation} = "server") }}'
    bidi = server.replace('"server"', '"bidi"')
    for old, new in ((plain, server), (server, plain), (server, bidi)):
        assert [one.split()[1] for one in texts(old, new)] == ["[stream-changed]"]
    assert texts(server, server) == []
    assert (
        texts(server, server.replace(annotation, "streaming.mode").replace("streaming.mode", "callosum.stream")) == []
    )


def test_another_parameter_that_streams() -> None:
    old = 'service S { i32 f(1: i32 a (callosum.stream = "in"), 2: i32 b) (callosum.stream = "client") }'
    new = 'service S { i32 f(1: i32 a, 2: i32 b (callosum.stream = "in")) (callosum.stream = "client") }'
    assert [one.split()[1] for one in texts(old, new)] == ["[stream-changed]"]


def test_included_files_are_compared_too(tmp_path: Path) -> None:
    root = 'include "shared.thrift"  struct A { 1: shared.P p }'
    found = compared(
        tmp_path,
        {"a.thrift": root, "shared.thrift": "struct P { 1: i32 x }"},
        {"a.thrift": root, "shared.thrift": "struct P { 1: i64 x }"},
    )
    assert [one.rule.name for one in found] == ["field-retyped"]
    assert Path(found[0].place.path).name == "shared.thrift"


def test_a_type_that_was_moved_to_an_included_file(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        {"a.thrift": "struct P { 1: i32 x } struct A { 1: P p }"},
        {
            "a.thrift": 'include "shared.thrift"  struct A { 1: shared.P p }',
            "shared.thrift": "struct P { 1: i64 x }",
        },
    )
    assert sorted(one.rule.name for one in found) == ["field-retyped", "type-moved"]


def test_two_types_of_one_name_in_two_files_are_two(tmp_path: Path) -> None:
    shared = {"one.thrift": "struct P { 1: i32 x }", "two.thrift": "struct P { 1: string x }"}
    includes = 'include "one.thrift"  include "two.thrift"'
    found = compared(
        tmp_path,
        {"a.thrift": f"{includes} struct A {{ 1: one.P p }}", **shared},
        {"a.thrift": f"{includes} struct A {{ 1: two.P p }}", **shared},
    )
    assert [one.rule.name for one in found] == ["field-retyped"]
    assert "P now, and was P, which differs on the wire: P.x (id 1) is string now" in found[0].message


def test_an_inherited_method_is_missed_where_it_was(tmp_path: Path) -> None:
    old = "service B { i32 f() }\nservice S extends B { i32 g() }\nservice T extends S { i32 h() }"
    assert [one.split()[:2] for one in texts(old, old.replace("i32 f()", ""))] == [["1:1", "[method-removed]"]]


def test_a_method_that_is_inherited_now() -> None:
    old = "service B { } service S extends B { i32 f() }"
    new = "service B { i32 f() } service S extends B { }"
    assert texts(old, new) == []


def test_a_difference_deep_inside_another_type_is_told() -> None:
    types = "struct X { 1: i32 n } struct Y { 1: i64 n } struct P { 1: X x } struct Q { 1: Y x } "
    sentence = (
        "1:97 [field-retyped] A.p (id 1) is Q now, and was P, which differs on the wire: "
        "Q.x (id 1) is Y now, and was X, which differs on the wire: "
        "Y.n (id 1) is i64 now, and was i32: those differ on the wire: keep it, and add one with a new id"
    )
    assert texts(f"{types} struct A {{ 1: list<P> p }}", f"{types} struct A {{ 1: list<Q> p }}") == [sentence]


def test_defaults_are_compared_by_what_they_are() -> None:
    old = (
        "enum E { X = 1 } struct P { 1: i32 n, 2: E e } const P ORIGIN = {'n': 1, 'e': E.X}\n"
        "struct A { 1: P p = ORIGIN, 2: set<i32> s = [1, 2], 3: map<string, i32> m = {'a': 1, 'b': 2}, "
        "4: double d = 1 }"
    )
    same = (
        "enum E { X = 1 } struct P { 1: i32 n, 2: E e } const P ORIGIN = {'e': 1, 'n': 1}\n"
        "struct A { 1: P p = {'n': 1, 'e': 1}, 2: set<i32> s = [2, 1], 3: map<string, i32> m = {'b': 2, 'a': 1}, "
        "4: double d = 1.0 }"
    )
    assert texts(old, same) == []
    assert [one.split()[1] for one in texts(old, same.replace("'n': 1}", "'n': 2}"))] == ["[constant-changed]"]
    assert [one.split()[1] for one in texts(old, same.replace("[2, 1]", "[2]"))] == ["[default-changed]"]


SENTENCES = {
    ("struct A { 1: i32 a, 2: i32 b }", "struct A { 1: i32 a }"): (
        "1:1 [field-removed] A.b (id 2) is gone, and nothing keeps its id from being used again: reserve it, "
        '(callosum.reserved = "2") behind the struct'
    ),
    ("struct A { 1: i32 a }", "struct A {\n  1: i32 a,\n  2: required i32 b\n}"): (
        "3:3 [required-added] A.b (id 2) is new and required: what was written without it is refused: make it optional"
    ),
    ("struct A { i32 a, i32 b }", "struct A { i32 x, i32 a, i32 b }"): (
        "1:1 [implicit-ids-changed] A: a and b have no ids, and stand in another place than before, which gives them "
        "others: keep the order, and add fields at the end"
    ),
    ("service S { i32 f(1: i32 a) }", "service S { i32 f(1: i64 a) }"): (
        "1:19 [field-retyped] parameter a (id 1) of S.f is i64 now, and was i32: those differ on the wire: "
        "keep it, and add one with a new id"
    ),
    ("service S { list<i32> f() }", "service S { list<i64> f() }"): (
        "1:13 [return-type-changed] what S.f returns is list<i64> now, and was list<i32> (i64 for i32): "
        "those differ on the wire: keep it, and add another method"
    ),
    ('struct A { 1: i32 a } (callosum.reserved = "2,4-6,9")', "struct A { 1: i32 a }"): (
        "1:1 [reservation-removed] A no longer reserves 2, 4-6, 9: put it back, an older field had it"
    ),
}


@pytest.mark.parametrize(("pair", "sentence"), SENTENCES.items(), ids=lambda one: "" if isinstance(one, tuple) else one)
def test_what_is_said(pair: tuple[str, str], sentence: str) -> None:
    assert texts(*pair)[-1] == sentence


IDL = Path(__file__).parents[2] / "interop" / "idl"


@pytest.mark.parametrize("path", sorted(IDL.rglob("*.thrift")), ids=lambda path: path.name)
def test_files_of_others_do_not_differ_from_themselves(path: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copy"
    shutil.copytree(path.parent, copies)
    assert compare(read(copies / path.name), read(path)) == []


def test_files_that_include_each_other_end() -> None:
    old = {"a.thrift": 'include "b.thrift"  struct A { 1: optional b.B b }'}
    old["b.thrift"] = 'include "a.thrift"  struct B { 1: optional a.A a, 2: i32 n }'
    new = {**old, "b.thrift": old["b.thrift"].replace("i32 n", "i64 n")}
    with tempfile.TemporaryDirectory() as folder:
        assert [one.rule.name for one in compared(Path(folder), old, new)] == ["field-retyped"]
