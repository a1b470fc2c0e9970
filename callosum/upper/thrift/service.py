"""Turns a thriftpy2 service class into callosum's `Service`.

A service class has ``thrift_services``, the names of its methods, and for each a ``<method>_args`` and a
``<method>_result``. ``extends`` is inheritance.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from callosum.errors import ConfigurationError, DecodeError, EncodeError, Outcome
from callosum.service import Body, Cardinality, Method, MethodCodec, Parameter, Service
from callosum.upper.thrift.annotations import (
    Annotations,
    MethodAnnotations,
    annotations_on,
    check_reserved,
    is_stream,
    method_annotations,
    own_annotations,
    preferred_encoding,
    refuse_all_but,
    service_name,
)
from callosum.upper.thrift.binary import BINARY as BINARY_ENCODING
from callosum.upper.thrift.codec import ENCODINGS, MethodCodecs
from callosum.upper.thrift.encoding import NO_DEFAULT, Encoding
from callosum.upper.thrift.fingerprint import Interface, fingerprint
from callosum.upper.thrift.mismatch import encode_error, fields_error
from callosum.upper.thrift.naming import STUBS_RESERVED, python_name
from callosum.upper.thrift.payload import MISSING
from callosum.upper.thrift.sources import sources_of
from callosum.upper.thrift.spec import BINARY, Field, Struct, StructType, reachable, struct_of
from callosum.upper.thrift.streaming import StreamedFunction, StreamParameter
from callosum.upper.thrift.views import view_of_binary

_ATTRIBUTE: Final = "__callosum_service__"
_SIDES: Final = ("handler", "stub")
_SECTIONS: Final = re.compile(r"(?:^|\n\n)(?:Args|Raises):\n.*", re.DOTALL)
"""What the emitter puts behind a doc comment."""


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A method as the metadata has it, before anything is compiled."""

    name: str
    cardinality: Cardinality
    args: Struct
    result: Struct
    annotations: MethodAnnotations
    stream: int | None
    """Which of the arguments is the caller's stream; None where there is none."""
    typed: Callable[..., object] | None
    """The method of the generated handler, which has its doc; None in a module of thriftpy2's."""
    stub: Callable[..., object] | None
    """That of the generated stub, which has its types."""

    @property
    def is_oneway(self) -> bool:
        """Whether nobody waits for it."""
        return self.cardinality is Cardinality.ONEWAY

    @property
    def request(self) -> Struct:
        """The arguments that come with the request: all but the stream."""
        if self.stream is None:
            return self.args
        fields = tuple(one for index, one in enumerate(self.args.fields) if index != self.stream)
        return Struct(self.args.cls, self.args.name, fields)

    @property
    def success(self) -> Field | None:
        """The field of the result that holds what is returned, or None where nothing is."""
        return next((one for one in self.result.fields if one.id == 0), None)

    @property
    def errors(self) -> tuple[Field, ...]:
        """The fields of the result that hold declared exceptions."""
        return tuple(one for one in self.result.fields if one.id != 0)


def is_service_class(cls: type) -> bool:
    """Whether a class is a service of Thrift's, and not one that a user derived from it."""
    return isinstance(cls.__dict__.get("thrift_services"), list | tuple)


def thrift_service(cls: type) -> Service:
    """The service of a service class. The same object each time.

    Raises:
        ConfigurationError: Its IDL has faults.
    """
    known: object = cls.__dict__.get(_ATTRIBUTE)
    if isinstance(known, Service):
        return known
    name, functions = read_service(cls)
    encodings = _encodings(cls)
    methods = {one.name: _method(name, one, encodings) for one in functions}
    mark = fingerprint(name, (Interface(f.name, f.cardinality, f.args, f.result, f.stream) for f in functions))
    bases = tuple(thrift_service(base) for base in _extended(cls))
    doc = cls.__dict__.get("__doc__") or ""
    service = Service(name, methods, mark, bases, doc, partial(sources_of, cls))
    setattr(cls, _ATTRIBUTE, service)
    return service


def _extended(cls: type) -> list[type]:
    """The services that one extends, the nearest first: a generated one names the next, thriftpy2 derives."""
    if "__thrift_extends__" not in cls.__dict__:
        return [base for base in cls.__mro__[1:] if is_service_class(base)]
    found: list[type] = []
    base: type | None = cls.__dict__["__thrift_extends__"]
    while base is not None:
        found.append(base)
        base = base.__dict__["__thrift_extends__"]
    return found


