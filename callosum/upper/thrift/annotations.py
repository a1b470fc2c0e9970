"""What callosum's annotations in an IDL say: ``callosum.name``, ``encoding``, ``idempotent``, ``key`` and others.

Law: an annotation of callosum's is obeyed or refused, never ignored. `annotated` holds those of a file against this,
with their places; those of a module that thriftpy2 loaded, which keeps some, are looked at when its service is made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from callosum.errors import ConfigurationError

PREFIX: Final = "callosum."
STREAMS: Final = frozenset({"callosum.stream", "streaming.mode"})
"""What makes a method a streaming one; the second is another Thrift family's."""

Annotations = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class MethodAnnotations:
    """What the annotations of a function say."""

    idempotent: bool = False
    key: str | None = None
    timeout: float | None = None


def is_ours(name: str) -> bool:
    """Whether callosum answers for an annotation."""
    return name.startswith(PREFIX) or name in STREAMS


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
    refuse_all_but({"callosum.idempotent", "callosum.key", "callosum.timeout"}, annotations, place)
    idempotent = annotations.get("callosum.idempotent", "false")
    if idempotent not in {"true", "false"}:
        raise ConfigurationError(f'{place}: callosum.idempotent = {idempotent!r}: write "true" or "false"')
    key = annotations.get("callosum.key")
    if "callosum.key" in annotations and key not in parameters:
        raise ConfigurationError(f"{place}: callosum.key = {key!r}: name one of its parameters ({_listed(parameters)})")
    timeout = _timeout(annotations["callosum.timeout"], place) if "callosum.timeout" in annotations else None
    return MethodAnnotations(idempotent == "true", key, timeout)


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
        if name in STREAMS:
            raise ConfigurationError(f"{place}: {name}: streams are not supported yet: remove the annotation")
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
