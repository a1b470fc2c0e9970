"""Checks that every name stands for what it has to, and that no definition leads to itself by names alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from callosum.upper.thrift.idl.faults import Faults
from callosum.upper.thrift.idl.graphs import circles
from callosum.upper.thrift.idl.lexer import BASE_TYPES
from callosum.upper.thrift.idl.model import (
    BaseType,
    Const,
    Definition,
    Document,
    Found,
    MapOf,
    Program,
    Reference,
    Service,
    Struct,
    Type,
    Typedef,
)
from callosum.upper.thrift.idl.terms import MOST_NESTED

_Key: TypeAlias = tuple[Document, str]
"""A definition by its file and name."""
_MOST_PARTS: Final = 1000
"""Of a type when all typedefs in it are written out; a few lines could make billions of them."""


class _Depth(NamedTuple):
    levels: int
    parts: int


class Names:
    """The names of a program's files, and which of them are types."""

    def __init__(self, program: Program, faults: Faults) -> None:
        self._program = program
        self._faults = faults
        self._types: set[str] = set()
        """The names that are known to stand for types in the file that is checked."""

    # --- one file ----------------------------------------------------------------------------------------------------

    def check(self, document: Document) -> None:
        """Check the names of a file's definitions, and those that they use."""
        self._types = set()
        seen: dict[str, Definition] = {}
        for one in document.definitions:
            other = seen.setdefault(one.name, one)
            if other is not one:
                message = f"{one.name} is defined in line {other.position.line} already: take another name"
                self._faults.add(document, one.position, message)
            self._check_definition(document, one)

    def _check_definition(self, document: Document, one: Definition) -> None:
        if isinstance(one, Struct):
            for field in one.fields:
                self._check_type(document, field.type)
        elif isinstance(one, Typedef | Const):
            self._check_type(document, one.type)
        elif isinstance(one, Service):
            self._check_extends(document, one)
            for function in one.functions:
                if function.returns is not None:
                    self._check_type(document, function.returns)
                for field in (*function.parameters, *function.throws):
                    self._check_type(document, field.type)

    def _check_type(self, document: Document, kind: Type) -> None:
        if isinstance(kind, Reference):
            if kind.name not in self._types:
                self._check_reference(document, kind)
        elif not isinstance(kind, BaseType):
            if isinstance(kind, MapOf):
                self._check_type(document, kind.key)
                self._check_type(document, kind.value)
            else:
                self._check_type(document, kind.element)

    def _check_reference(self, document: Document, kind: Reference) -> None:
        found = self._program.find(document, kind.name)
        if found is None:
            self._faults.add(document, kind.position, self._unknown(document, kind.name, "type"))
        elif isinstance(found.definition, Service | Const):
            what = "service" if isinstance(found.definition, Service) else "constant"
            self._faults.add(document, kind.position, f"{kind.name} is a {what}, where a type is expected")
        else:
            self._types.add(kind.name)

    def _check_extends(self, document: Document, service: Service) -> None:
        base = service.extends
        if base is None:
            return
        found = self._program.find(document, base.name)
        if found is None:
            self._faults.add(document, base.position, self._unknown(document, base.name, "service"))
        elif not isinstance(found.definition, Service):
            self._faults.add(document, base.position, f"{base.name} is no service, so {service.name} cannot extend it")

    def _unknown(self, document: Document, name: str, what: str) -> str:
        prefix, _, last = name.rpartition(".")
        included = self._program.includes[document]
        if prefix and prefix not in included:
            return f"nothing is included as {prefix}{self._faults.hint(prefix, included) or ': include that file'}"
        if prefix:
            names = _names(included[prefix], what)
            return f"{included[prefix].path} has no {what} {last}{self._faults.hint(last, names)}"
        for other, theirs in included.items():
            if name in theirs.by_name:
                return f"there is no {what} {name} in this file: write {other}.{name}"
        known = [*_names(document, what), *(sorted(BASE_TYPES) if what == "type" else ())]
        return f"there is no {what} {name}{self._faults.hint(name, known)}"

    # --- circles -----------------------------------------------------------------------------------------------------

    def check_circles(self) -> None:
        """Check that no typedef and no service leads to itself, nor too far."""
        for kind, after, what in (
            (Typedef, self._typedefs_in, "the typedef {} stands for itself: {}"),
            (Service, self._bases, "the service {} extends itself: {}"),
        ):
            keys = [
                (document, one.name)
                for document in self._program.documents
                for one in document.definitions
                if isinstance(one, kind) and document.by_name[one.name] is one
            ]
            order, found = circles(keys, after)
            for circle in found:
                document, name = circle[0]
                way = " -> ".join(one for _, one in [*circle[:3], circle[0]])
                self._faults.add(document, document.by_name[name].position, what.format(name, way))
            if not found:
                self._check_depth(order, kind)

    def _check_depth(self, order: list[_Key], kind: type[Typedef | Service]) -> None:
        """Check that no typedef or service stands on too many others; all of these come before it."""
        depths: dict[_Key, _Depth] = {}
        for key in order:
            document, name = key
            one = document.by_name[name]
            if isinstance(one, Typedef):
                levels, parts = self._depth(document, one.type, depths)
            else:
                levels, parts = max((depths[base] for base in self._bases(key)), default=_Depth(0, 0))
            depths[key] = _Depth(levels + 1, parts)
            if levels < MOST_NESTED and parts <= _MOST_PARTS:
                continue
            what = (
                f"{MOST_NESTED} services in a row"
                if kind is Service
                else f"{MOST_NESTED} levels, or {_MOST_PARTS} parts"
            )
            self._faults.add(document, one.position, f"{name} stands on more than {what}: make it simpler")
            return

    def _depth(self, document: Document, kind: Type, depths: dict[_Key, _Depth]) -> _Depth:
        if isinstance(kind, BaseType):
            return _Depth(0, 1)
        if isinstance(kind, Reference):
            found = self._program.find(document, kind.name)
            return _Depth(0, 1) if found is None else depths.get((found.document, found.definition.name), _Depth(0, 1))
        inner = (kind.key, kind.value) if isinstance(kind, MapOf) else (kind.element,)
        made = [self._depth(document, one, depths) for one in inner]
        return _Depth(1 + max(one.levels for one in made), 1 + sum(one.parts for one in made))

    def _typedefs_in(self, key: _Key) -> Iterator[_Key]:
        document, name = key
        one = document.by_name[name]
        assert isinstance(one, Typedef)
        for reference in _references(one.type):
            yield from self._key(self._program.find(document, reference.name), Typedef)

    def _bases(self, key: _Key) -> Iterator[_Key]:
        document, name = key
        one = document.by_name[name]
        assert isinstance(one, Service)
        if one.extends is not None:
            yield from self._key(self._program.find(document, one.extends.name), Service)

    @staticmethod
    def _key(found: Found | None, kind: type[Typedef | Service]) -> Iterator[_Key]:
        if found is not None and isinstance(found.definition, kind):
            yield found.document, found.definition.name


def _references(kind: Type) -> Iterator[Reference]:
    if isinstance(kind, Reference):
        yield kind
    elif isinstance(kind, MapOf):
        yield from _references(kind.key)
        yield from _references(kind.value)
    elif not isinstance(kind, BaseType):
        yield from _references(kind.element)


def _names(document: Document, what: str) -> Iterator[str]:
    is_service = what == "service"
    return (
        one.name
        for one in document.definitions
        if isinstance(one, Service) == is_service and not isinstance(one, Const)
    )
