"""JSON: `service` makes a typed Protocol class a service class. Needs msgspec: ``pip install callosum[json]``.

    @json.service
    class Echo(Protocol):
        @json.raises(EmptyMessage)
        async def say(self, message: str) -> Echoed: ...

        @json.oneway
        async def poke(self, message: str) -> None: ...

Arguments, results and the fields of exceptions are what msgspec knows: dataclasses, msgspec Structs, TypedDicts,
NamedTuples, unions, enums, datetimes, bytes, and so on. Decoding is validation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar, overload

from callosum.errors import ConfigurationError
from callosum.service import Service
from callosum.upper.json.marks import idempotent, key, oneway, raises, timeout

try:
    from callosum.upper.json.declaration import read_service
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "callosum.upper.json needs msgspec, which is not installed: pip install 'callosum[json]'", name=missing.name
    ) from missing

__all__ = ["JsonLayer", "idempotent", "key", "oneway", "raises", "service", "timeout"]

C = TypeVar("C", bound=type)


@overload
def service(cls: C) -> C: ...
@overload
def service(*, name: str) -> Callable[[C], C]: ...
def service(cls: C | None = None, *, name: str = "") -> C | Callable[[C], C]:
    """Make a Protocol class a service class. Its async methods are those of the service.

    Args:
        cls: The class; it stays what it is.
        name: The service's name on the wire, where it is not that of the class.

    Raises:
        ConfigurationError: The class cannot be a service; all of its faults are named.
    """
    names = sys._getframe(1).f_locals  # noqa: SLF001 - types that are defined in a function, beside the service

    def decorate(cls: C) -> C:
        cls.__callosum_service__ = read_service(cls, name or cls.__name__, names)  # type: ignore[attr-defined]
        return cls

    return decorate if cls is None else decorate(cls)


class JsonLayer:
    """The IDL layer of JSON, registered under the entry point ``callosum.upper``."""

    name = "json"

    def service_of(self, service_class: type) -> Service | None:
        """None: a class that `service` decorated carries its service.

        Raises:
            ConfigurationError: It is a Protocol that nobody decorated.
        """
        if service_class.__dict__.get("_is_protocol", False):
            raise ConfigurationError(
                f"{service_class.__name__} is a Protocol, and no service class yet: write @json.service above it"
                " (from callosum.upper import json)"
            )
        return None
