"""The items of streams that are compressed: where and with what, what they count for, and those that cannot be read."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

import callosum
from callosum import Code, Compression, DecodeError, InvalidArgument, Limits, Outcome, ResourceExhausted
from callosum.compression import SNAPPY, ZSTD, PackedBody, compress, decompress
from callosum.protocol.limits import ITEM_COST, STREAM_WINDOW
from callosum.protocol.messages import (
    ITEMS_FOLLOW,
    ITEMS_WANTED,
    STREAMS,
    End,
    Error,
    Item,
    Reply,
    Request,
)
from callosum.session.packing import Packing
from callosum.session.streams import SessionStream
from tests.services import Raw, Streams, dialler, new_address, paired, run, settle, until

MIB = 1 << 20
LONG = "an item that shrinks, " * 500
NOISE = random.Random(2).randbytes(6000).hex()  # to a half
BOTH = ("snappy", "zstd")


class Service:
    """Sends what it is told to, and back what it gets."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.failure: Exception | None = None

    async def tail(self, message: str) -> AsyncIterator[str]:
        for _ in range(3):
            yield message

    async def join(self, message: str, items: AsyncIterator[str]) -> str:
        try:
            async for item in items:
                self.heard.append(item)
        except Exception as error:
            self.failure = error
            raise
        return message

    async def talk(self, items: AsyncIterator[str]) -> AsyncIterator[str]:
        async for item in items:
            yield item

    async def say(self, message: str) -> str:
        return message


async def given(*items: str) -> AsyncIterator[str]:
    for item in items:
        yield item


def counted(endpoint: Any) -> tuple[int, int]:
    return endpoint.counters["compressed.before"], endpoint.counters["compressed.after"]


def packed(text: str, kind: int) -> bytes:
    body, used = compress(text.encode(), kind)
    assert used == kind
    return bytes(body)


async def opened(pair: Any, compressions: tuple[str, ...] = BOTH) -> Raw:
    return await Raw.opened(pair.server.addresses[0], compressions=compressions)


def items_of(raw: Raw) -> list[Item]:
    return [message for message in raw.messages if isinstance(message, Item)]


def plain(item: Item) -> str:
    body = decompress(item.body, item.compression, MIB) if item.compression else bytes(item.body)
    return body.decode().removeprefix("=")


# --- where it is asked for --------------------------------------------------------------------------------------------


def test_without_being_asked_nothing_is_compressed():
    async def main():
        async with paired(Service(), service=Streams) as pair:
            assert [item async for item in pair.peer.stub(Streams).talk(given(LONG, LONG))] == [LONG, LONG]
            assert counted(pair.client) == counted(pair.server) == (0, 0)

    run(main())


@pytest.mark.parametrize("name", BOTH)
def test_of_the_connecting_endpoint_both_ways(name):
    async def main():
        async with paired(Service(), service=Streams, compression=name) as pair:
            stub = pair.peer.stub(Streams)
            assert [item async for item in stub.talk(given(LONG, "short", LONG))] == [LONG, "short", LONG]
            (before, after), (back_before, back_after) = counted(pair.client), counted(pair.server)
            assert (before, back_before) == (2 * len(LONG), 2 * len(LONG) + 2)
            assert 0 < after < before / 10
            assert 0 < back_after < back_before / 10

    run(main())


def test_of_the_listening_endpoint_the_items_of_its_handlers():
    async def main():
        async with paired(Service(), service=Streams, listen={"compression": "zstd"}) as pair:
            assert [item async for item in pair.peer.stub(Streams).talk(given(LONG))] == [LONG]
            assert counted(pair.client) == (0, 0)
            assert counted(pair.server)[0] == len(LONG) + 1

    run(main())


def test_of_a_stub_and_of_a_call():
    async def main():
        service = Service()
        async with paired(service, service=Streams) as pair:
            stub = pair.peer.stub(Streams, compression="zstd")
            assert await stub.join("x", given(LONG)) == "x"
            zstd = counted(pair.client)
            assert zstd[0] == len(LONG)
            assert await stub.with_options(compression="snappy").join("x", given(LONG)) == "x"
            assert counted(pair.client)[1] - zstd[1] > zstd[1], "zstd is the smaller one"
            assert await stub.with_options(compression="none").join("x", given(LONG)) == "x"
            assert counted(pair.client)[0] == 2 * len(LONG)
            assert service.heard == [LONG] * 3

    run(main())


