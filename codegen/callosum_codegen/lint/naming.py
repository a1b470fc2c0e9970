"""Names: of modules, types, constants, fields and methods."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from callosum.upper.thrift.emit import module_paths
from callosum.upper.thrift.idl.model import (
    Const,
    Definition,
    Document,
    Enum,
    Field,
    Function,
    Member,
    Position,
    Program,
    Service,
    Struct,
    StructKind,
)
from callosum.upper.thrift.naming import (
    EXCEPTIONS_RESERVED,
    FIELDS_RESERVED,
    MEMBERS_RESERVED,
    PARAMETERS_RESERVED,
    STUBS_RESERVED,
    UNIONS_RESERVED,
    python_name,
)
from callosum_codegen.findings import Finding, Place
from callosum_codegen.lint import rules
from callosum_codegen.lint.contents import enums, functions, groups, structs

Named: TypeAlias = tuple[str, Position]

_RESERVED = {
    StructKind.STRUCT: FIELDS_RESERVED,
    StructKind.UNION: UNIONS_RESERVED,
    StructKind.EXCEPTION: EXCEPTIONS_RESERVED,
}
_CAP_WORDS = re.compile(r"[A-Z][A-Za-z0-9]*")
_UPPER_CASE = re.compile(r"[A-Z][A-Z0-9_]*")
_SNAKE_CASE = re.compile(r"[a-z_][a-z0-9_]*")


def check_module(program: Program) -> Iterator[Finding]:
    """The name of the module that is generated."""
    file = program.root
    module = ".".join(module_paths([file])[file])
    named = next((one for scope in ("py", "*") for one in file.namespaces if one.scope == scope), None)
    if named is None:
        message = f"there is no namespace: the module is called {module}, as the file is: write `namespace py {module}`"
        yield Finding(rules.NAMESPACE_MISSING, Place.of(file), message)
    elif named.name != module:
        message = f"the module is called {module}: {named.name} cannot be imported in Python: write `namespace py ...`"
        yield Finding(rules.MODULE_NAME, Place.of(file, named.position), message)


def check_styles(program: Program) -> Iterator[Finding]:
    """CapWords, UPPER_CASE, snake_case."""
    file = program.root
    for one in file.definitions:
        if isinstance(one, Struct | Enum | Service) and not _CAP_WORDS.fullmatch(one.name):
            message = f"{one.name} is a type: call it {_cap_words(one.name)}"
            yield Finding(rules.TYPE_NAME, Place.of(file, one.position), message)
        if isinstance(one, Const) and not _UPPER_CASE.fullmatch(one.name):
            message = f"{one.name} is a constant: call it {_snake_case(one.name).upper()}"
            yield Finding(rules.CONSTANT_NAME, Place.of(file, one.position), message)
    for enum in enums(file):
        for member in enum.members:
            if not _UPPER_CASE.fullmatch(member.name):
                message = (
                    f"{enum.name}.{member.name} is a member of an enum: call it {_snake_case(member.name).upper()}"
                )
                yield Finding(rules.CONSTANT_NAME, Place.of(file, member.position), message)
    for noun, (name, position) in _attributes(file):
        if not _SNAKE_CASE.fullmatch(name):
            message = f"the {noun} {name} is not in snake_case: call it {_snake_case(name)}"
            yield Finding(rules.SNAKE_CASE, Place.of(file, position), message)


def _cap_words(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _attributes(file: Document) -> Iterator[tuple[str, Named]]:
    for group in groups(file):
        if group.noun != "exception":
            yield from ((group.noun, (one.name, one.position)) for one in group.fields)
    for _, function in functions(file):
        yield "method", (function.name, function.position)


def check_python(program: Program) -> Iterator[Finding]:
    """Names that are other ones in Python, or that hide a builtin there."""
    file = program.root
    for noun, one, reserved in _named(file):
        name = python_name(one.name, reserved)
        if name != one.name:
            message = f"the {noun} {one.name} is called {name} in Python, which has a use for {one.name}: "
            yield Finding(rules.PYTHON_NAME, Place.of(file, one.position), f"{message}call it something else")
        elif noun == "definition" and hasattr(builtins, one.name):
            message = f"{one.name} hides a builtin of Python where it is imported: call it something else"
            yield Finding(rules.PYTHON_NAME, Place.of(file, one.position), message)


def _named(file: Document) -> Iterator[tuple[str, Definition | Field | Member | Function, frozenset[str]]]:
    """All that has a name in Python, with what that may not be."""
    yield from (("definition", one, frozenset[str]()) for one in file.definitions)
    for struct in structs(file):
        yield from (("field", one, _RESERVED[struct.kind]) for one in struct.fields)
    for enum in enums(file):
        yield from (("member", one, MEMBERS_RESERVED) for one in enum.members)
    for _, function in functions(file):
        yield "method", function, STUBS_RESERVED
        yield from (("parameter", one, PARAMETERS_RESERVED) for one in function.parameters)


def check_cases(program: Program) -> Iterator[Finding]:
    """Names beside each other that differ in case only."""
    file = program.root
    for scope in _scopes(file):
        seen: dict[str, str] = {}
        for one in scope:
            other = seen.setdefault(one.name.lower(), one.name)
            if other != one.name:
                message = f"{one.name} and {other} differ in case only: some languages take them for one: rename one"
                yield Finding(rules.CASE_CLASH, Place.of(file, one.position), message)


def _scopes(file: Document) -> Iterator[Sequence[Definition | Field | Member | Function]]:
    yield file.definitions
    yield from (group.fields for group in groups(file))
    yield from (enum.members for enum in enums(file))
    yield from (one.functions for one in file.definitions if isinstance(one, Service))
