"""Writes the source text that makes an instance of a struct from the values of its fields, without its ``__init__``."""

from __future__ import annotations

from collections.abc import Sequence

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
