from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import callosum
from callosum import ConfigurationError, ConnectError, ConnectionLost, Outcome, PeerState, listening
from callosum.layers import lower_layer
from callosum.protocol import wire
from callosum.protocol.messages import Error, Hello, Offer, Ping, Request, Reset, ResetCode, Resumption, Welcome
from callosum.testing.faulty import Way
from tests.services import Agent, Echo, Handler, Raw, dialler, new_address, paired, run, settle, until


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "callosum")
    return caplog


# --- life -------------------------------------------------------------------------------------------------------------


def test_it_is_entered_once():
    async def main():
        server = callosum.listen(new_address(), {})
        async with server:
            with pytest.raises(ConfigurationError, match="was entered before"):
                await server.__aenter__()
        with pytest.raises(ConfigurationError, match="was entered before"):
            async with server:
                pass

    run(main())


def test_an_address_in_use_leaves_nothing_open():
    async def main():
        taken, free = new_address(), new_address()
        async with callosum.listen(taken, {}):
            with pytest.raises(ConnectError, match="another listener of this loop has the name"):
                async with callosum.listen([free, taken], {}):
                    pass
            async with callosum.listen(free, {}):
                pass

    run(main())


def test_port_0_is_resolved():
    async def main():
        server = callosum.listen("tcp://127.0.0.1:0", {Echo: Handler()})
        async with server:
            (address,) = server.addresses
            assert not address.endswith(":0")
            async with callosum.connect(address) as peer:
                assert await peer.stub(Echo).say("x") == "x"

    asyncio.run(main())


def test_leaving_finishes_what_runs():
    async def main():
        async def say(message):
            await asyncio.sleep(5)
            return message

        address = new_address()
        async with callosum.connect(address, connect_timeout=None) as peer:
            async with callosum.listen(address, {Echo: Handler(say=say)}):
                running = asyncio.create_task(peer.stub(Echo).say("x"))
                await asyncio.sleep(1)
            assert await running == "x"

    run(main())


def test_leaving_with_an_error_finishes_nothing():
    async def main():
        cancelled = []

        async def say(message):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                cancelled.append(message)
                raise

        address = new_address()
        async with callosum.connect(address, connect_timeout=None) as peer:
            running = asyncio.create_task(peer.stub(Echo).say("x"))
            with pytest.raises(LookupError):
                async with callosum.listen(address, {Echo: Handler(say=say)}):
                    await asyncio.sleep(1)
                    raise LookupError
            with pytest.raises(ConnectionLost) as caught:
                await running
            assert caught.value.outcome is Outcome.UNKNOWN
            assert cancelled == ["x"]

    run(main())


def test_leaving_that_is_cancelled_closes_all_the_same():
    async def main():
        address = new_address()

        async def forever(message):
            await asyncio.Event().wait()

        leave = asyncio.Event()

        async def serve():
            async with callosum.listen(address, {Echo: Handler(say=forever)}):
                await leave.wait()

        serving = asyncio.create_task(serve())
        await settle()
        async with callosum.connect(address) as peer:
            running = asyncio.create_task(peer.stub(Echo).say("x"))
            await settle()
            leave.set()
            await asyncio.sleep(1)
            serving.cancel()
            await settle(2)
            serving.cancel()
            await asyncio.wait({serving, running})
            assert serving.cancelled()
            assert isinstance(running.exception(), ConnectionLost)
            async with callosum.listen(address, {Echo: Handler()}):
                assert await peer.stub(Echo).say("the address is free") == "the address is free"

    run(main())


def test_a_drain_ends_with_the_grace_time():
    async def main():
        loop = asyncio.get_running_loop()

        async def forever(message):
            await asyncio.Event().wait()

        async with paired(Handler(say=forever), listen={"grace": 10.0}) as pair:
            running = asyncio.create_task(pair.echo.say("x"))
            await settle()
            begin = loop.time()
            await asyncio.gather(pair.server.drain(), pair.server.drain())
            assert loop.time() - begin == pytest.approx(10, abs=0.1)
            with pytest.raises(ConnectionLost):
                await running
            assert not pair.server.peers

    run(main())


