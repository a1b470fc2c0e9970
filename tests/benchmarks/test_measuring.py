"""What is made of the figures: lateness, medians, targets, tables, the page and the picture."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measure import BURST_CALLS, medians
from benchmarks.report import aligned, rows_of_targets, tables, text
from benchmarks.targets import Target, targets
from benchmarks.ticker import Ticker

ROOT = Path(__file__).parents[2]
FAST = {"rate": 100_000.0, "client_cpu_us": 5.0, "server_cpu_us": 5.0, "p50_us": 100.0, "p99_us": 200.0}
SLOW = {"rate": 4_000.0, "client_cpu_us": 150.0, "server_cpu_us": 250.0, "p50_us": 150.0, "p99_us": 300.0}
NUMBERS = ("1", "8", "100", "1000")


def turn(figures: dict[str, float]) -> dict[str, dict[str, dict[str, float]]]:
    return {
        "echo": dict.fromkeys(NUMBERS, figures),
        "echo_1m": dict.fromkeys(("1", "8"), figures),
        "memory": {"idle": {"server_kib": 35.0}, "parked": {"server_kib": 2.5, "client_kib": 2.0}},
        "burst": {str(BURST_CALLS): {"server_held_ms": 6.0, "client_held_ms": 1.0, "seconds": 1.0}},
    }


RESULTS = {"callosum": turn(FAST), "msgpack_streams": turn(SLOW)}


def test_a_loop_that_is_held_is_seen() -> None:
    async def hold() -> dict[str, float]:
        ticker = Ticker()
        await asyncio.sleep(0.005)
        time.sleep(0.05)
        await asyncio.sleep(0.005)
        return ticker.stop()

    held = asyncio.run(hold())
    assert held["held_ms"] >= 48
    assert held["held_cpu_ms"] < held["held_ms"]  # it slept and did not compute


def test_a_hold_that_ends_with_the_watch_is_seen() -> None:
    async def hold() -> float:
        ticker = Ticker()
        time.sleep(0.03)
        return ticker.stop()["held_ms"]

    assert asyncio.run(hold()) >= 28


def test_medians_are_those_of_the_turns_that_have_the_figure() -> None:
    turns = [{"echo": {"1": {"rate": rate}}} for rate in (1.0, 5.0, 2.0)]
    assert medians([*turns, {"burst": {"9": {"held_ms": 7.0}}}]) == {
        "echo": {"1": {"rate": 2.0}},
        "burst": {"9": {"held_ms": 7.0}},
    }


def test_targets_compare_with_what_was_measured() -> None:
    found = targets({"callosum": turn(FAST), "grpc_aio": {"echo": dict.fromkeys(NUMBERS, SLOW)}})
    assert [(target.value, target.reached) for target in found] == [
        (25.0, True),
        (25.0, False),
        (100 / 150, False),
        (10 / 400, True),
        (35.0, True),
        (2.5, True),
        (2.0, False),
        (6.0, False),
        (1.0, True),
    ]
    assert targets({"grpc_aio": turn(SLOW)}) == []
    assert targets({"callosum": {}}) == []


def test_large_echoes_are_compared_with_the_fastest() -> None:
    faster = {**FAST, "rate": 200_000.0}
    found = targets({"callosum": turn(FAST), "msgpack_batched": turn(SLOW), "msgpack_streams": turn(faster)})
    large = [target for target in found if "1 MiB" in target.what]
    assert [target.value for target in large] == [0.5, 0.5]
    assert all("(msgpack over asyncio streams)" in target.what for target in large)


def test_a_target_that_is_short_is_said() -> None:
    rows = rows_of_targets([Target("a", 1, 2, ">=", 3), Target("b", 1, 2, "<=", 1.5, "ms"), Target("c", 1, 0, ">=", 2)])
    assert [row[-1] for row in rows] == ["", "SHORT", "pass", "-"]
    assert rows[2][1:4] == ("1 ms", "<= 2 ms", "<= 1.5 ms")
    assert aligned(rows).splitlines()[1].endswith("SHORT")


def test_each_workload_has_a_table_and_uvloop_a_column() -> None:
    titles = [table.title for table in tables({"default": RESULTS, "uvloop": {"callosum": turn(FAST)}})]
    assert titles == [
        "echo of 32 B",
        "echo of 1 MiB",
        f"memory, and a burst of {BURST_CALLS:,} calls",
        "echo of 32 B, on uvloop",
        "echo of 1 MiB, on uvloop",
        f"memory, and a burst of {BURST_CALLS:,} calls, on uvloop",
        "echo of 32 B: asyncio's own loop, and uvloop",
    ]
    printed = text({"default": RESULTS}, targets(RESULTS))
    assert "104,858" in printed  # 100,000 times 1 MiB in MB
    assert "SHORT" in printed


@pytest.mark.skipif(not find_spec("matplotlib"), reason="matplotlib is not installed")
@pytest.mark.parametrize("results", [RESULTS, {"callosum": {"echo": {"1": FAST}}}], ids=["all", "few"])
def test_the_page_is_rewritten_between_its_marks_and_the_picture_is_the_same_again(
    results: dict[str, Any], tmp_path: Path
) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "latest.json"
    page.write_text("before\n<!-- figures: begin -->\nof last year\n<!-- figures: end -->\nafter\n")
    run = {
        "machine": {"versions": {"callosum": "2"}, "cpus": 2, "system": "Linux", "python": "3"},
        "rounds": 3,
        "seconds": 1.5,
        "results": {"default": results},
        "targets": [target.as_dict() for target in targets(results)],
    }
    figures.write_text(json.dumps(run))
    pictures = tmp_path / "one.svg", tmp_path / "other.svg"
    for picture in pictures:
        options = ["--json", str(figures), "--page", str(page), "--picture", str(picture)]
        command = [sys.executable, "-m", "benchmarks.publish", *options]
        subprocess.run(command, cwd=ROOT, check=True, timeout=50, capture_output=True)
    published = page.read_text()
    assert published.startswith("before\n<!-- figures: begin -->\n")
    assert published.endswith("<!-- figures: end -->\nafter\n")
    assert "of last year" not in published
    assert published.count("![") == 1
    assert "| callosum, Thrift over tcp | 100 | 200 |" in published
    one, other = (picture.read_bytes() for picture in pictures)
    assert one == other
    assert b"<dc:date>" not in one
