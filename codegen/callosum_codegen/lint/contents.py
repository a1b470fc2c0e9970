"""What is in a file, in the shapes in which the checks look at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from callosum.upper.thrift.idl.model import (
    Const,
    Document,
    Enum,
    Field,
    Function,
    ListOf,
    Literal,
    MapOf,
    Mapped,
    Name,
    Sequence,
    Service,
    SetOf,
    Struct,
    Type,
    Typedef,
)


class Group(NamedTuple):
    """Fields that stand together, and whose they are."""

    owner: str
    noun: str
    """``field``, ``parameter`` or ``exception``."""
    fields: tuple[Field, ...]


def structs(document: Document) -> Iterator[Struct]:
    """Structs, unions and exceptions."""
    return (one for one in document.definitions if isinstance(one, Struct))


def enums(document: Document) -> Iterator[Enum]:
    """Enums."""
    return (one for one in document.definitions if isinstance(one, Enum))


def functions(document: Document) -> Iterator[tuple[Service, Function]]:
    """The functions of all services."""
    for one in document.definitions:
        if isinstance(one, Service):
            yield from ((one, function) for function in one.functions)


def groups(document: Document) -> Iterator[Group]:
    """All lists of fields."""
    for struct in structs(document):
        yield Group(struct.name, "field", struct.fields)
    for service, function in functions(document):
        yield Group(f"{service.name}.{function.name}", "parameter", function.parameters)
        yield Group(f"{service.name}.{function.name}", "exception", function.throws)


def types(document: Document) -> Iterator[Type]:
    """All types that are written, those inside others too."""
    for group in groups(document):
        for field in group.fields:
            yield from _inside(field.type)
    for _, function in functions(document):
        if function.returns is not None:
            yield from _inside(function.returns)
    for one in document.definitions:
        if isinstance(one, Typedef | Const):
            yield from _inside(one.type)
        elif isinstance(one, Service) and one.extends is not None:
            yield one.extends


def _inside(kind: Type) -> Iterator[Type]:
    yield kind
    match kind:
        case ListOf() | SetOf():
            yield from _inside(kind.element)
        case MapOf():
            yield from _inside(kind.key)
            yield from _inside(kind.value)
        case _:
            pass


def value_names(document: Document) -> Iterator[str]:
    """All names that stand in the place of a value."""
    for one in document.definitions:
        if isinstance(one, Const):
            yield from _names_in(one.value)
    for group in groups(document):
        for field in group.fields:
            if field.default is not None:
                yield from _names_in(field.default)


def _names_in(value: Literal) -> Iterator[str]:
    match value:
        case Name():
            yield value.name
        case Sequence():
            for item in value.items:
                yield from _names_in(item)
        case Mapped():
            for key, item in value.items:
                yield from _names_in(key)
                yield from _names_in(item)
        case _:
            pass
