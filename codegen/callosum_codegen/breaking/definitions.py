"""Structs, enums, typedefs, constants and namespaces of two versions."""

from __future__ import annotations

from collections.abc import Iterator

from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.model import (
    Const,
    Definition,
    Document,
    Enum,
    Found,
    Position,
    Reference,
    Service,
    Struct,
    StructKind,
    Typedef,
)
from callosum_codegen.breaking import rules
from callosum_codegen.breaking.changes import Changes
from callosum_codegen.breaking.fields import Fields, Noun, compare_fields
from callosum_codegen.breaking.reserved import Reserved
from callosum_codegen.breaking.types import Met, Typed, differences
from callosum_codegen.breaking.values import comparable
from callosum_codegen.findings import Place
from callosum_codegen.spelling import literal_text, type_text


def compare_struct(changes: Changes, old: Found, new: Found) -> None:
    """Two structs, unions or exceptions."""
    was, now = old.definition, new.definition
    assert isinstance(was, Struct)
    assert isinstance(now, Struct)
    place = Place.of(new.document, now.position)
    if (was.kind is StructKind.UNION) != (now.kind is StructKind.UNION):
        message = f"{now.name} is {_kind(now)} now, and was {_kind(was)}: a union has exactly one field, a struct any"
        changes.add(rules.KIND_CHANGED, place, message)
    elif was.kind is not now.kind:
        message = f"{now.name} is {_kind(now)} now, and was {_kind(was)}: the same on the wire, but not in code"
        changes.add(rules.EXCEPTION_KIND_CHANGED, place, message)
    compare_fields(changes, _fields(old.document, was), _fields(new.document, now))


def _fields(document: Document, struct: Struct) -> Fields:
    noun = Noun.ARM if struct.kind is StructKind.UNION else Noun.FIELD
    place = Place.of(document, struct.position)
    return Fields(document, struct.name, noun, place, struct.fields, Reserved.of(struct.annotations))


def compare_enum(changes: Changes, old: Found, new: Found) -> None:
    """Two enums: numbers are on the wire, names are in source."""
    was, now = old.definition, new.definition
    assert isinstance(was, Enum)
    assert isinstance(now, Enum)
    numbers = {one.name: one.value for one in now.members}
    places = {one.name: Place.of(new.document, one.position) for one in now.members}
    before = {one.name for one in was.members}
    for member in was.members:
        name, value = f"{now.name}.{member.name}", member.value
        fresh = [one for one, number in numbers.items() if number == value and one not in before]
        if member.name in numbers:
            if numbers[member.name] != value:
                message = f"{name} is {numbers[member.name]} now, and was {value}: the sides take it for another member"
                changes.add(rules.ENUM_VALUE_RENUMBERED, places[member.name], message)
        elif fresh:
            message = f"{now.name}.{fresh[0]} ({value}) was called {member.name}: code that uses the name has to change"
            changes.add(rules.ENUM_VALUE_RENAMED, places[fresh[0]], message)
        elif value in numbers.values():
            message = f"{name} is gone; {value} has other names still: code that uses the name has to change"
            changes.add(rules.ENUM_VALUE_RENAMED, Place.of(new.document, now.position), message)
        else:
            message = f"{name} ({value}) is gone: who has the new file does not know what the number means"
            changes.add(rules.ENUM_VALUE_REMOVED, Place.of(new.document, now.position), message)


def compare_by_name(changes: Changes) -> None:
    """What has the same name in both versions, and what is gone: types, constants, namespaces. Services apart."""
    for was, now in changes.versions.documents.items():
        _compare_namespaces(changes, was, now)
        for one in was.definitions:
            if isinstance(one, Service):
                continue
            old = Found(was, one)
            new = changes.versions.counterpart(old)
            if new is not None and not isinstance(new.definition, Service):
                _compare_definition(changes, old, new)


