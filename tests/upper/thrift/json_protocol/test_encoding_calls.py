"""Calls over a session of which one side knows nothing but JSON."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

import callosum
from callosum.errors import EncodeError, InvalidArgument, Outcome
from callosum.service import MethodCodec, Service
from callosum.testing import serve_in_memory
from callosum.upper.thrift.json_protocol import JSON
from tests.upper.thrift.json_protocol.bodies import m

POINT = m.Point(x=1, y=2)


def in_json_alone(cls: Any, seen: list[bytes]) -> Any:
    """A service class like another one, in this encoding alone; the bodies that it makes are seen."""
    service = callosum.service_of(cls)
    methods = {
        name: dataclasses.replace(method, codecs={JSON.name: _seen(method.codecs[JSON.name], seen)})
        for name, method in service.methods.items()
    }
    bases = tuple(
        Service(one.name, {name: methods[name] for name in one.methods}, one.fingerprint) for one in service.bases
    )
    alone = Service(service.name, methods, service.fingerprint, bases)
    return type(cls.__name__, (), {"__callosum_service__": alone})


def _seen(codec: MethodCodec, seen: list[bytes]) -> MethodCodec:
    def seeing(function: Any) -> Any:
        def encode(*args: Any, **kwargs: Any) -> Any:
            body = function(*args, **kwargs)
            if body is not None:
                seen.append(body)
            return body

        return encode

    return dataclasses.replace(
        codec,
        encode_args=seeing(codec.encode_args),
        encode_result=seeing(codec.encode_result),
        encode_exception=seeing(codec.encode_exception),
    )


class Handler:
    def __init__(self) -> None:
        self.forgotten: list[int] = []

    async def ping(self):
        return True

    async def forget(self, number):
        self.forgotten.append(number)

    async def nothing(self):
        return None

    async def add(self, a, b):
        return a + b

    async def locate(self, name, words, depth, colour):
        if not words:
            raise m.NotFound(name=name)
        return POINT

    async def numbers(self, numbers):
        return [*numbers, 7]

    async def walk(self, node):
        return m.Node(name="root", children=[node])

    async def shape(self, shape):
        return shape

    async def late(self, first, by_name):
        return [first, *by_name.values()]

    async def with_options_(self, colour):
        return colour

    async def None_(self):
        return m.Later(number=3)


async def check_calls(stub: Any, handler: Handler) -> None:
    assert await stub.ping() is True
    await stub.forget(5)
    assert await stub.nothing() is None
    assert await stub.add(2**62, b=-1) == 2**62 - 1
    assert await stub.locate("here", {"a"}, 2, m.Colour.RED) == POINT
    with pytest.raises(m.NotFound) as caught:
        await stub.locate("there", set(), 2, m.Colour.RED)
    assert caught.value.name == "there"
    assert caught.value.code == 404
    assert await stub.numbers() == [1, 7]
    assert (await stub.walk(m.Node(name="ü"))).children == [m.Node(name="ü")]
    assert await stub.shape(m.Shape(point=POINT)) == m.Shape(point=POINT)
    assert await stub.late(m.Later(number=1), {"k": m.Later(number=2)}) == [m.Later(number=1), m.Later(number=2)]
    assert await stub.with_options_(m.Colour(77)) == m.Colour(77)
    assert (await stub.None_()).number == 3
    with pytest.raises(EncodeError):
        await stub.add("1")
    assert handler.forgotten == [5]


def test_a_server_that_offers_json_alone_is_called_in_it():
    seen: list[bytes] = []
    handler = Handler()

    async def run():
        async with serve_in_memory({in_json_alone(m.Everything, seen): handler}) as peer:
            await check_calls(peer.stub(m.Everything), handler)

    asyncio.run(run())
    assert b'{"0":{"i64":4611686018427387903}}' in seen
    assert b'{"1":{"rec":{"1":{"str":"there"},"2":{"i32":404}}}}' in seen
    assert len(seen) == 11


def test_a_client_that_has_json_alone_asks_for_it():
    seen: list[bytes] = []
    handler = Handler()

    async def run():
        async with serve_in_memory({m.Everything: handler}) as peer:
            await check_calls(peer.stub(in_json_alone(m.Everything, seen)), handler)

    asyncio.run(run())
    assert b'{"1":{"i64":4611686018427387904},"2":{"i64":-1}}' in seen


def test_bad_arguments_are_rejected():
    add = callosum.service_of(m.Everything).methods["add"]
    codec = dataclasses.replace(add.codecs[JSON.name], encode_args=lambda: b'{"1":{"i64":1.5}}')
    wrong = Service("Everything", {"add": dataclasses.replace(add, codecs={JSON.name: codec})}, "")

    async def run():
        async with serve_in_memory({m.Everything: Handler()}) as peer:
            stub: Any = peer.stub(type("Everything", (), {"__callosum_service__": wrong}))
            await stub.add()

    with pytest.raises(InvalidArgument, match=r"Everything\.add\.args\.a: the IDL says i64") as caught:
        asyncio.run(run())
    assert caught.value.outcome is Outcome.REJECTED
