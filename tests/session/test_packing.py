"""What is compressed, where and with what; and what becomes of bodies that cannot be decompressed."""

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
from callosum.protocol.calls import OutgoingCall
from callosum.protocol.messages import ITEMS_FOLLOW, Error, Reply, Request, Welcome
from callosum.protocol.stream import StreamingCall
from callosum.session.counters import Counters
from callosum.session.packing import Packing
from tests.services import Agent, Echo, Handler, Raw, Refusal, Streams, dialler, new_address, paired, run, settle, until

MIB = 1 << 20
LONG = "a text that shrinks, " * 500
NOISE = random.Random(1).randbytes(6000).hex()  # to a half
NAMES = pytest.mark.parametrize("name", ["snappy", "zstd"])
BOTH = ("snappy", "zstd")


def counted(endpoint: Any) -> tuple[int, int]:
    return endpoint.counters["compressed.before"], endpoint.counters["compressed.after"]


def packed(text: str, kind: int) -> bytes:
    body, used = compress(text.encode(), kind)
    assert used == kind
    return bytes(body)


async def opened(pair: Any, compressions: tuple[str, ...] = BOTH) -> Raw:
    return await Raw.opened(pair.server.addresses[0], compressions=compressions)


def answer(raw: Raw, reply: Reply) -> str:
    body = decompress(reply.body, reply.compression, MIB) if reply.compression else bytes(reply.body)
    return body.decode().removeprefix("=")


# --- where it is asked for --------------------------------------------------------------------------------------------


def test_without_being_asked_nothing_is_compressed():
    async def main():
        async with paired(Handler()) as pair:
            assert await pair.echo.say(LONG) == LONG
            assert counted(pair.client) == counted(pair.server) == (0, 0)

    run(main())


@NAMES
def test_of_the_connecting_endpoint_both_ways(name):
    async def main():
        async with paired(Handler(), compression=name) as pair:
            assert await pair.echo.say(LONG) == LONG
            (before, after), (reply_before, reply_after) = counted(pair.client), counted(pair.server)
            assert (before, reply_before) == (len(LONG), len(LONG) + 1)
            assert 0 < after < before / 10
            assert 0 < reply_after < reply_before / 10
            assert await pair.agent.say(LONG) == LONG, "its results, although nobody asked"
            assert counted(pair.client) == (2 * before + 1, pytest.approx(2 * after, abs=10))
            assert counted(pair.server) == (reply_before, reply_after), (
                "the server does not compress what it calls with"
            )

    run(main())


def test_of_the_listening_endpoint_its_results_and_the_calls_of_its_peers():
    async def main():
        async with paired(Handler(), agent=Handler(), listen={"compression": "zstd"}) as pair:
            assert await pair.echo.say(LONG) == LONG
            assert counted(pair.client) == (0, 0)
            assert counted(pair.server)[0] == len(LONG) + 1
            assert await pair.agent.say(LONG) == LONG
            assert counted(pair.server)[0] == 2 * len(LONG) + 1
            assert counted(pair.client)[0] == len(LONG) + 1, "it was asked to"

    run(main())


def test_of_a_stub_and_of_a_call():
    async def main():
        async with paired(Handler()) as pair:
            stub = pair.peer.stub(Echo, compression="zstd")
            assert await stub.say(LONG) == LONG
            zstd = counted(pair.client)
            assert await stub.with_options(compression="snappy").say(LONG) == LONG
            both = counted(pair.client)
            assert zstd[0] * 2 == both[0]
            assert both[1] - zstd[1] > zstd[1], "zstd is the smaller one"
            assert await stub.with_options(key="k").say(LONG) == LONG, "what is not given stays"
            assert counted(pair.client)[0] == 3 * len(LONG)
            assert await stub.with_options(compression="none").say(LONG) == LONG
            assert counted(pair.client)[0] == 3 * len(LONG)

    run(main())


