from __future__ import annotations

import functools
from typing import Any
from unittest.mock import AsyncMock

import pytest

import callosum.service
from callosum.errors import ConfigurationError
from callosum.fingerprint import MethodText, whole_of, write_fingerprint
from callosum.protocol.messages import Offered
from callosum.service import Cardinality, Method, Parameter, Service, ServiceClass, service_of
from callosum.session.registry import Registry
from tests.services import Agent, Echo, Handler, make_service, service_class, text_codec


def faults(services):
    with pytest.raises(ConfigurationError) as caught:
        Registry(services)
    return str(caught.value)


def test_nothing_may_be_served():
    assert Registry([]).offered == Registry({}).offered == ()


def test_what_is_served():
    handler = Handler()
    registry = Registry({Echo: handler, Agent: Handler()})
    assert registry.offered == (
        Offered("Echo", "Echo-fingerprint", ("text",)),
        Offered("Agent", "Agent-fingerprint", ("text",)),
    )
    target = registry.targets["Echo/say"]
    assert target.run == handler.say
    assert not target.is_oneway
    assert registry.targets["Echo/poke"].is_oneway
    assert target.encodings == {"", "text"}


def test_more_details_than_a_handshake_should_have_are_left_out():
    def named(name: str) -> type[ServiceClass[object]]:
        methods = {f"{'m' * 200}{number}": MethodText("", "") for number in range(300)}
        return service_class(Service(name, {}, write_fingerprint(name, methods)))

    few, many = Registry({named("S0"): object()}), Registry({named(f"S{n}"): object() for n in range(2)})
    assert len(few.offered[0].fingerprint) > 60_000
    assert many.offered[0].fingerprint == whole_of(few.offered[0].fingerprint)
    assert {len(one.fingerprint) for one in many.offered} == {64}


def test_every_fault_of_every_handler_is_named_at_once():
    class Bad:
        def say(self, message):
            """Not async."""

        async def call(self):
            """Takes nothing."""

        poke = "no method"

    text = faults({Echo: Bad(), Agent: object(), Store: Handler})
    assert (
        "Bad does not fit Echo: say is not async: write async def say, or @callosum.in_thread above it (the IDL has"
        in text
    )
    assert "say(message: string))" in text
    assert "Bad does not fit Echo: call() has the wrong parameters: too many positional arguments" in text
    assert "Bad does not fit Echo: poke is not a method (the IDL has oneway poke(message))" in text
    assert "object does not fit Agent: it has no method say" in text
    assert "Handler is a class: give an instance of it, Handler()" in text


Streams = service_class(
    Service(
        "Streams",
        {
            name: Method("Streams", name, (Parameter("a"),), {"text": text_codec()}, kind)
            for name, kind in (
                ("tail", Cardinality.SERVER_STREAM),
                ("talk", Cardinality.BIDI_STREAM),
                ("upload", Cardinality.CLIENT_STREAM),
            )
        },
        "f",
    )
)


class Generators:
    async def tail(self, a):
        yield a

    def talk(self, a):
        return self.tail(a)

    async def upload(self, a):
        return a


def test_streams_are_async_generators_or_what_returns_an_async_iterator():
    assert set(Registry({Streams: Generators()}).targets) == {"Streams/tail", "Streams/talk", "Streams/upload"}

    class Called:
        async def __call__(self, a):
            yield a

    handler: Any = Generators()
    handler.tail, handler.talk = Called(), functools.partial(handler.tail)
    assert Registry({Streams: handler}).targets["Streams/tail"].run is handler.tail


def test_a_coroutine_that_should_stream_is_told_to_yield():
    class Bad:
        async def tail(self, a):
            return [a]

        async def talk(self):
            yield 1

        async def upload(self, a):
            yield a

    text = faults({Streams: Bad()})
    wanted = "tail is a coroutine, and has to give a stream: write a `yield` in it (the IDL has tail(a))"
    assert f"Bad does not fit Streams: {wanted}" in text
    assert "talk() has the wrong parameters: too many positional arguments" in text
    assert "upload yields, and has one result: return it (the IDL has upload(a))" in text


Store = make_service("Store", ("get",))


def test_a_parameter_too_many_is_a_fault_but_not_one_with_a_default():
    class Bad:
        async def get(self, message, more):
            """Too much."""

    class Good:
        async def get(self, message, more=None):
            """Enough."""

    assert "get(message, more) has the wrong parameters: missing a required argument: 'more'" in faults({Store: Bad()})
    assert "Store/get" in Registry({Store: Good()}).targets


