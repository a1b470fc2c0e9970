"""What a .thrift file says: immutable, with the position and the doc of everything, names as the IDL has them.

A `Document` is one file as it was parsed; a `Program` is a file with all that it includes, every name known. Types and
constants are kept as they are written (`Type`, `Literal`); what they mean say `Program.true_type` and the values of
`constants.evaluate`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias
from uuid import UUID


class Position(NamedTuple):
    """Where something begins in its file, both counted from 1; a column is a character."""

    line: int
    column: int


class Annotation(NamedTuple):
    """``name = "value"`` in parentheses; the value is "1" where none is written, as Apache's compiler has it."""

    name: str
    value: str
    position: Position


Annotations: TypeAlias = tuple[Annotation, ...]


def value_of(annotations: Annotations, name: str) -> str | None:
    """The value of an annotation, or None where it is not there. The last one counts."""
    return next((one.value for one in reversed(annotations) if one.name == name), None)


# --- types, as they are written --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BaseType:
    """``bool i8 i16 i32 i64 double string binary uuid``; ``byte`` is ``i8`` here."""

    name: str
    position: Position
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A type by its name: ``Point``, or ``shared.Colour`` of an included file."""

    name: str
    position: Position
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class ListOf:
    """``list<element>``."""

    element: Type
    position: Position
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class SetOf:
    """``set<element>``."""

    element: Type
    position: Position
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class MapOf:
    """``map<key, value>``."""

    key: Type
    value: Type
    position: Position
    annotations: Annotations = ()


Type: TypeAlias = BaseType | Reference | ListOf | SetOf | MapOf


# --- constants, as they are written ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or a double, as its text reads."""

    value: int | float
    position: Position


@dataclass(frozen=True, slots=True)
class Text:
    """A string in quotes, escapes resolved."""

    value: str
    position: Position


@dataclass(frozen=True, slots=True)
class Name:
    """A name in the place of a value: ``true``, a constant, a member (``Colour.RED``), each perhaps of another file."""

    name: str
    position: Position


