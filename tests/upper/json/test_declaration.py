from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import pytest

from callosum import service_of
from callosum.errors import ConfigurationError, RpcError
from callosum.fingerprint import Difference, find_difference, read_fingerprint
from callosum.service import Cardinality
from callosum.stub import stub_class
from callosum.upper import json

T = TypeVar("T")


@dataclass
class Echoed:
    """What was said."""

    message: str
    length: int = 0


class Refused(Exception):
    pass


@json.service
class Echo(Protocol):
    """Echoes.

    All day.
    """

    @json.raises(Refused)
    @json.idempotent
    @json.timeout(1.5)
    @json.key("message")
    async def say(self, message: str, times: int = 1) -> Echoed:
        """Say it."""
        ...

    @json.oneway
    async def poke(self, message: str) -> None: ...

    async def _private(self) -> None: ...


def test_a_service_has_what_the_class_says() -> None:
    echo = service_of(Echo)
    assert echo.name == "Echo"
    assert echo.doc == "Echoes.\n\nAll day."
    assert list(echo.methods) == ["say", "poke"]
    assert echo.codecs == ("json",)
    say, poke = echo.methods["say"], echo.methods["poke"]
    assert say.signature() == "say(message: str, times: int) -> Echoed throws Refused"
    assert [one.has_default for one in say.parameters] == [False, True]
    assert (say.idempotent, say.timeout, say.key, say.doc) == (True, 1.5, "message", "Say it.")
    assert say.raises == (Refused,)
    assert poke.cardinality is Cardinality.ONEWAY
    assert poke.signature() == "oneway poke(message: str)"


def test_a_service_can_have_a_name_of_its_own() -> None:
    @json.service(name="acme.Echo")
    class Local(Protocol):
        async def say(self) -> None: ...

    assert service_of(Local).name == "acme.Echo"
    assert service_of(Local).methods["say"].wire_name == "acme.Echo/say"


def test_types_may_be_defined_beside_the_service_in_a_function() -> None:
    @dataclass
    class Inner:
        value: int

    @json.service
    class Local(Protocol):
        async def take(self, value: Inner) -> list[Inner]: ...

    take = service_of(Local).methods["take"]
    assert take.decode_args(take.encode_args(Inner(1))) == (Inner(1),)
    assert take.signature() == "take(value: Inner) -> list[Inner]"


def test_who_derives_from_a_service_extends_it() -> None:
    @json.service
    class More(Echo, Protocol):
        async def whisper(self, message: str) -> str: ...

    more = service_of(More)
    assert set(more.methods) == {"say", "poke", "whisper"}
    assert more.methods["say"].wire_name == "More/say"
    assert more.bases == (service_of(Echo),)


def faults(cls: type) -> str:
    with pytest.raises(ConfigurationError) as caught:
        json.service(cls)
    return str(caught.value)


def test_all_faults_of_a_class_are_named() -> None:
    class Bad(Protocol):
        attribute: int

        def plain(self) -> int: ...
        async def untyped(self, message) -> None: ...
        async def silent(self, message: str): ...
        async def named(self, *, message: str) -> None: ...
        async def many(self, *messages: str) -> None: ...
        async def with_options(self) -> None: ...
        async def strange(self, value: object) -> None: ...
        async def shared(self, value: Echoed = Echoed("x")) -> None: ...  # noqa: B008
        @property
        def prop(self) -> int: ...
        @json.oneway
        async def answered(self) -> int: ...
        @json.oneway
        @json.raises(Refused)
        async def failing(self) -> None: ...
        @json.key("no")
        async def keyed(self) -> None: ...
        @json.raises(Refused, type("Refused", (Exception,), {}))
        async def twice(self) -> None: ...

    text = faults(Bad)
    for part in (
        "Bad.attribute is no method, and a service has nothing else",
        "Bad.plain is not async: write async def plain",
        "Bad.untyped: message has no type",
        "Bad.silent does not say what it returns: write -> None, or a type",
        "Bad.named: message: 'str': a handler gets its arguments one by one, by position",
        "Bad.many: *messages: 'str': a handler gets its arguments one by one",
        "Bad.with_options: stubs have a with_options of their own: rename the method",
        "Bad.strange.value: values of object cannot travel as JSON",
        "Bad.prop is no method",
        "Bad.answered is oneway: it returns None and raises nothing",
        "Bad.failing is oneway",
        "Bad.keyed: json.key('no') names no parameter",
        "Bad.twice declares two exceptions of one name",
    ):
        assert part in text, part


