"""Writes the source text that reads one value: a part of the text of decoders, under the laws of `decode`.

In the text, ``room`` is a list whose first item is the memory that is left for this body. Each container takes what its
elements need at least before it makes any; integers and texts that are larger take the rest when they are read.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.compact.layout import MANY, is_varint, kinds_of
from callosum.upper.thrift.compact.numbers import (
    BOOLS,
    BY_BYTE,
    SMALL,
    Reader,
    read_doubles,
    read_i16,
    read_i32,
    read_i64,
    read_numbers,
    read_size,
)
from callosum.upper.thrift.compact.room import per_element
from callosum.upper.thrift.fault import (
    BYTES,
    compact_set,
    members_of,
)
from callosum.upper.thrift.footprint import INTEGER, MAP_BASE, SET_TABLE, SLOT, TEXT
from callosum.upper.thrift.incoming import IncomingWriter
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    I8,
    I16,
    I64,
    EnumType,
    FixedType,
    ListType,
    MapType,
    NumberType,
    SetType,
    StructType,
    TextType,
    Type,
    UuidType,
)

_TABLES: Final = {BOOL: BOOLS, I8: BYTES}


@dataclass(slots=True)
class ContentWriter(IncomingWriter):
    """Writes what reads values."""

    recursive: set[type] = field(default_factory=set)
    """The structs whose values can hold values of their own type."""

    def value(self, kind: Type, name: str, depth: int, ahead: int = 0) -> None:
        """The value at ``pos``, or so many bytes ahead; moves ``pos`` behind it.

        ``depth`` is that of the value below the struct's own.
        """
        at, behind = f"pos + {ahead}" if ahead else "pos", f"{ahead + 1}"
        match kind:
            case NumberType() | EnumType() if is_varint(kind):
                self._varint(kind, name, at, behind)
            case NumberType() if kind is DOUBLE:
                self.source(f"({name},) = {self._constant(_double)}(buf, {at})", f"pos += {8 + ahead}")
            case NumberType() | EnumType():
                assert isinstance(kind, NumberType)
                table = self.source.constant("table", _TABLES[kind])
                self.source(f"{name} = {table}[buf[{at}]]", f"pos += {behind}")
            case UuidType():
                unpack, make = self.source.unpacker("16s"), self.source.constant("UUID", uuid.UUID)
                self.source(
                    f"({name},) = {unpack}(buf, {at})", f"{name} = {make}(bytes={name})", f"pos += {16 + ahead}"
                )
            case TextType():
                self._text(kind, name, at, behind)
            case StructType():
                self.source(f"{name}, pos = {self.decoders[kind.cls]}(buf, {at}, depth + {depth}, room)")
            case ListType() | SetType():
                self._list_head(kind, name, at, behind)
                self._elements(kind, name, depth)
            case MapType():
                self._map_head(kind, name, at, behind)
                self._elements(kind, name, depth)

    def _constant(self, function: Callable[..., object]) -> str:
        return self.source.constant(function.__name__, function)

    def _varint(self, kind: FixedType, name: str, at: str, behind: str) -> None:
        """Of one byte most often."""
        number = self.source.fresh("n") if isinstance(kind, EnumType) else name
        self.source(f"{number} = {self.source.constant('small', BY_BYTE)}[buf[{at}]]")
        with self.source.block(f"if {number} is not None:"):
            self.source(f"pos += {behind}")
        with self.source.block("else:"):
            more = self.source.fresh("n")
            self.source(f"{number} = buf[{at}]", f"{more} = buf[pos + {behind}]")
            with self.source.block(f"if {more} < 128:"):  # of two bytes: what `read_i16` and the others do, too
                self.source(
                    f"{number} += {more} - 1 << 7",
                    f"{number} = {number} >> 1 ^ -({number} & 1)",
                    f"pos += {behind} + 1",
                )
            with self.source.block("else:"):
                self.source(f"{number}, pos = {self._constant(_reader(kind))}(buf, {at})")
            self.source(f"{self.used} += {INTEGER}" if self.used else f"room[0] -= {INTEGER}")
        if isinstance(kind, EnumType):
            self.source(f"{name} = {self.member(kind, number)}")

    def _text(self, kind: TextType, name: str, at: str, behind: str) -> None:
        end, decoded = self.source.fresh("n"), "" if kind.is_binary else ".decode()"
        self.source(f"{end} = buf[{at}]")
        with self.source.block(f"if {end} < 128:"):
            self.source(f"pos += {behind}")
        with self.source.block("else:"):
            self.source(f"{end}, pos = {self._constant(read_size)}(buf, {at})")
        self.source(f"{end} += pos", f"{name} = buf[pos:{end}]{decoded}", f"pos = {end}")

    def _list_head(self, kind: ListType | SetType, count: str, at: str, behind: str) -> None:
        """How many elements there are; their type must be the schema's."""
        kinds = kinds_of(kind.element)
        self.source(f"{count} = buf[{at}]", f"pos += {behind}")
        test = " and ".join(f"{count} & 15 != {one}" for one in kinds)
        self.source(f"if {test}: raise {self.fault}", f"{count} >>= 4")
        with self.source.block(f"if {count} == {MANY}:"):
            self.source(f"{count}, pos = {self._constant(read_size)}(buf, pos)")

    def _map_head(self, kind: MapType, count: str, at: str, behind: str) -> None:
        """How many entries there are; only where there are any, their types follow."""
        kinds = [key << 4 | value for key in kinds_of(kind.key) for value in kinds_of(kind.value)]
        self.source(f"{count} = buf[{at}]")
        with self.source.block(f"if {count} < 128:"):
            self.source(f"pos += {behind}")
        with self.source.block("else:"):
            self.source(f"{count}, pos = {self._constant(read_size)}(buf, {at})")
        with self.source.block(f"if {count}:"):
            test = " and ".join(f"buf[pos] != {one}" for one in kinds)
            self.source(f"if {test}: raise {self.fault}", "pos += 1")

    def _elements(self, kind: ListType | SetType | MapType, name: str, depth: int) -> None:
        """The elements at ``pos``; how many there are is in the variable that they go to."""
        count = self.source.fresh("c")
        self.source(f"{count} = {name}")
        with self.source.block(f"if {count}:"):
            if not (self.level and _is_bounded(kind)):
                self.take_room(kind, count)
            self.level += 1
            if isinstance(kind, MapType):
                self.entries(kind, name, count, depth)
            elif isinstance(kind.element, NumberType | EnumType):
                self._numbers(kind, kind.element, name, count)
            else:
                self._collection(kind, name, count, depth)
            self.level -= 1
        empty = "[]" if isinstance(kind, ListType) else "set()" if isinstance(kind, SetType) else "{}"
        with self.source.block("else:"):
            self.source(f"{name} = {empty}")

    def taken(self, kind: ListType | SetType | MapType, count: str) -> str:
        """The expression of what so many elements take at least, with what holds them."""
        taken = f"{count} * {per_element(kind, self.recursive)}"
        if isinstance(kind, SetType):
            return f"{SET_TABLE.format(count=count)} + {taken}"
        return f"{taken} + {MAP_BASE}" if isinstance(kind, MapType) else taken

    def _collection(self, kind: ListType | SetType, name: str, count: str, depth: int) -> None:
        element, item, elements = kind.element, self.source.fresh("x"), self.source.fresh("l")
        start = self.source.fresh("s")
        self.source(f"{elements} = []")
        if isinstance(element, TextType) or _is_bounded(element):
            self.source(f"{start} = pos + {count}")  # a byte of each is its length
        with self.source.block(f"for _ in range({count}):"):
            if isinstance(kind, SetType):
                self.frozen(element, item, depth + 1)
            else:
                self.value(element, item, depth + 1)
            self.source(f"{elements}.append({item})")
        if isinstance(element, TextType):  # those of one byte, or of none, are shared
            self.source(f"{start} = pos - {start}", f"room[0] -= {start} + {TEXT} * min({count}, {start} >> 1)")
        if _is_bounded(element):
            self.source(f"room[0] -= {SLOT} * (pos - {start})")
        if isinstance(kind, SetType):
            self.source(f"if room[0] < 0: raise {self.no_room}")  # before there is a table, too
            self.check_hashes(element, elements)
            self.source(f"{name} = {self._constant(compact_set)}({elements})")
        else:
            self.source(f"{name} = {elements}")

    def _numbers(self, kind: ListType | SetType, element: FixedType, name: str, count: str) -> None:
        """The elements of a collection of numbers."""
        if is_varint(element):
            chunk, end = self.source.fresh("p"), self.source.fresh("n")
            self.source(f"{end} = pos + {count}", f"{chunk} = buf[pos:{end}]")
            with self.source.block(f"if {chunk}.isascii() and {end} <= len(buf):"):  # each of one byte
                look = self.source.constant("look", SMALL.__getitem__)
                self.source(f"{name} = list(map({look}, {chunk}))", f"pos = {end}")
            with self.source.block("else:"):
                bits = 8 * element.size
                self.source(f"{name}, pos = {self._constant(read_numbers)}(buf, pos, {count}, {bits}, room)")
        elif element is DOUBLE:
            self.source(f"{name}, pos = {self._constant(read_doubles)}(buf, pos, {count})")
        else:
            assert isinstance(element, NumberType)
            look = self.source.constant("look", _TABLES[element].__getitem__)
            end = self.source.fresh("n")
            self.source(
                f"{end} = pos + {count}",
                f"if {end} > len(buf): raise {self.fault}",
                f"{name} = list(map({look}, buf[pos:{end}]))",
                f"pos = {end}",
            )
        if isinstance(element, EnumType):
            cls = self.source.constant("cls", element.cls)
            self.source(f"{name} = {self._constant(members_of)}({cls}, {name}, room)")
        if isinstance(kind, SetType):
            self.source(f"{name} = {self._constant(compact_set)}({name})")


_double = struct.Struct("<d").unpack_from


def _is_bounded(kind: Type) -> bool:
    """Whether it is a list whose elements take no more than their bytes allow: in a list, they are counted together."""
    return isinstance(kind, ListType) and isinstance(kind.element, NumberType | EnumType)


def _reader(kind: FixedType) -> Reader:
    return read_i16 if kind is I16 else read_i64 if kind is I64 else read_i32
