"""Pages for a terminal: of a file, of a service, of a method, of a type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from callosum.upper.thrift.idl.model import (
    Annotations,
    Const,
    Definition,
    Document,
    Enum,
    Field,
    Found,
    Function,
    ListOf,
    MapOf,
    Member,
    Program,
    Reference,
    Service,
    SetOf,
    Struct,
    Type,
    Typedef,
)
from callosum_codegen.describe.target import FoundMethod, Target
from callosum_codegen.spelling import (
    annotations_text,
    field_text,
    function_text,
    literal_text,
    throws_text,
    type_text,
)

_INDENT = "    "


def page(program: Program, target: Target) -> Iterator[str]:
    """The lines about a definition or a method."""
    match target:
        case FoundMethod():
            yield from _method_page(program, target)
        case Found(document, Service() as service):
            yield from _service_page(program, document, service)
        case Found(_, definition):
            yield from _definition_lines(definition)


def file_page(program: Program) -> Iterator[str]:
    """The lines about a file: its services with their methods, and the names of all else."""
    file = program.root
    yield click.style(file.path, bold=True)
    yield from _indented(f"namespace {one.scope} {one.name}" for one in file.namespaces)
    yield from _indented(f'include "{one.path}"' for one in file.includes)
    if all(one.doc != file.doc for one in file.definitions):  # the first doc is taken for the file's, too
        yield from _doc(file.doc, _INDENT)
    for one in file.definitions:
        if isinstance(one, Service):
            yield ""
            yield _heading(one)
            yield from _doc(_first_line(one.doc), _INDENT)
            for document, owner, function in program.functions(file, one):
                inherited = "" if owner is one else f"   of {_owner(program, document, owner)}"
                yield f"{_INDENT}{_signature(function)}{click.style(inherited, dim=True)}"
                yield from _doc(_first_line(function.doc), _INDENT * 2)
    others = [one for one in file.definitions if not isinstance(one, Service)]
    width = max((len(_title(one)) for one in others), default=0)
    if others:
        yield ""
    for one in others:
        gap = " " * (width - len(_title(one)) + 2)
        yield f"{_heading(one)}{gap}{click.style(_first_line(one.doc), fg='green')}" if one.doc else _heading(one)


def _owner(program: Program, document: Document, service: Service) -> str:
    return service.name if document is program.root else f"{document.stem}.{service.name}"


def _service_page(program: Program, document: Document, service: Service) -> Iterator[str]:
    yield _heading(service)
    yield from _doc(service.doc, _INDENT)
    for there, owner, function in program.functions(document, service):
        yield ""
        yield f"{_INDENT}{_signature(function)}"
        if owner is not service:
            yield click.style(f"{_INDENT * 2}of {_owner(program, there, owner)}", dim=True)
        yield from _doc(function.doc, _INDENT * 2)


def _method_page(program: Program, target: FoundMethod) -> Iterator[str]:
    function = target.function
    yield click.style(_signature(function), bold=True)
    yield click.style(f"{_INDENT}of {target.service.name}", dim=True)
    yield from _doc(function.doc, _INDENT)
    documented = [one for one in (*function.parameters, *function.throws) if one.doc]
    for one in documented:
        yield ""
        yield f"{_INDENT}{_field(one)}"
        yield from _doc(one.doc, _INDENT * 2)
    kinds = [one.type for one in (*function.parameters, *function.throws)]
    if function.returns is not None:
        kinds.insert(0, function.returns)
    for definition in _named(program, target.document, kinds):
        yield ""
        yield from _definition_lines(definition)


def _named(program: Program, document: Document, kinds: Iterable[Type]) -> list[Definition]:
    """The definitions that types name, each once."""
    found: dict[int, Definition] = {}
    for kind in kinds:
        for name in _names_in(kind):
            there = program.find(document, name)
            assert there is not None, "a program is checked"
            found[id(there.definition)] = there.definition
    return list(found.values())


def _names_in(kind: Type) -> Iterator[str]:
    match kind:
        case Reference():
            yield kind.name
        case ListOf() | SetOf():
            yield from _names_in(kind.element)
        case MapOf():
            yield from _names_in(kind.key)
            yield from _names_in(kind.value)
        case _:
            pass


def _definition_lines(one: Definition) -> Iterator[str]:
    yield _heading(one)
    yield from _doc(one.doc, _INDENT)
    parts: tuple[Field, ...] | tuple[Member, ...] = ()
    match one:
        case Struct():
            parts = one.fields
        case Enum():
            parts = one.members
        case _:
            pass
    for part in parts:
        yield f"{_INDENT}{_field(part) if isinstance(part, Field) else f'{part.name} = {part.value}'}"
        yield from _doc(part.doc, _INDENT * 2)


def _heading(one: Definition) -> str:
    word, _, rest = _title(one).partition(" ")
    return f"{click.style(word, fg='cyan')} {click.style(rest, bold=True)}"


def _title(one: Definition) -> str:
    return _with_annotations(_bare_title(one), one.annotations)


def _bare_title(one: Definition) -> str:
    match one:
        case Typedef():
            return f"typedef {type_text(one.type)} {one.name}"
        case Const():
            return f"const {type_text(one.type)} {one.name} = {literal_text(one.value)}"
        case Struct():
            return f"{one.kind.value} {one.name}"
        case Service():
            return f"service {one.name}{f' extends {one.extends.name}' if one.extends else ''}"
        case Enum():
            return f"enum {one.name}"


def _signature(function: Function) -> str:
    text = f"{function_text(function)} {throws_text(function)}".rstrip()
    return _with_annotations(text, function.annotations)


def _field(field: Field) -> str:
    return _with_annotations(field_text(field), field.annotations)


def _with_annotations(text: str, annotations: Annotations) -> str:
    return f"{text} {annotations_text(annotations)}".rstrip()


def _first_line(doc: str) -> str:
    return doc.partition("\n")[0]


def _doc(doc: str, indent: str) -> Iterator[str]:
    for line in doc.splitlines():
        yield click.style(f"{indent}{line}".rstrip(), fg="green")


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{_INDENT}{one}" for one in lines)
