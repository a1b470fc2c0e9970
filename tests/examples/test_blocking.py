"""Server and client without async, a database behind them."""

from __future__ import annotations

from tests.examples.processes import run, serving


def test_client_and_server_meet() -> None:
    with serving("blocking") as address:
        client = run("blocking", "client.py", address)
    assert client.returncode == 0, client.stderr
    assert client.stdout.splitlines() == [
        "added [1, 2, 3]",
        "['a note about tea', 'a note about tea cups']",
        "remove note 2? yes",
        "removed",
        "no note 2 EXECUTED",
    ]
