"""What ``idl/callosum/reflection.thrift`` defines. Stands in for the module that will be generated from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from callosum.upper import thrift

_loaded = thrift.load(
    Path(__file__).parents[2] / "idl" / "callosum" / "reflection.thrift", module_name="callosum.builtin._reflection"
)


ReflectionStub: TypeAlias = Any  # as below


def __getattr__(name: str) -> Any:  # what is loaded at runtime has no static types
    return getattr(_loaded, name)
