"""The benchmark of the policies runs from end to end; its figures are not looked at here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import policies

ROOT = Path(__file__).parents[2]


def test_a_short_run_measures_all_policies() -> None:
    command = [sys.executable, "-m", "benchmarks.policies", "--rounds", "1", "--seconds", "0.05"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    figures, *table = run.stdout.splitlines()
    rates = json.loads(figures)
    assert list(rates) == list(policies.POLICIES)
    assert all(rate > 0 for by_kind in rates.values() for rate in by_kind.values())
    assert len(table) == 4
