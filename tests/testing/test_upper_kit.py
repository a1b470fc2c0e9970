from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from callosum import ServiceClass, service_of
from callosum.errors import EncodeError
from callosum.service import Cardinality, Method
from callosum.testing import UpperSample, check_upper
from tests.upper.samples import json_sample, thrift_sample

SAMPLES = {"Thrift": thrift_sample, "Json": json_sample}
ADDRESSES = {
    "Memory": "memory://check-upper",
    "Tcp": "tcp://127.0.0.1:0",
    "Ipc": "ipc://@callosum-check-upper",
    "Inproc": "inproc://check-upper",
}
# Every transport with every IDL layer.
for _transport, _address in ADDRESSES.items():
    for _idl, _sample in SAMPLES.items():
        globals()[f"Test{_idl}Over{_transport}"] = check_upper(_sample(), _address)


def spoilt(sample: UpperSample, name: str, spoil: Callable[[Method], Method], **of_service: Any) -> UpperSample:
    """The sample with one method, or something of its service, as it must not be."""
    service = service_of(sample.service)
    methods = dict(service.methods) | {name: spoil(service.methods[name])}
    changed = replace(service, methods=methods, **of_service)
    return replace(sample, service=type("Spoilt", (ServiceClass,), {"__callosum_service__": changed}))


def with_codec(**parts: Callable[..., Any]) -> Callable[[Method], Method]:
    """Replaces callables of a method's codecs; each is given the right one first."""

    def spoil(method: Method) -> Method:
        def part(codec: Any, name: str) -> Callable[..., Any]:
            right = getattr(codec, name)
            return lambda *args, **kwargs: parts[name](right, *args, **kwargs)

        codecs = {
            key: replace(codec, **{name: part(codec, name) for name in parts}) for key, codec in method.codecs.items()
        }
        return replace(method, codecs=codecs)

    return spoil


def same(method: Method) -> Method:
    return method


def encode_anything(right: Callable[..., bytes], *args: Any, **kwargs: Any) -> bytes:
    try:
        return right(*args, **kwargs)
    except EncodeError:
        return right("")


def empty_the_list(right: Callable[..., bytes], value: Any) -> bytes:
    body = right(value)
    value.clear()
    return body


def foreign_error(right: Callable[..., Any], body: bytes) -> Any:
    if not body:
        raise IndexError("out of range")
    return right(body)


def without_path(right: Callable[..., bytes], *args: Any, **kwargs: Any) -> bytes:
    try:
        return right(*args, **kwargs)
    except EncodeError:
        raise EncodeError("it does not fit") from None


def only_bytes(right: Callable[..., Any], body: bytes) -> Any:
    assert type(body) is bytes
    return right(body)


def take_anything(right: Callable[..., bytes], *args: Any, **kwargs: Any) -> bytes:
    kwargs.pop("chunk", None)
    kwargs.pop("chunks", None)
    return right(*args, **kwargs)


def encode_any_item(right: Callable[..., bytes], value: Any) -> bytes:
    try:
        return right(value)
    except EncodeError:
        return right(b"")


def without_items(method: Method) -> Method:
    codecs = {name: replace(codec, encode_item=None) for name, codec in method.codecs.items()}
    return replace(method, codecs=codecs)


def raise_another(right: Callable[..., Any], body: bytes) -> Any:
    try:
        return right(body)
    except Exception as error:
        raise RuntimeError("was " + type(error).__name__) from None


