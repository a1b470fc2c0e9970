"""How much memory a body may become: a few bytes of JSON can be a large object.

Numbers and texts never take more than some 30 times the bytes that they came in. What can take more are objects with
many fields that nobody gave, and sets: ``{}`` can become 500 bytes. Where a type has such, the objects in a body are
counted before it is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import NODEFAULT
from msgspec.inspect import (
    DataclassType,
    DictType,
    Field,
    FrozenSetType,
    NamedTupleType,
    SetType,
    StructType,
    Type,
    TypedDictType,
)

from callosum.errors import DecodeError
from callosum.service import Body

RATIO: Final = 64
"""Bytes in memory for each byte of a body, past `ALLOWANCE`."""
ALLOWANCE: Final = 1024 * 1024
"""Bytes in memory that any body may become."""
_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def room_check(types: Iterable[Type], path: str) -> Callable[[Body], None] | None:
    """What raises DecodeError for a body that would become too large; None where no body of these types can."""
    cost = max(map(_empty_cost, types), default=0)
    if cost <= 2 * RATIO:  # an opening and a closing bracket
        return None

    def check(body: Body) -> None:
        limit = RATIO * len(body) + ALLOWANCE
        if len(body) // 2 * cost > limit and _openings(bytes(body)) * cost > limit:
            without_texts = _TEXT.sub(b"", bytes(body))
            if _openings(without_texts) * cost > limit:
                raise DecodeError(
                    f"{len(body)} bytes of small objects would take more than {limit} bytes of memory", path=path
                )

    return check


def _openings(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _empty_cost(one: Type) -> int:
    """Bytes that a value may take of which nothing was given; measured with CPython 3.11."""
    match one:
        case StructType() | NamedTupleType():
            return 64 + sum(map(_default_cost, one.fields))
        case DataclassType():
            return 288 + sum(map(_default_cost, one.fields))
        case TypedDictType() | DictType() | SetType() | FrozenSetType():
            return 232
        case _:
            return 64


def _default_cost(field: Field) -> int:
    return 24 if field.default_factory is NODEFAULT else 96
