"""Streams from stub to handler, over a session in memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, ConnectionLost, DeadlineExceeded, Outcome
from callosum.errors import Cancelled, EncodeError, InvalidArgument, ResourceExhausted, Unimplemented
from callosum.protocol.calls import SessionState
from callosum.protocol.core import SessionCore
from callosum.protocol.limits import STREAM_WINDOW
from callosum.streams import BidiStream, ReceiveStream
from callosum.testing import serve_in_memory
from tests.services import Pair, Refusal, Streams, make_service, paired, run, settle, until


class Unfit(str):
    """Text that its reader cannot decode."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"\xff"


class StreamHandler:
    """Serves `Streams`, and notes what it sees."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.ended: list[str] = []
        self.release = asyncio.Event()

    async def tail(self, message: str) -> AsyncIterator[str]:
        count, _, then = message.partition(" ")
        try:
            for number in range(int(count)):
                self.seen.append(f"{number}")
                yield f"{number}"
            if then == "refuse":
                raise Refusal("enough")
            if then == "fail":
                raise ValueError("a fault")
            if then == "wait":
                await self.release.wait()
            if then == "unfit":
                yield Unfit()
                await self.release.wait()
            if then == "big":
                yield "x" * 3_000_000
        finally:
            self.ended.append(message)

    async def join(self, message: str, items: AsyncIterator[str]) -> str:
        if message == "early":
            return "early"
        if message == "never":
            await self.release.wait()
        try:
            async for item in items:
                self.seen.append(item)
                if message == "first":
                    break
            if message == "refuse":
                raise Refusal("enough")
        finally:
            self.ended.append(message)
        return message.join(self.seen)

    async def talk(self, items: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for item in items:
                yield item.upper()
            yield "bye"
        finally:
            self.ended.append("talk")

    async def say(self, message: str) -> str:
        return message


@asynccontextmanager
async def streaming(handler: StreamHandler | None = None, **options: Any) -> AsyncIterator[tuple[Any, Any, Pair]]:
    served = handler or StreamHandler()
    async with paired(served, service=Streams, **options) as pair:
        yield pair.peer.stub(Streams), served, pair
        await settle()
        await is_clean(pair)


async def is_clean(pair: Pair) -> None:
    """Nothing is left of any stream, and all credit is back where it belongs."""
    for peer in [*pair.server.peers, pair.peer]:
        core = peer.route.session.core
        if core.state is not SessionState.OPEN:
            continue
        await until(partial(_is_idle, core))
        assert not core.outbox.streams
        assert not core.outbox.held_outcomes


def _is_idle(core: SessionCore) -> bool:
    return not core.incoming.calls and not core.outbox.outgoing


async def some(*items: str) -> AsyncIterator[str]:
    for item in items:
        yield item


async def gather_into(items: list[str], stream: AsyncIterator[str]) -> None:
    async for item in stream:
        items.append(item)  # noqa: PERF401 - it may raise, and what came before is looked at


# --- server streaming -------------------------------------------------------------------------------------------------


def test_items_arrive_in_order_and_the_loop_ends():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            assert [item async for item in stub.tail("3")] == ["0", "1", "2"]
            assert [item async for item in stub.tail("0")] == []

    run(main())


def test_one_item_at_a_time():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            stream = stub.tail("2")
            assert isinstance(stream, ReceiveStream)
            assert repr(stream) == "<ReceiveStream of Streams/tail, new>"
            assert await anext(stream) == "0"
            assert await anext(stream) == "1"
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            assert [item async for item in stream] == []
            assert repr(stream) == "<ReceiveStream of Streams/tail, closed>"

    run(main())


def test_leaving_the_loop_cancels_the_handler_at_once():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            async for item in stub.tail("2 wait"):
                if item == "1":
                    break
            await until(lambda: handler.ended == ["2 wait"])

    run(main())


def test_leaving_the_context_cancels_the_handler():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            async with stub.tail("4 wait") as stream:
                async for item in stream:
                    assert item == "0"
                    break
                assert await anext(stream) == "1"
                assert not handler.ended
            await until(lambda: handler.ended == ["4 wait"])

    run(main())


def test_an_exception_comes_as_itself_behind_the_items():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            items: list[str] = []
            with pytest.raises(Refusal) as caught:
                await gather_into(items, stub.tail("2 refuse"))
            assert items == ["0", "1"]
            assert caught.value.reason == "enough"
            assert caught.value.outcome is Outcome.EXECUTED  # type: ignore[attr-defined]

    run(main())


def test_a_failure_comes_behind_the_items(caplog):
    async def main() -> None:
        async with streaming() as (stub, _, _):
            items: list[str] = []
            with pytest.raises(callosum.Internal) as caught:
                await gather_into(items, stub.tail("2 fail"))
            assert items == ["0", "1"]
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())
    assert "a fault" in caplog.text


def test_a_slow_reader_holds_the_sender_back():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            async with stub.tail("100000") as stream:
                assert await anext(stream) == "0"
                await settle(100)
                held = len(handler.seen)
                assert held < STREAM_WINDOW / 128 + 2
                await settle(100)
                assert len(handler.seen) == held
                assert [await anext(stream) for _ in range(5000)][-1] == "5000"
            await until(lambda: handler.ended)

    run(main())


def test_an_item_larger_than_the_window():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            items = [item async for item in stub.tail("2 big")]
            assert [len(item) for item in items] == [1, 1, 3_000_000]

    run(main())


def test_a_deadline_waits_for_no_reader():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            with pytest.raises(DeadlineExceeded):
                async for _ in stub.with_options(timeout=5).tail("3 wait"):
                    await asyncio.sleep(4)
            assert handler.ended == ["3 wait"]

    run(main())


def test_each_item_may_have_its_own_time():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            items = []
            with pytest.raises(DeadlineExceeded, match="no item of Streams/tail came for 2 s") as caught:
                async for item in stub.with_options(item_timeout=2).tail("3 wait"):
                    items.append(item)
                    await asyncio.sleep(4)
            assert items == ["0", "1", "2"]
            assert caught.value.outcome is Outcome.UNKNOWN
            await until(lambda: handler.ended)

    run(main())


def test_a_reader_that_is_cancelled_loses_nothing():
    async def main() -> None:
        async with streaming() as (stub, handler, _), stub.tail("1 wait") as stream:
            assert await anext(stream) == "0"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await anext(stream)
            handler.release.set()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    run(main())


def test_only_the_newest_counts():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.with_options(overflow="latest").tail("50000 wait") as stream:
            first = await anext(stream)
            await until(lambda: handler_is_waiting(stream))
            assert int(first) < int(await anext(stream)) == 49_999

    def handler_is_waiting(stream: ReceiveStream[str]) -> bool:
        values = stream._values
        assert values is not None
        items: Any = values.items
        return list(items.stream.items) == [b"=49999"]

    run(main())


def test_a_stream_that_nobody_used_called_nothing():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            with pytest.warns(ResourceWarning, match="was never used: nothing was called"):
                stub.tail("1")
            await settle()
            assert not handler.seen

    run(main())


def test_a_forgotten_stream_is_closed_and_reported(caplog):
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            stream = stub.tail("2 wait")
            await anext(stream)
            with pytest.warns(ResourceWarning, match="a stream of Streams/tail was forgotten"):
                del stream
            await until(lambda: handler.ended == ["2 wait"])

    run(main())
    assert "a stream of Streams/tail was forgotten and is closed" in caplog.text


def test_a_stream_that_another_thread_forgets_is_closed(caplog):
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            held = [stub.tail("2 wait")]
            await anext(held[0])

            def forget() -> None:
                with pytest.warns(ResourceWarning, match="was forgotten"):
                    held.clear()

            await asyncio.to_thread(forget)
            await until(lambda: handler.ended == ["2 wait"])

    run(main())
    assert "was forgotten" in caplog.text


def test_a_stream_that_sends_and_is_forgotten_is_closed():
    ended = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 1000
        finally:
            ended.append(True)

    async def main() -> None:
        async with streaming() as (stub, handler, _):
            stream = stub.talk(endless())
            await anext(stream)
            with pytest.warns(ResourceWarning, match="was forgotten"):
                del stream
            await until(lambda: ended and handler.ended)

    run(main())


def test_a_stream_that_is_forgotten_when_its_loop_has_closed_is_reported():
    held: list[Any] = []

    async def main() -> None:
        async with serve_in_memory({Streams: StreamHandler()}) as peer:
            held.append(peer.stub(Streams).tail("1 wait"))
            await anext(held[0])

    run(main())
    with pytest.warns(ResourceWarning, match="was forgotten"):
        held.clear()


@pytest.mark.parametrize("what", ["break", "hold", "forget in a cycle"])
def test_the_end_of_the_interpreter_is_quiet_but_for_the_report(what):
    """In a process of its own, with all warnings."""
    program = f"""
