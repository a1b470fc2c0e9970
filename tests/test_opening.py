"""Calls that stream, through interceptors, to the channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, Outcome, Retry
from callosum.errors import Cancelled, Unavailable
from tests.services import run, settle, until
from tests.session.test_streams import Given
from tests.test_streams import StreamHandler, some, streaming


class Again:
    """May be iterated over any number of times."""

    def __init__(self) -> None:
        self.begun = 0

    async def __aiter__(self) -> AsyncIterator[str]:
        self.begun += 1
        yield "a"
        yield "b"


def refusing(times: int) -> Any:
    """An interceptor of a server that refuses the first calls, before anything has run."""
    left = times

    async def refuse(call: callosum.Call, following: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise Unavailable("not yet")
        return await following(call)

    return refuse


class NotSent:
    """An interceptor of a client, within `Retry`, for which the first attempts do not leave."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def __call__(self, call: callosum.Call, following: Any) -> Any:
        result = await following(call)
        if self.left:
            self.left -= 1
            raise Unavailable("lost on its way", outcome=Outcome.NOT_SENT)
        return result


def test_retry_makes_a_call_whose_handler_streams_again():
    async def main() -> None:
        async with streaming(interceptors=[Retry(base=0.01), NotSent(2)]) as (stub, handler, _):
            assert [item async for item in stub.tail("2 x")] == ["0", "1"]
            await settle()
            assert handler.ended[-1] == "2 x"
            assert await stub.join("-", Again()) == "-".join(handler.seen)

    run(main())


def test_retry_sends_an_iterable_again_but_no_generator_that_has_ended():
    async def main() -> None:
        source = Again()
        async with streaming(interceptors=[Retry(base=0.01), NotSent(1)]) as (stub, _, _):
            assert await stub.join("-", source) == "a-b-a-b"
            assert source.begun == 2
        async with streaming(interceptors=[Retry(base=0.01), NotSent(1)]) as (stub, _, _):
            with pytest.raises(ConfigurationError, match="items of Streams/join is an async generator that has ended"):
                await stub.join("-", some("a", "b"))

    run(main())


def test_an_interceptor_that_makes_no_call_of_a_handler_that_streams():
    async def none(call: callosum.Call, following: Any) -> Any:
        return some("x")

    async def wrong(call: callosum.Call, following: Any) -> Any:
        await following(call)
        return 5

    async def main() -> None:
        async with streaming(interceptors=[none]) as (stub, _, _):
            with pytest.raises(ConfigurationError, match="has not made the call of Streams/tail"):
                await anext(stub.tail("1"))
        async with streaming(interceptors=[wrong]) as (stub, _, _):
            with pytest.raises(TypeError, match="what an interceptor returned is an async iterable; this is int"):
                await anext(stub.tail("1 wait"))

    run(main())


def test_an_interceptor_that_makes_a_call_twice_leaves_the_first():
    async def twice(call: callosum.Call, following: Any) -> Any:
        await following(call)
        await asyncio.sleep(1)
        return await following(call)

    async def main() -> None:
        async with streaming(interceptors=[twice]) as (stub, handler, _), stub.tail("1 wait") as stream:
            assert await anext(stream) == "0"
            await until(lambda: handler.ended == ["1 wait"])
            assert handler.seen == ["0", "0"]

    run(main())


def test_a_stream_that_is_closed_while_interceptors_begin_it_is_left():
    async def slow(call: callosum.Call, following: Any) -> Any:
        result = await following(call)
        await asyncio.sleep(1)
        return result

    async def main() -> None:
        async with streaming(interceptors=[slow]) as (stub, handler, _):
            stream = stub.tail("1 wait")
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.5)
            await stream.aclose()
            with pytest.raises(ConfigurationError, match="the stream of Streams/tail is closed"):
                await reading
            await until(lambda: handler.ended == ["1 wait"])

    run(main())


def test_entering_that_is_cancelled_leaves_nothing():
    async def slow(call: callosum.Call, following: Any) -> Any:
        result = await following(call)
        await asyncio.sleep(1)
        return result

    async def main() -> None:
        async with streaming(interceptors=[slow]) as (stub, handler, _):
            stream = stub.tail("1 wait")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5), stream:
                    pass
            await until(lambda: handler.ended == ["1 wait"])
            with pytest.raises(ConfigurationError, match="is closed"):
                await stream.__aenter__()

    run(main())


async def passing(call: callosum.Call, following: Any) -> Any:
    """Makes an async generator of its own."""
    result = await following(call)
    if not call.method.cardinality.gives_items:
        return result

    async def passed() -> AsyncIterator[Any]:
        async for item in result:
            yield item

    return passed()


def test_a_reader_that_is_cancelled_within_an_interceptor_is_no_good_end():
    async def main() -> None:
        async with streaming(interceptors=[passing]) as (stub, handler, _), stub.tail("1 wait") as stream:
            assert await anext(stream) == "0"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await anext(stream)
            with pytest.raises(Cancelled, match="a reader of Streams/tail was cancelled within an interceptor"):
                await anext(stream)
            await until(lambda: handler.ended == ["1 wait"])

    run(main())


def test_readers_take_turns_within_an_interceptor():
    async def main() -> None:
        async with streaming(interceptors=[passing]) as (stub, _, _):
            stream = stub.tail("3")
            assert sorted(await asyncio.gather(*(anext(stream) for _ in range(3)))) == ["0", "1", "2"]
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(main())


def test_a_stream_is_closed_while_a_reader_waits_within_an_interceptor():
    ended: list[str] = []

    async def noting(call: callosum.Call, following: Any) -> Any:
        result = await following(call)

        async def passed() -> AsyncIterator[Any]:
            try:
                async for item in result:
                    yield item
            finally:
                ended.append("interceptor")

        return passed()

    async def main() -> None:
        async with streaming(interceptors=[noting]) as (stub, handler, _):
            stream = stub.tail("1 wait")
            assert await anext(stream) == "0"
            reading = asyncio.ensure_future(anext(stream))
            await settle()
            await stream.aclose()
            with pytest.raises(Cancelled):
                await reading
            assert ended == ["interceptor"]
            await until(lambda: handler.ended == ["1 wait"])
            async with stub.tail("2 wait") as other:
                async for _ in other:
                    break
                assert await anext(other) == "1"
            assert ended == ["interceptor"] * 2
            async for _ in stub.tail("3 wait"):
                break
            await until(lambda: len(ended) == 3)

    run(main())


def test_a_server_may_refuse_before_a_handler_streams():
    async def main() -> None:
        options = {"interceptors": [refusing(1)]}
        async with streaming(Given(), listen=options) as (stub, handler, _):
            with pytest.raises(Unavailable, match="not yet"):
                await anext(stub.tail("1"))
            assert not handler.seen
            assert [item async for item in stub.tail("1")] == ["0"]

    run(main())


def test_a_handler_must_give_an_iterator(caplog):
    async def instead(call: callosum.Call, following: Any) -> Any:
        await following(call)
        return 5

    async def main() -> None:
        async with streaming(StreamHandler(), listen={"interceptors": [instead]}) as (stub, _, _):
            with pytest.raises(callosum.Internal):
                await anext(stub.tail("1"))

    run(main())
    assert "Streams/tail streams, and its handler gave no async iterator, but 5" in caplog.text
