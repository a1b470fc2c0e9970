"""Writes the parts of decoders in which the compiled encodings do not differ: containers of what they hold.

In the text, ``buf`` is the padded input and ``pos`` the position in it, and ``room`` a list whose first item is the
memory that is left for this body. Each container takes what its elements need at least before it makes any.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from callosum.upper.thrift.fault import Fault, NoRoom, check_hashes, freeze, member, members
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import EnumType, ListType, MapType, NumberType, SetType, TextType, Type

FEW: Final = 64
"""Elements of a container that need not be counted before they are made."""
Container: TypeAlias = ListType | SetType | MapType


@dataclass(slots=True)
class IncomingWriter(ABC):
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

    @abstractmethod
    def value(self, kind: Type, name: str, depth: int) -> None:
        """The value at ``pos``; moves ``pos`` behind it. ``depth`` is that of the value below the struct's own."""

    @abstractmethod
    def taken(self, kind: Container, count: str) -> str:
        """The expression of what so many elements take at least, with what holds them."""

    def take_room(self, kind: Container, count: str) -> None:
        """Let so many elements take their room: at once where they are many, or can be; else with the struct's."""
        taken = self.taken(kind, count)
        lines = (f"room[0] -= {taken}", f"if room[0] < 0: raise {self.no_room}")
        if self.level:
            self.source(*lines)
            return
        with self.source.block(f"if {count} > {FEW}:"):
            self.source(*lines)
        if self.used:
            with self.source.block("else:"):
                self.source(f"{self.used} += {taken}")

    def frozen(self, kind: Type, name: str, depth: int) -> None:
        """A value as it can be an element of a set or a key of a map."""
        self.value(kind, name, depth)
        if isinstance(kind, ListType | SetType):
            inner = kind.element
            make = "frozenset" if isinstance(kind, SetType) else "tuple"
            if isinstance(inner, ListType | SetType):
                make = self.source.constant("freeze", freeze)
            self.source(f"{name} = {make}({name})")

    def entries(self, kind: MapType, name: str, count: str, depth: int) -> None:
        """The entries of a map at ``pos``, so many."""
        key, value, start = self.source.fresh("k"), self.source.fresh("x"), self.source.fresh("s")
        made, keys = self.source.fresh("l"), self.source.fresh("l")
        is_hashed = _is_checked(kind.key)
        self.source(f"{made} = []" if is_hashed else f"{made} = {{}}", f"{start} = pos")
        if is_hashed:
            self.source(f"{keys} = []")
        with self.source.block(f"for _ in range({count}):"):
            self.frozen(kind.key, key, depth + 1)
            self.value(kind.value, value, depth + 1)
            if is_hashed:
                self.source(f"{keys}.append({key})", f"{made}.append({value})")
            else:
                self.source(f"{made}[{key}] = {value}")
        if isinstance(kind.key, TextType) or isinstance(kind.value, TextType):
            self.source(f"room[0] -= pos - {start}")
        self.check_hashes(kind.key, keys)
        self.source(f"{name} = dict(zip({keys}, {made}))" if is_hashed else f"{name} = {made}")

    def check_hashes(self, kind: Type, elements: str) -> None:
        """Refuse elements of a set, or keys of a map, that would take quadratic time."""
        if _is_checked(kind):
            self.source(f"{self.source.constant('check_hashes', check_hashes)}({elements})")

    def member(self, kind: EnumType, raw: str) -> str:
        """The expression of the member of an enum with this number."""
        known, cls = self.source.constant("members", members(kind.cls)), self.source.constant("cls", kind.cls)
        unknown = self.source.constant("member", member)
        return f"{known}[{raw}] if {raw} in {known} else {unknown}({cls}, {raw}, room)"


def _is_checked(kind: Type) -> bool:
    """Whether there can be many of one hash: of uuids, too, there are as many as one likes."""
    return not isinstance(kind, NumberType | EnumType | TextType)
