from __future__ import annotations

import asyncio
import enum
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, Outcome
from callosum.context import Call, KeyOf, key_of
from callosum.service import Method, Parameter, service_of
from tests.services import Agent, Echo, Handler, Store, new_address, paired, run, settle, text_codec


def test_outside_of_a_handler_there_is_no_call():
    for ask in (callosum.current_call, callosum.current_peer):
        with pytest.raises(ConfigurationError, match="inside a handler"):
            ask()


def test_what_a_handler_knows_of_its_call():
    calls: list[Call] = []

    async def say(message):
        calls.append(callosum.current_call())
        assert callosum.current_call().remaining == pytest.approx(5, abs=0.1)
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            await pair.echo.with_options(timeout=5, key=7, metadata={"tenant": "a", "raw": b"\0"}).say("x")
            (call,) = calls
            assert call.method.wire_name == "Echo/say"
            assert call.metadata == {"tenant": "a", "raw": b"\0"}
            assert call.key == 7
            assert call.peer is pair.caller
            assert call.principal is None
            assert call.deadline == pytest.approx(5, abs=0.1)
            assert not call.draining
            assert not call.idempotent
            await asyncio.sleep(10)
            assert call.remaining == 0

    run(main())


def test_a_call_without_options():
    calls: list[Call] = []

    async def get(message):
        calls.append(callosum.current_call())
        return message

    class StoreHandler:
        async def get(self, message):
            return await get(message)

    async def main():
        address = new_address()
        async with callosum.listen(address, {Store: StoreHandler()}), callosum.connect(address) as peer:
            await peer.stub(Store).get("x")
            (call,) = calls
            assert (call.key, call.deadline, call.remaining, call.metadata) == (None, None, None, {})
            assert call.idempotent

    run(main())


def test_a_call_that_nothing_carries():
    call = Call(service_of(Echo).methods["say"], None, {}, None, None)  # type: ignore[arg-type]
    assert not call.draining


def test_a_handler_sees_that_its_side_drains():
    async def main():
        seen = []

        async def say(message):
            call = callosum.current_call()
            seen.append(call.draining)
            while not call.draining:
                await asyncio.sleep(0.1)
            seen.append(call.draining)
            return message

        async with paired(Handler(say=say)) as pair:
            task = asyncio.create_task(pair.echo.say("x"))
            await settle()
            draining = asyncio.create_task(pair.server.drain())
            assert await task == "x"
            await draining
            assert seen == [False, True]

    run(main())


# --- deadlines --------------------------------------------------------------------------------------------------------


async def forever(message):
    await asyncio.Event().wait()


def test_an_ambient_deadline_caps_every_call_inside():
    async def main():
        loop = asyncio.get_running_loop()
        async with paired(Handler(say=forever), listen={"grace": 100.0}) as pair:
            async with callosum.deadline(1.5):
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.say("x")
                assert loop.time() == pytest.approx(1.5, abs=0.1)
            begin = loop.time()
            with pytest.raises(callosum.DeadlineExceeded):
                async with callosum.deadline(10):
                    await pair.echo.with_options(timeout=1).say("x")
            assert loop.time() - begin == pytest.approx(1, abs=0.1), "the earliest counts"
            begin = loop.time()
            async with callosum.deadline(1):
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.with_options(timeout=10).say("x")
            assert loop.time() - begin == pytest.approx(1, abs=0.1)

    run(main())


def test_an_outer_deadline_that_is_earlier_stays_in_force():
    async def main():
        loop = asyncio.get_running_loop()
        async with paired(Handler(say=forever)) as pair:
            async with callosum.deadline(1), callosum.deadline(10):
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.say("x")
            assert loop.time() == pytest.approx(1, abs=0.1)
            async with callosum.deadline(10):
                async with callosum.deadline(1):
                    with pytest.raises(callosum.DeadlineExceeded):
                        await pair.echo.say("x")
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.say("x")
            assert loop.time() == pytest.approx(11, abs=0.1)

    run(main())


def test_a_deadline_of_nothing_lets_no_call_out():
    async def main():
        async with paired() as pair:
            async with callosum.deadline(0):
                with pytest.raises(callosum.DeadlineExceeded, match="had passed") as caught:
                    await pair.echo.say("x")
            assert caught.value.outcome is Outcome.NOT_SENT
            assert pair.server.counters["calls"] == 0

    run(main())


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_deadline_that_cannot_be(seconds):
    async def main():
        with pytest.raises(ConfigurationError, match="a deadline of"):
            async with callosum.deadline(seconds):
                pass

    run(main())


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 1e12])
def test_a_deadline_beyond_all_time(seconds):
    async def main():
        async with paired() as pair:
            async with callosum.deadline(seconds):
                assert await pair.echo.say("x") == "x"
            assert await pair.echo.with_options(timeout=seconds).say("x") == "x"

    run(main())


