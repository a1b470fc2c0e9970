"""What has to hold of a function that streams, wherever its annotations come from.

The type that a function returns is that of an item where the handler streams, and the type of the parameter that is
marked is that of an item where the caller does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from callosum.service import Cardinality
from callosum.upper.thrift.annotations import STREAM, STREAMING_MODE, Annotations, is_stream, stream_mode
from callosum.upper.thrift.idl.model import Function


class StreamParameter(NamedTuple):
    """One parameter, as far as streams ask for it."""

    name: str
    is_marked: bool
    """Whether its annotation says that it is the caller's stream."""
    has_default: bool


class StreamFault(NamedTuple):
    """What cannot be, and whose it is."""

    text: str
    parameter: int | None = None
    """The parameter that has it; None where it is the function's."""
    annotation: str | None = STREAM
    """The annotation that has it; None where it is the parameter itself."""


@dataclass(frozen=True, slots=True)
class StreamedFunction:
    """A function, as far as streams ask for it."""

    place: str
    annotations: Annotations
    mode: Cardinality
    key: str | None
    parameters: Sequence[StreamParameter]
    is_oneway: bool
    is_void: bool

    @property
    def stream(self) -> int | None:
        """The parameter that is the caller's stream, counted from 0; None where there is none."""
        if not self.mode.takes_items:
            return None
        marked = self._marked()
        if not marked and STREAMING_MODE in self.annotations and len(self.parameters) == 1:
            return 0  # as those mean it who have that annotation
        return marked[0] if marked else None

    def faults(self) -> Iterator[StreamFault]:
        """All that cannot be."""
        mode, place = self.mode, self.place
        by = STREAM if STREAM in self.annotations else STREAMING_MODE
        if mode is not Cardinality.UNARY and self.is_oneway:
            text = f"{place} is oneway and streams: nobody waits at a oneway method: remove one of the two"
            yield StreamFault(text, annotation=by)
        elif mode.gives_items and self.is_void:
            text = f"{place} streams what it returns, and that is void: write the type of an item"
            yield StreamFault(text, annotation=by)
        yield from self._faults_of_parameters(by)

    def _faults_of_parameters(self, by: str) -> Iterator[StreamFault]:
        place, stream, marked = self.place, self.stream, self._marked()
        if not self.mode.takes_items:
            for index in marked:
                text = (
                    f'{place}.{self.parameters[index].name} is "in", and the caller of {place} streams nothing: write '
                    f'({STREAM} = "client") or "bidi" behind the function, or remove it here'
                )
                yield StreamFault(text, index)
        elif stream is None:
            text = f'{place}: no parameter is the caller\'s stream: write ({STREAM} = "in") behind the one that is'
            yield StreamFault(text, annotation=by)
        for index in marked[1:] if stream is not None else ():
            first, other = (self.parameters[one].name for one in (marked[0], index))
            yield StreamFault(f'{place}: {first} and {other} are both "in": a caller has one stream: remove one', index)
        if stream is not None:
            yield from self._faults_of_stream(stream)

    def _faults_of_stream(self, stream: int) -> Iterator[StreamFault]:
        name, _, has_default = self.parameters[stream]
        if has_default:
            text = f"{self.place}.{name} is the caller's stream, and has a default: an item is always there: remove it"
            yield StreamFault(text, stream, None)
        if self.key == name:
            text = f"callosum.key = {name!r}: that is the caller's stream, and a key is known before: name another one"
            yield StreamFault(f"{self.place}: {text}", annotation="callosum.key")

    def _marked(self) -> list[int]:
        return [index for index, one in enumerate(self.parameters) if one.is_marked]


def streamed(function: Function, place: str) -> StreamedFunction:
    """A function of a file.

    Raises:
        ConfigurationError: An annotation has a value that cannot be.
    """
    annotations = {one.name: one.value for one in function.annotations}
    parameters = [
        StreamParameter(
            field.name,
            is_stream({one.name: one.value for one in field.annotations}, f"{place}.{field.name}"),
            field.default is not None,
        )
        for field in function.parameters
    ]
    mode, key = stream_mode(annotations, place), annotations.get("callosum.key")
    return StreamedFunction(
        place, annotations, mode, key, parameters, function.is_oneway, is_void=function.returns is None
    )
