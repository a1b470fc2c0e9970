"""Reads thriftpy2's metadata (``thrift_spec``) into a small model of types, fields and structs.

Laws: the model is immutable, and knows Python's side only by the classes that it names. Whatever has a ``thrift_spec``
is a struct here: structs, unions, exceptions, and the arguments and results of methods.
"""

from __future__ import annotations

import enum
import keyword
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from callosum.errors import ConfigurationError

MAX_DEPTH: Final = 64
"""How deep structs and containers may be nested, the outermost struct included."""


class Wire(enum.IntEnum):
    """The types as Thrift numbers them: in metadata, and on the wire of the binary protocol."""

    BOOL = 2
    I8 = 3
    DOUBLE = 4
    I16 = 6
    I32 = 8
    I64 = 10
    STRING = 11
    STRUCT = 12
    MAP = 13
    SET = 14
    LIST = 15
    UUID = 16


_BINARY: Final = 18
"""thriftpy2's own number: what is a STRING on the wire and bytes in Python."""


_ATTRIBUTE: Final = "__callosum_struct__"


@dataclass(frozen=True, slots=True)
class NumberType:
    """A bool, an integer or a double: what has a fixed size."""

    text: str
    wire: Wire
    size: int
    letter: str
    """Its letter in a format of `struct`."""


@dataclass(frozen=True, slots=True)
class TextType:
    """A string or a binary: a length, and that many bytes."""

    text: str
    is_binary: bool
    wire: Wire = Wire.STRING


