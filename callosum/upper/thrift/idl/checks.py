"""Checks of a whole program whose files could be parsed: first the names, then what they stand for."""

from __future__ import annotations

from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.faults import Fault, IdlError
from callosum.upper.thrift.idl.model import Const, Program


def check(program: Program) -> list[Fault]:
    """All faults that are found."""
    found: list[Fault] = []
    for document in program.documents:
        for one in document.definitions:
            if isinstance(one, Const):
                try:
                    evaluate(program, document, one.type, one.value)
                except IdlError as error:
                    found += error.faults
    return found
