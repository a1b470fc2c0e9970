"""What does not fit the IDL in a value that is to be encoded, and where.

The conversions below are what the encoders call where a value is not of the exact type that their fast path takes; both
they and `find_mismatch` decide by the same rules. A bool is not an integer, a float is no i32, a str is not binary, an
int is a double, subclasses are what they are subclasses of.
"""

from __future__ import annotations

import enum
import reprlib
import struct
import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from callosum.errors import EncodeError
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    MAX_DEPTH,
    EnumType,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
    struct_of,
)

LONGEST: Final = 2**31 - 1
"""Bytes of a string, elements of a collection."""


class Misfit(Exception):
    """A value does not fit. Which one, `find_mismatch` finds out."""


FAULTS: Final = (Misfit, struct.error, TypeError, ValueError, AttributeError, OverflowError, RuntimeError)
"""What an encoder raises where a value does not fit (UnicodeEncodeError is a ValueError), or changes meanwhile."""


def as_bool(value: object) -> bool:
    """A bool and nothing else."""
    if type(value) is bool:
        return value
    raise Misfit


def as_int(value: object, cls: type[enum.IntEnum] | None = None) -> int:
    """An integer that is not a bool; for an enum, a plain one or a member of that enum."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Misfit
    if cls is not None and isinstance(value, enum.IntEnum) and not isinstance(value, cls):
        raise Misfit
    return value


def as_plain_int(value: object, cls: type[enum.IntEnum] | None = None) -> int:
    """The same as an ``int`` and nothing else, to be looked up in a table: a subclass may have a hash of its own."""
    return int.__add__(as_int(value, cls), 0)


def as_float(value: object) -> float:
    """A float or an integer that is not a bool."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Misfit
    return value


def as_binary(value: object) -> bytes:
    """What has bytes and is no text."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise Misfit
    return bytes(value)


def as_uuid(value: object) -> bytes:
    """The bytes of a UUID."""
    if not isinstance(value, uuid.UUID):
        raise Misfit
    return value.bytes


def as_list(value: object) -> Iterable[Any]:  # values of any IDL type
    """A list or a tuple."""
    if not isinstance(value, list | tuple):
        raise Misfit
    return value


def as_set(value: object) -> Iterable[Any]:  # values of any IDL type
    """A set or a frozenset."""
    if not isinstance(value, set | frozenset):
        raise Misfit
    return value


def as_map(value: object) -> Mapping[Any, Any]:  # values of any IDL type
    """A dict, or the read-only view of one."""
    if not isinstance(value, dict | MappingProxyType):
        raise Misfit
    return value


def encode_error(kind: Type, value: object, path: str, cause: Exception) -> EncodeError:
    """The error for a value that an encoder refused with ``cause``."""
    return find_mismatch(kind, value, path) or _unknown(path, cause)


def fields_error(struct: Struct, path: str, values: Iterable[object], cause: Exception) -> EncodeError:
    """The error for values of a struct's fields that an encoder refused with ``cause``."""
    return _in_fields(struct, values, path, 1) or _unknown(path, cause)


def _unknown(path: str, cause: Exception) -> EncodeError:
    return EncodeError(f"cannot be encoded: {cause!r}. Was it changed while it was encoded?", path=path)


def find_mismatch(  # noqa: PLR0911 - one for each type
    kind: Type, value: object, path: str, depth: int = 1
) -> EncodeError | None:
    """The first fault of a value, or None."""
    match kind:
        case NumberType() | EnumType():
            return _in_number(kind, value, path)
        case TextType():
            return _in_text(kind, value, path)
        case UuidType():
            return None if isinstance(value, uuid.UUID) else _wrong(kind, value, path, "give a uuid.UUID")
        case StructType():
            return _in_struct(kind, value, path, depth)
        case ListType():
            if not isinstance(value, list | tuple):
                return _wrong(kind, value, path, "give a list")
            return _in_elements(kind.element, value, path, depth)
        case SetType():
            if not isinstance(value, set | frozenset):
                return _wrong(kind, value, path, "give a set")
            return _in_elements(kind.element, value, path, depth)
        case MapType():
            return _in_map(kind, value, path, depth)


