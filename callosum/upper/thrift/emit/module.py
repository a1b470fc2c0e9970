"""Writes a whole module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import assert_never

from callosum.upper.thrift.emit.layout import WIDTH, call, docstring, text_literal
from callosum.upper.thrift.emit.scope import Scopes
from callosum.upper.thrift.emit.services import service_lines
from callosum.upper.thrift.emit.structs import enum_lines, struct_lines, union_lines
from callosum.upper.thrift.emit.writer import Writer
from callosum.upper.thrift.idl.model import (
    BaseType,
    Const,
    Definition,
    Document,
    Enum,
    Field,
    ListOf,
    ListValue,
    MapOf,
    MapValue,
    Program,
    Reference,
    Requiredness,
    Service,
    SetOf,
    SetValue,
    Struct,
    StructKind,
    StructValue,
    Type,
    Typedef,
    Value,
    stem_of,
)

ImportLine = Callable[[Document, str], str]
"""The line by which a module imports that of an included file, under a name."""


def emit(program: Program, document: Document, import_line: ImportLine) -> str:
    """The source of a file's module.

    Args:
        program: The file, or what includes it.
        document: The file.
        import_line: Says how the modules of the files that it includes are imported.

    Raises:
        IdlError: A constant or a default does not fit its type.
    """
    writer = Writer(Scopes(program), document)
    body: list[str] = []
    for lines in _definitions(writer):
        body += ["", "", *lines]
    head = [f"# Written by callosum-gen from {_file_name(document)}: change that, and not this.", "# ruff: noqa"]
    head += [*docstring(document.doc), "from __future__ import annotations"]
    late = _source(writer)
    imports = [*writer.scope.import_lines(), *_includes(writer, import_line)]
    if imports:
        head += ["", *imports]
    exported = [f'"{name}"' for name in writer.scope.public()]
    head += ["", *call("__all__ = [", exported, "]")]
    return "\n".join([*head, *body, *late, ""])


def _file_name(document: Document) -> str:
    return document.path.replace("\\", "/").rpartition("/")[2]


def _includes(writer: Writer, import_line: ImportLine) -> list[str]:
    lines: list[str] = []
    for prefix, included in writer.program.includes[writer.document].items():
        name = writer.scope.prefixes[prefix]
        lines += [import_line(included, name), *writer.scope.aliased(name)]
    return ["", *lines] if lines else []


def _source(writer: Writer) -> list[str]:
    """The text of the file, which a server with reflection shows, and where the included ones are."""
    document, program = writer.document, writer.program
    by_path = {
        one.path: writer.scope.prefixes[one.prefix]
        for one in document.includes
        if one.prefix in program.includes[document]
    }
    listed = ", ".join(f"{path!r}: {name}" for path, name in by_path.items())
    lines = [f"__thrift_file__ = {_file_name(document)!r}"]
    if listed:  # an empty one would need a type
        lines.append(f"__thrift_includes__ = {{{listed}}}")
    return ["", "", *lines, f"__thrift_idl__ = {text_literal(document.text)}"]


def _definitions(writer: Writer) -> Iterator[list[str]]:
    hashed = set(_hashed(writer))
    for one in _ordered(writer):
        yield _lines(writer, one, hashed)


def _lines(writer: Writer, one: Definition, hashed: set[str]) -> list[str]:
    match one:
        case Enum():
            return enum_lines(writer, one)
        case Struct(kind=StructKind.UNION):
            return union_lines(writer, one)
        case Struct():
            return struct_lines(writer, one, is_hashed=one.name in hashed)
        case Typedef():
            return _typedef(writer, one)
        case Const():
            return _const(writer, one)
        case Service():
            return service_lines(writer, one)
    assert_never(one)


def _typedef(writer: Writer, one: Typedef) -> list[str]:
    name, kind = writer.scope.definitions[one.name], writer.annotation(one.type)
    if _is_beyond_a_circle(writer, one.type):
        kind = f'"{kind}"'
    lines = [f"{name}: {writer.scope.typing('TypeAlias')} = {kind}", *docstring(one.doc)]
    return [*lines, *writer.scope.aliased(name)]


def _is_beyond_a_circle(writer: Writer, kind: Type) -> bool:
    """Whether a type names one of a module that may not be there yet."""
    match kind:
        case Reference():
            found = writer.program.find(writer.document, kind.name)
            return found is not None and writer.scopes.is_circular(writer.document, found.document)
        case ListOf() | SetOf():
            return _is_beyond_a_circle(writer, kind.element)
        case MapOf():
            return _is_beyond_a_circle(writer, kind.key) or _is_beyond_a_circle(writer, kind.value)
        case BaseType():
            return False


def _const(writer: Writer, one: Const) -> list[str]:
    name, value = writer.scope.definitions[one.name], writer.value(one.type, one.value)
    head = f"{name}: {writer.scope.typing('Final')}"
    kind = _constant_type(writer, one.type, value)
    text = writer.constant(value)
    line = f"{head}[{kind}] = {text}" if kind else f"{head} = {text}"
    if len(line) > WIDTH and isinstance(value, ListValue | SetValue | MapValue):
        return [*_long_constant(writer, f"{head}[{kind}] = ", value), *docstring(one.doc), *writer.scope.aliased(name)]
    return [line, *docstring(one.doc), *writer.scope.aliased(name)]


def _long_constant(writer: Writer, head: str, value: ListValue | SetValue | MapValue) -> list[str]:
    """One element a line."""
    match value:
        case ListValue():
            return call(f"{head}(", [writer.constant(one) for one in value.items], ")")
        case SetValue():
            made = f"{head}{writer.scope.builtin('frozenset')}({{"
            return call(made, [writer.constant(one) for one in value.items], "})")
        case MapValue():
            pairs = [f"{writer.constant(key)}: {writer.constant(one)}" for key, one in value.items]
            return call(f"{head}{writer.scope.use('types', 'MappingProxyType')}({{", pairs, "})")


def _constant_type(writer: Writer, kind: Type, value: Value) -> str:
    """The type of a constant, where that is not what its value says by itself."""
    if not isinstance(value, ListValue | SetValue | MapValue):
        return "" if isinstance(value, StructValue) else writer.annotation(kind)
    where, true = writer.program.true_type(writer.document, kind)
    return _frozen_type(Writer(writer.scopes, where) if where is not writer.document else writer, writer, true)


def _frozen_type(inner: Writer, writer: Writer, kind: object) -> str:
    """The type of what cannot be changed. Names are those of ``writer``, the terms those of ``inner``."""
    match kind:
        case ListOf():
            return f"{writer.scope.builtin('tuple')}[{_frozen_part(inner, writer, kind.element)}, ...]"
        case SetOf():
            return f"{writer.scope.builtin('frozenset')}[{_frozen_part(inner, writer, kind.element)}]"
        case MapOf():
            key, value = _frozen_part(inner, writer, kind.key), _frozen_part(inner, writer, kind.value)
            return f"{writer.scope.use('collections.abc', 'Mapping')}[{key}, {value}]"
        case BaseType():
            return writer.annotation(kind)
        case Struct() | Enum():
            return writer.reach(inner.document, kind.name)
    raise AssertionError(kind)


def _frozen_part(inner: Writer, writer: Writer, kind: Type) -> str:
    where, true = inner.program.true_type(inner.document, kind)
    return _frozen_type(inner if where is inner.document else Writer(writer.scopes, where), writer, true)


# --- the order ------------------------------------------------------------------------------------------------------


def _ordered(writer: Writer) -> list[Definition]:
    """The definitions in the order of the file, each behind what must be there before; constants of structs last."""
    definitions = writer.document.definitions
    by_name = writer.document.by_name
    done: dict[str, Definition] = {}
    late = [one for one in definitions if isinstance(one, Const) and _has_struct(writer, one)]

    def visit(one: Definition) -> None:
        if one.name in done:
            return
        for name in _needed_by(writer, one):
            visit(by_name[name])
        done[one.name] = one

    for one in definitions:
        if one not in late:
            visit(one)
    for one in late:
        visit(one)
    return list(done.values())


def _has_struct(writer: Writer, one: Const) -> bool:
    def has(value: Value) -> bool:
        match value:
            case StructValue():
                return True
            case ListValue() | SetValue():
                return any(map(has, value.items))
            case MapValue():
                return any(has(key) or has(part) for key, part in value.items)
            case _:
                return False

    return has(writer.value(one.type, one.value))


def _needed_by(writer: Writer, one: Definition) -> Iterator[str]:
    """The definitions of this file that must be there before one."""
    match one:
        case Typedef():
            yield from writer.named_in(one.type)
        case Const():
            yield from writer.classes_in(writer.value(one.type, one.value))
        case Struct():
            for field in one.fields:
                yield from _needed_by_default(writer, field)
        case Service():
            if one.extends is not None:
                yield from writer.named_in(one.extends)
            for function in one.functions:
                for parameter in function.parameters:
                    if parameter.default is not None:
                        yield from writer.classes_in(writer.value(parameter.type, parameter.default))
        case Enum():
            pass


def _needed_by_default(writer: Writer, field: Field) -> Iterator[str]:
    if field.default is not None:
        value = writer.value(field.type, field.default)
        if writer.is_constant(value):
            yield from writer.classes_in(value)


def _hashed(writer: Writer) -> Iterator[str]:
    """The structs of this file that are elements of sets, or keys of maps, somewhere in it."""
    for kind in _types(writer.document):
        yield from _hashed_in(writer, kind)


def _hashed_in(writer: Writer, kind: Type) -> Iterator[str]:
    match kind:
        case ListOf():
            yield from _hashed_in(writer, kind.element)
        case SetOf():
            yield from _structs_in(writer, kind.element)
        case MapOf():
            yield from _structs_in(writer, kind.key)
            yield from _hashed_in(writer, kind.value)
        case _:
            pass


def _structs_in(writer: Writer, kind: Type) -> Iterator[str]:
    where, true = writer.program.true_type(writer.document, kind)
    inner = writer if where is writer.document else Writer(writer.scopes, where)
    match true:
        case Struct() if where is writer.document:
            yield true.name
        case ListOf() | SetOf():
            yield from _structs_in(inner, true.element)
        case _:
            pass


def _types(document: Document) -> Iterator[Type]:
    for one in document.definitions:
        match one:
            case Struct():
                yield from (field.type for field in one.fields)
            case Typedef() | Const():
                yield one.type
            case Service():
                for function in one.functions:
                    yield from (field.type for field in function.parameters)
                    if function.returns is not None:
                        yield function.returns
            case Enum():
                pass


__all__ = ["ImportLine", "Requiredness", "emit", "stem_of"]
