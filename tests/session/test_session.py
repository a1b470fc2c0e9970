from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

import callosum
from callosum import ConnectionLost, Limits, Outcome, PeerState
from callosum.protocol import wire
from callosum.protocol.messages import (
    Cancel,
    Credit,
    Error,
    Ping,
    Reply,
    Request,
    Reset,
    ResetCode,
    Resumption,
    Welcome,
)
from callosum.session.session import Session
from callosum.testing.faulty import Way
from tests.services import Agent, Echo, Handler, Raw, dialler, new_address, paired, run, settle, until


class Slow:
    """A method that takes a second, and counts how often it ran with each argument."""

    def __init__(self, seconds=1.0):
        self.seconds = seconds
        self.runs: dict[str, int] = {}

    async def __call__(self, message):
        self.runs[message] = self.runs.get(message, 0) + 1
        await asyncio.sleep(self.seconds)
        return message


# --- cuts -------------------------------------------------------------------------------------------------------------


def test_a_running_call_survives_a_cut():
    slow = Slow()

    async def main():
        async with paired(Handler(say=slow), agent=Handler(say=slow)) as pair:
            there = asyncio.create_task(pair.echo.say("there"))
            back = asyncio.create_task(pair.agent.say("back"))
            await asyncio.sleep(0.5)
            await pair.cut()
            assert not there.done()
            assert await asyncio.gather(there, back) == ["there", "back"]
            assert slow.runs == {"there": 1, "back": 1}
            assert pair.client.counters["resumed"] == 1

    run(main())


def test_answers_that_were_ready_meanwhile_arrive_after_it():
    slow = Slow()

    async def main():
        async with paired(Handler(say=slow)) as pair:
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(50)]
            await asyncio.sleep(0.5)
            pair.links.down = True
            await pair.cut()
            await asyncio.sleep(10)
            assert not any(call.done() for call in calls)
            pair.links.down = False
            assert await asyncio.gather(*calls) == [str(n) for n in range(50)]
            assert set(slow.runs.values()) == {1}

    run(main())


@pytest.mark.parametrize("way", [Way.OUT, Way.IN])
@pytest.mark.parametrize("after", range(6))
def test_wherever_it_is_cut_nothing_is_lost_and_nothing_runs_twice(way, after):
    slow = Slow(0.01)

    async def main():
        async with paired(Handler(say=slow), agent=Handler(say=slow)) as pair:
            pair.links.prepare = lambda link: link.cut_after(after + 2, way)
            pair.links.last.cut_after(after, way)
            caller = pair.caller
            for round_ in range(5):
                there = [pair.echo.say(f"there {round_} {n}") for n in range(5)]
                back = [caller.stub(Agent).say(f"back {round_} {n}") for n in range(5)]
                await asyncio.gather(*there, *back)
            assert len(slow.runs) == 50
            assert set(slow.runs.values()) == {1}
            assert pair.client.counters["sessions"] == 1
            pair.links.prepare = lambda link: None
            pair.links.last.cut()

    run(main())


def test_what_was_handed_over_and_lost_is_sent_again():
    slow = Slow()

    async def main():
        async with paired(Handler(say=slow)) as pair:
            pair.links.last.stall()
            call = asyncio.create_task(pair.echo.say("x"))
            poked = asyncio.create_task(pair.echo.poke("y"))
            await settle()
            assert poked.done(), "it was handed over"
            await pair.cut()
            assert await call == "x"
            assert slow.runs == {"x": 1}

    run(main())


