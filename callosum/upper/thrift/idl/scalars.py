"""Fits scalars to their types, and says where they do not."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn, TypeAlias
from uuid import UUID

from callosum.upper.thrift.idl.cursor import shown
from callosum.upper.thrift.idl.faults import Fault, IdlError
from callosum.upper.thrift.idl.model import (
    BaseType,
    Document,
    Enum,
    ListOf,
    Literal,
    MapOf,
    Mapped,
    MemberValue,
    Name,
    Number,
    Position,
    Sequence,
    SetOf,
    Struct,
    Text,
    Value,
)

TrueType: TypeAlias = BaseType | ListOf | SetOf | MapOf | Struct | Enum

_RANGES: Final = {f"i{bits}": range(-(1 << bits - 1), 1 << bits - 1) for bits in (8, 16, 32, 64)}
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Place(NamedTuple):
    """Where a literal is written."""

    document: Document
    position: Position


def scalar_fitted(  # noqa: PLR0911 - one for each kind of type
    where: Document, true: TrueType, value: Value, place: Place, text: str
) -> Value:
    """A scalar as a value of a type, or a fault; ``text`` is how it is written."""
    if isinstance(true, Enum):
        return _member_fitted(where, true, value, place, text)
    if not isinstance(true, BaseType):
        return fail(place, f"{text} is not {described(true)}")
    number = value.value if isinstance(value, MemberValue) else value
    if true.name in _RANGES and isinstance(number, int):
        return _integer_fitted(true.name, int(number), place, text)
    match true.name, value:
        case ("bool", 0 | 1) if isinstance(value, int):
            return bool(value)
        case ("double", int() | float()):
            return float(value)
        case ("string", str()) | ("binary", bytes()) | ("uuid", UUID()):
            return value
        case ("binary" | "uuid", str()):
            return value.encode() if true.name == "binary" else _uuid(value, place)
        case ("string", bytes()):
            return value.decode()
        case _:
            return fail(place, f"{text} is not {described(true)}")


def integers_fitted(true: TrueType, items: tuple[Literal, ...]) -> list[int]:
    """The values of literals that are integers in the range of a type; those that are not are missing.

    Tables of numbers are long.
    """
    bounds = _RANGES.get(true.name, ()) if isinstance(true, BaseType) else ()
    return [
        one.value for one in items if isinstance(one, Number) and isinstance(one.value, int) and one.value in bounds
    ]


def _integer_fitted(kind: str, value: int, place: Place, text: str) -> int:
    bounds = _RANGES[kind]
    if value not in bounds:
        is_ = "" if text == str(value) else f", {value},"
        fail(place, f"{text}{is_} does not fit into {kind}, which goes from {bounds[0]} to {bounds[-1]}")
    return value


def _member_fitted(where: Document, true: Enum, value: Value, place: Place, text: str) -> MemberValue:
    if isinstance(value, MemberValue):
        if value.enum is true:
            return value
        fail(place, f"{text} is a member of {value.enum.name}, not of {true.name}")
    if isinstance(value, int) and not isinstance(value, bool):
        member = next((one for one in true.members if one.value == value), None)
        if member is not None:
            return MemberValue(where, true, value, member)
        fail(place, f"the enum {true.name} has no member with the value {value}")
    return fail(place, f"{text} is not {described(true)}")


def _uuid(text: str, place: Place) -> UUID:
    bare = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not _UUID.fullmatch(bare):
        fail(place, f"{shown(text)} is no uuid: write it as 01234567-89ab-cdef-0123-456789abcdef")
    return UUID(bare)


def fail(place: Place, message: str) -> NoReturn:
    """Say that what is written at a place cannot be."""
    raise IdlError([Fault(place.document.path, place.position, message)])


def written(literal: Literal) -> str:
    """How a message calls a literal."""
    match literal:
        case Number(value=value):
            return str(value)
        case Text(value=text):
            return shown(text)
        case Name(name=name):
            return name
        case Sequence():
            return "a list of values"
        case Mapped():
            return "a map of values"


def described(true: TrueType) -> str:
    """What a message expects for a type."""
    match true:
        case BaseType(name=name):
            return f"an {name}" if name.startswith("i") else f"a {name}"
        case Enum(name=name):
            return f"a member of the enum {name}, such as {name}.{true.members[0].name}" if true.members else name
        case Struct(name=name):
            return f"a {name}, whose fields are given as a map in {{}}"
        case ListOf():
            return "a list, written in []"
        case SetOf():
            return "a set, written in []"
        case MapOf():
            return "a map, written in {}"
