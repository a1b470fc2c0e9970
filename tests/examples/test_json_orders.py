"""An interface that both sides share as typed Python."""

from __future__ import annotations

from tests.examples.processes import run, serving


def test_client_and_server_meet() -> None:
    with serving("json_orders") as address:
        client = run("json_orders", "client.py", address)
    assert client.returncode == 0, client.stderr
    assert client.stdout.splitlines() == [
        "confirming 3 things",
        "1 a gift paid",
        "only 3 of tea",
        "there is no order 7",
        "Orders.place.args.items[0].count: Expected `int`, got `str`",
    ]
