"""What callosum's annotations in an IDL say: ``callosum.name``, ``encoding``, ``idempotent``, ``stream`` and others.

Law: an annotation of callosum's is obeyed or refused, never ignored. `annotated` holds those of a file against this,
with their places; those of a module that thriftpy2 loaded, which keeps some, are looked at when its service is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callosum.errors import ConfigurationError
from callosum.service import Cardinality

PREFIX: Final = "callosum."
STREAM: Final = "callosum.stream"
"""On a function: how it streams. On a parameter: ``in``, it is the caller's stream."""
STREAMING_MODE: Final = "streaming.mode"
"""The same on a function, in the words of another Thrift family, which has one parameter and no mark on it."""
_MODES: Final[Mapping[str, Mapping[str, Cardinality]]] = {
    STREAM: {
        "server": Cardinality.SERVER_STREAM,
        "client": Cardinality.CLIENT_STREAM,
        "bidi": Cardinality.BIDI_STREAM,
    },
    STREAMING_MODE: {
        "server": Cardinality.SERVER_STREAM,
        "client": Cardinality.CLIENT_STREAM,
        "bidirectional": Cardinality.BIDI_STREAM,
        "bidi": Cardinality.BIDI_STREAM,
        "unary": Cardinality.UNARY,
    },
}

Annotations = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class MethodAnnotations:
    """What the annotations of a function say."""

    idempotent: bool = False
    key: str | None = None
    timeout: float | None = None
    stream: Cardinality = Cardinality.UNARY
    """How it streams."""


def is_ours(name: str) -> bool:
    """Whether callosum answers for an annotation."""
    return name.startswith(PREFIX) or name == STREAMING_MODE


def annotations_on(owner: type, attribute: str) -> dict[str, Annotations]:
    """Annotations of the parts of a class (its fields, its functions), as thriftpy2 keeps them."""
    found: object = owner.__dict__.get(attribute)
    return dict(found) if isinstance(found, dict) else {}


def own_annotations(owner: type) -> Annotations:
    """Annotations of a class itself, as thriftpy2 keeps them."""
    found: object = owner.__dict__.get("__thrift_annotations__")
    return dict(found) if isinstance(found, dict) else {}


def service_name(annotations: Annotations, default: str) -> str:
    """The service's name on the wire."""
    refuse_all_but({"callosum.name", "callosum.encoding"}, annotations, default)
    if "callosum.name" not in annotations:
        return default
    name = annotations["callosum.name"] or ""
    if not name or "/" in name or not name.isprintable() or name != name.strip():
        raise ConfigurationError(f'{default}: callosum.name = {name!r}: give a name without "/" and spaces around it')
    return name


def preferred_encoding(annotations: Annotations, known: Sequence[str], place: str) -> str:
    """The encoding that the service prefers: the first of those known where its annotations name none.

    Raises:
        ConfigurationError: There is none of that name.
    """
    name = annotations["callosum.encoding"] if "callosum.encoding" in annotations else known[0]
    if name is None or name not in known:
        raise ConfigurationError(f"{place}: callosum.encoding = {name!r}: there is {_listed([*known])}")
    return name


def method_annotations(annotations: Annotations, parameters: tuple[str, ...], place: str) -> MethodAnnotations:
    """What a function's annotations say.

    Raises:
        ConfigurationError: One has a value that cannot be, or asks for what callosum cannot do.
    """
    refuse_all_but({"callosum.idempotent", "callosum.key", "callosum.timeout", *_MODES}, annotations, place)
    idempotent = annotations.get("callosum.idempotent", "false")
    if idempotent not in {"true", "false"}:
        raise ConfigurationError(f'{place}: callosum.idempotent = {idempotent!r}: write "true" or "false"')
    key = annotations.get("callosum.key")
    if "callosum.key" in annotations and key not in parameters:
        raise ConfigurationError(f"{place}: callosum.key = {key!r}: name one of its parameters ({_listed(parameters)})")
    timeout = _timeout(annotations["callosum.timeout"], place) if "callosum.timeout" in annotations else None
    return MethodAnnotations(idempotent == "true", key, timeout, stream_mode(annotations, place))


def stream_mode(annotations: Annotations, place: str) -> Cardinality:
    """How a function streams, as its annotations say: UNARY where it does not.

    Raises:
        ConfigurationError: There is no such mode, or two annotations say two.
    """
    found = {name: _mode(name, annotations[name], place) for name in _MODES if name in annotations}
    if len(set(found.values())) > 1:
        raise ConfigurationError(f"{place}: {STREAM} and {STREAMING_MODE} say different things: remove one of them")
    return next(iter(found.values()), Cardinality.UNARY)


def _mode(name: str, value: str | None, place: str) -> Cardinality:
    modes = _MODES[name]
    mode = modes.get(value or "")
    if mode is None:
        known = ", ".join(f'"{one}"' for one in modes)
        hint = " on the function, and in on a parameter" if value == "in" else ""
        raise ConfigurationError(f"{place}: {name} = {value!r}: there is {known}{hint}")
    return mode


def is_stream(annotations: Annotations, place: str) -> bool:
    """Whether a parameter is the caller's stream.

    Raises:
        ConfigurationError: It has an annotation of callosum's that means nothing there.
    """
    refuse_all_but({STREAM}, annotations, place)
    if STREAM not in annotations:
        return False
    if annotations[STREAM] != "in":
        raise ConfigurationError(
            f'{place}: {STREAM} = {annotations[STREAM]!r}: on a parameter it is "in": the caller\'s stream'
        )
    return True


def _timeout(text: str | None, place: str) -> float:
    try:
        seconds = float(text or "")
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f'{place}: callosum.timeout = {text!r}: give seconds, for example "1.5"')
    return seconds


def refuse_all_but(allowed: set[str], annotations: Annotations, place: str) -> None:
    """Raise ConfigurationError where an annotation of callosum's stands that means nothing there."""
    for name in annotations:
        if is_ours(name) and name not in allowed:
            here = f"only {_listed(sorted(allowed))} mean something here" if allowed else "it means nothing here"
            raise ConfigurationError(f"{place}: callosum has no annotation {name} at this place: {here}")


def struct_is_frozen(annotations: Annotations, place: str) -> bool:
    """Whether the instances of a struct refuse assignments."""
    frozen = annotations.get("callosum.frozen", "false")
    if frozen not in {"true", "false"}:
        raise ConfigurationError(f'{place}: callosum.frozen = {frozen!r}: write "true" or "false"')
    return frozen == "true"


def check_reserved(annotations: Annotations, fields: Mapping[int, str], place: str) -> None:
    """``callosum.reserved = "3,5-7,oldname"``: no field has one of these ids or names."""
    refuse_all_but({"callosum.reserved", "callosum.frozen"}, annotations, place)
    for part in (annotations.get("callosum.reserved") or "").split(","):
        reserved = part.strip()
        low, dash, high = reserved.partition("-")
        if low.strip().isdecimal() and (not dash or high.strip().isdecimal()):
            ids = range(int(low), int(high if dash else low) + 1)
            used = [f"{name} (id {ident})" for ident, name in fields.items() if ident in ids]
        else:
            used = [f"{name} (id {ident})" for ident, name in fields.items() if name == reserved]
        if used:
            raise ConfigurationError(f"{place}: {used[0]} is reserved ({reserved}): give the field another id and name")


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names) or "it has none"
