from __future__ import annotations

import itertools
from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.compact.decode import DecoderWriter
from callosum.upper.thrift.fault import FAULTS
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL, apache_encode

m: Any = load(IDL / "everything.thrift")
X, Y = b"\x15\x0a", b"\x25\x0c"
X_LONG, Y_LONG = b"\5\2\x0a", b"\5\4\x0c"


def decode(cls: Any, body: bytes) -> Any:
    return COMPACT.codec_of(cls).decode(body)


def made(cls: Any, **values: object) -> Any:
    value = cls.__new__(cls)
    for one in struct_of(cls).fields:
        setattr(value, one.name, values.get(one.name))
    return value


@pytest.mark.parametrize("body", [X + b"\x15\x0c", X_LONG + Y_LONG, Y_LONG + X_LONG, b"\x25\x0c" + X_LONG, X + Y_LONG])
def test_fields_in_any_order_and_form(body: bytes) -> None:
    assert decode(m.Point, body + b"\0") == m.Point(5, 6)


def test_the_last_of_repeated_fields_counts() -> None:
    assert decode(m.Point, X + b"\x15\2" + Y_LONG + X_LONG + b"\0") == m.Point(5, 6)
    assert decode(m.Numbers, b"\x11" + b"\2\2" + b"\0").flag is False
    assert decode(m.Numbers, b"\x12" + b"\1\2" + b"\0").flag is True


UNKNOWN = [b"\x11", b"\x13\x7f", b"\x15\xff\1", b"\x17" + bytes(8), b"\x18\2ab", b"\x19\x25\1\2", b"\x1b\0", b"\x1c\0"]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_fields_behind_fields_that_this_side_does_not_know(unknown: bytes) -> None:
    """In the short form, which counts from the one before: 5 and 6 are known, 7 and 98 are not."""
    specs = {5: (8, "x", False), 6: (2, "flag", False), 8: (8, "y", False)}
    cls = type("Gaps", (m.Empty.__base__,), {"thrift_spec": specs})
    kind, rest = unknown[:1], unknown[1:]
    seventh = kind + rest  # one behind the flag
    body = b"\x55\x0a\x11" + seventh + b"\x15\x0c"
    far = bytes([kind[0] & 15]) + b"\xc4\1" + rest
    for whole in (body, body + far, far + b"\5\x0a\x0a\x11" + seventh + b"\x15\x0c"):
        value = decode(cls, whole + b"\0")
        assert (value.x, value.flag, value.y) == (5, True, 6)


SCATTERED: dict[str, Any] = {"negative": -3, "five": 0.5, "seven": 7, "text": "text", "last": True}


@pytest.mark.parametrize("there", list(itertools.product([True, False], repeat=5)), ids=str)
def test_whatever_is_there_is_read(there: tuple[bool, ...]) -> None:
    given = {name: one for (name, one), is_there in zip(SCATTERED.items(), there, strict=True) if is_there}
    parts = [apache_encode(made(m.Scattered, **{name: one}), COMPACT.name)[:-1] for name, one in given.items()]
    whole = apache_encode(made(m.Scattered, **given), COMPACT.name)
    for body in (whole, b"".join(in_the_long_form(part) for part in reversed(parts)) + b"\0"):
        assert decode(m.Scattered, body) == m.Scattered(**given)


def in_the_long_form(field: bytes) -> bytes:
    """A field that is the first of a struct, and has a header of one byte, with one that may stand anywhere."""
    return bytes([field[0] & 15, (field[0] >> 4) * 2]) + field[1:] if field[0] > 15 else field


def test_the_tree_finds_each_field() -> None:
    specs = {i: (8, f"f{i}", False) for i in range(1, 60)}
    wide = type("Wide", (m.Empty.__base__,), {"thrift_spec": specs})
    for i in specs:
        assert decode(wide, b"\5" + bytes([2 * i]) + b"\2\0") == made(wide, **{f"f{i}": 1})
    everything = b"".join(b"\5" + bytes([2 * i]) + bytes([i * 2]) for i in reversed(specs))
    assert decode(wide, everything + b"\0") == made(wide, **{f"f{i}": i for i in specs})