@pytest.mark.parametrize(
    ("asks", "offers", "kind"), [("snappy", BOTH, SNAPPY), ("snappy", ("zstd",), ZSTD), ("", (), 0)]
)
def test_the_items_of_a_handler_are_as_its_caller_asked_or_as_the_endpoint_says(asks, offers, kind):
    async def main():
        async with paired(Service(), service=Streams, listen={"compression": "zstd"}) as pair:
            raw = await opened(pair, offers)
            raw.send(Request(1, "Streams/tail", None, ITEMS_WANTED, LONG.encode(), reply_compression=asks))
            await settle()
            assert [item.compression for item in items_of(raw)] == [kind] * 3
            assert {plain(item) for item in items_of(raw)} == {LONG}

    run(main())


@pytest.mark.parametrize(("text", "is_compressed"), [("x" * 1000, False), ("x" * 1001, True), (NOISE[:800], False)])
def test_the_threshold_holds_for_items(text, is_compressed):
    async def main():
        option = Compression("zstd", threshold=1000)
        async with paired(Service(), service=Streams, compression=option) as pair:
            assert await pair.peer.stub(Streams).join("x", given(text)) == "x"
            assert (counted(pair.client)[0] > 0) is is_compressed

    run(main())


def test_what_does_not_shrink_is_sent_as_it_is():
    text = "".join(random.Random(3).choices([chr(n) for n in range(0x4E00, 0x9E00)], k=2000))

    async def main():
        async with paired(Service(), service=Streams, compression="snappy") as pair:
            assert [item async for item in pair.peer.stub(Streams).talk(given(text))] == [text]
            assert counted(pair.client) == (0, 0)

    run(main())


def test_where_the_other_side_cannot_items_travel_plain():
    async def main():
        async with paired(Service(), service=Streams, listen={"compression": "none"}, compression="zstd") as pair:
            assert [item async for item in pair.peer.stub(Streams).talk(given(LONG))] == [LONG]
            assert counted(pair.client) == counted(pair.server) == (0, 0)

    run(main())


@pytest.mark.parametrize("name", BOTH)
def test_items_in_fragments(name):
    async def main():
        texts = [f"{index} {random.Random(index).randbytes(2 * MIB).hex()}" for index in range(2)]
        async with paired(Service(), service=Streams, compression=name) as pair:
            assert [item async for item in pair.peer.stub(Streams).talk(given(*texts))] == texts
            assert counted(pair.client)[1] > 2 * 2 * MIB, "each travels in several"

    run(main())


def test_a_session_that_resumes_goes_on_with_it():
    async def main():
        async with paired(Service(), service=Streams, compression="zstd") as pair:
            texts = [f"{n} {LONG}" for n in range(10)]
            async with pair.peer.stub(Streams).talk() as talk:
                for stalled in (False, True, False):
                    if stalled:
                        pair.links.last.stall()  # what is sent is lost, and sent again as it was
                    for text in texts:
                        await talk.send(text)
                    await settle(3)
                    await pair.cut()
                    assert [await anext(talk) for _ in texts] == texts
            assert pair.client.counters["sessions"] == 1
            assert counted(pair.client)[0] == counted(pair.server)[0] - 30

    run(main())


async def ready(values: Any, most: int, size: int) -> list[str]:
    """What is here already, behind the first item."""
    assert await anext(values) == LONG
    await settle()
    return list(values.take_ready(most, size))


def test_what_is_read_ahead_counts_as_what_it_becomes():
    async def main():
        async with paired(Service(), service=Streams, compression="zstd") as pair:
            stub = pair.peer.stub(Streams)
            async with stub.tail(LONG) as enough, stub.tail(LONG) as little:
                assert await ready(enough, 10, 10 * len(LONG)) == [LONG, LONG]
                assert await ready(little, 10, len(LONG)) == [LONG]

    run(main())


def test_what_is_read_ahead_and_cannot_be_decompressed_is_raised_by_the_next_step(monkeypatch):
    bodies = [Item(0, packed("=" + LONG, ZSTD), ZSTD), Item(0, packed("=" + LONG, ZSTD), ZSTD), Item(0, b"cut", ZSTD)]

    async def main():
        async with paired(Service(), service=Streams, compression="zstd") as pair:
            monkeypatch.setattr(Packing, "pack_item", lambda *_: bodies.pop(0))
            lines = pair.peer.stub(Streams).tail(LONG)
            assert await ready(lines, 10, MIB) == [LONG]
            with pytest.raises(DecodeError) as caught:
                await anext(lines)
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_only_the_newest_of_compressed_items():
    gate = asyncio.Event()

    class Ticker(Service):
        async def tail(self, message: str) -> AsyncIterator[str]:
            for n in range(100):
                yield f"{n} {LONG}"
            gate.set()

    async def main():
        async with paired(Ticker(), service=Streams, compression="zstd") as pair:
            stub = pair.peer.stub(Streams).with_options(overflow="latest")
            async with stub.tail("x") as ticks:
                await gate.wait()
                await settle()
                assert (await anext(ticks)).startswith("99 ")

    run(main())


