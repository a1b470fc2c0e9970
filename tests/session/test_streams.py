"""The ends of a call that streams, over sessions in memory: who waits is woken, what is left is told."""

from __future__ import annotations

import asyncio
import gc
import itertools
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, ConnectionLost, DeadlineExceeded, Outcome, PeerState
from callosum.errors import Cancelled, ResourceExhausted, Unavailable
from callosum.protocol.limits import STREAM_WINDOW
from callosum.session.streams import CallerStream, HandlerStream
from tests.services import Streams, dialler, new_address, paired, run, settle, until
from tests.test_streams import StreamHandler, is_clean, some, streaming


class Given(StreamHandler):
    """Serves `Streams` with the functions that it is given."""

    def __init__(self, **functions: Any) -> None:
        super().__init__()
        for name, function in functions.items():
            setattr(self, name, function)


async def endless(ended: list[str] | None = None, size: int = 1000) -> AsyncIterator[str]:
    try:
        while True:
            yield "x" * size
    finally:
        if ended is not None:
            ended.append("source")


# --- several tasks, and those that are cancelled ----------------------------------------------------------------------


def test_readers_of_one_stream_share_its_items():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.tail("500") as stream:

            async def read() -> list[int]:
                got = []
                while True:
                    try:
                        got.append(int(await anext(stream)))
                    except StopAsyncIteration:
                        return got
                    await asyncio.sleep(0)

            parts = await asyncio.gather(*(read() for _ in range(5)))
            assert all(part == sorted(part) for part in parts)
            assert sorted(itertools.chain(*parts)) == list(range(500))

    run(main())


