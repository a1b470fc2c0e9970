"""What values take in memory, where the compact protocol lets them be smaller than `footprint` takes them for.

An integer of one byte and a text of at most one are objects that Python shares. As elements of lists and sets, or in
fields, integers are counted where they are read and are larger; texts in lists are counted by their length. All else
is as `footprint` says.
"""

from __future__ import annotations

from callosum.upper.thrift import footprint
from callosum.upper.thrift.compact.layout import is_varint
from callosum.upper.thrift.spec import ListType, MapType, SetType, TextType, Type


def least(kind: Type) -> int:
    """Bytes that the smallest value takes."""
    return 0 if is_varint(kind) else footprint.least(kind)


def in_field(kind: Type) -> int:
    """Bytes that are counted for the smallest value of a field."""
    return 0 if is_varint(kind) else footprint.in_field(kind)


def per_element(kind: ListType | SetType | MapType) -> int:
    """Bytes that each element of a container takes at least, with its place; a text in a list but its place."""
    return footprint.per_element(kind, least if isinstance(kind, MapType) else _in_list)


def _in_list(kind: Type) -> int:
    return 0 if isinstance(kind, TextType) else least(kind)
