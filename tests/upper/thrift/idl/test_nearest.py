from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.nearest import did_you_mean


@pytest.mark.parametrize(
    ("name", "names", "near"),
    [
        ("Pont", ["Pint", "Point", "Other"], "Point"),
        ("colour", ["Colour"], "Colour"),
        ("x", ["Point"], ""),
        ("", ["a"], ""),
        ("a" * 101, ["a" * 101], ""),
        ("abc", [], ""),
    ],
)
def test_near_names(name: str, names: list[str], near: str) -> None:
    assert did_you_mean(name, names) == (f": did you mean {near}?" if near else "")
