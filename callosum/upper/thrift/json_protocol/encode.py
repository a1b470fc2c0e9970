"""Writes the source text of encoders: values to JSON.

The laws are those of `outgoing`. What is written is what Apache's Python library writes, character by character, but
for doubles, which are as short as they can be, and for control characters, which it leaves as they are where JSON does
not allow it.

In the text, ``sep`` is what stands before the next field of a struct.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from callosum.upper.thrift.json_protocol.conversion import base64_of, key_of, quoted, token_of
from callosum.upper.thrift.json_protocol.grammar import NAMES, ScalarType, is_scalar
from callosum.upper.thrift.json_protocol.scalars import limits
from callosum.upper.thrift.mismatch import (
    Misfit,
    as_binary,
    as_bool,
    as_float,
    as_int,
    as_list,
    as_map,
    as_set,
    as_uuid,
)
from callosum.upper.thrift.outgoing import OutgoingWriter
from callosum.upper.thrift.spec import (
    BOOL,
    DOUBLE,
    EnumType,
    Field,
    ListType,
    MapType,
    NumberType,
    SetType,
    Struct,
    StructType,
    TextType,
    Type,
    UuidType,
)

_digits: Final = int.__repr__
"""Of an enum's member, too."""


class Inexpressible(Misfit):
    """JSON cannot have the value. The message says why."""


@dataclass(slots=True)
class EncoderWriter(OutgoingWriter):
    """Writes encoders into one source text."""

    sep: str = field(init=False)

    def __post_init__(self) -> None:
        OutgoingWriter.__post_init__(self)
        self.sep = f"{self.source.prefix}sep"

    def fields(self, struct: Struct, values: Sequence[str]) -> None:
        """Write all fields, whose values are these expressions, and the end of the struct."""
        names, values = self.named(struct, values)
        self.source(f"{self.sep} = '{{'")
        for one, name, value in zip(struct.fields, names, values, strict=True):
            if name != value:
                self.source(f"{name} = {value}")
            self._field(struct, one, name)
        self.source(f"{self.add}('{{}}' if {self.sep} == '{{' else '}}')")

    def _field(self, struct: Struct, one: Field, name: str) -> None:
        if one.is_required:
            self.source(f"if {name} is None: raise {self.misfit}")
            self._present(struct, one, name)
        else:
            with self.source.block(f"if {name} is not None:"):
                self._present(struct, one, name)

    def _present(self, struct: Struct, one: Field, name: str) -> None:
        before = f'{{{self.sep}}}"{one.id}":{{{{"{NAMES[one.type.wire]}":'
        self._value(one.type, name, before, "}}", 1, f"{struct.name}.{one.name}")
        self.source(f"{self.sep} = ','")

    def _write(self, text: str) -> None:
        """Append a text, in the language of f-strings."""
        self.source(f"{self.add}(f'{text}')")

    def _value(self, kind: Type, name: str, before: str, behind: str, depth: int, place: str) -> None:
        """One value; ``before`` and ``behind`` are what stands around it, ``depth`` is that below the struct's own."""
        match kind:
            case NumberType() | EnumType() | TextType() | UuidType():
                self._write(f"{before}{{{self._token(kind, name)}}}{behind}")
            case StructType():
                if before:
                    self._write(before)
                self.source(f"{self.encoders[kind.cls]}({name}, {self.add}, {self.depth} + {depth})")
                if behind:
                    self._write(behind)
            case ListType() | SetType():
                self._collection(kind, name, before, behind, depth, place)
            case MapType():
                self._map(kind, name, before, behind, depth, place)

    def _token(self, kind: ScalarType, name: str) -> str:
        """Write the checks of a value; the expression of its token."""
        match kind:
            case TextType() if kind.is_binary:
                self.source(f"if type({name}) is not bytes: {name} = {self._call(as_binary, name)}")
                return self._quoted(self._call(base64_of, name))
            case TextType():
                self.source(
                    f"if type({name}) is not str and not isinstance({name}, str): raise {self.misfit}",
                )
                return self._call(quoted, name)
            case UuidType():
                cls = self.source.constant("UUID", uuid.UUID)
                self.source(f"if type({name}) is not {cls}: {name} = {cls}(bytes={self._call(as_uuid, name)})")
                return self._quoted(name)
            case NumberType() if kind is BOOL:
                self.source(f"if type({name}) is not bool: {name} = {self._call(as_bool, name)}")
                return f"1 if {name} else 0"
            case NumberType() if kind is DOUBLE:
                self.source(f"if type({name}) is not float: {name} = float({self._call(as_float, name)})")
                return self._call(token_of, name)
            case NumberType() | EnumType():
                self._integer(kind, name)
                return name

    def _integer(self, kind: NumberType | EnumType, name: str) -> None:
        cls = f", {self.source.constant('cls', kind.cls)}" if isinstance(kind, EnumType) else ""
        low, high = limits(kind.size)
        self.source(
            f"if type({name}) is not int: {name} = int({self._call(as_int, name + cls)})",
            f"if not {low} <= {name} <= {high}: raise {self.misfit}",
        )

    def _key(self, kind: ScalarType, name: str) -> str:
        """The same for the key of a map, which is a string."""
        if isinstance(kind, NumberType) and kind is DOUBLE:
            self.source(f"if type({name}) is not float: {name} = float({self._call(as_float, name)})")
            return self._call(key_of, name)
        token = self._token(kind, name)
        return token if isinstance(kind, TextType | UuidType) else self._quoted(token)

    def _quoted(self, expression: str) -> str:
        """An expression with quotes around its text, as a part of an f-string with other ones."""
        quote = self.source.constant("Q", '"')
        return f"{quote} + {self.source.constant('str', str)}({expression}) + {quote}"

    def _call(self, function: Callable[..., object], arguments: str) -> str:
        return f"{self.source.constant(function.__name__, function)}({arguments})"

    def _collection(
        self, kind: ListType | SetType, name: str, before: str, behind: str, depth: int, place: str
    ) -> None:
        exact, convert = ("list", as_list) if isinstance(kind, ListType) else ("set", as_set)
        self.source(f"if type({name}) is not {exact}: {name} = {self._call(convert, name)}")
        element, before = kind.element, f'{before}["{NAMES[kind.element.wire]}",{{len({name})}}'
        if isinstance(element, ScalarType):
            tokens = self._call(_tokens_of(element), name)
            self._write(f"{before}{{{tokens}}}]{behind}")
            return
        self._write(before)
        item = self.source.fresh("x")
        with self.source.block(f"for {item} in {name}:"):
            self._value(element, item, ",", "", depth + 1, place)
        self._write(f"]{behind}")

    def _map(self, kind: MapType, name: str, before: str, behind: str, depth: int, place: str) -> None:
        self.source(f"if type({name}) is not dict: {name} = {self._call(as_map, name)}")
        head = f'{before}["{NAMES[kind.key.wire]}","{NAMES[kind.value.wire]}",{{len({name})}},{{{{'
        self._write(head)
        if not is_scalar(kind.key):
            message = self.source.constant("message", _refused(kind, place))
            self.source(f"if {name}: raise {self.source.constant('Inexpressible', Inexpressible)}({message})")
        else:
            self._entries(kind, name, depth, place)
        self._write(f"}}}}]{behind}")

    def _entries(self, kind: MapType, name: str, depth: int, place: str) -> None:
        assert isinstance(kind.key, ScalarType)
        key, value, comma = self.source.fresh("k"), self.source.fresh("x"), self.source.fresh("c")
        self.source(f"{comma} = ''")
        with self.source.block(f"for {key}, {value} in {name}.items():"):
            token = self._key(kind.key, key)
            self._value(kind.value, value, f"{{{comma}}}{{{token}}}:", "", depth + 1, place)
            self.source(f"{comma} = ','")


