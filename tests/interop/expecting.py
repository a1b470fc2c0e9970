"""What the reader of a value must see, and values that two processes agree on without a word.

A value is expected in the form of `oracles.plain`: tuples and frozensets of plain values.
"""

from __future__ import annotations

import enum
import hashlib
import random
from collections.abc import Iterable
from typing import Any

from callosum.upper.thrift.fault import freeze
from callosum.upper.thrift.spec import (
    BINARY,
    BOOL,
    DOUBLE,
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    struct_of,
)
from tests.upper.thrift.oracles import plain


class Unreadable(Exception):
    """A union holds what the reader's schema does not have."""


def received(reader: Type, writer: Type, value: Any) -> Any:
    """What a reader gets of a value that a writer with another version of the schema wrote; in plain form.

    Fields that the writer left out, or does not know, have the reader's defaults; those that the reader does not know
    are gone.

    Raises:
        Unreadable: The reader must refuse it.
    """
    match reader, writer:
        case ListType(element=inner), ListType(element=outer):
            return tuple(received(inner, outer, one) for one in value)
        case SetType(element=inner), SetType(element=outer):
            return frozenset(received(inner, outer, one) for one in value)
        case MapType(), MapType():
            pairs = {
                received(reader.key, writer.key, key): received(reader.value, writer.value, one)
                for key, one in value.items()
            }
            return frozenset(pairs.items())
        case StructType(), StructType():
            return _received_struct(struct_of(reader.cls), struct_of(writer.cls), value)
        case _:
            return plain(reader, value)


def _received_struct(reader: Struct, writer: Struct, value: Any) -> Any:
    found = received_fields(reader, writer, [getattr(value, one.name) for one in writer.fields])
    if reader.is_union and len(found) != 1:
        raise Unreadable(reader.name)
    return (reader.name, frozenset(found.items()))


def received_fields(reader: Struct, writer: Struct, values: Iterable[Any]) -> dict[str, Any]:
    """The same for the fields of a struct, by the names that the reader has for them; without those that are None."""
    written = {one.id: (one.type, value) for one, value in zip(writer.fields, values, strict=True) if value is not None}
    found: dict[str, Any] = {}
    for one in reader.fields:
        if one.id in written:
            found[one.name] = received(one.type, *written[one.id])
        elif one.default is not None:
            found[one.name] = plain(one.type, one.default)
    return found


def digest(values: object) -> str:
    """The same text for the same values in plain form, in each process."""
    return hashlib.sha256(_canonical(values).encode()).hexdigest()


def _canonical(value: object) -> str:
    match value:
        case tuple():
            return f"({', '.join(map(_canonical, value))})"
        case frozenset():
            return f"{{{', '.join(sorted(map(_canonical, value)))}}}"
        case dict():
            return _canonical(frozenset(value.items()))
        case bool() | int() | float() | str() | bytes() | None:
            return repr(int(value) if isinstance(value, enum.IntEnum) else value)
        case _:
            raise TypeError(f"{value!r} is not in plain form")


_TEXTS = ("", "a", "Zürich", "日本", "\0", "🙂", "a longer text, of which there are many")


def drawn(kind: Type, source: random.Random, depth: int = 0) -> Any:
    """A value of a type: the same for the same source, in each process."""
    count = source.randrange(3) if depth < 3 else 0
    match kind:
        case NumberType() | EnumType():
            return _drawn_number(kind, source)
        case TextType():
            text = source.choice(_TEXTS)
            return text.encode() + bytes([source.randrange(256)]) if kind is BINARY else text
        case StructType():
            return _drawn_struct(struct_of(kind.cls), source, depth + 1)
        case ListType():
            return [drawn(kind.element, source, depth + 1) for _ in range(count)]
        case SetType():
            return {freeze(drawn(kind.element, source, depth + 1)) for _ in range(count)}
        case MapType():
            return {
                freeze(drawn(kind.key, source, depth + 1)): drawn(kind.value, source, depth + 1) for _ in range(count)
            }


def _drawn_number(kind: NumberType | EnumType, source: random.Random) -> Any:
    if isinstance(kind, EnumType):
        return source.choice(list(kind.cls))
    if kind is BOOL:
        return source.random() < 0.5
    if kind is DOUBLE:
        return source.uniform(-1e9, 1e9)
    return source.randrange(-(1 << kind.size * 8 - 1), 1 << kind.size * 8 - 1)


def _drawn_struct(struct: Struct, source: random.Random, depth: int) -> Any:
    if struct.is_union:
        arm = source.choice(struct.fields)
        return struct.cls(**{arm.name: drawn(arm.type, source, depth)})
    given: dict[str, Any] = {}
    for one in struct.fields:
        if one.is_required or (depth < 4 and source.random() < 0.7):
            given[one.name] = drawn(one.type, source, depth)
    return struct.cls(**given)
