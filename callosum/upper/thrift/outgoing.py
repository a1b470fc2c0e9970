"""Writes the parts of encoders in which no encoding differs: what a value has to be before it is written.

Laws: an encoder never writes what `mismatch` finds a fault with, and raises one of its `FAULTS` instead; which value it
was, and what it should be, is found out by `mismatch` afterwards, so that the hot path knows no paths. Types are exact
on the fast path; where one is not, ``as_…`` decides.

In the text, ``add`` appends to the output, and ``depth`` is the depth of the struct that is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from callosum.upper.thrift.mismatch import (
    Misfit,
    as_binary,
    as_bool,
    as_float,
    as_list,
    as_map,
    as_plain_int,
    as_set,
)
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    MAX_DEPTH,
    EnumType,
    FixedType,
    ListType,
    MapType,
    SetType,
    Struct,
    TextType,
)


@dataclass(slots=True)
class OutgoingWriter(ABC):
    """Writes encoders into one source text."""

    source: Source
    encoders: dict[type, str]
    """The names of the structs' encoders in the text."""
    recursive: set[type]
    add: str = field(init=False)
    depth: str = field(init=False)
    misfit: str = field(init=False)

    def __post_init__(self) -> None:
        self.add, self.depth = f"{self.source.prefix}add", f"{self.source.prefix}depth"
        self.misfit = self.source.constant("Misfit", Misfit)

    @abstractmethod
    def fields(self, struct: Struct, values: Sequence[str]) -> None:
        """Write all fields, whose values are these expressions, and the end of the struct."""

    def struct_encoder(self, struct: Struct) -> None:
        """Write ``def name(value, add, depth)``."""
        cls, value = self.source.constant("cls", struct.cls), f"{self.source.prefix}value"
        with self.source.block(f"def {self.encoders[struct.cls]}({value}, {self.add}, {self.depth}):"):
            self.source(f"if type({value}) is not {cls} and not isinstance({value}, {cls}): raise {self.misfit}")
            if struct.cls in self.recursive:
                self.source(f"if {self.depth} > {MAX_DEPTH}: raise {self.misfit}")
            self.fields(struct, [f"{value}.{one.name}" for one in struct.fields])

    def body(self, struct: Struct, names: Sequence[str]) -> str:
        """Write what encodes the values of all fields. Returns the expression of what is to be joined."""
        pieces = f"{self.source.prefix}parts"
        self.source(f"{pieces} = []", f"{self.add} = {pieces}.append", f"{self.depth} = 1")
        self.fields(struct, names)
        return pieces

    def named(self, struct: Struct, values: Sequence[str]) -> tuple[list[str], Sequence[str]]:
        """A variable for each field, and what it is set to: itself in a union, whose fields are counted first."""
        names = [self.source.fresh("v") for _ in values]
        if not struct.is_union:
            return names, values
        self.source(*(f"{name} = {value}" for name, value in zip(names, values, strict=True)))
        count = " + ".join(f"({name} is not None)" for name in names) or "0"
        self.source(f"if {count} != 1: raise {self.misfit}")
        return names, names

    def as_bytes(self, kind: TextType, name: str) -> None:
        """Make the bytes of a string or a binary of its value."""
        if kind.is_binary:
            as_bytes = self.source.constant("as_binary", as_binary)
            self.source(f"if type({name}) is not bytes: {name} = {as_bytes}({name})")
        else:
            self.source(
                f"if type({name}) is not str and not isinstance({name}, str): raise {self.misfit}",
                f"{name} = {name}.encode()",
            )

    def check_container(self, kind: ListType | SetType | MapType, name: str) -> None:
        """Check that a value is what holds elements, or entries, of that kind."""
        exact, convert = {
            ListType: ("list", as_list),
            SetType: ("set", as_set),
            MapType: ("dict", as_map),
        }[type(kind)]
        called = self.source.constant(convert.__name__, convert)
        self.source(f"if type({name}) is not {exact}: {name} = {called}({name})")

    def check_numbers(self, kind: FixedType, name: str) -> None:
        """Check all elements of a collection of numbers."""
        exact: set[type] = {bool} if kind is BOOL else {float, int} if kind is DOUBLE else {int}
        if isinstance(kind, EnumType):
            exact.add(kind.cls)
        element = self.source.fresh("x")
        with self.source.block(f"if not {self.source.constant('exact', exact)}.issuperset(map(type, {name})):"):
            self.source(f"{name} = [{self._converted(kind, element)} for {element} in {name}]")

    def check_number(self, kind: FixedType, name: str) -> None:
        """Check a bool, an integer, a double, or a member of an enum."""
        self.source(f"if not {self.is_exact(kind, name)}: {name} = {self._converted(kind, name)}")

    def is_exact(self, kind: FixedType, name: str) -> str:
        """The test that needs no conversion to follow."""
        if isinstance(kind, EnumType):
            cls = self.source.constant("cls", kind.cls)
            return f"(type({name}) is {cls} or type({name}) is int)"
        return f"(type({name}) is {'bool' if kind is BOOL else 'float' if kind is DOUBLE else 'int'})"

    def _converted(self, kind: FixedType, name: str) -> str:
        if kind is BOOL:
            return f"{self.source.constant('as_bool', as_bool)}({name})"
        if kind is DOUBLE:
            return f"{self.source.constant('as_float', as_float)}({name})"
        cls = self.source.constant("cls", kind.cls) if isinstance(kind, EnumType) else "None"
        return f"{self.source.constant('as_plain_int', as_plain_int)}({name}, {cls})"