def test_a_call_that_is_cancelled_while_detached():
    cancelled = []

    async def say(message):
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            cancelled.append(message)
            raise

    async def main():
        async with paired(Handler(say=say)) as pair:
            running = asyncio.create_task(pair.echo.say("running"))
            await settle()
            pair.links.last.stall()
            in_flight = asyncio.create_task(pair.echo.say("in flight"))
            await settle()
            pair.links.down = True
            await pair.cut()
            queued = asyncio.create_task(pair.echo.say("queued"))
            await settle()
            for task in (running, in_flight, queued):
                task.cancel()
            await settle()
            assert all(task.cancelled() for task in (running, in_flight, queued))
            assert not cancelled
            pair.links.down = False
            assert await pair.echo.call("x") == "x"
            await settle()
            assert cancelled == ["running"]
            assert pair.server.counters["calls"] == 2

    run(main())


def test_deadlines_go_on_while_detached():
    async def main():
        slow = Slow(100)
        async with paired(Handler(say=slow)) as pair:
            call = asyncio.create_task(pair.echo.with_options(timeout=5).say("x"))
            await settle()
            pair.links.down = True
            await pair.cut()
            with pytest.raises(callosum.DeadlineExceeded) as caught:
                await call
            assert caught.value.outcome is Outcome.UNKNOWN
            assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)
            assert pair.server._dispatcher.workers.running == 0, "cancelled at the other side too"
            pair.links.down = False
            assert await pair.echo.call("x") == "x"

    run(main())


def test_many_cuts():
    slow = Slow(0.3)

    async def main():
        async with paired(Handler(say=slow)) as pair:
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(pair.echo.say(str(n))) for n in range(200)]
                for _ in range(10):
                    await asyncio.sleep(0.07)
                    await pair.cut()
            assert [call.result() for call in calls] == [str(n) for n in range(200)]
            assert set(slow.runs.values()) == {1}

    run(main())


def test_a_corrupt_batch_ends_the_session_and_the_next_call_goes_on_a_fresh_one(caplog):
    async def main():
        async with paired() as pair:
            pair.links.last.corrupt(1)
            task = asyncio.create_task(pair.echo.say("x" * 10))
            done, _ = await asyncio.wait({task}, timeout=60)
            assert done
            assert await pair.echo.say("y") == "y"

    run(main())


def test_a_gap_closes_the_connection_and_the_session_resumes():
    slow = Slow(0)

    async def main():
        async with paired(Handler(say=slow)) as pair:
            pair.links.last.drop_outgoing(1)
            lost = asyncio.create_task(pair.echo.say("lost"))
            await settle()
            assert await pair.echo.say("next") == "next"
            assert await lost == "lost"
            assert slow.runs == {"lost": 1, "next": 1}
            assert pair.client.counters["resumed"] == 1

    run(main())


# --- silence ----------------------------------------------------------------------------------------------------------


def test_a_link_that_goes_silent_is_noticed_and_replaced():
    async def main():
        loop = asyncio.get_running_loop()
        async with paired() as pair:
            pair.links.last.swallow()
            begin = loop.time()
            assert await pair.echo.say("x") == "x"
            assert loop.time() - begin < 2 * 2 + 1 + 1, "two heartbeats, a second, and the first pause"
            assert pair.client.counters["resumed"] == 1

    run(main())


def test_new_requests_do_not_go_into_a_link_that_is_suspect():
    async def main():
        async with paired(connect_timeout=1000.0) as pair:
            pair.links.last.swallow()
            await asyncio.sleep(4.5)
            assert pair.peer.state is PeerState.CONNECTED
            pair.links.down = True
            call = asyncio.create_task(pair.echo.say("x"))
            await asyncio.sleep(40)
            assert pair.peer.state is PeerState.CONNECTING, "the grace is over"
            assert not call.done(), "it never left, so it waits for the next session"
            pair.links.down = False
            assert await call == "x"

    run(main())


def test_an_idle_session_stays():
    async def main():
        async with paired() as pair:
            await asyncio.sleep(300)
            assert pair.client.counters["resumed"] == 0
            assert await pair.echo.say("x") == "x"

    run(main())


