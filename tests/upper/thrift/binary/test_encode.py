from __future__ import annotations

from typing import Any

import pytest
from thriftpy2.thrift import TPayload

from callosum.errors import EncodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary.encode import EncoderWriter
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.mismatch import FAULTS, Misfit
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL, apache_encode

m: Any = load(IDL / "everything.thrift")


def encode(value: Any) -> bytes:
    return codec_of(type(value)).encode(value)


def test_neighbours_of_a_fixed_size_are_written_in_one_call() -> None:
    source = Source()
    EncoderWriter(source, {m.Numbers: "encode"}, set()).struct_encoder(struct_of(m.Numbers))
    fast, _, slow = str(source).partition("else:")
    assert fast.count("add(") == 1
    assert slow.count("add(") == 6 + 1  # one each, and the end


def test_fields_that_are_not_set_are_not_written() -> None:
    for value in (
        m.Numbers(),
        m.Numbers(small=1),
        m.Numbers(flag=False, real=1.0),
        m.Text(raw=b"x"),
        m.Scattered(text=""),
    ):
        assert encode(value) == apache_encode(value)


def test_wide_structs_are_written_in_runs() -> None:
    wide = type("Wide", (TPayload,), {"thrift_spec": {i: (8, f"f{i}", False) for i in range(1, 40)}})
    value = wide()
    for number in range(1, 40):
        setattr(value, f"f{number}", number)
    body = encode(value)
    assert body == apache_encode(value)
    assert vars(codec_of(wide).decode(body)) == vars(value)
    vars(value)["f13"] = None
    assert encode(value) == apache_encode(value)
    assert codec_of(wide).decode(encode(value)).f13 is None


def test_an_encoder_raises_one_of_its_faults() -> None:
    encoder = codec_of(m.Point).encoder
    for value in (5, m.Text(), m.Point(1, None), m.Point(1, "x"), m.Point(1, 2**31), m.Point(True, 1)):
        with pytest.raises(FAULTS):
            encoder(value, lambda _: None, 1)
    assert Misfit in FAULTS


def test_a_value_that_lost_an_attribute_is_an_encode_error() -> None:
    point = m.Point(1, 2)
    del point.y
    with pytest.raises(EncodeError, match=r"^Point: the Point has no attribute y: make it with Point\(\.\.\.\)"):
        encode(point)