def test_whatever_is_async_will_do():
    class WithCall:
        async def __call__(self, message):
            return message

    async def get(prefix, message):
        return prefix + message

    class Callable:
        def __init__(self, function):
            self.get = function

    for function in (AsyncMock(), WithCall(), functools.partial(get, "x")):
        assert "Store/get" in Registry({Store: Callable(function)}).targets


def test_a_callable_without_a_signature_is_taken_as_it_is():
    class Unreadable:
        @property
        def __signature__(self):
            raise ValueError("no signature")

        async def __call__(self, *args):
            """As one written in C."""

    class Callable:
        get = Unreadable()

    assert "Store/get" in Registry({Store: Callable()}).targets


def test_a_class_that_names_no_service(monkeypatch):
    monkeypatch.setattr(callosum.service, "_upper_layers", lambda: ((), ()))
    assert "is not a service class of any installed IDL layer" in faults({int: Handler(), Echo: Handler})
    assert "Handler is a class" in faults({int: Handler(), Echo: Handler})
    assert "is not a service class" in faults({"Echo": Handler()})


def test_what_is_neither_a_mapping_nor_a_list():
    assert "are no services: give {service class: handler}, or a list of handlers" in faults(Handler())
    assert "are no services" in faults("Echo")
    assert "are no services" in faults(Handler)


def test_handlers_in_a_list_name_their_service_by_their_class():
    class EchoHandler(Handler, Echo):  # type: ignore[misc, valid-type]
        """As generated code has it."""

    registry = Registry([EchoHandler()])
    assert "Echo/say" in registry.targets
    assert "Handler names no service: give {service class: handler}" in faults([Handler()])


def test_two_services_of_one_name():
    other = make_service("Echo", ("say",))
    assert "two handlers for a service Echo: one endpoint serves each name once" in faults(
        {Echo: Handler(), other: Handler()}
    )
    assert faults({Echo: object(), other: object()}).count("no method say") == 1


def test_who_serves_a_service_answers_for_its_bases():
    base = service_of(make_service("Base", ("say",)))
    derived = make_service("Derived", ("say", "call"), bases=(base,))
    registry = Registry({derived: Handler()})
    assert set(registry.targets) == {"Base/say", "Derived/say", "Derived/call"}
    assert [offered.name for offered in registry.offered] == ["Derived", "Base"]


def test_a_base_of_two_handlers_is_served_only_where_it_is_clear_by_whom():
    base = service_of(make_service("Base", ("say",)))
    one, other = (make_service(name, ("say",), bases=(base,)) for name in ("One", "Other"))
    assert "Base/say" not in Registry({one: Handler(), other: Handler()}).targets
    both = Handler()
    assert Registry({one: both, other: both}).targets["Base/say"].run == both.say
    own = Handler()
    assert Registry({one: both, other: both, service_class(base): own}).targets["Base/say"].run == own.say
    assert len(Registry({one: both, other: both}).offered) == 3


def test_one_fault_of_a_base_and_its_derived_service_is_named_for_each():
    base = service_of(make_service("Base", ("say",)))
    derived = make_service("Derived", ("say",), bases=(base,))
    text = faults({derived: object()})
    assert text.count("no method say") == 2


def test_a_method_without_a_common_encoding_uses_its_own():
    one = Method("Odd", "one", (), {"a": text_codec()})
    two = Method("Odd", "two", (), {"b": text_codec()})

    class Odd(ServiceClass[object]):
        __callosum_service__ = Service("Odd", {"one": one, "two": two}, "f")

    class OddHandler:
        async def one(self):
            """Served."""

        async def two(self):
            """Served."""

    registry = Registry({Odd: OddHandler()})
    assert registry.targets["Odd/two"].codecs[""] is two.codecs["b"]
    assert registry.offered[0].codecs == ()


def test_python_names_are_those_of_the_handler():
    method = Method("Odd", "class", (Parameter("x"),), {"a": text_codec()}, Cardinality.UNARY, "class_")
    odd = service_class(Service("Odd", {"class": method}, "f"))

    class OddHandler:
        async def class_(self, x):
            """A reserved word."""

    assert "Odd/class" in Registry({odd: OddHandler()}).targets
    assert "no method class_" in faults({odd: object()})
