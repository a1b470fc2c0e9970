from __future__ import annotations

import asyncio
import logging

import pytest

import callosum
from callosum import AuthenticationError, ConfigurationError, ConnectError, ConnectionLost, Outcome, PeerState
from callosum.connecting import Order
from callosum.errors import ProtocolError
from callosum.lower.memory import MemoryConnector
from callosum.protocol.messages import GoAway, Request, Reset, ResetCode
from tests.services import Agent, Echo, Handler, Raw, dialler, new_address, paired, run, settle, until

# --- entering ---------------------------------------------------------------------------------------------------------


def test_nobody_answers():
    async def main():
        address = new_address()
        with pytest.raises(ConnectError, match=rf"no session with {address} within 3 s: nobody listens at") as caught:
            async with callosum.connect(address, connect_timeout=3.0):
                pass
        assert isinstance(caught.value, ConnectionError)
        assert caught.value.outcome is Outcome.NOT_SENT
        assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.5)

    run(main())


def test_somebody_answers_later():
    async def main():
        address = new_address()

        async def serve():
            await asyncio.sleep(4)
            async with callosum.listen(address, {Echo: Handler()}):
                await asyncio.sleep(10)

        serving = asyncio.create_task(serve())
        async with callosum.connect(address) as peer:
            assert await peer.stub(Echo).say("x") == "x"
            assert asyncio.get_running_loop().time() < 10
        await serving

    run(main())


def test_without_a_connect_timeout_it_enters_at_once():
    async def main():
        address = new_address()
        async with callosum.connect(address, connect_timeout=None) as peer:
            assert asyncio.get_running_loop().time() == 0
            task = asyncio.create_task(peer.stub(Echo).say("x"))
            await asyncio.sleep(10_000)
            assert not task.done(), "with neither a deadline nor a connect_timeout a call waits for ever"
            async with callosum.listen(address, {Echo: Handler()}):
                assert await task == "x"

    run(main())


def test_it_is_entered_once():
    async def main():
        address = new_address()
        async with callosum.listen(address, {}):
            client = callosum.connect(address)
            async with client:
                with pytest.raises(ConfigurationError, match="was entered before"):
                    await client.__aenter__()
            with pytest.raises(ConfigurationError, match="was entered before"):
                async with client:
                    pass

    run(main())


def test_entering_can_be_cancelled():
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), callosum.connect(new_address()):
                pass

    run(main())


class Broken(MemoryConnector):
    def __init__(self, *errors):
        super().__init__("memory://nowhere")
        self.errors = list(errors)

    async def connect(self, timeout):
        raise self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]


@pytest.mark.parametrize("error", [AuthenticationError("refused"), ConfigurationError("no such host")])
def test_an_error_that_no_other_attempt_can_mend_is_raised_at_once(error):
    async def main():
        address = new_address()
        client = callosum.connect(address)
        client.connectors[address] = Broken(ConnectError("first"), error)
        with pytest.raises(type(error), match=str(error)):
            async with client:
                pass
        assert asyncio.get_running_loop().time() < 1

    run(main())


def test_later_such_errors_are_tried_again():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}):
            client, links = dialler(address)
            async with client as peer:
                good = client.connectors[address]
                client.connectors[address] = Broken(AuthenticationError("for now"))
                links.last.cut()
                await asyncio.sleep(5)
                client.connectors[address] = good
                assert await peer.stub(Echo).say("x") == "x"

    run(main())