def test_a_peer_that_acknowledges_nothing_is_given_up():
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            (caller,) = [peer for peer in pair.server.peers if not peer.services]
            call = asyncio.create_task(caller.stub(Agent).say("x"))
            for _ in range(100):
                await asyncio.sleep(1)
                raw.connection.send(wire.encode([], raw.seq, 1))  # it lives, and expects the first record still
                if raw.reason is not None:
                    break
            assert raw.reason is not None
            assert asyncio.get_running_loop().time() < 15
            assert caller.state is PeerState.DETACHED
            with pytest.raises(ConnectionLost) as caught:
                await call
            assert caught.value.outcome is Outcome.UNKNOWN
            assert await pair.echo.say("x") == "x"

    run(main())


# --- calls ------------------------------------------------------------------------------------------------------------


def test_a_queued_call_whose_deadline_passes_is_rejected():
    async def main():
        slow = Slow(10)
        async with paired(Handler(say=slow), listen={"max_concurrency": 1}) as pair:
            first = asyncio.create_task(pair.echo.say("first"))
            await settle()
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/say", 2000, 0, b"late"))
            await asyncio.sleep(3)
            error = raw.last(Error)
            assert error.code is callosum.Code.DEADLINE_EXCEEDED
            assert error.outcome is Outcome.REJECTED
            with pytest.raises(callosum.DeadlineExceeded) as caught:
                await pair.echo.with_options(timeout=1).say("late too")
            assert caught.value.outcome in (Outcome.REJECTED, Outcome.UNKNOWN)
            await first
            await settle()
            assert slow.runs == {"first": 1}
            raw.connection.close()

    run(main())


def test_a_running_call_whose_deadline_passes_is_cancelled_and_answered_as_executed():
    async def main():
        cancelled = []

        async def say(message):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                cancelled.append(message)
                raise

        async with paired(Handler(say=say)) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/say", 2000, 0, b"x"))
            await asyncio.sleep(3)
            error = raw.last(Error)
            assert error.code is callosum.Code.DEADLINE_EXCEEDED
            assert error.outcome is Outcome.EXECUTED
            assert cancelled == ["x"]
            raw.connection.close()

    run(main())


def test_a_deadline_that_passes_before_the_call_is_sent():
    async def main():
        async with paired(listen={"limits": Limits(window_calls=1)}) as pair:
            assert await pair.echo.call("x") == "x"
            pair.links.last.stall(Way.OUT)
            first = asyncio.create_task(pair.echo.say("takes the window"))
            await settle()
            with pytest.raises(callosum.DeadlineExceeded, match="before it was sent") as caught:
                await pair.echo.with_options(timeout=1).say("x")
            assert caught.value.outcome is Outcome.NOT_SENT
            pair.links.last.resume_flow()
            assert await first == "takes the window"

    run(main())


def test_a_request_and_its_cancellation_in_one_batch():
    async def main():
        ran = []

        async def say(message):
            ran.append(message)

        async with paired(Handler(say=say)) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            for n in range(50):
                raw.send(Request(4 * n + 1, "Echo/say", None, 0, b"x"), Cancel(4 * n + 1))
            raw.send(Request(1001, "Echo/call", None, 0, b"x"))
            await settle()
            assert raw.last(Reply).id == 1001
            assert not ran
            assert pair.server._dispatcher.workers.pending == 0
            assert sum(m.calls for m in raw.messages if isinstance(m, Credit)) == 0
            raw.connection.close()

    run(main())


def test_a_request_and_the_end_of_the_session_in_one_batch():
    async def main():
        ran = []

        async def say(message):
            ran.append(message)

        async with paired(Handler(say=say)) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/say", None, 0, b"x"), Reset(ResetCode.CLOSED, "bye"))
            await settle()
            assert not ran
            assert len(pair.server.peers) == 1
            assert pair.server._dispatcher.workers.pending == 0
            assert await pair.echo.call("x") == "x"

    run(main())


