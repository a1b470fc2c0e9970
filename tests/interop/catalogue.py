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
from callosum.upper.thrift.parsing import struct_classes
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
        return list(struct_classes(self.module))

    @property
    def defined(self) -> dict[str, type]:
        """Structs, unions and exceptions by their names."""
        meta = self.module.__thrift_meta__
        return {cls.__name__: cls for kind in ("structs", "unions", "exceptions") for cls in meta[kind]}

    @property
    def services(self) -> list[type]:
        """The service classes."""
        return services_of(self.module)


@functools.cache
def _loaded(path: Path) -> ModuleType:
    return load(path)


def services_of(module: ModuleType) -> list[type]:
    """The service classes of a module."""
    found: list[type] = module.__thrift_meta__["services"]
    return found


def functions_of(service: type) -> dict[str, Function]:
    """The methods of a service class, the inherited ones too."""
    _, functions = read_service(service)
    return {one.name: one for one in functions}


def with_bases(service: type) -> Iterator[type]:
    """A service class and those that it extends: whoever serves it answers for all of them."""
    return (one for one in service.__mro__ if is_service_class(one))


FILES = [IdlFile(path) for path in sorted((HERE / "idl").rglob("*.thrift"))]
ALL = [*FILES, IdlFile(OWN), IdlFile(WRAPPING)]
SERVING = [one for one in ALL if "\nservice " in one.path.read_text(encoding="utf-8")]
"""Those that have services."""
