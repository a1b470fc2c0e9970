"""Runs the programs of an example."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program, to its end."""
    command = [sys.executable, str(EXAMPLES / example / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


@contextmanager
def serving(example: str) -> Iterator[str]:
    """Where the example's server.py listens; at the end it has to drain."""
    command = [sys.executable, str(EXAMPLES / example / "server.py"), "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().rsplit(maxsplit=1)[-1]
        server.terminate()
        assert server.stdout.read().endswith("drained\n")
        assert server.wait(10) == 0
