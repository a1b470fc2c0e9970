"""Writes the source text that reads one value: a part of the text of decoders, under the laws of `decode`.

In the text, ``room`` is a list whose first item is the memory that is left for this body. Each container takes what its
elements need at least before it makes any, so that no count is held against the bytes that are left besides: elements
that are not there are missed when they are read.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from callosum.upper.thrift.binary.numbers import Unpackers, numbers_in_parts
from callosum.upper.thrift.fault import (
    BYTES,
    compact_set,
)
from callosum.upper.thrift.footprint import MAP_BASE, SET_TABLE, per_element
from callosum.upper.thrift.incoming import FEW, IncomingWriter
from callosum.upper.thrift.spec import (
    BOOL,
    I8,
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

BOOLS: Final = (False, True)
"""By the byte; any other byte is an IndexError, one of `fault.FAULTS`."""
_TABLES: Final = {BOOL: BOOLS, I8: BYTES}
_UNPACKERS: Final = {letter: Unpackers(letter) for letter in "hiqd"}


@dataclass(slots=True)
class ContentWriter(IncomingWriter):
    """Writes what reads values."""

    def value(self, kind: Type, name: str, depth: int) -> None:
        """The value at ``pos``; ``depth`` is that of the value below the struct's own."""
        match kind:
            case NumberType() | EnumType():
                self.source(f"({name},) = {self.source.unpacker(raw_letter(kind))}(buf, pos)", f"pos += {kind.size}")
                self.convert(kind, name, name)
            case TextType():
                end = self.source.fresh("n")
                self.source(f"({end},) = {self.source.unpacker('I')}(buf, pos)", "pos += 4")
                self.text(kind, name, end)
            case UuidType():
                self.source(f"({name},) = {self.source.unpacker('16s')}(buf, pos)", "pos += 16")
                self.convert(kind, name, name)
            case StructType():
                self.source(f"{name}, pos = {self.decoders[kind.cls]}(buf, pos, depth + {depth}, room)")
            case ListType() | SetType() | MapType():
                count, wires = self.source.fresh("n"), self.wires(kind)
                targets = [self.source.fresh("t") for _ in wires]
                layout = "B" * len(wires) + "I"
                self.source(
                    f"{', '.join(targets)}, {count} = {self.source.unpacker(layout)}(buf, pos)",
                    f"pos += {len(wires) + 4}",
                    f"if {self.differs(targets, kind)}: raise {self.fault}",
                )
                self.elements(kind, name, count, depth)

    def wires(self, kind: ListType | SetType | MapType) -> list[int]:
        """The types of the elements, as they are before their number."""
        return [int(one.wire) for one in ((kind.key, kind.value) if isinstance(kind, MapType) else (kind.element,))]

    def differs(self, targets: list[str], kind: ListType | SetType | MapType) -> str:
        """The test for other types than those of the elements."""
        return " or ".join(f"{target} != {wire}" for target, wire in zip(targets, self.wires(kind), strict=True))

    def text(self, kind: TextType, name: str, length: str) -> None:
        """A text at ``pos`` of this length; the variable becomes the position behind it."""
        self.source(f"{length} += pos", f"{name} = buf[pos:{length}]{_decoded(kind)}", f"pos = {length}")

    def elements(self, kind: ListType | SetType | MapType, name: str, count: str, depth: int) -> None:
        """The elements at ``pos``, so many."""
        self.take_room(kind, count)
        self.level += 1
        if isinstance(kind, MapType):
            self.entries(kind, name, count, depth)
        elif isinstance(kind.element, NumberType | EnumType):
            make = self.source.constant("compact_set", compact_set) if isinstance(kind, SetType) else "list"
            self._numbers(kind.element, name, count, make)
        else:
            self._collection(kind, name, count, depth)
        self.level -= 1

    def taken(self, kind: ListType | SetType | MapType, count: str) -> str:
        """The expression of what so many elements take at least, with what holds them."""
        taken = f"{count} * {per_element(kind)}"
        if isinstance(kind, SetType):
            return f"{SET_TABLE.format(count=count)} + {taken}"
        return f"{taken} + {MAP_BASE} if {count} else 0" if isinstance(kind, MapType) else taken

    def _collection(self, kind: ListType | SetType, name: str, count: str, depth: int) -> None:
        element, item, elements = kind.element, self.source.fresh("x"), self.source.fresh("l")
        start = self.source.fresh("s")
        self.source(f"{elements} = []")
        if isinstance(element, TextType):
            self.source(f"{start} = pos")
        with self.source.block(f"for _ in range({count}):"):
            if isinstance(kind, SetType):
                self.frozen(element, item, depth + 1)
            else:
                self.value(element, item, depth + 1)
            self.source(f"{elements}.append({item})")
        if isinstance(element, TextType):  # counted after they were read
            self.source(f"room[0] -= pos - {start}")
        if isinstance(kind, SetType):
            self.check_hashes(element, elements)
            self.source(f"{name} = {self.source.constant('compact_set', compact_set)}({elements})")
        else:
            self.source(f"{name} = {elements}")

    def _numbers(self, element: FixedType, name: str, count: str, make: str) -> None:
        """A collection of numbers is one call of ``unpack``."""
        if isinstance(element, NumberType) and element in _TABLES:
            look = self.source.constant("look", _TABLES[element].__getitem__)
            end = self.source.fresh("n")
            self.source(
                f"{end} = pos + {count}",
                f"if {end} > len(buf): raise {self.fault}",
                f"{name} = {make}(list(map({look}, buf[pos:{end}])))"
                if make != "list"
                else f"{name} = list(map({look}, buf[pos:{end}]))",
                f"pos = {end}",
            )
            return
        unpack = self.source.constant("unpackers", _UNPACKERS[element.letter])
        values = f"{unpack}[{count}](buf, pos)"
        if isinstance(element, EnumType):
            raw = self.source.fresh("x")
            values = f"[{self.member(element, raw)} for {raw} in {values}]"
        elif make == "list":
            self._parts(name, element, count, unpack)
            return
        if make != "list":
            values = f"{make}({values})"
        self.source(f"{name} = {values}", f"pos += {count} * {element.size}")

    def _parts(self, name: str, element: FixedType, count: str, unpack: str) -> None:
        """What ``unpack`` returns is a tuple of all: many numbers are read in parts, so that it is never large."""
        many = self.source.constant("numbers_in_parts", numbers_in_parts)
        letter = self.source.constant("letter", element.letter)
        self.source(
            f"{name} = list({unpack}[{count}](buf, pos)) if {count} <= {FEW} else {many}({letter}, {count}, buf, pos)",
            f"pos += {count} * {element.size}",
        )

    def convert(self, kind: Type, name: str, raw: str) -> None:
        """From the number on the wire to the value."""
        self.source(*self.conversion(kind, name, raw))

    def conversion(self, kind: Type, name: str, raw: str) -> list[str]:
        """The lines that `convert` writes."""
        if isinstance(kind, NumberType) and kind in _TABLES:
            return [f"{name} = {self.source.constant('table', _TABLES[kind])}[{raw}]"]
        if isinstance(kind, EnumType):
            return [f"{name} = {self.member(kind, raw)}"]
        if isinstance(kind, UuidType):
            return [f"{name} = {self.source.constant('UUID', uuid.UUID)}(bytes={raw})"]
        return [f"{name} = {raw}"] if name != raw else []


def _decoded(kind: TextType) -> str:
    return "" if kind.is_binary else ".decode()"


def raw_letter(kind: Type) -> str:
    """What `convert` starts from."""
    assert isinstance(kind, NumberType | EnumType)
    return "B" if isinstance(kind, NumberType) and kind in _TABLES else kind.letter
