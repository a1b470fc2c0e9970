from __future__ import annotations

import importlib.metadata
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

import callosum.service
from callosum.errors import ConfigurationError
from callosum.protocol import messages
from callosum.service import Cardinality, Method, MethodCodec, Parameter, Service, service_of


def codec(mark: bytes) -> MethodCodec:
    return MethodCodec(
        encode_args=lambda *args: mark + repr(args).encode(),
        decode_args=lambda body: (bytes(body),),
        encode_result=lambda value: mark + repr(value).encode(),
        encode_exception=lambda _: None,
        decode_result=bytes,
    )


def method(name: str, *codecs: str, **fields: Any) -> Method:
    return Method(
        service="Echo",
        name=name,
        parameters=(Parameter("message", type="string"), Parameter("times")),
        codecs={c: codec(c.encode()) for c in codecs or ("thrift-binary",)},
        **fields,
    )


def test_the_preferred_codec_is_the_first() -> None:
    say = method("say", "thrift-binary", "thrift-compact")
    assert say.encode_args("hi") == b"thrift-binary('hi',)"
    assert say.encode_result("hi") == b"thrift-binary'hi'"
    assert say.decode_args(b"x") == (b"x",)
    assert say.decode_result(memoryview(b"x")) == b"x"
    assert say.preferred is say.codecs["thrift-binary"]
    assert say.wire_name == "Echo/say"


def test_a_service_has_the_codecs_that_all_methods_have() -> None:
    methods = {"say": method("say", "a", "b", "c"), "poke": method("poke", "c", "b")}
    assert Service("Echo", methods, "f").codecs == ("b", "c")
    assert Service("Empty", {}, "f").codecs == ()


def test_a_service_cannot_be_changed() -> None:
    methods = {"say": method("say")}
    echo = Service("Echo", methods, "f")
    methods["later"] = method("later")
    assert list(echo.methods) == ["say"]
    with pytest.raises(TypeError):
        echo.methods["later"] = method("later")  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        echo.name = "Other"  # type: ignore[misc]


def test_services_and_methods_describe_themselves() -> None:
    say = method("say", returns="Echoed", raises=(KeyError, ValueError), doc="Says it.")
    poke = method("poke", cardinality=Cardinality.ONEWAY)
    assert Service("Echo", {"say": say, "poke": poke}, "f", doc="Echoes.").describe().splitlines() == [
        "service Echo  # Echoes.",
        "    say(message: string, times) -> Echoed throws KeyError, ValueError  # Says it.",
        "    oneway poke(message: string, times)",
    ]


def test_what_streams_has_the_word_before_it():
    parameters = (Parameter("room"), Parameter("said", type="Message"))
    talk = Method("Chat", "talk", parameters, {}, Cardinality.BIDI_STREAM, returns="Message", stream=1)
    assert talk.signature() == "talk(room, said: stream Message) -> stream Message"
    tail = Method("Chat", "tail", (), {}, Cardinality.SERVER_STREAM, returns="Line")
    assert tail.signature() == "tail() -> stream Line"
    bare = Method("Chat", "send", (Parameter("said"),), {}, Cardinality.CLIENT_STREAM, stream=0)
    assert bare.signature() == "send(said: stream)"


def test_the_modes_of_cardinalities():
    assert [one.mode for one in Cardinality] == ["", "", "server", "client", "bidi"]


class Layer:
    """Knows the classes that have a ``name``."""

    name = "fake"

    def __init__(self) -> None:
        self.asked = 0

    def service_of(self, service_class: type) -> Service | None:
        self.asked += 1
        name = getattr(service_class, "name", None)
        return Service(name, {}, "f") if name else None


@pytest.fixture
def layer(monkeypatch: pytest.MonkeyPatch) -> Layer:
    layer = Layer()
    monkeypatch.setattr(callosum.service, "_upper_layers", lambda: ((layer,), ()))
    return layer


def test_a_layer_is_asked_once_for_each_class(layer: Layer) -> None:
    class Echo:
        name = "Echo"

    assert service_of(Echo) is service_of(Echo)
    assert layer.asked == 1


def test_a_subclass_is_not_its_base(layer: Layer) -> None:
    class Echo:
        name = "Echo"

    class More(Echo):
        name = "More"

    assert service_of(Echo).name == "Echo"
    assert service_of(More).name == "More"


def test_a_class_that_no_layer_knows_says_what_to_give(layer: Layer) -> None:
    with pytest.raises(ConfigurationError, match=r"no service class|not a service class .*\(fake\).*thrift\.load"):
        service_of(int)


def test_layers_are_found_by_their_entry_point() -> None:
    class Stranger:
        pass

    with pytest.raises(ConfigurationError, match=r"\(json, thrift\)"):
        service_of(Stranger)


def test_a_layer_whose_library_is_not_installed_is_named_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def __init__(self, name: str, layer: type[Layer] | None) -> None:
            self.name, self._layer = name, layer

        def load(self) -> type[Layer]:
            if self._layer is None:
                raise ModuleNotFoundError("No module named 'ini'", name="ini")
            return self._layer

    class Known:
        name = "Known"

    points = [Point("ini", None), Point("fake", Layer)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    callosum.service._upper_layers.cache_clear()
    try:
        assert service_of(Known).name == "Known"
        with pytest.raises(ConfigurationError, match=r"\(fake, ini, which needs ini: it is not installed\)"):
            service_of(int)
    finally:
        callosum.service._upper_layers.cache_clear()


@pytest.mark.parametrize("idempotent", [False, True])
@pytest.mark.parametrize("cardinality", list(Cardinality))
def test_the_flags_of_a_method_are_those_of_the_wire(cardinality, idempotent):
    method = Method("Echo", "say", (), {}, cardinality, idempotent=idempotent)
    flags = {
        Cardinality.UNARY: 0,
        Cardinality.ONEWAY: messages.ONEWAY,
        Cardinality.SERVER_STREAM: messages.ITEMS_WANTED,
        Cardinality.CLIENT_STREAM: messages.ITEMS_FOLLOW,
        Cardinality.BIDI_STREAM: messages.ITEMS_FOLLOW | messages.ITEMS_WANTED,
    }
    assert method.flags == flags[cardinality] | (messages.IDEMPOTENT if idempotent else 0)