def test_cancelling_what_is_unknown_or_over_is_ignored():
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/call", None, 0, b"x"))
            await settle()
            raw.send(
                Cancel(1), Cancel(1), Cancel(77), Reply(2, b"="), Error(4, callosum.Code.INTERNAL, Outcome.UNKNOWN)
            )
            raw.send(Request(3, "Echo/call", None, 0, b"y"))
            await settle()
            assert raw.last(Reply).id == 3
            raw.connection.close()

    run(main())


def test_a_window_that_is_ignored():
    async def main():
        slow = Slow(10)
        async with paired(Handler(say=slow), listen={"limits": Limits(window_calls=2)}) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(*(Request(2 * n + 1, "Echo/say", None, 0, b"x") for n in range(3)))
            await settle()
            error = raw.last(Error)
            assert (error.id, error.code, error.outcome) == (
                5,
                callosum.Code.RESOURCE_EXHAUSTED,
                Outcome.REJECTED,
            )
            raw.connection.close()

    run(main())


def test_more_calls_than_the_window_wait_at_their_sender():
    slow = Slow(0.1)

    async def main():
        async with paired(Handler(say=slow), listen={"limits": Limits(window_calls=4)}) as pair:
            assert len(await asyncio.gather(*(pair.echo.say(str(n)) for n in range(50)))) == 50
            assert "refused.resource_exhausted" not in pair.server.counters

    run(main())


def test_an_oneway_that_the_core_refuses_is_counted_and_logged(caplog):
    async def main():
        async with paired() as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            raw.send(Request(1, "Echo/poke", 0, 1, b"x"))
            await settle()
            assert pair.server.counters["refused.deadline_exceeded"] == 1
            raw.connection.close()

    run(main())
    assert "refusing a oneway call of Echo/poke" in caplog.text


# --- congestion -------------------------------------------------------------------------------------------------------


def test_a_peer_that_does_not_read_its_replies_holds_up_only_itself():
    limits = Limits(reply_backlog_bytes=100_000, bulk_window=100_000, resend_bytes=500_000)
    ran = []

    async def call(message):
        ran.append(message)
        return "r" * 50_000

    async def main():
        async with paired(Handler(call=call), listen={"limits": limits}) as pair, paired() as other:
            client, links = dialler(pair.server.addresses[0])
            async with client as peer:
                links.last.stall(Way.IN)
                calls = [asyncio.create_task(peer.stub(Echo).call(str(n))) for n in range(200)]
                await asyncio.sleep(1)
                started = len(ran)
                assert started < 50, "no handler starts for who does not take what there is"
                for _ in range(20):
                    assert await pair.echo.say("honest") == "honest"
                assert await pair.echo.call("honest") == "r" * 50_000
                assert await other.echo.say("x") == "x"
                gives_up = calls.pop()
                gives_up.cancel()
                await settle()
                links.last.resume_flow()
                assert len(set(await asyncio.gather(*calls))) == 1
                assert len(ran) <= 201

    run(main())


def test_calls_that_are_held_end_with_their_session():
    limits = Limits(reply_backlog_bytes=100_000, resend_bytes=300_000)
    ran = []

    async def call(message):
        ran.append(message)
        return "r" * 50_000

    async def main():
        async with paired(Handler(call=call), listen={"limits": limits}) as pair:
            client, links = dialler(pair.server.addresses[0])
            async with client as peer:
                links.last.stall(Way.IN)
                calls = [asyncio.create_task(peer.stub(Echo).call(str(n))) for n in range(100)]
                await asyncio.sleep(1)
                started = len(ran)
                assert started < 100
                sessions = [s for s in pair.server._sessions.values() if s._held]
                assert len(sessions) == 1
                victim = calls.pop()
                victim.cancel()
                await settle()
                sessions[0].end("for the test")
                assert not sessions[0]._held
                await asyncio.gather(*calls, return_exceptions=True)
                assert len(ran) >= started

    run(main())


