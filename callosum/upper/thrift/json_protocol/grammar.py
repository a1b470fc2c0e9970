"""The words of Apache's JSON protocol, as parts of regular expressions.

Laws: each token is matched once and for good (possessive), so that no input can make a match take more than linear
time or keep positions to go back to. White space may stand wherever JSON allows it, though Apache writes none. A
pattern begins where white space may stand, and ends behind what it is named for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    I64,
    STRING,
    UUID,
    EnumType,
    NumberType,
    TextType,
    Type,
    UuidType,
    Wire,
)

Match: TypeAlias = Callable[[str, int], "re.Match[str] | None"]
ScalarType: TypeAlias = NumberType | EnumType | TextType | UuidType
"""What is one token: it can be the key of a map."""

W: Final = r"[ \t\n\r]*+"
NAMES: Final[dict[Wire, str]] = {
    Wire.BOOL: "tf",
    Wire.I8: "i8",
    Wire.I16: "i16",
    Wire.I32: "i32",
    Wire.I64: "i64",
    Wire.DOUBLE: "dbl",
    Wire.STRING: "str",
    Wire.STRUCT: "rec",
    Wire.LIST: "lst",
    Wire.SET: "set",
    Wire.MAP: "map",
    Wire.UUID: "uid",
}
"""The types by what they are called; a binary is a ``str``, an enum an ``i32``."""
_DIGITS: Final = {1: 3, 2: 5, 4: 10, 8: 19}
"""Digits of the largest integer of so many bytes: what has more is out of range, however long it is."""
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
_NO_NUMBERS: Final = "NaN|Infinity|-Infinity"
_HEX: Final = "[0-9a-fA-F]"
_UNIT: Final = rf"[0-9a-cA-CefEF]{_HEX}{{3}}|[dD][0-7]{_HEX}{{2}}|[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}"
"""Behind ``\\u``: a character, or the two halves of a surrogate pair; half of one is no character."""
TEXT: Final = rf'[^"\\]*+(?:\\(?:["\\/bfnrt]|u(?:{_UNIT}))[^"\\]*+)*+'
"""Between the quotes. Apache's Python library does not escape all control characters, so these may stand for
themselves."""
_UUID: Final = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_COUNT: Final = "(0|[1-9][0-9]{0,9}+)(?![0-9])"


def compiled(pattern: str) -> Match:
    """What matches a pattern at a position."""
    return re.compile(pattern, re.DOTALL).match


def _integer(size: int) -> str:
    return rf"-?(?:0|[1-9][0-9]{{0,{_DIGITS[size] - 1}}}+)"


def is_scalar(kind: Type) -> bool:
    """Whether it is one token."""
    return isinstance(kind, ScalarType)


def value(kind: ScalarType) -> str:
    """One token, without a group around it; of a text, with its quotes."""
    if isinstance(kind, TextType):
        return f'"{TEXT}"'
    if isinstance(kind, UuidType):
        return f'"{_UUID}"'
    if kind is BOOL:
        return "[01]"
    if kind is DOUBLE:
        return f'(?:{_NUMBER}|"(?:{_NO_NUMBERS})")'
    return _integer(kind.size)


def grouped(kind: ScalarType) -> str:
    """One token; its group is what `convert` makes a value of: of a text, what is between the quotes."""
    if isinstance(kind, TextType | UuidType):
        return f'"({TEXT if isinstance(kind, TextType) else _UUID})"'
    return f"({value(kind)})"


def key(kind: ScalarType) -> str:
    """The key of a map, grouped: always a string."""
    if isinstance(kind, TextType | UuidType):
        return grouped(kind)
    return f'"({_NUMBER}|{_NO_NUMBERS})"' if kind is DOUBLE else f'"({value(kind)})"'


def any_scalar(part: Callable[[ScalarType], str]) -> str:
    """For each type that is one token: its name, and what ``part`` makes of it; a text's is the last."""
    parts = {
        r"i(?:8|16|32|64)": part(I64),
        "tf": part(BOOL),
        "dbl": part(DOUBLE),
        "uid": part(UUID),
        "str": part(STRING),
    }
    return f"(?:{'|'.join(f'{chr(34)}{name}{chr(34)}{one}' for name, one in parts.items())})"


def head(ident: int, name: str) -> str:
    """What stands before the value of a field."""
    return rf'"{ident}"{W}:{W}\{{{W}"{name}"{W}:{W}'


NEXT: Final = rf'{W}(?:,{W}(?=")|(?=\}}))'
"""Behind a member of an object: a comma and another one, or the end, which is left where it is."""
CLOSE: Final = rf"{W}\}}{NEXT}"
"""Behind the value of a field."""


def whole_field(ident: int, kind: ScalarType) -> str:
    """A field that is one token, up to the next."""
    return head(ident, NAMES[kind.wire]) + grouped(kind) + CLOSE


def collection_head(element: str) -> str:
    """Of a list or set of a type: its group is the size."""
    return rf'{W}\[{W}"{element}"{W},{W}{_COUNT}{W}'


def map_head(keys: str, values: str) -> str:
    """Of a map, up to its first entry: its group is the size."""
    return rf'{W}\[{W}"{keys}"{W},{W}"{values}"{W},{W}{_COUNT}{W},{W}\{{{W}'


def run(kind: ScalarType) -> str:
    """As many tokens as there are, each with a comma before it."""
    return f"(?:{W},{W}{value(kind)})*+"


ANY_NAME: Final = "([a-z0-9]{1,8}+)"
"""A type's name, whatever it is."""
close: Final = compiled(CLOSE)
field_head: Final = compiled(rf'{W}"(-?(?:0|[1-9][0-9]{{0,4}}+))"{W}:{W}\{{{W}"{ANY_NAME}"{W}:{W}')
scalar_field: Final = compiled(
    rf'{W}"(-?(?:0|[1-9][0-9]{{0,4}}+))"{W}:{W}\{{{W}{any_scalar(lambda kind: f"{W}:{W}{value(kind)}")}{CLOSE}'
)
"""A whole field that is one token, whatever its type is: its group is the id."""
scalar_list: Final = compiled(rf"{W}\[{W}{any_scalar(lambda kind: f'{W},{W}{_COUNT}({run(kind)})')}{W}\]")
"""A whole list or set of tokens: its last two groups are the size, and what is there."""
comma: Final = compiled(f"{W},{W}")
_one_text: Final = re.compile(rf'{W},{W}"{TEXT}"', re.DOTALL)
end_of_list: Final = compiled(rf"{W}\]")
end_of_map: Final = compiled(rf"{W}\}}{W}\]")
next_member: Final = compiled(NEXT)
end_of_body: Final = compiled(rf"{W}\Z")


def count_texts(run_of_texts: str) -> int:
    """How many texts there are in a run of them."""
    return sum(1 for _ in _one_text.finditer(run_of_texts))
