"""Writes the source text of decoders: JSON to values.

Laws: a decoder takes nothing from the input on trust. Each size is held against what the body may take in memory
before anything is made, each type's name is the schema's, and each step consumes input. It raises `Malformed` where
the input is wrong, which learns on its way out where that was.

Most structs stand as we write them: their fields in the order of the schema, some of them left out. The tokens among
these are read by one match for all that follow one another; where anything else stands, `fields` reads on from there.
A field that is not there is None until then, as JSON's null is no value in this protocol.

In the text, ``text`` is the input and ``pos`` the position in it, ``depth`` the depth of the struct that is read,
``room`` the memory that is left for this body, and ``at`` the field that is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from callosum.upper.thrift.fault import NoRoom
from callosum.upper.thrift.footprint import in_field
from callosum.upper.thrift.instances import fresh_default, instance_lines
from callosum.upper.thrift.json_protocol import grammar, structure
from callosum.upper.thrift.json_protocol.containers import ContainerWriter
from callosum.upper.thrift.json_protocol.fields import FieldTable
from callosum.upper.thrift.json_protocol.grammar import ScalarType, W
from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    MAX_DEPTH,
    Field,
    Struct,
    StructType,
    TextType,
    is_mutable,
)

_START: Final = rf"{W}\{{{W}"


@dataclass(slots=True)
class DecoderWriter:
    """Writes decoders into one source text."""

    source: Source
    decoders: dict[type, str]
    """The names of the structs' decoders in the text."""
    recursive: set[type]
    contents: ContainerWriter = field(init=False)
    _tables: list[str] = field(default_factory=list)
    """Lines that can be run when all functions are defined."""

    def __post_init__(self) -> None:
        self.contents = ContainerWriter(self.source, self.decoders)

    def struct_decoder(self, struct: Struct) -> None:
        """Write ``def name(text, pos, depth, room)``, which returns an instance and the position behind it."""
        with self._function(struct, self.decoders[struct.cls]) as names:
            self.source(*instance_lines(self.source, struct, "o", names))
            self.source("return o, pos + 1")

    def fields_decoder(self, name: str, struct: Struct) -> None:
        """Write the same for the values of all fields as a tuple."""
        with self._function(struct, name) as names:
            self.source(f"return ({''.join(f'{one}, ' for one in names)}), pos + 1")

    def finish(self) -> None:
        """Write what is run when all functions are there."""
        self.source(*self._tables)

    @contextmanager
    def _function(self, struct: Struct, function: str) -> Iterator[list[str]]:
        """A function: what is written inside finds all values in these variables."""
        readers = [self.contents.reader(one.type) for one in struct.fields]
        table = FieldTable(struct)
        self._tables.append(f"{self.source.constant('table', table)}.read_with({', '.join(readers)})")
        names = [self.source.fresh("v") for _ in struct.fields]
        with self.source.block(f"def {function}(text, pos, depth, room):"):
            self.source("at = ''")
            if struct.cls in self.recursive:
                self.source(f"if depth > {MAX_DEPTH}: raise {self.contents.call(structure.too_deep)}")
            with self.source.block("try:"):
                self._straight(struct, names, readers)
                self._rest(table, names)
                self._finish(struct, names)
            with self.source.block(f"except {self.source.constant('Malformed', Malformed)} as error:"):
                self.source("raise error.within(at)")
            yield names

    def _straight(self, struct: Struct, names: Sequence[str], readers: Sequence[str]) -> None:
        """Read the fields that stand in the order of the schema."""
        fields = list(zip(struct.fields, names, readers, strict=True))
        start = _START
        while True:
            tokens = [(one, name) for one, name, _ in takewhile(_is_token, fields)]
            if start or tokens:
                self._tokens(struct, tokens, start)
            if len(tokens) == len(fields):
                return
            start, (one, name, reader) = "", fields[len(tokens)]
            self._large(one, name, reader)
            fields = fields[len(tokens) + 1 :]

    def _tokens(self, struct: Struct, fields: Sequence[tuple[Field, str]], start: str) -> None:
        """Fields of one token each, in one match; and what begins the struct, where they are its first."""
        pattern = start
        for one, _ in fields:
            assert isinstance(one.type, ScalarType)
            pattern += f"(?:{grammar.whole_field(one.id, one.type)})?+"
        self.source(f"m = {self.source.constant('match', grammar.compiled(pattern))}(text, pos)")
        if start:
            idl = self.source.constant("idl", struct.name)
            self.source(f"if m is None: raise {self.contents.call(structure.no_struct, idl, 'text', 'pos')}")
        if fields:
            self.source(f"{''.join(f'{name}, ' for _, name in fields)}= m.groups()")
        self.source("pos = m.end()")
        for one, name in fields:
            self._convert(one, name)

    def _convert(self, one: Field, name: str) -> None:
        assert isinstance(one.type, ScalarType)
        at = f"at = {self.source.constant('name', one.name)}"
        if isinstance(one.type, TextType) and not one.type.is_binary:
            with self.source.block(f"if {name} is not None and '\\\\' in {name}:"):
                self.source(at, *self.contents.conversion(one.type, name, name))
            return
        with self.source.block(f"if {name} is not None:"):
            self.source(at, *self.contents.conversion(one.type, name, name))

    def _large(self, one: Field, name: str, reader: str) -> None:
        """A field that is a struct or a container."""
        head = grammar.compiled(grammar.head(one.id, grammar.NAMES[one.type.wire]))
        self.source(f"m = {self.source.constant('match', head)}(text, pos)")
        with self.source.block("if m is not None:"):
            self.source(f"at = {self.source.constant('name', one.name)}")
            if isinstance(one.type, StructType):
                no_room = self.source.constant("NoRoom", NoRoom)
                self.source(f"room[0] -= {in_field(one.type)}", f"if room[0] < 0: raise {no_room}")
            self.source(
                f"{name}, pos = {reader}(text, m.end(), depth + 1, room)",
                f"m = {self.source.constant('close', grammar.close)}(text, pos)",
                f"if m is None: raise {self.contents.call(structure.unclosed, 'text', 'pos')}",
                "pos = m.end()",
            )
        self.source(f"else: {name} = None")

    def _rest(self, table: FieldTable, names: Sequence[str]) -> None:
        """Where the struct does not end here, there are fields in another order, or unknown ones."""
        self.source("at = ''")
        with self.source.block("if text[pos:pos + 1] != '}':"):
            self.source(
                f"values = [{', '.join(names)}]",
                f"pos = {self.source.constant('table', table)}.read(text, pos, depth, room, values)",
            )
            if names:
                self.source(f"{''.join(f'{name}, ' for name in names)}= values")

    def _finish(self, struct: Struct, names: Sequence[str]) -> None:
        """What must be there is, and what may be left out has its default."""
        values, known = f"({''.join(f'{name}, ' for name in names)})", self.source.constant("struct", struct)
        required = [name for one, name in zip(struct.fields, names, strict=True) if one.is_required]
        if required:
            missing = " or ".join(f"{name} is None" for name in required)
            self.source(f"if {missing}: raise {self.contents.call(structure.missing, known, values)}")
        if struct.is_union:
            count = " + ".join(f"({name} is not None)" for name in names) or "0"
            self.source(f"if {count} != 1: raise {self.contents.call(structure.no_union, known, values)}")
        for one, name in zip(struct.fields, names, strict=True):
            if one.is_required or one.default is None:
                continue
            if is_mutable(one.default):
                default = fresh_default(self.source, one.default)
            else:
                default = self.source.constant("default", one.default)
            self.source(f"if {name} is None: {name} = {default}")


def _is_token(part: tuple[Field, str, str]) -> bool:
    return grammar.is_scalar(part[0].type)