def test_a_sender_waits_while_the_connection_takes_nothing():
    async def main():
        handler = Handler()
        async with paired(handler) as pair:
            pair.links.last.stall(Way.OUT)
            pokes = [asyncio.create_task(pair.echo.poke("x" * 60_000)) for _ in range(500)]
            await settle(50)
            waiting = [poke for poke in pokes if not poke.done()]
            assert waiting
            pair.links.last.resume_flow()
            await asyncio.gather(*pokes)
            await pair.peer.drain()
            await settle()
            assert len(handler.poked) == 500

    run(main())


def test_who_asks_for_more_answers_than_it_reads_is_cut_off(caplog):
    async def main():
        async with paired(listen={"limits": Limits(reserve_records=100, window_calls=10)}) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            assert len(pair.server.peers) == 2
            raw.stop_reading()
            for number in range(10_000):
                raw.connection.send(wire.encode([Ping(number * 100 + n) for n in range(100)], raw.seq, 1))
                await asyncio.sleep(0)
                if len(pair.server.peers) == 1:
                    break
            assert len(pair.server.peers) == 1
            assert pair.server.counters["refused.slow"] == 1
            assert await pair.echo.say("x") == "x"
            raw.connection.close()

    run(main())
    assert "does not take what it asked for" in caplog.text


@pytest.mark.parametrize("resumed", [False, True], ids=["detached", "resumed"])
def test_what_came_in_a_run_before_the_connection_was_given_up_is_not_left_lying(resumed):
    ran = []

    async def say(message):
        ran.append(message)
        return message

    async def main():
        async with paired(Handler(say=say)) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            (caller,) = [peer for peer in pair.server.peers if not peer.services]
            call = asyncio.create_task(caller.stub(Agent).say("back"))
            await settle()
            asked = raw.last(Request)
            newer = await Raw.dial(pair.server.addresses[0])
            raw.send(Reply(asked.id, b"=answer"), Request(1, "Echo/say", None, 0, b"there"))
            if resumed:
                welcome = raw.last(Welcome)
                newer.greet(2, Resumption(welcome.session, welcome.token, raw.expected))
            else:
                raw.seq += 1
                raw.send(Ping(1), Request(3, "Echo/say", None, 0, b"behind a gap"))
            await settle()
            assert call.done()
            assert await call == "answer"
            assert ran == ["there"]
            assert caller.state is (PeerState.CONNECTED if resumed else PeerState.DETACHED)
            for one in (raw, newer):
                one.connection.close()

    run(main())


# --- life -------------------------------------------------------------------------------------------------------------


def test_what_is_refused_where_the_session_has_ended():
    async def main():
        async with paired() as pair:
            session: Session = pair.caller.route.session
            agent = pair.agent
            session.end("for the test")
            with pytest.raises(ConnectionLost) as caught:
                await agent.say("x")
            assert caught.value.outcome is Outcome.NOT_SENT
            session.close(ResetCode.CLOSED, "again")
            session.end("again")
            assert not await session.wait_for(lambda: False)
            session.closed("by nobody")

    run(main())


def test_a_wait_with_an_end():
    async def main():
        async with paired() as pair:
            session = pair.caller.route.session
            loop = asyncio.get_running_loop()
            assert not await session.wait_for(lambda: False, loop.time() + 5)
            assert loop.time() == pytest.approx(5, abs=0.2)
            assert await session.wait_for(lambda: True)
            assert not session._conditions

    run(main())


def test_ended_sessions_are_forgotten():
    async def main():
        address = new_address()
        async with callosum.listen(address, {Echo: Handler()}) as server:
            references: list[weakref.ref[Any]] = []
            for _ in range(20):
                async with callosum.connect(address, {Agent: Handler()}) as peer:
                    assert await peer.stub(Echo).say("x") == "x"
                    references += [weakref.ref(peer.route.session), *map(weakref.ref, server.peers)]
                    references += [weakref.ref(p.route.session) for p in server.peers]
                await settle()
            peer = None  # type: ignore[assignment]
            assert not server._sessions
            gc.collect()
            left = [reference for reference in references if reference() is not None]
            assert len(left) <= 3, "what the last frames still name"

    run(main())


