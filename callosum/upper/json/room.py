"""How much memory a body may become: a few bytes of JSON can be a large object.

A value may take `RATIO` times the bytes that it came in, and all of a body together `ALLOWANCE` more. Numbers and texts
never need that much, and neither do objects whose fields must be there. What can take more is what is made although
hardly anything was sent: a dataclass of which one field was given, a default that is a list, a set. Where a type has
such, the brackets and commas in a body are counted before it is decoded, each as the worst that it could stand for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import NODEFAULT
from msgspec.inspect import (
    AnyType,
    DataclassType,
    DecimalType,
    DictType,
    Field,
    FrozenSetType,
    ListType,
    NamedTupleType,
    SetType,
    StructType,
    Type,
    TypedDictType,
    VarTupleType,
)

from callosum.errors import DecodeError
from callosum.service import Body

RATIO: Final = 20
"""Bytes in memory for each byte of a body,"""
ALLOWANCE: Final = 8 * 1024 * 1024
"""and so many more: thousands of small objects are ordinary data."""
_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_CREDIT: Final = RATIO - 4
"""What objects may take of it; the rest is for the texts and numbers in them."""
_SHARED_KEYS: Final = 30
"""Instances with more attributes have tables of their own."""


def room_check(types: Iterable[Type], path: str) -> Callable[[Body], None] | None:
    """What raises DecodeError for a body that could become too large; None where no body of these types can."""
    costs = [cost for one in types for cost in _costs(one)]
    if all(cost.bytes <= _CREDIT * cost.least for cost in costs):
        return None
    of = {sign: max((cost.bytes for cost in costs if cost.sign == sign), default=0) for sign in (b"{", b"[", b",")}

    signs = [(sign, cost) for sign, cost in of.items() if cost]
    worst = max(of.values())

    def taken(part: bytes) -> int:
        return sum(part.count(sign) * cost for sign, cost in signs)

    def check(body: Body) -> None:
        size = len(body)
        limit = _CREDIT * size + ALLOWANCE
        if size * worst <= ALLOWANCE or (most := taken(bytes(body))) <= limit:
            return
        in_texts = sum(taken(text[0]) for text in _TEXT.finditer(bytes(body)))  # one by one: they may be very many
        if most - in_texts > limit:
            raise DecodeError(
                f"{size} bytes of small objects would take too much memory: more than {RATIO} times as much and"
                f" {ALLOWANCE} bytes (a msgspec.Struct takes a fraction of what a dataclass does)",
                path=path,
            )

    return check


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a value takes in memory of which as little as possible was sent. Measured with CPython 3.11."""

    sign: bytes
    """By which it is counted."""
    bytes: int
    least: int
    """Bytes of JSON that it has at least, its comma included."""


def _costs(one: Type) -> Iterator[_Cost]:
    match one:
        case StructType():
            yield _Cost(b"[" if one.array_like else b"{", _made(one.fields, 48), _least(one.fields))
        case NamedTupleType():
            yield _Cost(b"[", _made(one.fields, 64), 3 + 2 * sum(field.required for field in one.fields))
        case DataclassType():
            yield _of_dataclass(one)
        case TypedDictType() | DictType():
            yield _Cost(b"{", 184, 7)
        case AnyType():
            yield from (_Cost(b"{", 184, 7), _Cost(b"[", 57, 3))
        case ListType() | VarTupleType():
            yield _Cost(b"[", 57, 3)
        case SetType() | FrozenSetType():  # its table may be all but empty where it has just grown
            yield from (_Cost(b"[", 217, 3), _Cost(b",", 150, 4))
        case DecimalType():
            yield _Cost(b",", 112, 4)
        case _:
            pass


def _of_dataclass(one: DataclassType) -> _Cost:
    """It gets a table for its attributes with the first that is sent, or that a factory makes."""
    fields, least = one.fields, _least(one.fields)
    if not getattr(one.cls, "__dictoffset__", 0):
        return _Cost(b"{", _made(fields, 48), least)
    if not any(map(_has_factory, fields)):
        least = max(least, 7 + min((len(field.encode_name) for field in fields), default=0))
    return _Cost(b"{", _made(fields, 400 if len(fields) < _SHARED_KEYS else 400 + 40 * len(fields)), least)


def _made(fields: Sequence[Field], base: int) -> int:
    return base + 8 * len(fields) + 72 * sum(map(_has_factory, fields))


def _least(fields: Sequence[Field]) -> int:
    """Bytes of the shortest object: ``{"name":0,"other":0},``."""
    required = [field for field in fields if field.required]
    return 3 + sum(len(field.encode_name) + 5 for field in required) - bool(required)


def _has_factory(field: Field) -> bool:
    return field.default_factory is not NODEFAULT
