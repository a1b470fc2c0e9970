from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from callosum.upper.thrift import load
from callosum.upper.thrift.binary.encode import EncoderWriter as Binary
from callosum.upper.thrift.compact.encode import EncoderWriter as Compact
from callosum.upper.thrift.json_protocol.encode import EncoderWriter as Json
from callosum.upper.thrift.mismatch import Misfit
from callosum.upper.thrift.outgoing import OutgoingWriter
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import BINARY, BOOL, DOUBLE, I32, STRING, ListType, MapType, SetType, Struct, struct_of
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


class Bare(OutgoingWriter):
    """Writes no field: what is left is what all encoders have."""

    def fields(self, struct: Struct, values: Sequence[str]) -> None:
        names, given = self.named(struct, values)
        self.source(*(f"{name} = {value}" for name, value in zip(names, given, strict=True)))
        self.source(f"{self.add}([{', '.join(names)}])")


def checked(write: Any) -> Any:
    """The function that checks a value, and returns what it became."""
    source = Source()
    writer = Bare(source, {}, set())
    with source.block("def check(value):"):
        write(writer, "value")
        source("return value")
    return source.execute("<test>")["check"]


@pytest.mark.parametrize("writer", [Binary, Compact, Json])
def test_encoders_of_all_encodings_stand_on_it(writer: type) -> None:
    assert issubclass(writer, OutgoingWriter)


def test_a_struct_is_one_of_its_class_and_not_too_deep() -> None:
    source = Source()
    Bare(source, {m.Node: "encode"}, {m.Node}).struct_encoder(struct_of(m.Node))
    encode, written = source.execute("<test>")["encode"], list[object]()
    encode(m.Node(name="a"), written.append, 64)
    assert written == [["a", None, [], {}]]
    for value, depth in ((m.Node(), 65), (m.Point(1, 2), 1), (None, 1)):
        with pytest.raises(Misfit):
            encode(value, written.append, depth)


def test_a_union_has_one_field() -> None:
    source = Source()
    Bare(source, {m.Shape: "encode"}, set()).struct_encoder(struct_of(m.Shape))
    encode, written = source.execute("<test>")["encode"], list[object]()
    encode(m.Shape(name="n"), written.append, 1)
    assert written == [[None, None, None, "n"]]
    two = m.Shape(name="n")
    two.group = []
    for value in (m.Shape(), two):
        with pytest.raises(Misfit):
            encode(value, written.append, 1)


def test_the_values_of_a_body_are_joined_from_parts() -> None:
    source = Source()
    writer = Bare(source, {}, set())
    with source.block("def body(x, y):"):
        source(f"return {writer.body(struct_of(m.Point), ['x', 'y'])}")
    assert source.execute("<test>")["body"](1, 2) == [[1, 2]]


def test_texts_become_bytes() -> None:
    assert checked(lambda writer, name: writer.as_bytes(STRING, name))("ü") == b"\xc3\xbc"
    assert checked(lambda writer, name: writer.as_bytes(BINARY, name))(bytearray(b"a")) == b"a"
    for kind, value in ((STRING, b"a"), (BINARY, "a")):
        with pytest.raises(Misfit):
            checked(lambda writer, name, kind=kind: writer.as_bytes(kind, name))(value)


def test_containers_are_what_they_are() -> None:
    kinds = {ListType(I32): ([1], (1,), {1}), SetType(I32): ({1}, frozenset({1}), [1]), MapType(I32, I32): ({}, {}, [])}
    for kind, (exact, other, wrong) in kinds.items():
        check = checked(lambda writer, name, kind=kind: writer.check_container(kind, name))
        assert check(exact) is exact
        assert check(other) == other
        with pytest.raises(Misfit):
            check(wrong)


def test_numbers_are_plain_where_they_were_of_a_subclass() -> None:
    class Number(int):
        pass

    one = checked(lambda writer, name: writer.check_number(I32, name))
    many = checked(lambda writer, name: writer.check_numbers(I32, name))
    assert (type(one(Number(5))), [type(value) for value in many([1, Number(5)])]) == (int, [int, int])
    wrong = ((BOOL, 1), (I32, True), (I32, 1.0), (DOUBLE, "1"), (DOUBLE, True))
    for kind, value in wrong:
        for write in (OutgoingWriter.check_number, OutgoingWriter.check_numbers):
            given = value if write is OutgoingWriter.check_number else [value]
            with pytest.raises(Misfit):
                checked(lambda writer, name, kind=kind, write=write: write(writer, kind, name))(given)
