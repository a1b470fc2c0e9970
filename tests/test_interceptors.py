from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

import callosum
from callosum import Code, ConfigurationError, Outcome, Retry
from callosum.context import Call
from callosum.errors import EncodeError
from callosum.interceptors import compose
from callosum.service import service_of
from tests.services import Agent, Echo, Handler, Store, new_address, paired, run, settle


def noting(notes, name):
    async def interceptor(call, following):
        notes.append(f"{name} before {call.method.name}")
        try:
            return await following(call)
        finally:
            notes.append(f"{name} after")

    return interceptor


def test_the_first_is_the_outermost():
    notes: list[str] = []

    async def innermost(call):
        notes.append("call")
        return "result"

    async def main():
        call = Call(service_of(Echo).methods["say"], None, {}, None, None)  # type: ignore[arg-type]
        chain = compose([noting(notes, "first"), noting(notes, "second")], innermost)
        assert await chain(call) == "result"
        assert compose([], innermost) is innermost

    run(main())
    assert notes == ["first before say", "second before say", "call", "second after", "first after"]


def test_one_shape_on_both_sides():
    notes: list[str] = []

    async def main():
        client, server = noting(notes, "client"), noting(notes, "server")
        async with paired(interceptors=[client], listen={"interceptors": [server]}) as pair:
            assert await pair.echo.say("x") == "x"
            assert notes == ["client before say", "server before say", "server after", "client after"]
            notes.clear()
            assert await pair.agent.call("x") == "x"
            assert notes == ["server before call", "client before call", "client after", "server after"]

    run(main())


def test_what_a_call_is_at_the_calling_side():
    calls: list[Call] = []

    async def look(call, following):
        calls.append(call)
        return await following(call)

    async def main():
        async with paired(interceptors=[look]) as pair:
            await pair.echo.with_options(key="k", metadata={"m": "1"}, timeout=5).say(message="x")
            (call,) = calls
            assert call.method.wire_name == "Echo/say"
            assert call.peer is pair.peer
            assert call.arguments == ()
            assert call.keywords == {"message": "x"}
            assert (call.key, call.metadata) == ("k", {"m": "1"})
            assert call.remaining == pytest.approx(5, abs=0.1)

    run(main())


def test_metadata_arguments_and_deadline_may_be_changed():
    seen: list[Any] = []

    async def at_the_client(call, following):
        call.metadata["tenant"] = "a"
        call.arguments = (call.arguments[0] + "!",)
        call.key = "set"
        call.deadline = asyncio.get_running_loop().time() + 3
        return "client(" + await following(call) + ")"

    async def at_the_server(call, following):
        call.arguments = (call.arguments[0] + "?",)
        return "server(" + await following(call) + ")"

    async def say(message):
        call = callosum.current_call()
        seen.append((dict(call.metadata), call.key, round(call.remaining or 0)))
        return message

    async def main():
        async with paired(
            Handler(say=say), interceptors=[at_the_client], listen={"interceptors": [at_the_server]}
        ) as pair:
            assert await pair.echo.say("x") == "client(server(x!?))"
            assert seen == [({"tenant": "a"}, "set", 3)]

    run(main())


@pytest.mark.parametrize("metadata", [{"n": 5}, {5: "n"}, {"n": object()}])
def test_metadata_that_cannot_travel_harms_its_own_call_alone(metadata):
    async def interceptor(call, following):
        if call.arguments == ("bad",):
            call.metadata = metadata
        return await following(call)

    async def main():
        async with paired(interceptors=[interceptor]) as pair:
            with pytest.raises((EncodeError, ConfigurationError)) as caught:
                await pair.echo.say("bad")
            assert caught.value.outcome is Outcome.NOT_SENT
            assert await pair.echo.say("x") == "x"
            assert pair.client.counters["sessions"] == 1

    run(main())


def test_what_an_interceptor_raises_is_what_its_caller_gets():
    async def at_the_client(call, following):
        if call.arguments == ("client",):
            raise LookupError("not even sent")
        return await following(call)

    async def at_the_server(call, following):
        if call.arguments == ("server",):
            raise callosum.PermissionDenied("not you")
        if call.arguments == ("fault",):
            raise LookupError("hidden")
        return await following(call)

    async def main():
        async with paired(interceptors=[at_the_client], listen={"interceptors": [at_the_server]}) as pair:
            with pytest.raises(LookupError):
                await pair.echo.say("client")
            with pytest.raises(callosum.PermissionDenied, match="not you"):
                await pair.echo.say("server")
            with pytest.raises(callosum.Internal):
                await pair.echo.say("fault")
            assert await pair.echo.say("x") == "x"

    run(main())


