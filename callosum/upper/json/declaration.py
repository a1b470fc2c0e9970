"""Reads a service from the Protocol class that a user wrote."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import GenericAlias
from typing import Any, Final

import msgspec

from callosum.errors import ConfigurationError
from callosum.fingerprint import MethodText, write_fingerprint
from callosum.service import Cardinality, Method, MethodCodec, Parameter, Service
from callosum.streams import BidiStream, ReceiveStream
from callosum.upper.json.codec import item_codec, method_codec
from callosum.upper.json.exceptions import ExceptionForm, exception_form
from callosum.upper.json.marks import Marks, marks_of
from callosum.upper.json.streams import cardinality_of, is_stream, item_type, stream_of
from callosum.upper.json.types import check_type, type_text

CODEC: Final = "json"
_STUBS_OWN: Final = frozenset({"with_options"})
"""What a stub has besides the methods."""


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """One method as it was written, checked."""

    name: str
    marks: Marks
    parameters: tuple[inspect.Parameter, ...]
    types: Mapping[str, Any]
    """By parameter; what it returns by ``return``. Of a stream it is the type of its items."""
    cardinality: Cardinality
    stream: int | None
    """Which parameter is the caller's stream."""
    raises: tuple[ExceptionForm, ...]
    doc: str


def read_service(cls: type, name: str, namespace: Mapping[str, Any]) -> Service:
    """The service of a Protocol class.

    Args:
        cls: The class.
        name: The service's name on the wire.
        namespace: Names that annotations may use beside those of their module.

    Raises:
        ConfigurationError: The class cannot be a service; all of its faults are named.
    """
    if not getattr(cls, "_is_protocol", False):
        raise ConfigurationError(f"{cls.__name__} is no Protocol: write class {cls.__name__}(typing.Protocol)")
    if getattr(cls, "__parameters__", ()):
        raise ConfigurationError(f"{cls.__name__} is generic: a service has one type for each value")
    faults: list[str] = []
    declared: list[Declared] = []
    for attribute, value in _members(cls):
        try:
            declared.append(_declared(attribute, value, f"{name}.{attribute}", namespace))
        except ConfigurationError as fault:
            faults.append(str(fault))
    if faults:
        raise ConfigurationError("; ".join(faults))
    methods = {one.name: _method(name, one) for one in declared}
    bases = tuple(base.__dict__["__callosum_service__"] for base in cls.__mro__[1:] if _is_service(base))
    return Service(
        name, methods, fingerprint(name, declared), bases, inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    )


def _is_service(cls: type) -> bool:
    return isinstance(cls.__dict__.get("__callosum_service__"), Service)


def _members(cls: type) -> Iterator[tuple[str, object]]:
    """What the class and its bases define, but for what begins with an underscore."""
    found: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        if getattr(base, "_is_protocol", False) and base is not typing.Protocol:
            found |= dict.fromkeys(inspect.get_annotations(base))
            found |= base.__dict__
    return ((name, value) for name, value in found.items() if not name.startswith("_"))


def _declared(name: str, function: object, place: str, namespace: Mapping[str, Any]) -> Declared:
    if not inspect.isfunction(function):
        raise ConfigurationError(f"{place} is no method, and a service has nothing else")
    if name in _STUBS_OWN:
        raise ConfigurationError(f"{place}: stubs have a {name} of their own: rename the method")
    marks = marks_of(function)
    types = _types(function, place, namespace)
    cardinality = cardinality_of(function, types, marks.cardinality, place)
    parameters = tuple(inspect.signature(function).parameters.values())[1:]
    for one in parameters:
        _check_parameter(one, types, place)
    if "return" not in types:
        raise ConfigurationError(f"{place} does not say what it returns: write -> None, or a type")
    stream = stream_of(parameters, types, marks.key, place)
    types = _without_streams(types, place)
    for which, kind in types.items():
        check_type(kind, f"{place}, what it returns" if which == "return" else f"{place}.{which}")
    _check_marks(marks, parameters, types, place)
    raises = tuple(exception_form(one, namespace, place) for one in marks.raises)
    if len({one.name for one in raises}) < len(raises):
        raise ConfigurationError(f"{place} declares two exceptions of one name: their names tell them apart")
    return Declared(name, marks, parameters, types, cardinality, stream, raises, inspect.getdoc(function) or "")


def _without_streams(types: Mapping[str, Any], place: str) -> Mapping[str, Any]:  # types
    return {
        name: item_type(kind, f"{place}.{name}".removesuffix(".return")) if is_stream(kind) else kind
        for name, kind in types.items()
    }


def _types(function: Any, place: str, namespace: Mapping[str, Any]) -> Mapping[str, Any]:  # a function, and types
    try:
        return typing.get_type_hints(function, localns=dict(namespace), include_extras=True)
    except NameError as error:
        raise ConfigurationError(f"{place}: {error}: its types have to be defined above the service") from None


def _check_parameter(parameter: inspect.Parameter, types: Mapping[str, Any], place: str) -> None:
    if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.POSITIONAL_ONLY}:
        raise ConfigurationError(f"{place}: {parameter}: a handler gets its arguments one by one, by position")
    if parameter.name not in types:
        raise ConfigurationError(f"{place}: {parameter.name} has no type")