def test_senders_to_one_stream_keep_their_own_order():
    got: list[str] = []

    async def talk(items: AsyncIterator[str]) -> AsyncIterator[str]:
        async for item in items:
            got.append(item.rstrip("x"))  # noqa: PERF401 - it ends with an error where the test fails
        yield "all"

    async def main() -> None:
        async with streaming(Given(talk=talk)) as (stub, _, _), stub.talk() as stream:

            async def send(name: str) -> None:
                for number in range(20):
                    await stream.send(f"{name}{number:03}".ljust(STREAM_WINDOW // 3, "x"))

            await asyncio.gather(*(send(name) for name in "abc"))
            await stream.end()
            assert [item async for item in stream] == ["all"]
        assert len(got) == 60
        for name in "abc":
            assert [item for item in got if item[0] == name] == [f"{name}{number:03}" for number in range(20)]

    run(main())


def test_a_send_that_is_cancelled_sent_nothing():
    async def talk(items: AsyncIterator[str]) -> AsyncIterator[str]:
        await asyncio.sleep(5)
        async for item in items:
            yield item.strip()

    async def main() -> None:
        async with streaming(Given(talk=talk)) as (stub, _, _), stub.talk() as stream:
            sent = 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    while True:
                        await stream.send(f"{sent}".ljust(50_000))
                        sent += 1
            await stream.send("last")
            await stream.end()
            assert [item async for item in stream] == [*map(str, range(sent)), "last"]

    run(main())


@pytest.mark.parametrize("steps", range(12))
def test_a_reader_that_is_cancelled_at_any_step_loses_nothing(steps):
    async def main() -> None:
        async with streaming() as (stub, handler, _), stub.tail("3 wait") as stream:
            got: list[str] = []
            while len(got) < 3:
                reading = asyncio.ensure_future(anext(stream))
                await settle(steps)
                reading.cancel()
                try:
                    got.append(await reading)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.01)
                    if not steps:  # it never begins
                        got.append(await anext(stream))
            assert got == ["0", "1", "2"]
            handler.release.set()

    run(main())


def test_a_loop_that_is_cancelled_within_a_context_loses_nothing():
    """Also where it was resting, so that others have their turn."""

    async def main() -> None:
        async with streaming() as (stub, _, _), stub.tail("20000") as stream:
            got: list[str] = []

            async def read() -> None:
                async for item in stream:
                    got.append(item)  # noqa: PERF401 - it is cancelled

            while len(got) < 20_000:
                reading = asyncio.ensure_future(read())
                await settle(3)
                reading.cancel()
                await asyncio.wait([reading])
            assert got == [str(number) for number in range(20_000)]

    run(main())


def test_whoever_waits_is_told_when_the_stream_is_left():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.talk() as stream:
            reading = [asyncio.ensure_future(anext(stream)) for _ in range(3)]
            await settle()
            await stream.aclose()
            for one in reading:
                with pytest.raises(Cancelled, match="this side has left the call of Streams/talk"):
                    await one

    run(main())


def test_senders_that_wait_are_told_when_the_handler_has_ended():
    async def talk(items: AsyncIterator[str]) -> AsyncIterator[str]:
        await asyncio.sleep(1)
        yield "done"

    async def main() -> None:
        async with streaming(Given(talk=talk)) as (stub, _, _), stub.talk() as stream:
            sending = asyncio.ensure_future(gather_sends(stream))
            assert [item async for item in stream] == ["done"]
            with pytest.raises(Cancelled, match="the call of Streams/talk is over") as caught:
                await sending
            assert caught.value.outcome is Outcome.EXECUTED

    async def gather_sends(stream: Any) -> None:
        while True:
            await stream.send("x" * 100_000)

    run(main())


def test_a_task_that_outlives_its_handler_is_told():
    left: list[asyncio.Task[str]] = []

    async def join(message: str, items: AsyncIterator[str]) -> str:
        left.append(asyncio.ensure_future(anext(items)))
        await asyncio.sleep(0)
        return "early"

    async def main() -> None:
        async with streaming(Given(join=join)) as (stub, _, _):

            async def source() -> AsyncIterator[str]:
                await asyncio.sleep(10)
                yield "late"

            assert await stub.join("", source()) == "early"
            with pytest.raises(Cancelled, match="this call of Streams/join is over"):
                await left[0]

    run(main())


# --- what ends a call -------------------------------------------------------------------------------------------------


def test_what_a_handler_gave_is_read_although_it_ended_while_the_caller_was_sending():
    async def talk(items: AsyncIterator[str]) -> AsyncIterator[str]:
        await anext(items)
        for number in range(100):
            yield f"{number}"

    async def main() -> None:
        ended: list[str] = []
        async with streaming(Given(talk=talk)) as (stub, _, _):
            got = []
            async for item in stub.talk(endless(ended)):
                got.append(item)
                await asyncio.sleep(0.01)
            assert got == [str(number) for number in range(100)]
            assert ended == ["source"]

    run(main())


def test_a_deadline_drops_what_is_unread_but_a_handlers_own_comes_behind():
    async def tail(message: str) -> AsyncIterator[str]:
        for number in range(5):
            yield f"{number}"
        if message == "own":
            raise DeadlineExceeded("its own")
        await asyncio.sleep(1000)

    async def main() -> None:
        async with streaming(Given(tail=tail)) as (stub, _, _):
            got = []
            with pytest.raises(DeadlineExceeded, match="its own"):
                async for item in stub.with_options(timeout=100).tail("own"):
                    got.append(item)
                    await asyncio.sleep(1)
            assert len(got) == 5
            got.clear()
            with pytest.raises(DeadlineExceeded):
                async for item in stub.with_options(timeout=1.5).tail(""):
                    got.append(item)
                    await asyncio.sleep(1)
            assert got == ["0", "1"]

    run(main())


def test_an_error_of_a_stream_that_a_handler_read_is_not_the_handlers_own(caplog):
    async def tail(message: str) -> AsyncIterator[str]:
        stub = callosum.current_peer().stub(Streams)
        match message:
            case "late":
                async for _ in stub.with_options(item_timeout=1).tail("wait"):
                    yield ""
            case "left":
                async with stub.talk() as stream:
                    await stream.aclose()
                    values = stream._values
                    values.items.try_send(b"x")
            case _:
                await stub.join("", some("x" * 200_000))
        yield "never"

    async def wait(message: str) -> AsyncIterator[str]:
        await asyncio.sleep(100)
        yield "never"

    async def main() -> None:
        limits = callosum.Limits(body_bytes=100_000)
        address = new_address()
        async with callosum.listen(address, {Streams: Given(tail=tail)}) as _:
            client, _links = dialler(address, {Streams: Given(tail=wait)}, limits=limits)
            async with client as peer:
                for message in ("late", "left", "big"):
                    with pytest.raises(callosum.Internal):
                        async for _ in peer.stub(Streams).tail(message):
                            pass

    run(main())
    assert "no item of Streams/tail came for 1" in caplog.text
    assert "an item takes 200000 bytes" in caplog.text


def test_an_item_that_is_too_large_leaves_the_call_as_it_was():
    async def main() -> None:
        async with (
            streaming(
                limits=callosum.Limits(body_bytes=100_000), listen={"limits": callosum.Limits(body_bytes=100_000)}
            ) as (stub, _, _),
            stub.talk() as stream,
        ):
            with pytest.raises(ResourceExhausted, match="an item takes 200000 bytes; the other side accepts 100000"):
                await stream.send("x" * 200_000)
            await stream.send("small")
            assert await anext(stream) == "SMALL"

    run(main())


def test_a_handler_of_a_stream_has_neither_an_end_nor_a_failure_of_its_own():
    seen: list[Any] = []

    async def join(message: str, items: Any) -> str:
        end: HandlerStream = items.items
        assert await end.outcome() == b""
        with pytest.raises(AssertionError, match="by its outcome"):
            end.end()
        with pytest.raises(AssertionError, match="by its outcome"):
            end.abort(ValueError())
        with pytest.raises(Cancelled):
            end.try_send(b"x")
        seen.append(True)
        return ""

    async def main() -> None:
        async with streaming(Given(join=join)) as (stub, _, _):
            await stub.join("", some())
            assert seen

    run(main())


def test_nothing_of_a_stream_that_is_over_waits_for_the_garbage_collector():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            ends: list[weakref.ref[Any]] = []
            gc.collect()
            gc.disable()
            try:
                async with stub.talk(some("a")) as stream:
                    ends.append(weakref.ref(stream))
                    assert [item async for item in stream] == ["A", "bye"]
                del stream
                stream = stub.tail("3 wait")
                async for _ in stream:
                    ends.append(weakref.ref(stream))
                    break
                del stream
                for _ in range(20):
                    await stub.join("", some("a"))
                await settle(50)
                left = Counter(type(one) for one in gc.get_objects() if isinstance(one, CallerStream | HandlerStream))
                assert left[CallerStream] == 0
                assert left[HandlerStream] <= 4  # a worker keeps its last call until the next one comes
                assert not [one for one in ends if one() is not None]
            finally:
                gc.enable()

    run(main())


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_stream_that_has_not_left_goes_on_over_a_fresh_session():
    async def main() -> None:
        handler = StreamHandler()
        address = new_address()
        async with callosum.listen(address, {Streams: handler}, grace=1) as server:
            client, links = dialler(address, grace=1)
            async with client as peer:
                old = peer.route.session
                links.down = True
                links.last.cut()
                await until(lambda: peer.state is not PeerState.CONNECTED)
                stub = peer.stub(Streams)
                async with stub.talk() as talk:
                    sent = 0
                    with pytest.raises(TimeoutError):  # the window is used up
                        async with asyncio.timeout(0.5):
                            while True:
                                await talk.send(f"{sent}".ljust(30_000))
                                sent += 1
                    waiting = asyncio.ensure_future(talk.send("last"))
                    ended = asyncio.ensure_future(stub.join("-", some("a", "b")))
                    await asyncio.sleep(5)
                    assert peer.route.session is not old
                    assert not waiting.done()
                    links.down = False
                    await waiting
                    await talk.end()
                    items = [item.strip() async for item in talk]
                    assert items == [*map(str, range(sent)), "LAST", "bye"]
                assert await ended == "a-b"
                assert len(server.peers) == 1

    run(main())


def test_a_stream_that_has_left_ends_with_its_session():
    async def main() -> None:
        async with streaming(grace=1, listen={"grace": 1}) as (stub, handler, pair):
            async with stub.talk() as talk:
                await talk.send("a")
                assert await anext(talk) == "A"
                pair.links.down = True
                pair.links.last.cut()
                with pytest.raises(ConnectionLost) as caught:
                    await anext(talk)
                assert caught.value.outcome is Outcome.UNKNOWN
                with pytest.raises(ConfigurationError, match="is closed"):
                    await talk.send("b")
            await until(lambda: handler.ended == ["talk"])
            pair.links.down = False
            await pair.reconnected()

    run(main())


def test_a_stream_of_a_session_that_is_detached_waits():
    async def main() -> None:
        async with streaming() as (stub, _, pair), stub.talk() as talk:
            await talk.send("a")
            assert await anext(talk) == "A"
            pair.links.down = True
            pair.links.last.cut()
            await settle()
            await talk.send("b")
            reading = asyncio.ensure_future(anext(talk))
            await asyncio.sleep(3)
            assert not reading.done()
            pair.links.down = False
            assert await reading == "B"

    run(main())


def test_a_stream_outlives_the_drain_of_its_session_beside_a_fresh_one():
    async def main() -> None:
        async with streaming(listen={"grace": 30}) as (stub, handler, pair), stub.tail("2 wait") as stream:
            assert await anext(stream) == "0"
            session = next(iter(pair.server.peers)).route.session
            draining = asyncio.ensure_future(session.drain("bye", asyncio.get_running_loop().time() + 30))
            await asyncio.sleep(1)
            assert await stub.say("beside") == "beside"
            assert await anext(stream) == "1"
            handler.release.set()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            await draining

    run(main())


def test_a_draining_side_refuses_streams():
    async def main() -> None:
        async with paired(StreamHandler(), service=Streams, listen={"grace": 30}) as pair:
            session = next(iter(pair.server.peers)).route.session
            stub = pair.peer.stub(Streams)
            async with stub.tail("1 wait") as stream:
                assert await anext(stream) == "0"
                draining = asyncio.ensure_future(session.drain("bye", asyncio.get_running_loop().time() + 30))
                with pytest.raises(Unavailable) as caught:  # it has left before the other side's word came
                    await stub.join("-", some("a"))
                assert caught.value.outcome is Outcome.REJECTED
                assert await stub.join("-", some("a")) == "0-a"  # over a fresh session
            await draining

    run(main())


def test_streams_within_on_connect():
    seen: list[Any] = []

    async def greet(peer: callosum.Peer) -> None:
        stub = peer.stub(Streams)
        seen.append([item async for item in stub.tail("2")])
        seen.append(await stub.join("-", some("x" * 300_000, "b")))
        async with stub.talk() as talk:
            await talk.send("a")
            seen.append(await anext(talk))

    async def main() -> None:
        async with streaming(on_connect=greet) as (stub, _, _):
            assert len(seen) == 3
            assert seen[0] == ["0", "1"]
            assert seen[2] == "A"
            assert [item async for item in stub.tail("1")] == ["0"]

    run(main())


def test_streams_that_a_handler_makes_back_to_its_caller_wait_in_line_from_the_ninth_on():
    begun: list[int] = []
    release = asyncio.Event()

    async def back(message: str) -> AsyncIterator[str]:
        begun.append(int(message))
        yield message
        await release.wait()

    async def tail(message: str) -> AsyncIterator[str]:
        stub = callosum.current_peer().stub(Streams)

        async def one(number: int) -> list[str]:
            return [item async for item in stub.tail(f"{number}")]

        for found in await asyncio.gather(*(one(number) for number in range(10))):
            for item in found:
                yield item

    async def main() -> None:
        address = new_address()
        async with callosum.listen(address, {Streams: Given(tail=tail)}, max_concurrency=1):
            client, _ = dialler(address, {Streams: Given(tail=back)}, max_concurrency=1)
            async with client as peer:
                stream = peer.stub(Streams).tail("")
                reading = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(1)
                assert sorted(begun) == list(range(8))
                release.set()
                assert await reading == "0"
                assert [item async for item in stream] == [str(number) for number in range(1, 10)]
                await settle()
                core = peer.route.session.core
                await until(lambda: not core.incoming.calls)

    run(main())


def test_what_is_unread_when_a_stream_is_left_is_given_back_at_once():
    """Others may wait for it: nothing else is under way that would bring it along."""

    async def main() -> None:
        async with streaming() as (stub, _, pair):
            async with stub.tail("2000") as stream:
                await anext(stream)
                await asyncio.sleep(1)
            await asyncio.sleep(0.1)
            await is_clean(pair)
            assert not pair.peer.route.session.outbox.has_control

    run(main())
