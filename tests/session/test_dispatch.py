from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest

import callosum
from callosum import Code, InvalidArgument, Outcome, RpcError, SerializedByKey
from callosum.channel import Failure, Inbound
from callosum.errors import EncodeError
from callosum.protocol.messages import Error, Request
from callosum.service import Cardinality, Method, Parameter, Service
from callosum.session.counters import Counters
from callosum.session.dispatch import HandlerDispatcher
from callosum.session.registry import Registry
from tests.services import (
    Agent,
    Echo,
    Handler,
    Raw,
    Refusal,
    decode_text,
    make_service,
    new_address,
    paired,
    run,
    service_class,
    settle,
    text_codec,
)


async def failing(call):
    """What a call raises."""
    with pytest.raises(Exception) as caught:
        await call
    return caught.value


def raising(error):
    async def method(message):
        raise error

    return method


def test_a_declared_exception_arrives_as_itself(caplog):
    async def main():
        async with paired(Handler(say=raising(Refusal("not today")))) as pair:
            with pytest.raises(Refusal) as caught:
                await pair.echo.say("x")
            assert caught.value.reason == "not today"
            assert "failed" not in pair.server.counters

    run(main())
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_any_other_exception_arrives_as_internal_with_the_id_of_what_was_logged(caplog):
    async def main():
        async with paired(Handler(say=raising(ValueError("a secret")))) as pair:
            error = await failing(pair.echo.say("x"))
            assert isinstance(error, callosum.Internal)
            assert error.outcome is Outcome.EXECUTED
            assert "secret" not in str(error)
            assert "ValueError" not in str(error)
            assert error.error_id
            assert f"[error {error.error_id}]" in str(error)
            (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
            assert error.error_id in record.getMessage()
            assert "Echo/say" in record.getMessage()
            assert record.exc_info
            assert record.exc_info[0] is ValueError
            assert pair.server.counters["failed"] == 1
            assert await pair.echo.call("the next one works") == "the next one works"

    run(main())


def test_the_server_can_opt_into_showing_them():
    async def main():
        async with paired(Handler(say=raising(ValueError("shown"))), listen={"expose_errors": True}) as pair:
            error = await failing(pair.echo.say("x"))
            assert isinstance(error, callosum.Internal)
            assert error.message == "ValueError: shown"
            assert error.error_id

    run(main())


def test_an_rpc_error_that_a_handler_raises_arrives_as_itself():
    raised = callosum.PermissionDenied("not yours", {"owner": "b", "tries": 3}, retry_after=2.5)
    raised.error_id = "feed"

    async def main():
        async with paired(Handler(say=raising(raised))) as pair:
            error = await failing(pair.echo.say("x"))
            assert type(error) is callosum.PermissionDenied
            assert (error.message, error.details) == ("not yours", {"owner": "b", "tries": 3})
            assert error.outcome is Outcome.EXECUTED
            assert error.retry_after == 2.5
            assert error.error_id == "feed"
            assert error.call == "Echo/say"

    run(main())


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_outcome_of_a_raised_error_is_executed_whatever_it_says(outcome):
    async def main():
        async with paired(Handler(say=raising(callosum.Unavailable("x", outcome=outcome)))) as pair:
            error = await failing(pair.echo.say("x"))
            assert isinstance(error, callosum.Unavailable)
            assert error.outcome is Outcome.EXECUTED

    run(main())


def test_an_rpc_error_that_came_out_of_a_nested_call_arrives_as_internal():
    async def call(message):
        return await callosum.current_peer().stub(Agent).say(message)

    async def main():
        async with paired(Handler(call=call), agent=Handler(say=raising(callosum.Unavailable("inner")))) as pair:
            error = await failing(pair.echo.call("x"))
            assert type(error) is callosum.Internal
            assert error.outcome is Outcome.EXECUTED

    run(main())


def test_a_nested_error_that_the_handler_turns_into_its_own_arrives_as_its_own():
    async def call(message):
        try:
            await callosum.current_peer().stub(Agent).say(message)
        except RpcError as error:
            raise callosum.Unavailable("mine") from error

    async def main():
        async with paired(Handler(call=call), agent=Handler(say=raising(callosum.Unavailable("inner")))) as pair:
            error = await failing(pair.echo.call("x"))
            assert type(error) is callosum.Unavailable
            assert error.message == "mine"

    run(main())


def test_a_lost_connection_that_escaped_from_a_nested_call_arrives_as_internal():
    async def main():
        error = callosum.ConnectionLost("inner", outcome=Outcome.UNKNOWN)
        async with paired(Handler(say=raising(error))) as pair:
            error = await failing(pair.echo.say("x"))
            assert type(error) is callosum.Internal

    run(main())


@pytest.mark.parametrize(
    "odd",
    [
        InvalidArgument("x", {"list": [1, 2]}),  # type: ignore[dict-item]
        InvalidArgument("x", {"object": object()}),  # type: ignore[dict-item]
        InvalidArgument("x", {"big": 2**70}),
        InvalidArgument("x", {"large": "y" * 20_000}),
        InvalidArgument("x", {5: "y"}),  # type: ignore[dict-item]
        InvalidArgument("x", retry_after=float("inf")),
        InvalidArgument("x", retry_after=float("nan")),
        InvalidArgument("x" * 100_000),
        InvalidArgument("x\ud800"),
        InvalidArgument(5),  # type: ignore[arg-type]
    ],
)
def test_an_error_that_cannot_travel_as_it_is_harms_its_own_call_alone(odd):
    async def main():
        async with paired(Handler(say=raising(odd))) as pair:
            error = await failing(pair.echo.say("x"))
            assert type(error) is InvalidArgument
            assert error.outcome is Outcome.EXECUTED
            assert not error.details
            assert error.retry_after is None
            assert await pair.echo.call("still here") == "still here"
            assert pair.client.counters["sessions"] == 1

    run(main())


def test_an_error_of_an_unknown_code_arrives_as_internal():
    async def main():
        async with paired(Handler(say=raising(RpcError(99)))) as pair:  # type: ignore[arg-type]
            assert type(await failing(pair.echo.say("x"))) is callosum.Internal
            assert await pair.echo.call("still here") == "still here"

    run(main())


def test_a_handler_that_returns_the_wrong_type(caplog):
    async def say(message):
        return 5

    async def main():
        async with paired(Handler(say=say)) as pair:
            error = await failing(pair.echo.say("x"))
            assert type(error) is callosum.Internal
            assert error.outcome is Outcome.EXECUTED
            assert await pair.echo.call("still here") == "still here"

    run(main())
    assert "5 is no text" in caplog.text


def test_a_declared_exception_that_does_not_encode():
    async def main():
        async with paired(Handler(say=raising(Refusal(5)))) as pair:  # type: ignore[arg-type]
            assert type(await failing(pair.echo.say("x"))) is callosum.Internal
            assert await pair.echo.call("still here") == "still here"

    run(main())


def test_an_encode_error_that_a_handler_raises_is_no_declared_exception():
    async def main():
        async with paired(Handler(say=raising(EncodeError("x")))) as pair:
            assert type(await failing(pair.echo.say("x"))) is callosum.Internal

    run(main())


def broken(error):
    def raise_it(*_):
        raise error

    return raise_it


@pytest.mark.parametrize(
    ("part", "outcome"),
    [("decode_args", Outcome.REJECTED), ("encode_result", Outcome.EXECUTED), ("encode_exception", Outcome.EXECUTED)],
)
def test_a_fault_of_a_codec_at_the_serving_side_ends_its_call_alone(part, outcome, caplog):
    bad = make_service("Bad", ("say",), codecs={"text": text_codec(**{part: broken(KeyError("a bug"))})})
    failing_handler = Handler(say=raising(ValueError())) if part == "encode_exception" else Handler()

    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {bad: failing_handler, Echo: Handler()}),
            callosum.connect(address) as peer,
        ):
            error = await failing(peer.stub(bad).say("x"))
            assert type(error) is callosum.Internal
            assert error.outcome is outcome
            assert error.error_id in caplog.text
            assert await peer.stub(Echo).say("x") == "x"

    run(main())


