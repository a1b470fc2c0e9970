"""Findings of the verbs that judge: each has a rule, a place and a sentence."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from callosum.upper.thrift.idl.model import Document, Position


class Severity(enum.Enum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for, under a name by which it can be switched off."""

    name: str
    severity: Severity
    summary: str
    """What it finds, in one line."""
    is_on: bool = True
    """Whether it is looked for where nobody says so."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is."""

    path: str
    position: Position

    @classmethod
    def of(cls, document: Document, position: Position | None = None) -> Place:
        """A place in a file; its beginning where none is given."""
        return cls(document.path, position or Position(1, 1))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: where, and what it means."""

    rule: Rule
    place: Place
    message: str

    @property
    def order(self) -> tuple[str, Position, str, str]:
        """By file and line, errors before warnings of the same place."""
        return self.place.path, self.place.position, self.rule.severity.value, self.message


def in_order(findings: list[Finding]) -> list[Finding]:
    """Each once, by file and line."""
    return sorted(set(findings), key=lambda one: one.order)