def test_a_draining_listener_rejects_new_calls_and_lets_nested_ones_go():
    async def main():
        release = asyncio.Event()

        async def call(message):
            await release.wait()
            return await callosum.current_peer().stub(Agent).call(message)

        async def back(message):
            return await callosum.current_peer().stub(Echo).say(message)

        address = new_address()
        async with callosum.listen(address, {Echo: Handler(call=call)}) as server:
            client, _ = dialler(address, {Agent: Handler(call=back)}, connect_timeout=5.0)
            async with client as peer:
                running = asyncio.create_task(peer.stub(Echo).call("x"))
                await settle()
                session = peer.route.session
                draining = asyncio.create_task(server.drain())
                await settle()
                with pytest.raises(callosum.Unavailable) as caught:
                    await peer.stub(Echo).say("later")
                assert caught.value.outcome is Outcome.NOT_SENT, "it waited for a fresh session"
                assert server.counters["refused.draining"] > 1
                raw = await Raw.dial(address)
                raw.greet()
                await settle()
                assert raw.last(Reset).code is ResetCode.DRAINING
                release.set()
                assert await running == "x"
                await draining
                assert session.core.state.name == "ENDED"

    run(main())


def test_a_call_that_crosses_the_goaway_is_rejected():
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            draining = asyncio.create_task(pair.server.drain())
            await asyncio.sleep(0)
            raw.send(Request(1, "Echo/say", None, 0, b"x"))
            await settle()
            assert raw.last(Error).outcome is Outcome.REJECTED
            assert "draining: the endpoint is closing" in raw.last(Error).text
            raw.connection.close()
            await draining

    run(main())


def test_a_draining_listener_resumes_its_sessions():
    async def main():
        async def say(message):
            await asyncio.sleep(10)
            return message

        async with paired(Handler(say=say)) as pair:
            running = asyncio.create_task(pair.echo.say("x"))
            await settle()
            draining = asyncio.create_task(pair.server.drain())
            await settle()
            pair.links.links[0].cut()
            assert await running == "x"
            await draining
            assert pair.server.counters["resumed"] == 1

    run(main())


def test_abort_closes_everything_now():
    async def main():
        async def forever(message):
            await asyncio.Event().wait()

        async with paired(Handler(say=forever)) as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            running = asyncio.create_task(pair.echo.say("x"))
            await settle()
            await asyncio.gather(pair.server.abort(), pair.server.abort())
            with pytest.raises(ConnectionLost, match="the endpoint was closed"):
                await running
            assert raw.last(Reset).code is ResetCode.DRAINING
            await pair.server.drain()
            await pair.server.abort()
            assert asyncio.get_running_loop().time() < 5

    run(main())


# --- peers ------------------------------------------------------------------------------------------------------------


def test_the_view_of_peers_is_live():
    async def main():
        address = new_address()
        async with callosum.listen(address, {}) as server:
            peers = server.peers
            assert len(peers) == 0
            assert list(peers) == []
            async with callosum.connect(address, info={"n": 1}), callosum.connect(address, info={"n": 2}) as two:
                await until(lambda: len(peers) == 2)
                assert {peer.info["n"] for peer in peers} == {1, 2}
                one = next(iter(peers))
                assert one in peers
                assert two not in peers
                assert "x" not in peers
            await settle()
            assert len(peers) == 0

    run(main())


def test_a_connection_that_has_not_sent_its_offer_is_no_peer():
    async def main():
        async with callosum.listen(new_address(), {}) as server:
            raw = await Raw.dial(server.addresses[0])
            raw.greet()
            await settle()
            assert isinstance(raw.last(Welcome), Welcome)
            assert not server.peers
            assert server.counters["sessions"] == 0
            raw.send(Offer())
            await settle()
            assert len(server.peers) == 1
            raw.connection.close()

    run(main())


