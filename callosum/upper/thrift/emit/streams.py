"""How streams are typed: as stub and handler both have them, and narrower or wider in the stub."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from callosum.service import Cardinality
from callosum.upper.thrift.emit.writer import Writer
from callosum.upper.thrift.idl.model import Function
from callosum.upper.thrift.streaming import streamed


class Side(enum.Enum):
    """Whose class a method stands in."""

    BOTH = enum.auto()
    """What a handler gets and gives: a stub's method can be called like that too."""
    STUB = enum.auto()
    BLOCKING = enum.auto()
    """A stub of `callosum.blocking`."""


@dataclass(frozen=True, slots=True)
class StreamTypes:
    """The types of a function's streams."""

    index: int | None
    """The parameter that is the caller's stream."""
    taken: str
    """Its type."""
    default: str
    """What it has where a caller leaves it out; empty where it must be there."""
    given: str
    """The type of the handler's stream; empty where the handler gives none."""


def stream_types(writer: Writer, function: Function, side: Side) -> StreamTypes | None:
    """The types that a function's streams have at a side; None where it has none."""
    found = streamed(function, function.name)
    if found.mode is Cardinality.UNARY:
        return None
    received = "" if function.returns is None else writer.annotation(function.returns)
    sent = "" if found.stream is None else writer.annotation(function.parameters[found.stream].type)
    gives, is_bidi = found.mode.gives_items, found.mode is Cardinality.BIDI_STREAM
    if side is Side.BOTH:
        iterator = writer.scope.use("collections.abc", "AsyncIterator")
        given = f"{iterator}[{received}]" if gives else ""
        return StreamTypes(found.stream, f"{iterator}[{sent}]" if sent else "", "", given)
    iterable, prefix = ("AsyncIterable", "") if side is Side.STUB else ("Iterable", "Blocking")
    taken = f"{writer.scope.use('collections.abc', iterable)}[{sent}]" if sent else ""
    if is_bidi:
        given = f"{writer.scope.runtime(f'{prefix}BidiStream')}[{sent}, {received}]"
        return StreamTypes(found.stream, f"{taken} | None", "None", given)
    given = f"{writer.scope.runtime(f'{prefix}ReceiveStream')}[{received}]" if gives else ""
    return StreamTypes(found.stream, taken, "", given)