def test_an_interceptor_may_answer_itself_or_call_more_than_once():
    async def main():
        said = []

        async def say(message):
            said.append(message)
            return message

        async def cache(call, following):
            return "cached" if call.arguments == ("cached",) else await following(call)

        async def twice(call, following):
            return await following(call) + await following(call)

        async with paired(Handler(say=say), interceptors=[cache], listen={"interceptors": [twice]}) as pair:
            assert await pair.echo.say("cached") == "cached"
            assert not said
            assert await pair.echo.say("x") == "xx"
            assert said == ["x", "x"]

    run(main())


def test_cancellation_passes_through():
    async def main():
        notes: list[str] = []

        async def forever(message):
            await asyncio.Event().wait()

        async with paired(
            Handler(say=forever),
            interceptors=[noting(notes, "client")],
            listen={"interceptors": [noting(notes, "server")]},
        ) as pair:
            task = asyncio.create_task(pair.echo.say("x"))
            await settle()
            task.cancel()
            await settle()
            assert task.cancelled()
            assert sorted(notes) == ["client after", "client before say", "server after", "server before say"]

    run(main())


def test_nested_calls_pass_the_interceptors_with_their_parent():
    async def call(message):
        return await callosum.current_peer().stub(Agent).say(message)

    async def main():
        notes: list[str] = []
        async with paired(
            Handler(call=call),
            interceptors=[noting(notes, "client")],
            listen={"interceptors": [noting(notes, "server")], "max_concurrency": 1},
            max_concurrency=1,
        ) as pair:
            assert await pair.echo.call("x") == "x"
            assert notes[:4] == ["client before call", "server before call", "server before say", "client before say"]

    run(main())


# --- Retry ------------------------------------------------------------------------------------------------------------