SPOILT: list[tuple[str, str, Callable[[Method], Method], dict[str, Any]]] = [
    ("test_the_class_names_its_service", "text", same, {"fingerprint": "1"}),
    ("test_the_class_names_its_service", "text", lambda m: replace(m, service="Other"), {}),
    ("test_names_can_be_written_in_python", "text", lambda m: replace(m, python_name="class"), {}),
    ("test_names_can_be_written_in_python", "text", lambda m: replace(m, python_name="with_options"), {}),
    ("test_names_can_be_written_in_python", "text", lambda m: replace(m, python_name="data"), {}),
    ("test_values_come_back_from_bytes", "text", with_codec(decode_args=lambda right, b: [*right(b)]), {}),
    ("test_values_come_back_from_bytes", "text", with_codec(decode_args=only_bytes), {}),
    ("test_values_come_back_from_bytes", "text", with_codec(encode_result=lambda right, v: bytearray(right(v))), {}),
    ("test_values_come_back_from_bytes", "numbers", with_codec(decode_result=lambda right, b: tuple(right(b))), {}),
    ("test_arguments_can_be_given_by_name", "text", with_codec(encode_args=lambda right, *args: right(*args)), {}),
    ("test_arguments_can_be_given_by_name", "text", with_codec(encode_args=lambda right, v="", *_, **kw: right(v)), {}),
    ("test_a_value_is_not_changed_by_encoding", "numbers", with_codec(encode_result=empty_the_list), {}),
    ("test_wrong_values_are_encode_errors", "text", with_codec(encode_args=encode_anything), {}),
    ("test_wrong_values_are_encode_errors", "text", with_codec(encode_result=without_path), {}),
    ("test_broken_bytes_are_decode_errors_or_values", "text", with_codec(decode_args=foreign_error), {}),
    ("test_exceptions_come_back_from_bytes", "fail", with_codec(encode_exception=lambda right, e: None), {}),
    ("test_exceptions_come_back_from_bytes", "fail", with_codec(encode_exception=lambda right, e: right(e) or b""), {}),
    ("test_exceptions_come_back_from_bytes", "fail", with_codec(decode_result=raise_another), {}),
    ("test_values_cross_a_session", "text", with_codec(decode_result=lambda right, b: right(b) + "!"), {}),
    ("test_declared_exceptions_cross_a_session", "fail", with_codec(decode_result=raise_another), {}),
    ("test_undeclared_exceptions_are_internal", "fail", with_codec(encode_exception=lambda right, e: b""), {}),
    ("test_a_oneway_has_no_answer", "note", lambda m: replace(m, cardinality=Cardinality.UNARY), {}),
    ("test_wrong_values_harm_their_own_call_alone", "text", with_codec(encode_result=encode_anything), {}),
    ("test_only_streaming_methods_have_items", "tail", lambda m: replace(m, cardinality=Cardinality.UNARY), {}),
    ("test_only_streaming_methods_have_items", "text", lambda m: replace(m, cardinality=Cardinality.SERVER_STREAM), {}),
    ("test_only_streaming_methods_have_items", "upload", lambda m: replace(m, stream=None), {}),
    ("test_only_streaming_methods_have_items", "tail", lambda m: replace(m, stream=0), {}),
    ("test_only_streaming_methods_have_items", "upload", lambda m: replace(m, stream=3), {}),
    ("test_only_streaming_methods_have_items", "talk", lambda m: replace(m, key="said"), {}),
    ("test_only_streaming_methods_have_items", "talk", without_items, {}),
    ("test_arguments_travel_without_the_stream", "upload", lambda m: replace(m, stream=0), {}),
    ("test_arguments_travel_without_the_stream", "upload", with_codec(encode_args=take_anything), {}),
    ("test_arguments_travel_without_the_stream", "tail", with_codec(decode_args=lambda right, b: right(b)[::-1]), {}),
    ("test_items_and_results_of_streams_come_back_from_bytes", "talk", with_codec(decode_item=only_bytes), {}),
    ("test_items_and_results_of_streams_come_back_from_bytes", "talk", with_codec(decode_item=foreign_error), {}),
    ("test_items_and_results_of_streams_come_back_from_bytes", "upload", with_codec(encode_item=encode_any_item), {}),
    ("test_items_and_results_of_streams_come_back_from_bytes", "tail", with_codec(decode_result=raise_another), {}),
    ("test_declared_exceptions_end_streams", "tail", with_codec(encode_exception=lambda right, e: None), {}),
    ("test_declared_exceptions_end_streams", "tail", with_codec(decode_result=raise_another), {}),
]


@pytest.mark.parametrize(
    ("check", "name", "spoil", "of_service"), SPOILT, ids=[f"{n}-{check}" for n, (check, *_) in enumerate(SPOILT)]
)
@pytest.mark.parametrize("sample", [thrift_sample(), json_sample()], ids=["thrift", "json"])
def test_what_a_layer_does_wrong_is_seen(
    sample: UpperSample, check: str, name: str, spoil: Callable[[Method], Method], of_service: dict[str, Any]
) -> None:
    checks = check_upper(spoilt(sample, name, spoil, **of_service))()
    with pytest.raises((AssertionError, AttributeError, TypeError)):
        getattr(checks, check)()
    assert check_upper(sample).__name__ == "CheckSample"


def test_two_versions_that_do_not_understand_each_other_are_seen() -> None:
    sample = json_sample()
    (evolution,) = sample.evolutions
    same_twice = replace(evolution, newer=evolution.older)
    with pytest.raises(AssertionError, match="two versions have one fingerprint"):
        check_upper(replace(sample, evolutions=[same_twice]))().test_versions_understand_each_other()
    wrong = replace(evolution, forward=[(evolution.forward[0][0], None)])
    with pytest.raises(AssertionError, match="what became of"):
        check_upper(replace(sample, evolutions=[wrong]))().test_versions_understand_each_other()


def test_a_class_that_is_derived_must_not_count_as_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = json_sample()
    service = service_of(sample.service)
    monkeypatch.setattr("callosum.testing.upper_kit.service_of", lambda cls: service)
    with pytest.raises(AssertionError, match="a class that a user derived"):
        check_upper(sample)().test_a_class_of_something_else_is_not_taken()