def test_nothing_is_left_of_finished_calls():
    async def main():
        slow = Slow(0.1)

        async def fail(message):
            raise ValueError

        async with paired(Handler(say=slow, call=fail)) as pair:
            await asyncio.gather(*(pair.echo.say(str(n)) for n in range(50)))
            await asyncio.gather(*(pair.echo.call(str(n)) for n in range(50)), return_exceptions=True)
            tasks = [asyncio.create_task(pair.echo.with_options(timeout=0.05).say(str(n))) for n in range(50)]
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(1)
            for session in (pair.peer.route.session, pair.caller.route.session):
                core = session.core
                assert not core.in_flight
                assert core.is_flushed
                assert not core.unacknowledged
                assert not session._held
                assert not session.settled
                assert not session._conditions
            assert pair.server._dispatcher.workers.pending == 0

    run(main())


def test_tasks_do_not_grow_with_calls():
    async def main():
        async with paired() as pair:
            await pair.echo.say("x")
            before = len(asyncio.all_tasks())
            for _ in range(100):
                await pair.echo.say("x")
            assert len(asyncio.all_tasks()) == before

    run(main())


def test_the_listener_is_killed_while_calls_are_queued_for_a_detached_session():
    async def main():
        async with paired() as pair:
            caller = pair.caller
            agent = pair.agent
            pair.links.down = True
            await pair.cut()
            waiting = asyncio.create_task(agent.say("x"))
            await settle()
            pair.links.down = False
            assert await waiting == "x", "calls to a detached peer wait for it"
            assert caller.state is PeerState.CONNECTED
            await until(lambda: pair.peer.state is PeerState.CONNECTED)

    run(main())


def test_a_session_rests_while_its_connection_takes_nothing():
    """An acknowledgement that is due cannot leave then; no timer may ask for it again and again."""

    async def main():
        agent = Handler()
        async with paired(agent=agent) as pair:
            pair.links.last.stall(Way.OUT)
            pokes: list[asyncio.Task[None]] = []
            while all(poke.done() for poke in pokes):
                pokes.append(asyncio.create_task(pair.echo.poke("x")))
                await settle(3)
            await pair.agent.poke("to be acknowledged")
            await asyncio.sleep(2)
            assert agent.poked == ["to be acknowledged"]
            pair.links.last.resume_flow()
            await asyncio.gather(*pokes)
            await pair.caller.drain()

    run(main())


def test_a_oneway_that_was_offered_when_the_link_broke_ends_when_it_is_sent_again():
    async def main():
        handler = Handler()
        async with paired(handler) as pair:
            pair.links.last.stall(Way.OUT)
            pokes: list[asyncio.Task[None]] = []
            while all(poke.done() for poke in pokes):
                pokes.append(asyncio.create_task(pair.echo.poke(str(len(pokes)))))
                await settle(3)
            large = asyncio.create_task(pair.echo.poke("x" * 3_000_000))
            await settle()
            await pair.cut()
            await asyncio.gather(*pokes, large)
            await pair.peer.drain()
            await settle()
            assert handler.poked == [*(str(n) for n in range(len(pokes))), "x" * 3_000_000]

    run(main())


def test_a_large_oneway_whose_link_breaks_in_the_middle():
    async def main():
        handler = Handler()
        async with paired(handler) as pair:
            for after in range(6):
                pair.links.last.cut_after(after)
                await pair.echo.poke(f"{after}" * 3_000_000)
            await pair.peer.drain()
            await settle()
            assert handler.poked == [f"{after}" * 3_000_000 for after in range(6)]

    run(main())
