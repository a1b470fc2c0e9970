"""The parts of calls that stream, in the bodies that other implementations write and read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import callosum
from callosum.service import Method, MethodCodec
from callosum.upper.thrift import load
from callosum.upper.thrift.codec import ENCODINGS
from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import StructType, struct_of
from tests.interop.catalogue import functions_of
from tests.interop.expecting import received
from tests.interop.test_values import assert_is, check_reply, several
from tests.upper.thrift.oracles import (
    IDL,
    THRIFTPY2,
    apache_decode,
    apache_encode,
    plain,
    thriftpy2_decode,
    thriftpy2_encode,
)

streams: Any = load(IDL / "streams.thrift")
STREAMING = [
    (function, callosum.service_of(cls).methods[name])
    for cls in (streams.Logs, streams.Theirs)
    for name, function in functions_of(cls).items()
    if function.cardinality.mode
]
CASES = pytest.mark.parametrize(("function", "method"), STREAMING, ids=lambda one: getattr(one, "wire_name", ""))


def codecs(method: Method) -> Iterator[tuple[str, MethodCodec]]:
    return ((one.name, method.codecs[one.name]) for one in ENCODINGS)


def part(function: Function, **given: object) -> Any:
    """The arguments of a function, of which nothing is set but this."""
    value: Any = function.args.cls()
    for one in function.args.fields:
        setattr(value, one.name, given.get(one.name))
    return value


def check_body(encoding: str, body: bytes, value: Any) -> None:
    """Others write the same for the arguments, and read them as they are."""
    kind = StructType(type(value))
    assert apache_decode(kind.cls, body, encoding) == plain(kind, value)
    if encoding in THRIFTPY2:
        assert body == apache_encode(value, encoding) == thriftpy2_encode(value, encoding)
        theirs = thriftpy2_decode(kind.cls, body, encoding)
        for one in struct_of(kind.cls).fields:
            if getattr(value, one.name) is not None:  # it fills in what is not there
                assert plain(one.type, getattr(theirs, one.name)) == plain(one.type, getattr(value, one.name))


@CASES
def test_a_request_is_the_arguments_without_the_stream(function: Function, method: Method) -> None:
    tried = 0
    for value in several(StructType(function.args.cls)):
        given = {one.name: getattr(value, one.name) for one in function.request.fields}
        without = part(function, **given)
        for encoding, codec in codecs(method):
            body = codec.encode_args(*given.values())
            check_body(encoding, body, without)
            assert codec.decode_args(apache_encode(without, encoding)) == codec.decode_args(body)
            tried += 1
    assert tried


@CASES
def test_an_item_of_the_caller_is_arguments_with_the_stream_alone(function: Function, method: Method) -> None:
    if function.stream is None:
        assert not method.cardinality.takes_items
        return
    field = function.args.fields[function.stream]
    for value in several(field.type):
        alone, expected = part(function, **{field.name: value}), received(field.type, field.type, value)
        for encoding, codec in codecs(method):
            assert codec.encode_item is not None
            assert codec.decode_item is not None
            body = codec.encode_item(value)
            check_body(encoding, body, alone)
            for one in (body, apache_encode(alone, encoding)):
                assert_is(field.type, codec.decode_item(one), expected)


@CASES
def test_what_a_handler_streams_and_declared_exceptions_are_results(function: Function, method: Method) -> None:
    check_reply(method, function)
