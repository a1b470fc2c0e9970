from __future__ import annotations

from pathlib import Path

import pytest

from callosum_codegen.settings import Settings, settings_for
from tests.codegen.running import run, write


def test_the_nearest_pyproject_with_our_table_counts(folder: Path) -> None:
    write(folder, a="", idl__b="", idl__deep__c="", idl__other__d="")
    (folder / "pyproject.toml").write_text('[tool.callosum-gen]\nignore = ["namespace-missing"]')
    (folder / "idl" / "pyproject.toml").write_text('[project]\nname = "x"')
    (folder / "idl" / "other" / "pyproject.toml").write_text('[tool.callosum-gen]\nenable = ["missing-doc"]')
    outer = frozenset({"namespace-missing"})
    assert settings_for(folder / "a.thrift").ignore == outer
    assert settings_for(folder / "idl" / "deep" / "c.thrift").ignore == outer
    there = settings_for(folder / "idl" / "other" / "d.thrift")
    assert (there.ignore, there.enable) == (frozenset(), frozenset({"missing-doc"}))


def test_where_there_is_none_nothing_is_set(folder: Path) -> None:
    assert settings_for(folder / "a.thrift") == Settings()


def test_it_switches_rules_for_the_files_below_it(folder: Path) -> None:
    write(folder, a="struct a { 1: i32 x }", idl__b="struct b { 1: i32 x }")
    (folder / "idl" / "pyproject.toml").write_text(
        '[tool.callosum-gen]\nignore = ["type-name", "field-removed"]\nenable = ["id-gap"]'
    )
    result = run("lint", "a.thrift", "idl")
    assert "a.thrift:1:1: warning: a is a type: call it A [type-name]" in result.stdout
    assert "idl/b.thrift:1:1: warning: there is no namespace" in result.stdout
    assert "b is a type" not in result.stdout
    assert "b is a type: call it B" in run("lint", "--enable", "type-name", "idl").stdout


def test_its_folders_are_beside_it(folder: Path) -> None:
    write(folder, idl__a='include "c.thrift"\nnamespace py a\nstruct A { 1: c.C c }', lib__c="struct C { 1: i32 x }")
    (folder / "pyproject.toml").write_text('[tool.callosum-gen]\ninclude-dirs = ["lib"]')
    for arguments in (("lint",), ("describe",), ("breaking", "--against", "idl")):
        assert run(*arguments, "idl/a.thrift").exit_code == 0


WRONG = {
    "[tool.callosum-gen]\nignroe = []": "has no key 'ignroe': did you mean ignore?",
    "[tool.callosum-gen]\nignore = 'type-name'": 'is a list of texts: ignore = ["..."]',
    "[tool.callosum-gen]\nignore = ['type-nam']": "there is no rule 'type-nam': did you mean type-name",
    "[tool.callosum-gen]\ninclude-dirs = ['nowhere']": "nowhere is not a folder",
    "[tool]\ncallosum-gen = 1": "is not a table: write [tool.callosum-gen]",
    "[tool": "it cannot be read",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_it_says_is_obeyed_or_refused(text: str, message: str, folder: Path) -> None:
    write(folder, a="")
    (folder / "pyproject.toml").write_text(text)
    result = run("lint", "a.thrift")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{folder / 'pyproject.toml'}: ")
    assert message in result.stderr
