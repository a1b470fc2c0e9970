"""Values of all types of the files, written here and read by others, and the other way round."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import callosum
from callosum.service import Method, MethodCodec
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.mismatch import find_mismatch
from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import Field, ListType, MapType, StructType, Type, inner_types, reachable, struct_of
from tests.interop.catalogue import ALL, EXAMPLES, FILES, SERVING, TEST_TIMEOUT, IdlFile, functions_of
from tests.interop.expecting import drawn, received, received_fields
from tests.interop.tally import tally
from tests.upper.thrift.oracles import (
    apache_decode,
    apache_encode,
    plain,
    structs,
    thriftpy2_decode,
    thriftpy2_encode,
)

pytestmark = pytest.mark.timeout(TEST_TIMEOUT)
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
COMPILED = (BINARY, COMPACT)
WITH_STRUCTS = [one for one in ALL if one.structs]


@pytest.mark.parametrize("file", WITH_STRUCTS, ids=str)
def test_any_value_goes_to_and_comes_from_other_implementations(file: IdlFile) -> None:
    for cls in file.defined.values():

        @BOUNDED
        @given(structs(cls))
        def check(value: Any) -> None:
            check_value(value)
            tally(file, "values")

        check()
    for cls in file.structs:
        for value in several(StructType(cls)):
            check_value(value)
            tally(file, "values")


def check_value(value: Any) -> None:
    cls = type(value)
    kind = StructType(cls)
    expected, written = received(kind, kind, value), plain(kind, value)
    for encoding in COMPILED:
        codec, name = encoding.codec_of(cls), encoding.name
        body = codec.encode(value)
        assert body == apache_encode(value, name) == thriftpy2_encode(value, name)
        assert apache_decode(cls, body, name) == written
        if thriftpy2_can_read(cls):
            assert plain(kind, thriftpy2_decode(cls, body, name)) == expected
        assert_is(kind, codec.decode(body), expected)
        assert_is(kind, codec.decode(memoryview(body)), expected)


def thriftpy2_can_read(cls: type) -> bool:
    """Whether there are no maps by lists in it: it makes lists of them, which cannot be keys."""
    kinds = [kind for one in reachable(struct_of(cls)).values() for f in one.fields for kind in inner_types(f.type)]
    return not any(isinstance(kind, MapType) and isinstance(kind.key, ListType) for kind in kinds)


def assert_is(kind: Type, decoded: object, expected: object) -> None:
    """It is the expected value, and made of what the IDL says."""
    assert find_mismatch(kind, decoded, "") is None
    assert plain(kind, decoded) == expected


@pytest.mark.parametrize("file", SERVING, ids=str)
def test_calls_have_bodies_that_other_implementations_read(file: IdlFile) -> None:
    for cls in file.services:
        service = callosum.service_of(cls)
        for name, function in functions_of(cls).items():
            check_arguments(service.methods[name], function)
            check_reply(service.methods[name], function)


def check_arguments(method: Method, function: Function) -> None:
    kinds = {one.name: one.type for one in function.args.fields}
    for value in several(StructType(function.args.cls)):
        given_values = [getattr(value, name) for name in kinds]
        expected = received_fields(function.args, function.args, given_values)
        for encoding, codec in compiled(method):
            body = codec.encode_args(*given_values)
            assert body == apache_encode(value, encoding)
            got = dict(zip(kinds, codec.decode_args(body), strict=True))
            assert {name: plain(kinds[name], one) for name, one in got.items() if one is not None} == expected


def compiled(method: Method) -> Iterator[tuple[str, MethodCodec]]:
    return ((one.name, method.codecs[one.name]) for one in COMPILED)


def several(kind: Type) -> Iterator[Any]:
    """Values that cost less than hypothesis', which makes those of structs, and the arguments in test_calls."""
    return (drawn(kind, random.Random(seed)) for seed in range(EXAMPLES))


def check_reply(method: Method, function: Function) -> None:
    if function.success is not None:
        check_result(method, function, function.success)
    elif not function.is_oneway:
        for encoding, codec in compiled(method):
            assert codec.decode_result(apache_encode(function.result.cls(), encoding)) is None
            assert codec.encode_result(None) == apache_encode(function.result.cls(), encoding)
    for one in function.errors:
        check_error(method, function, one)


def check_result(method: Method, function: Function, success: Field) -> None:
    for value in several(success.type):
        for encoding, codec in compiled(method):
            body = codec.encode_result(value)
            assert body == apache_encode(function.result.cls(success=value), encoding)
            assert_is(success.type, codec.decode_result(body), received(success.type, success.type, value))


def check_error(method: Method, function: Function, error: Field) -> None:
    for value in several(error.type):
        for encoding, codec in compiled(method):
            body = codec.encode_exception(value)
            assert body == apache_encode(function.result.cls(**{error.name: value}), encoding)
            with pytest.raises(type(value)) as caught:
                codec.decode_result(body)
            assert_is(error.type, caught.value, received(error.type, error.type, value))


def test_what_is_tried_is_more_than_nothing() -> None:
    """The strategies make values that are set, also of what is deep within."""
    (file,) = [one for one in FILES if one.path.name == "hive_metastore.thrift"]
    table = file.module.Table
    filled: set[str] = set()

    @settings(BOUNDED, max_examples=max(EXAMPLES, 20))
    @given(structs(table))
    def fill(value: Any) -> None:
        filled.update(name for name, one in vars(value).items() if one)

    fill()
    assert filled == set(vars(table()))
