"""Writes the source text of encoders: values to the compact protocol. The laws are those of `outgoing`.

In the text, ``last`` is the id of the field that was written last. Where all fields before one must be there, its
header is known, and ``last`` is not needed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from callosum.upper.thrift.compact.layout import (
    I16S,
    I32S,
    I64S,
    SIZES,
    Headers,
    Kind,
    ListHeads,
    MapHeads,
    Signed,
    header,
    kind_of,
)
from callosum.upper.thrift.compact.numbers import bools, numbers
from callosum.upper.thrift.mismatch import (
    as_uuid,
)
from callosum.upper.thrift.outgoing import OutgoingWriter
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    I8,
    I16,
    I64,
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


@dataclass(slots=True)
class EncoderWriter(OutgoingWriter):
    """Writes encoders into one source text."""

    last: str = field(init=False)
    known: int | None = None
    """The id of the field before, where it must be there; None where it is in ``last``."""

    def __post_init__(self) -> None:
        OutgoingWriter.__post_init__(self)
        self.last = f"{self.source.prefix}last"

    def fields(self, struct: Struct, values: Sequence[str]) -> None:
        """Write all fields, whose values are these expressions, and the end of the struct."""
        names, values = self.named(struct, values)
        self.known = 0
        for one, name, value in zip(struct.fields, names, values, strict=True):
            if name != value:
                self.source(f"{name} = {value}")
            self._field(one, name)
        self.source(f"{self.add}({self.source.constant('STOP', STOP)})")

    def _field(self, one: Field, name: str) -> None:
        if one.is_required:
            self.source(f"if {name} is None: raise {self.misfit}")
            self._field_value(one, name)
            self.known = one.id
            return
        if self.known is not None:
            self.source(f"{self.last} = {self.known}")
        with self.source.block(f"if {name} is not None:"):
            self._field_value(one, name)
            self.source(f"{self.last} = {one.id}")
        self.known = None

    def _field_value(self, one: Field, name: str) -> None:
        if one.type is BOOL:
            self.check_number(BOOL, name)
            self.source(f"{self.add}({self._header(one, Kind.TRUE)} if {name} else {self._header(one, Kind.FALSE)})")
        else:
            self.source(f"{self.add}({self._header(one, kind_of(one.type))})")
            self._value(one.type, name, 1)

    def _header(self, one: Field, kind: Kind) -> str:
        if self.known is not None:
            return self.source.constant("H", header(kind, one.id, self.known))
        return f"{self.source.constant('headers', Headers(one, kind))}[{self.last}]"

    def _value(self, kind: Type, name: str, depth: int) -> None:
        """One value, without a header; ``depth`` is that of the value below the struct's own."""
        match kind:
            case NumberType() | EnumType():
                self._number(kind, name)
            case TextType():
                self.as_bytes(kind, name)
                self.source(f"{self.add}({self._sizes()}[len({name})])", f"{self.add}({name})")
            case UuidType():
                self.source(f"{self.add}({self.source.constant('as_uuid', as_uuid)}({name}))")
            case StructType():
                self.source(f"{self.encoders[kind.cls]}({name}, {self.add}, {self.depth} + {depth})")
            case ListType() | SetType():
                self._collection(kind, name, depth)
            case MapType():
                self._map(kind, name, depth)

    def _number(self, kind: FixedType, name: str) -> None:
        self.check_number(kind, name)
        if kind is BOOL:
            true, false = self.source.constant("H", bytes([Kind.TRUE])), self.source.constant("H", bytes([Kind.FALSE]))
            self.source(f"{self.add}({true} if {name} else {false})")
        elif kind is I8:
            self.source(f"{self.add}({self.source.packer('b')}({name}))")
        elif kind is DOUBLE:
            pack = self.source.constant("pack", _DOUBLE.pack)
            self.source(f"{self.add}({pack}({name}))")
        else:
            signed = _signed(kind)
            kept, write = self.source.constant("kept", signed.kept.get), self.source.constant("write", signed.write)
            self.source(f"{self.add}({kept}({name}) or {write}({name}))")

    def _sizes(self) -> str:
        return self.source.constant("sizes", SIZES)

    def _collection(self, kind: ListType | SetType, name: str, depth: int) -> None:
        self.check_container(kind, name)
        heads = self.source.constant("heads", ListHeads(kind.element))
        self.source(f"{self.add}({heads}[len({name})])")
        if isinstance(kind.element, NumberType | EnumType):
            self._numbers(kind.element, name)
            return
        element = self.source.fresh("x")
        with self.source.block(f"for {element} in {name}:"):
            self._value(kind.element, element, depth + 1)

    def _numbers(self, kind: FixedType, name: str) -> None:
        """The elements of a collection of numbers."""
        self.check_numbers(kind, name)
        if kind is BOOL:
            data = f"{self.source.constant('bools', bools)}({name})"
        elif kind is I8 or kind is DOUBLE:
            pack = self.source.constant("pack", struct.pack)
            data = f"{pack}(f'<{{len({name})}}{kind.letter}', *{name})"
        else:
            table = self.source.constant("signed", _signed(kind))
            data = f"{self.source.constant('numbers', numbers)}({name}, {table})"
        self.source(f"{self.add}({data})")

    def _map(self, kind: MapType, name: str, depth: int) -> None:
        self.check_container(kind, name)
        heads = self.source.constant("heads", MapHeads(kind.key, kind.value))
        self.source(f"{self.add}({heads}[len({name})])")
        key, value = self.source.fresh("k"), self.source.fresh("x")
        with self.source.block(f"for {key}, {value} in {name}.items():"):
            self._value(kind.key, key, depth + 1)
            self._value(kind.value, value, depth + 1)


_DOUBLE: Final = struct.Struct("<d")


def _signed(kind: FixedType) -> Signed:
    return I16S if kind is I16 else I64S if kind is I64 else I32S
