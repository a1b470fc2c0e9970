"""A log, an upload and a chat, between two processes."""

from __future__ import annotations

from tests.examples.processes import run, serving


def test_client_and_server_meet() -> None:
    with serving("streams") as address:
        client = run("streams", "client.py", address)
    assert client.returncode == 0, client.stderr
    assert not client.stderr
    assert client.stdout.splitlines() == [
        "0 step 0",
        "1 step 1",
        "2 step 2",
        "there is no job nothing",
        "zeros: 1000000 bytes in 100 chunks",
        "ann: is anybody here?",
        "bob: hello ann",
        "ann has left",
    ]
