"""The example runs, as `make demo` runs it, and keeps its promises."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "thrift_echo"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def test_the_demo_keeps_its_promises() -> None:
    demo = run("demo.py")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.endswith("All as promised.\n")
    assert not demo.stderr


@pytest.fixture
def address() -> Iterator[str]:
    """Where a server.py listens."""
    command = [sys.executable, str(EXAMPLE / "server.py"), "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().rsplit(maxsplit=1)[-1]
        server.terminate()
        assert server.stdout.read().endswith("drained\n")
        assert server.wait(10) == 0


def test_client_and_server_meet(address: str) -> None:
    client = run("client.py", address)
    assert client.returncode == 0, client.stderr
    assert client.stdout.splitlines() == ["hello 5", "the server refused: nothing to say", "you asked: who are you?"]
