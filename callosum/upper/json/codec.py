"""The callables between values and JSON.

Law: what leaves is what the other side can read. A value is encoded, and then decoded by the very decoder that the
other side has, before it is sent; so a value that does not fit is its sender's fault and nobody else's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Union

import msgspec

from callosum.errors import DecodeError, EncodeError
from callosum.service import Body, MethodCodec
from callosum.upper.json.exceptions import ExceptionForm
from callosum.upper.json.room import room_check
from callosum.upper.json.types import nodes

_PLACE: Final = re.compile(r" - at (?:`key` in )?`\$(?P<place>[^`]*)`$")
_encode = msgspec.json.Encoder().encode
Decode = Callable[[Body], Any]  # the values of a type


def method_codec(
    arguments: type[msgspec.Struct], result: Any, raises: Sequence[ExceptionForm], place: str
) -> MethodCodec:
    """The codec of one method.

    Args:
        arguments: A struct with a field for each parameter.
        result: The type of what is returned.
        raises: The declared exceptions.
        place: ``Service.method``, the beginning of all paths.
    """
    read_arguments = decoder(arguments, f"{place}.args")
    astuple = msgspec.structs.astuple
    return MethodCodec(
        encode_args=_arguments_encoder(arguments, read_arguments, place),
        decode_args=lambda body: astuple(read_arguments(body)),
        encode_result=_result_encoder(result, place),
        encode_exception=_exception_encoder(raises, place),
        decode_result=_result_decoder(result, raises, place),
    )


def item_codec(item: Any, path: str) -> tuple[Callable[[Any], bytes], Decode]:  # a type, and its values
    """The encoder and the decoder of the values of a caller's stream."""
    read = decoder(item, path)

    def encode_item(value: Any) -> bytes:  # whatever a user gave
        body = _encoded(value, path)
        _check(read, body)
        return body

    return encode_item, read


def decoder(annotation: Any, path: str) -> Decode:
    """Bytes to the values of a type. What it returns raises DecodeError, with the path of what is wrong."""
    decode = msgspec.json.Decoder(annotation).decode
    check_room = room_check(nodes(annotation), path)

    def checked(body: Body) -> Any:  # a value of the type
        if check_room is not None:
            check_room(body)
        try:
            return decode(body)
        except Exception as error:
            text, place = _what_and_where(error)
            raise DecodeError(text, path=path + place) from error

    return checked


def _encoded(value: Any, path: str) -> bytes:  # whatever a user gave
    try:
        return _encode(value)
    except Exception as error:
        raise EncodeError(f"{type(value).__name__} does not become JSON: {error}", path=path) from error


def _what_and_where(error: Exception) -> tuple[str, str]:
    """msgspec says the place at the end of its message; ours have it in front."""
    text = str(error)
    found = _PLACE.search(text)
    if found is None:
        return text, ""
    return text[: found.start()], found["place"]


def _arguments_encoder(arguments: type[msgspec.Struct], read: Decode, place: str) -> Callable[..., bytes]:
    path = f"{place}.args"

    def encode_args(*args: Any, **kwargs: Any) -> bytes:  # values of the parameters' types
        try:
            given = arguments(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{place}(): {error}") from None
        body = _encoded(given, path)
        _check(read, body)
        return body

    return encode_args


def _check(read: Decode, body: bytes) -> None:
    try:
        read(body)
    except DecodeError as error:
        text = str(error).removeprefix(f"{error.path}: ")
        raise EncodeError(text, path=error.path) from None


def _reply(result: Any) -> Any:  # a type, and a struct of it
    """The body of a reply: a result, or the name and the fields of a declared exception."""
    return msgspec.defstruct(
        "Reply",
        [
            ("result", Union[result, msgspec.UnsetType], msgspec.UNSET),  # noqa: UP007 - not every type has an |
            ("exception", str, ""),
            ("fields", msgspec.Raw, msgspec.Raw(b"{}")),
        ],
    )


def _result_encoder(result: Any, place: str) -> Callable[[Any], bytes]:  # a type, and its values
    read = decoder(_reply(result), place)

    def encode_result(value: Any) -> bytes:  # what a handler returned
        body = b'{"result":%b}' % _encoded(value, f"{place}.result")
        _check(read, body)
        return body

    return encode_result


def _exception_encoder(raises: Sequence[ExceptionForm], place: str) -> Callable[[BaseException], bytes | None]:
    readers = {form: decoder(form.fields, f"{place}.{form.name}") for form in raises}

    def encode_exception(error: BaseException) -> bytes | None:
        fitting = [form for form in raises if isinstance(error, form.cls)]
        if not fitting:
            return None
        form = next((one for one in fitting if one.cls is type(error)), fitting[0])
        fields = _encoded(form.values(error), f"{place}.{form.name}")
        _check(readers[form], fields)
        return b'{"exception":%b,"fields":%b}' % (_encode(form.name), fields)

    return encode_exception


def _result_decoder(result: Any, raises: Sequence[ExceptionForm], place: str) -> Decode:  # a type
    read = decoder(_reply(result), place)
    forms = {form.name: (form, decoder(form.fields, f"{place}.{form.name}")) for form in raises}

    def decode_result(body: Body) -> Any:  # a value of the type
        reply = read(body)
        if reply.result is not msgspec.UNSET:
            return reply.result
        if not reply.exception:
            raise DecodeError("there is neither a result nor an exception", path=place)
        if reply.exception not in forms:
            raise DecodeError(f"the exception {reply.exception[:100]!r} is not declared here", path=place)
        form, read_fields = forms[reply.exception]
        raise form.made(read_fields(reply.fields))

    return decode_result