def test_accepted_yields_each_session_once():
    async def main():
        address = new_address()
        seen: list[Any] = []
        async with callosum.listen(address, {}) as server:

            def note(peer):
                seen.append(peer.info["n"])

            async def watch():
                async for peer in server.accepted():
                    note(peer)

            client, links = dialler(address, info={"n": 1})
            async with client:
                await until(lambda: len(server.peers) == 1)
                watching = asyncio.create_task(watch())
                await settle()
                assert seen == [1], "those that are open already come first"
                links.last.cut()
                await settle()
                async with callosum.connect(address, info={"n": 2}), callosum.connect(address, info={"n": 3}):
                    await until(lambda: len(seen) == 3)
                await asyncio.sleep(10)
            assert sorted(seen) == [1, 2, 3]
            assert not watching.done()
        await asyncio.wait_for(watching, 5)

    run(main())


def test_accepted_may_be_left():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}) as server, callosum.connect(address, {Agent: Handler()}):
            async for peer in server.accepted():
                assert await peer.stub(Agent).say("x") == "x"
                break
            await settle()
            assert not server._accepting
        async for _ in server.accepted():
            raise AssertionError("it is closed")

    run(main())


# --- serve_forever ----------------------------------------------------------------------------------------------------

SERVER = """
import asyncio, sys
import callosum
from tests.services import Echo, Handler

async def slow(message):
    print("started", flush=True)
    try:
        await asyncio.sleep(float(message))
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
    return "done"

async def main():
    async with callosum.listen("tcp://127.0.0.1:0", {Echo: Handler(call=slow)}) as server:
        print(server.addresses[0], flush=True)
        await server.serve_forever()
        print("returned", flush=True)
    print("left", flush=True)

asyncio.run(main())
"""


