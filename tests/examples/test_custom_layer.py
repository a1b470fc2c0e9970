"""The example's own tests pass, where its entry point is found as if it were installed; .ci/run installs it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.docs.test_code_blocks import blocks

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "custom_layer"


def installed(folder: Path) -> None:
    """What pip would write of the package, but its module."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    points = "".join(f"[{group}]\n" + "".join(f"{n} = {p}\n" for n, p in points.items()) for group, points in groups)
    (info / "entry_points.txt").write_text(points)


def test_its_own_tests_pass(tmp_path):
    installed(tmp_path)
    path = os.pathsep.join([str(tmp_path), str(EXAMPLE), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        command,
        cwd=EXAMPLE,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout


def test_the_page_quotes_it_word_for_word():
    for name, source in (("toy", "callosum_toy.py"), ("toy-test", "tests/test_toy.py")):
        page = blocks((ROOT / "docs" / "transports.md").read_text())
        quotes = [" ".join(block.code.split()) for block in page if (block.language, block.role) == ("text", name)]
        code = " ".join((EXAMPLE / source).read_text().split())
        assert quotes
        for quote in quotes:
            assert quote in code, quote


def test_it_stays_short():
    """What a first transport takes: under 150 lines, comments and blanks and all."""
    assert len((EXAMPLE / "callosum_toy.py").read_text().splitlines()) < 150
