"""What mypy and pyright, both at their strictest, say of uses of a generated module: of each line of `uses/`.

In `uses/right.py` they find nothing. In `uses/wrong.py` they find something in each line that has a mark, and in no
other: ``# E: arg-type, reportArgumentType - why``. The mark names what mypy calls it, and what pyright does; where only
one of them sees it, only that.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from callosum_codegen.cli import main

USES = Path(__file__).parent / "uses"
MARK = re.compile(r"  # E: ([\w-]+)(?:, (\w+))?(?: - .*)?$")
Found = dict[int, set[str]]
"""What a checker calls that which it finds, by lines."""
CONSEQUENCES = frozenset(
    {
        "reportUnknownArgumentType",
        "reportUnknownMemberType",
        "reportUnknownVariableType",
        "reportUnusedExpression",
    }
)
"""What pyright says besides: of a value that it has no type for, because there is something wrong with it."""

pytestmark = pytest.mark.timeout(300)  # a checker begins with nothing in its cache


def checked(checker: str, *arguments: str, folder: Path) -> str:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed: it is in the group `check`, and `make check` runs this")
    command = [sys.executable, "-m", checker, *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode in {0, 1}, run.stdout + run.stderr
    return run.stdout


def by_mypy(folder: Path) -> dict[str, Found]:
    found: dict[str, Found] = defaultdict(lambda: defaultdict(set))
    output = checked("mypy", "--strict", "--config-file=", "--output=json", ".", folder=folder)
    for one in map(json.loads, output.splitlines()):
        if one["severity"] == "error":
            found[one["file"]][one["line"]].add(one["code"])
    return found


def by_pyright(folder: Path) -> dict[str, Found]:
    found: dict[str, Found] = defaultdict(lambda: defaultdict(set))
    output = checked("pyright", "--pythonpath", sys.executable, "--outputjson", folder=folder)
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] == 4, "with the generated package"
    for one in report["generalDiagnostics"]:
        found[Path(one["file"]).name][one["range"]["start"]["line"] + 1].add(one["rule"])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The uses, beside the package that they use."""
    made: Path = tmp_path_factory.mktemp("uses")
    shutil.copytree(USES, made, dirs_exist_ok=True)
    result = CliRunner().invoke(main, ["stubs", str(made / "shop.thrift"), "--out", str(made / "shop_idl")])
    assert result.exit_code == 0, result.output
    (made / "pyrightconfig.json").write_text('{ "typeCheckingMode": "strict" }')
    return made


def marked(group: int) -> Found:
    lines = (USES / "wrong.py").read_text().splitlines()
    marks = {number: MARK.search(line) for number, line in enumerate(lines, 1)}
    assert sum(" # E" in line for line in lines) == sum(mark is not None for mark in marks.values()) > 50
    named = {number: mark[group] for number, mark in marks.items() if mark}
    return {number: {name} for number, name in named.items() if name}


@pytest.mark.parametrize(("check", "group"), [(by_mypy, 1), (by_pyright, 2)], ids=["mypy", "pyright"])
def test_what_is_wrong_is_flagged_and_what_is_right_is_not(
    folder: Path, check: Callable[[Path], dict[str, Found]], group: int
) -> None:
    found = check(folder)
    wrong = {number: kinds - CONSEQUENCES for number, kinds in found.pop("wrong.py").items()}
    assert not found, "the right uses, or the generated module itself"
    expected = marked(group)
    assert {number: kinds & expected.get(number, kinds) for number, kinds in wrong.items() if kinds} == expected
