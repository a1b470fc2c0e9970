from __future__ import annotations

from typing import Any

import pytest
from thriftpy2.thrift import TPayload

from callosum.upper.thrift import load
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.hashing import hashed, quicken
from callosum.upper.thrift.spec import reachable, struct_of
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def test_structs_that_are_elements_of_sets_or_keys() -> None:
    assert hashed(reachable(struct_of(m.Containers))) == {m.Point}
    assert hashed(reachable(struct_of(m.Node))) == set()


@pytest.mark.parametrize(
    "value",
    [
        m.Point(1, -2),
        m.Point(None, 2.5),
        m.Text(text="text", raw=b"raw"),
        m.Containers(points=[m.Point(1, 2)], ages={"a": 1}, text_set={"x"}),
        m.Text(text=["a list is no text"], raw=None),
    ],
)
def test_the_hash_is_the_same(value: Any) -> None:
    before = hash(value)
    quicken(struct_of(type(value)))
    assert type(value).__hash__ is not TPayload.__hash__
    assert hash(value) == before == TPayload.__hash__(value)
    value.more = 1
    assert hash(value) == TPayload.__hash__(value) != before


def test_what_lacks_a_field_is_left_to_thriftpy2() -> None:
    codec_of(m.Containers)
    point = m.Point(1, 2)
    del point.x
    assert hash(point) == TPayload.__hash__(point)
    point.z = 3
    assert hash(point) == TPayload.__hash__(point)


def test_a_hash_of_its_own_is_kept() -> None:
    own = type("Own", (TPayload,), {"thrift_spec": {1: (8, "a", False)}, "__hash__": lambda self: 7})
    quicken(struct_of(own))
    assert hash(own()) == 7
    quicken(struct_of(m.Empty))
    assert m.Empty.__hash__ is TPayload.__hash__