def _check_marks(marks: Marks, parameters: tuple[inspect.Parameter, ...], types: Mapping[str, Any], place: str) -> None:
    if marks.cardinality is Cardinality.ONEWAY and (marks.raises or types["return"] is not type(None)):
        raise ConfigurationError(f"{place} is oneway: it returns None and raises nothing, for nobody waits for it")
    if marks.key is not None and marks.key not in {one.name for one in parameters}:
        raise ConfigurationError(f"{place}: json.key({marks.key!r}) names no parameter")


def _method(service: str, declared: Declared) -> Method:
    place = f"{service}.{declared.name}"
    marks = declared.marks
    return Method(
        service=service,
        name=declared.name,
        parameters=tuple(
            Parameter(
                one.name,
                one.default is not one.empty or _may_be_left_out(declared, index),
                type_text(declared.types[one.name]),
                None if one.default is one.empty else one.default,
            )
            for index, one in enumerate(declared.parameters)
        ),
        codecs={CODEC: _codec(declared, place)},
        cardinality=declared.cardinality,
        python_name=declared.name,
        returns="" if marks.cardinality is Cardinality.ONEWAY else type_text(declared.types["return"]),
        raises=tuple(one.cls for one in declared.raises),
        idempotent=marks.idempotent,
        key=marks.key,
        stream=declared.stream,
        timeout=marks.timeout,
        doc=declared.doc,
        annotations=_stubs_types(declared),
    )


def _may_be_left_out(declared: Declared, index: int) -> bool:
    """Who leaves his stream out sends by hand."""
    return index == declared.stream and declared.cardinality is Cardinality.BIDI_STREAM


def _stubs_types(declared: Declared) -> Mapping[str, Any]:  # types
    """Those of a stub's method, whose streams are more than a Protocol says."""
    received = declared.types["return"]
    name = "" if declared.stream is None else declared.parameters[declared.stream].name
    sent = declared.types.get(name)
    taken: Any = GenericAlias(AsyncIterable, (sent,))  # a type
    match declared.cardinality:
        case Cardinality.SERVER_STREAM:
            return {**declared.types, "return": GenericAlias(ReceiveStream, (received,))}
        case Cardinality.CLIENT_STREAM:
            return {**declared.types, name: taken}
        case Cardinality.BIDI_STREAM:
            return {**declared.types, name: taken | None, "return": GenericAlias(BidiStream, (sent, received))}
        case _:
            return declared.types


def _codec(declared: Declared, place: str) -> MethodCodec:
    codec = method_codec(_arguments(declared, place), declared.types["return"], declared.raises, place)
    if declared.stream is None:
        return codec
    name = declared.parameters[declared.stream].name
    encode_item, decode_item = item_codec(declared.types[name], f"{place}.{name}")
    return replace(codec, encode_item=encode_item, decode_item=decode_item)


def _arguments(declared: Declared, place: str) -> type[msgspec.Struct]:
    """A struct with a field for each parameter but the stream; what has its default does not travel."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for index, one in enumerate(declared.parameters):
        if index == declared.stream:
            continue
        default = () if one.default is one.empty else (one.default,)
        fields.append((one.name, declared.types[one.name], *default))
    try:
        return msgspec.defstruct(f"{declared.name}_args", fields, omit_defaults=True)
    except TypeError as error:  # a default that all calls would share
        raise ConfigurationError(f"{place}: {error}") from None


def fingerprint(name: str, declared: list[Declared]) -> str:
    """Digests of the names, the types as JSON Schema, and what is required."""
    methods: list[list[Any]] = []  # what is in JSON Schema
    parts: dict[str, MethodText] = {}
    for one in sorted(declared, key=lambda one: one.name):
        arguments = [
            [p.name, p.default is p.empty, _schema(one.types[p.name]), *(["stream"] if index == one.stream else [])]
            for index, p in enumerate(one.parameters)
        ]
        answer = [_schema(one.types["return"]), sorted([form.name, _schema(form.fields)] for form in one.raises)]
        methods.append([one.name, one.cardinality.value, arguments, *answer])
        is_oneway = one.cardinality is Cardinality.ONEWAY
        parts[one.name] = MethodText(_text(arguments), None if is_oneway else _text(answer), one.cardinality.mode)
    return write_fingerprint(_text([name, methods]), parts)


def _text(schemas: Any) -> str:  # what is in JSON Schema
    return msgspec.json.encode(schemas, order="deterministic").decode()


def _schema(annotation: Any) -> Any:  # a type, and what is in JSON Schema
    return _bare(msgspec.json.schema(annotation))


def _bare(schema: Any) -> Any:  # what is in JSON Schema
    """Without what is for people, and without defaults: those are texts and values, never objects with a type."""
    if isinstance(schema, dict):
        return {
            name: _bare(value)
            for name, value in schema.items()
            if name != "default" and not (name in {"title", "description"} and isinstance(value, str))
        }
    return [_bare(one) for one in schema] if isinstance(schema, list) else schema
