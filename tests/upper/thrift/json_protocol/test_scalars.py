from __future__ import annotations

from typing import Any

import pytest

from callosum.upper.thrift import load
from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.json_protocol.scalars import converter, limits, scalar_reader
from callosum.upper.thrift.spec import BINARY, BOOL, DOUBLE, I8, I16, I32, I64, STRING, EnumType
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")
COLOUR = EnumType(m.Colour)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (BOOL, "1", True),
        (BOOL, "0", False),
        (I8, "-128", -128),
        (I64, "9223372036854775807", 2**63 - 1),
        (DOUBLE, "5", 5.0),
        (STRING, r'"a\n"', "a\n"),
        (BINARY, '"/w"', b"\xff"),
        (COLOUR, "1", m.Colour.RED),
        (COLOUR, "77", m.Colour(77)),
    ],
)
def test_a_token_becomes_a_value(kind, text, value):
    found, pos = scalar_reader(kind)(f"xx \t{text},", 2, 1, [1000])
    assert found == value
    assert type(found) is type(value)
    assert pos == 4 + len(text)


@pytest.mark.parametrize("kind", [I8, I16, I32, I64], ids=lambda kind: kind.text)
def test_integers_are_in_their_range(kind):
    low, high = limits(kind.size)
    for number in (low, high):
        assert converter(kind)(str(number), [0]) == number
    for number in (low - 1, high + 1):
        with pytest.raises(Malformed, match=f"from {low} to {high}, and the input has {number}"):
            converter(kind)(str(number), [0])


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (I32, "1.0"),
        (I32, '"1"'),
        (I32, "1e3"),
        (I32, "null"),
        (I32, "9" * 11),
        (BOOL, "true"),
        (DOUBLE, "NaN"),
        (STRING, "5"),
    ],
)
def test_other_tokens_are_refused(kind, text):
    with pytest.raises(Malformed, match=f"the IDL says {kind.text}, and the input has"):
        scalar_reader(kind)(text, 0, 1, [0])