@dataclass(frozen=True, slots=True)
class Sequence:
    """``[a, b]``."""

    items: tuple[Literal, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Mapped:
    """``{a: b}``: a map's entries, or a struct's fields by their names."""

    items: tuple[tuple[Literal, Literal], ...]
    position: Position


Literal: TypeAlias = Number | Text | Name | Sequence | Mapped


# --- definitions -----------------------------------------------------------------------------------------------------


class Requiredness(enum.Enum):
    """Whether a field has to be there."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    DEFAULT = "default"
    """Nothing is written: it is always sent, and may be missing."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct, a parameter of a function, or an exception that it throws."""

    id: int
    """Counted down from -1 where none is written, as Apache's compiler does."""
    name: str
    type: Type
    requiredness: Requiredness
    position: Position
    default: Literal | None = None
    doc: str = ""
    annotations: Annotations = ()
    has_id: bool = True
    """Whether the id is written."""


class StructKind(enum.Enum):
    """What has fields."""

    STRUCT = "struct"
    UNION = "union"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct, union or exception."""

    kind: StructKind
    name: str
    fields: tuple[Field, ...]
    position: Position
    doc: str = ""
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an enum."""

    name: str
    value: int
    """Given, or one more than the member's before it; 0 for a first one."""
    position: Position
    doc: str = ""
    annotations: Annotations = ()
    has_value: bool = True
    """Whether the value is written."""


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum."""

    name: str
    members: tuple[Member, ...]
    position: Position
    doc: str = ""
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class Typedef:
    """Another name for a type."""

    name: str
    type: Type
    position: Position
    doc: str = ""
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class Const:
    """A constant."""

    name: str
    type: Type
    value: Literal
    position: Position
    doc: str = ""
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a service."""

    name: str
    returns: Type | None
    """None for ``void``."""
    parameters: tuple[Field, ...]
    throws: tuple[Field, ...]
    position: Position
    is_oneway: bool = False
    doc: str = ""
    annotations: Annotations = ()


@dataclass(frozen=True, slots=True)
class Service:
    """A service."""

    name: str
    functions: tuple[Function, ...]
    """Its own, without those of the service that it extends."""
    position: Position
    extends: Reference | None = None
    doc: str = ""
    annotations: Annotations = ()


Definition: TypeAlias = Struct | Enum | Typedef | Const | Service
TypeDefinition: TypeAlias = Struct | Enum | Typedef


# --- files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Namespace:
    """``namespace py a.b``."""

    scope: str
    name: str
    position: Position
    annotations: Annotations = ()


def stem_of(path: str) -> str:
    """A path's last name without its extension, whatever that is: Apache's compiler asks for none."""
    last = path.replace("\\", "/").rpartition("/")[2]
    return last.rpartition(".")[0] or last


@dataclass(frozen=True, slots=True)
class Include:
    """``include "shared.thrift"``."""

    path: str
    """As it is written."""
    position: Position

    @property
    def prefix(self) -> str:
        """The name before the dot by which its definitions are reached."""
        return stem_of(self.path)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One file as it was parsed. Two of them are equal where they are the same object."""

    path: str
    """For messages, and for people."""
    text: str
    namespaces: tuple[Namespace, ...]
    includes: tuple[Include, ...]
    definitions: tuple[Definition, ...]
    """In the order of the file."""
    doc: str = ""
    """That of the whole file."""
    real_path: Path | None = None
    """Resolved; None where the text came from no file."""
    by_name: Mapping[str, Definition] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.definitions})

    @property
    def stem(self) -> str:
        """The file's name without ``.thrift``: the prefix with which others refer to it."""
        return stem_of(self.path)

    def namespace(self, *scopes: str) -> str | None:
        """The namespace of the first of the scopes that is there."""
        found = {one.scope: one.name for one in self.namespaces}
        return next((found[scope] for scope in scopes if scope in found), None)


class Found(NamedTuple):
    """A definition and the file that has it."""

    document: Document
    definition: Definition


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A file with all that it includes, checked: every name in it is known."""

    root: Document
    documents: tuple[Document, ...]
    """All, each before those that include it where includes go in no circle; the root is the last."""
    includes: Mapping[Document, Mapping[str, Document]]
    """Of each, by prefix, in the order of the file."""
    known: dict[object, object] = field(init=False, repr=False, default_factory=dict)
    """What was found out about it and is not to be found out again; whose keys are whose is up to them."""

    def find(self, document: Document, name: str) -> Found | None:
        """What a name means in a file: ``Point``, or ``shared.Colour``. None where it means nothing."""
        own = document.by_name.get(name)
        if own is not None:
            return Found(document, own)
        prefix, _, last = name.rpartition(".")
        other = self.includes[document].get(prefix)
        theirs = None if other is None else other.by_name.get(last)
        return None if other is None or theirs is None else Found(other, theirs)

    def true_type(
        self, document: Document, kind: Type
    ) -> tuple[Document, BaseType | ListOf | SetOf | MapOf | Struct | Enum]:
        """What a type is behind its typedefs, and the file in whose terms that is written."""
        while isinstance(kind, Reference):
            found = self.find(document, kind.name)
            assert found is not None, "a program is checked"
            document, definition = found
            if isinstance(definition, Struct | Enum):
                return document, definition
            assert isinstance(definition, Typedef), "a program is checked"
            kind = definition.type
        return document, kind

    def functions(self, document: Document, service: Service) -> Iterator[tuple[Document, Service, Function]]:
        """Those of a service and of all that it extends, the farthest first, each with its file and its service."""
        if service.extends is not None:
            found = self.find(document, service.extends.name)
            assert found is not None, "a program is checked"
            assert isinstance(found.definition, Service), "a program is checked"
            yield from self.functions(found.document, found.definition)
        for one in service.functions:
            yield document, service, one


# --- values of constants and defaults, as `constants.evaluate` gives them --------------------------------------------


@dataclass(frozen=True, slots=True)
class MemberValue:
    """A member of an enum; ``member`` is None for a number that it does not have."""

    document: Document
    enum: Enum
    value: int
    member: Member | None


@dataclass(frozen=True, slots=True)
class ListValue:
    """The elements of a list."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class SetValue:
    """The elements of a set, in the order in which they are written, none twice."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class MapValue:
    """The entries of a map, in the order in which they are written, no key twice."""

    items: tuple[tuple[Value, Value], ...]


@dataclass(frozen=True, slots=True)
class StructValue:
    """The fields of a struct that are written."""

    document: Document
    struct: Struct
    fields: tuple[tuple[Field, Value], ...]


Value: TypeAlias = bool | int | float | str | bytes | UUID | MemberValue | ListValue | SetValue | MapValue | StructValue