import asyncio, sys
from tests.test_streams import StreamHandler, Streams
from callosum.testing import serve_in_memory

what = {what!r}
held = []

async def main():
    async with serve_in_memory({{Streams: StreamHandler()}}) as peer:
        stub = peer.stub(Streams)
        if what == "break":
            for _ in range(20):
                async for item in stub.tail("2 wait"):
                    break
            async for item in stub.talk(endless()):
                break
            return
        stream = stub.tail("2 wait")
        await anext(stream)
        held.append(stream)
        if what != "hold":
            held.append(held)
            del stream
            globals().pop("held")

async def endless():
    while True:
        yield "x"

asyncio.run(main(), debug=True)
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
    complaints = [
        line for line in done.stderr.splitlines() if line and "forgotten" not in line and not line.startswith(" ")
    ]
    slow = [line for line in complaints if line.startswith("Executing")]  # what asyncio's debug mode says
    assert complaints == slow
    assert ("was forgotten" in done.stderr) is (what != "break")


def test_closing_twice_and_using_what_is_closed():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            stream = stub.talk()
            await stream.send("a")
            await asyncio.gather(stream.aclose(), stream.aclose())
            await stream.aclose()
            await until(lambda: handler.ended == ["talk"])
            assert [item async for item in stream] == []
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
            for use in (stream.send("b"), stream.end(), stream.__aenter__()):
                with pytest.raises(ConfigurationError, match="the stream of Streams/talk is closed"):
                    await use
            unused = stub.tail("1")
            await unused.aclose()

    run(main())


