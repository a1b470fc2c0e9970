"""For each rule of ``lint`` a text in which it finds something, and the same text mended."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from callosum.upper.thrift.idl.reading import read, read_text
from callosum_codegen.lint.checking import check
from callosum_codegen.lint.rules import RULES
from tests.codegen.running import run, write

HEAD = "namespace py a\n"


class Case(NamedTuple):
    """What is found in a text, and a text in which it is mended."""

    rule: str
    text: str
    mended: str
    place: tuple[int, int]
    message: str


CASES = [
    Case(
        "module-name",
        "namespace py a.class",
        "namespace py a.klass",
        (1, 1),
        "the module is called a.class_: a.class cannot be imported",
    ),
    Case("type-name", f"{HEAD}struct user_row {{}}", f"{HEAD}struct UserRow {{}}", (2, 1), "call it UserRow"),
    Case("type-name", f"{HEAD}service echo {{}}", f"{HEAD}service Echo {{}}", (2, 1), "call it Echo"),
    Case("constant-name", f"{HEAD}const i32 maxSize = 1", f"{HEAD}const i32 MAX_SIZE = 1", (2, 1), "call it MAX_SIZE"),
    Case("constant-name", f"{HEAD}enum E {{ redOne = 0 }}", f"{HEAD}enum E {{ RED = 0 }}", (2, 10), "call it RED_ONE"),
    Case(
        "python-name",
        f"{HEAD}struct A {{ 1: i32 class }}",
        f"{HEAD}struct A {{ 1: i32 kind }}",
        (2, 12),
        "is called class_",
    ),
    Case(
        "python-name",
        f"{HEAD}service S {{ void f(1: i32 in) }}",
        f"{HEAD}service S {{ void f() }}",
        (2, 20),
        "parameter in is called in_",
    ),
    Case(
        "python-name", f"{HEAD}service S {{ void raise() }}", f"{HEAD}service S {{ void f() }}", (2, 13), "method raise"
    ),
    Case("python-name", f"{HEAD}exception IOError {{}}", f"{HEAD}exception DiskError {{}}", (2, 1), "hides a builtin"),
    Case("python-name", f"{HEAD}enum E {{ None = 0 }}", f"{HEAD}enum E {{ NONE = 0 }}", (2, 10), "called None_ in"),
    Case(
        "case-clash",
        f"{HEAD}struct A {{ 1: i32 userId, 2: i32 userID }}",
        f"{HEAD}struct A {{ 1: i32 userId }}",
        (2, 27),
        "userID and userId differ in case only",
    ),
    Case("case-clash", f"{HEAD}struct Ab {{}} struct AB {{}}", f"{HEAD}struct Ab {{}}", (2, 14), "AB and Ab"),
    Case(
        "python-name",
        f"{HEAD}exception X {{ 1: list<string> args }}",
        f"{HEAD}struct X {{ 1: list<string> args }}",
        (2, 15),
        "args is called args_ in Python",
    ),
    Case(
        "python-name",
        f"{HEAD}enum E {{ name = 0 }}",
        f"{HEAD}struct E {{ 1: i32 name }}",
        (2, 10),
        "the member name is called name_ in Python",
    ),
    Case(
        "implicit-id",
        f"{HEAD}struct A {{ i32 a }}",
        f"{HEAD}struct A {{ 1: i32 a }}",
        (2, 12),
        "field a of A has no id",
    ),
    Case(
        "implicit-id",
        f"{HEAD}exception X {{}} service S {{ void f() throws (X x) }}",
        f"{HEAD}exception X {{}} service S {{ void f() throws (1: X x) }}",
        (2, 45),
        "exception x of S.f has no id",
    ),
    Case(
        "enum-implicit-value",
        f"{HEAD}enum E {{ A, B, C = 7, D, F, G }}",
        f"{HEAD}enum E {{ A = 0, B = 1 }}",
        (2, 10),
        "E: A, B, D and 2 more have no numbers",
    ),
    Case(
        "enum-duplicate-value",
        f"{HEAD}enum E {{ A = 0, B = 0 }}",
        f"{HEAD}enum E {{ A = 0 }}",
        (2, 17),
        "E.B and A have",
    ),
    Case(
        "optional-default",
        f"{HEAD}struct A {{ 1: optional i32 a = 1 }}",
        f"{HEAD}struct A {{ 1: i32 a = 1 }}",
        (2, 12),
        "A.a is optional and has a default",
    ),
    Case(
        "required-default",
        f"{HEAD}struct A {{ 1: required i32 a = 1 }}",
        f"{HEAD}struct A {{ 1: required i32 a }}",
        (2, 12),
        "readers never use its default",
    ),
    Case("risky-key", f"{HEAD}struct A {{ 1: set<double> a }}", f"{HEAD}struct A {{ 1: set<i32> a }}", (2, 19), "NaN"),
    Case(
        "stream-not-last",
        f'{HEAD}service S {{ i32 f(1: i32 a (callosum.stream = "in"), 2: i8 b, 3: i8 c) (callosum.stream = "bidi") }}',
        f'{HEAD}service S {{ i32 f(2: i8 b, 3: i32 c, 1: i32 a (callosum.stream = "in")) (callosum.stream = "bidi") }}',
        (2, 19),
        "S.f.a is the caller's stream, and b and c stand behind it",
    ),
    Case(
        "risky-key",
        f"{HEAD}struct B {{}} typedef B Key struct A {{ 1: list<map<Key, i32>> a }}",
        f"{HEAD}struct B {{}} struct A {{ 1: set<B> a }}",
        (2, 50),
        "Key is a key of a map: JSON has no such keys",
    ),
    Case("risky-key", f"{HEAD}const set<list<i32>> C = []", f"{HEAD}const set<i32> C = []", (2, 11), "cannot hash"),
    Case(
        "required-field",
        f"{HEAD}struct A {{ 1: required i32 a }}",
        f"{HEAD}struct A {{ 1: optional i32 a }}",
        (2, 12),
        "A.a is required: it can never be removed",
    ),
    Case("enum-zero", f"{HEAD}enum E {{ A = 1 }}", f"{HEAD}enum E {{ A = 0 }}", (2, 1), "add UNKNOWN = 0"),
    Case(
        "id-gap",
        f"{HEAD}struct A {{ 1: i32 a, 3: i32 b, 7: i32 c }}",
        f'{HEAD}struct A {{ 1: i32 a, 3: i32 b, 7: i32 c }} (callosum.reserved = "2, 4-6")',
        (2, 1),
        'reserve them: (callosum.reserved = "2,4-6")',
    ),
    Case(
        "snake-case",
        f"{HEAD}service S {{ void doIt(1: i32 x) }}",
        f"{HEAD}service S {{ void do_it(1: i32 x) }}",
        (2, 13),
        "the method doIt is not in snake_case: call it do_it",
    ),
    Case(
        "missing-doc",
        f"{HEAD}/** It has one. */ service S {{ void f() }}",
        f"{HEAD}/** It has one. */ service S {{ /** It, too. */ void f() }}",
        (2, 32),
        "S.f has no doc",
    ),
    Case("unused-typedef", f"{HEAD}typedef i32 Id", f"{HEAD}typedef i32 Id const Id C = 1", (2, 1), "Id is not used"),
]
FILES = {"namespace-missing", "unused-include"}
"""Rules that look at more than one text."""


def found(text: str) -> list[tuple[str, tuple[int, int], str]]:
    findings = check(read_text(text, path="a.thrift"))
    return [(one.rule.name, tuple(one.place.position), one.message) for one in findings]  # type: ignore[misc]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_finds_what_it_is_for(case: Case) -> None:
    of_rule = [one for one in found(case.text) if one[0] == case.rule]
    assert [one[1] for one in of_rule] == [case.place]
    assert case.message in of_rule[0][2]
    assert case.rule not in {one[0] for one in found(case.mended)}


def test_each_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} | FILES == {one.name for one in RULES}


def test_the_module_is_called_as_the_file_is(folder: Path) -> None:
    write(folder, **{"a-b": "struct A {}", "class": "struct A {}", "good": "namespace * shop\nstruct A {}"})
    messages = {name: [one.message for one in check(read(f"{name}.thrift"))] for name in ("a-b", "class", "good")}
    assert messages == {
        name: [f"there is no namespace: the module is called {module}, as the file is: write `namespace py {module}`"]
        for name, module in (("a-b", "a_b"), ("class", "class_"))
    } | {"good": []}


@pytest.mark.parametrize(
    "use",
    [
        "struct A { 1: list<c.C> a }",
        "const i32 X = c.LIMIT",
        "struct A { 1: i32 a = c.LIMIT }",
        "service S extends c.S { }",
        "service S { c.C f() }",
        "typedef c.C Other",
        "const map<string, list<i32>> X = {'a': [c.LIMIT]}",
    ],
)
def test_an_include_is_used_wherever_its_name_stands(use: str, folder: Path) -> None:
    write(folder, c="struct C { } const i32 LIMIT = 1 service S { }", used=f'include "c.thrift"\n{use}')
    write(folder, unused='include "c.thrift"\nstruct c { }')
    assert "unused-include" not in {one.rule.name for one in check(read("used.thrift"))}
    assert "unused-include" in {one.rule.name for one in check(read("unused.thrift"))}


def test_included_files_are_not_judged(folder: Path) -> None:
    write(folder, a='namespace py a\ninclude "c.thrift"\nstruct A { 1: c.bad a }', c="struct bad { 1: i32 class }")
    result = run("lint", "a.thrift")
    assert (result.exit_code, result.stdout) == (0, "Nothing found in 1 file.\n")


def test_a_line_speaks_for_itself(folder: Path) -> None:
    write(
        folder,
        a="namespace py a\n"
        "struct bad { 1: i32 class }  // callosum-gen: ignore[type-name, python-name] the database has it so\n"
        "struct worse { 1: i32 class }  // callosum-gen: ignore[python-name]\n",
    )
    result = run("lint", "a.thrift")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:-1] == [
        "a.thrift:3:1: warning: worse is a type: call it Worse [type-name]",
    ]


def test_files_of_others_make_little_noise() -> None:
    """What is on by default is hardly ever meant: of 5000 lines of well-known interfaces, few are found."""
    idl = Path(__file__).parents[2] / "interop" / "idl"
    result = run("lint", idl)
    assert "Traceback" not in result.stdout
    assert 5 < len(result.stdout.splitlines()) < 40
