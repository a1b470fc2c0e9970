from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.graphs import circles


@pytest.mark.parametrize(
    ("after", "order", "found"),
    [
        ({"a": "b", "b": "c", "c": ""}, "cba", []),
        ({"a": "bc", "b": "c", "c": ""}, "cba", []),
        ({"a": "a"}, "a", ["a"]),
        ({"a": "b", "b": "c", "c": "b"}, "cba", ["bc"]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, "badc", ["ab", "cd"]),
    ],
)
def test_order_and_circles(after: dict[str, str], order: str, found: list[str]) -> None:
    made, rings = circles(after, lambda one: after[one])
    assert "".join(made) == order
    assert ["".join(one) for one in rings] == found


def test_a_long_chain_needs_no_stack() -> None:
    order, found = circles([0], lambda one: [one + 1] if one < 50_000 else [])
    assert (len(order), found) == (50_001, [])
