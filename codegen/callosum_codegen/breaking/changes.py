"""Two versions of a program, and what was found to have changed.

Comparing is by a list of what is still to be compared: types meet where they are used, a pair of them is compared once,
and a circle of types ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callosum.upper.thrift.idl.model import Document, Enum, Found, Program, Struct
from callosum_codegen.findings import Finding, Place, Rule


class Versions:
    """The old and the new program, and which files and definitions of theirs are the same ones."""

    def __init__(self, old: Program, new: Program) -> None:
        self.old, self.new = old, new
        self.documents = _matches(old, new)
        """Of each old file, the new one."""
        self._back = {later: earlier for earlier, later in self.documents.items()}

    def counterpart(self, old: Found) -> Found | None:
        """The new definition of an old one's name: in the same file, or where it was moved to."""
        return _counterpart(old, self.documents, self._back, self.new)

    def origin(self, new: Found) -> Found | None:
        """The old definition of a new one's name."""
        return _counterpart(new, self._back, self.documents, self.old)

    def is_same(self, old: Found, new: Found) -> bool:
        """Whether one became the other: by its name, or because the one name is gone and the other is new."""
        counterpart = self.counterpart(old)
        if counterpart is None:
            return self.origin(new) is None
        return counterpart.definition is new.definition


def _matches(old: Program, new: Program) -> dict[Document, Document]:
    by_place = {_place(one, new.root): one for one in new.documents}
    found = {one: by_place.get(_place(one, old.root)) for one in old.documents}
    return {earlier: later for earlier, later in found.items() if later is not None}


def _place(document: Document, root: Document) -> str:
    """A file's place beside the root, by which the same file is found in another version."""
    if document is root:
        return ""
    return os.path.relpath(_path(document), _path(root).parent)


def _path(document: Document) -> Path:
    return document.real_path or Path(document.path)


def _counterpart(
    one: Found, there: Mapping[Document, Document], back: Mapping[Document, Document], other: Program
) -> Found | None:
    name = one.definition.name
    same_file = there.get(one.document)
    if same_file is not None and name in same_file.by_name:
        return Found(same_file, same_file.by_name[name])
    for document in other.documents:
        was_there = name in back[document].by_name if document in back else False
        if name in document.by_name and not was_there:
            return Found(document, document.by_name[name])
    return None


@dataclass(frozen=True, slots=True)
class Use:
    """Where a type is used: what to say of it, and by which rule, where it changed on the wire."""

    subject: str
    place: Place
    rule: Rule


@dataclass(frozen=True, slots=True)
class Meeting:
    """An old and a new struct or enum that stand in the same place of the wire.

    Where ``use`` is there, they are different types, and what differs between them is said of where they are used.
    """

    old: Found
    new: Found
    use: Use | None = None


@dataclass(slots=True)
class Changes:
    """What was found, and what is still to be compared."""

    versions: Versions
    findings: list[Finding] = field(default_factory=list)
    waiting: list[Meeting] = field(default_factory=list)
    renamed: set[int] = field(default_factory=set)
    """The ids of old definitions that have another name now."""
    trail: frozenset[tuple[int, int]] = frozenset()
    """The pairs of different types inside which this is compared, so that types in a circle end."""
    _met: set[tuple[int, int, Use | None]] = field(default_factory=set)

    def add(self, rule: Rule, place: Place, message: str) -> None:
        """Say that something has changed."""
        self.findings.append(Finding(rule, place, message))

    def meet(self, old: Found, new: Found, use: Use | None = None) -> None:
        """Have two types compared, once."""
        assert isinstance(old.definition, Struct | Enum)
        key = (id(old.definition), id(new.definition), use)
        if key not in self._met:
            self._met.add(key)
            self.waiting.append(Meeting(old, new, use))
