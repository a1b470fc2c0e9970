"""What the tests of the emitter's parts begin with: a writer for the text of a file."""

from __future__ import annotations

from typing import TypeVar

from callosum.upper.thrift.emit.scope import Scopes
from callosum.upper.thrift.emit.writer import Writer
from callosum.upper.thrift.idl.model import Definition
from callosum.upper.thrift.idl.reading import read_text

D = TypeVar("D", bound=Definition)


def writer(text: str) -> Writer:
    """Writes in terms of a file."""
    program = read_text(text)
    return Writer(Scopes(program), program.root)


def named(made: Writer, name: str, kind: type[D]) -> D:
    """One of the file's definitions."""
    found = made.document.by_name[name]
    assert isinstance(found, kind)
    return found
