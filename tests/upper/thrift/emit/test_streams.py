from __future__ import annotations

from callosum.upper.thrift.emit.streams import Side, StreamTypes, stream_types
from callosum.upper.thrift.idl.model import Service
from tests.upper.thrift.emit.emitting import named, writer


def types(function: str, side: Side) -> StreamTypes | None:
    made = writer(f"struct A {{}} service S {{ {function} }}")
    return stream_types(made, named(made, "S", Service).functions[0], side)


def test_what_streams_nothing_has_none() -> None:
    assert types("A f(1: A a)", Side.BOTH) is types("A f(1: A a)", Side.STUB) is None


def test_each_side_has_its_own() -> None:
    server = 'A f(1: i32 a) (callosum.stream = "server")'
    assert types(server, Side.BOTH) == StreamTypes(None, "", "", "AsyncIterator[A]")
    assert types(server, Side.STUB) == StreamTypes(None, "", "", "ReceiveStream[A]")
    client = 'void f(1: i32 a, 2: A b (callosum.stream = "in")) (callosum.stream = "client")'
    assert types(client, Side.BOTH) == StreamTypes(1, "AsyncIterator[A]", "", "")
    assert types(client, Side.STUB) == StreamTypes(1, "AsyncIterable[A]", "", "")
    bidi = 'i32 f(1: A b (callosum.stream = "in")) (callosum.stream = "bidi")'
    assert types(bidi, Side.BOTH) == StreamTypes(0, "AsyncIterator[A]", "", "AsyncIterator[int]")
    assert types(bidi, Side.STUB) == StreamTypes(0, "AsyncIterable[A] | None", "None", "BidiStream[A, int]")


def test_names_of_the_file_come_first() -> None:
    made = writer('struct AsyncIterator {} service S { AsyncIterator f() (callosum.stream = "server") }')
    found = stream_types(made, named(made, "S", Service).functions[0], Side.BOTH)
    assert found == StreamTypes(None, "", "", "_collections_abc.AsyncIterator[AsyncIterator]")
