"""Writes the source text that makes instances of structs, and the defaults of fields that each needs for itself."""

from __future__ import annotations

from collections.abc import Sequence

from callosum.upper.thrift.fault import copier
from callosum.upper.thrift.footprint import INLINE, template
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import Struct


def instance_lines(source: Source, struct: Struct, name: str, values: Sequence[str]) -> list[str]:
    """The lines that make an instance, and give it this name in the text.

    Args:
        source: The text, for what the lines need.
        struct: What is made.
        name: The variable that becomes the instance.
        values: An expression for each field, in their order.
    """
    made = f"{name} = {source.constant('new', struct.cls.__new__)}({source.constant('cls', struct.cls)})"
    fields = list(zip(struct.fields, values, strict=True))
    if len(fields) >= INLINE:
        attributes, copied = source.fresh("d"), source.constant("copy", template(struct).copy)
        sets = [f"{attributes}[{source.constant('name', one.name)}] = {value}" for one, value in fields]
        given = f"{attributes} = {copied}()"
        if struct.is_frozen:
            return [
                given,
                *sets,
                made,
                f"{source.constant('set', object.__setattr__)}({name}, '__dict__', {attributes})",
            ]
        return [given, *sets, made, f"{name}.__dict__ = {attributes}"]
    if struct.is_frozen:
        give = source.constant("set", object.__setattr__)
        return [made, *(f"{give}({name}, {source.constant('name', one.name)}, {value})" for one, value in fields)]
    return [made, *(f"{name}.{one.name} = {value}" for one, value in fields)]


def fresh_default(source: Source, default: object) -> str:
    """The expression that makes a default anew."""
    match default:
        case list() | dict() if not default:
            return repr(default)
        case set() if not default:
            return "set()"
        case _:
            return f"{source.constant('fresh', copier(default))}()"
