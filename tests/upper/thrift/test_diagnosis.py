"""What all encodings have: `binary/` and `compact/` test their own readers."""

from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary.diagnosis import Reader
from callosum.upper.thrift.diagnosis import check_hashable, decode_error, left_over
from callosum.upper.thrift.spec import I8, ListType, MapType, SetType, StructType, struct_of
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def test_what_the_reader_cannot_see_is_named_as_what_is_left() -> None:
    text = struct_of(m.Text)
    assert "more than 64 elements with the same hash" in str(decode_error(Reader(b"\0"), text, "x", 0))
    assert str(decode_error(Reader(b"\0"), text, "x", -1)) == (
        "x: the value would take far more memory than the 1 bytes of input: 20 times is allowed"
    )
    assert str(decode_error(Reader(b"\0\0\0"), text, "x", 0)) == str(left_over(2, "x"))


def test_the_search_ends_in_time() -> None:
    texts = b"\x0f\0\x07\x0b" + (100_000).to_bytes(4, "big") + bytes(4) * 100_000
    error = decode_error(Reader(texts), struct_of(m.Containers), "x", 0)
    assert str(error) == "x: the input of 400008 bytes is malformed somewhere behind its first values"


def test_what_python_cannot_hash() -> None:
    number_by_number = MapType(I8, I8)
    for kind in (number_by_number, ListType(ListType(number_by_number))):
        with pytest.raises(DecodeError, match="where a map<i8, i8> has no hash"):
            check_hashable(kind, SetType(kind), "x")
    for hashable in (I8, ListType(I8), SetType(I8), StructType(m.Point)):
        check_hashable(hashable, SetType(hashable), "x")
