from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary.decode import DecoderWriter
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.fault import FAULTS, PADDING, members
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL, thriftpy2_encode

m: Any = load(IDL / "everything.thrift")


def decode(cls: Any, body: bytes) -> Any:
    return codec_of(cls).decode(body)


def test_neighbours_of_a_fixed_size_are_read_in_one_call() -> None:
    source = Source()
    DecoderWriter(source, {m.Point: "decode"}, set()).struct_decoder(struct_of(m.Point))
    assert str(source).count("= unpack_from") == 3  # the guess; the run, and its second field alone


def test_runs_are_shorter_than_the_padding() -> None:
    specs = {i: (10, f"f{i}", False) for i in range(1, 40)}
    wide = type("Wide", (m.Empty.__base__,), {"thrift_spec": specs})
    assert vars(decode(wide, b"\0")) == {f"f{i}": None for i in specs}
    for count in (1, 12, 13, 39):
        body = b"".join(b"\x0a" + i.to_bytes(2, "big") + i.to_bytes(8, "big") for i in range(1, count + 1)) + b"\0"
        value = decode(wide, body)
        assert [getattr(value, f"f{i}") for i in range(1, count + 1)] == list(range(1, count + 1))
        with pytest.raises(DecodeError):
            decode(wide, body[:-1])
    assert len(PADDING) >= 12 * 11


def test_a_run_that_breaks_off_is_read_field_by_field() -> None:
    value = m.Numbers(flag=True, tiny=1, medium=3, large=4)
    assert decode(m.Numbers, thriftpy2_encode(value)) == value
    assert decode(m.Numbers, thriftpy2_encode(m.Numbers(real=0.5))) == m.Numbers(real=0.5)


def test_fields_that_are_not_there_have_their_defaults() -> None:
    needed = b"\x06\0\x0c\0\1\0"
    one, other = decode(m.Defaults, needed), decode(m.Defaults, needed)
    assert one == m.Defaults(needed=1)
    one.table["k"].append(5)
    one.origin.x = 7
    one.none.append(1)
    assert other == m.Defaults(needed=1)
    assert decode(m.NotFound, b"\0").code == 404
    with pytest.raises(DecodeError, match=r"^Defaults\.needed: the field is required, and not there"):
        decode(m.Defaults, b"\0")


def test_unions_have_exactly_one_field() -> None:
    assert decode(m.Shape, b"\x08\0\2\0\0\0\1\0").colour is m.Colour.RED
    with pytest.raises(DecodeError, match="a union has exactly one field set, and Shape has none that this IDL knows"):
        decode(m.Shape, b"\x08\0\x63\0\0\0\1\0")
    with pytest.raises(DecodeError, match="Shape has colour, name"):
        decode(m.Shape, b"\x08\0\2\0\0\0\1\x0b\0\4\0\0\0\0\0")


def test_the_last_of_repeated_fields_counts() -> None:
    assert decode(m.Text, b"\x0b\0\1\0\0\0\1a\x0b\0\1\0\0\0\1b\0").text == "b"


def test_bools_are_0_or_1() -> None:
    assert decode(m.Containers, b"\x0f\0\1\x02\0\0\0\2\0\1\0").flags == [False, True]
    for body, path in (
        (b"\x02\0\1\2\0", r"Numbers\.flag"),
        (
            b"\x02\0\1\2\x03\0\2\1\x06\0\3\0\1\x08\0\4\0\0\0\1\x0a\0\5" + bytes(8) + b"\x04\0\6" + bytes(9),
            r"Numbers\.flag",
        ),
    ):
        with pytest.raises(DecodeError, match=f"^{path}: a bool is the byte 0 or 1, and the input has 2"):
            decode(m.Numbers, body)
    with pytest.raises(DecodeError, match=r"^Containers\.flags\[1\]: a bool is the byte 0 or 1"):
        decode(m.Containers, b"\x0f\0\1\x02\0\0\0\2\0\2\0")


def test_members_are_looked_up() -> None:
    assert members(m.Colour) == {1: m.Colour.RED, 2: m.Colour.GREEN, 7: m.Colour.None_}


def test_a_decoder_raises_one_of_its_faults() -> None:
    for body in (b"\x0b\0\1\0\0\0\1\xff", b"\x08\0\1\0\0\0\0", b"\x0b\0\1\xff\xff\xff\xff"):
        with pytest.raises(FAULTS):
            codec_of(m.Text).decoder(body, 0, 1, [0])


def test_what_python_cannot_hash_is_refused_with_advice() -> None:
    base = m.Empty.__base__
    unhashable = type("Unhashable", (base,), {"thrift_spec": {1: (8, "a", False)}, "__hash__": None})
    specs = {
        1: (14, "maps", (13, (8, 8)), False),
        2: (13, "keys", ((15, (13, (8, 8))), 8), False),
        3: (14, "structs", (12, unhashable), False),
    }
    holder = type("Holder", (base,), {"thrift_spec": specs})
    assert decode(holder, b"\x0e\0\1\x0d\0\0\0\0\0").maps == set()
    for body, message in (
        (b"\x0e\0\1\x0d\0\0\0\1\x08\x08\0\0\0\0\0", r"Holder\.maps: set<map<i32, i32>> cannot be a value in Python"),
        (
            b"\x0d\0\2\x0f\x08\0\0\0\1\x0d\0\0\0\1\x08\x08" + bytes(9),
            r"Holder\.keys: .*where a map<i32, i32> has no hash",
        ),
        (b"\x0e\0\3\x0c\0\0\0\1\0\0", r"Holder\.structs: .*use a list in the IDL, or give the class a __hash__"),
    ):
        with pytest.raises(DecodeError, match=message):
            decode(holder, body)