def _compare_definition(changes: Changes, old: Found, new: Found) -> None:
    was, now = old.definition, new.definition
    place = Place.of(new.document, now.position)
    if changes.versions.documents.get(old.document) is not new.document:
        message = f"{now.name} was in {old.document.stem}.thrift: code has to import it from another module"
        changes.add(rules.TYPE_MOVED, place, message)
    if isinstance(was, Const) and isinstance(now, Const):
        _compare_constants(changes, old.document, was, new.document, now)
    elif isinstance(was, Const) or isinstance(now, Const):
        changes.add(rules.CONSTANT_REMOVED, place, f"{now.name} is {_kind(now)} now, and was {_kind(was)}")
    elif (isinstance(was, Struct) and isinstance(now, Struct)) or (isinstance(was, Enum) and isinstance(now, Enum)):
        changes.meet(old, new)
    else:
        _compare_typedefs(changes, old, new)


def _compare_typedefs(changes: Changes, old: Found, new: Found) -> None:
    """Two types by one name of which one at least is a typedef, or which are of different kinds."""
    was, now = old.definition, new.definition
    place = Place.of(new.document, now.position)
    if not (isinstance(was, Typedef) or isinstance(now, Typedef)):
        changes.add(rules.KIND_CHANGED, place, f"{now.name} is {_kind(now)} now, and was {_kind(was)}")
        return
    typed = [Typed(one.document, Reference(one.definition.name, Position(1, 1))) for one in (old, new)]
    for one in differences(changes.versions, *typed):
        if not isinstance(one, Met):
            message = f"{now.name} is {_meaning(now)} now, and was {_meaning(was)}: what uses it is another type now"
            changes.add(rules.TYPEDEF_CHANGED, place, message)
            return
        if changes.versions.is_same(one.old, one.new):
            changes.meet(one.old, one.new)


def _meaning(one: Definition) -> str:
    return type_text(one.type) if isinstance(one, Typedef) else _kind(one)


def _compare_constants(changes: Changes, old: Document, was: Const, new: Document, now: Const) -> None:
    place = Place.of(new, now.position)
    versions = changes.versions
    typed = Typed(old, was.type), Typed(new, now.type)
    if any(not (isinstance(one, Met) and versions.is_same(*one)) for one in differences(versions, *typed)):
        message = f"{now.name} is of type {type_text(now.type)} now, and was of type {type_text(was.type)}"
        changes.add(rules.CONSTANT_CHANGED, place, message)
        return
    before = comparable(evaluate(versions.old, old, was.type, was.value))
    after = comparable(evaluate(versions.new, new, now.type, now.value))
    if before != after:
        message = f"{now.name} is {literal_text(now.value)} now, and was {literal_text(was.value)}"
        changes.add(rules.CONSTANT_CHANGED, place, message)


def _compare_namespaces(changes: Changes, was: Document, now: Document) -> None:
    after = {one.scope: one for one in now.namespaces}
    for one in was.namespaces:
        there = after.get(one.scope)
        if there is None:
            message = f"namespace {one.scope} {one.name} is gone: code has to import another module"
            changes.add(rules.NAMESPACE_CHANGED, Place.of(now), message)
        elif there.name != one.name:
            message = f"namespace {one.scope} is {there.name} now, and was {one.name}: code has to import that"
            changes.add(rules.NAMESPACE_CHANGED, Place.of(now, there.position), message)


def say_what_is_gone(changes: Changes) -> None:
    """Types and constants that are in no file any more, and that nothing on the wire has turned into another one."""
    for now, one in _gone(changes):
        if id(one) not in changes.renamed:
            rule = rules.CONSTANT_REMOVED if isinstance(one, Const) else rules.TYPE_REMOVED
            changes.add(rule, Place.of(now), f"the {_noun(one)} {one.name} is gone: code that uses it has to change")


def _gone(changes: Changes) -> Iterator[tuple[Document, Definition]]:
    for was, now in changes.versions.documents.items():
        for one in was.definitions:
            if not isinstance(one, Service) and changes.versions.counterpart(Found(was, one)) is None:
                yield now, one


def _noun(one: Definition) -> str:
    match one:
        case Struct():
            return one.kind.value
        case Const():
            return "constant"
        case _:
            return type(one).__name__.lower()


def _kind(one: Definition) -> str:
    noun = _noun(one)
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
