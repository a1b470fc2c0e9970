"""Checks of a whole program whose files could be parsed.

First each definition alone and all names (`names`), then, if all is known, what the names stand for (`meanings`).
"""

from __future__ import annotations

from callosum.upper.thrift.idl.faults import Fault, Faults
from callosum.upper.thrift.idl.meanings import check_meanings
from callosum.upper.thrift.idl.model import Program
from callosum.upper.thrift.idl.names import Names
from callosum.upper.thrift.idl.parts import check_parts


def check(program: Program) -> list[Fault]:
    """All faults that are found, up to a number."""
    faults = Faults()
    names = Names(program, faults)
    for document in program.documents:
        names.check(document)
        for one in document.definitions:
            check_parts(document, one, faults)
    names.check_circles()
    if not faults.found:
        check_meanings(program, faults)
    return faults.found
