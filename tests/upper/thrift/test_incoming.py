from __future__ import annotations

import struct
from typing import Any

import pytest

from callosum.upper.thrift import load
from callosum.upper.thrift.binary.contents import ContentWriter as Binary
from callosum.upper.thrift.compact.contents import ContentWriter as Compact
from callosum.upper.thrift.fault import MAX_COLLISIONS, Fault, NoRoom
from callosum.upper.thrift.incoming import FEW, Container, IncomingWriter
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import I32, STRING, EnumType, ListType, MapType, SetType, StructType, Type
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


class Bytes(IncomingWriter):
    """A value is what stands in the input, which is a list; an element takes ten bytes."""

    def value(self, kind: Type, name: str, depth: int) -> None:
        self.source(f"{name} = buf[pos]", "pos += 1")

    def taken(self, kind: Container, count: str) -> str:
        return f"10 * {count}"


def read(write: Any, buf: list[Any], room: list[int], **state: Any) -> Any:
    """What a writer's text makes of the input, as ``v``, and what it has counted in ``used``."""
    source = Source()
    writer = Bytes(source, {}, **state)
    with source.block("def read(buf, room):"):
        source("pos, used, v = 0, 0, None")
        write(writer)
        source("return v, used")
    return source.execute("<test>")["read"](buf, room)


@pytest.mark.parametrize("writer", [Binary, Compact])
def test_decoders_of_the_compiled_encodings_stand_on_it(writer: type) -> None:
    assert issubclass(writer, IncomingWriter)


@pytest.mark.parametrize(("count", "counted", "left"), [(3, 30, 1000), (FEW, 640, 1000), (FEW + 1, 0, 350)])
def test_few_elements_are_counted_with_their_struct_and_many_at_once(count: int, counted: int, left: int) -> None:
    room = [1000]
    assert read(lambda writer: writer.take_room(ListType(I32), str(count)), [], room, used="used") == (None, counted)
    assert room == [left]


def test_elements_of_a_container_in_a_container_are_counted_at_once() -> None:
    room = [1000]
    assert read(lambda writer: writer.take_room(ListType(I32), "3"), [], room, used="used", level=1) == (None, 0)
    assert room == [970]
    with pytest.raises(NoRoom):
        read(lambda writer: writer.take_room(ListType(I32), "3"), [], [29], level=1)


def test_what_is_an_element_or_a_key_can_be_one() -> None:
    kinds: dict[Type, tuple[Any, Any]] = {
        STRING: ("a", "a"),
        ListType(I32): ([1, 2], (1, 2)),
        SetType(I32): ({1}, frozenset({1})),
        ListType(ListType(I32)): ([[1], [2]], ((1,), (2,))),
    }
    for kind, (value, frozen) in kinds.items():
        made, _ = read(lambda writer, kind=kind: writer.frozen(kind, "v", 1), [value], [0])
        assert (made, type(made)) == (frozen, type(frozen))


def test_entries_are_a_map_and_the_bytes_of_texts_take_room() -> None:
    room = [100]
    made, _ = read(lambda writer: writer.entries(MapType(STRING, I32), "v", "2", 1), ["a", 1, "b", 2], room)
    assert (made, room) == ({"a": 1, "b": 2}, [96])
    made, _ = read(lambda writer: writer.entries(MapType(I32, I32), "v", "2", 1), [1, 2, 3, 4], room)
    assert (made, room) == ({1: 2, 3: 4}, [96])
    points = [m.Point(1, 2), "a", m.Point(3, 4), "b"]
    made, _ = read(lambda writer: writer.entries(MapType(StructType(m.Point), I32), "v", "2", 1), points, room)
    assert made == {points[0]: "a", points[2]: "b"}


def test_keys_of_one_hash_are_refused_where_a_stranger_can_make_many() -> None:
    same = [value for number in range(MAX_COLLISIONS + 1) for value in (((2**61 - 1) * number,), 0)]
    write = lambda writer: writer.entries(MapType(ListType(I32), I32), "v", str(MAX_COLLISIONS + 1), 1)  # noqa: E731
    with pytest.raises(Fault):
        read(write, [list(one) if isinstance(one, tuple) else one for one in same], [0])


def test_members_of_an_enum_are_known_or_kept() -> None:
    def write(writer: IncomingWriter) -> None:
        writer.source(f"v = [{writer.member(EnumType(m.Colour), 'one')} for one in buf]")

    known, unknown = read(write, [int(m.Colour.RED), 77], [10_000])[0]
    assert known is m.Colour.RED
    assert (unknown.name, struct.pack("!i", unknown)) == ("UNKNOWN_77", struct.pack("!i", 77))