@dataclass(frozen=True, slots=True)
class UuidType:
    """A uuid: 16 bytes, the most significant one first."""

    text: str = "uuid"
    wire: Wire = Wire.UUID


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum of `load`: an open IntEnum. The enums of raw thriftpy2 modules are integers, I32 here."""

    cls: type[enum.IntEnum]
    wire: Wire = Wire.I32
    size: int = 4
    letter: str = "i"

    @property
    def text(self) -> str:
        """As the IDL spells it."""
        return self.cls.__name__


@dataclass(frozen=True, slots=True)
class StructType:
    """A struct, a union or an exception."""

    cls: type
    wire: Wire = Wire.STRUCT

    @property
    def text(self) -> str:
        """As the IDL spells it."""
        return self.cls.__name__


@dataclass(frozen=True, slots=True)
class ListType:
    """A list."""

    element: Type
    wire: Wire = Wire.LIST

    @property
    def text(self) -> str:
        """As the IDL spells it."""
        return f"list<{self.element.text}>"


@dataclass(frozen=True, slots=True)
class SetType:
    """A set."""

    element: Type
    wire: Wire = Wire.SET

    @property
    def text(self) -> str:
        """As the IDL spells it."""
        return f"set<{self.element.text}>"


@dataclass(frozen=True, slots=True)
class MapType:
    """A map."""

    key: Type
    value: Type
    wire: Wire = Wire.MAP

    @property
    def text(self) -> str:
        """As the IDL spells it."""
        return f"map<{self.key.text}, {self.value.text}>"


Type: TypeAlias = NumberType | TextType | UuidType | EnumType | StructType | ListType | SetType | MapType
FixedType: TypeAlias = NumberType | EnumType
"""What has a fixed size on the wire."""

BOOL: Final = NumberType("bool", Wire.BOOL, 1, "?")
I8: Final = NumberType("i8", Wire.I8, 1, "b")
I16: Final = NumberType("i16", Wire.I16, 2, "h")
I32: Final = NumberType("i32", Wire.I32, 4, "i")
I64: Final = NumberType("i64", Wire.I64, 8, "q")
DOUBLE: Final = NumberType("double", Wire.DOUBLE, 8, "d")
STRING: Final = TextType("string", is_binary=False)
BINARY: Final = TextType("binary", is_binary=True)
UUID: Final = UuidType()

_SIMPLE: Final[dict[int, Type]] = {
    Wire.BOOL: BOOL,
    Wire.I8: I8,
    Wire.DOUBLE: DOUBLE,
    Wire.I16: I16,
    Wire.I32: I32,
    Wire.I64: I64,
    Wire.STRING: STRING,
    Wire.UUID: UUID,
    _BINARY: BINARY,
}

SIMPLE_TYPES: Final[dict[str, Type]] = {one.text: one for one in _SIMPLE.values()} | {"byte": I8}
"""By their names in an IDL."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a struct."""

    id: int
    name: str
    type: Type
    is_required: bool
    default: Any = None  # a value of any IDL type
    """None where there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Struct:
    """What has a ``thrift_spec``."""

    cls: type
    name: str
    fields: tuple[Field, ...]
    is_union: bool = False
    is_frozen: bool = False
    """Whether its instances refuse assignments."""


def is_mutable(default: object) -> bool:
    """Whether each instance needs a default of its own."""
    return not isinstance(default, bool | int | float | str | bytes | uuid.UUID | None)


def struct_of(cls: type) -> Struct:
    """The model of a class with a ``thrift_spec``. The same object each time.

    Raises:
        ConfigurationError: The metadata is not what thriftpy2 makes of a sound IDL.
    """
    known: Struct | None = cls.__dict__.get(_ATTRIBUTE)
    if known is None:
        known = _read_struct(cls)
        setattr(cls, _ATTRIBUTE, known)
    return known


def _read_struct(cls: type) -> Struct:
    specs: object = getattr(cls, "thrift_spec", None)
    if not isinstance(specs, dict):
        raise ConfigurationError(
            f"{cls!r} has no thrift_spec: give a struct, union or exception of a Thrift module, "
            "for example of thrift.load('echo.thrift')"
        )
    is_union = _is_union(cls)
    defaults: dict[str, Any] = {} if is_union else dict(getattr(cls, "default_spec", ()))  # values of any IDL type
    fields: dict[str, Field] = {}
    for ident, spec in specs.items():
        one = _field(cls, ident, spec, defaults, can_be_required=not is_union)
        if one.name in fields:
            raise ConfigurationError(f"{cls.__name__}: two fields are called {one.name}: rename one of them")
        fields[one.name] = one
    return Struct(cls, cls.__name__, tuple(fields.values()), is_union, getattr(cls, "__thrift_frozen__", False))


def _field(cls: type, ident: object, spec: object, defaults: dict[str, Any], *, can_be_required: bool) -> Field:
    match spec:
        case (int(number), str(name), required):
            detail = None
        case (int(number), str(name), detail, required):
            pass
        case _:
            raise ConfigurationError(f"{cls.__name__}: {spec!r} is no field as thriftpy2 writes them")
    if not isinstance(ident, int) or not -(2**15) <= ident < 2**15:
        raise ConfigurationError(f"{cls.__name__}.{name}: the field's id is {ident!r}: ids are from 1 to 32767")
    if not name.isidentifier() or keyword.iskeyword(name) or (name[:2] == name[-2:] == "__" and name.strip("_")):
        raise ConfigurationError(f"{cls.__name__}: a field is called {name!r}, which Python cannot name: rename it")
    kind = type_of(number, detail, f"{cls.__name__}.{name}")
    return Field(ident, name, kind, bool(required) and can_be_required, defaults.get(name))


def type_of(number: int, detail: object, place: str) -> Type:
    """A type as thriftpy2 writes it: a number, and what it needs besides."""
    if number == Wire.I32 and isinstance(detail, type) and issubclass(detail, enum.IntEnum):
        return EnumType(detail)
    if number in _SIMPLE:
        return _SIMPLE[number]
    match number, detail:
        case Wire.STRUCT, type() as cls if hasattr(cls, "thrift_spec"):
            return StructType(cls)
        case Wire.LIST, _:
            return ListType(_element(detail, place))
        case Wire.SET, _:
            return SetType(_element(detail, place))
        case Wire.MAP, (key, value):
            return MapType(_element(key, place), _element(value, place))
    raise ConfigurationError(
        f"{place}: its type was not found when the file was read ({number!r}, {detail!r}): thriftpy2 loses some types "
        "that are used before they are defined. Load the file with callosum.upper.thrift.load, or define the type first"
    )


def _element(spec: object, place: str) -> Type:
    match spec:
        case int(number):
            return type_of(number, None, place)
        case (int(number), detail):
            return type_of(number, detail, place)
    raise ConfigurationError(f"{place}: {spec!r} is no type as thriftpy2 writes them")


def _is_union(cls: type) -> bool:
    """Whether the metadata says so. A raw thriftpy2 module says it where the module can be found by its name."""
    marked: object = cls.__dict__.get("__thrift_union__")
    if marked is not None:
        return marked is True
    meta: object = getattr(sys.modules.get(cls.__module__), "__thrift_meta__", None)
    unions: object = meta.get("unions", ()) if isinstance(meta, dict) else ()
    return isinstance(unions, list) and any(union is cls for union in unions)


def inner_types(kind: Type) -> Iterator[Type]:
    """The type itself and all that it is made of, but not the fields of structs."""
    yield kind
    match kind:
        case ListType() | SetType():
            yield from inner_types(kind.element)
        case MapType():
            yield from inner_types(kind.key)
            yield from inner_types(kind.value)
        case _:
            pass


def reachable(root: Struct) -> dict[type, Struct]:
    """All structs that a value of the struct can hold, itself included, by their classes."""
    found: dict[type, Struct] = {root.cls: root}
    waiting = [root]
    while waiting:
        for one in waiting.pop().fields:
            for kind in inner_types(one.type):
                if isinstance(kind, StructType) and kind.cls not in found:
                    found[kind.cls] = struct_of(kind.cls)
                    waiting.append(found[kind.cls])
    return found


def recursive(structs: dict[type, Struct]) -> set[type]:
    """Those whose values can hold values of their own type."""
    return {cls for cls, struct in structs.items() if _reaches_itself(cls, struct, structs)}


def _reaches_itself(cls: type, struct: Struct, structs: dict[type, Struct]) -> bool:
    seen: set[type] = set()
    waiting = [struct]
    while waiting:
        for one in waiting.pop().fields:
            for kind in inner_types(one.type):
                if not isinstance(kind, StructType) or kind.cls in seen:
                    continue
                if kind.cls is cls:
                    return True
                seen.add(kind.cls)
                waiting.append(structs[kind.cls] if kind.cls in structs else struct_of(kind.cls))
    return False
