"""Where the old files come from: folders, single files, git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.codegen.running import run, write

OLD, NEW = "struct A { 1: i32 a }", "struct A { 1: i64 a }"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def commit(folder: Path, message: str = "a change") -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)


def places(*arguments: str | Path) -> list[str]:
    """The file of each finding, and its rule."""
    result = run("breaking", "--format", "json", *arguments)
    assert result.exit_code in {0, 1}, result.stderr
    return [f"{one['path']} {one['rule']}" for one in json.loads(result.stdout)["findings"]]


def test_against_a_file(folder: Path) -> None:
    write(folder, old=OLD, new=NEW)
    assert places("--against", "old.thrift", "new.thrift") == ["new.thrift field-retyped"]
    result = run("breaking", "--against", "old.thrift", "old.thrift", "new.thrift")
    assert (result.exit_code, "give a folder" in result.stderr) == (2, True)


@pytest.mark.parametrize("against", ["old", "release"])
def test_against_a_folder_that_has_the_file_at_the_end_of_its_path(against: str, folder: Path) -> None:
    write(folder, old__a=OLD, release__idl__a=OLD, idl__a=NEW)
    assert places("--against", against, "idl/a.thrift") == ["idl/a.thrift field-retyped"]
    assert places("--against", against, folder / "idl" / "a.thrift") == [f"{folder}/idl/a.thrift field-retyped"]


@pytest.mark.parametrize("against", ["old", "release"])
def test_a_folder_against_a_folder(against: str, folder: Path) -> None:
    write(folder, old__a=OLD, old__deep__b=OLD, release__idl__a=OLD, release__idl__deep__b=OLD)
    write(folder, idl__a=NEW, idl__deep__b=OLD, idl__deep__a=NEW)
    assert places("--against", against, "idl") == ["idl/a.thrift field-retyped"]


def test_a_folder_that_has_none_of_the_files_is_a_mistake(folder: Path) -> None:
    write(folder, old__b=OLD, idl__a=NEW)
    result = run("breaking", "--against", "old", "idl/a.thrift")
    assert result.exit_code == 2
    assert result.stderr == "--against old: it has none of the files: looked for a.thrift\n"


def test_files_that_a_folder_has_no_longer(folder: Path) -> None:
    write(folder, old__a=OLD, old__gone__b="service S { void f() }\nstruct B { }", new__a=OLD)
    assert places("--against", "old", "new") == ["new/gone/b.thrift service-removed", "new/gone/b.thrift file-removed"]
    assert places("--against", "old", "--ignore", "service-removed", "new") == ["new/gone/b.thrift file-removed"]
    (folder / "pyproject.toml").write_text('[tool.callosum-gen]\nignore = ["file-removed"]')
    assert places("--against", "old", "new") == ["new/gone/b.thrift service-removed"]


def test_included_files_of_the_old_folder(folder: Path) -> None:
    root = 'include "c.thrift"  struct A { 1: c.C c }'
    write(folder, old__idl__a=root, old__lib__c="struct C { 1: i32 x }", idl__a=root, lib__c="struct C { 1: i64 x }")
    assert places("--against", "old", "-I", "lib", "idl") == ["lib/c.thrift field-retyped"]


def test_against_a_git_ref(folder: Path) -> None:
    root = 'include "../lib/c.thrift"  struct A { 1: c.C c }'
    write(folder, idl__a=root, lib__c="struct C { 1: i32 x }", idl__gone="service S { void f() }")
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    git(folder, "tag", "v1")
    write(folder, lib__c="struct C { 1: i64 x }", idl__fresh="service New { }")
    (folder / "idl" / "gone.thrift").unlink()
    expected = ["idl/../lib/c.thrift field-retyped", "lib/c.thrift field-retyped"]
    for ref in ("main", "v1", "HEAD"):
        assert places("--against", ref, "idl/a.thrift")[0] in expected
    assert places("--against", "v1", "idl")[:2] == ["idl/gone.thrift service-removed", "idl/gone.thrift file-removed"]
    commit(folder)
    assert places("--against", "HEAD", "idl") == []
    assert len(places("--against", "HEAD~1", "idl")) == 3
    assert run("breaking", "--against", "main", "idl").stdout == "Nothing breaks for those who have main.\n"


def test_a_file_that_is_new_is_told_and_no_mistake(folder: Path) -> None:
    write(folder, a=OLD)
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    write(folder, b=NEW)
    result = run("breaking", "--against", "main", "a.thrift", "b.thrift")
    assert result.exit_code == 0
    assert result.stderr == "b.thrift: new: main does not have it\n"


def test_from_inside_a_folder_of_the_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, idl__a=OLD)
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    write(folder, idl__a=NEW)
    monkeypatch.chdir(folder / "idl")
    assert places("--against", "main", "a.thrift") == ["a.thrift field-retyped"]
    assert places("--against", "main", ".") == ["a.thrift field-retyped"]


def test_old_files_with_faults_are_told_with_the_ref(folder: Path) -> None:
    write(folder, idl__a="struct {")
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    write(folder, idl__a=NEW)
    result = run("breaking", "--against", "main", "idl/a.thrift")
    assert result.exit_code == 2
    assert result.stderr.startswith("main:idl/a.thrift:1:8: ")


@pytest.mark.parametrize("ref", ["nowhere", "-x", "--output=x", "main:idl", "HEAD~9"])
def test_what_is_neither_a_folder_nor_a_ref(ref: str, folder: Path) -> None:
    write(folder, a=OLD)
    git(folder, "init", "-q", "-b", "main")
    commit(folder)
    result = run("breaking", f"--against={ref}", "a.thrift")
    assert result.exit_code == 2
    assert f"--against {ref}: there is no such folder, and no such branch, tag or commit" in result.stderr


def test_outside_of_git(folder: Path) -> None:
    write(folder, a=OLD)
    result = run("breaking", "--against", "main", "a.thrift")
    assert result.exit_code == 2
    assert "a.thrift is in no git repository" in result.stderr
    assert "(git says: " in result.stderr


def test_without_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, a=OLD)
    monkeypatch.setenv("PATH", str(folder))
    result = run("breaking", "--against", "main", "a.thrift")
    assert result.exit_code == 2
    assert "needs git, which is not installed: give a folder" in result.stderr
