"""Methods of a Protocol that stream: their signatures, and the bodies of their parts."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from callosum import BidiStream, ReceiveStream, service_of
from callosum.errors import ConfigurationError, DecodeError, EncodeError
from callosum.fingerprint import Difference, find_difference
from callosum.service import Cardinality, Method, Parameter
from callosum.stub import stub_class
from callosum.upper import json
from callosum.upper.json.streams import is_stream, item_type


@dataclass
class Line:
    text: str
    number: int = 0


class Gone(Exception):
    pass


@json.service
class Logs(Protocol):
    @json.raises(Gone)
    def tail(self, job: str, count: int = 10) -> AsyncIterator[Line]:
        """The lines of a job."""

    async def more(self) -> AsyncGenerator[int, None]:
        yield 1

    @json.key("name")
    async def upload(self, name: str, chunks: AsyncIterable[bytes], size: int = 0) -> Line: ...
    async def note(self, lines: AsyncIterator[Line | None]) -> None: ...
    def talk(self, said: AsyncGenerator[str, None], room: str) -> AsyncIterable[list[Line]]: ...
    async def plain(self, value: int) -> int: ...


METHODS = service_of(Logs).methods


def item(method: Method, value: object) -> bytes:
    assert method.preferred.encode_item is not None
    return method.preferred.encode_item(value)


def read(method: Method, body: bytes | memoryview) -> Any:
    assert method.preferred.decode_item is not None
    return method.preferred.decode_item(body)


def test_signatures_say_what_streams() -> None:
    assert {name: (one.cardinality, one.stream) for name, one in METHODS.items()} == {
        "tail": (Cardinality.SERVER_STREAM, None),
        "more": (Cardinality.SERVER_STREAM, None),
        "upload": (Cardinality.CLIENT_STREAM, 1),
        "note": (Cardinality.CLIENT_STREAM, 0),
        "talk": (Cardinality.BIDI_STREAM, 0),
        "plain": (Cardinality.UNARY, None),
    }
    assert METHODS["tail"].signature() == "tail(job: str, count: int) -> stream Line throws Gone"
    assert METHODS["talk"].signature() == "talk(said: stream str, room: str) -> stream list[Line]"
    assert METHODS["upload"].parameters[1] == Parameter("chunks", False, "bytes")
    assert METHODS["talk"].parameters[0] == Parameter("said", True, "str")
    assert (METHODS["tail"].doc, METHODS["upload"].key) == ("The lines of a job.", "name")


def test_stubs_say_what_they_return() -> None:
    stub: Any = stub_class(service_of(Logs))
    assert inspect.signature(stub.tail).return_annotation == ReceiveStream[Line]
    upload, talk = inspect.signature(stub.upload), inspect.signature(stub.talk)
    assert upload.parameters["chunks"].annotation == AsyncIterable[bytes]
    assert upload.return_annotation is Line
    assert talk.return_annotation == BidiStream[str, list[Line]]
    assert talk.parameters["said"].annotation == AsyncIterable[str] | None


def test_the_request_is_without_the_stream() -> None:
    upload = METHODS["upload"]
    assert upload.encode_args("a") == upload.encode_args(name="a") == b'{"name":"a"}'
    assert upload.decode_args(upload.encode_args("a", 5)) == ("a", 5)
    assert METHODS["note"].decode_args(METHODS["note"].encode_args()) == ()
    assert METHODS["talk"].decode_args(METHODS["talk"].encode_args("hall")) == ("hall",)
    with pytest.raises(TypeError, match="upload"):
        upload.encode_args("a", chunks=b"x")


def test_items_are_values() -> None:
    assert item(METHODS["talk"], "hello") == b'"hello"'
    for method, value in (("upload", b"\0abc"), ("note", Line("x", 1)), ("note", None), ("talk", "")):
        body = item(METHODS[method], value)
        assert read(METHODS[method], body) == read(METHODS[method], memoryview(body)) == value
    assert METHODS["plain"].preferred.encode_item is METHODS["tail"].preferred.decode_item is None


def test_wrong_items_name_their_place() -> None:
    with pytest.raises(EncodeError, match=r"^Logs\.note\.lines\.text: Expected `str`, got `int`"):
        item(METHODS["note"], Line(5))  # type: ignore[arg-type]
    with pytest.raises(EncodeError, match=r"^Logs\.talk\.said: object does not become JSON"):
        item(METHODS["talk"], object())
    with pytest.raises(DecodeError, match=r"^Logs\.note\.lines: "):
        read(METHODS["note"], b"[]")


def test_what_the_handler_streams_are_results() -> None:
    tail = METHODS["tail"]
    assert tail.decode_result(tail.encode_result(Line("x"))) == Line("x")
    end = tail.preferred.encode_exception(Gone("away"))
    assert end is not None
    with pytest.raises(Gone, match="away"):
        tail.decode_result(end)
    with pytest.raises(EncodeError, match=r"^Logs\.tail"):
        tail.encode_result("x")


def faults(cls: type) -> str:
    with pytest.raises(ConfigurationError) as caught:
        json.service(cls)
    return str(caught.value)


NOTHING: Any = None


def test_wrong_uses_say_what_to_write() -> None:
    class Bad(Protocol):
        async def awaited(self) -> AsyncIterator[str]: ...
        async def yields(self) -> int:  # type: ignore[misc]
            yield 1

        def plain(self, values: AsyncIterable[int]) -> int: ...
        async def two(self, a: AsyncIterable[int], b: AsyncIterable[int]) -> None: ...
        async def preset(self, a: AsyncIterable[int] | None = None) -> None: ...
        async def empty(self, a: AsyncIterable[int] = NOTHING) -> None: ...

    text = faults(Bad)
    for part in (
        (
            "Bad.awaited is an async def without a yield, so one would have to await it to get its AsyncIterator[str]: "
            "write def awaited"
        ),
        "Bad.yields yields, and does not say what: write -> AsyncIterator[...]",
        "Bad.plain is not async: write async def plain",
        "Bad.two: a and b are streams: a caller has one: make the others lists",
        "Bad.preset.a: AsyncIterable[int] | None has a stream in it",
        "Bad.empty: a is a stream, and has a default: remove it",
    ):
        assert part in text, part


def test_wrong_types_and_marks_say_what_to_write() -> None:
    class Bad(Protocol):
        def bare(self) -> AsyncIterator: ...  # type: ignore[type-arg]
        def sending(self) -> AsyncGenerator[int, str]: ...
        def inside(self) -> AsyncIterator[list[AsyncIterator[int]]]: ...
        async def listed(self, a: list[AsyncIterable[int]]) -> None: ...
        async def strange(self, a: AsyncIterable[object]) -> None: ...
        @json.key("a")
        async def keyed(self, a: AsyncIterable[int]) -> None: ...
        @json.oneway
        async def sent(self, a: AsyncIterable[int]) -> None: ...
        @json.oneway
        def gone(self) -> AsyncIterator[int]: ...

    text = faults(Bad)
    for part in (
        "Bad.bare: AsyncIterator does not say of what: write AsyncIterator[int]",
        "Bad.sending: AsyncGenerator[int, str]: nothing can be sent to where it yields: write None",
        "Bad.inside, what it returns: list[AsyncIterator[int]] has a stream in it",
        "Bad.listed.a: list[AsyncIterable[int]] has a stream in it",
        "Bad.strange.a: values of object cannot travel as JSON",
        "Bad.keyed: json.key('a') names the stream, and a key is known before: name another",
        "Bad.sent is oneway and streams",
        "Bad.gone is oneway and streams",
    ):
        assert part in text, part


def test_a_stream_is_found_where_it_stands() -> None:
    assert is_stream(AsyncIterable[int])
    assert is_stream(AsyncGenerator)
    assert not is_stream(list[int])
    assert item_type(AsyncIterator[Line], "here") is Line


def mark(**methods: Any) -> str:
    return service_of(json.service(type("S", (Protocol,), methods))).fingerprint


def test_the_fingerprint_has_the_mode_and_the_items() -> None:
    async def plain(self: Any, a: int) -> int:
        raise NotImplementedError

    def server(self: Any, a: int) -> AsyncIterator[int]:
        raise NotImplementedError

    async def client(self: Any, a: AsyncIterable[int]) -> int:
        raise NotImplementedError

    async def texts(self: Any, a: AsyncIterator[str]) -> int:
        raise NotImplementedError

    def bidi(self: Any, a: AsyncIterable[int]) -> AsyncIterator[int]:
        raise NotImplementedError

    def difference(ours: Any, theirs: Any) -> Difference | None:
        return find_difference("S", mark(f=ours), mark(f=theirs))

    assert difference(plain, server) == difference(server, plain) == Difference("S", streams=("f",))
    assert difference(client, bidi) == Difference("S", streams=("f",))
    assert difference(plain, client) == Difference("S", arguments=("f",), streams=("f",))
    assert difference(client, texts) == Difference("S", arguments=("f",))