def _refused(kind: MapType, place: str) -> str:
    return (
        f"{place} is a {kind.text}, and JSON cannot have such keys: send it empty, or in another encoding, "
        "such as thrift-binary"
    )


Values = Iterable[Any]  # values of any IDL type


def _tokens_of(kind: ScalarType) -> Callable[[Values], str]:
    """What makes the tokens of all elements, each with a comma before it."""
    if isinstance(kind, TextType):
        return _binaries if kind.is_binary else _texts
    if isinstance(kind, UuidType):
        return _uuids
    if kind is BOOL:
        return _bools
    if kind is DOUBLE:
        return _doubles
    return _integers(kind)


def _after_comma(tokens: Iterable[str]) -> str:
    joined = ",".join(tokens)
    return f",{joined}" if joined else ""


def _texts(values: Values) -> str:
    if not all(isinstance(one, str) for one in values):
        raise Misfit
    return _after_comma(map(quoted, values))


def _binaries(values: Values) -> str:
    return _after_comma(f'"{base64_of(as_binary(one))}"' for one in values)


def _uuids(values: Values) -> str:
    return _after_comma(f'"{uuid.UUID(bytes=as_uuid(one))}"' for one in values)


def _bools(values: Values) -> str:
    return _after_comma("1" if as_bool(one) else "0" for one in values)


def _doubles(values: Values) -> str:
    if {float}.issuperset(map(type, values)) and all(map(math.isfinite, values)):
        return _after_comma(map(repr, values))
    return _after_comma(token_of(float(as_float(one))) for one in values)


def _integers(kind: NumberType | EnumType) -> Callable[[Values], str]:
    cls = kind.cls if isinstance(kind, EnumType) else None
    exact: set[type] = {int} if cls is None else {int, cls}
    low, high = limits(kind.size)

    def integers(values: Values) -> str:
        if not exact.issuperset(map(type, values)):
            values = [as_int(one, cls) for one in values]
        if values and not (low <= min(values) and max(values) <= high):
            raise Misfit
        return _after_comma(map(_digits, values))

    return integers