def test_a_stub_that_switches_it_off():
    async def main():
        async with paired(Handler(), compression="snappy") as pair:
            assert await pair.peer.stub(Echo, compression="none").say(LONG) == LONG
            assert await pair.echo.with_options(compression="none").say(LONG) == LONG
            assert counted(pair.client) == counted(pair.server) == (0, 0)

    run(main())


@pytest.mark.parametrize("where", ["listen", "connect", "stub", "with_options"])
def test_a_wrong_option_is_an_error_at_once(where):
    async def main():
        async with paired() as pair:
            with pytest.raises(callosum.ConfigurationError, match="gzip"):
                if where == "listen":
                    callosum.listen(new_address(), {}, compression="gzip")
                elif where == "connect":
                    callosum.connect(new_address(), compression="gzip")
                elif where == "stub":
                    pair.peer.stub(Echo, compression="gzip")
                else:
                    pair.echo.with_options(compression="gzip")

    run(main())


# --- what the other side can ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["listen", "connect"])
def test_where_the_other_side_cannot_bodies_travel_plain(side):
    async def main():
        off: dict[str, Any] = {"compression": "none"}
        async with paired(
            Handler(), agent=Handler(), listen=off if side == "listen" else {"compression": "snappy"},
            **(off if side == "connect" else {"compression": "snappy"}),
        ) as pair:  # fmt: skip
            for stub in (pair.echo, pair.agent):
                assert await stub.say(LONG) == LONG
                assert await stub.with_options(compression="zstd").say(LONG) == LONG
            assert counted(pair.client) == counted(pair.server) == (0, 0)

    run(main())


def test_both_say_in_the_handshake_what_they_decompress():
    async def main():
        async with paired() as pair:
            assert pair.caller.route.session.core.compressions == BOTH
            raw = await opened(pair)
            assert raw.last(Welcome).compressions == BOTH

    run(main())


@pytest.mark.parametrize(
    ("own", "decompresses", "asks", "used"),
    [
        (None, BOTH, "", 0),
        (None, BOTH, "snappy", SNAPPY),
        (None, BOTH, "brotli", 0),
        ("snappy", BOTH, "", SNAPPY),
        ("snappy", BOTH, "zstd", ZSTD),
        ("snappy", BOTH, "none", SNAPPY),
        ("snappy", ("snappy",), "zstd", SNAPPY),
        ("snappy", ("zstd",), "", 0),
        ("snappy", ("lz4",), "lz4", 0),
        ("none", BOTH, "zstd", 0),
    ],
)
def test_what_a_reply_is_compressed_with(own, decompresses, asks, used):
    """As its caller asked, else as the endpoint says; only what the caller's side decompresses."""

    async def main():
        async with paired(Handler(), listen={"compression": own}) as pair:
            raw = await opened(pair, decompresses)
            raw.send(Request(1, "Echo/say", None, 0, LONG.encode(), reply_compression=asks))
            await settle()
            reply = raw.last(Reply)
            assert reply.compression == used
            assert answer(raw, reply) == LONG

    run(main())


def test_what_is_short_or_does_not_shrink_travels_plain():
    async def main():
        async with paired(Handler(), compression="snappy") as pair:
            assert await pair.echo.say("x" * 511) == "x" * 511
            assert counted(pair.client) == counted(pair.server) == (0, 0), "512 bytes with the result's own"
            assert await pair.echo.say("x" * 512) == "x" * 512
            assert (counted(pair.client)[0], counted(pair.server)[0]) == (0, 513)
            assert await pair.echo.say("x" * 513) == "x" * 513
            assert (counted(pair.client)[0], counted(pair.server)[0]) == (513, 513 + 514)
            early = Compression("snappy", threshold=100)
            assert await pair.echo.with_options(compression=early).say("x" * 101) == "x" * 101
            assert counted(pair.client)[0] == 513 + 101
            noise = "".join(map(chr, random.Random(1).sample(range(128, 0x800), 1000)))
            before = counted(pair.client), counted(pair.server)
            assert await pair.echo.say(noise) == noise
            assert (counted(pair.client), counted(pair.server)) == before

    run(main())


