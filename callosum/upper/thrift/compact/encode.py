"""Writes the source text of encoders: values to the compact protocol. The laws are those of `binary.encode`.

In the text, ``add`` appends bytes to the output, ``depth`` is the depth of the struct that is written, and ``last`` the
id of the field that was written last. Where all fields before one must be there, its header is known, and ``last`` is
not needed.
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
    Misfit,
    as_binary,
    as_bool,
    as_float,
    as_list,
    as_map,
    as_plain_int,
    as_set,
    as_uuid,
)
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    I8,
    I16,
    I64,
    MAX_DEPTH,
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
class EncoderWriter:
    """Writes encoders into one source text."""

    source: Source
    encoders: dict[type, str]
    """The names of the structs' encoders in the text."""
    recursive: set[type]
    add: str = field(init=False)
    depth: str = field(init=False)
    last: str = field(init=False)
    misfit: str = field(init=False)
    known: int | None = None
    """The id of the field before, where it must be there; None where it is in ``last``."""

    def __post_init__(self) -> None:
        prefix = self.source.prefix
        self.add, self.depth, self.last = f"{prefix}add", f"{prefix}depth", f"{prefix}last"
        self.misfit = self.source.constant("Misfit", Misfit)

    def struct_encoder(self, struct: Struct) -> None:
        """Write ``def name(value, add, depth)``."""
        cls, value = self.source.constant("cls", struct.cls), f"{self.source.prefix}value"
        with self.source.block(f"def {self.encoders[struct.cls]}({value}, {self.add}, {self.depth}):"):
            self.source(f"if type({value}) is not {cls} and not isinstance({value}, {cls}): raise {self.misfit}")
            if struct.cls in self.recursive:
                self.source(f"if {self.depth} > {MAX_DEPTH}: raise {self.misfit}")
            self._fields(struct, [f"{value}.{one.name}" for one in struct.fields])

    def body(self, struct: Struct, names: Sequence[str]) -> str:
        """Write what encodes the values of all fields. Returns the expression of what is to be joined."""
        pieces = f"{self.source.prefix}parts"
        self.source(f"{pieces} = []", f"{self.add} = {pieces}.append", f"{self.depth} = 1")
        self._fields(struct, names)
        return pieces

    def _fields(self, struct: Struct, values: Sequence[str]) -> None:
        """All fields, whose values are these expressions, and the end of the struct."""
        names = [self.source.fresh("v") for _ in values]
        if struct.is_union:
            for name, value in zip(names, values, strict=True):
                self.source(f"{name} = {value}")
            count = " + ".join(f"({name} is not None)" for name in names) or "0"
            self.source(f"if {count} != 1: raise {self.misfit}")
            values = names
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
            self._check_fixed(BOOL, name)
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
                self._as_bytes(kind, name)
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
        self._check_fixed(kind, name)
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

    def _as_bytes(self, kind: TextType, name: str) -> None:
        if kind.is_binary:
            as_bytes = self.source.constant("as_binary", as_binary)
            self.source(f"if type({name}) is not bytes: {name} = {as_bytes}({name})")
        else:
            self.source(
                f"if type({name}) is not str and not isinstance({name}, str): raise {self.misfit}",
                f"{name} = {name}.encode()",
            )

    def _collection(self, kind: ListType | SetType, name: str, depth: int) -> None:
        if isinstance(kind, ListType):
            convert = self.source.constant("as_list", as_list)
            self.source(f"if type({name}) is not list: {name} = {convert}({name})")
        else:
            convert = self.source.constant("as_set", as_set)
            self.source(f"if type({name}) is not set: {name} = {convert}({name})")
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
        exact: set[type] = {bool} if kind is BOOL else {float, int} if kind is DOUBLE else {int}
        if isinstance(kind, EnumType):
            exact.add(kind.cls)
        element = self.source.fresh("x")
        with self.source.block(f"if not {self.source.constant('exact', exact)}.issuperset(map(type, {name})):"):
            self.source(f"{name} = [{self._converted(kind, element)} for {element} in {name}]")
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
        convert = self.source.constant("as_map", as_map)
        heads = self.source.constant("heads", MapHeads(kind.key, kind.value))
        self.source(
            f"if type({name}) is not dict: {name} = {convert}({name})",
            f"{self.add}({heads}[len({name})])",
        )
        key, value = self.source.fresh("k"), self.source.fresh("x")
        with self.source.block(f"for {key}, {value} in {name}.items():"):
            self._value(kind.key, key, depth + 1)
            self._value(kind.value, value, depth + 1)

    def _check_fixed(self, kind: FixedType, name: str) -> None:
        self.source(f"if not ({self._is_exact(kind, name)}): {name} = {self._converted(kind, name)}")

    def _is_exact(self, kind: FixedType, name: str) -> str:
        """The test that needs no conversion to follow."""
        if isinstance(kind, EnumType):
            cls = self.source.constant("cls", kind.cls)
            return f"type({name}) is {cls} or type({name}) is int"
        return f"type({name}) is {'bool' if kind is BOOL else 'float' if kind is DOUBLE else 'int'}"

    def _converted(self, kind: FixedType, name: str) -> str:
        if kind is BOOL:
            return f"{self.source.constant('as_bool', as_bool)}({name})"
        if kind is DOUBLE:
            return f"{self.source.constant('as_float', as_float)}({name})"
        convert = self.source.constant("as_plain_int", as_plain_int)
        cls = self.source.constant("cls", kind.cls) if isinstance(kind, EnumType) else "None"
        return f"{convert}({name}, {cls})"


_DOUBLE: Final = struct.Struct("<d")


def _signed(kind: FixedType) -> Signed:
    return I16S if kind is I16 else I64S if kind is I64 else I32S
