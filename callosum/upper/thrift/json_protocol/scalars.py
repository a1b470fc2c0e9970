"""Reads values that are one token: numbers, texts, members of enums.

A reader takes the text, a position in it, the depth, and the room that is left. It returns the value and the position
behind it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

from callosum.upper.thrift.fault import member, members
from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.json_protocol.conversion import bytes_of, double_of, text_of
from callosum.upper.thrift.json_protocol.grammar import ScalarType
from callosum.upper.thrift.json_protocol.malformed import Malformed, wrong
from callosum.upper.thrift.json_protocol.room import Room
from callosum.upper.thrift.spec import BOOL, DOUBLE, EnumType, FixedType, NumberType, TextType, UuidType

Reader: TypeAlias = Callable[[str, int, int, Room], tuple[Any, int]]  # values of any IDL type
_ENDS: Final = r"(?![0-9A-Za-z.+-])"
"""A number ends here: no part of a longer one is read."""


@cache
def converter(kind: ScalarType) -> Callable[[str, Room], Any]:  # values of any IDL type
    """What makes a value of the group of a token; it raises Malformed where there is none."""
    if isinstance(kind, TextType):
        return (lambda raw, _: bytes_of(raw)) if kind.is_binary else (lambda raw, _: text_of(raw))
    if isinstance(kind, UuidType):
        return lambda raw, _: uuid.UUID(raw)
    if kind is BOOL:
        return lambda raw, _: raw == "1"
    if kind is DOUBLE:
        return lambda raw, _: double_of(raw)
    low, high = limits(kind.size)

    def integer(raw: str, room: Room) -> int:
        number = int(raw)
        if low <= number <= high:
            return member_of(kind, number, room) if isinstance(kind, EnumType) else number
        raise out_of_range(kind, raw)

    return integer


def limits(size: int) -> tuple[int, int]:
    """The least and the largest integer of so many bytes."""
    return -(1 << 8 * size - 1), (1 << 8 * size - 1) - 1


def member_of(kind: EnumType, number: int, room: Room) -> Any:  # a member
    """A member of an enum, which may be one that this side does not know."""
    known = members(kind.cls)
    return known[number] if number in known else member(kind.cls, number, room)


def out_of_range(kind: FixedType, raw: str) -> Malformed:
    """The error for an integer that the type does not have."""
    low, high = limits(kind.size)
    return Malformed(f"the IDL says {kind.text}, from {low} to {high}, and the input has {raw}")


@cache
def scalar_reader(kind: ScalarType) -> Reader:
    """What reads one token, with a good error where it is another."""
    match = grammar.compiled(
        grammar.W + grammar.grouped(kind) + (_ENDS if isinstance(kind, NumberType | EnumType) else "")
    )
    convert = converter(kind)

    def read(text: str, pos: int, _: int, room: Room) -> tuple[Any, int]:  # values of any IDL type
        found = match(text, pos)
        if found is None:
            raise wrong(kind.text, text, pos)
        return convert(found[1], room), found.end()

    return read