def test_the_threshold_of_the_endpoint_is_that_of_its_results():
    async def main():
        async with paired(Handler(), listen={"compression": Compression("snappy", threshold=50)}) as pair:
            assert await pair.echo.say("x" * 51) == "x" * 51
            assert counted(pair.server)[0] == 52

    run(main())


# --- kinds of calls ---------------------------------------------------------------------------------------------------


def test_a_oneway_keys_metadata_deadlines_exceptions_and_nested_calls():
    async def say(message):
        call = callosum.current_call()
        assert (call.key, call.metadata) == ("k", {"a": "b"})
        assert await callosum.current_peer().stub(Agent, compression="zstd").say(message) == message
        raise Refusal(message)

    async def main():
        handler = Handler(say=say)
        async with paired(handler, agent=Handler(), compression="snappy") as pair:
            await pair.echo.poke(LONG)
            await until(lambda: handler.poked)
            assert handler.poked == [LONG]
            assert counted(pair.client)[0] == len(LONG)
            stub = pair.echo.with_options(key="k", metadata={"a": "b"}, timeout=5)
            with pytest.raises(Refusal) as caught:
                await stub.say(LONG)
            assert caught.value.reason == LONG
            assert counted(pair.client)[0] == 3 * len(LONG) + 1, "with the result of the nested call"
            assert counted(pair.server)[0] == 2 * len(LONG) + 1, "the nested call, and the exception"

    run(main())


class Joining:
    """Serves `Streams`: what was said, and how many items came."""

    async def tail(self, message: str) -> AsyncIterator[str]:
        yield message

    async def join(self, message: str, items: AsyncIterator[str]) -> str:
        return message + "".join([item async for item in items])

    async def talk(self, items: AsyncIterator[str]) -> AsyncIterator[str]:
        async for item in items:
            yield item

    async def say(self, message: str) -> str:
        return message


async def few() -> AsyncIterator[str]:
    yield "a"
    yield "b"


@pytest.mark.parametrize("side", ["listen", "connect"])
def test_the_arguments_and_the_result_of_a_call_that_streams(side):
    async def main():
        address = new_address()
        options: dict[str, Any] = {"compression": "zstd"}
        async with callosum.listen(address, {Streams: Joining()}, **(options if side == "listen" else {})) as server:
            client, _ = dialler(address, **(options if side == "connect" else {}))
            async with client as peer:
                assert await peer.stub(Streams).join(LONG, few()) == LONG + "ab"
                assert counted(client)[0] == (len(LONG) if side == "connect" else 0)
                assert counted(server)[0] == len(LONG) + 3
                async for item in peer.stub(Streams, compression="snappy").tail(LONG):
                    assert item == LONG
                assert counted(client)[0] == len(LONG) * (2 if side == "connect" else 1)

    run(main())


def test_a_result_of_a_call_that_streams_that_cannot_be_decompressed(monkeypatch):
    async def main():
        async with callosum.listen(new_address(), {Streams: Joining()}) as server:
            client, _ = dialler(server.addresses[0])
            async with client as peer:
                monkeypatch.setattr(Packing, "pack_reply", lambda *_: CORRUPT["cut"])
                with pytest.raises(DecodeError) as caught:
                    await peer.stub(Streams).join(LONG, few())
                assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_a_call_that_streams_is_made_again_elsewhere_as_it_was():
    call = StreamingCall("m", ITEMS_FOLLOW, b"packed", reply_compression="zstd")
    call.begin()
    call.compression = ZSTD
    twin = call.twin()
    assert (twin.compression, twin.reply_compression) == (ZSTD, "zstd")


