"""Checks of what definitions stand for; every name is known here, and no typedef or service leads to itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.faults import Faults, IdlError
from callosum.upper.thrift.idl.graphs import circles
from callosum.upper.thrift.idl.model import (
    BaseType,
    Const,
    Document,
    Field,
    Function,
    ListValue,
    Literal,
    MapValue,
    Program,
    Reference,
    Requiredness,
    Service,
    SetValue,
    Struct,
    StructKind,
    StructValue,
    Type,
    Value,
)

_Key: TypeAlias = tuple[Document, str]
"""A struct by its file and name."""
_Functions: TypeAlias = dict[str, tuple[Service, Function]]


def check_meanings(program: Program, faults: Faults) -> None:
    """Check constants, defaults, exceptions, inherited functions, and structs that are in themselves."""
    _Meanings(program, faults).check()


class _Meanings:
    def __init__(self, program: Program, faults: Faults) -> None:
        self._program = program
        self._faults = faults
        self._made: dict[_Key, list[_Key]] = {}
        """The structs that a new instance of a struct makes of its defaults."""

    def check(self) -> None:
        services: list[tuple[Document, Service]] = []
        structs: list[tuple[Document, Struct]] = []
        for document in self._program.documents:
            for one in document.definitions:
                if isinstance(one, Struct):
                    structs.append((document, one))
                    self._check_defaults(document, one.fields, (document, one.name))
                elif isinstance(one, Service):
                    services.append((document, one))
                    for function in one.functions:
                        self._check_function(document, function)
                elif isinstance(one, Const):
                    self._evaluated(document, one.type, one.value)
        self._check_inherited(services)
        self._check_circles(structs)

    # --- values ------------------------------------------------------------------------------------------------------

    def _evaluated(self, document: Document, kind: Type, literal: Literal) -> Value | None:
        if self._faults.is_full():
            return None
        try:
            return evaluate(self._program, document, kind, literal)
        except IdlError as error:
            for fault in error.faults:
                if fault not in self._faults.found:  # what is wrong with a constant is wrong wherever it is named
                    self._faults.found.append(fault)
            return None

    def _check_defaults(self, document: Document, fields: Iterable[Field], key: _Key | None = None) -> None:
        for one in fields:
            if one.default is not None:
                value = self._evaluated(document, one.type, one.default)
                if key is not None and isinstance(value, StructValue | ListValue | SetValue | MapValue):
                    self._made.setdefault(key, []).extend(_structs_in(value))

    # --- services ----------------------------------------------------------------------------------------------------

    def _check_function(self, document: Document, function: Function) -> None:
        self._check_defaults(document, function.parameters)
        for one in function.throws:
            _, true = self._program.true_type(document, one.type)
            if not isinstance(true, Struct) or true.kind is not StructKind.EXCEPTION:
                name = one.type.name if isinstance(one.type, Reference | BaseType) else "a container"
                message = f"{function.name} throws {name}, which is no exception: define it with exception"
                self._faults.add(document, one.type.position, message)
            if one.default is not None:
                self._faults.add(document, one.position, f"{one.name} is thrown, so it has no default: leave it out")

    def _check_inherited(self, services: list[tuple[Document, Service]]) -> None:
        known: dict[_Key, _Functions] = {}
        for document, service in services:
            for one in service.functions:
                there = self._inherited(document, service, known).get(one.name)
                if there is not None:
                    base = there[0].name
                    message = f"{service.name} has {one.name} from {base} already: take another name"
                    self._faults.add(document, one.position, message)

    def _inherited(self, document: Document, service: Service, known: dict[_Key, _Functions]) -> _Functions:
        """The functions of all services that a service extends."""
        if service.extends is None:
            return {}
        found = self._program.find(document, service.extends.name)
        assert found is not None
        key = (found.document, found.definition.name)
        if key not in known:
            base = found.definition
            assert isinstance(base, Service)
            known[key] = self._inherited(found.document, base, known) | {
                one.name: (base, one) for one in base.functions
            }
        return known[key]

    # --- structs in themselves ---------------------------------------------------------------------------------------

    def _check_circles(self, structs: list[tuple[Document, Struct]]) -> None:
        required = {(document, one.name): list(self._required(document, one)) for document, one in structs}
        message = "{} contains itself through required fields, so it would never end: make one of them optional"
        self._check_circle(required, message)
        self._check_circle(self._made, "{} is part of its own default, so it would never end: leave a default out")

    def _check_circle(self, after: dict[_Key, list[_Key]], message: str) -> None:
        for circle in circles(after, lambda key: after.get(key, ()))[1]:
            document, name = circle[0]
            way = " -> ".join(one for _, one in [*circle[:3], circle[0]])
            way = f"{name} ({way})" if len(circle) > 1 else name
            self._faults.add(document, document.by_name[name].position, message.format(way))

    def _required(self, document: Document, struct: Struct) -> Iterator[_Key]:
        for one in struct.fields:
            if one.requiredness is Requiredness.REQUIRED and isinstance(one.type, Reference):
                where, true = self._program.true_type(document, one.type)
                if isinstance(true, Struct):
                    yield where, true.name


def _structs_in(value: Value) -> Iterator[_Key]:
    """Those of which a value has an instance that takes a default of its own."""
    if isinstance(value, StructValue):
        given = {one.name for one, _ in value.fields}
        if any(one.default is not None and one.name not in given for one in value.struct.fields):
            yield value.document, value.struct.name
        for _, one in value.fields:
            yield from _structs_in(one)
    elif isinstance(value, ListValue | SetValue):
        for one in value.items:
            yield from _structs_in(one)
    elif isinstance(value, MapValue):
        for key, one in value.items:
            yield from _structs_in(key)
            yield from _structs_in(one)
