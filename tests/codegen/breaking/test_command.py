from __future__ import annotations

from pathlib import Path

from tests.codegen.running import run, write


def test_errors_are_1_and_warnings_only_where_it_is_strict(folder: Path) -> None:
    write(folder, old="struct A { 1: i32 a }", wire="struct A { 1: i64 a }", source="struct A { 1: i32 b }")
    assert run("breaking", "--against", "old.thrift", "wire.thrift").exit_code == 1
    assert run("breaking", "--against", "old.thrift", "source.thrift").exit_code == 0
    assert run("breaking", "--against", "old.thrift", "--strict", "source.thrift").exit_code == 1
    assert run("breaking", "--against", "old.thrift", "--strict", "old.thrift").exit_code == 0


def test_what_people_read(folder: Path) -> None:
    write(folder, old="struct A { 1: i32 a }", new="struct A {\n  1: i64 a\n}")
    result = run("breaking", "--against", "old.thrift", "new.thrift")
    sentence = "A.a (id 1) is i64 now, and was i32: those differ on the wire: keep it, and add one with a new id"
    assert result.stdout == f"new.thrift:2:3: error: {sentence} [field-retyped]\n1 error\n"
    assert result.stderr == ""


def test_rules_are_switched_off(folder: Path) -> None:
    write(folder, old="struct A { 1: i32 a }", new="struct A { 1: i64 a }")
    assert run("breaking", "--against", "old.thrift", "--ignore", "field-retyped", "new.thrift").exit_code == 0
    (folder / "pyproject.toml").write_text('[tool.callosum-gen]\nignore = ["field-retyped"]')
    assert run("breaking", "--against", "old.thrift", "new.thrift").exit_code == 0


def test_an_included_file_that_two_have_is_judged_once(folder: Path) -> None:
    for version, kind in (("old", "i32"), ("new", "i64")):
        write(folder / version, a='include "c.thrift"', b='include "c.thrift"', c=f"struct C {{ 1: {kind} x }}")
    assert run("breaking", "--against", "old", "new").stdout.count("[field-retyped]") == 1
