from __future__ import annotations

import random
from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary.diagnosis import decode_error
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")

FAULTS = [
    (m.Text, b"", "Text: the input of 0 bytes ends in the middle of it"),
    (m.Text, b"\x0b\0", "Text: the input of 2 bytes ends in the middle of it"),
    (m.Text, b"\x0b\0\1\0\0", "Text.text: the input of 5 bytes ends in the middle of it"),
    (m.Text, b"\x0b\0\1\0\0\0\5ab\0", "Text.text: its length is 5 bytes, and 3 are left"),
    (m.Text, b"\x0b\0\2\xff\xff\xff\xff\0", "Text.raw: its length is 4294967295 bytes, and 1 are left"),
    (m.Text, b"\x0b\0\1\0\0\0\1\xff\0", "Text.text: the string is not UTF-8: 'utf-8' codec can't decode byte 0xff"),
    (m.Text, b"\x0b\0\1\0\0\0\3\xed\xa0\x80\0", "Text.text: the string is not UTF-8"),
    (m.Text, b"\x08\0\1\0\0\0\0\0", "Text.text: the IDL says string, and the input says i32"),
    (m.Text, b"\x09\0\1\0", "Text.text: the IDL says string, and the input says type 9"),
    (m.Text, b"\0\0", "Text: 1 bytes are left over behind the end of the value"),
    (m.Text, b"\x0b\0\x63\0\0\0\5\0", "Text.<unknown field 99>: the input of 8 bytes ends in the middle of it"),
    (m.Text, b"\x01\0\x63\0", "Text.<unknown field 99>: it cannot be skipped: it is of type 1, and malformed"),
    (m.Point, b"\x08\0\1\0\0\0\0\0", "Point.y: the field is required, and not there"),
    (m.Containers, b"\x0f\0\4\x0a\0\0\0\0\0", "Containers.mediums[]: the IDL says i32, and the input says i64"),
    (m.Containers, b"\x0d\0\x10\x08\x08\0\0\0\0\0", "Containers.ages.key[]: the IDL says string"),
    (m.Containers, b"\x0d\0\x10\x0b\x0a\0\0\0\0\0", "Containers.ages.value[]: the IDL says i32"),
    (m.Containers, b"\x0f\0\x07\x0b\0\0\0\2\0\0\0\1a\0\0\0\1\xff\0", "Containers.texts[1]: the string is not UTF-8"),
    (m.Containers, b"\x0f\0\x0a\x0c\0\0\0\1\0\0", "Containers.points[0].x: the field is required"),
    (
        m.Containers,
        b"\x0d\0\x11\x0a\x0c\0\0\0\1" + bytes(9) + b"\0",
        "Containers.places.value[0].x: the field is required",
    ),
    (
        m.Containers,
        b"\x0d\0\x13\x0c\x0b\0\0\0\1" + bytes(9) + b"\0",
        "Containers.names.key[0].x: the field is required",
    ),
    (m.Node, b"\x0c\0\2\x0f\0\3\x0c\0\0\0\1\x0b\0\1\0\0\0\1\xff\0\0\0", "Node.after.children[0].name: the string is"),
]


@pytest.mark.parametrize(("cls", "body", "message"), FAULTS, ids=[message[:30] for _, _, message in FAULTS])
def test_a_fault_is_named_with_its_place(cls: Any, body: bytes, message: str) -> None:
    for form in (body, memoryview(body), memoryview(bytearray(body))):
        with pytest.raises(DecodeError) as caught:
            codec_of(cls).decode(form)
        assert str(caught.value).startswith(message)
        assert caught.value.path == message.partition(": ")[0]


def test_the_two_readings_of_an_input_agree() -> None:
    """What the decoder takes has no fault for the slow reader; what it refuses has one that the reader can name."""
    chance = random.Random(7)
    point, node = m.Point(1, 2), m.Node(name="a", children=[m.Node(after=m.Node())], by_name={"x": m.Node()})
    numbers = m.Numbers(flag=True, tiny=1, small=2, medium=3, large=4, real=5.0)
    for value in (
        point,
        node,
        numbers,
        m.Shape(point=point),
        m.Containers(ages={"a": 1}, matrix=[[1]], groups={frozenset("a")}),
    ):
        cls = type(value)
        body = codec_of(cls).encode(value)
        for _ in range(800):
            mutated = bytearray(body)
            for _ in range(chance.randint(1, 3)):
                mutated[chance.randrange(len(mutated))] = chance.choice(
                    [0, 1, 2, 3, 8, 11, 12, 15, chance.randrange(256)]
                )
            left_over = str(decode_error(struct_of(cls), bytes(mutated), "x", 0))
            try:
                codec_of(cls).decode(bytes(mutated))
            except DecodeError:
                assert "with the same hash" not in left_over
            else:
                assert "with the same hash" in left_over  # the reader found nothing
