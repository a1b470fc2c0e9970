"""The .thrift files that others wrote, and what is in them."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from callosum.upper.thrift import load
from callosum.upper.thrift.enums import Enum
from callosum.upper.thrift.payload import DeclaredException, Struct, Union
from callosum.upper.thrift.service import Function, is_service_class, read_service

HERE = Path(__file__).parent
OWN = HERE / "words.thrift"
"""Ours: names that are words of Python, which the others do not have."""
WRAPPING = HERE / "wrapping.thrift"
"""Ours: a service of what others wrote without one."""
EXAMPLES = int(os.environ.get("CALLOSUM_INTEROP_EXAMPLES", "3"))
"""How many values of each type, and arguments of each method, are tried."""
TEST_TIMEOUT = 60 + 5 * EXAMPLES
"""Seconds that one test may take."""


@dataclass(frozen=True)
class IdlFile:
    """One of them."""

    path: Path

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def module(self) -> Any:  # what load() makes
        """As `load` reads it."""
        return _loaded(self.path)

    @property
    def structs(self) -> list[type]:
        """Structs, unions and exceptions, and those of arguments and results."""
        return [*self.defined.values(), *(part for one in self.services for part in _own_parts(one))]

    @property
    def defined(self) -> dict[str, type]:
        """Structs, unions and exceptions by their names."""
        return {cls.__name__: cls for cls in classes_of(self.module) if issubclass(cls, Struct | Union)}

    @property
    def enums(self) -> list[type[Enum]]:
        """The enums."""
        return [cls for cls in classes_of(self.module) if issubclass(cls, Enum)]

    @property
    def services(self) -> list[type]:
        """The service classes."""
        return services_of(self.module)


@functools.cache
def _loaded(path: Path) -> ModuleType:
    return load(path)


def services_of(module: ModuleType) -> list[type]:
    """The service classes of a module."""
    return [cls for cls in classes_of(module) if is_service_class(cls)]


def classes_of(module: ModuleType) -> list[type]:
    """Those that a module defines, once each: a typedef is another name for one."""
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    return list(dict.fromkeys(own))


def kind_of(cls: type) -> str:
    """The word with which an IDL defines a struct, union or exception."""
    return "union" if issubclass(cls, Union) else "exception" if issubclass(cls, DeclaredException) else "struct"


def extended_by(service: type) -> type | None:
    """The service class that one extends."""
    base: type | None = service.__dict__["__thrift_extends__"]
    return base


def _own_parts(service: type) -> Iterator[type]:
    """The structs of the arguments and results of a service's own functions."""
    for one in service.__dict__["thrift_functions"]:
        yield from (getattr(service, f"{one.name}_{part}") for part in ("args", "result"))


def functions_of(service: type) -> dict[str, Function]:
    """The methods of a service class, the inherited ones too."""
    _, functions = read_service(service)
    return {one.name: one for one in functions}


def with_bases(service: type) -> Iterator[type]:
    """A service class and those that it extends: whoever serves it answers for all of them."""
    base: type | None = service
    while base is not None:
        yield base
        base = extended_by(base)


FILES = [IdlFile(path) for path in sorted((HERE / "idl").rglob("*.thrift"))]
ALL = [*FILES, IdlFile(OWN), IdlFile(WRAPPING)]
SERVING = [one for one in ALL if "\nservice " in one.path.read_text(encoding="utf-8")]
"""Those that have services."""