def read_service(cls: type) -> tuple[str, list[Function]]:
    """The name on the wire and the functions of a service class, checked.

    Raises:
        ConfigurationError: Its IDL has faults.
    """
    name = service_name(own_annotations(cls), cls.__dict__.get("__thrift_name__", cls.__name__))
    _encodings(cls)
    names: list[str] = list(dict.fromkeys(getattr(cls, "thrift_services", ())))
    functions = [_function(cls, one) for one in names]
    structs: dict[type, Struct] = {}
    for function in functions:
        structs |= reachable(function.args) | reachable(function.result)
    parts = {part.cls for function in functions for part in (function.args, function.result)}
    for struct in structs.values():
        if struct.cls not in parts:  # which have been looked at
            check_struct(struct)
    spelled: dict[str, str] = {}
    for one in names:
        other = spelled.setdefault(_python_name(one), one)
        if other != one:
            raise ConfigurationError(f"{cls.__name__}: {other} and {one} would have the same name in Python")
    return name, functions


def _encodings(cls: type) -> tuple[Encoding, ...]:
    """All, the one first that the service prefers."""
    by_name = {one.name.removeprefix("thrift-"): one for one in ENCODINGS}
    first = by_name.pop(preferred_encoding(own_annotations(cls), list(by_name), cls.__name__))
    return (first, *by_name.values())


def _python_name(name: str) -> str:
    """The attribute of stub and handler."""
    return python_name(name, STUBS_RESERVED)


def _function(cls: type, name: str) -> Function:
    place = f"{cls.__name__}.{name}"
    if not name.isidentifier():
        raise ConfigurationError(f"{place}: Python cannot name this method: rename it")
    try:
        args, result = struct_of(getattr(cls, f"{name}_args")), struct_of(getattr(cls, f"{name}_result"))
    except AttributeError as error:
        raise ConfigurationError(f"{place} has no {error.name}: the class is not one that thriftpy2 made") from None
    owner = next(one for one in cls.__mro__ if f"{name}_args" in one.__dict__)
    annotations = annotations_on(owner, "__thrift_function_annotations__").get(name, {})
    for field_name, on_field in annotations_on(result.cls, "__thrift_field_annotations__").items():
        refuse_all_but(set(), on_field, f"{place}.{field_name}")
    said = method_annotations(annotations, tuple(one.name for one in args.fields), place)
    streamed = _streamed(args, result, annotations, said, place)
    fault = next(streamed.faults(), None)
    if fault is not None:
        raise ConfigurationError(fault.text)
    typed, stub = (getattr(cls.__dict__.get(f"__thrift_{side}__"), _python_name(name), None) for side in _SIDES)
    cardinality = Cardinality.ONEWAY if streamed.is_oneway else streamed.mode
    function = Function(name, cardinality, args, result, said, streamed.stream, typed, stub)
    _check(function, place)
    return function


def _streamed(
    args: Struct, result: Struct, annotations: Annotations, said: MethodAnnotations, place: str
) -> StreamedFunction:
    marks = annotations_on(args.cls, "__thrift_field_annotations__")
    parameters = [
        StreamParameter(one.name, is_stream(marks.get(one.name, {}), f"{place}.{one.name}"), default is not NO_DEFAULT)
        for one, default in zip(args.fields, _defaults(args), strict=True)
    ]
    is_void = all(one.id != 0 for one in result.fields)
    is_oneway = bool(getattr(result.cls, "oneway", False))
    return StreamedFunction(place, annotations, said.stream, said.key, parameters, is_oneway, is_void)


def _check(function: Function, place: str) -> None:
    if function.is_oneway and function.result.fields:
        what = "returns something" if function.success else "throws"
        raise ConfigurationError(f"{place} is oneway and {what}: nobody waits for the answer of a oneway method")
    for one in function.errors:
        if not isinstance(one.type, StructType) or not issubclass(one.type.cls, BaseException):
            raise ConfigurationError(f"{place} throws {one.type.text}, which is not an exception: declare one")
    ids = [name for name, _ in getattr(function.result.cls, "default_spec", ())]
    if len(ids) != len(function.result.fields):
        raise ConfigurationError(f"{place}: an exception has the id 0, which is that of the result: number from 1")


