"""Fields: their requiredness, defaults and types."""

from __future__ import annotations

from collections.abc import Iterator

from callosum.upper.thrift.idl.model import (
    BaseType,
    Enum,
    MapOf,
    Program,
    Requiredness,
    SetOf,
    Struct,
    Type,
)
from callosum_codegen.findings import Finding, Place
from callosum_codegen.lint import rules
from callosum_codegen.lint.contents import functions, groups, types
from callosum_codegen.spelling import caller_streams, listed, stream_mode, type_text


def check_requiredness(program: Program) -> Iterator[Finding]:
    """Required fields, and defaults that mean nothing, or too much."""
    file = program.root
    for group in groups(file):
        for one in group.fields:
            place, name = Place.of(file, one.position), f"{group.owner}.{one.name}"
            if one.requiredness is Requiredness.REQUIRED:
                message = f"{name} is required: it can never be removed: make it optional, and check it where it counts"
                yield Finding(rules.REQUIRED_FIELD, place, message)
                if one.default is not None:
                    message = f"{name} is required, so readers never use its default: remove one of the two"
                    yield Finding(rules.REQUIRED_DEFAULT, place, message)
            elif one.requiredness is Requiredness.OPTIONAL and one.default is not None:
                message = f"{name} is optional and has a default: whether it is set where nobody set it depends on the "
                message += "language: remove `optional`, or the default"
                yield Finding(rules.OPTIONAL_DEFAULT, place, message)


def check_streams(program: Program) -> Iterator[Finding]:
    """The place of a caller's stream among the parameters."""
    file = program.root
    for service, function in functions(file):
        for one in caller_streams(function):
            behind = [later.name for later in function.parameters[function.parameters.index(one) + 1 :]]
            if behind and stream_mode(function) == "bidi":
                name = f"{service.name}.{function.name}.{one.name}"
                message = f"{name} is the caller's stream, and {listed(behind)} stand behind it: who sends by hand "
                message += "cannot leave it out in Python: move it to the end"
                yield Finding(rules.STREAM_NOT_LAST, Place.of(file, one.position), message)


def check_keys(program: Program) -> Iterator[Finding]:
    """Keys of maps and elements of sets."""
    file = program.root
    for kind in types(file):
        if isinstance(kind, MapOf):
            yield from _check_key(program, kind.key, "a key of a map", kind)
        elif isinstance(kind, SetOf):
            yield from _check_key(program, kind.element, "an element of a set", kind)


def _check_key(program: Program, key: Type, role: str, whole: MapOf | SetOf) -> Iterator[Finding]:
    _, kind = program.true_type(program.root, key)
    place = Place.of(program.root, key.position)
    match kind:
        case BaseType() if kind.name == "double":
            why = "doubles that look the same may differ, and NaN is not even itself"
        case BaseType() | Enum():
            return
        case Struct() if isinstance(whole, SetOf):
            return
        case Struct():
            why = "JSON has no such keys, and many languages cannot hash a struct"
        case _:
            why = "many languages cannot hash a container"
    yield Finding(rules.RISKY_KEY, place, f"{type_text(key)} is {role}: {why}: use a string or an integer")
