"""What is there and not used, and what lacks a doc."""

from __future__ import annotations

from collections.abc import Iterator

from callosum.upper.thrift.idl.model import Program, Reference, Service, Typedef
from callosum_codegen.findings import Finding, Place
from callosum_codegen.lint import rules
from callosum_codegen.lint.contents import functions, types, value_names


def check_usage(program: Program) -> Iterator[Finding]:
    """Includes and typedefs that nothing uses."""
    file = program.root
    used = {one.name for one in types(file) if isinstance(one, Reference)}
    names = used | set(value_names(file))
    for include in file.includes:
        if not any(one.startswith(f"{include.prefix}.") for one in names):
            message = f'nothing of "{include.path}" is used: remove the include'
            yield Finding(rules.UNUSED_INCLUDE, Place.of(file, include.position), message)
    for one in file.definitions:
        if isinstance(one, Typedef) and one.name not in used:
            message = f"the typedef {one.name} is not used in this file: remove it, unless another file uses it"
            yield Finding(rules.UNUSED_TYPEDEF, Place.of(file, one.position), message)


def check_docs(program: Program) -> Iterator[Finding]:
    """Services and methods without a doc comment."""
    file = program.root
    for one in file.definitions:
        if isinstance(one, Service) and not one.doc:
            message = f"the service {one.name} has no doc: write /** ... */ before it"
            yield Finding(rules.MISSING_DOC, Place.of(file, one.position), message)
    for service, function in functions(file):
        if not function.doc:
            message = f"{service.name}.{function.name} has no doc: write /** ... */ before it"
            yield Finding(rules.MISSING_DOC, Place.of(file, function.position), message)
