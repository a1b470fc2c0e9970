"""Gives structs that are elements of sets, or keys of maps, a quick ``__hash__``.

thriftpy2's own walks through all attributes, and takes as long as the decoding of the struct. Laws: the hash is the one
that thriftpy2's has, to the bit, so that it can be put into a class whose instances are in sets already; an instance
that is not as the IDL says is left to thriftpy2's. A class that has a ``__hash__`` of its own keeps it.
"""

from __future__ import annotations

from typing import Any

from thriftpy2.thrift import TPayload, _hash_value

from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import (
    EnumType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    UuidType,
    inner_types,
)


def hashed(structs: dict[type, Struct]) -> set[type]:
    """Those of the structs whose values can be elements of sets or keys of maps within the others."""
    found: set[type] = set()
    for struct in structs.values():
        for one in struct.fields:
            for kind in inner_types(one.type):
                element = kind.element if isinstance(kind, SetType) else kind.key if isinstance(kind, MapType) else None
                if element is not None:
                    found |= {inner.cls for inner in inner_types(element) if isinstance(inner, StructType)}
    return found


def quicken(struct: Struct) -> None:
    """Put a quick ``__hash__`` into the class."""
    own: Any = struct.cls.__hash__  # None where instances cannot be hashed
    if own is not TPayload.__hash__ or not struct.fields:
        return
    source = Source()
    hash_value, slow = source.constant("hash_value", _hash_value), source.constant("slow", TPayload.__hash__)
    pairs: list[str] = []
    for one in struct.fields:
        is_simple = isinstance(one.type, NumberType | EnumType | TextType | UuidType)
        value = f"{'hash' if is_simple else hash_value}(values[{source.constant('name', one.name)}])"
        pairs.append(f"({hash(one.name)}, {value})")
    with source.block("def __hash__(self):"):
        source("values = self.__dict__")
        with source.block(f"if len(values) == {len(struct.fields)}:"), source.block("try:"):
            source(f"return hash(self.__class__) ^ hash(frozenset(({', '.join(pairs)},)))")
        with source.block("    except (KeyError, TypeError):"):
            source("    pass")
        source(f"return {slow}(self)")
    made: Any = source.execute(f"<hash of {struct.name}>")["__hash__"]
    setattr(struct.cls, "__hash__", made)  # noqa: B010 - type checkers refuse to see it assigned
