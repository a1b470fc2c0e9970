"""Services of two versions. A service is known by its name on the wire, in whatever file it is."""

from __future__ import annotations

from typing import NamedTuple

from callosum.upper.thrift.idl.model import Document, Field, Found, Function, Program, Service, value_of
from callosum_codegen.breaking import rules
from callosum_codegen.breaking.changes import Changes, Use
from callosum_codegen.breaking.fields import Fields, Noun, compare_fields
from callosum_codegen.breaking.types import Met, Typed, are_alike, compare_types, differences
from callosum_codegen.findings import Place
from callosum_codegen.spelling import caller_streams, listed, stream_mode, type_text


class Served(NamedTuple):
    """A service, and the file that has it."""

    document: Document
    service: Service

    @property
    def wire_name(self) -> str:
        """Its name on the wire."""
        return value_of(self.service.annotations, "callosum.name") or self.service.name


class Method(NamedTuple):
    """A function, the file that has it, and how it is called in messages."""

    document: Document
    function: Function
    name: str


def compare_services(changes: Changes) -> None:
    """Say what has changed in the services of all files that are in both versions."""
    versions = changes.versions
    now = {one.wire_name: one for one in _services(versions.new)}
    for one in _services(versions.old):
        if one.document not in versions.documents:
            continue
        there = now.get(one.wire_name) or _renamed_on_wire(changes, one)
        if there is None:
            message = f"the service {one.wire_name} is gone: calls of its methods are refused"
            changes.add(rules.SERVICE_REMOVED, Place.of(versions.documents[one.document]), message)
        else:
            _compare_service(changes, one, there)


def _services(program: Program) -> list[Served]:
    return [
        Served(document, one)
        for document in program.documents
        for one in document.definitions
        if isinstance(one, Service)
    ]


def _renamed_on_wire(changes: Changes, old: Served) -> Served | None:
    """The service that has the name in the file still, and another one on the wire."""
    found = changes.versions.counterpart(Found(old.document, old.service))
    if found is None or not isinstance(found.definition, Service):
        return None
    new = Served(found.document, found.definition)
    changes.add(
        rules.SERVICE_NAME_CHANGED,
        Place.of(new.document, new.service.position),
        f"the service {old.service.name} is called {new.wire_name} on the wire now, and was called {old.wire_name}: "
        f'calls by the old name are refused: write (callosum.name = "{old.wire_name}") behind it',
    )
    return new


def _compare_service(changes: Changes, old: Served, new: Served) -> None:
    place = Place.of(new.document, new.service.position)
    if old.wire_name == new.wire_name and old.service.name != new.service.name:
        message = f"the service {new.service.name} was called {old.service.name}: code that uses the name has to change"
        changes.add(rules.SERVICE_RENAMED, place, message)
    after = {one.wire_name for one in _extended(changes.versions.new, new)}
    gone = [one.wire_name for one in _extended(changes.versions.old, old) if one.wire_name not in after]
    if gone:
        message = f"{new.service.name} no longer extends {listed(gone)}: who serves it no longer answers for that"
        changes.add(rules.EXTENDS_CHANGED, place, message)
    functions = {one.name: (document, one) for document, _, one in changes.versions.new.functions(*new)}
    for document, owner, was in changes.versions.old.functions(*old):
        if owner is not old.service and Served(document, owner).wire_name in after:
            continue  # it is said of the service that has it
        name = f"{new.service.name}.{was.name}"
        if was.name not in functions:
            message = f"{name} is gone: calls of it are refused: keep it, its handler may raise an error"
            changes.add(rules.METHOD_REMOVED, place, message)
        else:
            _compare_method(changes, Method(document, was, name), Method(*functions[was.name], name))


def _extended(program: Program, served: Served) -> list[Served]:
    """The services that a service extends, the nearest first."""
    found: list[Served] = []
    document, service = served
    while service.extends is not None:
        there = program.find(document, service.extends.name)
        assert there is not None, "a program is checked"
        assert isinstance(there.definition, Service), "a program is checked"
        document, service = there.document, there.definition
        found.append(Served(document, service))
    return found


def _compare_method(changes: Changes, old: Method, new: Method) -> None:
    was, now = old.function, new.function
    place = Place.of(new.document, now.position)
    if was.is_oneway != now.is_oneway:
        became = "oneway now" if now.is_oneway else "no longer oneway"
        message = f"{new.name} is {became}: one side waits for an answer that the other does not send"
        changes.add(rules.ONEWAY_CHANGED, place, message)
    _compare_streams(changes, old, new)
    _compare_returns(changes, old, new)
    compare_fields(changes, _parameters(old), _parameters(new))
    _compare_throws(changes, old, new)


def _parameters(method: Method) -> Fields:
    place = Place.of(method.document, method.function.position)
    return Fields(method.document, method.name, Noun.PARAMETER, place, method.function.parameters)


def _compare_streams(changes: Changes, old: Method, new: Method) -> None:
    was, now = _streams(old.function), _streams(new.function)
    if was != now:
        message = f"{new.name} streams {now} now, and {was} before: the sides do not understand each other"
        changes.add(rules.STREAM_CHANGED, Place.of(new.document, new.function.position), message)


def _streams(function: Function) -> str:
    mode = stream_mode(function)
    into = [str(one.id) for one in caller_streams(function)]
    return (f'"{mode}"' if mode else "nothing") + (f" (parameter {', '.join(into)})" if into else "")


def _compare_returns(changes: Changes, old: Method, new: Method) -> None:
    was, now = old.function.returns, new.function.returns
    place = Place.of(new.document, new.function.position)
    if was is not None and now is not None:
        use = Use(f"what {new.name} returns", place, rules.RETURN_TYPE_CHANGED)
        compare_types(changes, Typed(old.document, was), Typed(new.document, now), use)
    elif was is not now:
        message = f"what {new.name} returns is {type_text(now)} now, and was {type_text(was)}"
        changes.add(rules.RETURN_TYPE_CHANGED, place, f"{message}: one side waits for a value that is not sent")


def _compare_throws(changes: Changes, old: Method, new: Method) -> None:
    was = {one.id: one for one in old.function.throws}
    now = {one.id: one for one in new.function.throws}
    place = Place.of(new.document, new.function.position)
    for ident, one in was.items():
        there = now.get(ident)
        if there is None:
            message = f"{new.name} no longer throws {type_text(one.type)} (id {ident}): it arrives as another error"
            changes.add(rules.EXCEPTION_REMOVED, place, f"{message} where one side has the other file")
        else:
            _compare_exceptions(changes, old, new, one, there)
    for ident, one in now.items():
        if ident not in was:
            message = f"{new.name} throws {type_text(one.type)} (id {ident}) now: who has the old file cannot read it"
            changes.add(rules.EXCEPTION_ADDED, Place.of(new.document, one.position), message)


def _compare_exceptions(changes: Changes, old: Method, new: Method, was: Field, now: Field) -> None:
    typed = Typed(old.document, was.type), Typed(new.document, now.type)
    if are_alike(changes.versions, *typed):
        for one in differences(changes.versions, *typed):
            assert isinstance(one, Met), "exceptions are structs"
            changes.meet(*one)
        return
    changes.add(
        rules.EXCEPTION_CHANGED,
        Place.of(new.document, now.position),
        f"{new.name} throws {type_text(now.type)} under the id {now.id}, which was that of {type_text(was.type)}: one "
        "is taken for the other: give it an id of its own",
    )
