from __future__ import annotations

import pytest

from callosum.errors import ConfigurationError
from callosum.service import Cardinality
from callosum.upper.thrift.annotations import (
    MethodAnnotations,
    annotations_on,
    check_reserved,
    is_ours,
    is_stream,
    method_annotations,
    own_annotations,
    preferred_encoding,
    refuse_all_but,
    service_name,
    stream_mode,
)


def test_which_are_ours() -> None:
    assert is_ours("callosum.key")
    assert is_ours("streaming.mode")
    assert not is_ours("cpp.type")


def test_annotations_are_those_of_the_class_itself() -> None:
    class Base:
        __thrift_annotations__ = {"a": "b"}
        __thrift_field_annotations__ = {"x": {"a": "b"}}

    class Derived(Base):
        pass

    assert own_annotations(Base) == {"a": "b"}
    assert own_annotations(Derived) == {}
    assert annotations_on(Base, "__thrift_field_annotations__") == {"x": {"a": "b"}}
    assert annotations_on(Derived, "__thrift_field_annotations__") == {}


def test_a_services_name() -> None:
    assert service_name({}, "S") == "S"
    assert service_name({"callosum.name": "my.S", "other": "x"}, "S") == "my.S"
    for name in (None, "", "a/b", " a", "a\n"):
        with pytest.raises(ConfigurationError, match="give a name without"):
            service_name({"callosum.name": name}, "S")
    with pytest.raises(
        ConfigurationError, match=r"no annotation callosum\.key .* only callosum\.encoding, callosum\.name"
    ):
        service_name({"callosum.key": "a"}, "S")


def test_the_encoding_that_a_service_prefers() -> None:
    known = ["binary", "compact"]
    assert preferred_encoding({}, known, "S") == "binary"
    assert preferred_encoding({"callosum.encoding": "compact"}, known, "S") == "compact"
    for name in (None, "", "Compact", "thrift-compact"):
        with pytest.raises(ConfigurationError, match=r"^S: callosum\.encoding = .*: there is binary, compact$"):
            preferred_encoding({"callosum.encoding": name}, known, "S")


def test_what_a_function_says() -> None:
    assert method_annotations({"other": None}, (), "S.f") == MethodAnnotations()
    said = {"callosum.idempotent": "true", "callosum.key": "a", "callosum.timeout": "1.5"}
    assert method_annotations(said, ("a", "b"), "S.f") == MethodAnnotations(True, "a", 1.5)
    assert method_annotations({"callosum.idempotent": "false"}, (), "S.f") == MethodAnnotations()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("callosum.idempotent", "yes", 'write "true" or "false"'),
        ("callosum.idempotent", None, 'write "true" or "false"'),
        ("callosum.key", "c", r"name one of its parameters \(a, b\)"),
        ("callosum.key", None, "name one of its parameters"),
        ("callosum.timeout", "soon", "give seconds"),
        ("callosum.timeout", "-1", "give seconds"),
        ("callosum.timeout", "inf", "give seconds"),
        ("callosum.timeout", "nan", "give seconds"),
        ("callosum.timeout", None, "give seconds"),
        ("callosum.stream", "both", 'there is "server", "client", "bidi"$'),
        ("callosum.stream", "bidirectional", 'there is "server", "client", "bidi"$'),
        ("callosum.stream", None, "callosum.stream = None"),
        ("callosum.stream", "in", "and in on a parameter"),
        ("streaming.mode", "both", 'there is "server", "client", "bidirectional", "bidi", "unary"$'),
        ("callosum.timeuot", "1", r"S\.f: callosum has no annotation callosum\.timeuot"),
    ],
)
def test_what_a_function_cannot_say(name: str, value: str | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        method_annotations({name: value}, ("a", "b"), "S.f")


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, Cardinality.UNARY),
        ({"callosum.stream": "server"}, Cardinality.SERVER_STREAM),
        ({"callosum.stream": "client"}, Cardinality.CLIENT_STREAM),
        ({"callosum.stream": "bidi"}, Cardinality.BIDI_STREAM),
        ({"streaming.mode": "server"}, Cardinality.SERVER_STREAM),
        ({"streaming.mode": "client"}, Cardinality.CLIENT_STREAM),
        ({"streaming.mode": "bidirectional"}, Cardinality.BIDI_STREAM),
        ({"streaming.mode": "unary"}, Cardinality.UNARY),
        ({"streaming.mode": "bidirectional", "callosum.stream": "bidi"}, Cardinality.BIDI_STREAM),
    ],
)
def test_how_a_function_streams(given: dict[str, str | None], mode: Cardinality) -> None:
    assert stream_mode(given, "S.f") is method_annotations(given, (), "S.f").stream is mode


def test_two_annotations_that_say_two_things() -> None:
    with pytest.raises(ConfigurationError, match="say different things: remove one of them"):
        stream_mode({"callosum.stream": "server", "streaming.mode": "client"}, "S.f")


def test_which_parameter_is_a_stream() -> None:
    assert is_stream({"callosum.stream": "in", "other": "x"}, "S.f.a")
    assert not is_stream({"other": None}, "S.f.a")
    with pytest.raises(ConfigurationError, match=r'S\.f\.a: callosum\.stream = .out.: on a parameter it is "in"'):
        is_stream({"callosum.stream": "out"}, "S.f.a")
    with pytest.raises(ConfigurationError, match=r"S\.f\.a: callosum has no annotation callosum\.key at this place"):
        is_stream({"callosum.key": "a"}, "S.f.a")


def test_a_key_of_a_function_without_parameters() -> None:
    with pytest.raises(ConfigurationError, match="it has none"):
        method_annotations({"callosum.key": "a"}, (), "S.f")


def test_where_none_of_ours_means_anything() -> None:
    refuse_all_but(set(), {"other": "x"}, "A.a")
    with pytest.raises(ConfigurationError, match="it means nothing here"):
        refuse_all_but(set(), {"callosum.key": "x"}, "A.a")


def test_reserved_ids_and_names() -> None:
    fields = {1: "a", 4: "b"}
    for reserved in (None, "", "2,3", "5-9", "old, 2 - 3 ,older"):
        check_reserved({"callosum.reserved": reserved}, fields, "A")
    check_reserved({}, fields, "A")
    for reserved, message in (("1", r"a \(id 1\)"), ("3-7", r"b \(id 4\) is reserved \(3-7\)"), ("x,b", r"b \(id 4\)")):
        with pytest.raises(ConfigurationError, match=message):
            check_reserved({"callosum.reserved": reserved}, fields, "A")
