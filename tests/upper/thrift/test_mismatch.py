from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from callosum.errors import EncodeError
from callosum.upper.thrift import load, mismatch
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.mismatch import (
    Misfit,
    as_binary,
    as_bool,
    as_float,
    as_int,
    as_list,
    as_map,
    as_set,
    encode_error,
    fields_error,
    find_mismatch,
)
from callosum.upper.thrift.spec import BINARY, I32, STRING, StructType, struct_of
from tests.upper.thrift.oracles import IDL, structs

m: Any = load(IDL / "everything.thrift")


class Other(enum.IntEnum):
    RED = 1


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("shy")


LAW = [
    (m.Numbers, "flag", 1, "the IDL says bool, and the value is 1 of type int: give True or False"),
    (m.Numbers, "tiny", True, "the IDL says i8, and the value is True of type bool: give an int"),
    (m.Numbers, "tiny", 128, "it has 8 bits, from -128 to 127"),
    (m.Numbers, "small", -32769, "it has 16 bits, from -32768 to 32767"),
    (m.Numbers, "medium", 1.0, "the IDL says i32, and the value is 1.0 of type float: give an int"),
    (m.Numbers, "medium", 2**31, "it has 32 bits"),
    (m.Numbers, "large", "5", "give an int"),
    (m.Numbers, "large", 2**63, "it has 64 bits"),
    (m.Numbers, "real", "x", "the IDL says double, and the value is 'x' of type str: give a float"),
    (m.Numbers, "real", False, "give a float"),
    (m.Numbers, "real", 10**400, "it is too large for a double"),
    (m.Text, "text", b"x", "the IDL says string, and the value is b'x' of type bytes: give a str"),
    (m.Text, "text", "\ud800", "the string cannot be written as UTF-8"),
    (m.Text, "raw", "x", "the IDL says binary, and the value is 'x' of type str: give bytes"),
    (m.Text, "raw", 5, "give bytes"),
    (m.Text, "text", Shy(), " of type Shy: give a str"),
    (m.Shape, "colour", Other.RED, "give a member of Colour"),
    (m.Shape, "colour", 2**31, "it has 32 bits"),
    (m.Shape, "colour", "RED", "give an int"),
    (
        m.Shape,
        "point",
        m.Text(),
        "the IDL says Point, and the value is Text(text='', raw=b'') of type Text: give a Point",
    ),
    (m.Containers, "flags", [1], "[0]: the IDL says bool"),
    (m.Containers, "mediums", [1, True], "[1]: the IDL says i32"),
    (m.Containers, "mediums", {1}, "the IDL says list<i32>, and the value is {1} of type set: give a list"),
    (m.Containers, "mediums", 5, "give a list"),
    (m.Containers, "reals", [1.0, "x"], "[1]: the IDL says double"),
    (m.Containers, "tinies", [1, 200], "[1]: the IDL says i8"),
    (m.Containers, "colours", [Other.RED], "[0]: the IDL says Colour"),
    (m.Containers, "texts", ["a", None], "[1]: the IDL says string, and the value is None: give a str"),
    (m.Containers, "points", [m.Point(1, 2), m.Point(1, None)], "[1].y: the field is required (i32), and not set"),
    (m.Containers, "text_set", ["a"], "the IDL says set<string>, and the value is ['a'] of type list: give a set"),
    (m.Containers, "number_set", {2**64}, "[0]: the IDL says i64"),
    (m.Containers, "ages", [], "the IDL says map<string, i32>, and the value is [] of type list: give a dict"),
    (m.Containers, "ages", {"a": 1, 2: 2}, ".key[1]: the IDL says string"),
    (m.Containers, "ages", {"a": 1, "b": "x"}, ".value[1]: the IDL says i32"),
    (m.Containers, "nested", {"a": {"b": {"c"}}}, ".value[0].value[0][0]: the IDL says i32"),
    (m.Node, "after", m.Node(after=m.Node(name=5)), ".after.name: the IDL says string"),
]


@pytest.mark.parametrize(
    ("cls", "name", "value", "message"), LAW, ids=lambda part: str(part)[:20] if part.__class__ is str else ""
)
def test_what_does_not_fit_names_its_place(cls: Any, name: str, value: object, message: str) -> None:
    with pytest.raises(EncodeError) as caught:
        codec_of(cls).encode(cls(**{name: value}))
    text = str(caught.value)
    assert text.startswith(f"{cls.__name__}.{name}")
    assert message in text
    assert caught.value.path == text.partition(": ")[0]


def test_another_struct_is_not_this_one() -> None:
    with pytest.raises(EncodeError, match=r"^here: the IDL says Point, .* give a Point"):
        codec_of(m.Point).encode(m.Text(), "here")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(structs(m.Containers))
def test_what_fits_has_no_mismatch(value: Any) -> None:
    assert find_mismatch(StructType(m.Containers), value, "") is None


def test_conversions() -> None:
    assert as_bool(True) is True
    assert (as_int(5), as_int(m.Colour.RED, m.Colour), as_int(5, m.Colour)) == (5, 1, 5)
    assert (as_float(1.5), as_float(2)) == (1.5, 2)
    assert as_binary(bytearray(b"x")) == b"x"
    assert as_list((1,)) == (1,)
    assert as_set(frozenset({1})) == {1}
    assert as_map(MappingProxyType({1: 2})) == {1: 2}
    assert codec_of(m.Containers).encode(m.Containers(ages=MappingProxyType({"a": 1})))


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (as_bool, 1),
        (as_int, True),
        (as_int, 1.0),
        (as_float, True),
        (as_float, "1"),
        (as_binary, "x"),
        (as_list, {1}),
        (as_set, [1]),
        (as_map, []),
    ],
)
def test_conversions_that_are_refused(convert: Any, value: object) -> None:
    with pytest.raises(Misfit):
        convert(value)


def test_a_member_of_another_enum_is_refused() -> None:
    with pytest.raises(Misfit):
        as_int(Other.RED, m.Colour)


def test_lengths_that_thrift_cannot_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mismatch, "LONGEST", 3)
    error = find_mismatch(STRING, "four", "a.b")
    assert str(error) == "a.b: 4 bytes are more than Thrift can carry (3)"
    assert find_mismatch(BINARY, b"four", "a.b") is not None
    assert find_mismatch(BINARY, b"3", "a.b") is None


def test_what_was_changed_meanwhile_is_still_an_encode_error() -> None:
    cause = RuntimeError("changed")
    assert "cannot be encoded: RuntimeError('changed')" in str(encode_error(I32, 5, "a", cause))
    assert str(fields_error(struct_of(m.Point), "a", (1, 2), cause)).startswith("a: cannot be encoded")
