"""What a name on the command line means: a service, a method, a type, a constant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.model import Document, Found, Function, Program, Service
from callosum_codegen.settings import did_you_mean


@dataclass(frozen=True, slots=True)
class FoundMethod:
    """A method of a service, and the file in whose terms it is written."""

    document: Document
    service: Service
    """The one that was asked for: the method may be one that it inherits."""
    function: Function


Target: TypeAlias = Found | FoundMethod


def find(program: Program, name: str, where: str) -> Target:
    """What a name means: ``Echo``, ``Echo.say``, ``shared.Colour``; ``where`` is for messages.

    Raises:
        ConfigurationError: It means nothing.
    """
    found = _definition(program, name)
    if found is not None:
        return found
    owner, _, last = name.rpartition(".")
    holder = _definition(program, owner)
    if holder is not None and isinstance(holder.definition, Service):
        for document, _, one in program.functions(holder.document, holder.definition):
            if one.name == last:
                return FoundMethod(document, holder.definition, one)
    meant = did_you_mean(name, dict.fromkeys(_names(program)))
    raise ConfigurationError(f"{where}: there is no {name}: {meant}")


def _definition(program: Program, name: str) -> Found | None:
    found = program.find(program.root, name)
    if found is not None:
        return found
    others = (Found(one, one.by_name[name]) for one in program.documents if name in one.by_name)
    return next(others, None)


def _names(program: Program) -> Iterator[str]:
    for document in reversed(program.documents):
        for one in document.definitions:
            yield one.name
            if isinstance(one, Service):
                yield from (f"{one.name}.{function.name}" for _, _, function in program.functions(document, one))