class Flaky:
    """The rest of a chain that fails so many times."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self, call):
        self.times.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        return "result"


def a_call(service: Any = Echo, deadline: float | None = None) -> Call:
    method = next(iter(service_of(service).methods.values()))
    return Call(method, None, {}, None, deadline)  # type: ignore[arg-type]


def unavailable(outcome, **options):
    return callosum.Unavailable("x", outcome=outcome, **options)


@pytest.mark.parametrize(
    "error",
    [
        unavailable(Outcome.NOT_SENT),
        unavailable(Outcome.REJECTED),
        callosum.ResourceExhausted("x", outcome=Outcome.REJECTED),
        callosum.Cancelled("x", outcome=Outcome.REJECTED),
        callosum.ConnectionLost("x", outcome=Outcome.NOT_SENT),
    ],
)
def test_what_surely_did_not_run_is_retried(error):
    async def main():
        flaky = Flaky(error)
        assert await Retry()(a_call(), flaky) == "result"
        assert len(flaky.times) == 2

    run(main())


@pytest.mark.parametrize(
    "error",
    [
        unavailable(Outcome.UNKNOWN),
        unavailable(Outcome.EXECUTED),
        callosum.ConnectionLost("x", outcome=Outcome.UNKNOWN),
        callosum.InvalidArgument("x", outcome=Outcome.REJECTED),
        callosum.Unimplemented("x", outcome=Outcome.REJECTED),
        callosum.DeadlineExceeded("x", outcome=Outcome.NOT_SENT),
        EncodeError("x"),
        ConfigurationError("x"),
        ValueError("x"),
        asyncio.CancelledError(),
    ],
)
def test_what_may_have_run_and_what_would_fail_again_is_not_retried(error):
    async def main():
        flaky = Flaky(error)
        with pytest.raises(type(error)):
            await Retry()(a_call(), flaky)
        assert len(flaky.times) == 1

    run(main())


def test_an_idempotent_method_is_retried_where_it_may_have_run():
    async def main():
        for error in (unavailable(Outcome.UNKNOWN), callosum.ConnectionLost("x", outcome=Outcome.UNKNOWN)):
            flaky = Flaky(error)
            assert await Retry()(a_call(Store), flaky) == "result"
            assert len(flaky.times) == 2

    run(main())


def test_the_number_of_attempts():
    async def main():
        flaky = Flaky(*(unavailable(Outcome.REJECTED) for _ in range(10)))
        with pytest.raises(callosum.Unavailable):
            await Retry(attempts=3)(a_call(), flaky)
        assert len(flaky.times) == 3
        with pytest.raises(callosum.Unavailable):
            await Retry(attempts=1)(a_call(), flaky)
        assert len(flaky.times) == 4

    run(main())


def test_the_pauses_have_full_jitter_within_their_bounds(monkeypatch):
    bounds = []

    def uniform(low, high):
        bounds.append((low, high))
        return high

    monkeypatch.setattr(random, "uniform", uniform)

    async def main():
        flaky = Flaky(*(unavailable(Outcome.REJECTED) for _ in range(5)))
        assert await Retry(attempts=6, base=0.1, cap=0.5)(a_call(), flaky) == "result"
        assert bounds == [(0, pytest.approx(bound)) for bound in (0.1, 0.2, 0.4, 0.5, 0.5)]
        pauses = [after - before for before, after in zip(flaky.times, flaky.times[1:], strict=False)]
        assert pauses == [pytest.approx(bound) for bound in (0.1, 0.2, 0.4, 0.5, 0.5)]

    run(main())


def test_the_other_side_may_ask_for_a_longer_pause():
    async def main():
        flaky = Flaky(unavailable(Outcome.REJECTED, retry_after=7.0))
        await Retry()(a_call(), flaky)
        assert flaky.times[1] - flaky.times[0] == pytest.approx(7)

    run(main())


def test_no_pause_reaches_beyond_the_deadline():
    async def main():
        flaky = Flaky(unavailable(Outcome.REJECTED, retry_after=7.0))
        with pytest.raises(callosum.Unavailable):
            await Retry()(a_call(deadline=5.0), flaky)
        assert asyncio.get_running_loop().time() == 0

    run(main())


def test_the_budget_keeps_a_broken_service_from_being_hit_harder():
    async def main():
        retry = Retry(attempts=2, ratio=0.25, reserve=2)
        flaky = Flaky(*(unavailable(Outcome.REJECTED) for _ in range(1000)))
        for _ in range(100):
            with pytest.raises(callosum.Unavailable):
                await retry(a_call(), flaky)
        retries = len(flaky.times) - 100
        assert 25 <= retries <= 27, "a quarter of a retry a call, and what was saved up"
        flaky.errors.clear()
        for _ in range(100):
            assert await retry(a_call(), flaky) == "result"
        flaky.errors = [unavailable(Outcome.REJECTED)] * 20
        begin = len(flaky.times)
        for _ in range(4):
            with pytest.raises(callosum.Unavailable):
                await retry(a_call(), flaky)
        assert len(flaky.times) - begin - 4 <= 3, "no more is saved up than the reserve"

    run(main())


@pytest.mark.parametrize("options", [{"attempts": 0}, {"base": -1.0}, {"cap": -1.0}])
def test_what_cannot_be(options):
    with pytest.raises(ConfigurationError, match="Retry: attempts must be at least 1"):
        Retry(**options)


def test_over_the_bound_of_the_server_the_client_tries_again():
    async def main():
        running = asyncio.Event()

        async def say(message):
            await running.wait()
            return message

        listen = {"max_concurrency": 1, "max_pending": 1}
        async with paired(Handler(say=say), interceptors=[Retry(attempts=10, reserve=100)], listen=listen) as pair:
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(4)]
            await asyncio.sleep(0.1)
            assert pair.server.counters["refused.resource_exhausted"] > 0
            running.set()
            assert await asyncio.gather(*calls) == ["0", "1", "2", "3"]

    run(main())


def test_an_error_of_the_handler_says_its_code():
    async def say(message):
        raise callosum.ResourceExhausted("later", retry_after=1)

    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {Echo: Handler(say=say)}) as server,
            callosum.connect(address, interceptors=[Retry()]) as peer,
        ):
            with pytest.raises(callosum.ResourceExhausted) as caught:
                await peer.stub(Echo).say("x")
            assert caught.value.code is Code.RESOURCE_EXHAUSTED
            assert server.counters["calls"] == 1, "it was executed"

    run(main())
