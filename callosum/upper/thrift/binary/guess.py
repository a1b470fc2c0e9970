"""Writes the source text that reads a struct as most are sent: all fields there, in the order of the schema.

What has a fixed size, up to the length of the next text or container, is a segment: one ``unpack`` reads it, and its
headers are compared all at once. Structs within the struct are read as a part of it. Where a header is another one, the
variables of the segment get their defaults again, ``pos`` is before it, and the loop that all this stands in is left:
what follows reads field by field from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.binary.contents import ContentWriter, raw_letter
from callosum.upper.thrift.binary.layout import field_header
from callosum.upper.thrift.footprint import in_field
from callosum.upper.thrift.instances import instance_lines
from callosum.upper.thrift.spec import (
    EnumType,
    Field,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    UuidType,
    struct_of,
)

_LONGEST: Final = 200
"""Bytes of a segment: less than the padding behind the input."""
_MOST_INSIDE: Final = 24
"""Fields of a struct that is read as a part of another; larger ones gain little by it."""
_DEEPEST_INSIDE: Final = 2
"""So deep it goes: each struct is written out anew in all that hold it."""


@dataclass(slots=True)
class _Segment:
    """Fields that one ``unpack`` reads."""

    layout: str = ""
    size: int = 0
    targets: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    then: list[str] = field(default_factory=list)
    """Lines that follow when all headers are right."""
    unset: list[str] = field(default_factory=list)
    """The struct's own variables among the targets."""
    restart: str = ""
    """The variable that remembers where the segment began, where a struct within begins in it."""


class Guess:
    """The straight way through one struct."""

    def __init__(
        self,
        contents: ContentWriter,
        recursive: set[type],
        fields: Sequence[Field],
        names: Sequence[str],
        defaults: Mapping[str, str],
    ) -> None:
        self.contents = contents
        self.source = contents.source
        self.recursive = recursive
        self.fields = list(zip(fields, names, strict=True))
        self.defaults = defaults
        """The expressions of what the struct's own variables have where nothing was read."""
        self.start = self.source.fresh("s")
        self.segment = _Segment()
        self.level = 0
        """How deep in structs within the struct."""
        self.restart = ""
        """The variable with the position of the segment in which the struct within began, while one is read."""
        self.unset: list[str] = []
        """The struct's own variables that were read since then."""
        self.taken = 0
        """The room that all fields take."""
        self.has_text = False
        self.has_container = False

    @contextmanager
    def straight(self) -> Iterator[None]:
        """What is written inside runs where the guess was right, with ``pos`` behind the struct."""
        self.source(f"{self.start} = pos")
        with self.source.block("while True:"):
            for one, name in self.fields:
                self._field(one, name)
            self._stop()
            self._flush()
            yield

    def take_room(self) -> None:
        """Let the fields take their room; texts take no more than the length of it all."""
        taken = [f"{self.taken}"]
        if self.has_text:
            taken.append(f"pos - {self.start}")
        if self.has_container:
            taken.append(self.contents.used)
        if taken != ["0"]:
            self.source(f"room[0] -= {' + '.join(taken)}", f"if room[0] < 0: raise {self.contents.no_room}")

    def _field(self, one: Field, name: str) -> None:
        if self.segment.size > _LONGEST:
            self._flush()
        header = self.source.fresh("h")
        self._read(header, "3s", 3, f"{header} != {self.source.constant('H', field_header(one))}")
        self.taken += in_field(one.type)
        match one.type:
            case NumberType() | EnumType() as kind:
                self._read(name, raw_letter(kind), kind.size)
                if not self.level:
                    self.segment.unset.append(name)
                self.segment.then += self.contents.conversion(kind, name, name)
            case UuidType() as kind:
                self._read(name, "16s", 16)
                if not self.level:
                    self.segment.unset.append(name)
                self.segment.then += self.contents.conversion(kind, name, name)
            case TextType() as kind:
                self.has_text = True
                length = self.source.fresh("n")
                self._read(length, "I", 4)
                self._flush()
                self.contents.text(kind, name, length)
            case StructType() as kind if self._is_inside(kind):
                self._inside(struct_of(kind.cls), name)
            case StructType() as kind:
                self._flush()
                self.contents.value(kind, name, self.level + 1)
            case kind:
                self._container(kind, name)

    def _container(self, kind: ListType | SetType | MapType, name: str) -> None:
        self.has_container = True
        count, targets = self.source.fresh("n"), [self.source.fresh("t") for _ in self.contents.wires(kind)]
        for target in targets:
            self._read(target, "B", 1)
        self._read(count, "I", 4, self.contents.differs(targets, kind))
        self._flush()
        self.contents.elements(kind, name, count, self.level + 1)

    def _is_inside(self, kind: StructType) -> bool:
        """Whether a struct is read as a part of this one."""
        struct = struct_of(kind.cls)
        is_plain = kind.cls not in self.recursive and not struct.is_union
        return is_plain and 0 < len(struct.fields) <= _MOST_INSIDE and self.level < _DEEPEST_INSIDE

    def _inside(self, struct: Struct, name: str) -> None:
        """A struct within the struct: where it does not fit, it is read anew from its header on."""
        if not self.restart:
            self.restart = self.segment.restart = self.source.fresh("s")
        self.level += 1
        values = [self.source.fresh("v") for _ in struct.fields]
        for one, value in zip(struct.fields, values, strict=True):
            self._field(one, value)
        self.level -= 1
        self._stop()
        self.segment.then += instance_lines(self.source, struct, name, values)

    def _stop(self) -> None:
        end = self.source.fresh("z")
        self._read(end, "B", 1, end)

    def _read(self, target: str, letter: str, size: int, check: str = "") -> None:
        self.segment.layout += letter
        self.segment.size += size
        self.segment.targets.append(target)
        if check:
            self.segment.checks.append(check)

    def _flush(self) -> None:
        """Write the segment, and begin another."""
        segment, self.segment = self.segment, _Segment()
        if not segment.size:
            return
        if segment.restart:
            self.source(f"{segment.restart} = pos")
        if segment.layout == "B" and segment.checks:  # the end of a struct alone: a text was last
            segment.checks = ["buf[pos]"]
        else:
            targets = "".join(f"{target}, " for target in segment.targets)
            self.source(f"{targets}= {self.source.unpacker(segment.layout)}(buf, pos)")
        self.unset += segment.unset
        with self.source.block(f"if {' or '.join(segment.checks) or 'False'}:"):
            self.source(*(f"{name} = {self.defaults[name]}" for name in self.unset))
            if self.restart and not segment.restart:
                self.source(f"pos = {self.restart}")
            self.source("break")
        self.source(*segment.then, f"pos += {segment.size}")
        if not self.level:
            self.unset, self.restart = [], ""
