"""The benchmark of overload runs from end to end; its figures are not looked at here, but for that there are some."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import overload

ROOT = Path(__file__).parents[2]


def test_a_short_run_measures_both_ways() -> None:
    command = [sys.executable, "-m", "benchmarks.overload", "--seconds", "0.05"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    figures, *table = run.stdout.splitlines()
    results = json.loads(figures)
    assert results["shedding"]["capacity"] > 0
    assert set(results["without"]) == {"capacity", *(f"{load:g}" for load in overload.LOADS)}
    assert [line.split("  ")[0] for line in table[1:]] == ["as it is", "with shedding turned off"]


def test_what_is_kept_of_the_peak() -> None:
    figures = {f"{load:g}": 100 * min(load, 1.0) for load in overload.LOADS} | {"3": 70.0, "capacity": 110.0}
    (target,) = overload.targets({"shedding": figures, "without": figures})
    assert target.value == 0.7
    assert not target.reached
