"""What is wrong with a .thrift file: all that was found, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.model import Document, Position
from callosum.upper.thrift.idl.nearest import did_you_mean

MOST_FAULTS: Final = 100
"""Of a file or a program: nobody reads more, and a file that is none at all should not take long."""
_MOST_HINTS: Final = 20


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


class Faults:
    """Collects the faults of a program."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self._hints = 0

    def add(self, document: Document, position: Position, message: str) -> None:
        """Note a fault, if there are not too many already."""
        if not self.is_full():
            self.found.append(Fault(document.path, position, message))

    def is_full(self) -> bool:
        """Whether there are as many as are kept."""
        return len(self.found) >= MOST_FAULTS

    def hint(self, name: str, names: Iterable[str]) -> str:
        """``": did you mean X?"`` for a name that is not among those that there are; "" where none is near."""
        self._hints += 1
        return did_you_mean(name, names) if self._hints <= _MOST_HINTS else ""