def test_the_id_0_is_not_what_a_header_without_one_looks_like() -> None:
    result: Any = type(
        "Result", (m.Empty.__base__,), {"thrift_spec": {0: (8, "success", False), 1: (8, "other", False)}}
    )
    assert decode(result, b"\5\0\x0a\0").success == 5
    assert decode(result, b"\5\0\x0a\x15\2\0") == made(result, success=5, other=1)
    assert decode(result, b"\5\2\x0a\0") == made(result, other=5)
    assert decode(result, b"\5\x0e\x0a\5\0\2\0") == made(result, success=1)
    flag: Any = type("Flag", (m.Empty.__base__,), {"thrift_spec": {0: (2, "success", False)}})
    assert (decode(flag, b"\1\0\0").success, decode(flag, b"\2\0\0").success) == (True, False)


def test_bools_in_containers() -> None:
    for kind in (1, 2):
        assert decode(m.Containers, bytes([0x19, 0x30 | kind]) + b"\0\1\2\0").flags == [False, True, False]
        assert decode(m.Containers, b"\x0b\x34\1" + bytes([kind << 4 | 8]) + b"\1\1x\0").by_flag == {True: b"x"}
    with pytest.raises(
        DecodeError, match=r"^Containers\.flags\[1\]: a bool is the byte 1, 2 or 0, and the input has 3"
    ):
        decode(m.Containers, b"\x19\x21\1\3\0")


def test_what_is_missing_is_refused_or_has_its_default() -> None:
    one, other = decode(m.Defaults, b"\xc4\2\0"), decode(m.Defaults, b"\xc4\2\0")
    assert one == m.Defaults(needed=1)
    one.table["k"].append(5)
    assert other == m.Defaults(needed=1)
    assert decode(m.NotFound, b"\0").code == 404
    with pytest.raises(DecodeError, match=r"^Defaults\.needed: the field is required, and not there"):
        decode(m.Defaults, b"\0")


def test_unions_have_exactly_one_field() -> None:
    assert decode(m.Shape, b"\x25\2\0").colour is m.Colour.RED
    with pytest.raises(DecodeError, match="a union has exactly one field set, and Shape has none that this IDL knows"):
        decode(m.Shape, b"\0")
    with pytest.raises(DecodeError, match="Shape has colour, name"):
        decode(m.Shape, b"\x25\2\x28\0\0")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\x10", "type 0"),
        (b"\x1e", "type 14"),
        (b"\x1f", "type 15"),
        (b"\5\xff\xff\7", "a field has the id -65536"),
        (b"\1\xfe\xff\3\x11", "a field has the id 32768"),
        (b"\5\xff\xff\xff\xff\xff\1", "a number is longer than 5 bytes"),
    ],
)
def test_headers_that_cannot_be(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        decode(m.Empty, body + b"\0")


def test_a_decoder_raises_one_of_its_faults() -> None:
    for body in (b"\x18\1\xff", b"\x15\0", b"\x18\xff\xff\xff\xff\xff", b"\x18\xff\xff\xff\xff\7"):
        with pytest.raises(FAULTS):
            COMPACT.codec_of(m.Text).decoder(body, 0, 1, [10**6])


def test_fields_of_a_body_are_a_tuple_and_a_result_alone_is_itself() -> None:
    point = struct_of(m.Point)
    assert COMPACT.fields_decoder(point, "p")(X + b"\x15\x0c\0") == (5, 6)
    specs = {1: (8, "outcome", False), 2: (12, "where", m.Point, False)}
    odd = struct_of(type("Odd", (m.Empty.__base__,), {"thrift_spec": specs}))
    decoder = COMPACT.fields_decoder(odd, "p", odd.fields[0])
    assert decoder(b"\x15\x0a\0") == 5
    assert decoder(b"\0") == (None, None)
    assert decoder(b"\x2c" + X + b"\x15\x0c\0\0") == (None, m.Point(5, 6))
    for body, message in ((b"\x15\x0a\0\0", "1 bytes are left over"), (b"\x15", "ends in the middle"), (b"", "ends")):
        with pytest.raises(DecodeError, match=message):
            decoder(body)


def test_repeated_fields_take_no_more_than_there_is_room_for() -> None:
    body = (b"\x0c\4\0") * 100_000 + b"\0"
    with pytest.raises(DecodeError, match="Node: the value would take far more memory than the 300001 bytes"):
        decode(m.Node, body)


def test_the_text_has_no_room_where_none_is_needed() -> None:
    source = Source()
    DecoderWriter(source, {m.Numbers: "decode"}, set()).struct_decoder(struct_of(m.Numbers))
    assert "depth > " not in str(source)
    source = Source()
    DecoderWriter(source, {m.Node: "decode"}, {m.Node}).struct_decoder(struct_of(m.Node))
    assert "depth > 64" in str(source)