def test_arguments_that_do_not_decode_are_rejected():
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/say", None, 0, b"\xff"))
            await settle()
            error = raw.last(Error)
            assert error.code is Code.INVALID_ARGUMENT
            assert error.outcome is Outcome.REJECTED
            assert error.text.startswith("Echo: ")
            assert pair.server.counters["refused.invalid_argument"] == 1
            assert await pair.echo.say("others go on") == "others go on"
            raw.connection.close()

    run(main())


def test_a_reply_that_does_not_decode():
    def decode(body):
        return decode_text(b"\xff")

    codec = text_codec(decode_result=decode)
    lying = service_class(
        Service("Echo", {"say": Method("Echo", "say", (Parameter("message"),), {"text": codec})}, "f")
    )

    async def main():
        async with paired() as pair:
            error = await failing(pair.peer.stub(lying).say("x"))
            assert type(error) is callosum.DecodeError
            assert error.outcome is Outcome.EXECUTED

    run(main())


def test_an_argument_that_does_not_encode_is_never_sent():
    async def main():
        async with paired() as pair:
            error = await failing(pair.echo.say(5))
            assert type(error) is EncodeError
            assert error.outcome is Outcome.NOT_SENT
            assert isinstance(await failing(pair.echo.say()), TypeError)
            assert pair.server.counters["calls"] == 0

    run(main())