def check_struct(struct: Struct) -> None:
    """Raise ConfigurationError where the annotations of a struct, or of its fields, cannot be."""
    fields = {one.id: one.name for one in struct.fields}
    check_reserved(own_annotations(struct.cls), fields, struct.name)
    for name, on_field in annotations_on(struct.cls, "__thrift_field_annotations__").items():
        refuse_all_but(set(), on_field, f"{struct.name}.{name}")


def _method(service: str, function: Function, encodings: Sequence[Encoding]) -> Method:
    place, defaults = f"{service}.{function.name}", _defaults(function.args)
    if function.stream is not None and function.cardinality is Cardinality.BIDI_STREAM:
        defaults[function.stream] = None  # who leaves it out sends by hand
    for one in function.errors:
        assert isinstance(one.type, StructType)
        mark_exception(one.type.cls)
    return Method(
        service=service,
        name=function.name,
        parameters=tuple(
            Parameter(one.name, default is not NO_DEFAULT, one.type.text, None if default is NO_DEFAULT else default)
            for one, default in zip(function.args.fields, defaults, strict=True)
        ),
        codecs=MethodCodecs({one.name: partial(_codec, place, function, one) for one in encodings}),
        cardinality=function.cardinality,
        python_name=_python_name(function.name),
        returns=function.success.type.text if function.success else "" if function.is_oneway else "void",
        raises=tuple(one.type.cls for one in function.errors if isinstance(one.type, StructType)),
        idempotent=function.annotations.idempotent,
        key=function.annotations.key,
        stream=function.stream,
        timeout=function.annotations.timeout,
        doc=_SECTIONS.sub("", inspect.getdoc(function.typed) or ""),
        annotations=_annotations(function.stub),
    )


def _annotations(typed: Callable[..., object] | None) -> Mapping[str, object]:
    """The types of a generated method: what its texts mean in its module, or the texts where a name is not there."""
    if typed is None:
        return {}
    try:
        return inspect.get_annotations(typed, eval_str=True)
    except (NameError, AttributeError):  # of a module that includes, in a circle, one that is not whole yet
        return inspect.get_annotations(typed)


def _defaults(args: Struct) -> list[object]:
    """What each parameter has where a caller leaves it out."""
    for_caller: Mapping[str, object] | None = args.cls.__dict__.get("__thrift_for_caller__")
    if for_caller is not None:
        given = [for_caller[one.name] for one in args.fields]
        return [NO_DEFAULT if default is MISSING else default for default in given]
    return [NO_DEFAULT if one.default is None else one.default for one in args.fields]


def mark_exception(cls: type) -> None:
    """Declared exceptions have an outcome, as all that a call raises, unless the IDL has a field of that name."""
    if not hasattr(cls, "outcome") and all(one.name != "outcome" for one in struct_of(cls).fields):
        cls.outcome = Outcome.EXECUTED  # type: ignore[attr-defined]


def _codec(place: str, function: Function, encoding: Encoding) -> MethodCodec:
    request, stream = function.request, function.stream
    codec = MethodCodec(
        encode_args=encoding.fields_encoder(
            request,
            _python_name(function.name),
            [one.name for one in request.fields],
            _defaults(request),
            partial(fields_error, request, f"{place}.args"),
        ),
        decode_args=encoding.fields_decoder(request, f"{place}.args"),
        encode_result=_result_encoder(function, encoding, f"{place}.result"),
        encode_exception=_exception_encoder(function, encoding, f"{place}.result"),
        decode_result=_result_decoder(function, encoding, f"{place}.result"),
        encode_item=None if stream is None else _item_encoder(function.args, stream, encoding, f"{place}.item"),
        decode_item=None if stream is None else _item_decoder(function.args, stream, encoding, f"{place}.item"),
    )
    return _with_views(codec, function, encoding)


