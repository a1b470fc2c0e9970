"""The processes of a measurement: a server and a client, and the lines to and from them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Worker:
    """One process of `benchmarks.worker`."""

    def __init__(self, role: str, name: str, port: int, loop: str, malloc: str) -> None:
        command = [sys.executable, "-m", "benchmarks.worker", role, name, str(port), loop, malloc]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._name = f"{role} {name}"

    def read(self) -> dict[str, Any]:
        """Its next line of JSON."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The process `{self._name}` of the benchmark ended with {self._process.wait()}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.read()

    def end(self) -> None:
        """Close its input, by which it ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True, slots=True)
class Setting:
    """How the processes of a measurement are run."""

    loop: str = "default"
    """Or ``uvloop``."""
    malloc: str = "default"
    """Or ``tuned``."""


@contextmanager
def workers(name: str, setting: Setting, serve: str = "serve") -> Iterator[tuple[Worker, Worker]]:
    """A server that can be reached, and a client that is connected to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = Worker(serve, name, port, setting.loop, setting.malloc)
    try:
        server.read()
        client = Worker("call", name, port, setting.loop, setting.malloc)
        try:
            client.read()
            yield server, client
        finally:
            client.end()
    finally:
        server.end()


@contextmanager
def serving(module: str, what: str) -> Iterator[str]:
    """The address that a server process prints: ``python -m module --serve what``."""
    with subprocess.Popen([sys.executable, "-m", module, "--serve", what], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
