from __future__ import annotations

import itertools
from typing import Any

import pytest

from callosum.errors import DecodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.spec import struct_of
from tests.upper.thrift.oracles import IDL, apache_encode

m: Any = load(IDL / "everything.thrift")
INNER: Any = type(
    "Inner",
    (m.Empty.__base__,),
    {
        "thrift_spec": {
            1: (8, "number", False),
            2: (11, "text", False),
            3: (15, "list", 8, False),
            4: (2, "flag", False),
        }
    },
)
OUTER: Any = type(
    "Outer",
    (m.Empty.__base__,),
    {
        "thrift_spec": {
            1: (10, "first", False),
            2: (12, "inner", INNER, False),
            3: (12, "point", m.Point, False),
            4: (8, "middle", False),
            5: (12, "other", INNER, False),
            6: (11, "last", False),
            7: (12, "node", m.Node, False),
        }
    },
)


def made(cls: Any, **values: object) -> Any:
    value = cls.__new__(cls)
    for one in struct_of(cls).fields:
        setattr(value, one.name, values.get(one.name))
    return value


FULL: dict[str, Any] = {
    "first": 2**40,
    "inner": made(INNER, number=1, text="süß", list=[1, 2, 3], it=True),
    "point": m.Point(1, 2),
    "middle": -5,
    "other": made(INNER, number=2, text="", list=[], it=False),
    "last": "end",
    "node": m.Node(name="n", children=[m.Node(name="child")]),
}
SPARSE: list[Any] = [
    made(INNER),
    made(INNER, number=1),
    made(INNER, text="only"),
    made(INNER, number=1, text="x", it=True),
    made(INNER, number=1, text="x", list=[4]),
]


@pytest.mark.parametrize("there", list(itertools.product([True, False], repeat=7)), ids=str)
def test_whatever_is_there_is_read(there: tuple[bool, ...]) -> None:
    given = {name: value for (name, value), is_there in zip(FULL.items(), there, strict=True) if is_there}
    value = made(OUTER, **given)
    body = apache_encode(value)
    assert codec_of(OUTER).decode(body) == value
    assert BINARY.fields_decoder(struct_of(OUTER), "Outer")(body) == tuple(vars(value).values())


@pytest.mark.parametrize("inner", SPARSE, ids=str)
def test_structs_within_that_are_not_as_expected_are_read_anew(inner: Any) -> None:
    for name in ("inner", "other"):
        value = made(OUTER, **FULL | {name: inner})
        body = apache_encode(value)
        assert codec_of(OUTER).decode(body) == value
        assert BINARY.fields_decoder(struct_of(OUTER), "Outer")(body) == tuple(vars(value).values())


def test_fields_behind_a_field_that_this_side_does_not_know() -> None:
    whole = apache_encode(made(OUTER, **FULL))
    unknown = b"\x0b\0\x63\0\0\0\2??"
    starts = [0, len(whole) - 1, whole.index(b"\x08\0\4"), whole.index(b"\x0c\0\3"), whole.index(b"\x0f\0\3")]
    for start in starts:
        body = whole[:start] + unknown + whole[start:]
        assert codec_of(OUTER).decode(body) == made(OUTER, **FULL)


def test_a_default_is_there_again_where_the_guess_was_wrong() -> None:
    """The number behind the wrong header is read with the header: it must not be taken for the field's."""
    body = b"\x0b\0\1\0\0\0\1n" + b"\x08\0\x63\0\0\0\7" + b"\0"
    assert codec_of(m.NotFound).decode(body).code == 404
    assert codec_of(m.Numbers).decode(b"\2\0\1\1" + b"\3\0\x63\5" + b"\0") == m.Numbers(flag=True)


def test_what_follows_a_struct_is_not_read_with_it() -> None:
    body = apache_encode(made(OUTER, **FULL))
    for length in range(len(body)):
        with pytest.raises(DecodeError):
            codec_of(OUTER).decode(body[:length])
    for more in (b"\0", b"\0\0", b"\x08\0\4" + bytes(5)):
        for decode in (codec_of(OUTER).decode, BINARY.fields_decoder(struct_of(OUTER), "Outer")):
            with pytest.raises(DecodeError, match=f"^Outer: {len(more)} bytes are left over"):
                decode(body + more)
