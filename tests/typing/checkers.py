"""Generates modules of .thrift files, and asks type checkers about them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from callosum.upper.thrift.loader import read_program

TESTS = Path(__file__).parents[1]
IDL = sorted({*(TESTS / "interop").rglob("*.thrift"), *(TESTS / "upper" / "idl").rglob("*.thrift")})
"""All .thrift files that tests are about."""
PACKAGE = "generated"
INCLUDE_DIRS = [TESTS / "upper" / "idl" / "other"]

Findings = set[tuple[str, int]]
"""Files and lines of what a checker has to say."""


def generate(files: Iterable[Path], folder: Path) -> list[str]:
    """Write the modules of files into a package in a folder: their names."""
    from callosum_codegen.stubs.package import sources

    out = folder / PACKAGE
    made = sources([read_program(path, INCLUDE_DIRS) for path in files], out)
    for path, text in made.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding="utf-8", newline="\n")
    modules = [path.with_suffix("").as_posix() for path in made if path.suffix == ".py" and path.stem != "__init__"]
    return [f"{PACKAGE}.{one.replace('/', '.')}" for one in modules]


def mypy(folder: Path) -> tuple[Findings, str]:
    """What ``mypy --strict`` finds in all that is in a folder."""
    _need("mypy")
    cache = f"--cache-dir={folder / '.mypy_cache'}"
    done = _run(folder, "mypy", "--strict", "--config-file=", "--python-version=3.11", cache, ".")
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert "source files" in done.stdout
    return {
        (name, int(line)) for name, line in re.findall(r"^(\S+?):(\d+): error", done.stdout, re.MULTILINE)
    }, done.stdout


def pyright(folder: Path) -> tuple[Findings, str]:
    """What pyright finds there in its strict mode."""
    _need("pyright")
    settings = {"include": ["."], "typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = _run(folder, "pyright", "--pythonpath", sys.executable, "--outputjson", "--project", str(folder))
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(list(folder.rglob("*.py")))
    found = report["generalDiagnostics"]
    places = {
        (Path(one["file"]).relative_to(folder.resolve()).as_posix(), one["range"]["start"]["line"] + 1) for one in found
    }
    return places, "\n".join(f"{one['file']}:{one['range']['start']['line'] + 1}: {one['message']}" for one in found)


def _need(checker: str) -> None:
    """Skip a test where a checker is not installed: `make check` has them, `make test` alone has not."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed: make check has it")


def _run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
