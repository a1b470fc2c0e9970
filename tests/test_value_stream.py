"""Values each way: handlers as async generators, sources, budgets."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, DeadlineExceeded, Outcome
from callosum.errors import Cancelled, DecodeError
from callosum.testing import serve_in_memory
from callosum.value_stream import ValueStream, stop_iterator
from tests.services import Streams, run, settle, until
from tests.session.test_streams import Given, endless
from tests.test_streams import StreamHandler, some, streaming

mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="none")


# --- handlers ---------------------------------------------------------------------------------------------------------


def test_a_handler_knows_its_call_also_in_its_finally():
    seen: list[Any] = []

    async def tail(message: str) -> AsyncIterator[str]:
        call = callosum.current_call()
        seen.append((call.method.name, call.metadata, call.key, call.arguments))
        remaining = call.remaining
        assert remaining is not None
        assert 4 < remaining <= 5
        try:
            while True:
                yield "x" * 10_000
        finally:
            await asyncio.sleep(0)
            assert callosum.current_call() is call
            seen.append("finally")

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _):
            options = {"timeout": 5, "metadata": {"tenant": "a"}, "key": "k"}
            async with stub.with_options(**options).tail("m") as stream:
                await anext(stream)
            await until(lambda: len(seen) == 2)
            assert seen == [("tail", {"tenant": "a"}, "k", ("m",)), "finally"]

    run(main())


@pytest.mark.parametrize("way", ["tail", "join", "talk"])
def test_an_ambient_deadline_travels_with_streams(way):
    seen: list[float | None] = []

    async def join(message: str, items: AsyncIterator[str]) -> str:
        seen.append(callosum.current_call().remaining)
        return ""

    async def tail(message: str) -> AsyncIterator[str]:
        seen.append(callosum.current_call().remaining)
        yield ""

    async def talk(items: AsyncIterator[str]) -> AsyncIterator[str]:
        seen.append(callosum.current_call().remaining)
        yield ""

    async def main() -> None:
        async with streaming(Given(tail=tail, join=join, talk=talk)) as (stub, _, _), callosum.deadline(3):
            if way == "join":
                await stub.with_options(timeout=10).join("", some())
            else:
                arguments = [""] if way == "tail" else []
                async for _ in getattr(stub.with_options(timeout=10), way)(*arguments):
                    pass
            (remaining,) = seen
            assert remaining is not None
            assert 2 < remaining <= 3

    run(main())


def test_interleaved_handlers_do_not_see_each_others_context():
    async def tail(message: str) -> AsyncIterator[str]:
        mark.set(message)
        for _ in range(50):
            await asyncio.sleep(0)
            yield mark.get()
        yield mark.get()

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _):

            async def one(name: str) -> set[str]:
                return {item async for item in stub.tail(name)}

            names = [f"{number}" for number in range(10)]
            assert await asyncio.gather(*map(one, names)) == [{name} for name in names]
            assert mark.get() == "none"

    run(main())


def test_a_timeout_around_a_yield_is_the_handlers_to_catch():
    async def tail(message: str) -> AsyncIterator[str]:
        try:
            async with asyncio.timeout(1):
                while True:
                    yield "x" * 100_000  # nobody reads
        except TimeoutError:
            pass
        yield "late"

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _), stub.tail("") as stream:
            first = await anext(stream)
            await asyncio.sleep(2)
            items = [first, *[item async for item in stream]]
            assert items[-1] == "late"
            assert set(items[:-1]) == {"x" * 100_000}

    run(main())


@pytest.mark.parametrize("intercepted", [False, True])
def test_a_task_group_around_a_yield_ends_with_the_call(intercepted, caplog):
    ended: list[str] = []

    async def tail(message: str) -> AsyncIterator[str]:
        async def beside() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append("beside")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(beside())
                while True:
                    yield "x" * 10_000
        finally:
            ended.append("handler")

    async def wrap(call: callosum.Call, following: Any) -> Any:
        result = await following(call)

        async def passed() -> AsyncIterator[Any]:
            async for item in result:
                yield item

        return passed()

    async def main() -> None:
        options = {"interceptors": [wrap]} if intercepted else {}
        async with streaming(Given(tail=tail), listen=options) as (stub, _, _):
            async for _ in stub.tail(""):
                await asyncio.sleep(1)
                break
            await until(lambda: ended == ["beside", "handler"])

    run(main())
    assert not caplog.records


@pytest.mark.parametrize("stubborn", ["once", "always"])
def test_a_handler_that_swallows_its_cancellation_ends_nevertheless(stubborn, caplog):
    ended: list[str] = []

    async def tail(message: str) -> AsyncIterator[str]:
        swallowed = 0
        try:
            while True:
                try:
                    yield "x" * 100_000
                except (asyncio.CancelledError, Cancelled):
                    swallowed += 1
                    if stubborn == "once" and swallowed > 1:
                        raise
        finally:
            ended.append("handler")

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _):
            async for _ in stub.tail(""):
                await asyncio.sleep(1)
                break
            await until(lambda: ended == ["handler"])
            assert await stub.say("on") == "on"

    run(main())


def test_a_handler_may_catch_what_keeps_an_item_from_being_sent():
    async def tail(message: str) -> AsyncIterator[str]:
        try:
            yield 5  # type: ignore[misc]
        except callosum.EncodeError:
            if message == "more":
                yield "instead"

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _):
            assert [item async for item in stub.tail("more")] == ["instead"]
            assert [item async for item in stub.tail("end")] == []

    run(main())


def test_a_handler_may_give_an_iterator_that_is_no_generator(caplog):
    class Items:
        def __init__(self, values: list[object]) -> None:
            self.left = values

        def __aiter__(self) -> Items:
            return self

        async def __anext__(self) -> object:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    def tail(message: str) -> Items:
        return Items(["a", 5] if message == "bad" else ["a", "b"])

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _):
            assert [item async for item in stub.tail("")] == ["a", "b"]
            with pytest.raises(callosum.Internal):
                async for _ in stub.tail("bad"):
                    pass

    run(main())
    assert "5 is no text" in caplog.text


def test_a_handler_that_takes_all_without_waiting_lets_others_have_their_turn():
    turns = 0

    async def join(message: str, items: AsyncIterator[str]) -> str:
        count = 0
        async for _ in items:
            count += 1
            for _ in range(500):
                pass
        return f"{count} {turns}"

    async def main() -> None:
        nonlocal turns
        async with streaming(Given(join=join)) as (stub, _, _):

            async def tick() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            ticking = asyncio.ensure_future(tick())

            async def source() -> AsyncIterator[str]:
                for _ in range(3000):
                    yield "x"

            count, while_it_ran = (await stub.join("", source())).split()
            ticking.cancel()
            assert count == "3000"
            assert int(while_it_ran) > 10

    run(main())


# --- what callers send ------------------------------------------------------------------------------------------------


def test_a_source_that_has_waited_for_something_cancelled_ends_the_call():
    async def source() -> AsyncIterator[str]:
        yield "a"
        task = asyncio.ensure_future(asyncio.sleep(10))
        task.cancel()
        await task

    async def main() -> None:
        async with streaming() as (stub, handler, _):
            with pytest.raises(Cancelled, match="what was to be sent to Streams/join was cancelled") as caught:
                await stub.join("-", source())
            assert caught.value.outcome is Outcome.UNKNOWN
            await until(lambda: handler.ended == ["-"])

    run(main())


def test_a_source_that_fails_when_the_call_is_over_is_logged(caplog):
    async def source() -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 100_000
        finally:
            raise LookupError("too late")

    async def main() -> None:
        async with streaming() as (stub, _, _):
            assert await stub.join("early", source()) == "early"

    run(main())
    assert "what was sent to Streams/join failed after the call had ended" in caplog.text
    assert "too late" in caplog.text


def test_a_source_is_closed_where_the_handler_answers_early_and_says_nothing(caplog):
    async def main() -> None:
        ended: list[str] = []
        async with streaming() as (stub, _, _):
            assert await stub.join("early", endless(ended, 100_000)) == "early"
            assert ended == ["source"]

    run(main())
    assert not caplog.records


def test_a_source_is_closed_where_its_caller_is_cancelled():
    async def main() -> None:
        ended: list[str] = []
        async with streaming() as (stub, _, _):
            task = asyncio.ensure_future(stub.join("never", endless(ended, 100_000)))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == ["source"]

    run(main())


def test_one_may_send_beside_what_is_sent_from_an_iterable_but_not_end_it():
    release = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        yield "a"
        await release.wait()
        yield "c"

    async def main() -> None:
        async with streaming() as (stub, _, _), stub.talk(source()) as talk:
            assert await anext(talk) == "A"
            await talk.send("b")
            with pytest.raises(ConfigurationError, match="still being sent, and ends by itself"):
                await talk.end()
            release.set()
            assert [item async for item in talk] == ["B", "C", "bye"]

    run(main())


def test_nothing_is_sent_to_a_method_that_takes_no_stream():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.tail("1") as stream:
            with pytest.raises(ConfigurationError, match="Streams/tail takes no stream"):
                await stream._values.send("x")
            with pytest.raises(ConfigurationError, match="its stream must be one that sends"):
                stream._values.items.try_send(b"x")
            stream._values.items.end()  # there is nothing to end

    run(main())


# --- what callers receive ---------------------------------------------------------------------------------------------


def test_a_reader_that_waits_for_nothing_lets_others_have_their_turn():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            turns = 0

            async def tick() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            async with stub.tail("3000") as stream:
                await asyncio.sleep(1)
                ticking = asyncio.ensure_future(tick())
                count = 0
                async for _ in stream:
                    count += 1
                    for _ in range(500):
                        pass
                ticking.cancel()
            assert count == 3000
            assert turns > 10

    run(main())


def test_an_item_that_does_not_decode_ends_the_call():
    async def main() -> None:
        async with streaming() as (stub, handler, _), stub.tail("2 wait") as stream:
            stream._values._decode = broken
            with pytest.raises(DecodeError) as caught:
                await anext(stream)
            assert caught.value.outcome is Outcome.EXECUTED
            await until(lambda: handler.ended == ["2 wait"])

    def broken(body: bytes) -> str:
        raise DecodeError("not this", path="item")

    run(main())


def test_a_stream_that_ends_with_a_value_is_a_fault():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.tail("0 wait") as stream:
            items = stream._values.items
            items.set_result(b"=value")
            items.session.core.streams.close(items.stream)
            with pytest.raises(DecodeError, match="ends with a value"):
                await anext(stream)
            items.session.leave(items.call)

    run(main())


def test_what_comes_just_when_its_time_is_over_is_received():
    async def tail(message: str) -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(2)
        if message == "deadline":
            raise DeadlineExceeded("its own")
        yield "b"

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (plain, _, _):
            stub = plain.with_options(item_timeout=5)
            assert [item async for item in stub.tail("")] == ["a", "b"]
            with pytest.raises(DeadlineExceeded, match="its own"):
                async for _ in stub.tail("deadline"):
                    pass
            async with stub.tail("") as stream:
                assert await anext(stream) == "a"
                values: ValueStream[Any, Any] = stream._values
                items: Any = values.items
                receive = items.receive
                calls = 0

                class Slow:
                    """An end whose item comes, with the outcome, as the timeout strikes."""

                    def __getattr__(self, name: str) -> Any:
                        return getattr(items, name)

                    async def receive(self) -> Any:
                        nonlocal calls
                        calls += 1
                        if calls == 1:
                            await asyncio.sleep(1000)
                        return await receive()

                values.items = Slow()  # type: ignore[assignment]
                assert await values.receive() == b"=b"

    run(main())


def test_streams_in_memory():
    async def main() -> None:
        async with serve_in_memory({Streams: StreamHandler()}) as peer:
            stub = peer.stub(Streams)
            assert [item async for item in stub.tail("2")] == ["0", "1"]
            assert await stub.join("-", some("a")) == "0-1-a"
            assert [item async for item in stub.talk(some("a"))] == ["A", "bye"]

    run(main())


# --- stop_iterator ----------------------------------------------------------------------------------------------------


def test_stopping_takes_generators_at_every_stage():
    async def generator(how: str) -> AsyncIterator[str]:
        try:
            yield "a"
        except asyncio.CancelledError:
            if how == "ends":
                return
            if how == "goes on":
                yield "b"
            if how == "another":
                raise asyncio.CancelledError from None
            raise

    async def main() -> None:
        for how in ("", "ends", "goes on", "another"):
            fresh = generator(how)
            await stop_iterator(fresh)
            begun = generator(how)
            await anext(begun)
            if how == "another":
                with pytest.raises(asyncio.CancelledError):
                    await stop_iterator(begun)
            else:
                await stop_iterator(begun)
            await stop_iterator(begun)
        await stop_iterator(object())
        await settle()

    run(main())
