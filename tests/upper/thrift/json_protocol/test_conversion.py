from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callosum.upper.thrift.json_protocol.conversion import (
    base64_of,
    bytes_of,
    double_of,
    key_of,
    quoted,
    text_of,
    token_of,
)
from callosum.upper.thrift.json_protocol.malformed import Malformed


@given(st.text())
def test_a_text_comes_back(text):
    assert text_of(quoted(text)[1:-1]) == text


def test_escapes_are_undone_and_written_where_they_must_be():
    assert text_of(r"\"\\\/\n\u00e4\ud83d\ude00") == '"\\/\nä😀'
    assert quoted('"\\/\n\0ä😀') == r'"\"\\/\n\u0000ä😀"'


@given(st.binary())
def test_a_binary_comes_back_with_padding_or_without(data):
    assert bytes_of(base64_of(data)) == data
    assert bytes_of(base64_of(data).rstrip("=")) == data
    assert bytes_of(base64_of(data).replace("/", "\\/")) == data


def test_what_is_not_base64_is_refused():
    for raw in ("A", "AB=C", "A B", "é", "AA==AA", "====", "A-_A"):
        with pytest.raises(Malformed, match="not base64"):
            bytes_of(raw)


@given(st.floats(allow_nan=False))
def test_a_double_comes_back_to_the_bit(number):
    assert struct.pack("d", double_of(token_of(number))) == struct.pack("d", number)
    assert double_of(key_of(number)[1:-1]) == number


def test_what_is_no_number_is_written_as_most_of_apaches_libraries_do():
    assert [token_of(one) for one in (math.nan, math.inf, -math.inf)] == ['"NaN"', '"Infinity"', '"-Infinity"']
    assert math.isnan(double_of('"NaN"'))
    assert double_of("-Infinity") == -math.inf
    assert key_of(math.nan) == '"NaN"'
    assert key_of(0.5) == '"0.5"'


def test_a_double_that_is_too_large_is_refused():
    for token in ("1e999", "-1e999", "1" * 400):
        with pytest.raises(Malformed, match="too large for a double"):
            double_of(token)
    assert double_of("1e-999") == 0.0
