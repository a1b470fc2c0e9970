"""What is wrong with a .thrift file: all that was found, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.model import Position


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what is wrong, and what to do."""

    path: str
    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.position.line}:{self.position.column}: {self.message}"


class IdlError(ConfigurationError):
    """A .thrift file has faults. Its text is a line for each: ``file:line:column: what is wrong, and what to do``.

    Attributes:
        faults: All that were found, in the order of the files and lines.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)
