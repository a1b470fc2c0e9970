"""The benchmark runs from end to end; its figures are not looked at here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import peers
from benchmarks.contract import Peer

ROOT = Path(__file__).parents[2]


def test_a_short_run_measures_and_reports(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    options = ["--rounds", "1", "--seconds", "0.05", "--json", str(result)]
    options += ["--peers", "callosum", "msgpack_streams", "zmq_blocking", "--workloads", "echo", "echo_1m"]
    arguments = [sys.executable, "-m", "benchmarks", *options]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert run.returncode == 0, run.stderr
    document = json.loads(result.read_text())
    by_peer = document["results"]["default"]
    assert by_peer["callosum"]["echo"]["100"]["rate"] > 0
    assert by_peer["callosum"]["echo_1m_tuned"]["8"]["server_cpu_us"] > 0
    assert by_peer["zmq_blocking"]["echo"]["1"]["p50_us"] > 0
    assert list(by_peer["zmq_blocking"]["echo"]) == ["1"]
    assert len(document["targets"]) == 6  # blocking pyzmq is no peer where large bodies are compared
    assert "callosum / blocking pyzmq" in run.stdout


def test_a_peer_whose_package_is_missing_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(name: str) -> Peer:
        if name == "grpclib":
            raise ModuleNotFoundError("no", name="grpclib.client")
        if name == "broken":
            raise ModuleNotFoundError("no", name="benchmarks.nowhere")
        return Peer("", None, None)  # type: ignore[arg-type]  # it is not used

    monkeypatch.setattr(peers, "load", load)
    assert list(command.installed(["callosum", "grpclib"])) == ["callosum"]
    assert capsys.readouterr().out == "grpclib: left out, the package grpclib.client is not installed\n"
    with pytest.raises(ModuleNotFoundError):  # a fault of the benchmark is no missing package
        list(command.installed(["broken"]))


def test_quick_is_a_plan_that_single_options_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--seconds", "0.5", "--tune-malloc", "--uvloop"])
    plan = command.plan(command.arguments())
    assert (plan.rounds, plan.seconds, plan.malloc, plan.loops) == (1, 0.5, "tuned", ("default", "uvloop"))