def test_unknown_services_and_methods_are_rejected_with_what_there_is(caplog):
    caplog.set_level(logging.INFO, "callosum")
    unknown = make_service("Unknown", ("say",))
    newer = make_service("Echo", ("say", "added_later"))

    async def main():
        async with paired() as pair:
            error = await failing(pair.peer.stub(unknown).say("x"))
            assert type(error) is callosum.Unimplemented
            assert error.outcome is Outcome.REJECTED
            assert error.message == "no service 'Unknown' is served here; there is Echo"
            error = await failing(pair.peer.stub(newer).added_later("x"))
            assert type(error) is callosum.Unimplemented
            assert error.message == "the service Echo has no method 'added_later' here"
            error = await failing(pair.caller.stub(unknown).say("x"))
            assert "there is Agent" in error.message
            assert pair.server.counters["refused.unimplemented"] == 2
            assert await pair.echo.say("x") == "x"

    run(main())
    assert caplog.text.count("refusing a call of Unknown/say") == 2


def test_nothing_is_served():
    async def main():
        address = new_address()
        async with callosum.listen(address, {}), callosum.connect(address) as peer:
            assert "there is none" in (await failing(peer.stub(Echo).say("x"))).message

    run(main())


def test_an_unknown_encoding_is_rejected():
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/say", None, 0, b"x", codec="klingon"))
            await settle()
            error = raw.last(Error)
            assert error.code is Code.UNIMPLEMENTED
            assert error.outcome is Outcome.REJECTED
            assert error.text == "Echo/say is not served in the encoding 'klingon'"
            raw.connection.close()

    run(main())


def test_the_first_encoding_that_both_know_is_taken():
    def marked(mark):
        return text_codec(
            decode_args=lambda body: (mark + decode_text(body),),
        )

    server = make_service("Echo", ("say",), codecs={"a": marked("a"), "b": marked("b")})
    client = make_service("Echo", ("say",), codecs={"b": text_codec()})
    stranger = make_service("Echo", ("say",), codecs={"c": text_codec()})

    class EchoHandler:
        async def say(self, message):
            return message

    async def main():
        address = new_address()
        async with callosum.listen(address, {server: EchoHandler()}), callosum.connect(address) as peer:
            assert await peer.stub(server).say("x") == "ax"
            assert await peer.stub(client).say("x") == "bx"
            assert await peer.stub(stranger).say("x") == "ax", "nothing in common: the other side's first is meant"

    run(main())


def test_a_oneway_is_never_answered_and_its_faults_are_counted_and_logged(caplog):
    unknown = make_service("Unknown", oneways=("poke",))

    async def main():
        async with paired(Handler(poke=raising(ValueError("in a oneway")))) as pair:
            assert await pair.echo.poke("x") is None
            await pair.peer.drain()
            await settle()
            assert pair.server.counters["failed"] == 1
            assert "the handler of Echo/poke failed" in caplog.text
            assert await pair.peer.stub(unknown).poke("x") is None
            await pair.peer.drain()
            await settle()
            assert pair.server.counters["refused.unimplemented"] == 1
            assert "refusing a oneway call of Unknown/poke" in caplog.text

    run(main())


def test_a_declared_exception_and_an_rpc_error_of_a_oneway_are_logged_too(caplog):
    async def main():
        async with paired(Handler(poke=raising(Refusal("x")))) as pair:
            await pair.echo.poke("x")
            await pair.peer.drain()
            await settle()
            assert pair.server.counters["failed"] == 1

    run(main())
    assert "Refusal" in caplog.text


def test_a_oneway_whose_arguments_do_not_decode(caplog):
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/poke", None, 1, b"\xff"))
            await settle()
            assert not [m for m in raw.messages if isinstance(m, Error)]
            assert pair.server.counters["refused.invalid_argument"] == 1
            raw.connection.close()

    run(main())
    assert "refusing a oneway call of Echo/poke" in caplog.text


