"""Writes the source text that reads one value: a part of the text of decoders, under the laws of `decode`.

In the text, ``room`` is a list whose first item is the memory that is left for this body. Each container takes what its
elements need at least before it makes any, so that no count is held against the bytes that are left besides: elements
that are not there are missed when they are read.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.binary.numbers import Unpackers, numbers_in_parts
from callosum.upper.thrift.fault import (
    BYTES,
    Fault,
    NoRoom,
    check_hashes,
    compact_set,
    freeze,
    member,
    members,
)
from callosum.upper.thrift.footprint import MAP_BASE, SET_TABLE, per_element
from callosum.upper.thrift.source import Source
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
FEW: Final = 64
"""Elements of a container that need not be counted before they are made."""


@dataclass(slots=True)
class ContentWriter:
    """Writes what reads values."""

    source: Source
    decoders: dict[type, str]
    """The names of the structs' decoders in the text."""
    used: str = ""
    """The variable that counts what few elements take, until the end of the struct; none in the body's own text, whose
    containers are but a few."""
    level: int = 0
    """How deep in containers within a container: those can be many."""
    fault: str = field(init=False)
    no_room: str = field(init=False)

    def __post_init__(self) -> None:
        self.fault, self.no_room = self.source.constant("Fault", Fault), self.source.constant("NoRoom", NoRoom)

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
        self._take_room(kind, count)
        self.level += 1
        if isinstance(kind, MapType):
            self._map(kind, name, count, depth)
        elif isinstance(kind.element, NumberType | EnumType):
            make = self.source.constant("compact_set", compact_set) if isinstance(kind, SetType) else "list"
            self._numbers(kind.element, name, count, make)
        else:
            self._collection(kind, name, count, depth)
        self.level -= 1

    def _take_room(self, kind: ListType | SetType | MapType, count: str) -> None:
        taken = f"{count} * {per_element(kind)}"
        if isinstance(kind, SetType):
            taken = f"{SET_TABLE.format(count=count)} + {taken}"
        if isinstance(kind, MapType):
            taken = f"{taken} + {MAP_BASE} if {count} else 0"
        lines = (f"room[0] -= {taken}", f"if room[0] < 0: raise {self.no_room}")
        if self.level:
            self.source(*lines)
            return
        with self.source.block(f"if {count} > {FEW}:"):
            self.source(*lines)
        if self.used:
            with self.source.block("else:"):
                self.source(f"{self.used} += {taken}")

    def _take_text(self, kind: Type, start: str) -> None:
        """The bytes of text within the elements, after they were read."""
        if isinstance(kind, TextType):
            self.source(f"room[0] -= pos - {start}")

    def _collection(self, kind: ListType | SetType, name: str, count: str, depth: int) -> None:
        element, item, elements = kind.element, self.source.fresh("x"), self.source.fresh("l")
        start = self.source.fresh("s")
        self.source(f"{elements} = []")
        if isinstance(element, TextType):
            self.source(f"{start} = pos")
        with self.source.block(f"for _ in range({count}):"):
            if isinstance(kind, SetType):
                self._frozen(element, item, depth + 1)
            else:
                self.value(element, item, depth + 1)
            self.source(f"{elements}.append({item})")
        self._take_text(element, start)
        if isinstance(kind, SetType):
            self._check_hashes(element, elements)
            self.source(f"{name} = {self.source.constant('compact_set', compact_set)}({elements})")
        else:
            self.source(f"{name} = {elements}")

    def _frozen(self, kind: Type, name: str, depth: int) -> None:
        """A value as it can be an element of a set or a key of a map."""
        self.value(kind, name, depth)
        if isinstance(kind, ListType | SetType):
            inner = kind.element
            make = "frozenset" if isinstance(kind, SetType) else "tuple"
            if isinstance(inner, ListType | SetType):
                make = self.source.constant("freeze", freeze)
            self.source(f"{name} = {make}({name})")

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
            values = f"[{self._member(element, raw)} for {raw} in {values}]"
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

    def _map(self, kind: MapType, name: str, count: str, depth: int) -> None:
        key, value, start = self.source.fresh("k"), self.source.fresh("x"), self.source.fresh("s")
        made, keys = self.source.fresh("l"), self.source.fresh("l")
        is_hashed = self._is_checked(kind.key)
        self.source(f"{made} = []" if is_hashed else f"{made} = {{}}", f"{start} = pos")
        if is_hashed:
            self.source(f"{keys} = []")
        with self.source.block(f"for _ in range({count}):"):
            self._frozen(kind.key, key, depth + 1)
            self.value(kind.value, value, depth + 1)
            if is_hashed:
                self.source(f"{keys}.append({key})", f"{made}.append({value})")
            else:
                self.source(f"{made}[{key}] = {value}")
        self._take_text(kind.key if isinstance(kind.key, TextType) else kind.value, start)
        self._check_hashes(kind.key, keys)
        self.source(f"{name} = dict(zip({keys}, {made}))" if is_hashed else f"{name} = {made}")

    def _is_checked(self, kind: Type) -> bool:
        """A uuid, too: there are as many of one hash as one likes."""
        return not isinstance(kind, NumberType | EnumType | TextType)

    def _check_hashes(self, kind: Type, elements: str) -> None:
        if self._is_checked(kind):
            self.source(f"{self.source.constant('check_hashes', check_hashes)}({elements})")

    def convert(self, kind: Type, name: str, raw: str) -> None:
        """From the number on the wire to the value."""
        self.source(*self.conversion(kind, name, raw))

    def conversion(self, kind: Type, name: str, raw: str) -> list[str]:
        """The lines that `convert` writes."""
        if isinstance(kind, NumberType) and kind in _TABLES:
            return [f"{name} = {self.source.constant('table', _TABLES[kind])}[{raw}]"]
        if isinstance(kind, EnumType):
            return [f"{name} = {self._member(kind, raw)}"]
        if isinstance(kind, UuidType):
            return [f"{name} = {self.source.constant('UUID', uuid.UUID)}(bytes={raw})"]
        return [f"{name} = {raw}"] if name != raw else []

    def _member(self, kind: EnumType, raw: str) -> str:
        known, cls = self.source.constant("members", members(kind.cls)), self.source.constant("cls", kind.cls)
        unknown = self.source.constant("member", member)
        return f"{known}[{raw}] if {raw} in {known} else {unknown}({cls}, {raw}, room)"


def _decoded(kind: TextType) -> str:
    return "" if kind.is_binary else ".decode()"


def raw_letter(kind: Type) -> str:
    """What `convert` starts from."""
    assert isinstance(kind, NumberType | EnumType)
    return "B" if isinstance(kind, NumberType) and kind in _TABLES else kind.letter
