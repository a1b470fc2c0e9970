from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, Outcome
from callosum.errors import EncodeError
from callosum.service import Cardinality, Method, Parameter, Service, service_of
from callosum.stub import Stub, perform_call, stub_class
from tests.services import (
    Agent,
    Echo,
    Handler,
    Refusal,
    make_service,
    new_address,
    paired,
    run,
    service_class,
    settle,
    text_codec,
)


def test_a_stub_has_the_methods_of_its_service():
    made = stub_class(service_of(Echo))
    assert made is stub_class(service_of(Echo))
    assert issubclass(made, Stub)
    assert made.__name__ == "EchoStub"
    assert [name for name in ("say", "call", "poke") if inspect.iscoroutinefunction(getattr(made, name))] == [
        "say",
        "call",
        "poke",
    ]
    say = made.say  # type: ignore[attr-defined]
    assert say.__name__ == "say"
    assert str(inspect.signature(say)) == "(self, message)"
    assert say.__doc__ == "say(message: string)"


def test_signatures_and_names_are_those_of_the_idl():
    parameters = (
        Parameter("later", has_default=True, default=7),
        Parameter("class"),
        Parameter("message"),
        Parameter("first", has_default=True, default=[]),
    )
    codecs = {"text": text_codec()}
    odd = Service(
        "Odd",
        {
            "with_options": Method("Odd", "with_options", (), codecs, python_name="with_options_"),
            "many": Method("Odd", "many", parameters, codecs, doc="Takes many."),
        },
        "f",
        doc="A service.",
    )
    made = stub_class(odd)
    assert made.__doc__ == "A service."
    assert str(inspect.signature(made.many)) == "(self, later=7, *, class_, message, first=[])"  # type: ignore[attr-defined]
    assert made.many.__doc__ == "Takes many."  # type: ignore[attr-defined]
    assert made.with_options is Stub.with_options
    assert made.with_options_.__name__ == "with_options_"  # type: ignore[attr-defined]


def test_a_signature_has_the_types_of_python_where_the_idl_layer_knows_them():
    parameters = (Parameter("class"), Parameter("at"), Parameter("times", has_default=True, default=1))
    annotations = {"class_": str, "times": "int | None", "return": bytes}
    typed = Method("Typed", "say", parameters, {"text": text_codec()}, annotations=annotations)
    say = stub_class(Service("Typed", {"say": typed}, "f")).say  # type: ignore[attr-defined]
    assert str(inspect.signature(say)) == "(self, class_: str, at, times: 'int | None' = 1) -> bytes"


def test_options_are_added_and_replaced():
    seen = []

    async def say(message):
        call = callosum.current_call()
        seen.append((call.key, dict(call.metadata), None if call.remaining is None else round(call.remaining)))
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            stub = pair.peer.stub(Echo, timeout=5, key="a", metadata={"m": "1"})
            await stub.say("x")
            await stub.with_options(key=b"b").say("x")
            await stub.with_options(metadata={"n": "2"}, timeout=3).say("x")
            await stub.with_options(metadata={"m": "3"}).with_options().say("x")
            await stub.say("x")
            await pair.echo.with_options().say("x")
            assert seen == [
                ("a", {"m": "1"}, 5),
                (b"b", {"m": "1"}, 5),
                ("a", {"m": "1", "n": "2"}, 3),
                ("a", {"m": "3"}, 5),
                ("a", {"m": "1"}, 5),
                (None, {}, None),
            ]

    run(main())


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"key": 1.5},
        {"key": True},
        {"key": 2**63},
        {"key": ["a"]},
        {"metadata": {"a": 5}},
        {"metadata": {5: "a"}},
    ],
)
def test_options_that_cannot_be_are_refused_at_once(options):
    async def main():
        async with paired() as pair:
            with pytest.raises(ConfigurationError):
                pair.peer.stub(Echo, **options)
            with pytest.raises(ConfigurationError):
                pair.echo.with_options(**options)

    run(main())


@pytest.mark.parametrize("key", ["", "a", 0, -1, 2**63 - 1, -(2**63), b"", b"\0"])
def test_keys_arrive_as_they_are(key):
    async def say(message):
        assert callosum.current_call().key == key
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            assert await pair.echo.with_options(key=key).say("x") == "x"

    run(main())


def test_options_that_do_not_fit_into_a_header():
    async def main():
        async with paired() as pair:
            for options in ({"key": "k" * 20_000}, {"metadata": {"m": "x" * 20_000}}, {"key": "\ud800"}):
                with pytest.raises(EncodeError) as caught:
                    await pair.echo.with_options(**options).say("x")
                assert caught.value.outcome is Outcome.NOT_SENT
                assert caught.value.path == "Echo/say"
            assert await pair.echo.say("x") == "x"
            assert pair.client.counters["sessions"] == 1

    run(main())


def test_the_timeout_of_a_stub():
    async def main():
        cancelled = []

        async def say(message):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(message)
                raise

        async with paired(Handler(say=say)) as pair:
            with pytest.raises(callosum.DeadlineExceeded) as caught:
                await pair.peer.stub(Echo, timeout=2).say("x")
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.outcome in (Outcome.UNKNOWN, Outcome.EXECUTED)
            assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.1)
            await settle()
            assert cancelled == ["x"]

    run(main())