def _with_views(codec: MethodCodec, function: Function, encoding: Encoding) -> MethodCodec:
    """What is a stream of binary can be received without copies."""
    if encoding is not BINARY_ENCODING:
        return codec
    success, stream = function.success, function.stream
    if function.cardinality.gives_items and success is not None and success.type is BINARY:
        codec = replace(codec, view_result=view_of_binary(success.id, codec.decode_result))
    if stream is not None and codec.decode_item is not None and function.args.fields[stream].type is BINARY:
        codec = replace(codec, view_item=view_of_binary(function.args.fields[stream].id, codec.decode_item))
    return codec


def _item_encoder(
    args: Struct, stream: int, encoding: Encoding, path: str
) -> Callable[[Any], bytes]:  # a value of any IDL type
    item = args.fields[stream]

    def report(values: tuple[object, ...], cause: Exception) -> EncodeError:
        return encode_error(item.type, values[0], f"{path}.{item.name}", cause)

    return encoding.fields_encoder(_alone(args, item), "encode_item", ["value"], [NO_DEFAULT], report)


def _item_decoder(
    args: Struct, stream: int, encoding: Encoding, path: str
) -> Callable[[Body], Any]:  # a value of any IDL type
    alone = _alone(args, args.fields[stream])
    decode = encoding.fields_decoder(alone, path, alone.fields[0])

    def decode_item(body: Body) -> Any:  # a value of any IDL type
        values = decode(body)
        return values[0] if type(values) is tuple else values

    return decode_item


def _result_encoder(
    function: Function, encoding: Encoding, path: str
) -> Callable[[Any], bytes]:  # a value of any IDL type
    success = function.success
    if success is None:
        return lambda value: _encode_void(value, encoding.void, path)

    def report(values: tuple[object, ...], cause: Exception) -> EncodeError:
        (value,) = values
        if value is None:
            return EncodeError(f"the handler returned None, and the IDL says {success.type.text}", path=path)
        return encode_error(success.type, value, path, cause)

    return encoding.fields_encoder(_alone(function.result, success), "encode_result", ["value"], [NO_DEFAULT], report)


def _alone(struct: Struct, field: Field) -> Struct:
    """A result, or arguments, of one field, which must be there."""
    return Struct(struct.cls, struct.name, (Field(field.id, field.name, field.type, is_required=True),))


def _encode_void(value: object, void: bytes, path: str) -> bytes:
    if value is None:
        return void
    raise EncodeError(f"the IDL says void, and the handler returned a {type(value).__name__}: return None", path=path)


def _exception_encoder(function: Function, encoding: Encoding, path: str) -> Callable[[BaseException], bytes | None]:
    declared = {one.type.cls: one for one in reversed(function.errors) if isinstance(one.type, StructType)}
    encoders: dict[type, Callable[..., bytes]] = {}

    def encode_exception(error: BaseException) -> bytes | None:
        cls = next((one for one in type(error).__mro__ if one in declared), None)
        if cls is None:
            return None
        if cls not in encoders:  # exceptions are rare: most methods never raise each of theirs
            encoders[cls] = _error_encoder(function, declared[cls], encoding, path)
        return encoders[cls](error)

    return encode_exception


def _error_encoder(function: Function, field: Field, encoding: Encoding, path: str) -> Callable[..., bytes]:
    def report(values: tuple[object, ...], cause: Exception) -> EncodeError:
        return encode_error(field.type, values[0], f"{path}.{field.name}", cause)

    return encoding.fields_encoder(_alone(function.result, field), "encode_exception", ["error"], [NO_DEFAULT], report)


def _result_decoder(
    function: Function, encoding: Encoding, path: str
) -> Callable[[Body], Any]:  # a value of any IDL type
    success = function.success
    decode, void = encoding.fields_decoder(function.result, path, success), encoding.void
    fields = function.result.fields
    at = next((index for index, one in enumerate(fields) if one.id == 0), None)
    errors = [index for index, one in enumerate(fields) if one.id != 0]

    def decode_result(body: Body) -> Any:  # a value of any IDL type
        if at is None and body == void:
            return None
        values = decode(body)
        if type(values) is not tuple:  # the result alone
            return values
        if at is not None and values[at] is not None:
            return values[at]
        for index in errors:
            error = values[index]
            if error is not None:
                raise error
        if at is None:
            raise DecodeError("missing result: it is no declared exception, and void has no fields", path=path)
        raise DecodeError("missing result: neither a value nor a declared exception is there", path=path)

    return decode_result