def test_a_handler_that_cancels_itself():
    async def say(message):
        raise asyncio.CancelledError

    async def main():
        async with paired(Handler(say=say)) as pair:
            error = await failing(pair.echo.say("x"))
            assert type(error) is callosum.Cancelled
            assert error.outcome is Outcome.EXECUTED
            assert await pair.echo.call("x") == "x"

    run(main())


def test_what_ends_the_process_is_answered_first():
    dispatcher = HandlerDispatcher(Registry({Echo: Handler(say=raising(SystemExit(3)))}), Counters())

    class Noted(Inbound):
        call = None  # type: ignore[assignment]
        is_draining = False
        is_waiting = True
        request = Request(1, "Echo/say", None, 0, b"x")
        target = dispatcher.registry.targets["Echo/say"]
        failure: Failure | None = None

        def way_to(self, channel):
            return channel, 0

        def start(self):
            return True

        def reply(self, body):
            raise AssertionError("it did not succeed")

        def finish(self):
            raise AssertionError("it is answered")

        def fail(self, failure):
            type(self).failure = failure

    with pytest.raises(SystemExit):
        copy_context().run(dispatcher._serve(Noted()).send, None)
    assert Noted.failure is not None
    assert (Noted.failure.code, Noted.failure.outcome) == (Code.UNAVAILABLE, Outcome.EXECUTED)


def test_who_waits_for_the_answer_of_what_is_oneway_here_is_told():
    method = Method("Echo", "poke", (Parameter("message"),), {"text": text_codec()}, Cardinality.UNARY)
    other = service_class(Service("Echo", {"poke": method}, "f"))

    async def main():
        async with paired() as pair:
            error = await failing(pair.peer.stub(other).poke("x"))
            assert type(error) is callosum.Unimplemented
            assert error.outcome is Outcome.REJECTED
            assert "is oneway here" in error.message

    run(main())


def test_nobody_is_answered_who_waits_for_no_answer():
    method = Method("Echo", "say", (Parameter("message"),), {"text": text_codec()}, Cardinality.ONEWAY)
    other = service_class(Service("Echo", {"say": method}, "f"))
    said = []

    async def say(message):
        said.append(message)
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            assert await pair.peer.stub(other).say("x") is None
            await pair.peer.drain()
            await settle()
            assert said == ["x"]

    run(main())


# --- keys of carriers that have none ----------------------------------------------------------------------------------


class Bare(Inbound):
    """A call of a protocol that knows no request keys."""

    call = None  # type: ignore[assignment]
    is_draining = False
    carries_key = False

    def __init__(self, body: bytes, lane: Any, peer: Any) -> None:
        self.request = Request(1, "Keyed/say", None, 0, body)
        self.lane = lane
        self.peer = peer
        self.worker = None
        self.started = False
        self.answers: list[Any] = []

    @property
    def is_waiting(self):
        return not self.started

    def way_to(self, channel):
        return channel, 0

    def start(self):
        self.started = True
        return True

    def reply(self, body):
        self.answers.append(bytes(body))

    def fail(self, failure):
        self.answers.append((failure.code, failure.outcome, failure.text))

    def finish(self):
        self.answers.append(None)


def test_the_dispatcher_computes_the_key_where_the_carrier_has_none():
    keyed = make_service("Keyed", ("say",), key="message")
    running: list[str] = []

    class KeyedHandler:
        async def say(self, message):
            running.append(message)
            await asyncio.sleep(1)
            return message

    async def main():
        registry = Registry({keyed: KeyedHandler()})
        dispatcher = HandlerDispatcher(registry, Counters(), scheduling=SerializedByKey())
        dispatcher.open()
        peer: Any = SimpleNamespace(address="nowhere")
        lane = dispatcher.join(peer)
        calls = [Bare(body, lane, peer) for body in (b"a", b"a", b"b", b"\xff")]
        for call in calls:
            dispatcher.submit(call)
        dispatcher.drained()
        await settle()
        assert running == ["a", "b"]
        (code, outcome, _) = calls[-1].answers[0]
        assert (code, outcome) == (Code.INVALID_ARGUMENT, Outcome.REJECTED)
        await asyncio.sleep(3)
        assert running == ["a", "b", "a"]
        assert [call.answers for call in calls[:3]] == [[b"=a"], [b"=a"], [b"=b"]]
        await dispatcher.close()

    run(main())