class Process:
    """A server in a process of its own."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
        self.address = self.line()
        return self

    def line(self):
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def in_a_thread(function):
    return asyncio.get_running_loop().run_in_executor(None, function)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_serve_forever_returns(number):
    async def main(server):
        async with callosum.connect(server.address) as peer:
            assert await peer.stub(Echo).say("x") == "x"
            running = asyncio.create_task(peer.stub(Echo).call("0.3"))
            assert await in_a_thread(server.line) == "started"
            server.process.send_signal(number)
            assert await running == "done"
        assert await in_a_thread(server.line) == "returned"
        assert await in_a_thread(server.line) == "left"
        assert await in_a_thread(lambda: server.process.wait(10)) == 0

    with Process() as server:
        asyncio.run(main(server))


def test_a_second_signal_aborts():
    async def main(server):
        async with callosum.connect(server.address) as peer:
            running = asyncio.create_task(peer.stub(Echo).call("1000"))
            assert await in_a_thread(server.line) == "started"
            server.process.send_signal(signal.SIGTERM)
            while peer.route.session.core.goaway is None and peer.state is PeerState.CONNECTED:
                await asyncio.sleep(0.01)
            assert not running.done()
            server.process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionLost) as caught:
                await running
            assert caught.value.outcome is Outcome.UNKNOWN
        assert await in_a_thread(server.line) == "cancelled"
        assert await in_a_thread(server.line) == "returned"
        assert await in_a_thread(server.line) == "left"
        assert await in_a_thread(lambda: server.process.wait(10)) == 0

    begin = time.monotonic()
    with Process() as server:
        asyncio.run(main(server))
    assert time.monotonic() - begin < 20


def test_serve_forever_off_the_main_thread_installs_no_handlers():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async def main():
        async with callosum.listen(new_address(), {Echo: Handler()}) as server:
            serving = asyncio.create_task(server.serve_forever())
            await settle()
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
            assert not serving.done()
            await server.abort()
            await asyncio.wait_for(serving, 5)

    failures: list[BaseException] = []

    def target():
        try:
            run(main())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join(30)
    assert not failures


def test_signals_are_given_back_however_serve_forever_ends():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    async def main():
        async with callosum.listen(new_address(), {Echo: Handler()}) as server:
            serving = asyncio.create_task(server.serve_forever())
            await settle()
            assert signal.getsignal(signal.SIGTERM) not in before
            serving.cancel()
            await settle()
            assert serving.cancelled()
            assert signal.getsignal(signal.SIGTERM) == before[1]
            assert server._drains_until is None, "nothing was drained"

    run(main())


# --- hostile connections ----------------------------------------------------------------------------------------------


def hostile(send):
    """What becomes of a connection that sends something, while an honest peer goes on."""

    async def main():
        async with paired() as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            send(raw)
            await asyncio.sleep(1)
            assert await pair.echo.say("others go on") == "others go on"
            assert len(pair.server.peers) == 1
            return raw, dict(pair.server.counters)

    return run(main())


def hello(**fields):
    values: dict[str, Any] = {
        "versions": (1,),
        "attempt": 1,
        "body_bytes": 1000,
        "codecs": (),
        "compressions": (),
        "heartbeat_ms": 2000,
        "window_calls": 10,
        "window_bytes": 1000,
    }
    return wire.encode([Hello(**(values | fields))])


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"\x01"],
        [b"GET / HTTP/1.1\r\n\r\n"],
        [bytes(1000)],
        [b"\xff" * 1000],
        [b"x"] * 100,
        [bytes([2]) + hello()[0][1:]],  # another version of the batch
        [hello()[0] + b"more"],
        [hello()[0][:-1]],
        hello(versions=(9,)),
    ],
)
def test_garbage_is_answered_counted_and_logged_once(frames, log):
    raw, counters = hostile(lambda raw: raw.send_bytes(*frames))
    assert raw.last(Reset).code is ResetCode.PROTOCOL
    assert raw.reason is not None
    assert counters["refused.protocol"] == 1
    assert log.text.count("refusing a connection from") == 1


@pytest.mark.parametrize("message", [Ping(1), Offer(), Request(1, "Echo/say", None, 0, b"x")])
def test_a_first_record_that_is_no_hello(message, log):
    raw, counters = hostile(lambda raw: raw.connection.send(wire.encode([message])))
    assert raw.last(Reset).code is ResetCode.NO_SESSION
    assert counters["refused.no_session"] == 1
    assert log.text.count("refusing a connection from") == 1


def test_an_empty_batch_is_no_hello():
    raw, counters = hostile(lambda raw: raw.connection.send(wire.encode([])))
    assert raw.last(Reset).code is ResetCode.NO_SESSION
    assert counters["refused.no_session"] == 1


def test_a_hello_with_company_in_its_batch():
    raw, counters = hostile(lambda raw: raw.connection.send(wire.encode([Ping(1), Ping(2)])))
    assert raw.last(Reset).code is ResetCode.NO_SESSION
    assert counters["connections"] == 2


def test_a_second_hello_in_an_open_session(log):
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            assert len(pair.server.peers) == 2
            raw.greet(attempt=2)
            await settle()
            assert raw.last(Reset).code is ResetCode.PROTOCOL
            assert len(pair.server.peers) == 1
            assert pair.server.counters["refused.protocol"] == 1
            assert await pair.echo.say("x") == "x"

    run(main())
    assert log.text.count("is closed: ") == 1


def test_no_hello_in_time(log):
    async def main():
        async with paired() as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            gone = await Raw.dial(pair.server.addresses[0])
            await settle()
            gone.connection.close()
            await asyncio.sleep(listening.HANDSHAKE_TIMEOUT - 0.5)
            assert raw.reason is None
            await asyncio.sleep(1)
            assert raw.last(Reset) == Reset(ResetCode.NO_SESSION, "no HELLO in time")
            assert raw.reason is not None
            assert not gone.messages
            assert not pair.server._greetings
            assert pair.server.counters["refused.no_session"] == 1
            assert await pair.echo.say("x") == "x"

    run(main())
    assert log.text.count("refusing a connection from") == 1


def test_no_offer_in_time():
    async def main():
        async with paired() as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            raw.greet(heartbeat_ms=60_000)
            await asyncio.sleep(4)
            raw.connection.send(wire.encode([], 1, 1))  # life, but no OFFER
            await asyncio.sleep(2)
            assert raw.last(Reset).code is ResetCode.PROTOCOL
            assert raw.last(Reset).text == "no OFFER in time"
            assert len(pair.server._sessions) == 1
            assert not pair.server._openings

    run(main())


def test_a_connection_that_breaks_before_its_offer_leaves_nothing():
    async def main():
        async with paired() as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            raw.greet()
            await settle()
            assert len(pair.server._sessions) == 2
            raw.connection.close()
            await settle()
            assert len(pair.server._sessions) == 1
            assert not pair.server._openings

    run(main())


@pytest.mark.parametrize("says_hello", [False, True])
def test_half_open_connections_are_bounded(says_hello, monkeypatch, log):
    monkeypatch.setattr(listening, "MAX_GREETINGS", 20)

    async def main():
        async with paired() as pair:
            raws = [await Raw.dial(pair.server.addresses[0]) for _ in range(50)]
            await settle()
            for raw in raws:
                if says_hello:
                    raw.greet()
            await settle()
            assert len([raw for raw in raws if raw.reason is None]) == 20
            assert pair.server.counters["refused.greetings"] == 30
            assert await pair.echo.say("x") == "x"
            await asyncio.sleep(6)
            assert all(raw.reason is not None for raw in raws)
            async with callosum.connect(pair.server.addresses[0]) as peer:
                assert await peer.stub(Echo).say("x") == "x"

    run(main())
    assert log.text.count("half-open") >= 1


def test_sessions_are_bounded(monkeypatch):
    monkeypatch.setattr(listening, "MAX_SESSIONS", 3)

    async def main():
        async with paired() as pair:
            address = pair.server.addresses[0]
            raws = [await Raw.opened(address) for _ in range(2)]
            late = await Raw.dial(address)
            late.greet()
            await settle()
            assert late.last(Reset).code is ResetCode.DRAINING
            assert pair.server.counters["refused.draining"] == 1
            for raw in raws:
                raw.connection.close()
                await asyncio.sleep(1)
            first, second = [p for p in pair.server.peers if p.state is PeerState.DETACHED]
            again = await Raw.opened(address)
            assert len(pair.server.peers) == 3
            assert first.state is PeerState.CLOSED, "who was detached first makes room"
            assert second.state is PeerState.DETACHED
            assert await pair.echo.say("x") == "x"
            again.connection.close()

    run(main())


# --- resuming ---------------------------------------------------------------------------------------------------------


async def named(pair):
    """A raw connection's open session, and what names it."""
    raw = await Raw.opened(pair.server.addresses[0])
    welcome = raw.last(Welcome)
    return raw, welcome


