"""Values of all types of the files in Apache's JSON protocol, written here and read by Apache's library, and back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import callosum
from callosum.errors import DecodeError
from callosum.service import Method
from callosum.upper.thrift.json_protocol import JSON
from callosum.upper.thrift.json_protocol.grammar import is_scalar
from callosum.upper.thrift.service import Function
from callosum.upper.thrift.spec import MapType, StructType, inner_types, reachable, struct_of
from tests.interop.catalogue import SERVING, TEST_TIMEOUT, IdlFile, functions_of
from tests.interop.expecting import Unreadable, drawn, received, received_fields
from tests.interop.rewriting import Version, rewritten
from tests.interop.tally import tally
from tests.interop.test_values import BOUNDED, WITH_STRUCTS, assert_is, several
from tests.upper.thrift.json_protocol.other import emptied
from tests.upper.thrift.oracles import apache_decode, apache_encode, plain, structs

pytestmark = pytest.mark.timeout(TEST_TIMEOUT)


@pytest.mark.parametrize("file", WITH_STRUCTS, ids=str)
def test_any_value_goes_to_and_comes_from_apaches_library(file: IdlFile) -> None:
    for cls in file.defined.values():

        @BOUNDED
        @given(structs(cls))
        def check(value: Any) -> None:
            check_value(value)
            tally(file, "values in JSON")

        check()
    for cls in file.structs:
        for value in several(StructType(cls)):
            check_value(value)
            tally(file, "values in JSON")


def test_json_cannot_have_one_map_of_the_files() -> None:
    found = {
        f"{one.name}.{field.name}"
        for file in WITH_STRUCTS
        for cls in file.structs
        for one in reachable(struct_of(cls)).values()
        for field in one.fields
        for kind in inner_types(field.type)
        if isinstance(kind, MapType) and not is_scalar(kind.key)
    }
    assert found == {"SkewedInfo.skewedColValueLocationMaps"}


def check_value(value: Any) -> None:
    cls = type(value)
    kind, codec = StructType(cls), JSON.codec_of(cls)
    emptied(kind, value)
    expected = received(kind, kind, value)
    body = codec.encode(value)
    assert apache_decode(cls, body, JSON.name) == plain(kind, value)
    assert_is(kind, codec.decode(body), expected)
    assert_is(kind, codec.decode(memoryview(body)), expected)
    if "inf" not in repr(plain(kind, value)):  # which Apache's library writes as what is no JSON
        assert_is(kind, codec.decode(apache_encode(value, JSON.name)), expected)


@pytest.mark.parametrize("file", SERVING, ids=str)
def test_calls_have_bodies_that_apaches_library_reads(file: IdlFile) -> None:
    for cls in file.services:
        service = callosum.service_of(cls)
        for name, function in functions_of(cls).items():
            check_arguments(service.methods[name], function)
            check_reply(service.methods[name], function)


def check_arguments(method: Method, function: Function) -> None:
    codec = method.codecs[JSON.name]
    kinds = {one.name: one.type for one in function.args.fields}
    for value in several(StructType(function.args.cls)):
        emptied(StructType(function.args.cls), value)
        given_values = [getattr(value, name) for name in kinds]
        body = codec.encode_args(*given_values)
        assert apache_decode(function.args.cls, body, JSON.name) == plain(StructType(function.args.cls), value)
        expected = received_fields(function.args, function.args, given_values)
        for one in (body, apache_encode(value, JSON.name)):
            got = dict(zip(kinds, codec.decode_args(one), strict=True))
            assert {name: plain(kinds[name], item) for name, item in got.items() if item is not None} == expected


def check_reply(method: Method, function: Function) -> None:
    codec = method.codecs[JSON.name]
    if function.success is None and not function.is_oneway:
        assert codec.decode_result(apache_encode(function.result.cls(), JSON.name)) is None
        assert codec.encode_result(None) == b"{}"
    if function.success is not None:
        kind = function.success.type
        for value in several(kind):
            emptied(kind, value)
            written = apache_encode(function.result.cls(success=value), JSON.name)
            for answer in (codec.encode_result(value), written):
                assert_is(kind, codec.decode_result(answer), received(kind, kind, value))
    for one in function.errors:
        for value in several(one.type):
            body = codec.encode_exception(emptied(one.type, value)) or b""
            assert apache_decode(function.result.cls, body, JSON.name) == plain(
                StructType(function.result.cls), function.result.cls(**{one.name: value})
            )
            with pytest.raises(type(value)) as caught:
                codec.decode_result(body)
            assert_is(one.type, caught.value, received(one.type, one.type, value))


@pytest.mark.parametrize("file", [one for one in WITH_STRUCTS if one.defined], ids=str)
def test_versions_read_one_another(file: IdlFile, versions: Path) -> None:
    every = [rewritten(file, version, versions).defined for version in Version]
    kinds = [[StructType(one[name]) for one in every] for name in file.defined]

    @BOUNDED
    @given(st.integers(0, 2**32))
    def check(seed: int) -> None:
        for versions_of_one in kinds:
            for writer in versions_of_one:
                value = emptied(writer, drawn(writer, random.Random(seed)))
                body = JSON.codec_of(writer.cls).encode(value)
                for reader in versions_of_one:
                    if reader is not writer:
                        check_reader(file, writer, value, reader, body)

    check()


def check_reader(file: IdlFile, writer: StructType, value: Any, reader: StructType, body: bytes) -> None:
    try:
        expected = received(reader, writer, value)
    except Unreadable as error:
        with pytest.raises(DecodeError, match=f"a union has exactly one field set, and {error} has none"):
            JSON.codec_of(reader.cls).decode(body)
        tally(file, "refused in JSON")
    else:
        assert_is(reader, JSON.codec_of(reader.cls).decode(body), expected)
        tally(file, "evolved in JSON")
