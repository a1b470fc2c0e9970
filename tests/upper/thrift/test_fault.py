from __future__ import annotations

from typing import Any

import pytest

from callosum.upper.thrift import load
from callosum.upper.thrift.fault import MAX_COLLISIONS, Fault, check_hashes, copier, freeze
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def test_hashes_are_counted() -> None:
    check_hashes([])
    check_hashes(list(range(10_000)))
    check_hashes([1] * MAX_COLLISIONS)
    with pytest.raises(Fault):
        check_hashes([*range(100), *[1] * MAX_COLLISIONS])


def test_frozen_values() -> None:
    assert freeze([[1], {2}, "x"]) == ((1,), frozenset({2}), "x")
    assert freeze({1: 2}) == {1: 2}


@pytest.mark.parametrize("default", [[], [1], {"a"}, {"a": 1}, [[1]], {"a": [1]}], ids=str)
def test_defaults_are_copied_as_deep_as_they_are(default: Any) -> None:
    copied = copier(default)()
    assert copied == default
    assert copied is not default
    for one, other in zip(copied, default, strict=True):
        assert one is not other or not isinstance(one, list)


def test_structs_are_copied() -> None:
    point = m.Point(1, 2)
    copied = copier(point)()
    assert copied == point
    assert copied is not point
