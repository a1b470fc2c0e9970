"""Types, values and signatures as text, for messages and for `describe`."""

from __future__ import annotations

import json
from typing import Final

from callosum.upper.thrift.annotations import STREAM, STREAMING_MODE
from callosum.upper.thrift.idl.model import (
    Annotations,
    BaseType,
    Field,
    Function,
    ListOf,
    Literal,
    MapOf,
    Mapped,
    Name,
    Number,
    Reference,
    Requiredness,
    Sequence,
    SetOf,
    Text,
    Type,
    value_of,
)

_THEIR_WORDS: Final[dict[str, str | None]] = {"bidirectional": "bidi", "unary": None}
"""What ``streaming.mode`` has for modes."""


def quoted(text: str) -> str:
    """A text in quotes, with escapes for what cannot be seen."""
    quotes = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in quotes)


def printable(text: str) -> str:
    """A text of lines, without what a terminal would obey."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)


def type_text(kind: Type | None) -> str:
    """A type as it is written; ``void`` for none."""
    match kind:
        case None:
            return "void"
        case BaseType() | Reference():
            return kind.name
        case ListOf():
            return f"list<{type_text(kind.element)}>"
        case SetOf():
            return f"set<{type_text(kind.element)}>"
        case MapOf():
            return f"map<{type_text(kind.key)}, {type_text(kind.value)}>"


def literal_text(value: Literal) -> str:
    """A constant as it is written."""
    match value:
        case Number():
            return str(value.value)
        case Text():
            return quoted(value.value)
        case Name():
            return value.name
        case Sequence():
            return f"[{', '.join(map(literal_text, value.items))}]"
        case Mapped():
            return f"{{{', '.join(f'{literal_text(key)}: {literal_text(one)}' for key, one in value.items)}}}"


def field_text(field: Field) -> str:
    """``1: required string name = "x"``."""
    ident = f"{field.id}: " if field.has_id else ""
    word = "" if field.requiredness is Requiredness.DEFAULT else f"{field.requiredness.value} "
    default = "" if field.default is None else f" = {literal_text(field.default)}"
    return f"{ident}{word}{type_text(field.type)} {field.name}{default}"


def function_text(function: Function) -> str:
    """``oneway void poke(1: string message)``, without what it throws."""
    oneway = "oneway " if function.is_oneway else ""
    parameters = ", ".join(_parameter_text(one) for one in function.parameters)
    return f"{oneway}{type_text(function.returns)} {function.name}({parameters})"


def _parameter_text(one: Field) -> str:
    marks = tuple(mark for mark in one.annotations if mark.name == STREAM)
    return f"{field_text(one)} {annotations_text(marks)}".rstrip()


def throws_text(function: Function) -> str:
    """``throws (1: NoSuchUser missing)``, or nothing where it throws nothing."""
    return f"throws ({', '.join(field_text(one) for one in function.throws)})" if function.throws else ""


def annotations_text(annotations: Annotations) -> str:
    """``(callosum.timeout = "1.5")``, or nothing where there are none."""
    texts = (f"{one.name} = {quoted(one.value)}" for one in annotations)
    return f"({', '.join(texts)})" if annotations else ""


def stream_mode(function: Function) -> str | None:
    """``server``, ``client`` or ``bidi``; None where the function streams nothing."""
    mode = value_of(function.annotations, STREAM) or value_of(function.annotations, STREAMING_MODE)
    return _THEIR_WORDS.get(mode, mode) if mode else None


def caller_streams(function: Function) -> list[Field]:
    """The parameters that are the caller's stream: one, where nothing is wrong with the file."""
    marked = [one for one in function.parameters if value_of(one.annotations, STREAM) is not None]
    if not marked and len(function.parameters) == 1 and value_of(function.annotations, STREAMING_MODE) is not None:
        return [*function.parameters] if stream_mode(function) in {"client", "bidi"} else []
    return marked


def listed(names: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"