def test_a_newer_connection_takes_over_one_that_only_seems_alive(monkeypatch):
    async def main():
        async with paired() as pair:
            pair.links.last.swallow(Way.IN)
            monkeypatch.setattr(pair.links.last._inner, "close", lambda linger=0.0: None)  # nobody hears of its end
            caller = pair.caller
            states = set()
            waiting = asyncio.create_task(pair.echo.say("x"))
            while not waiting.done():
                states.add(caller.state)
                await asyncio.sleep(0.01)
            assert await waiting == "x"
            assert states == {PeerState.CONNECTED}, "it was never noticed there"
            assert pair.caller is caller
            assert pair.server.counters["resumed"] == pair.client.counters["resumed"] == 1
            assert pair.server.counters["calls"] == 1

    run(main())


def test_the_old_connection_is_told_that_it_is_stale():
    async def main():
        async with paired() as pair:
            raw, welcome = await named(pair)
            newer = await Raw.dial(pair.server.addresses[0])
            newer.greet(2, Resumption(welcome.session, welcome.token, raw.expected))
            await settle()
            assert raw.last(Reset).code is ResetCode.STALE
            assert raw.reason is not None
            assert newer.last(Welcome).resumed
            assert newer.last(Welcome).session == welcome.session
            assert pair.server.counters["resumed"] == 1
            newer.seq = 2
            newer.send(Request(1, "Echo/say", None, 0, b"x"))
            await settle()
            assert [type(m).__name__ for m in newer.messages] == ["Welcome", "Reply"]
            newer.connection.close()

    run(main())


