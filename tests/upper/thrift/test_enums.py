from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from callosum.upper.thrift import load_string
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.enums import Enum


class Colour(Enum):
    RED = 1
    GREEN = 2


def test_a_number_that_is_not_known_is_kept() -> None:
    unknown = Colour(77)
    assert isinstance(unknown, Colour)
    assert (unknown, unknown.name, unknown.value) == (77, "UNKNOWN_77", 77)
    assert repr(unknown) == "Colour.UNKNOWN_77"
    assert Colour(-5).name == "UNKNOWN_-5"
    assert list(Colour) == [Colour.RED, Colour.GREEN]
    assert "UNKNOWN_77" not in Colour.__members__


def test_the_same_number_is_equal_and_has_the_same_hash() -> None:
    assert Colour(77) == Colour(77) != Colour(78)
    assert len({Colour(77), Colour(77), 77}) == 1
    assert Colour(1) is Colour.RED


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, "RED", 1.5, None, 77.0])
def test_what_is_no_number_of_32_bits_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid Colour"):
        Colour(value)


def test_the_limits_are_taken() -> None:
    assert [Colour(one).value for one in (2**31 - 1, -(2**31))] == [2**31 - 1, -(2**31)]


def test_members_are_integers() -> None:
    assert Colour.RED + 1 == 2
    assert json.dumps([Colour.RED, Colour(77)]) == "[1, 77]"
    assert repr(Colour.RED) == "Colour.RED"
    assert f"{Colour.GREEN}" == str(Colour.GREEN) == "2"


@pytest.mark.parametrize("number", [1, 77])
def test_copies_and_pickles(number: int) -> None:
    module: Any = load_string("enum Colour { RED = 1 }", module_name="callosum_test_enums")
    member = module.Colour(number)
    for back in (copy.copy(member), copy.deepcopy(member), pickle.loads(pickle.dumps(member))):
        assert type(back) is module.Colour
        assert (back, back.name) == (number, member.name)


def test_an_enum_may_be_empty() -> None:
    module: Any = load_string("enum Nothing {} struct A { 1: Nothing n }")
    assert list(module.Nothing) == []
    assert codec_of(module.A).decode(codec_of(module.A).encode(module.A())) == module.A(n=None)
