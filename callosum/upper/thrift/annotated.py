"""Checks callosum's annotations in a .thrift file, each where it stands.

Law: an annotation of callosum's is obeyed or refused, never ignored. Those of others are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from callosum.errors import ConfigurationError
from callosum.upper.thrift.annotations import (
    check_reserved,
    is_ours,
    is_stream,
    method_annotations,
    preferred_encoding,
    refuse_all_but,
    service_name,
    struct_is_frozen,
)
from callosum.upper.thrift.idl.faults import Fault, IdlError
from callosum.upper.thrift.idl.model import (
    Annotations,
    Const,
    Definition,
    Document,
    Enum,
    Field,
    Function,
    ListOf,
    MapOf,
    Position,
    Program,
    Service,
    SetOf,
    Struct,
    StructKind,
    Type,
    Typedef,
)
from callosum.upper.thrift.naming import STUBS_RESERVED, python_name
from callosum.upper.thrift.streaming import StreamFault, streamed

Check = Callable[[dict[str, str | None]], object]
"""Raises ConfigurationError where the annotations cannot be."""
Annotated = tuple[Annotations, Check]


def check_annotations(program: Program, encodings: tuple[str, ...]) -> None:
    """Hold the annotations of a whole program against what callosum knows.

    Args:
        program: The file and all that it includes.
        encodings: Those that a service may prefer.

    Raises:
        IdlError: One stands where it means nothing, or says what cannot be.
    """
    found: list[Fault] = []
    for document in program.documents:
        for given, check in _annotated(document, encodings):
            found += _faults(document, given, check)
    if not found:  # what annotations say together is asked where each by itself can be
        found = [fault for document in program.documents for fault in _faults_of_streams(document)]
    if found:
        raise IdlError(found)


def _faults_of_streams(document: Document) -> Iterator[Fault]:
    for service in document.definitions:
        for function in service.functions if isinstance(service, Service) else ():
            place = f"{service.name}.{function.name}"
            try:
                faults = [*streamed(function, place).faults()]
            except ConfigurationError as error:  # two annotations, each of which could be
                faults = [StreamFault(str(error))]
            for fault in faults:
                yield Fault(document.path, _position(function, fault), fault.text)


def _position(function: Function, fault: StreamFault) -> Position:
    part = function if fault.parameter is None else function.parameters[fault.parameter]
    return next((one.position for one in part.annotations if one.name == fault.annotation), part.position)


def _faults(document: Document, annotations: Annotations, check: Check) -> Iterator[Fault]:
    ours = [one for one in annotations if is_ours(one.name)]
    if not ours:
        return
    names = [one.name for one in ours]
    for one in ours:
        if names.count(one.name) > 1:
            yield Fault(document.path, one.position, f"{one.name} stands here twice: remove one of them")
            return
    for one in ours:  # each by itself, so that the fault has its place
        try:
            check({one.name: one.value})
        except ConfigurationError as error:
            yield Fault(document.path, one.position, str(error))


def _annotated(document: Document, encodings: tuple[str, ...]) -> Iterator[Annotated]:
    for namespace in document.namespaces:
        yield namespace.annotations, _nothing(f"namespace {namespace.scope}")
    for one in document.definitions:
        yield one.annotations, _check_of(one, encodings)
        match one:
            case Struct():
                yield from _in_fields(one.fields, one.name)
            case Enum():
                for member in one.members:
                    yield member.annotations, _nothing(f"{one.name}.{member.name}")
            case Typedef() | Const():
                yield from _in_type(one.type, one.name)
            case Service():
                for function in one.functions:
                    yield from _in_function(function, f"{one.name}.{function.name}")


def _nothing(place: str) -> Check:
    return lambda annotations: refuse_all_but(set(), annotations, place)


def _check_of(one: Definition, encodings: tuple[str, ...]) -> Check:
    match one:
        case Service():
            return partial(_check_service, one.name, encodings)
        case Struct():
            return partial(_check_struct, one)
        case _:
            return _nothing(one.name)


def _check_service(name: str, encodings: tuple[str, ...], given: dict[str, str | None]) -> None:
    service_name(given, name)
    preferred_encoding(given, encodings, name)


def _check_struct(struct: Struct, given: dict[str, str | None]) -> None:
    if struct_is_frozen(given, struct.name) and struct.kind is not StructKind.STRUCT:
        raise ConfigurationError(f"{struct.name}: callosum.frozen is for structs, and this is no struct: remove it")
    check_reserved(given, {field.id: field.name for field in struct.fields}, struct.name)


def _in_fields(fields: tuple[Field, ...], owner: str) -> Iterator[Annotated]:
    for field in fields:
        yield field.annotations, _nothing(f"{owner}.{field.name}")
        yield from _in_type(field.type, f"{owner}.{field.name}")


def _in_type(kind: Type, place: str) -> Iterator[Annotated]:
    yield kind.annotations, _nothing(f"the type of {place}")
    match kind:
        case ListOf() | SetOf():
            yield from _in_type(kind.element, place)
        case MapOf():
            yield from _in_type(kind.key, place)
            yield from _in_type(kind.value, place)
        case _:
            pass


def _in_function(function: Function, place: str) -> Iterator[Annotated]:
    parameters = tuple(one.name for one in function.parameters)
    yield function.annotations, lambda annotations: method_annotations(annotations, parameters, place)
    if function.returns is not None:
        yield from _in_type(function.returns, place)
    for field in function.parameters:
        yield field.annotations, partial(_check_parameter, f"{place}.{field.name}")
        yield from _in_type(field.type, f"{place}.{field.name}")
    yield from _in_fields(function.throws, place)


def _check_parameter(place: str, given: dict[str, str | None]) -> None:
    is_stream(given, place)


def check_names(program: Program) -> None:
    """Hold the methods of each service against one another, as Python names them.

    Raises:
        IdlError: Two would have the same name in Python.
    """
    found: list[Fault] = []
    for document in program.documents:
        for one in document.definitions:
            if not isinstance(one, Service):
                continue
            spelled: dict[str, str] = {}
            for where, _, function in program.functions(document, one):
                name = python_name(function.name, STUBS_RESERVED)
                other = spelled.setdefault(name, function.name)
                if other != function.name:
                    message = f"{one.name}: {other} and {function.name} would both be {name} in Python: rename one"
                    found.append(Fault(where.path, function.position, message))
    if found:
        raise IdlError(found)