@pytest.mark.parametrize("attempt", [0, 1])
def test_an_attempt_that_is_not_the_newest_is_refused(attempt):
    async def main():
        async with paired() as pair:
            raw, welcome = await named(pair)
            older = await Raw.dial(pair.server.addresses[0])
            older.greet(attempt, Resumption(welcome.session, welcome.token, 1))
            await settle()
            assert older.last(Reset).code is ResetCode.STALE
            assert pair.server.counters["refused.stale"] == 1
            assert raw.reason is None
            assert len(pair.server.peers) == 2
            raw.connection.close()

    run(main())


def test_a_wrong_token_is_treated_as_fresh_and_logged(log):
    async def main():
        async with paired() as pair:
            raw, welcome = await named(pair)
            stranger = await Raw.dial(pair.server.addresses[0])
            stranger.greet(2, Resumption(welcome.session, bytes(16), 1))
            await settle()
            answer = stranger.last(Welcome)
            assert not answer.resumed
            assert answer.session != welcome.session
            assert raw.reason is None, "the session that it named is untouched"
            assert pair.server.counters["refused.token"] == 1
            gives_up = await Raw.dial(pair.server.addresses[0])
            gives_up.greet(2, Resumption(welcome.session, bytes(16), None))
            await settle()
            assert raw.reason is None
            for one in (raw, stranger, gives_up):
                one.connection.close()

    run(main())
    assert log.text.count("with a wrong token") == 2
    assert "token=" not in log.text


def test_an_unknown_session_is_treated_as_fresh():
    async def main():
        async with paired() as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            raw.greet(2, Resumption(999, bytes(16), 1))
            await settle()
            assert not raw.last(Welcome).resumed
            raw.connection.close()

    run(main())


@pytest.mark.parametrize("received", [0, 50])
def test_a_position_from_which_cannot_be_resumed_leaves_the_session_alone(received):
    async def main():
        async with paired() as pair:
            raw, welcome = await named(pair)
            liar = await Raw.dial(pair.server.addresses[0])
            liar.greet(2, Resumption(welcome.session, welcome.token, received))
            await settle()
            assert liar.last(Reset).code is ResetCode.PROTOCOL
            assert raw.reason is None
            assert len(pair.server.peers) == 2
            raw.connection.close()

    run(main())


def test_a_session_whose_owner_gives_it_up_ends_at_once():
    async def main():
        async with paired() as pair:
            raw, welcome = await named(pair)
            fresh = await Raw.dial(pair.server.addresses[0])
            fresh.greet(1, Resumption(welcome.session, welcome.token, None))
            await settle()
            assert raw.reason is not None
            assert not fresh.last(Welcome).resumed
            assert len(pair.server.peers) == 1
            fresh.connection.close()

    run(main())


def test_a_session_that_is_only_opening_cannot_be_resumed():
    async def main():
        async with paired() as pair:
            raw = await Raw.dial(pair.server.addresses[0])
            raw.greet()
            await settle()
            welcome = raw.last(Welcome)
            other = await Raw.dial(pair.server.addresses[0])
            other.greet(2, Resumption(welcome.session, welcome.token, 1))
            await settle()
            assert not other.last(Welcome).resumed
            for one in (raw, other):
                one.connection.close()

    run(main())


def test_a_connection_that_comes_while_it_closes_is_refused():
    async def main():
        address = new_address()
        server = callosum.listen(address, {})
        async with server:
            connector = lower_layer(address).connector(address, None)
            raw = Raw(await connector.connect(1))
            server._closed.set()
            await settle()
            assert raw.reason is not None
            assert not raw.messages
            server._closed.clear()

    run(main())


def test_a_cancellation_while_it_closes_does_not_leave_it_half_done():
    async def main():
        address = new_address()
        ended = []

        async def say(message):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                ended.append(message)

        async def serve():
            async with callosum.listen(address, {Echo: Handler(say=say)}):
                await asyncio.Event().wait()

        serving = asyncio.create_task(serve())
        await settle()
        async with callosum.connect(address) as peer:
            calling = asyncio.create_task(peer.stub(Echo).say("x"))
            await settle()
            serving.cancel()
            await asyncio.sleep(0.5)
            serving.cancel()
            await asyncio.wait({serving, calling})
            assert serving.cancelled()
            assert ended == ["x"]
            async with callosum.listen(address, {}):
                pass

    run(main())