def test_closing_that_is_cancelled_has_left_already():
    async def slow() -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(5)

    async def main() -> None:
        async with streaming() as (stub, handler, _):
            stream = stub.talk(slow())
            assert await anext(stream) == "A"
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await stream.aclose()
            assert handler.ended == ["talk"]
            await asyncio.sleep(5)

    run(main())


def test_a_loop_in_a_context_may_be_left_and_another_begun():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.tail("300") as stream:
            got: list[str] = []
            while len(got) < 300:
                async for item in stream:
                    got.append(item)
                    if len(got) % 7 == 0:
                        break
                else:
                    break
            assert got == [str(number) for number in range(300)]
            assert [item async for item in stream] == []

    run(main())


def test_a_loop_whose_body_closes_the_stream_ends():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            stream = stub.tail("5 wait")
            got = []
            async for item in stream:
                got.append(item)
                await stream.aclose()
            assert got == ["0"]
            await until(lambda: handler.ended)

    run(main())


def test_leaving_a_loop_is_prompt():
    """The other side is told after two turns of the loop, without any time passing."""

    async def main() -> None:
        async with streaming() as (stub, handler, _):
            for leave in ("break", "raise"):
                handler.ended.clear()
                try:
                    async for _ in stub.tail("2 wait"):
                        if leave == "break":
                            break
                        raise LookupError
                except LookupError:
                    pass
                before = asyncio.get_running_loop().time()
                await settle(8)
                assert handler.ended == ["2 wait"]
                assert asyncio.get_running_loop().time() == before

    run(main())


