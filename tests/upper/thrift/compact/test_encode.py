from __future__ import annotations

from typing import Any

import pytest

from callosum.errors import EncodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.compact.encode import EncoderWriter
from callosum.upper.thrift.mismatch import FAULTS
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL, apache_encode

m: Any = load(IDL / "everything.thrift")


def encode(value: Any) -> bytes:
    return COMPACT.codec_of(type(value)).encode(value)


def only(cls: Any, **values: object) -> Any:
    """An instance of which nothing else is set."""
    value = cls()
    for one in struct_of(cls).fields:
        setattr(value, one.name, values.get(one.name))
    return value


def text_of(cls: type) -> str:
    source = Source()
    EncoderWriter(source, {cls: "encode"}, set()).struct_encoder(struct_of(cls))
    return str(source)


def test_headers_are_known_where_all_fields_before_must_be_there() -> None:
    assert "headers" not in text_of(m.Point)
    assert text_of(m.Text).count("headers") == 1  # the first is known, too


def test_fields_that_are_not_set_are_not_written() -> None:
    for value in (
        only(m.Numbers),
        only(m.Numbers, small=1),
        only(m.Numbers, flag=False, real=1.0),
        only(m.Numbers, flag=True),
        only(m.Text, raw=b"x"),
        only(m.Scattered, text=""),
        only(m.Scattered, negative=1, last=True),
        only(m.Scattered, seven=1, five=1.0),
    ):
        assert encode(value) == apache_encode(value, COMPACT.name)


def test_bytes_on_the_wire() -> None:
    assert encode(only(m.Numbers, flag=True, tiny=-1, small=-2, medium=300)) == b"\x11\x13\xff\x14\3\x15\xd8\4\0"
    assert encode(only(m.Numbers, flag=False, real=1.5)) == b"\x12\x57\0\0\0\0\0\0\xf8\x3f\0"
    assert encode(only(m.Scattered, negative=1, last=False)) == b"\5\5\2\2\xfe\xff\3\0"
    lists = only(m.Containers, flags=[True, False], mediums=[0] * 15)
    assert encode(lists) == b"\x19\x21\1\2\x39\xf5\x0f" + bytes(16)
    assert encode(only(m.Containers, ages={}, by_flag={True: b"x"})) == b"\x0b\x20\0\xab\1\x18\1\1x\0"


@pytest.mark.parametrize("count", [0, 1, 14, 15, 127, 128, 5000])
def test_lists_of_any_length(count: int) -> None:
    for value in (
        m.Containers(flags=[True] * count),
        m.Containers(larges=[1] * count),
        m.Containers(larges=[2**40] * count),
        m.Containers(texts=["ab"] * count),
        m.Containers(number_set=set(range(count))),
        m.Containers(ages={str(number): number for number in range(count)}),
    ):
        assert encode(value) == apache_encode(value, COMPACT.name)


def test_an_encoder_raises_one_of_its_faults() -> None:
    encoder = COMPACT.codec_of(m.Point).encoder
    for value in (5, m.Text(), m.Point(1, None), m.Point(1, "x"), m.Point(1, 2**31), m.Point(True, 1), m.Point(1.0, 1)):
        with pytest.raises(FAULTS):
            encoder(value, lambda _: None, 1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (m.Numbers(tiny=128), r"Numbers\.tiny: .*it has 8 bits"),
        (m.Numbers(small=2**15), r"Numbers\.small: .*it has 16 bits"),
        (m.Numbers(medium=-(2**31) - 1), r"Numbers\.medium: .*it has 32 bits"),
        (m.Numbers(large=2**63), r"Numbers\.large: .*it has 64 bits"),
        (m.Numbers(flag=1), r"Numbers\.flag: .*give True or False"),
        (m.Containers(smalls=[1, 40_000]), r"Containers\.smalls\[1\]: .*it has 16 bits"),
        (m.Containers(tinies=[200]), r"Containers\.tinies\[0\]: .*it has 8 bits"),
        (m.Containers(flags=[1]), r"Containers\.flags\[0\]: .*give True or False"),
        (m.Containers(reals=["x"]), r"Containers\.reals\[0\]: .*give a float"),
        (m.Shape(), "a union has exactly one field set"),
        (m.Uuids(one="8b0b1d38-0000-4000-8000-000000000000"), r"Uuids\.one: .*give a uuid\.UUID"),
        (m.Uuids(all=[bytes(16)]), r"Uuids\.all\[0\]: .*give a uuid\.UUID"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        encode(value)


def test_integers_with_a_hash_of_their_own_are_what_they_are() -> None:
    class Odd(int):
        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            return True

    assert encode(m.Numbers(medium=Odd(5))) == encode(m.Numbers(medium=5))
    assert encode(m.Containers(mediums=[Odd(5), 1000])) == encode(m.Containers(mediums=[5, 1000]))
