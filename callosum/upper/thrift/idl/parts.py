"""Checks of definitions that need nothing but the definition: names and ids twice, and what may not be where it is."""

from __future__ import annotations

from collections.abc import Iterable

from callosum.upper.thrift.idl.faults import Faults
from callosum.upper.thrift.idl.model import (
    Definition,
    Document,
    Enum,
    Field,
    Function,
    Member,
    Requiredness,
    Service,
    Struct,
    StructKind,
)


def check_parts(document: Document, one: Definition, faults: Faults) -> None:
    """Check the fields, members or functions of a definition."""
    if isinstance(one, Struct):
        _check_fields(document, one.fields, f"{one.kind.value} {one.name}", faults)
        if one.kind is StructKind.UNION:
            _check_union(document, one, faults)
    elif isinstance(one, Service):
        _check_names(document, one.functions, f"service {one.name}", faults)
        for function in one.functions:
            _check_function(document, function, faults)
    elif isinstance(one, Enum):
        _check_names(document, one.members, f"enum {one.name}", faults)


def _check_names(document: Document, parts: Iterable[Member | Function], of: str, faults: Faults) -> None:
    seen: dict[str, Member | Function] = {}
    for part in parts:
        other = seen.setdefault(part.name, part)
        if other is not part:
            _twice(document, part, other.position.line, of, faults)


def _twice(document: Document, part: Field | Member | Function, line: int, of: str, faults: Faults) -> None:
    message = f"{of} has {part.name} in line {line} already: take another name"
    faults.add(document, part.position, message)


def _check_fields(document: Document, fields: tuple[Field, ...], of: str, faults: Faults) -> None:
    names: dict[str, Field] = {}
    ids: dict[int, Field] = {}
    free = max((0, *(one.id for one in fields))) + 1
    for one in fields:
        other = names.setdefault(one.name, one)
        if other is not one:
            _twice(document, one, other.position.line, of, faults)
        other = ids.setdefault(one.id, one)
        if other is not one:
            message = f"the id {one.id} is that of {other.name} in line {other.position.line}: {free} is free"
            faults.add(document, one.position, message)
            free += 1


def _check_union(document: Document, union: Struct, faults: Faults) -> None:
    for one in union.fields:
        if one.requiredness is Requiredness.REQUIRED:
            message = f"{one.name} is a field of a union, which has one of them at a time: leave out required"
            faults.add(document, one.position, message)
        if one.default is not None:
            message = f"{one.name} is a field of a union, which has the one that was set: leave out the default"
            faults.add(document, one.position, message)


def _check_function(document: Document, one: Function, faults: Faults) -> None:
    if one.parameters:
        _check_fields(document, one.parameters, f"function {one.name}", faults)
    if one.throws:
        _check_fields(document, one.throws, f"the exceptions of {one.name}", faults)
        for thrown in one.throws:
            if thrown.id == 0:
                message = f"the id 0 is that of the result of {one.name}: give the exception an id from 1 on"
                faults.add(document, thrown.position, message)
    if one.is_oneway and one.returns is not None:
        message = f"{one.name} is oneway, so nothing can come back: let it return void, or leave out oneway"
        faults.add(document, one.position, message)
    if one.is_oneway and one.throws:
        message = f"{one.name} is oneway, so no exception can come back: leave out throws, or oneway"
        faults.add(document, one.position, message)