# --- credit, and memory -----------------------------------------------------------------------------------------------


def test_credit_counts_what_is_on_the_wire_and_unread_items_stay_compressed():
    """Of 1 MiB each 200 are here, of which in plain one alone is more than the window."""
    text = "x" * MIB
    gate = asyncio.Event()

    class Late(Service):
        async def join(self, message: str, items: AsyncIterator[str]) -> str:
            await gate.wait()
            return str([len(item) async for item in items] == [MIB] * 200)

    async def main():
        async with paired(Late(), service=Streams, compression="zstd") as pair:
            tracemalloc.start()
            joined = asyncio.create_task(pair.peer.stub(Streams).join("x", given(*[text] * 200)))
            await until(lambda: counted(pair.client)[0] == 200 * MIB)
            await settle()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            gate.set()
            assert await joined == "True"
            assert held < 8 * MIB, f"{held} bytes are held"

    run(main())


def test_who_waits_for_credit_compresses_nothing_meanwhile(monkeypatch):
    tried: list[int] = []

    def noted(body: Any, *rest: Any) -> Any:
        tried.extend([len(body)] if len(body) > 1000 else [])
        return compress(body, *rest)

    monkeypatch.setattr("callosum.session.packing.compress", noted)
    gate = asyncio.Event()

    class Late(Service):
        async def join(self, message: str, items: AsyncIterator[str]) -> str:
            async for item in items:
                self.heard.append(item)
                if len(self.heard) == 1:
                    await gate.wait()
            return message

    async def main():
        service = Late()
        texts = [random.Random(n).randbytes(60_000).hex() for n in range(30)]
        async with paired(service, service=Streams, compression="zstd") as pair:
            joined = asyncio.create_task(pair.peer.stub(Streams).join("x", given(*texts)))
            await settle(100)
            assert 0 < len(tried) < 10
            gate.set()
            assert await joined == "x"
            assert service.heard == texts
            assert len(tried) == 30, "each once"

    run(main())


# --- another session --------------------------------------------------------------------------------------------------


def test_items_that_go_on_another_session_go_plain():
    """The listener was restarted, and decompresses nothing any more. No more waited than is allowed to go so."""

    async def main():
        address = new_address()
        server = callosum.listen(address, {Streams: Service()})
        await server.__aenter__()
        client, links = dialler(address, compression="zstd")
        async with client as peer:
            stub = peer.stub(Streams)
            assert [item async for item in stub.talk(given(LONG))] == [LONG]
            once = counted(client)[0]
            links.down = True
            links.last.cut()
            await settle()
            texts = [f"{n} {'x' * 50_000}" for n in range(20)]

            async def read() -> list[str]:
                return [item async for item in stub.talk(given(*texts))]

            reading = asyncio.create_task(read())
            await settle()
            waiting = counted(client)[0] - once
            assert STREAM_WINDOW - 6 * ITEM_COST - 50_000 < waiting < STREAM_WINDOW + 50_002, "in plain: it may go so"
            await server.abort()
            await server.__aexit__(None, None, None)
            service = Service()
            async with callosum.listen(address, {Streams: service}, compression="none") as server:
                links.down = False
                assert await reading == texts
                assert counted(server) == (0, 0)

    run(main())


# --- what cannot be decompressed --------------------------------------------------------------------------------------


CORRUPT = {
    "bomb": (packed("x" * MIB, ZSTD), ZSTD),
    "bomb-snappy": (packed("x" * MIB, SNAPPY), SNAPPY),
    "lying": (packed(LONG, SNAPPY).replace(packed(LONG, SNAPPY)[:2], b"\xff\x7f", 1), SNAPPY),
    "cut": (packed(LONG, ZSTD)[:-1], ZSTD),
    "no-snappy": (b"\xff" * 100, SNAPPY),
    "another": (packed(LONG, SNAPPY), ZSTD),
}
SMALL = Limits(body_bytes=100_000)


