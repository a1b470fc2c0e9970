"""The benchmark runs from end to end; its figures are not looked at here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import Ratio, ratios, verdict

ROOT = Path(__file__).parents[2]


def test_a_short_run_measures_and_reports(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    options = ["--rounds", "1", "--seconds", "0.1", "--json", str(result)]
    peers = ["--peers", "callosum", "msgpack_streams", "zmq_asyncio", "zmq_blocking"]
    command = [sys.executable, "-m", "benchmarks", *options, *peers]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    document = json.loads(result.read_text())
    assert document["results"]["default"]["callosum"]["100"]["rate"] > 0
    assert document["results"]["default"]["zmq_blocking"]["1"]["p50_us"] > 0
    assert len(document["ratios"]) == 3
    assert "callosum / zmq.asyncio" in run.stdout


def test_ratios_compare_with_what_was_measured() -> None:
    fast = {"rate": 100_000.0, "client_cpu_us": 5.0, "server_cpu_us": 5.0, "p50_us": 100.0}
    slow = {"rate": 4_000.0, "client_cpu_us": 150.0, "server_cpu_us": 250.0, "p50_us": 150.0}
    numbers = ("1", "100", "1000")
    found = ratios({"callosum": dict.fromkeys(numbers, fast), "grpc_aio": dict.fromkeys(numbers, slow)})
    assert [(ratio.value, ratio.reached) for ratio in found] == [
        (25.0, True),
        (25.0, False),
        (100 / 150, False),
        (10 / 400, True),
    ]
    assert ratios({"grpc_aio": dict.fromkeys(numbers, slow)}) == []


def test_a_ratio_that_is_short_is_said() -> None:
    lines = verdict([Ratio("a", 1.0, 2.0, ">=", 3.0), Ratio("b", 1.0, 2.0, "<=", 1.5)]).splitlines()
    assert lines[-2].endswith("SHORT")
    assert lines[-1].endswith("pass")
