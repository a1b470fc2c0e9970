"""What the text of one file says of types and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias, assert_never
from uuid import UUID

from callosum.upper.thrift.emit.scope import Scope, Scopes, field_names, member_names
from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.faults import Fault, IdlError
from callosum.upper.thrift.idl.model import (
    BaseType,
    Document,
    Enum,
    ListOf,
    ListValue,
    Literal,
    MapOf,
    MapValue,
    MemberValue,
    Program,
    Reference,
    SetOf,
    SetValue,
    Struct,
    StructValue,
    Type,
    Value,
)

TrueType: TypeAlias = BaseType | ListOf | SetOf | MapOf | Struct | Enum

_PYTHON: Final = {
    "bool": "bool",
    "i8": "int",
    "i16": "int",
    "i32": "int",
    "i64": "int",
    "double": "float",
    "string": "str",
    "binary": "bytes",
}
_ZEROS: Final = {
    "bool": "False",
    "i8": "0",
    "i16": "0",
    "i32": "0",
    "i64": "0",
    "double": "0.0",
    "string": '""',
    "binary": 'b""',
}
Containers: TypeAlias = ListValue | SetValue | MapValue


def _can_be(value: Value) -> bool:
    """Whether Python can have a value: what has to have a hash has one."""
    match value:
        case ListValue():
            return all(map(_can_be, value.items))
        case SetValue():
            return all(_has_hash(one) and _can_be(one) for one in value.items)
        case MapValue():
            return all(_has_hash(key) and _can_be(key) and _can_be(one) for key, one in value.items)
        case StructValue():
            return all(_can_be(one) for _, one in value.fields)
        case _:
            return True


def _has_hash(value: Value) -> bool:
    match value:
        case MapValue():
            return False
        case ListValue() | SetValue():
            return all(map(_has_hash, value.items))
        case _:
            return True


@dataclass(slots=True)
class Writer:
    """Writes in terms of one file."""

    scopes: Scopes
    document: Document
    scope: Scope = field(init=False)
    program: Program = field(init=False)

    def __post_init__(self) -> None:
        self.scope, self.program = self.scopes.of(self.document), self.scopes.program

    # --- types --------------------------------------------------------------------------------------------------------

    def annotation(self, kind: Type) -> str:
        """A type as Python annotates it, typedefs by their names."""
        match kind:
            case BaseType():
                return self._base(kind)
            case Reference():
                return self._named(kind)
            case ListOf():
                return f"{self.scope.builtin('list')}[{self.annotation(kind.element)}]"
            case SetOf():
                return f"{self.scope.builtin('set')}[{self._frozen(self.document, kind.element)}]"
            case MapOf():
                key, value = self._frozen(self.document, kind.key), self.annotation(kind.value)
                return f"{self.scope.builtin('dict')}[{key}, {value}]"

    def _base(self, kind: BaseType) -> str:
        return self.scope.use("uuid", "UUID") if kind.name == "uuid" else self.scope.builtin(_PYTHON[kind.name])

    def _named(self, kind: Reference) -> str:
        found = self.program.find(self.document, kind.name)
        assert found is not None, "a program is checked"
        return self.reach(found.document, found.definition.name)

    def _frozen(self, document: Document, kind: Type) -> str:
        """A type as an element of a set or a key of a map has it: lists are tuples, and sets are frozen."""
        where, true = self.program.true_type(document, kind)
        match true:
            case ListOf():
                return f"{self.scope.builtin('tuple')}[{self._frozen(where, true.element)}, ...]"
            case SetOf():
                return f"{self.scope.builtin('frozenset')}[{self._frozen(where, true.element)}]"
            case MapOf():
                key, value = self._frozen(where, true.key), self._frozen(where, true.value)
                return f"{self.scope.builtin('dict')}[{key}, {value}]"
            case BaseType():
                return self._base(true)
            case Struct() | Enum():
                return self.reach(where, true.name)

    def reach(self, document: Document, name: str) -> str:
        """A definition of this or another file, wherever its name may stand."""
        if document is self.document:
            return self.scope.annotation(self.scope.definitions[name])
        path = self.scopes.path(self.document, document)
        assert path is not None, "a program's names are within reach"
        return f"{path}.{self.scopes.of(document).definitions[name]}"

    def spelled(self, kind: Type) -> str:
        """A type as the runtime reads it: as in the IDL, without typedefs, with the names of Python."""
        return self._spelled(self.document, kind)

    def _spelled(self, document: Document, kind: Type) -> str:
        where, true = self.program.true_type(document, kind)
        match true:
            case BaseType():
                return true.name
            case ListOf():
                return f"list<{self._spelled(where, true.element)}>"
            case SetOf():
                return f"set<{self._spelled(where, true.element)}>"
            case MapOf():
                return f"map<{self._spelled(where, true.key)}, {self._spelled(where, true.value)}>"
            case Struct() | Enum():
                return self.reach(where, true.name)

    def true_type(self, kind: Type) -> TrueType:
        """What a type is behind its typedefs."""
        return self.program.true_type(self.document, kind)[1]

    # --- values -------------------------------------------------------------------------------------------------------

    def value(self, kind: Type, literal: Literal) -> Value:
        """What a constant or a default means.

        Raises:
            IdlError: Python cannot have it.
        """
        value = evaluate(self.program, self.document, kind, literal)
        if not _can_be(value):
            message = "in Python, no map can be an element of a set, or a key of a map: use a list, or leave it empty"
            raise IdlError([Fault(self.document.path, literal.position, message)])
        return value

    def expression(self, value: Value) -> str:
        """A value that can be changed where its type can be."""
        return self._expression(value, is_frozen=False)

    def constant(self, value: Value) -> str:
        """A value that cannot be changed, but for the fields of structs."""
        return self._expression(value, is_frozen=True)

    def _expression(self, value: Value, *, is_frozen: bool) -> str:
        match value:
            case bool() | int() | str() | bytes():
                return repr(value)
            case float():
                return repr(value) if value - value == 0 else f"{self.scope.builtin('float')}({str(value)!r})"
            case UUID():
                return f"{self.scope.use('uuid', 'UUID')}({str(value)!r})"
            case MemberValue():
                return self._member(value)
            case StructValue():
                return self._struct(value)
            case ListValue() | SetValue() | MapValue():
                return self._frozen_container(value) if is_frozen else self._container(value)
        assert_never(value)

    def _member(self, value: MemberValue) -> str:
        cls = self.reach(value.document, value.enum.name)
        if value.member is None:
            return f"{cls}({value.value})"
        return f"{cls}.{member_names(value.enum)[value.member.name]}"

    def _struct(self, value: StructValue) -> str:
        names = field_names(value.struct)
        given = ", ".join(f"{names[one.name]}={self.expression(part)}" for one, part in value.fields)
        return f"{self.reach(value.document, value.struct.name)}({given})"

    def _container(self, value: Containers) -> str:
        match value:
            case ListValue():
                return f"[{self._items(value.items, self.expression)}]"
            case SetValue() if not value.items:
                return f"{self.scope.builtin('set')}()"
            case SetValue():
                return f"{{{self._items(value.items, self.constant)}}}"
            case MapValue():
                pairs = (f"{self.constant(key)}: {self.expression(one)}" for key, one in value.items)
                return f"{{{', '.join(pairs)}}}"

    def _frozen_container(self, value: Containers) -> str:
        match value:
            case ListValue():
                items = self._items(value.items, self.constant)
                return f"({items},)" if len(value.items) == 1 else f"({items})"
            case SetValue():
                made = f"{{{self._items(value.items, self.constant)}}}" if value.items else ""
                return f"{self.scope.builtin('frozenset')}({made})"
            case MapValue():
                pairs = (f"{self.constant(key)}: {self.constant(one)}" for key, one in value.items)
                return f"{self.scope.use('types', 'MappingProxyType')}({{{', '.join(pairs)}}})"

    def _items(self, items: tuple[Value, ...], write: Callable[[Value], str]) -> str:
        return ", ".join(write(one) for one in items)

    def is_constant(self, value: Value) -> bool:
        """Whether all instances may share a default: it cannot be changed, and is there when the class is made."""
        if isinstance(value, MemberValue):
            return not self.scopes.is_circular(self.document, value.document)
        return not isinstance(value, ListValue | SetValue | MapValue | StructValue)

    def zero(self, kind: Type) -> tuple[str, str]:
        """The default of a field that is neither required nor optional: how it is given, and what."""
        match self.true_type(kind):
            case BaseType(name="uuid"):
                return "default", f"{self.scope.use('uuid', 'UUID')}(int=0)"
            case BaseType() as base:
                return "default", _ZEROS[base.name]
            case ListOf():
                return "factory", self.scope.builtin("list")
            case SetOf():
                return "factory", self.scope.builtin("set")
            case MapOf():
                return "factory", self.scope.builtin("dict")
            case Struct() | Enum():
                return "default", "None"

    # --- what must be there before ------------------------------------------------------------------------------------

    def named_in(self, kind: Type) -> Iterator[str]:
        """The definitions of this file that a type names."""
        match kind:
            case Reference():
                found = self.program.find(self.document, kind.name)
                if found is not None and found.document is self.document:
                    yield found.definition.name
            case ListOf() | SetOf():
                yield from self.named_in(kind.element)
            case MapOf():
                yield from self.named_in(kind.key)
                yield from self.named_in(kind.value)
            case BaseType():
                pass

    def classes_in(self, value: Value) -> Iterator[str]:
        """The classes of this file of which a value has instances."""
        match value:
            case MemberValue():
                if value.document is self.document:
                    yield value.enum.name
            case StructValue():
                if value.document is self.document:
                    yield value.struct.name
                for _, one in value.fields:
                    yield from self.classes_in(one)
            case ListValue() | SetValue():
                for one in value.items:
                    yield from self.classes_in(one)
            case MapValue():
                for key, one in value.items:
                    yield from self.classes_in(key)
                    yield from self.classes_in(one)
            case _:
                pass
