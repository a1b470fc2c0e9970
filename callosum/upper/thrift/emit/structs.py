"""Writes structs, unions, exceptions and enums as classes."""

from __future__ import annotations

from typing import Final

from callosum.upper.thrift.emit.layout import call, docstring, indented
from callosum.upper.thrift.emit.scope import field_names, member_names
from callosum.upper.thrift.emit.writer import Writer
from callosum.upper.thrift.idl.model import (
    Enum,
    Field,
    Requiredness,
    Struct,
    StructKind,
    value_of,
)

FROZEN: Final = "callosum.frozen"
_BASES: Final = {StructKind.STRUCT: "Struct", StructKind.EXCEPTION: "DeclaredException"}


def enum_lines(writer: Writer, one: Enum) -> list[str]:
    """An enum."""
    names = member_names(one)
    lines = docstring(one.doc)
    lines += [""] if lines and one.members else []
    for member in one.members:
        lines += [f"{names[member.name]} = {member.value}", *docstring(member.doc)]
    head = f"class {writer.scope.definitions[one.name]}({writer.scope.runtime('Enum')}):"
    return [head, *indented(lines or ["pass"]), *_alias(writer, one.name)]


def struct_lines(writer: Writer, one: Struct, *, is_hashed: bool) -> list[str]:
    """A struct or an exception, whose required fields come first: they are the positional parameters."""
    options = ["frozen=True"] if value_of(one.annotations, FROZEN) == "true" else []
    options += ["unsafe_hash=True"] if is_hashed else []
    bases = ", ".join([writer.scope.runtime(_BASES[one.kind]), *options])
    names = field_names(one)
    needed = [field for field in one.fields if is_needed(field)]
    rest = [field for field in one.fields if not is_needed(field)]
    lines = docstring(one.doc)
    lines += [""] if lines and one.fields else []
    for field in needed:
        lines += _field(writer, field, names[field.name])
    if rest:
        lines.append(f"_: {writer.scope.runtime('KW_ONLY')}")
    for field in rest:
        lines += _field(writer, field, names[field.name])
    head = f"class {writer.scope.definitions[one.name]}({bases}):"
    return [head, *indented(lines or ["pass"]), *_alias(writer, one.name)]


def _alias(writer: Writer, name: str) -> list[str]:
    lines = writer.scope.aliased(writer.scope.definitions[name])
    return ["", "", *lines] if lines else []


def is_needed(field: Field) -> bool:
    """Whether a field has to be given."""
    return field.requiredness is Requiredness.REQUIRED and field.default is None


def _field(writer: Writer, field: Field, name: str) -> list[str]:
    annotation = writer.annotation(field.type)
    arguments = [str(field.id), f'"{writer.spelled(field.type)}"']
    declared = "required" if field.requiredness is Requiredness.REQUIRED else "field"
    if not is_needed(field):
        how, default = field_default(writer, field)
        arguments.append(f"{how}={default}")
        annotation = f"{annotation} | None" if default == "None" else annotation
    head = f"{name}: {annotation} = {writer.scope.runtime(declared)}("
    return [*call(head, arguments, ")", depth=1), *docstring(field.doc)]


def field_default(writer: Writer, field: Field) -> tuple[str, str]:
    """How the default of a field is given, and what it is."""
    if field.default is not None:
        value = writer.value(field.type, field.default)
        text = writer.expression(value)
        return ("default", text) if writer.is_constant(value) else ("factory", f"lambda: {text}")
    if field.requiredness is Requiredness.OPTIONAL:
        return "default", "None"
    return writer.zero(field.type)


def union_lines(writer: Writer, one: Struct) -> list[str]:
    """A union: its arms, and for type checkers that exactly one is given, and which names there are."""
    names = field_names(one)
    types = {names[arm.name]: writer.annotation(arm.type) for arm in one.fields}
    lines = docstring(one.doc)
    lines += [""] if lines and one.fields else []
    for arm in one.fields:
        name = names[arm.name]
        head = f"{name}: {types[name]} | None = {writer.scope.runtime('arm')}("
        lines += call(head, [str(arm.id), f'"{writer.spelled(arm.type)}"'], ")", depth=1)
        lines += docstring(arm.doc)
    if types:
        lines += ["", f"if {writer.scope.typing('TYPE_CHECKING')}:", *indented(_arms(writer, types))]
    head = f"class {writer.scope.definitions[one.name]}({writer.scope.runtime('Union')}):"
    return [head, *indented(lines or ["pass"]), *_alias(writer, one.name)]


def _arms(writer: Writer, types: dict[str, str]) -> list[str]:
    quoted = [f'"{name}"' for name in types]
    me = "self"
    while me in types:
        me = f"_{me}"
    lines = [*call(f"which: {writer.scope.typing('Literal')}[", quoted, "]", depth=2), ""]
    if len(types) == 1:
        ((name, kind),) = types.items()
        return [*lines, f"def __init__({me}, *, {name}: {kind}) -> None: ..."]
    for name, kind in types.items():
        lines += [f"@{writer.scope.typing('overload')}", f"def __init__({me}, *, {name}: {kind}) -> None: ..."]
    every = [f"{name}: {kind} | None = None" for name, kind in types.items()]
    return [*lines, *call("def __init__(", [me, "*", *every], ") -> None: ...", depth=2)]
