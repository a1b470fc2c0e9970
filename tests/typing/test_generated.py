"""What callosum-gen writes passes strict type checkers, and is imported without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typing import checkers
from tests.typing.checkers import Findings

pytestmark = pytest.mark.timeout(300)
USING = Path(__file__).with_name("using.py.txt")
"""Uses generated modules, well and badly: each line that a checker has to refuse says so."""
WRONG = "# wrong"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder with a package of the modules of all .thrift files, and their names."""
    folder = tmp_path_factory.mktemp("typed")
    modules = checkers.generate(checkers.IDL, folder)
    (folder / "using.py").write_text(USING.read_text(encoding="utf-8"), encoding="utf-8")
    return folder, modules


@pytest.fixture(scope="module")
def wrong() -> Findings:
    """The lines that have to be refused; every other one is right."""
    lines = USING.read_text(encoding="utf-8").splitlines()
    return {("using.py", number) for number, line in enumerate(lines, start=1) if line.endswith(WRONG)}


def test_modules_are_imported_without_a_warning(generated: tuple[Path, list[str]]) -> None:
    folder, modules = generated
    assert len(modules) > 30
    program = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr


def test_mypy_strict(generated: tuple[Path, list[str]], wrong: Findings) -> None:
    found, report = checkers.mypy(generated[0])
    assert found == wrong, report


def test_pyright_strict(generated: tuple[Path, list[str]], wrong: Findings) -> None:
    found, report = checkers.pyright(generated[0])
    assert found == wrong, report
