from __future__ import annotations

import inspect
import re

import pytest

from callosum.lower import base
from callosum.testing.lower_kit.laws import Law, broken, expect

CONTRACT = re.sub(r"\s+", " ", inspect.getsource(base))


@pytest.mark.parametrize("law", list(Law), ids=lambda law: law.name)
def test_a_law_is_a_sentence_of_the_contract(law):
    assert law in CONTRACT


def test_what_is_broken_is_said_with_its_sentence():
    expect(1, Law.ORDER, "unused")
    with pytest.raises(AssertionError, match="order and message boundaries.” Seen: a mess"):
        expect(0, Law.ORDER, "a mess")
    assert Law.BOUND in str(broken(Law.BOUND, "x"))