def test_calls_of_a_handler_inherit_its_deadline():
    async def main():
        remaining: list[float | None] = []

        async def call(message):
            agent = callosum.current_peer().stub(Agent)
            with pytest.raises(callosum.DeadlineExceeded):
                await agent.say(message)
            return "told"

        async def say(message):
            remaining.append(callosum.current_call().remaining)
            await forever(message)

        async with paired(Handler(call=call), agent=Handler(say=say)) as pair:
            with pytest.raises(callosum.DeadlineExceeded):
                await pair.echo.with_options(timeout=2).call("x")
            assert remaining == [pytest.approx(2, abs=0.1)]
            async with callosum.deadline(3):
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.call("x")
            assert remaining[1] == pytest.approx(3, abs=0.1)

    run(main())


def test_what_a_handler_sets_itself_counts_where_it_is_earlier():
    remaining: list[float | None] = []

    async def call(message):
        agent = callosum.current_peer().stub(Agent)
        await agent.say("inherited")
        await agent.with_options(timeout=1).say("own")
        async with callosum.deadline(2):
            await agent.say("ambient")
        return message

    async def say(message):
        remaining.append(callosum.current_call().remaining)
        return message

    async def main():
        async with paired(Handler(call=call), agent=Handler(say=say)) as pair:
            await pair.echo.with_options(timeout=5).call("x")
            assert remaining == [pytest.approx(n, abs=0.1) for n in (5, 1, 2)]

    run(main())


def test_a_nested_call_is_cancelled_when_the_deadline_of_its_handler_passes():
    async def main():
        cancelled = []

        async def say(message):
            try:
                await forever(message)
            except asyncio.CancelledError:
                cancelled.append(message)
                raise

        async def call(message):
            return await callosum.current_peer().stub(Agent).say(message)

        async with paired(Handler(call=call), agent=Handler(say=say)) as pair:
            with pytest.raises(callosum.DeadlineExceeded):
                await pair.echo.with_options(timeout=2).call("x")
            await settle()
            assert cancelled == ["x"]

    run(main())


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_calls_of_a_handler_inherit_its_trace_context_and_nothing_else():
    seen: list[dict[str, str | bytes]] = []

    async def call(message):
        agent = callosum.current_peer().stub(Agent)
        await agent.say(message)
        await agent.with_options(metadata={"traceparent": "own", "more": "1"}).say(message)
        return message

    async def say(message):
        seen.append(dict(callosum.current_call().metadata))
        return message

    async def main():
        metadata = {"traceparent": "00-a-b-01", "tracestate": "s", "baggage": b"b", "tenant": "private"}
        async with paired(Handler(call=call), agent=Handler(say=say)) as pair:
            await pair.echo.with_options(metadata=metadata).call("x")
            await pair.echo.with_options(metadata={"tenant": "private"}).call("x")
            assert seen == [
                {"traceparent": "00-a-b-01", "tracestate": "s", "baggage": b"b"},
                {"traceparent": "own", "tracestate": "s", "baggage": b"b", "more": "1"},
                {},
                {"traceparent": "own", "more": "1"},
            ]

    run(main())


# --- the key that an IDL names ----------------------------------------------------------------------------------------


class Color(enum.IntEnum):
    RED = 3


class Size(str, enum.Enum):  # noqa: UP042 - as users of older Pythons have them
    LARGE = "large"


def computed(name: str | None = "user", **fields: Any) -> KeyOf | None:
    parameters = (Parameter("first"), Parameter("user", **fields), Parameter("class"))
    return key_of(Method("S", "m", parameters, {"text": text_codec()}, key=name))


def test_a_method_without_a_key_has_nothing_to_compute():
    assert computed(None) is None


def test_the_key_is_found_by_position_and_by_name():
    key = computed()
    assert key is not None
    assert key(("x", "ann", "y"), {}) == "ann"
    assert key(("x",), {"user": "ann"}) == "ann"
    assert key(("x",), {}) is None, "that the argument is missing is the encoder's to say"
    with_default = computed(has_default=True, default=7)
    assert with_default is not None
    assert with_default((), {"first": "x"}) == 7
    reserved = computed("class")
    assert reserved is not None
    assert reserved((), {"class_": 1}) == 1


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (None, None),
        ("ann", "ann"),
        (5, 5),
        (-(2**63), -(2**63)),
        (True, 1),
        (b"x", b"x"),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (Color.RED, 3),
        (Size.LARGE, "large"),
    ],
)
def test_values_that_are_keys(value, key):
    compute = computed()
    assert compute is not None
    found = compute((0, value), {})
    assert found == key
    assert type(found) is type(key)


@pytest.mark.parametrize("value", [1.5, 2**63, ["x"], object()])
def test_values_that_are_none(value):
    compute = computed()
    assert compute is not None
    with pytest.raises(callosum.EncodeError, match="S/m.user: .* cannot be a request key") as caught:
        compute((0, value), {})
    assert caught.value.outcome is Outcome.NOT_SENT
