"""Which methods of a Protocol stream, and what: found in their signatures."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from callosum.errors import ConfigurationError
from callosum.service import Cardinality
from callosum.upper.json.types import type_text

_STREAMS: Final = (AsyncIterator, AsyncIterable, AsyncGenerator)
Types = Mapping[str, Any]  # types, by parameter, and what is returned by ``return``


def is_stream(annotation: object) -> bool:
    """Whether a type says that items are streamed."""
    return annotation in _STREAMS or get_origin(annotation) in _STREAMS


def item_type(annotation: object, place: str) -> Any:  # a type
    """The type of a stream's items.

    Raises:
        ConfigurationError: It does not say which, or wants to be sent something where it yields.
    """
    given: list[Any] = [*get_args(annotation)]  # types
    if not given:
        raise ConfigurationError(f"{place}: {type_text(annotation)} does not say of what: write AsyncIterator[int]")
    if len(given) > 1 and given[1] is not None and given[1] is not type(None):
        raise ConfigurationError(
            f"{place}: {type_text(annotation)}: nothing can be sent to where it yields: write None"
        )
    return given[0]


def cardinality_of(function: object, types: Types, marked: Cardinality, place: str) -> Cardinality:
    """How many messages go each way: what the marks say, or what the signature does.

    Raises:
        ConfigurationError: The function is not what its types say, or the other way round.
    """
    takes = any(is_stream(kind) for name, kind in types.items() if name != "return")
    gives = is_stream(types.get("return"))
    _check_word(function, types.get("return"), place)
    if marked is Cardinality.ONEWAY and (takes or gives):
        raise ConfigurationError(
            f"{place} is oneway and streams: nobody waits at a oneway method: remove one of the two"
        )
    if gives:
        return Cardinality.BIDI_STREAM if takes else Cardinality.SERVER_STREAM
    return Cardinality.CLIENT_STREAM if takes else marked


def _check_word(function: object, returned: object, place: str) -> None:
    """``def`` and ``async def`` mean different things to type checkers."""
    gives, name = is_stream(returned), place.rpartition(".")[2]
    if inspect.isasyncgenfunction(function):
        if not gives:
            raise ConfigurationError(f"{place} yields, and does not say what: write -> AsyncIterator[...]")
    elif inspect.iscoroutinefunction(function):
        if gives:
            raise ConfigurationError(
                f"{place} is an async def without a yield, so one would have to await it to get its "
                f"{type_text(returned)}: write def {name}"
            )
    elif not gives:
        raise ConfigurationError(f"{place} is not async: write async def {name}")


def stream_of(parameters: Sequence[inspect.Parameter], types: Types, key: str | None, place: str) -> int | None:
    """Which parameter is the caller's stream, counted from 0; None where there is none.

    Raises:
        ConfigurationError: There are two, or it has a default, or is the request key.
    """
    found = [index for index, one in enumerate(parameters) if is_stream(types[one.name])]
    if not found:
        return None
    names = [parameters[index].name for index in found]
    if len(names) > 1:
        raise ConfigurationError(f"{place}: {' and '.join(names)} are streams: a caller has one: make the others lists")
    if parameters[found[0]].default is not inspect.Parameter.empty:
        raise ConfigurationError(f"{place}: {names[0]} is a stream, and has a default: remove it")
    if key == names[0]:
        raise ConfigurationError(
            f"{place}: json.key({key!r}) names the stream, and a key is known before: name another"
        )
    return found[0]