def test_many_streams_beside_calls():
    async def main() -> None:
        async with streaming(listen={"max_concurrency": 200}) as (stub, _, _):

            async def one(count: int) -> int:
                return len([item async for item in stub.tail(f"{count}")])

            streams = [one(count) for count in range(100)]
            assert await asyncio.gather(*streams, stub.say("x")) == [*range(100), "x"]

    run(main())


# --- client streaming -------------------------------------------------------------------------------------------------


def test_what_the_caller_sends_arrives():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            assert await stub.join("-", some("a", "b", "c")) == "a-b-c"
            assert await stub.join("-", items=some("d")) == "a-b-c-d"

    run(main())


def test_a_handler_may_answer_before_all_has_come():
    closed = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 1000
        finally:
            closed.append(True)

    async def main() -> None:
        async with streaming() as (stub, handler, _):
            assert await stub.join("early", endless()) == "early"
            assert closed == [True]
            assert await stub.join("first", endless()) == "x" * 1000
            assert handler.ended == ["first"]
            assert closed == [True, True]

    run(main())


def test_what_the_source_raises_is_what_the_caller_gets():
    async def broken() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("no more")

    async def main() -> None:
        async with streaming() as (stub, handler, _):
            with pytest.raises(LookupError, match="no more"):
                await stub.join("-", broken())
            await until(lambda: handler.ended == ["-"])
            with pytest.raises(EncodeError):
                await stub.join("-", some(5))  # type: ignore[arg-type]

    run(main())


def test_an_exception_of_the_handler_ends_the_upload():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            with pytest.raises(Refusal) as caught:
                await stub.join("refuse", some("a"))
            assert caught.value.outcome is Outcome.EXECUTED  # type: ignore[attr-defined]

    run(main())


def test_a_caller_that_is_cancelled_cancels_the_handler():
    async def main() -> None:
        async with streaming() as (stub, _handler, _):
            task = asyncio.ensure_future(stub.join("never", some("a")))
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())


def test_wrong_arguments_are_named():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            with pytest.raises(TypeError, match=r"join\(\) needs items: an async iterable"):
                await stub.join("-")
            with pytest.raises(TypeError, match="items of Streams/join is an async iterable; this is list"):
                await stub.join("-", ["a"])
            with pytest.raises(ConfigurationError, match="item_timeout=0"):
                stub.with_options(item_timeout=0)
            with pytest.raises(ConfigurationError, match="overflow='oldest'"):
                stub.with_options(overflow="oldest")

    run(main())


# --- both -------------------------------------------------------------------------------------------------------------


def test_a_stream_each_way():
    async def main() -> None:
        async with streaming() as (stub, handler, _):
            async with stub.talk() as talk:
                assert isinstance(talk, BidiStream)
                await talk.send("hello")
                assert await anext(talk) == "HELLO"
                await talk.send("there")
                await talk.end()
                assert [item async for item in talk] == ["THERE", "bye"]
                with pytest.raises(Cancelled):
                    await talk.send("x")
            assert handler.ended == ["talk"]

    run(main())


def test_nothing_is_sent_after_the_end():
    async def main() -> None:
        async with streaming() as (stub, _, _), stub.talk() as talk:
            await talk.end()
            with pytest.raises(ConfigurationError, match="after end"):
                await talk.send("x")

    run(main())


def test_a_source_is_sent_beside_what_is_read():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            assert [item async for item in stub.talk(some("a", "b"))] == ["A", "B", "bye"]

    run(main())


