"""What values take in memory, where the compact protocol lets them be smaller than `footprint` takes them for.

An integer of one byte and a text of at most one are objects that Python shares. As elements of lists and sets, or in
fields, integers are counted where they are read and are larger; texts in lists are counted by their length. All else
is as `footprint` says.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from callosum.upper.thrift import footprint
from callosum.upper.thrift.compact.layout import is_varint
from callosum.upper.thrift.spec import EnumType, ListType, MapType, NumberType, SetType, StructType, TextType, Type

_CALL: Final = 110
"""For a struct that three bytes of input can hold, and for a value that is hashed by a call, as if it took memory: it
takes the time."""


def least(kind: Type) -> int:
    """Bytes that the smallest value takes."""
    return 0 if is_varint(kind) else footprint.least(kind)


def in_field(kind: Type) -> int:
    """Bytes that are counted for the smallest value of a field."""
    return 0 if is_varint(kind) else footprint.in_field(kind) + (_CALL if isinstance(kind, StructType) else 0)


def per_element(kind: ListType | SetType | MapType, recursive: Container[type] = ()) -> int:
    """Bytes that each element of a container takes at least, with its place; a text in a list but its place.

    Structs that can hold themselves, which ``recursive`` has, can be chains.
    """
    element = kind.value if isinstance(kind, MapType) else kind.element
    hashed = None if isinstance(kind, ListType) else kind.element if isinstance(kind, SetType) else kind.key
    is_chained = isinstance(element, StructType) and element.cls in recursive
    is_hashed = hashed is not None and not isinstance(hashed, NumberType | EnumType | TextType)
    calls = _CALL * (is_chained + is_hashed)
    return footprint.per_element(kind, least if isinstance(kind, MapType) else _in_list) + calls


def _in_list(kind: Type) -> int:
    return 0 if isinstance(kind, TextType) else least(kind)
