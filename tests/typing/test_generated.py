"""What callosum-gen writes of every .thrift file of the tests passes strict type checkers, and imports silently."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from callosum.upper.thrift.loader import read_program
from callosum_codegen.stubs.package import sources

pytestmark = pytest.mark.timeout(300)
TESTS = Path(__file__).parents[1]
IDL = sorted({*(TESTS / "interop").rglob("*.thrift"), *(TESTS / "upper" / "idl").rglob("*.thrift")})
INCLUDE_DIRS = [TESTS / "upper" / "idl" / "other"]
PACKAGE = "generated"
USES = """
from typing import assert_type

from generated import names

assert_type(names.Struct(1).field, int)
assert_type(names.str(str="x").str, str)
assert_type(names.self(1, self=2).self, int)
assert_type(names.TYPE_CHECKING(self=[1]).self, list[int] | None)
assert_type(names.list.Entry().Kind, names.list.Kind)
names.int(int="x")  # wrong
names.Exception(args="x")  # wrong
"""
"""Names that the modules keep apart from Python's: checkers must find the wrong lines, and no others."""
WRONG = {("uses.py", number) for number, line in enumerate(USES.splitlines(), start=1) if line.endswith("# wrong")}
Found = set[tuple[str, int]]
"""Files and lines that a checker refuses."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of all modules, and uses of it."""
    made = tmp_path_factory.mktemp("typed")
    texts = sources([read_program(path, INCLUDE_DIRS) for path in IDL], made / PACKAGE)
    for path, text in texts.items():
        where = made / PACKAGE / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text, encoding="utf-8", newline="\n")
    (made / "uses.py").write_text(USES)
    return made


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=280, check=False, env=environment
    )


def checked(folder: Path, checker: str, *arguments: str) -> str:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed: it is in the group `check`, and `make check` runs this")
    done = run(folder, "-m", checker, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr  # it found something
    return done.stdout


def test_modules_are_imported_without_a_warning(folder: Path) -> None:
    paths = [path.relative_to(folder).with_suffix("") for path in (folder / PACKAGE).rglob("*.py")]
    modules = sorted(".".join(path.parts) for path in paths)
    assert len(modules) > 30
    done = run(folder, "-W", "error", "-c", f"import importlib\nfor name in {modules}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_mypy_strict(folder: Path) -> None:
    output = checked(folder, "mypy", "--strict", "--config-file=", "--python-version=3.11", ".")
    found: Found = {(name, int(line)) for name, line in re.findall(r"^(\S+?):(\d+): error", output, re.MULTILINE)}
    assert found == WRONG, output


def test_pyright_strict(folder: Path) -> None:
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    output = checked(folder, "pyright", "--pythonpath", sys.executable, "--outputjson")
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] == len(list(folder.rglob("*.py")))
    found: Found = {
        (Path(one["file"]).relative_to(folder.resolve()).as_posix(), one["range"]["start"]["line"] + 1)
        for one in report["generalDiagnostics"]
    }
    assert found == WRONG, output