def test_a_source_that_fails_ends_what_is_read():
    async def broken() -> AsyncIterator[str]:
        yield "a"
        raise LookupError("no more")

    async def main() -> None:
        async with streaming() as (stub, _, _):
            with pytest.raises(LookupError):
                async for _ in stub.talk(broken()):
                    pass

    run(main())


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_stream_lives_through_a_resumed_session():
    async def main() -> None:
        async with streaming() as (stub, _, pair):
            items = []
            async for item in stub.tail("20000"):
                items.append(item)
                if len(items) in {10, 3000, 15_000}:
                    pair.links.links[-1].cut()
            assert items == [str(number) for number in range(20_000)]

    run(main())


def test_a_stream_ends_with_its_session():
    async def main() -> None:
        async with streaming() as (stub, handler, pair):
            items = []
            with pytest.raises(ConnectionLost) as caught:
                async for item in stub.tail("5 wait"):
                    items.append(item)
                    if len(items) == 5:
                        next(iter(pair.server.peers)).route.session.end("the end")
            assert items == ["0", "1", "2", "3", "4"]
            assert caught.value.outcome is Outcome.UNKNOWN
            await until(lambda: handler.ended)

    run(main())


def test_the_two_sides_must_agree_about_the_way():
    other = make_service("Streams", ("tail",))

    async def main() -> None:
        async with streaming() as (_, _, pair):
            with pytest.raises(Unimplemented, match="takes no stream, and answers with a stream, by the IDL of this"):
                await pair.peer.stub(other).tail("1")

    run(main())


def test_an_item_that_does_not_fit_is_the_callers_fault():
    async def main() -> None:
        async with streaming() as (stub, _, _):
            stream = stub.talk()
            values = await stream._start()
            values.items.try_send(b"\xff")
            with pytest.raises(InvalidArgument, match="an item of Streams/talk"):
                await anext(stream)

    run(main())


def test_a_draining_server_ends_streams_at_half_the_grace():
    async def main() -> None:
        async with streaming(listen={"grace": 20}) as (stub, handler, pair):
            items = []
            closing = None
            with pytest.raises(callosum.Unavailable) as caught:
                async for item in stub.tail("1 wait"):
                    items.append(item)
                    closing = asyncio.ensure_future(
                        next(iter(pair.server.peers)).route.session.drain("bye", asyncio.get_running_loop().time() + 20)
                    )
            assert caught.value.outcome is Outcome.EXECUTED
            assert handler.ended == ["1 wait"]
            assert closing is not None
            await closing

    run(main())


def test_interceptors_see_a_stream_as_an_iterator():
    seen: list[str] = []

    async def watch(call: callosum.Call, following: Any) -> Any:
        result = await following(call)
        if not call.method.cardinality.gives_items:
            return result

        async def passed() -> AsyncIterator[Any]:
            async for item in result:
                seen.append(item)
                yield f"<{item}>"

        return passed()

    async def main() -> None:
        async with streaming(interceptors=[watch], listen={"interceptors": [watch]}) as (stub, _, _):
            assert [item async for item in stub.tail("2")] == ["<<0>>", "<<1>>"]
            assert seen == ["0", "<0>", "1", "<1>"] or sorted(seen) == ["0", "1", "<0>", "<1>"]
            async with stub.talk() as talk:
                await talk.send("a")
                assert await anext(talk) == "<<A>>"
            assert await stub.join("-", some("x", "y")) == "0-1-x-y"

    run(main())


def test_what_is_too_large_for_the_other_side_is_not_sent():
    async def main() -> None:
        limits = callosum.Limits(body_bytes=100_000)
        async with streaming(limits=limits) as (stub, _, _):
            with pytest.raises(ResourceExhausted, match="an item takes"):
                await stub.join("-", some("x" * 200_000))
            with pytest.raises(ResourceExhausted) as caught:
                async for _ in stub.tail("0 big"):
                    pass
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_a_handler_that_gives_no_stream_is_found(caplog):
    class Wrong(StreamHandler):
        def tail(self, message: str) -> Any:
            return [message]

    async def main() -> None:
        async with streaming(Wrong()) as (stub, _, _):
            with pytest.raises(callosum.Internal):
                async for _ in stub.tail("1"):
                    pass

    run(main())
    assert "gave no async iterator" in caplog.text
