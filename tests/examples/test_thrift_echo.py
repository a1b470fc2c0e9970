"""The example runs, as `make demo` runs it, and keeps its promises."""

from __future__ import annotations

from tests.examples.processes import run, serving


def test_the_demo_keeps_its_promises() -> None:
    demo = run("thrift_echo", "demo.py")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.endswith("All as promised.\n")
    assert not demo.stderr


def test_client_and_server_meet() -> None:
    with serving("thrift_echo") as address:
        client = run("thrift_echo", "client.py", address)
    assert client.returncode == 0, client.stderr
    assert client.stdout.splitlines() == ["hello 5", "the server refused: nothing to say", "you asked: who are you?"]