class Answering:
    """A listener in the hands of a test."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.raws: list[Raw] = []

    async def __aenter__(self):
        from callosum.layers import lower_layer

        self.address = new_address()
        self.listener = lower_layer(self.address).listener(self.address, None)
        await self.listener.open(self.accept)
        return self

    def accept(self, connection):
        raw = Raw(connection)
        self.raws.append(raw)
        for frame in self.answers[0]:
            connection.send([frame])
        if len(self.answers) > 1:
            self.answers.pop(0)

    async def __aexit__(self, *_):
        await self.listener.close()


def reset(code):
    from callosum.protocol import wire

    return wire.encode([Reset(code, "as the test says")])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reset(ResetCode.UNAUTHENTICATED), AuthenticationError),
        (reset(ResetCode.PROTOCOL), ProtocolError),
        ([b"garbage"], ProtocolError),
        ([b"\x07" + bytes(100)], ProtocolError),
    ],
)
def test_an_answer_that_ends_it(answer, error):
    async def main():
        async with Answering(answer) as server:
            with pytest.raises(error):
                async with callosum.connect(server.address):
                    pass
            assert asyncio.get_running_loop().time() < 1

    run(main())


@pytest.mark.parametrize("code", [ResetCode.DRAINING, ResetCode.STALE, ResetCode.NO_SESSION, ResetCode.CLOSED])
def test_an_answer_after_which_it_dials_again(code):
    async def main():
        async with Answering(reset(code)) as server:
            with pytest.raises(ConnectError, match="within 2 s: as the test says"):
                async with callosum.connect(server.address, connect_timeout=2):
                    pass
            assert len(server.raws) > 2

    run(main())


def test_a_silent_listener_is_given_up():
    async def main():
        async with Answering([]) as server:
            with pytest.raises(ConnectError, match="within 9 s"):
                async with callosum.connect(server.address, connect_timeout=9):
                    pass
            assert len(server.raws) == 2, "silent for two heartbeats and a second"

    run(main())


# --- on_connect -------------------------------------------------------------------------------------------------------


def test_on_connect_runs_before_other_calls_leave():
    said = []

    async def say(message):
        said.append(message)
        return message

    async def main():
        address = new_address()

        async def register(peer):
            await asyncio.sleep(1)
            assert await peer.stub(Echo).say("register") == "register"
            await asyncio.sleep(1)

        async with callosum.connect(address, connect_timeout=None, on_connect=register) as peer:
            other = asyncio.create_task(peer.stub(Echo).say("other"))
            async with callosum.listen(address, {Echo: Handler(say=say)}):
                await other
                assert said == ["register", "other"]
                assert asyncio.get_running_loop().time() >= 2

    run(main())


def test_entering_waits_for_on_connect():
    async def main():
        address = new_address()
        order = []

        async def register(peer):
            assert peer.state is PeerState.CONNECTED
            await peer.stub(Echo).say("x")
            await asyncio.gather(peer.stub(Echo).say("y"), peer.stub(Echo).poke("z"))
            order.append("on_connect")

        async with callosum.listen(address, {Echo: Handler()}), callosum.connect(address, on_connect=register):
            order.append("entered")
        assert order == ["on_connect", "entered"]

    run(main())


def test_on_connect_runs_at_fresh_sessions_and_never_at_resumed_ones():
    async def main():
        count = 0

        async def register(peer):
            nonlocal count
            count += 1
            assert await peer.stub(Echo).say("x") == "x"

        async with paired(on_connect=register) as pair:
            assert count == 1
            await pair.cut()
            assert await pair.echo.say("x") == "x"
            assert pair.client.counters["resumed"] == 1
            assert count == 1
            pair.caller.route.session.end("for the test")
            await settle()
            pair.links.last.cut()
            assert await pair.echo.say("x") == "x"
            assert count == 2

    run(main())


def test_where_on_connect_raises_the_first_connect_raises_it():
    async def main():
        address = new_address()

        async def register(peer):
            raise LookupError("not registered")

        async with callosum.listen(address, {Echo: Handler()}) as server:
            with pytest.raises(LookupError, match="not registered"):
                async with callosum.connect(address, on_connect=register):
                    pass
            await settle()
            assert not server.peers

    run(main())


def test_later_failures_of_on_connect_close_the_session_and_back_off(caplog):
    async def main():
        times = []

        async def register(peer):
            times.append(asyncio.get_running_loop().time())
            if 1 < len(times) < 6:
                raise LookupError("not now")

        async with paired(on_connect=register) as pair:
            pair.caller.route.session.close(ResetCode.CLOSED, "for the test")
            assert await pair.echo.say("x") == "x"
            assert len(times) == 6
            assert caplog.text.count("on_connect failed") == 4
            assert pair.client.counters["sessions"] == 6

    run(main())


def test_a_first_on_connect_that_fails_in_the_background_is_logged(caplog):
    async def main():
        address = new_address()
        times = []

        async def register(peer):
            times.append(1)
            if len(times) == 1:
                raise LookupError("at first")

        async with (
            callosum.listen(address, {Echo: Handler()}),
            callosum.connect(address, connect_timeout=None, on_connect=register) as peer,
        ):
            assert await peer.stub(Echo).say("x") == "x"

    run(main())
    assert "at first" in caplog.text


def test_the_other_side_may_call_back_while_on_connect_runs():
    async def call(message):
        return await callosum.current_peer().stub(Agent).call(message)

    async def call_on(message):
        return await callosum.current_peer().stub(Echo).say(message)

    async def main():
        address = new_address()

        async def register(peer):
            assert await peer.stub(Echo).call("x") == "x"

        async with (
            callosum.listen(address, {Echo: Handler(call=call)}),
            callosum.connect(address, {Agent: Handler(call=call_on)}, on_connect=register) as peer,
        ):
            assert await peer.stub(Echo).say("y") == "y"

    run(main())


def test_an_on_connect_that_takes_long_is_cancelled_with_its_session():
    async def main():
        cancelled: list[int] = []

        async def register(peer):
            if not cancelled:
                try:
                    await asyncio.sleep(50)
                except asyncio.CancelledError:
                    cancelled.append(1)
                    raise

        address = new_address()
        async with (
            callosum.listen(address, {Echo: Handler()}) as server,
            callosum.connect(address, connect_timeout=None, on_connect=register) as peer,
        ):
            await until(lambda: len(server.peers) == 1)
            await settle()
            (caller,) = server.peers
            caller.route.session.close(ResetCode.CLOSED, "for the test")
            assert await peer.stub(Echo).say("x") == "x"
            assert cancelled

    run(main())


def test_leaving_while_on_connect_runs():
    async def main():
        ended = []

        async def register(peer):
            try:
                await asyncio.sleep(50)
            finally:
                await asyncio.sleep(1)
                ended.append(1)

        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}) as server:
            async with callosum.connect(address, connect_timeout=None, on_connect=register):
                await until(lambda: len(server.peers) == 1)
                await settle()
            assert ended, "no task is left behind"

    run(main())


def test_an_on_connect_that_ignores_its_cancellation_is_left_behind(caplog):
    async def main():
        release = asyncio.Event()

        async def register(peer):
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}) as server:
            async with callosum.connect(address, connect_timeout=None, on_connect=register):
                await until(lambda: len(server.peers) == 1)
                await settle()
            release.set()
            await settle()

    run(main())
    assert "on_connect ignores its cancellation" in caplog.text


# --- calls while there is no connection -------------------------------------------------------------------------------


def test_a_call_with_a_deadline_waits_until_then():
    async def main():
        async with callosum.connect(new_address(), connect_timeout=None) as peer:
            with pytest.raises(callosum.DeadlineExceeded) as caught:
                await peer.stub(Echo, timeout=20).say("x")
            assert caught.value.outcome is Outcome.NOT_SENT
            assert asyncio.get_running_loop().time() == pytest.approx(20, abs=0.1)

    run(main())


def test_a_call_without_a_deadline_waits_for_the_connect_timeout():
    async def main():
        loop = asyncio.get_running_loop()
        async with paired(connect_timeout=7.0, listen={"grace": 1000.0}, grace=1000.0) as pair:
            pair.links.down = True
            await pair.cut()
            begin = loop.time()
            with pytest.raises(callosum.Unavailable, match="not connected") as caught:
                await pair.echo.say("x")
            assert caught.value.outcome is Outcome.NOT_SENT
            assert loop.time() - begin == pytest.approx(7, abs=0.1)
            with pytest.raises(callosum.DeadlineExceeded):
                await pair.echo.with_options(timeout=12).say("x")
            assert loop.time() - begin == pytest.approx(19, abs=0.1)
            with pytest.raises(callosum.Unavailable):
                await pair.echo.poke("a oneway too")
            pair.links.down = False
            assert await pair.echo.say("x") == "x"
            assert pair.server.counters["calls"] == 1

    run(main())


def test_calls_that_wait_go_on_when_there_is_a_connection():
    async def main():
        async with paired() as pair:
            pair.links.down = True
            await pair.cut()
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(5)]
            poked = asyncio.create_task(pair.echo.poke("x"))
            await asyncio.sleep(5)
            assert not poked.done()
            pair.links.down = False
            assert await asyncio.gather(*calls) == [str(n) for n in range(5)]
            await poked

    run(main())


# --- fresh sessions ---------------------------------------------------------------------------------------------------


def test_a_listener_that_was_restarted_gives_a_fresh_session_and_honest_outcomes():
    async def main():
        address = new_address()
        ran = []
        started = asyncio.Event()

        async def say(message):
            ran.append(message)
            started.set()
            await asyncio.sleep(100)
            return message

        client, links = dialler(address)
        first = callosum.listen(address, {Echo: Handler(say=say)})
        await first.__aenter__()
        async with client as peer:
            stub = peer.stub(Echo)
            handed_over = asyncio.create_task(stub.say("handed over"))
            await started.wait()
            links.last.stall()
            in_flight = asyncio.create_task(stub.say("in flight"))
            await settle()
            links.down = True
            links.last.cut()
            await settle()
            never_sent = asyncio.create_task(stub.say("never sent"))
            await settle()
            for session in list(first._sessions.values()):
                session.end("as if the process had been killed")
            await first.__aexit__(None, None, None)

            async def at_once(message):
                return message

            async with callosum.listen(address, {Echo: Handler(say=at_once)}):
                links.down = False
                for call in (handed_over, in_flight):
                    with pytest.raises(ConnectionLost) as caught:
                        await call
                    assert caught.value.outcome is Outcome.UNKNOWN
                assert await never_sent == "never sent"
                assert await stub.say("x") == "x"
                assert client.counters["sessions"] == 2
                assert ran == ["handed over"]

    run(main())


def test_the_grace_is_over_at_both_sides():
    async def main():
        loop = asyncio.get_running_loop()
        cancelled = []

        async def say(message):
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                cancelled.append(loop.time())
                raise

        async with paired(Handler(say=say), agent=Handler(say=say), connect_timeout=200.0) as pair:
            caller = pair.caller
            running = asyncio.create_task(pair.echo.say("x"))
            back = asyncio.create_task(caller.stub(Agent).say("x"))
            await settle()
            pair.links.down = True
            await pair.cut()
            begin = loop.time()
            queued = asyncio.create_task(pair.echo.call("queued"))
            queued_back = asyncio.create_task(caller.stub(Agent).call("queued"))
            await asyncio.sleep(29.9)
            assert not running.done()
            assert not cancelled
            assert pair.peer.state is PeerState.DETACHED
            for task, outcome in (
                (running, Outcome.UNKNOWN),
                (back, Outcome.UNKNOWN),
                (queued_back, Outcome.NOT_SENT),
            ):
                with pytest.raises(ConnectionLost) as caught:
                    await task
                assert caught.value.outcome is outcome
            assert loop.time() - begin == pytest.approx(30, abs=0.1)
            await settle()
            assert cancelled == [pytest.approx(begin + 30, abs=0.1)] * 2
            assert caller.state is PeerState.CLOSED
            assert not pair.server.peers
            assert pair.peer.state is PeerState.CONNECTING
            assert not queued.done()
            pair.links.down = False
            assert await queued == "queued", "it was requeued: it surely did not run"
            assert pair.client.counters["sessions"] == 2

    run(main())


def test_a_requeued_call_can_still_be_cancelled():
    async def main():
        async with paired(connect_timeout=200.0) as pair:
            pair.links.down = True
            await pair.cut()
            call = asyncio.create_task(pair.echo.say("x"))
            await asyncio.sleep(40)
            assert pair.peer.state is PeerState.CONNECTING
            call.cancel()
            await settle()
            assert call.cancelled()
            pair.links.down = False
            assert await pair.echo.call("y") == "y"
            assert pair.server.counters["calls"] == 1

    run(main())


def test_a_session_that_the_listener_gave_up_is_replaced_over_the_same_connection():
    async def main():
        async with paired() as pair:
            pair.links.down = True
            await pair.cut()
            pair.caller.route.session.end("the listener's grace was shorter")
            waiting = asyncio.create_task(pair.echo.say("waits"))
            await settle()
            connections = pair.client.counters["connections"]
            pair.links.down = False
            assert await waiting == "waits"
            assert pair.client.counters["connections"] == connections + 1
            assert pair.client.counters["sessions"] == 2

    run(main())


def test_the_listener_ends_the_session_that_a_fresh_one_follows():
    async def main():
        async with paired(Handler(), grace=1.0, listen={"grace": 1000.0}) as pair:
            caller = pair.caller
            pair.links.down = True
            await pair.cut()
            pair.peer.route.session.end("the connector gives it up")
            assert caller.state is PeerState.DETACHED
            pair.links.down = False
            assert await pair.echo.say("x") == "x"
            assert caller.state is PeerState.CLOSED, "no ghost stays behind"
            assert len(pair.server.peers) == 1

    run(main())


# --- several addresses ------------------------------------------------------------------------------------------------


def test_it_dials_in_the_given_order_and_stays_where_it_is():
    async def main():
        addresses = [new_address() for _ in range(3)]
        async with (
            callosum.listen(addresses[1], {Echo: Handler()}) as second,
            callosum.listen(addresses[2], {Echo: Handler()}),
        ):
            client, links = dialler(addresses)
            async with client as peer:
                assert links.dialled == addresses[:2]
                assert peer.address == addresses[1]
                running = asyncio.create_task(peer.stub(Echo).say("x"))
                links.last.stall()
                await settle()
                links.last.cut()
                await running
                assert links.dialled == [*addresses[:2], addresses[1]], "only its own while something is unfinished"
                assert client.counters["resumed"] == 1
                await second.__aexit__(None, None, None)
                assert await peer.stub(Echo).say("x") == "x"
                assert peer.address == addresses[2]

    run(main())


def test_at_random():
    async def main():
        addresses = [new_address() for _ in range(8)]
        async with callosum.listen(addresses, {Echo: Handler()}):
            seen = set()
            for _ in range(40):
                client, links = dialler(addresses, order="random")
                async with client:
                    seen.add(links.dialled[0])
            assert len(seen) > 1
            client, links = dialler(addresses, order=Order.RANDOM)
            links.down = True
            with pytest.raises(ConnectError):
                async with client:
                    pass
            assert sorted(links.dialled[:8]) == sorted(addresses)

    run(main())


# --- draining listeners -----------------------------------------------------------------------------------------------


def test_a_fresh_session_is_opened_beside_one_that_drains():
    async def main():
        addresses = [new_address(), new_address()]
        release = asyncio.Event()

        async def say(message):
            await release.wait()
            return message

        async with (
            callosum.listen(addresses[0], {Echo: Handler(say=say)}) as first,
            callosum.listen(addresses[1], {Echo: Handler()}) as second,
        ):
            client, _ = dialler(addresses)
            async with client as peer:
                running = asyncio.create_task(peer.stub(Echo).say("running"))
                await settle()
                draining = asyncio.create_task(first.drain())
                await settle()
                assert await peer.stub(Echo).say("later") == "later"
                assert second.counters["calls"] == 1
                assert len(client._lines) == 2
                assert not running.done()
                release.set()
                assert await running == "running"
                await draining
                assert not first.peers
                assert await peer.stub(Echo).say("x") == "x"

    run(main())


def test_rolling_restarts_fail_no_call():
    async def main():
        addresses = [new_address(), new_address()]
        servers = []

        async def say(message):
            await asyncio.sleep(0.05)
            return message

        async def start(address):
            server = callosum.listen(address, {Echo: Handler(say=say)})
            await server.__aenter__()
            return server

        servers = [await start(address) for address in addresses]
        client, _ = dialler(addresses)
        done = 0
        stopping = False

        async def load(peer, name):
            nonlocal done
            while not stopping:
                assert await peer.stub(Echo).say(name) == name
                done += 1

        async with client as peer:
            async with asyncio.TaskGroup() as group:
                for n in range(10):
                    group.create_task(load(peer, str(n)))
                for turn in range(6):
                    await asyncio.sleep(1)
                    index = turn % 2
                    await servers[index].__aexit__(None, None, None)
                    servers[index] = await start(addresses[index])
                stopping = True
            assert done > 500
        for server in servers:
            await server.__aexit__(None, None, None)

    run(main())


def test_calls_above_the_last_id_of_a_goaway_go_on_the_fresh_session():
    async def main():
        async with Answering([]) as server:
            client, _ = dialler(server.address, connect_timeout=None)
            async with client as peer:
                await until(lambda: server.raws)
                raw = server.raws[0]
                welcome(raw)
                await settle()
                before = asyncio.create_task(peer.stub(Echo).say("before"))
                after = asyncio.create_task(peer.stub(Echo).say("after"))
                await settle()
                ids = [m.id for m in raw.messages if isinstance(m, Request)]
                raw.send(GoAway(ids[0], 30_000, "the test drains"))
                await until(lambda: len(server.raws) > 1)
                welcome(server.raws[1])
                await settle()
                (request,) = [m for m in server.raws[1].messages if isinstance(m, Request)]
                assert bytes(request.body) == b"after"
                raw.send(reply(ids[0]))
                server.raws[1].send(reply(request.id))
                assert await asyncio.gather(before, after) == ["ok", "ok"]
                raw.send(GoAway(ids[0], 30_000, "again"))
                await settle()
                assert len(server.raws) == 2, "a second GOAWAY opens no third session"

    run(main())


def welcome(raw):
    from callosum.protocol import wire
    from callosum.protocol.messages import Welcome

    raw.connection.send(wire.encode([Welcome(1, 1, bytes(16), False, 0, 1 << 20, 1024, 1 << 20, 2000, 30_000)]))


def reply(ident):
    from callosum.protocol.messages import Reply

    return Reply(ident, b"=ok")


def test_leaving_while_one_session_drains_and_another_is_open():
    async def main():
        addresses = [new_address(), new_address()]

        async def say(message):
            await asyncio.sleep(5)
            return message

        async with (
            callosum.listen(addresses[0], {Echo: Handler(say=say)}) as first,
            callosum.listen(addresses[1], {Echo: Handler()}),
        ):
            client, _ = dialler(addresses)
            async with client as peer:
                running = asyncio.create_task(peer.stub(Echo).say("x"))
                await settle()
                draining = asyncio.create_task(first.drain())
                await settle()
            with pytest.raises(ConnectionLost) as caught:
                await running
            assert caught.value.outcome is Outcome.UNKNOWN
            await draining

    run(main())


# --- leaving ----------------------------------------------------------------------------------------------------------


def test_leaving_finishes_what_runs_here():
    async def main():
        async def say(message):
            await asyncio.sleep(5)
            return message

        address = new_address()
        async with callosum.listen(address, {}) as server:
            async with callosum.connect(address, {Agent: Handler(say=say)}):
                await until(lambda: len(server.peers) == 1)
                (caller,) = server.peers
                running = asyncio.create_task(caller.stub(Agent).say("x"))
                await settle()
            assert await running == "x"
            await settle()
            assert not server.peers, "the orderly end was told"

    run(main())


def test_leaving_with_an_error_finishes_nothing():
    async def main():
        async def say(message):
            await asyncio.sleep(5)
            return message

        address = new_address()
        async with callosum.listen(address, {}) as server:
            with pytest.raises(LookupError):
                async with callosum.connect(address, {Agent: Handler(say=say)}):
                    await until(lambda: len(server.peers) == 1)
                    (caller,) = server.peers
                    running = asyncio.create_task(caller.stub(Agent).say("x"))
                    await settle()
                    raise LookupError
            assert asyncio.get_running_loop().time() < 1
            with pytest.raises(ConnectionLost):
                await running

    run(main())


def test_leaving_that_is_cancelled_leaves_nothing_behind():
    async def main():
        address = new_address()
        leave = asyncio.Event()

        async def forever(message):
            await asyncio.Event().wait()

        async def use():
            async with callosum.connect(address, {Agent: Handler(say=forever)}):
                await leave.wait()

        async with callosum.listen(address, {}) as server:
            using = asyncio.create_task(use())
            await until(lambda: len(server.peers) == 1)
            (caller,) = server.peers
            calling = asyncio.create_task(caller.stub(Agent).say("x"))
            await settle()
            leave.set()
            await asyncio.sleep(1)
            using.cancel()
            await settle(2)
            using.cancel()
            await asyncio.wait({using, calling})
            assert using.cancelled()
            assert isinstance(calling.exception(), ConnectionLost)

    run(main())


def test_calls_that_never_left_end_when_the_endpoint_closes():
    async def main():
        async with callosum.connect(new_address(), connect_timeout=None) as peer:
            waiting = asyncio.create_task(peer.stub(Echo).say("x"))
            await asyncio.sleep(1)
        with pytest.raises(ConnectionLost) as caught:
            await waiting
        assert caught.value.outcome is Outcome.NOT_SENT

    run(main())


def test_the_session_that_holds_most_ends_where_the_process_cannot_afford_more(monkeypatch, caplog):
    from callosum import settings

    monkeypatch.setattr(settings.resend_budget, "limit", 200_000)

    async def main():
        async with paired() as pair, paired() as other:
            pair.links.last.stall()
            calls = [asyncio.create_task(pair.echo.say("x" * 30_000)) for _ in range(12)]
            await settle()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert any(isinstance(r, ConnectionLost) and r.outcome is Outcome.UNKNOWN for r in results)
            assert await other.echo.say("x") == "x"
            assert other.client.counters["sessions"] == other.server.counters["sessions"] == 1, "no other one ends"
            assert await pair.echo.say("x") == "x"

    run(main())
    assert "more unacknowledged records than the process can afford" in caplog.text


def test_a_fault_of_the_engine_is_logged_and_raised(caplog):
    async def main():
        address = new_address()
        client = callosum.connect(address)
        client.connectors[address] = Broken(KeyError("a bug"))
        with pytest.raises(KeyError):
            async with client:
                pass

    run(main())
    assert [r for r in caplog.records if r.levelno == logging.ERROR]


class Reluctant:
    """A method whose cancellation takes a second."""

    def __init__(self):
        self.ended = False

    async def __call__(self, message):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            self.ended = True


def test_a_cancellation_while_it_closes_does_not_leave_it_half_done():
    async def main():
        address = new_address()
        reluctant = Reluctant()

        async def use():
            async with callosum.connect(address, {Agent: Handler(say=reluctant)}):
                await asyncio.Event().wait()

        async with callosum.listen(address, {}) as server:
            using = asyncio.create_task(use())
            await until(lambda: len(server.peers) == 1)
            (caller,) = server.peers
            calling = asyncio.create_task(caller.stub(Agent).say("x"))
            await settle()
            using.cancel()
            await asyncio.sleep(0.5)
            using.cancel()
            await asyncio.wait({using, calling})
            assert using.cancelled()
            assert reluctant.ended

    run(main())


def test_leaving_with_an_error_while_on_connect_runs():
    async def main():
        ended = []

        async def register(peer):
            try:
                await asyncio.sleep(50)
            finally:
                ended.append(1)

        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}) as server:
            with pytest.raises(LookupError):
                async with callosum.connect(address, connect_timeout=None, on_connect=register):
                    await until(lambda: len(server.peers) == 1)
                    await settle()
                    raise LookupError
            assert ended

    run(main())


def test_a_draining_session_that_ends_while_it_is_dialled():
    async def main():
        addresses = [new_address(), new_address()]
        release = asyncio.Event()

        async def say(message):
            await release.wait()
            return message

        async with (
            callosum.listen(addresses[0], {Echo: Handler(say=say)}) as first,
            callosum.listen(addresses[1], {Echo: Handler()}),
        ):
            client, links = dialler(addresses)
            async with client as peer:
                running = asyncio.create_task(peer.stub(Echo).say("x"))
                await settle()
                draining = asyncio.create_task(first.drain())
                await settle()
                assert await peer.stub(Echo).say("y") == "y"
                inner = client.connectors[addresses[0]]

                class Late(MemoryConnector):
                    async def connect(self, timeout):
                        await asyncio.sleep(1)
                        return await inner.connect(timeout)

                client.connectors[addresses[0]] = Late("memory://late")
                links.links[0].cut()
                await asyncio.sleep(0.5)
                client._lines[0].session.end("for the test")
                with pytest.raises(ConnectionLost):
                    await running
                await asyncio.sleep(2)
                assert len(client._tasks) == 1, "its line has ended"
                assert await peer.stub(Echo).say("y") == "y"
                release.set()
            await draining

    run(main())
