"""What the decoders call between values where it is not the usual, and what they raise where it is not right."""

from __future__ import annotations

from typing import NoReturn

from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.json_protocol.grammar import ScalarType
from callosum.upper.thrift.json_protocol.malformed import Malformed, expected, wrong
from callosum.upper.thrift.json_protocol.scalars import scalar_reader
from callosum.upper.thrift.spec import (
    MAX_DEPTH,
    ListType,
    MapType,
    SetType,
    Struct,
    StructType,
    Type,
)


def over_comma(text: str, pos: int, count: int) -> int:
    """Behind the comma before an element, where there is white space before it."""
    found = grammar.comma(text, pos)
    if found is None:
        raise expected(f"another element (its size is said to be {count})", text, pos)
    return found.end()


def over_end_of_list(text: str, pos: int, count: int) -> int:
    """Behind the end of a list."""
    found = grammar.end_of_list(text, pos)
    if found is None:
        raise expected(f"the end of the list (its size is said to be {count})", text, pos)
    return found.end()


def over_end_of_map(text: str, pos: int, count: int) -> int:
    """Behind the end of a map."""
    found = grammar.end_of_map(text, pos)
    if found is None:
        raise expected(f"the end of the map (its size is said to be {count})", text, pos)
    return found.end()


def bad_entry(kind: MapType, part: str, text: str, pos: int, count: int) -> Malformed:
    """The error for what is no entry of a map: ``part`` is the place of an entry, without the word."""
    key, value = kind.key, kind.value
    assert isinstance(key, ScalarType)
    if text.startswith("}", pos):
        return expected(f"another entry (its size is said to be {count})", text, pos)
    found = grammar.compiled(rf"{grammar.W}{grammar.key(key)}{grammar.W}:")(text, pos)
    if found is None:
        return wrong(f"{key.text} as a key", text, pos).within(f"key{part}")
    if not isinstance(value, ScalarType):
        return expected("a value", text, found.end()).within(f"value{part}")
    try:
        _, pos = scalar_reader(value)(text, found.end(), 0, [0])
    except Malformed as error:
        return error.within(f"value{part}")
    return unclosed(text, pos)


def no_container(kind: ListType | SetType | MapType, text: str, pos: int) -> Malformed:
    """The error for what does not begin as a container of this type."""
    if isinstance(kind, MapType):
        head = f'["{name_of(kind.key)}","{name_of(kind.value)}",size,{{'
    else:
        head = f'["{name_of(kind.element)}",size'
    return Malformed(f"{wrong(kind.text, text, pos).message}: it begins with {head}")


def name_of(kind: Type) -> str:
    """The name of a type in the protocol."""
    return grammar.NAMES[kind.wire]


def no_struct(idl: str, text: str, pos: int) -> Malformed:
    """The error for what is no struct."""
    return wrong(idl, text, pos)


def unclosed(text: str, pos: int) -> Malformed:
    """The error for a value that is not followed by its end, and another one or the end of all."""
    return expected('the end of the value ("}"), and a field or the end of the struct', text, pos)


def refuse_keys(kind: MapType) -> NoReturn:
    """Raise Malformed for a map with entries that JSON cannot have."""
    raise Malformed(f"JSON cannot have the keys of a {kind.text}: only the empty map can be sent")


def repeated_key() -> Malformed:
    """The error for a map with one key more than once."""
    return Malformed("the map has a key more than once")


def unhashable(kind: SetType) -> Malformed:
    """The error for a set that Python cannot have."""
    return Malformed(
        f"{kind.text} cannot be a value in Python, where a {kind.element.text} has no hash: "
        "use a list in the IDL, or give the class a __hash__"
    )


def too_deep() -> Malformed:
    """The error for what is nested too deep."""
    return Malformed(f"structs and containers are nested more than {MAX_DEPTH} deep")


def missing(struct: Struct, values: tuple[object, ...]) -> Malformed:
    """The error for a struct without one of its required fields."""
    one = next(one for one, value in zip(struct.fields, values, strict=True) if one.is_required and value is None)
    return Malformed(f"the field is required ({one.type.text}), and not there").within(one.name)


def no_union(struct: Struct, values: tuple[object, ...]) -> Malformed:
    """The error for a union with more or less than one field."""
    given = [one.name for one, value in zip(struct.fields, values, strict=True) if value is not None]
    return Malformed(f"a union has exactly one field set, and {struct.name} has {', '.join(given) or 'none'}")


def is_struct(kind: Type) -> bool:
    """Whether values of it are instances of a class."""
    return isinstance(kind, StructType)