def _wrong(kind: Type, value: object, path: str, advice: str) -> EncodeError:
    return EncodeError(f"the IDL says {kind.text}, and the value is {_shown(value)}: {advice}", path=path)


def _shown(value: object) -> str:
    if value is None:
        return "None"
    return f"{reprlib.repr(value)} of type {type(value).__name__}"  # short, whatever it is, and if its own repr fails


def _in_number(kind: NumberType | EnumType, value: object, path: str) -> EncodeError | None:
    if kind is BOOL:
        return None if type(value) is bool else _wrong(kind, value, path, "give True or False")
    if kind is DOUBLE:
        return _in_double(kind, value, path)
    if not isinstance(value, int) or isinstance(value, bool):
        return _wrong(kind, value, path, "give an int")
    if isinstance(kind, EnumType) and isinstance(value, enum.IntEnum) and not isinstance(value, kind.cls):
        return _wrong(kind, value, path, f"give a member of {kind.text}")
    bits = kind.size * 8
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        return _wrong(kind, value, path, f"it has {bits} bits, from {-(1 << bits - 1)} to {(1 << bits - 1) - 1}")
    return None


def _in_double(kind: Type, value: object, path: str) -> EncodeError | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return _wrong(kind, value, path, "give a float")
    try:
        float(value)
    except OverflowError:
        return _wrong(kind, value, path, "it is too large for a double")
    return None


def _in_text(kind: TextType, value: object, path: str) -> EncodeError | None:
    if kind.is_binary:
        if not isinstance(value, bytes | bytearray | memoryview):
            return _wrong(kind, value, path, "give bytes")
        size = len(bytes(value))
    else:
        if not isinstance(value, str):
            return _wrong(kind, value, path, "give a str")
        try:
            size = len(value.encode())
        except UnicodeEncodeError as error:
            return EncodeError(f"the string cannot be written as UTF-8: {error}", path=path)
    return None if size <= LONGEST else _too_long(size, "bytes", path)


def _too_long(size: int, unit: str, path: str) -> EncodeError:
    return EncodeError(f"{size} {unit} are more than Thrift can carry ({LONGEST})", path=path)


def _in_elements(kind: Type, values: Iterable[object], path: str, depth: int) -> EncodeError | None:
    for index, value in enumerate(values):
        if error := find_mismatch(kind, value, f"{path}[{index}]", depth + 1):
            return error
    return None


def _in_map(kind: MapType, value: object, path: str, depth: int) -> EncodeError | None:
    if not isinstance(value, dict | MappingProxyType):
        return _wrong(kind, value, path, "give a dict")
    for index, (key, one) in enumerate(value.items()):
        error = find_mismatch(kind.key, key, f"{path}.key[{index}]", depth + 1)
        error = error or find_mismatch(kind.value, one, f"{path}.value[{index}]", depth + 1)
        if error:
            return error
    return None


def _in_struct(kind: StructType, value: object, path: str, depth: int) -> EncodeError | None:
    if not isinstance(value, kind.cls):
        return _wrong(kind, value, path, f"give a {kind.text}")
    if depth > MAX_DEPTH:
        return EncodeError(f"structs and containers are nested more than {MAX_DEPTH} deep", path=path)
    struct = struct_of(kind.cls)
    missing = [field.name for field in struct.fields if not hasattr(value, field.name)]
    if missing:
        return EncodeError(f"the {kind.text} has no attribute {missing[0]}: make it with {kind.text}(...)", path=path)
    return _in_fields(struct, [getattr(value, field.name) for field in struct.fields], path, depth)


def _in_fields(struct: Struct, values: Iterable[object], path: str, depth: int) -> EncodeError | None:
    """The first fault among the values of a struct's fields."""
    by_field = dict(zip(struct.fields, values, strict=True))
    if struct.is_union:
        given = [field.name for field, value in by_field.items() if value is not None]
        if len(given) != 1:
            found = ", ".join(given) if given else "none"
            return EncodeError(f"a union has exactly one field set, and {struct.name} has {found}", path=path)
    for field, value in by_field.items():
        place = f"{path}.{field.name}"
        if value is not None:
            if error := find_mismatch(field.type, value, place, depth + 1):
                return error
        elif field.is_required:
            return EncodeError(f"the field is required ({field.type.text}), and not set", path=place)
    return None