@pytest.mark.parametrize("name", CORRUPT)
def test_an_item_of_a_caller_that_cannot_be_decompressed_ends_its_call_alone(name):
    body, kind = CORRUPT[name]

    async def main():
        service = Service()
        async with paired(service, service=Streams, listen={"limits": SMALL}) as pair:
            raw = await opened(pair)
            raw.send(
                Request(1, "Streams/join", None, ITEMS_FOLLOW, b"x"),
                Request(3, "Streams/talk", None, STREAMS, b""),
                Item(1, packed("before" + LONG, ZSTD), ZSTD),
                Item(1, body, kind),
                Item(1, b"behind"),
                End(1),
            )
            await settle()
            error = raw.last(Error)
            assert (error.id, error.code, error.outcome) == (1, Code.INVALID_ARGUMENT, Outcome.EXECUTED)
            assert "an item of Streams/join" in error.text
            assert service.heard == ["before" + LONG]
            assert isinstance(service.failure, InvalidArgument)
            raw.send(Item(3, packed(LONG, SNAPPY), SNAPPY), End(3))
            await settle()
            assert [plain(item) for item in items_of(raw)] == [LONG]
            assert raw.last(Reply).id == 3

    run(main())


def test_an_item_of_a_caller_in_what_was_not_offered():
    async def main():
        service = Service()
        async with paired(service, service=Streams, listen={"compression": "none"}) as pair:
            raw = await opened(pair)
            raw.send(
                Request(1, "Streams/join", None, ITEMS_FOLLOW, b"x"),
                Item(1, b"before"),
                Item(1, packed(LONG, ZSTD), ZSTD),
            )
            await settle()
            error = raw.last(Error)
            assert (error.code, error.outcome) == (Code.INVALID_ARGUMENT, Outcome.EXECUTED)
            assert "did not offer" in error.text
            assert service.heard == ["before"]

    run(main())


@pytest.mark.parametrize("name", CORRUPT)
def test_an_item_of_a_handler_that_cannot_be_decompressed_ends_its_call_alone(name, monkeypatch):
    body, kind = CORRUPT[name]

    async def main():
        async with paired(Service(), service=Streams, limits=SMALL, compression="zstd") as pair:
            stub = pair.peer.stub(Streams)
            async with stub.talk() as other:
                with monkeypatch.context() as patch:
                    patch.setattr(Packing, "pack_item", lambda *_: Item(0, body, kind))
                    with pytest.raises(DecodeError, match="snappy|zstd") as caught:
                        async for _ in stub.tail(LONG):
                            raise AssertionError("there is no such item")
                    assert caught.value.outcome is Outcome.EXECUTED
                await other.send(LONG)
                assert await anext(other) == LONG
            assert pair.client.counters["sessions"] == 1

    run(main())


def test_an_item_of_a_handler_in_what_was_not_offered(monkeypatch):
    async def main():
        async with paired(Service(), service=Streams, listen={"compression": "snappy"}, compression="none") as pair:
            monkeypatch.setattr(Packing, "pack_item", lambda *_: Item(0, packed(LONG, SNAPPY), SNAPPY))
            monkeypatch.setattr(Packing, "item_compression", lambda *_: Compression("snappy"))
            with pytest.raises(DecodeError, match="did not offer") as caught:
                [item async for item in pair.peer.stub(Streams).tail(LONG)]
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_bombs_take_no_memory():
    """64 bombs of 32 MiB where 1 MiB is the most: nothing is taken for any, not even by who reads them."""
    bomb = packed("x" * (32 * MIB), ZSTD)

    async def main():
        async with paired(Service(), service=Streams, listen={"limits": Limits(body_bytes=MIB)}) as pair:
            raw = await opened(pair)
            tracemalloc.start()
            for ident in range(1, 129, 2):
                raw.send(Request(ident, "Streams/join", None, ITEMS_FOLLOW, b"x"), Item(ident, bomb, ZSTD))
            await until(lambda: sum(isinstance(message, Error) for message in raw.messages) == 64)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 4 * MIB, f"{peak} bytes were taken"

    run(main())


def test_the_plain_item_is_what_must_not_be_too_large():
    async def main():
        limits = Limits(body_bytes=10_000)
        async with paired(Service(), service=Streams, listen={"limits": limits}, compression="zstd") as pair:
            talk = pair.peer.stub(Streams).talk()
            with pytest.raises(ResourceExhausted, match="accepts 10000"):
                await talk.send("x" * 10_001)
            await talk.send("x" * 9999)
            assert await anext(talk) == "x" * 9999
            await talk.aclose()

    run(main())


# --- the seam ---------------------------------------------------------------------------------------------------------


def test_a_channel_gives_items_as_they_came():
    async def main():
        async with paired(Service(), service=Streams, listen={"compression": "snappy"}) as pair:
            method = Streams.__callosum_service__.methods["tail"]
            items = pair.peer.route.session.open_stream(method, "", LONG.encode())
            assert isinstance(items, SessionStream)
            body = await items.receive()
            assert isinstance(body, PackedBody)
            assert body.unpack() == b"=" + LONG.encode()
            items.cancel()

    run(main())