def test_a_default_that_all_calls_would_share_is_refused() -> None:
    class Bad(Protocol):
        async def take(self, value: list[int] = [1]) -> None: ...  # noqa: B006

    assert "Bad.take: " in faults(Bad)


def test_a_type_that_is_not_defined_yet_is_named() -> None:
    class Bad(Protocol):
        async def take(self, value: Unknown) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert "Bad.take: name 'Unknown' is not defined: its types have to be defined above the service" in faults(Bad)


def test_only_a_protocol_that_is_not_generic_can_be_a_service() -> None:
    class Plain:
        async def say(self) -> None: ...

    class Boxes(Protocol, Generic[T]):  # type: ignore[misc]
        async def put(self, value: T) -> None: ...

    class Handler(Echo):
        pass

    assert "Plain is no Protocol: write class Plain(typing.Protocol)" in faults(Plain)
    assert "Boxes is generic" in faults(Boxes)
    assert "Handler is no Protocol" in faults(Handler)


def test_callosums_own_exceptions_are_not_declared() -> None:
    class Bad(Protocol):
        @json.raises(RpcError)
        async def say(self) -> None: ...

    assert "RpcError is callosum's own and arrives as itself: leave it out" in faults(Bad)


def fingerprint(**methods: Any) -> str:
    cls = type("Echo", (Protocol,), methods)
    return service_of(json.service(cls)).fingerprint


def test_the_fingerprint_is_that_of_what_travels() -> None:
    async def say(self: Any, message: str) -> Echoed:
        raise NotImplementedError

    async def documented(self: Any, message: str) -> Echoed:
        """Say."""
        raise NotImplementedError

    async def renamed(self: Any, text: str) -> Echoed:
        raise NotImplementedError

    async def retyped(self: Any, message: int) -> Echoed:
        raise NotImplementedError

    async def optional(self: Any, message: str = "") -> Echoed:
        raise NotImplementedError

    async def other_default(self: Any, message: str = "x") -> Echoed:
        raise NotImplementedError

    async def other_result(self: Any, message: str) -> str:
        raise NotImplementedError

    @json.raises(Refused)
    async def failing(self: Any, message: str) -> Echoed:
        raise NotImplementedError

    same = fingerprint(say=say)
    assert len(read_fingerprint(same).whole) == 64
    assert same == fingerprint(say=documented)
    assert fingerprint(say=optional) == fingerprint(say=other_default)
    others = [renamed, retyped, optional, other_result, failing]
    marks = {same, fingerprint(tell=say), fingerprint(say=say, more=say), *(fingerprint(say=one) for one in others)}
    assert len(marks) == 3 + len(others)


def test_the_fingerprint_says_which_methods_differ() -> None:
    async def say(self: Any, message: str) -> str:
        raise NotImplementedError

    async def retyped(self: Any, message: int) -> str:
        raise NotImplementedError

    @json.raises(Refused)
    async def failing(self: Any, message: str) -> str:
        raise NotImplementedError

    @json.oneway
    async def note(self: Any, message: str) -> None:
        raise NotImplementedError

    async def answered(self: Any, message: str) -> None:
        raise NotImplementedError

    ours = fingerprint(say=say, note=note)

    def difference(**methods: Any) -> Difference | None:
        return find_difference("Echo", ours, fingerprint(**methods))

    assert difference(say=retyped, note=note) == Difference("Echo", arguments=("say",))
    assert difference(say=failing, note=note) == Difference("Echo", answers=("say",))
    assert difference(say=say, note=answered) == Difference("Echo", oneway=("note",))
    assert difference(say=say) == Difference("Echo", missing=("note",))
    assert difference(say=say, note=note, more=say) is None


def test_stubs_have_the_signatures_that_were_written() -> None:
    @json.service
    class Typed(Protocol):
        async def say(self, message: str, times: int = 1) -> list[str]: ...

    stub = stub_class(service_of(Typed))
    assert str(inspect.signature(stub.say)) == "(self, message: str, times: int = 1) -> list[str]"  # type: ignore[attr-defined]