def test_with_interceptors_which_may_choose():
    async def choose(call, following):
        seen.append(call.compression)
        if len(seen) == 2:
            call.compression = "zstd"
        if len(seen) == 3:
            call.compression = "gzip"
        return await following(call)

    seen: list[Any] = []

    async def main():
        async with paired(Handler(), interceptors=[choose], compression="snappy") as pair:
            assert await pair.echo.say(LONG) == LONG
            snappy = counted(pair.client)
            assert await pair.echo.say(LONG) == LONG
            assert 0 < counted(pair.client)[1] - snappy[1] < snappy[1]
            with pytest.raises(callosum.ConfigurationError, match="gzip"):
                await pair.echo.say(LONG)
            assert seen == [Compression("snappy")] * 3

    run(main())


@NAMES
def test_bodies_in_fragments(name):
    text = NOISE * 500  # 6 MB, to half of it

    async def main():
        async with paired(Handler(), compression=name) as pair:
            texts = [f"{index} {random.Random(index).randbytes(2 * MIB).hex()}" for index in range(2)]
            assert await asyncio.gather(*(pair.echo.say(text) for text in texts)) == texts
            assert counted(pair.client)[1] > 2 * 2 * MIB, "each travels in several"
            assert await pair.echo.say(text) == text

    run(main())


def test_a_session_that_resumes_goes_on_with_it():
    async def main():
        async with paired(Handler(), compression="zstd") as pair:
            for stalled in (False, True, False):
                if stalled:
                    pair.links.last.stall()  # what is sent is lost, and sent again as it was
                calls = [asyncio.create_task(pair.echo.say(f"{n} {LONG}")) for n in range(10)]
                await settle(3)
                await pair.cut()
                assert await asyncio.gather(*calls) == [f"{n} {LONG}" for n in range(10)]
            assert pair.client.counters["resumed"] >= 2
            assert pair.client.counters["sessions"] == 1
            assert counted(pair.client)[0] == counted(pair.server)[0] - 30

    run(main())


def test_what_is_called_before_the_session_is_open_travels_plain_and_its_reply_does_not():
    async def main():
        async with callosum.listen(new_address(), {Echo: Handler()}) as server:
            client, _ = dialler(server.addresses[0], connect_timeout=None, compression="snappy")
            async with client as peer:
                assert await peer.stub(Echo).say(LONG) == LONG
                assert counted(client) == (0, 0)
                assert counted(server)[0] == len(LONG) + 1

    run(main())


def test_calls_that_go_on_another_session_go_plain():
    """The listener was restarted, and decompresses nothing any more."""

    async def main():
        address = new_address()
        server = callosum.listen(address, {Echo: Handler()})
        await server.__aenter__()
        client, links = dialler(address, compression="zstd")
        async with client as peer:
            echo = peer.stub(Echo)
            assert await echo.say(LONG) == LONG
            once = counted(client)
            links.down = True
            links.last.cut()
            await settle()
            calls = [asyncio.create_task(echo.say(f"{n} {LONG}")) for n in range(3)]
            await settle()
            assert counted(client)[0] > 3 * once[0], "they are compressed, and wait"
            await server.abort()
            await server.__aexit__(None, None, None)
            async with callosum.listen(address, {Echo: Handler()}, compression="none") as server:
                links.down = False
                assert await asyncio.gather(*calls) == [f"{n} {LONG}" for n in range(3)]
                assert counted(server) == (0, 0)
                assert server.counters["calls"] == 3

    run(main())


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_plain_body_is_what_must_not_be_too_large():
    async def main():
        limits = Limits(body_bytes=10_000)
        handler = Handler()
        async with paired(handler, listen={"limits": limits}, compression="zstd") as pair:
            with pytest.raises(ResourceExhausted, match="accepts 10000") as caught:
                await pair.echo.say("x" * 10_001)
            assert caught.value.outcome is Outcome.NOT_SENT
            with pytest.raises(ResourceExhausted, match="the result takes 10001 bytes") as caught:
                await pair.echo.say("x" * 10_000)
            assert caught.value.outcome is Outcome.EXECUTED
            assert await pair.echo.say("x" * 9999) == "x" * 9999

    run(main())


