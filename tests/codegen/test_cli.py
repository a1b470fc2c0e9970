"""What all verbs share: help, exit codes, errors, colours; in this process, and in real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.codegen.running import run, write

VERBS = ("breaking", "describe", "lint", "stubs")


def test_alone_it_says_what_to_do_next() -> None:
    result = run()
    assert result.exit_code == 0
    for verb in VERBS:
        assert f"callosum-gen {verb} " in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_the_verbs_and_the_exit_codes(flag: str) -> None:
    result = run(flag)
    assert result.exit_code == 0
    assert all(verb in result.stdout for verb in VERBS)
    assert "Exit codes: 0" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_an_example(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"Examples:\n    callosum-gen {verb} " in result.stdout


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout.startswith("callosum-gen, version 2.")


USAGE = {
    ("lnt", "a.thrift"): "there is no verb 'lnt': did you mean lint?",
    ("lint",): "Missing argument 'FILE...'",
    ("lint", "b.thrift"): "'b.thrift' does not exist",
    ("lint", "--frobnicate", "a.thrift"): "No such option",
    ("lint", "--format", "xml", "a.thrift"): "'xml' is not one of 'text', 'json', 'github'",
    ("lint", "-I", "a.thrift", "a.thrift"): "is a file",
    ("lint", "--ignore", "type-nam", "a.thrift"): "--ignore: there is no rule 'type-nam': did you mean type-name",
    ("lint", "--enable", "x", "a.thrift"): "--enable: there is no rule 'x': --list-rules shows them",
    ("lint", "empty"): "empty: the folder has no .thrift file",
    ("breaking", "a.thrift"): "Missing option '--against'",
    ("describe", "b.thrift"): "b.thrift: there is no such file",
    ("describe", "a.thrift", "Pont"): "a.thrift: there is no Pont: did you mean Point?",
    ("stubs", "a.thrift"): "Missing option '--out'",
    ("stubs", "a.thrift", "--out", "a.thrift"): "'a.thrift' is a file",
}


@pytest.mark.parametrize(("arguments", "message"), USAGE.items(), ids=str)
def test_wrong_usage_is_2_and_says_what_is_wrong(arguments: tuple[str, ...], message: str, folder: Path) -> None:
    write(folder, a="struct Point { 1: i32 x }")
    (folder / "empty").mkdir()
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "verb",
    [("lint",), ("describe",), ("breaking", "--against", "a.thrift"), ("stubs", "--out", "x")],
    ids=lambda one: one[0],
)
def test_a_file_with_faults_is_2_and_each_fault_has_its_place(verb: tuple[str, ...], folder: Path) -> None:
    write(folder, a="struct A { 1: i32 x }", b="struct B {\n  1: i32\n}\nservice { }")
    result = run(*verb, "b.thrift")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == ["b.thrift:3:1", "b.thrift:4:9"]


def test_faults_of_several_files_are_told_at_once_and_each_once(folder: Path) -> None:
    write(folder, a='include "c.thrift"', b='include "c.thrift"', c="struct { }", d="enum { }")
    result = run("lint", "a.thrift", "b.thrift", "d.thrift")
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["c.thrift", "d.thrift"]


def test_a_folder_is_all_files_in_it_and_a_file_that_is_named_twice_is_one(folder: Path) -> None:
    write(folder, idl__a="", idl__deep__b="", **{"idl__.venv__c": "struct {"})
    result = run("lint", "idl", "idl/a.thrift")
    assert sorted(line.split(":")[0] for line in result.stdout.splitlines()[:-1]) == [
        "idl/a.thrift",
        "idl/deep/b.thrift",
    ]


def test_included_files_are_looked_for_in_the_folders_that_are_given(folder: Path) -> None:
    write(folder, a='namespace py a\ninclude "c.thrift"\nstruct A { 1: c.C c }', lib__c="struct C { 1: i32 x }")
    assert run("lint", "a.thrift").exit_code == 2
    assert run("lint", "-I", "lib", "a.thrift").exit_code == 0
    (folder / "pyproject.toml").write_text('[tool.callosum-gen]\ninclude-dirs = ["lib"]')


def test_colours_are_for_terminals(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, a="struct a { 1: i32 x }")
    for verb in ("lint", "describe"):
        assert "\x1b[" in run(verb, "a.thrift", color=True).stdout
        assert "\x1b[" not in run(verb, "a.thrift").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("lint", "a.thrift", color=True).stdout


# --- real processes --------------------------------------------------------------------------------------------------

SCRIPT = Path(sysconfig.get_path("scripts")) / "callosum-gen"


@pytest.mark.parametrize("command", [[str(SCRIPT)], [sys.executable, "-m", "callosum_codegen"]], ids=["script", "-m"])
def test_it_runs_as_a_program(command: list[str], folder: Path) -> None:
    write(folder, a="namespace py a\nstruct A { 1: i32 x }", b="struct B { i32 x }", c="struct {")
    codes = {}
    for name in ("a", "b", "c"):
        done = subprocess.run(
            [*command, "lint", f"{name}.thrift"], capture_output=True, text=True, timeout=30, check=False
        )
        codes[name] = done.returncode
        assert "Traceback" not in done.stderr
        assert (done.stdout == "") is (name == "c")
    assert codes == {"a": 0, "b": 1, "c": 2}
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=30, check=True)
    assert helped.stdout.startswith("Usage: callosum-gen ")


def test_a_reader_that_leaves_is_no_traceback(folder: Path) -> None:
    """As in ``callosum-gen lint idl | head -1``."""
    write(folder, a="".join(f"struct s{number} {{ 1: i32 x }}\n" for number in range(5000)))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [str(SCRIPT), "lint", "a.thrift"]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    finally:
        os.close(writing)
    assert "Traceback" not in done.stderr


def test_the_library_does_not_bring_it_along() -> None:
    """Who imports callosum pays neither for click nor for the generator."""
    code = "import sys, callosum, callosum.upper.thrift; print({'click', 'callosum_codegen'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "set()"
