from __future__ import annotations

import random
from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.compact.diagnosis import decode_error
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")

FAULTS = [
    (m.Text, b"", "Text: the input of 0 bytes ends in the middle of it"),
    (m.Text, b"\x18", "Text.text: the input of 1 bytes ends in the middle of it"),
    (m.Text, b"\x08", "Text: the input of 1 bytes ends in the middle of it"),
    (m.Text, b"\x18\x85", "Text.text: the input of 2 bytes ends in the middle of it"),
    (m.Text, b"\x18\5ab\0", "Text.text: its length is 5 bytes, and 3 are left"),
    (m.Text, b"\x28\xff\xff\xff\xff\x0f\0", "Text.raw: its length is 4294967295 bytes, and 1 are left"),
    (m.Text, b"\x28\xff\xff\xff\xff\xff\1", "Text.raw: a number is longer than 5 bytes"),
    (m.Text, b"\x18\1\xff\0", "Text.text: the string is not UTF-8: 'utf-8' codec can't decode byte 0xff"),
    (m.Text, b"\x18\3\xed\xa0\x80\0", "Text.text: the string is not UTF-8"),
    (m.Text, b"\x15\0\0", "Text.text: the IDL says string, and the input says i32"),
    (m.Text, b"\x11\0", "Text.text: the IDL says string, and the input says bool"),
    (m.Text, b"\x1e\0", "Text.text: the IDL says string, and the input says type 14"),
    (m.Text, b"\0\0", "Text: 1 bytes are left over behind the end of the value"),
    (m.Text, b"\x98\5\0", "Text.<unknown field 9>: the input of 3 bytes ends in the middle of it"),
    (m.Text, b"\x9f\0", "Text.<unknown field 9>: it cannot be skipped: it is of type 15, and malformed"),
    (m.Text, b"\x95\x80\x80\x80\x80\x80\0", "Text.<unknown field 9>: it cannot be skipped: it is of type 5"),
    (m.Point, b"\x15\0\0", "Point.y: the field is required, and not there"),
    (m.Numbers, b"\x35\0\0", "Numbers.small: the IDL says i16, and the input says i32"),
    (m.Numbers, b"\x34\x80\x80\4\0", "Numbers.small: 32768 does not fit into 16 bits"),
    (m.Containers, b"\x79\x28\1a\1\xff\0", "Containers.texts[1]: the string is not UTF-8"),
    (m.Containers, b"\xa9\x1c\0\0", "Containers.points[0].x: the field is required"),
    (m.Containers, b"\x0b\x22\1\x6c\0\0\0", "Containers.places.value[0].x: the field is required"),
    (m.Containers, b"\x0b\x26\1\xc8\0\0\0", "Containers.names.key[0].x: the field is required"),
    (m.Node, b"\x2c\x39\x1c\x18\1\xff\0\0\0", "Node.after.children[0].name: the string is not UTF-8"),
    (m.Node, b"\x2c" * 70 + bytes(71), "Node" + ".after" * 64 + ": structs and containers are nested more than 64"),
]


@pytest.mark.parametrize(("cls", "body", "message"), FAULTS, ids=[message[:40] for _, _, message in FAULTS])
def test_a_fault_is_named_with_its_place(cls: Any, body: bytes, message: str) -> None:
    for form in (body, memoryview(body), memoryview(bytearray(body))):
        with pytest.raises(DecodeError) as caught:
            COMPACT.codec_of(cls).decode(form)
        assert str(caught.value).startswith(message)
        assert caught.value.path == message.partition(": ")[0]


def test_the_two_readings_of_an_input_agree() -> None:
    """What the decoder takes has no fault for the slow reader; what it refuses has one that the reader can name."""
    chance = random.Random(7)
    point, node = m.Point(1, 2), m.Node(name="a", children=[m.Node(after=m.Node())], by_name={"x": m.Node()})
    numbers = m.Numbers(flag=True, tiny=1, small=2, medium=3000, large=2**40, real=5.0)
    kinds = [*range(14), 0x11, 0x12, 0x15, 0x1B, 0x2C, 0x7F, 0x80, 0xFF]
    for value in (
        point,
        node,
        numbers,
        m.Shape(point=point),
        m.Scattered(negative=1, seven=7, text="text", five=0.5, last=True),
        m.Containers(ages={"a": 1}, matrix=[[1, 300]], groups={frozenset("a")}, by_flag={True: b"x"}, flags=[True]),
    ):
        cls = type(value)
        body = COMPACT.codec_of(cls).encode(value)
        for _ in range(1500):
            mutated = bytearray(body)
            for _ in range(chance.randint(1, 3)):
                mutated[chance.randrange(len(mutated))] = chance.choice([*kinds, chance.randrange(256)])
            found = str(decode_error(struct_of(cls), bytes(mutated), "x", 0))
            try:
                COMPACT.codec_of(cls).decode(bytes(mutated))
            except DecodeError as error:
                assert "with the same hash" not in found, (mutated.hex(), error)
            else:
                assert "with the same hash" in found, mutated.hex()  # the reader found nothing