CORRUPT = {
    "bomb": (packed("x" * MIB, ZSTD), ZSTD),
    "bomb-snappy": (packed("x" * MIB, SNAPPY), SNAPPY),
    "lying": (packed(LONG, SNAPPY).replace(packed(LONG, SNAPPY)[:2], b"\xff\x7f", 1), SNAPPY),
    "cut": (packed(LONG, ZSTD)[:-1], ZSTD),
    "no-snappy": (b"\xff" * 100, SNAPPY),
    "another": (packed(LONG, SNAPPY), ZSTD),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_arguments_that_cannot_be_decompressed_end_their_call_alone(name):
    body, kind = CORRUPT[name]
    ran = []

    async def say(message):
        ran.append(message)
        return message

    async def main():
        async with paired(Handler(say=say), listen={"limits": Limits(body_bytes=100_000)}) as pair:
            raw = await opened(pair)
            raw.send(
                Request(1, "Echo/say", None, 0, b"before"),
                Request(3, "Echo/say", None, 0, body, compression=kind),
                Request(5, "Echo/say", None, 0, packed(LONG, ZSTD), compression=ZSTD),
                Request(7, "Echo/poke", None, 1, body, compression=kind),
            )
            await settle()
            error = raw.last(Error)
            assert (error.id, error.code, error.outcome) == (3, Code.INVALID_ARGUMENT, Outcome.REJECTED)
            assert ran == ["before", LONG]
            assert pair.server.counters["refused.invalid_argument"] == 2
            assert await pair.echo.say("x") == "x"

    run(main())


def test_arguments_in_what_was_not_offered():
    async def main():
        async with paired(Handler(), listen={"compression": "none"}) as pair:
            raw = await opened(pair)
            assert raw.last(Welcome).compressions == ()
            raw.send(Request(1, "Echo/say", None, 0, packed(LONG, SNAPPY), compression=SNAPPY))
            await settle()
            error = raw.last(Error)
            assert (error.code, error.outcome) == (Code.INVALID_ARGUMENT, Outcome.REJECTED)
            assert "did not offer" in error.text

    run(main())


def test_a_result_in_what_was_not_offered(monkeypatch):
    async def main():
        async with paired(Handler(), compression="none") as pair:
            assert await pair.echo.say(LONG) == LONG
            monkeypatch.setattr(Packing, "pack_reply", lambda *_: (packed(LONG, SNAPPY), SNAPPY))
            with pytest.raises(DecodeError, match="did not offer") as caught:
                await pair.echo.say(LONG)
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


@pytest.mark.parametrize("name", CORRUPT)
def test_a_result_that_cannot_be_decompressed_ends_its_call_alone(name, monkeypatch):
    async def main():
        async with paired(Handler(), limits=Limits(body_bytes=100_000), compression="zstd") as pair:
            for stub in (pair.echo, pair.peer.stub(Echo)):
                with monkeypatch.context() as patch:
                    patch.setattr(Packing, "pack_reply", lambda *_: CORRUPT[name])
                    with pytest.raises(DecodeError, match="snappy|zstd") as caught:
                        await stub.say(LONG)
                    assert caught.value.outcome is Outcome.EXECUTED
                assert await stub.say(LONG) == LONG
            assert pair.client.counters["sessions"] == 1

    run(main())


def test_a_result_that_cannot_be_decompressed_behind_interceptors(monkeypatch):
    async def pass_on(call, following):
        return await following(call)

    async def main():
        async with paired(Handler(), interceptors=[pass_on], compression="zstd") as pair:
            monkeypatch.setattr(Packing, "pack_reply", lambda *_: CORRUPT["cut"])
            with pytest.raises(DecodeError) as caught:
                await pair.echo.say(LONG)
            assert caught.value.outcome is Outcome.EXECUTED

    run(main())


def test_a_bomb_takes_no_memory():
    """64 bombs of 32 MiB where 1 MiB is the most: nothing is taken for any."""
    bomb = packed("x" * (32 * MIB), ZSTD)
    assert len(bomb) < 10_000

    async def main():
        async with paired(Handler(), listen={"limits": Limits(body_bytes=MIB)}) as pair:
            raw = await opened(pair)
            tracemalloc.start()
            for number in range(64):
                raw.send(Request(2 * number + 1, "Echo/say", None, 0, bomb, compression=ZSTD))
            await until(lambda: sum(isinstance(message, Error) for message in raw.messages) == 64)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 4 * MIB, f"{peak} bytes were taken"

    run(main())


def test_calls_that_wait_stay_compressed():
    """200 of 1 MiB wait for one handler: together they take less than two of them."""
    text = "x" * MIB
    gate = asyncio.Event()

    async def say(message):
        await gate.wait()
        return message[:10]

    async def main():
        async with paired(Handler(say=say), listen={"max_concurrency": 1}, compression="zstd") as pair:
            tracemalloc.start()
            calls = [asyncio.create_task(pair.echo.say(text)) for _ in range(200)]
            await until(lambda: pair.server.counters["calls"] == 200)
            await settle()
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            gate.set()
            assert await asyncio.gather(*calls) == ["x" * 10] * 200
            assert held < 8 * MIB, f"{held} bytes are held"

    run(main())


def test_what_is_decompressed_for_running_handlers_is_bounded():
    gate = asyncio.Event()

    async def say(message):
        await gate.wait()
        return str(len(message))

    async def main():
        limits = Limits(unpacked_bytes=50_000)
        async with paired(Handler(say=say), listen={"limits": limits}, compression="zstd") as pair:
            large = asyncio.create_task(pair.echo.say("x" * 200_000))
            await settle()
            with pytest.raises(ResourceExhausted, match="200000 bytes are held already; 50000") as caught:
                await pair.echo.say("x" * 1000)
            assert caught.value.outcome is Outcome.REJECTED
            plain = asyncio.create_task(pair.echo.say("x" * 100))
            await settle()
            gate.set()
            assert await asyncio.gather(large, plain) == ["200000", "100"]
            assert await asyncio.gather(*(pair.echo.say("x" * 25_000) for _ in range(2))) == ["25000"] * 2
            assert pair.server.counters["refused.resource_exhausted"] == 1

    run(main())


def test_a_handler_that_is_cancelled_gives_its_room_back():
    async def say(message):
        await asyncio.sleep(100)

    async def main():
        limits = Limits(unpacked_bytes=1)
        async with paired(Handler(say=say), listen={"limits": limits}, compression="zstd") as pair:
            for _ in range(3):
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.with_options(timeout=1).say(LONG)
                await settle()
            assert await pair.echo.call(LONG) == LONG

    run(main())


# --- by itself --------------------------------------------------------------------------------------------------------


def test_a_packing_before_the_session_is_open():
    packing = Packing(Compression("snappy"), Limits(), Counters())
    call = OutgoingCall("m", 0, LONG.encode())
    packing.pack_request(call, Compression("zstd"))
    assert (call.compression, call.reply_compression) == (0, "zstd")
    assert packing.pack_reply(LONG.encode(), Request(1, "m", None, 0, b"")) == (LONG.encode(), 0)
    packing.unpack_request(call)
    assert call.body == LONG.encode()


def test_a_call_that_was_compressed_is_made_plain_again():
    packing = Packing(None, Limits(), Counters())
    packing.open(["zstd"])
    call = OutgoingCall("m", 0, LONG.encode())
    packing.pack_request(call, Compression("zstd"))
    assert call.compression == ZSTD
    packing.unpack_request(call)
    assert (call.body, call.compression, call.reply_compression) == (LONG.encode(), 0, "zstd")


def test_the_channel_gives_a_reply_as_it_came():
    async def main():
        async with paired(Handler(), listen={"compression": "snappy"}) as pair:
            method = Echo.__callosum_service__.methods["say"]
            body = await pair.peer.route.session.call(method, "", LONG.encode())
            assert isinstance(body, PackedBody)
            assert body.unpack() == b"=" + LONG.encode()
            with pytest.raises(InvalidArgument):
                await pair.peer.route.session.call(method, "", b"\xff")

    run(main())
