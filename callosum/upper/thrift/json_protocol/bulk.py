"""Reads lists and sets of numbers and texts: one match for all of them, and one call of `json`'s scanner.

What the match lets through is an array of such tokens and nothing else: the scanner makes nothing but them. Where
something is wrong, the search for it takes no longer than the reading did.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

from callosum.upper.thrift.fault import NoRoom, compact_set, members_of
from callosum.upper.thrift.footprint import per_element
from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.json_protocol.conversion import NO_NUMBERS, decoded
from callosum.upper.thrift.json_protocol.grammar import ScalarType, W
from callosum.upper.thrift.json_protocol.malformed import Malformed, expected, miscounted, wrong
from callosum.upper.thrift.json_protocol.room import Room, set_table
from callosum.upper.thrift.json_protocol.scalars import Reader, limits, out_of_range
from callosum.upper.thrift.spec import BOOL, DOUBLE, EnumType, ListType, NumberType, SetType, TextType, UuidType

Values = list[Any]  # values of any IDL type
Scan = Callable[[str, int], tuple[Values, int]]
_scan: Final[Scan] = vars(json.JSONDecoder(strict=False))["scan_once"]
_scan_doubles: Final[Scan] = vars(json.JSONDecoder(parse_int=float))["scan_once"]
_FALSE_TRUE: Final = (False, True)


def bulk_reader(kind: ListType | SetType, element: ScalarType) -> Reader:
    """What reads a list or set of them."""
    head = grammar.collection_head(grammar.NAMES[element.wire])
    match = grammar.compiled(rf"{head}({grammar.run(element)}){W}\]")
    values_of = _values_of(element)
    cost, is_set, is_text = per_element(kind), isinstance(kind, SetType), isinstance(element, TextType)

    def read(text: str, pos: int, _: int, room: Room) -> tuple[Any, int]:  # values of any IDL type
        found = match(text, pos)
        if found is None:
            raise _fault(kind, element, text, pos)
        count, span = int(found[1]), found[2]
        if not is_text and span.count(",") != count:
            raise miscounted(count, span.count(","))
        room[0] -= count * cost + (set_table(count) if is_set else 0)
        if room[0] < 0:
            raise NoRoom
        values = values_of(span, room) if span else []
        if len(values) != count:
            raise miscounted(count, len(values))
        return (compact_set(values) if is_set else values), found.end()

    return read


def _values_of(kind: ScalarType) -> Callable[[str, Room], Values]:
    """What makes the values of what stands between the size and the end, each with a comma before it."""
    if isinstance(kind, TextType):
        return _binaries if kind.is_binary else _texts
    if isinstance(kind, UuidType):
        return lambda span, _: list(map(uuid.UUID, _scanned(_scan, span)))
    if kind is DOUBLE:
        return _doubles
    if kind is BOOL:
        return lambda span, _: [_FALSE_TRUE[number] for number in _scanned(_scan, span)]
    return _integers(kind)


def _scanned(scan: Scan, span: str) -> Values:
    return scan(f"[{span[1:]}]", 0)[0]


def _integers(kind: NumberType | EnumType) -> Callable[[str, Room], Values]:
    low, high = limits(kind.size)

    def numbers_of(span: str, _: Room) -> Values:
        numbers = _scan(f"[{span[1:]}]", 0)[0]
        if min(numbers) < low or max(numbers) > high:
            index = next(index for index, number in enumerate(numbers) if not low <= number <= high)
            raise out_of_range(kind, str(numbers[index])).within(f"[{index}]")
        return numbers

    if not isinstance(kind, EnumType):
        return numbers_of
    cls = kind.cls
    return lambda span, room: members_of(cls, numbers_of(span, room), room)


def _doubles(span: str, _: Room) -> Values:
    values: Values
    if '"' not in span and not _has_long_number(span):
        values = list(map(float, _scanned(_scan, span)))  # many are integers: so they take half the time
        if math.isfinite(sum(values)):
            return values
    else:
        values = _scanned(_scan_doubles, span)
    for index, number in enumerate(values):
        if number in _TOO_LARGE:  # those that are meant are texts until now
            raise Malformed("the number is too large for a double").within(f"[{index}]")
    return [NO_NUMBERS[one] if type(one) is str else one for one in values]


_TOO_LARGE: Final = frozenset({math.inf, -math.inf})
_has_long_number: Final = re.compile("[0-9]{18}").search
"""As an integer, it would be rounded another time, or take quadratic time."""


def _texts(span: str, _: Room) -> Values:
    return _scanned(_scan, span)


def _binaries(span: str, _: Room) -> Values:
    values: Values = []
    try:
        for one in _scanned(_scan, span):
            values.append(decoded(one))
    except Malformed as error:
        raise error.within(f"[{len(values)}]") from None
    return values


_OF_NUMBERS: Final = (*"0123456789.eE+-",)
"""What can go on behind the beginning of a number that is not of the type."""


def _fault(kind: ListType | SetType, element: ScalarType, text: str, pos: int) -> Malformed:
    """The error for what is no list or set of such values: the first of them that is another."""
    head = grammar.collection_head(grammar.NAMES[element.wire])
    found = grammar.compiled(f"{head}({grammar.run(element)})")(text, pos)
    if found is None:
        return wrong(kind.text, text, pos)
    span, comma = found[2], grammar.comma(text, found.end())
    if comma is None and span and text[found.end() : found.end() + 1] in _OF_NUMBERS:
        return wrong(element.text, text, found.start(2) + span.rindex(",") + 1).within(f"[{span.count(',') - 1}]")
    if comma is None:
        return expected("the end of the list", text, found.end())
    index = grammar.count_texts(span) if isinstance(element, TextType) else span.count(",")
    return wrong(element.text, text, comma.end()).within(f"[{index}]")
