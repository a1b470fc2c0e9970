"""The three policies, run side by side, and drawn."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from tests.examples.processes import run

KEYS = {"ann": [1, 3, 6], "bob": [2, 5, 7]}


def test_the_policies_run_and_are_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    example = run("ordering", "timelines.py", str(picture))
    assert example.returncode == 0, example.stderr
    lines = [line.split() for line in example.stdout.splitlines()]
    replies = {line[0].rstrip(":"): [int(number) for number in line[3:]] for line in lines}
    assert list(replies) == ["Unordered", "OrderedReplies", "SerializedByKey"]
    for policy, order in replies.items():
        assert sorted(order) == list(range(1, 9))
        for requests in KEYS.values():
            of_key = [number for number in order if number in requests]
            assert policy == "Unordered" or of_key == requests
    assert replies["Unordered"].index(3) < replies["Unordered"].index(1), "it takes 0.1 s, and that one 0.4"
    svg = ET.fromstring(picture.read_text())
    bars = [
        rect for rect in svg.iter("{http://www.w3.org/2000/svg}rect") if rect.get("class") in ("ann", "bob", "none")
    ]
    assert len(bars) == 3 + 3 * 8, "the legend's, and each request's under each policy"
