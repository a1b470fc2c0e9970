"""The corpus and the bombs of every target hold, and so does what some seconds of mutations make of them."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fuzz import checks, corpus
from fuzz.checks import check_decoding, check_memory, seconds_for
from fuzz.mutation import MAX_SIZE, Mutator
from fuzz.run import Report, fails, run_known, run_mutated, shrink
from fuzz.target import Bomb, Target
from fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 5.0
SIZES = (64, 1024, 16 * 1024, 256 * 1024)
"""Of bombs: `make fuzz` has some of a MiB, too, which take minutes."""
pytestmark = pytest.mark.timeout(120)


def problems(report: Report) -> list[str]:
    return [f"{one.finding.check}: {one.name}: {one.finding.text}: {one.data[:40].hex()}" for one in report.found]


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_and_the_bombs_hold(name):
    report = Report(name, 0)
    run_known(TARGETS[name], report, SIZES)
    assert report.known > 100
    assert report.accepted > 20
    assert not problems(report)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_made_of_them_holds(name):
    report = Report(name, random.randrange(2**32))
    run_mutated(TARGETS[name], report, SECONDS)
    print(report)
    assert report.mutated > 500
    assert not problems(report), f"seed {report.seed}"


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_has_every_valid_encoding(name):
    kept = corpus.load(name).values()
    missing = [seed for seed, data in TARGETS[name].seeds().items() if data not in kept]
    assert not missing, "write them: python -m fuzz --write-seeds"


def test_the_corpus_is_small():
    sizes = [path.stat().st_size for path in corpus.FOLDER.rglob("*.bin")]
    assert sum(sizes) < 500_000
    assert max(sizes) <= corpus.MAX_FILE


# --- the checks find what they look for -------------------------------------------------------------------------------


def nothing(_: int) -> list[Bomb]:
    return []


def target(decode: Any, seeds: Mapping[str, bytes] | None = None) -> Target:
    return Target("test", decode, (ValueError,), lambda: seeds or {}, nothing)


def refuse(_: bytes) -> None:
    raise ValueError("as it may")


def test_an_exception_that_is_not_allowed_is_found():
    def decode(data: bytes) -> None:
        raise KeyError(data)

    finding, _ = check_decoding(target(decode), b"x")
    assert finding is not None
    assert finding.check == "raises"
    assert check_decoding(target(refuse), b"x")[0] is None


def test_time_is_found_and_a_moment_of_other_work_is_not(monkeypatch):
    monkeypatch.setattr(sys, "gettrace", lambda: None)  # under coverage too
    monkeypatch.setattr(checks, "slowness", lambda: 1.0)  # `slow` takes its seconds on a slow machine too
    calls = []

    def slow(data: bytes) -> None:
        end = time.thread_time() + 0.015
        while time.thread_time() < end:
            pass

    def slow_at_first(data: bytes) -> None:
        calls.append(data)
        if len(calls) < 10:
            slow(data)

    finding, _ = check_decoding(target(slow), b"x")
    assert finding is not None
    assert finding.check == "time"
    assert check_decoding(target(slow), bytes(64 * 1024 + 1))[0] is None
    assert check_decoding(target(slow_at_first), b"x")[0] is None
    monkeypatch.setattr(checks, "slowness", lambda: 2.0)
    assert check_decoding(target(slow), b"x")[0] is None
    assert [seconds_for(size) for size in (0, 1, 65_536, 65_537)] == [0.01, 0.01, 0.01, 0.02]


def test_memory_is_found_also_where_the_input_is_refused():
    def refuse_late(data: bytes) -> None:
        made = [bytes(100) for _ in data]
        raise ValueError(f"{len(made)} pieces")

    for decode in (lambda data: [bytes(100) for _ in data], refuse_late):
        finding = check_memory(target(decode), bytes(1000))
        assert finding is not None
        assert finding.check == "memory"
    assert check_memory(target(lambda data: bytes(15 * len(data))), bytes(1000)) is None


def test_a_byte_that_was_not_received_is_found():
    def decode(data: bytes) -> Any:
        return {"a": [data[1:3], data.decode()], b"cd": (data + b"!",)}

    finding, _ = check_decoding(target(decode), b"abcd")
    assert finding is not None
    assert finding.check == "leaf"
    assert "abcd!" in finding.text


def test_a_finding_is_made_shorter():
    def decode(data: bytes) -> None:
        if b"!" in data:
            raise KeyError

    assert shrink(target(decode), bytes(500) + b"!" + bytes(500), "raises") == b"!"
    assert fails(target(decode), b"?") is None


def test_a_run_can_be_repeated():
    pool = [bytes(range(200)), b"abc", b""]
    one, other, third = ([Mutator(seed).draw(pool) for _ in range(50)] for seed in (1, 1, 2))
    assert one == other
    assert one != third
    mutator = Mutator(3)
    drawn = [mutator.draw(pool) for _ in range(3_000)]
    assert len(set(drawn)) > 2_000
    assert max(map(len, drawn)) <= MAX_SIZE


def test_what_is_found_is_kept(tmp_path):
    path = corpus.keep("batch", b"found", folder=tmp_path)
    assert path is not None
    assert corpus.load("batch", tmp_path) == {path.name: b"found"}
    assert corpus.keep("batch", bytes(corpus.MAX_FILE + 1), folder=tmp_path) is None


def test_the_command_prints_its_seed():
    command = [sys.executable, "-m", "fuzz", "--inputs", "200", "--seed", "7", "--target", "batch"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout
    assert "200 mutated, seed 7" in run.stdout
