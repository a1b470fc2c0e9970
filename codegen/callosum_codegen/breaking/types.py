"""What differs between two types, on the wire and in source. Typedefs are seen through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from callosum.upper.thrift.idl.model import BaseType, Document, Enum, Found, ListOf, MapOf, SetOf, Struct, Type
from callosum_codegen.breaking import rules
from callosum_codegen.breaking.changes import Changes, Use, Versions
from callosum_codegen.findings import Rule
from callosum_codegen.spelling import type_text


class Typed(NamedTuple):
    """A type, and the file in whose terms it is written."""

    document: Document
    type: Type


class Retyped(NamedTuple):
    """Two types, or parts of them, that are not the same on the wire."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Respelled:
    """Two types, or parts of them, that are the same on the wire, and not in source."""

    rule: Rule


class Met(NamedTuple):
    """Two structs or two enums: whether they differ is to be seen."""

    old: Found
    new: Found


Difference: TypeAlias = Retyped | Respelled | Met


def differences(versions: Versions, old: Typed, new: Typed) -> Iterator[Difference]:
    """All that differs, or may differ, between two types."""
    old_file, old_type = versions.old.true_type(*old)
    new_file, new_type = versions.new.true_type(*new)
    match old_type, new_type:
        case (ListOf(was), ListOf(now)) | (SetOf(was), SetOf(now)):
            yield from differences(versions, Typed(old_file, was), Typed(new_file, now))
        case MapOf(old_key, old_value), MapOf(new_key, new_value):
            yield from differences(versions, Typed(old_file, old_key), Typed(new_file, new_key))
            yield from differences(versions, Typed(old_file, old_value), Typed(new_file, new_value))
        case (Struct() as was, Struct() as now) | (Enum() as was, Enum() as now):
            yield Met(Found(old_file, was), Found(new_file, now))
        case _:
            names = (_name(old_type), _name(new_type))
            if _are_enum_and_i32(old_type, new_type):
                yield Respelled(rules.ENUM_INTEGER)
            elif set(names) == {"string", "binary"}:
                yield Respelled(rules.STRING_BINARY)
            elif names[0] != names[1] or type(old_type) is not type(new_type):
                yield Retyped(*names)


def _name(kind: BaseType | ListOf | SetOf | MapOf | Struct | Enum) -> str:
    match kind:
        case Struct():
            return f"{kind.kind.value} {kind.name}"
        case Enum():
            return f"enum {kind.name}"
        case _:
            return type_text(kind)


def _are_enum_and_i32(*kinds: object) -> bool:
    return any(isinstance(one, Enum) for one in kinds) and any(
        isinstance(one, BaseType) and one.name == "i32" for one in kinds
    )


_RESPELLED = {
    rules.ENUM_INTEGER: "the numbers on the wire are the same, but code gets another type",
    rules.STRING_BINARY: "the bytes on the wire are the same, but code gets another type, bytes that are not UTF-8 are "
    "no string, and in the JSON protocol binary is base64",
}

_ADVICE = {
    rules.FIELD_RETYPED: "keep it, and add one with a new id",
    rules.RETURN_TYPE_CHANGED: "keep it, and add another method",
}


def compare_types(changes: Changes, old: Typed, new: Typed, use: Use) -> None:
    """Say what differs where a type is used, and have the structs and enums in it compared."""
    said: set[Rule] = set()
    texts = f"is {type_text(new.type)} now, and was {type_text(old.type)}"
    for one in differences(changes.versions, old, new):
        match one:
            case Retyped():
                if use.rule not in said:
                    inner = f" ({one.new} for {one.old})" if {one.old, one.new} != {_plain(old), _plain(new)} else ""
                    message = f"{use.subject} {texts}{inner}: those differ on the wire: {_ADVICE[use.rule]}"
                    changes.add(use.rule, use.place, message)
                said.add(use.rule)
            case Respelled():
                if one.rule not in said:
                    changes.add(one.rule, use.place, f"{use.subject} {texts}: {_RESPELLED[one.rule]}")
                said.add(one.rule)
            case Met():
                is_same = changes.versions.is_same(one.old, one.new)
                changes.meet(one.old, one.new, None if is_same else use)


def _plain(one: Typed) -> str:
    return type_text(one.type)


def are_alike(versions: Versions, old: Typed, new: Typed) -> bool:
    """Whether two types may well be one: not where they are of different kinds, or are other structs."""
    return all(
        versions.is_same(one.old, one.new) if isinstance(one, Met) else isinstance(one, Respelled)
        for one in differences(versions, old, new)
    )
