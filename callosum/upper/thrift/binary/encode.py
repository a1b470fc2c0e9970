"""Writes the source text of encoders: values to the binary protocol. The laws are those of `outgoing`."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from callosum.upper.thrift.binary.layout import field_header, is_flat
from callosum.upper.thrift.mismatch import as_uuid
from callosum.upper.thrift.outgoing import OutgoingWriter
from callosum.upper.thrift.spec import (
    EnumType,
    Field,
    FixedType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
)

STOP: Final = b"\0"
"""The end of a struct."""
_RUN: Final = 12
"""Fields that one ``pack`` writes at most."""


@dataclass(slots=True)
class EncoderWriter(OutgoingWriter):
    """Writes encoders into one source text."""

    def body(self, struct: Struct, names: Sequence[str]) -> str:
        """Write what encodes the values of all fields. Returns the expression of what is to be joined."""
        if struct.fields and is_flat(struct.fields):
            return f"({''.join(f'{piece}, ' for piece in self.flat_fields(struct, names))})"
        return OutgoingWriter.body(self, struct, names)

    def fields(self, struct: Struct, values: Sequence[str]) -> None:
        """Write all fields, whose values are these expressions, and the end of the struct."""
        names, values = self.named(struct, values)
        for run in _runs(struct.fields):
            for index in run:
                if values[index] != names[index]:
                    self.source(f"{names[index]} = {values[index]}")
            self._run([(struct.fields[index], names[index]) for index in run])
        self.source(f"{self.add}({self.source.constant('STOP', STOP)})")

    def flat_fields(self, struct: Struct, values: Sequence[str]) -> list[str]:
        """Write texts and numbers to variables. Returns what is to be joined, with the end of the struct.

        ``values`` are left as they are.
        """
        pieces: list[str] = []
        for run in _runs(struct.fields):
            piece = self.source.fresh("p")
            pieces.append(piece)
            one = struct.fields[run[0]]
            if isinstance(one.type, TextType):
                data = self.source.fresh("d")
                pieces.append(data)
                self._flat_text(one, values[run[0]], piece, data)
            else:
                self._flat_run([(struct.fields[index], values[index]) for index in run], piece)
        return [*pieces, self.source.constant("STOP", STOP)]

    def _flat_text(self, one: Field, value: str, piece: str, data: str) -> None:
        """The header and the length to ``piece``, the text to ``data``."""
        assert isinstance(one.type, TextType)
        with self.source.block(f"if {value} is None:"):
            self.source(f"raise {self.misfit}" if one.is_required else f'{piece} = {data} = b""')
        with self.source.block("else:"):
            self.source(f"{data} = {value}")
            self.as_bytes(one.type, data)
            pack, header = self.source.packer("3si"), self.source.constant("H", field_header(one))
            self.source(f"{piece} = {pack}({header}, len({data}))")

    def _flat_run(self, run: list[tuple[Field, str]], piece: str) -> None:
        """Numbers to ``piece``: in one call where all are there and of their exact types."""
        layout, arguments, conditions = "", list[str](), list[str]()
        for one, value in run:
            assert isinstance(one.type, NumberType | EnumType)
            layout += f"3s{one.type.letter}"
            arguments += [self.source.constant("H", field_header(one)), value]
            conditions.append(self.is_exact(one.type, value))
        with self.source.block(f"if {' and '.join(conditions)}:"):
            self.source(f"{piece} = {self.source.packer(layout)}({', '.join(arguments)})")
        with self.source.block("else:"):
            self.source(f"{piece} = []", f"{self.add} = {piece}.append")
            for one, value in run:
                name = self.source.fresh("v")
                self.source(f"{name} = {value}")
                self._field(one, name)
            self.source(f"{piece} = {self.source.constant('join', b''.join)}({piece})")

    def _run(self, run: list[tuple[Field, str]]) -> None:
        """Fields of a fixed size are packed in one call where all are there and of their exact types."""
        if len(run) == 1:
            self._field(*run[0])
            return
        layout, arguments, conditions = "", list[str](), list[str]()
        for one, name in run:
            kind = one.type
            assert isinstance(kind, NumberType | EnumType)
            layout += f"3s{kind.letter}"
            arguments += [self.source.constant("H", field_header(one)), name]
            conditions.append(self.is_exact(kind, name))
        with self.source.block(f"if {' and '.join(conditions)}:"):
            self.source(f"{self.add}({self.source.packer(layout)}({', '.join(arguments)}))")
        with self.source.block("else:"):
            for one, name in run:
                self._field(one, name)

    def _field(self, one: Field, name: str) -> None:
        if one.is_required:
            self.source(f"if {name} is None: raise {self.misfit}")
            self._value(one.type, name, field_header(one), 1)
        else:
            with self.source.block(f"if {name} is not None:"):
                self._value(one.type, name, field_header(one), 1)

    def _value(self, kind: Type, name: str, header: bytes, depth: int) -> None:
        """One value; ``header`` is what stands before it, ``depth`` that of the value below the struct's own."""
        match kind:
            case NumberType() | EnumType():
                self.check_number(kind, name)
                self._add(header, kind.letter, name)
            case TextType():
                self._text(kind, name, header)
            case UuidType():
                self._add(header, "16s", f"{self.source.constant('as_uuid', as_uuid)}({name})")
            case StructType():
                if header:
                    self.source(f"{self.add}({self.source.constant('H', header)})")
                encoder = self.encoders[kind.cls]
                self.source(f"{encoder}({name}, {self.add}, {self.depth} + {depth})")
            case ListType() | SetType():
                self._collection(kind, name, header, depth)
            case MapType():
                self._map(kind, name, header, depth)

    def _text(self, kind: TextType, name: str, header: bytes) -> None:
        self.as_bytes(kind, name)
        self._add(header, "i", f"len({name})")
        self.source(f"{self.add}({name})")

    def _collection(self, kind: ListType | SetType, name: str, header: bytes, depth: int) -> None:
        self.check_container(kind, name)
        if isinstance(kind.element, NumberType | EnumType):
            self._numbers(kind.element, name, header)
            return
        self._add(header, "Bi", str(int(kind.element.wire)), f"len({name})")
        element = self.source.fresh("x")
        with self.source.block(f"for {element} in {name}:"):
            self._value(kind.element, element, b"", depth + 1)

    def _numbers(self, kind: FixedType, name: str, header: bytes) -> None:
        """A collection of numbers is one call of ``pack``."""
        self.check_numbers(kind, name)
        layout = f'f"!{"3s" if header else ""}Bi{{len({name})}}{kind.letter}"'
        arguments = [self.source.constant("H", header)] if header else []
        arguments += [str(int(kind.wire)), f"len({name})", f"*{name}"]
        pack = self.source.constant("pack", struct.pack)
        self.source(f"{self.add}({pack}({layout}, {', '.join(arguments)}))")

    def _map(self, kind: MapType, name: str, header: bytes, depth: int) -> None:
        self.check_container(kind, name)
        self._add(header, "BBi", str(int(kind.key.wire)), str(int(kind.value.wire)), f"len({name})")
        key, value = self.source.fresh("k"), self.source.fresh("x")
        with self.source.block(f"for {key}, {value} in {name}.items():"):
            self._value(kind.key, key, b"", depth + 1)
            self._value(kind.value, value, b"", depth + 1)

    def _add(self, header: bytes, layout: str, *arguments: str) -> None:
        if header:
            layout = f"3s{layout}"
            arguments = (self.source.constant("H", header), *arguments)
        self.source(f"{self.add}({self.source.packer(layout)}({', '.join(arguments)}))")


def _runs(fields: Iterable[Field]) -> list[list[int]]:
    """The indexes of the fields, neighbours of a fixed size together."""
    runs: list[list[int]] = []
    is_fixed = False
    for index, one in enumerate(fields):
        was_fixed, is_fixed = is_fixed, isinstance(one.type, NumberType | EnumType)
        if was_fixed and is_fixed and len(runs[-1]) < _RUN:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
