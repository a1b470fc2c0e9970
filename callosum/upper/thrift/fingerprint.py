"""A service's fingerprint: digests of what two sides must agree on, as a whole and method by method.

That is the names of service, methods, fields and structs, the ids of fields, their types on the wire and whether they
are required, recursively, and how methods stream. The order of definitions in the file, defaults and docs do not change
it, nor does what a raw module of thriftpy2 does not tell: enums are integers here, and unions are structs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from callosum.fingerprint import MethodText, write_fingerprint
from callosum.service import Cardinality
from callosum.upper.thrift.spec import (
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
    struct_of,
)


@dataclass(slots=True)
class _Writer:
    """Writes structs as text. A struct is known by the order in which it was met: names may repeat among files."""

    numbers: dict[type, int] = field(default_factory=dict)
    waiting: list[Struct] = field(default_factory=list)

    def type(self, kind: Type) -> str:
        match kind:
            case NumberType() | TextType() | UuidType():
                return kind.text
            case EnumType():
                return "i32"
            case ListType():
                return f"list<{self.type(kind.element)}>"
            case SetType():
                return f"set<{self.type(kind.element)}>"
            case MapType():
                return f"map<{self.type(kind.key)},{self.type(kind.value)}>"
            case StructType():
                if kind.cls not in self.numbers:
                    self.numbers[kind.cls] = len(self.numbers)
                    self.waiting.append(struct_of(kind.cls))
                return f"struct#{self.numbers[kind.cls]}"

    def fields(self, struct: Struct, stream: int | None = None) -> str:
        streamed = None if stream is None else struct.fields[stream]
        ordered = sorted(struct.fields, key=lambda one: one.id)
        texts = (
            f"{f.id} {f.name} {'stream ' * (f is streamed)}{self.type(f.type)}{' required' * f.is_required}"
            for f in ordered
        )
        return f"{struct.name} {{{'; '.join(texts)}}}"

    def with_all_it_names(self, lines: list[str]) -> str:
        """The lines, and behind them the structs that they name, directly or not."""
        done = 0
        while done < len(self.waiting):
            lines.append(f"#{done} {self.fields(self.waiting[done])}")
            done += 1
        return "\n".join(lines)


class Interface(NamedTuple):
    """One method, as far as both sides must agree on it."""

    name: str
    cardinality: Cardinality
    args: Struct
    result: Struct
    stream: int | None = None


def fingerprint(name: str, methods: Iterable[Interface]) -> str:
    """The fingerprint of a service with these methods."""
    writer = _Writer()
    lines = [f"service {name}"]
    parts: dict[str, MethodText] = {}
    for one in sorted(methods, key=lambda one: one.name):
        arguments = writer.fields(one.args, one.stream)
        lines.append(f"{_words(one.cardinality)}{one.name} {arguments} {writer.fields(one.result)}")
        answer = None if one.cardinality is Cardinality.ONEWAY else _alone(one.result)
        parts[one.name] = MethodText(_alone(one.args, one.stream), answer, one.cardinality.mode)
    return write_fingerprint(writer.with_all_it_names(lines), parts)


def _words(cardinality: Cardinality) -> str:
    """What stands before a method: nothing where there is one request and one outcome."""
    if cardinality.mode:
        return f"{cardinality.mode} stream "
    return "oneway " if cardinality is Cardinality.ONEWAY else ""


def _alone(struct: Struct, stream: int | None = None) -> str:
    writer = _Writer()
    return writer.with_all_it_names([writer.fields(struct, stream)])
