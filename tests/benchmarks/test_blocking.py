"""Blocking calls are measured from end to end; the figures are not looked at here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import blocking


def test_a_short_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(blocking, "WARM_UP", 0.02)
    monkeypatch.setattr(blocking, "THREADS", (2,))
    path = tmp_path / "results" / "blocking.json"
    blocking.report(1, 0.05, path)
    results = json.loads(path.read_text())
    assert results["callosum"]["2"]["rate"] > 0
    assert "in_thread" in results
    assert "callosum.blocking" in capsys.readouterr().out


def test_it_is_reached_by_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float]] = []
    monkeypatch.setattr(blocking, "report", lambda rounds, seconds: asked.append((rounds, seconds)))
    monkeypatch.setattr("sys.argv", ["benchmarks", "--blocking", "--rounds", "2", "--quick"])
    command.main()
    assert asked == [(2, 0.4)]