def test_the_timeout_of_the_idl_is_the_last_resort():
    slow = make_service("Slow", ("say",), timeout=4.0)

    class SlowHandler:
        async def say(self, message):
            await asyncio.Event().wait()

    async def main():
        address = new_address()
        loop = asyncio.get_running_loop()
        async with callosum.listen(address, {slow: SlowHandler()}), callosum.connect(address) as peer:
            with pytest.raises(callosum.DeadlineExceeded):
                await peer.stub(slow).say("x")
            assert loop.time() == pytest.approx(4, abs=0.1)
            with pytest.raises(callosum.DeadlineExceeded):
                await peer.stub(slow, timeout=1).say("x")
            assert loop.time() == pytest.approx(5, abs=0.2)

    run(main())


def test_a_body_that_the_other_side_does_not_accept():
    limits = callosum.Limits(body_bytes=1000)

    async def call(message):
        return "x" * 1000

    async def main():
        async with paired(Handler(call=call), listen={"limits": limits}) as pair:
            with pytest.raises(
                callosum.ResourceExhausted, match="take 1001 bytes; the other side accepts 1000"
            ) as caught:
                await pair.echo.say("x" * 1001)
            assert caught.value.outcome is Outcome.NOT_SENT
            with pytest.raises(callosum.ResourceExhausted, match="the result takes 1001 bytes") as caught:
                await pair.echo.call("x")
            assert caught.value.outcome is Outcome.EXECUTED
            assert await pair.echo.say("x" * 900) == "x" * 900

    run(main())


def test_large_bodies_arrive_whole():
    async def main():
        async with paired() as pair:
            text = "0123456789" * 500_000
            assert await asyncio.gather(pair.echo.say(text), pair.echo.say("small"), pair.agent.say(text)) == [
                text,
                "small",
                text,
            ]
            await pair.echo.poke(text)
            await pair.peer.drain()

    run(main())


def test_a_oneway_returns_nothing():
    async def main():
        handler = Handler()
        async with paired(handler) as pair:
            for n in range(3):
                assert await pair.echo.poke(str(n)) is None
            await pair.peer.drain()
            await settle()
            assert handler.poked == ["0", "1", "2"]

    run(main())


def test_what_is_not_a_service_class(monkeypatch):
    monkeypatch.setattr("callosum.service._upper_layers", lambda: ((), ()))

    async def main():
        async with paired() as pair:
            with pytest.raises(ConfigurationError, match="is not a service class"):
                pair.peer.stub(int)

    run(main())


def test_the_text_of_a_stub():
    async def main():
        async with paired() as pair:
            assert repr(pair.echo).startswith("<stub of Echo on <peer memory://test-")
            assert repr(pair.peer.stub(Agent)).startswith("<stub of Agent on")

    run(main())


def test_a_oneway_through_interceptors_returns_nothing_either():
    async def interceptor(call, following):
        assert call.method.cardinality is Cardinality.ONEWAY
        return await following(call)

    async def main():
        handler = Handler()
        async with paired(handler, interceptors=[interceptor]) as pair:
            assert await pair.echo.poke("x") is None
            await pair.peer.drain()
            await settle()
            assert handler.poked == ["x"]

    run(main())


def test_a_reply_that_does_not_decode_through_interceptors():
    async def interceptor(call, following):
        return await following(call)

    codec = text_codec(decode_result=lambda _: text_codec().decode_args(b"\xff"))
    lying = service_class(
        Service("Echo", {"say": Method("Echo", "say", (Parameter("message"),), {"text": codec})}, "f")
    )

    async def main():
        async with paired(interceptors=[interceptor]) as pair:
            with pytest.raises(callosum.DecodeError) as caught:
                await pair.peer.stub(lying).say("x")
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_a_declared_exception_says_that_the_handler_ran_where_it_has_no_outcome_of_its_own():
    async def refuse(message):
        raise Refusal(message)

    async def main():
        async with paired(Handler(say=refuse)) as pair:
            for chain in (None, perform_call):
                pair.peer.chain = chain
                with pytest.raises(Refusal) as caught:
                    await pair.echo.say("no")
                assert caught.value.outcome is Outcome.EXECUTED  # type: ignore[attr-defined]

    run(main())


# --- keys that the IDL names ------------------------------------------------------------------------------------------

Keyed = make_service("Keyed", ("say",), key="message")


def keyed(**options: Any) -> list[Any]:
    """The keys with which calls arrive."""
    keys: list[Any] = []

    class KeyedHandler:
        async def say(self, message):
            keys.append(callosum.current_call().key)
            return message

    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {Keyed: KeyedHandler()}),
            callosum.connect(address, **options) as peer,
        ):
            stub = peer.stub(Keyed)
            await stub.say("by position")
            await stub.say(message="by name")
            await stub.with_options(key=7).say("its own")
            with pytest.raises(callosum.EncodeError, match="cannot be a request key"):
                await stub.say(1.5)

    run(main())
    return keys


def test_the_stub_computes_the_key_that_the_idl_names():
    assert keyed() == ["by position", "by name", 7]


def test_interceptors_see_the_key_and_may_change_it():
    seen = []

    async def note(call, following):
        seen.append(call.key)
        if call.key == "by name":
            call.key = "changed"
        return await following(call)

    assert keyed(interceptors=[note]) == ["by position", "changed", 7]
    assert seen == ["by position", "by name", 7]
