from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest

import callosum
from callosum import Outcome
from callosum.protocol.limits import Limits
from callosum.session import workers as module
from callosum.testing import ManualClock
from tests.services import Agent, Echo, Handler, new_address, paired, run, settle


class Gate:
    """A handler's method that waits until it is let through, and notes what becomes of it."""

    def __init__(self):
        self.open = asyncio.Event()
        self.started: list[str] = []
        self.cancelled: list[str] = []
        self.running = 0
        self.most = 0

    async def __call__(self, message):
        self.started.append(message)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(message)
            raise
        finally:
            self.running -= 1
        return message


async def ended(task):
    """What a task raised."""
    await asyncio.wait({task})
    return task.exception()


# --- concurrency ------------------------------------------------------------------------------------------------------


def test_no_more_handlers_run_at_a_time_than_permitted():
    async def main():
        gate = Gate()
        async with paired(Handler(say=gate), listen={"max_concurrency": 3}) as pair:
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(10)]
            await settle()
            assert gate.started == ["0", "1", "2"]
            assert pair.server._dispatcher.workers.running == 3
            assert pair.server._dispatcher.workers.pending == 7
            gate.open.set()
            assert await asyncio.gather(*calls) == [str(n) for n in range(10)]
            assert gate.most == 3
            assert pair.server._dispatcher.workers.running == 0

    run(main())


def test_over_the_bound_of_waiting_calls_the_next_is_refused_at_once():
    async def main():
        gate = Gate()
        async with paired(Handler(say=gate), listen={"max_concurrency": 1, "max_pending": 2}) as pair:
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(3)]
            await settle()
            with pytest.raises(callosum.ResourceExhausted, match="2 calls wait already") as caught:
                await pair.echo.say("too many")
            assert caught.value.outcome is Outcome.REJECTED
            assert asyncio.get_running_loop().time() < 1
            assert pair.server.counters["refused.resource_exhausted"] == 1
            gate.open.set()
            await asyncio.gather(*calls)
            assert "too many" not in gate.started
            assert await pair.echo.say("again") == "again"

    run(main())


def test_a_cancelled_call_gives_its_place_in_the_queue_up():
    async def main():
        gate = Gate()
        async with paired(Handler(say=gate), listen={"max_concurrency": 1, "max_pending": 2}) as pair:
            running, gives_up, waits = [asyncio.create_task(pair.echo.say(str(n))) for n in range(3)]
            await settle()
            gives_up.cancel()
            await settle()
            assert pair.server._dispatcher.workers.pending == 1
            another = asyncio.create_task(pair.echo.say("another"))
            await settle()
            gate.open.set()
            await asyncio.gather(running, waits, another)
            assert gate.started == ["0", "2", "another"], "the cancelled call never ran"

    run(main())


def test_a_queue_of_mostly_cancelled_calls_is_swept():
    async def main():
        gate = Gate()
        async with paired(Handler(say=gate), listen={"max_concurrency": 1}) as pair:
            running = asyncio.create_task(pair.echo.say("first"))
            await settle()
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(200)]
            await settle()
            workers = pair.server._dispatcher.workers
            assert len(workers._queue) == 200
            for call in calls[:150]:
                call.cancel()
            await settle()
            assert len(workers._queue) < 150
            assert workers.pending == 50
            gate.open.set()
            await asyncio.gather(running, *calls[150:])
            assert gate.started == ["first", *(str(n) for n in range(150, 200))]
            assert workers.pending == 0

    run(main())


def test_a_slot_is_free_again_whatever_became_of_its_call():
    async def main():
        gate = Gate()

        async def call(message):
            raise ValueError

        async with paired(Handler(say=gate, call=call), listen={"max_concurrency": 1}) as pair:
            for _ in range(3):
                with pytest.raises(callosum.Internal):
                    await pair.echo.call("x")
                task = asyncio.create_task(pair.echo.say("x"))
                await settle()
                task.cancel()
                await settle()
                with pytest.raises(callosum.DeadlineExceeded):
                    await pair.echo.with_options(timeout=1).say("x")
            await settle()
            assert len(gate.cancelled) == 6
            gate.open.set()
            assert await pair.echo.say("last") == "last"

    run(main())


# --- bounds of peers --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def two_peers(handler, **options):
    """A server, and the stubs of two peers."""
    address = new_address()
    async with (
        callosum.listen(address, {Echo: handler}, **options) as server,
        callosum.connect(address, {Agent: Handler()}) as one,
        callosum.connect(address, {Agent: Handler()}) as other,
    ):
        yield server, one.stub(Echo), other.stub(Echo)


def test_one_peer_cannot_take_all_slots():
    async def main():
        gate = Gate()
        async with two_peers(Handler(say=gate), max_concurrency=5, max_concurrency_per_peer=3) as (server, one, other):
            calls = [asyncio.create_task(one.say(f"one {n}")) for n in range(6)]
            await settle()
            assert gate.started == ["one 0", "one 1", "one 2"]
            calls += [asyncio.create_task(other.say(f"other {n}")) for n in range(3)]
            await settle()
            assert gate.started[3:] == ["other 0", "other 1"], "five at a time"
            gate.open.set()
            await asyncio.gather(*calls)
            assert gate.most == 5
            assert [session.lane.running for session in server._sessions.values()] == [0, 0]

    run(main())


def test_calls_are_taken_from_the_peers_in_turns():
    async def main():
        ran = []

        async def say(message):
            ran.append(message)
            await asyncio.sleep(1)

        async with two_peers(Handler(say=say), max_concurrency=1, max_pending_per_peer=100) as (_, one, other):
            calls = [asyncio.create_task(one.say(f"one {n}")) for n in range(4)]
            await settle()
            calls += [asyncio.create_task(other.say(f"other {n}")) for n in range(2)]
            await asyncio.wait(calls)
            assert ran == ["one 0", "one 1", "other 0", "one 2", "other 1", "one 3"]

    run(main())


def test_one_peer_cannot_fill_the_queue():
    async def main():
        gate = Gate()
        async with two_peers(Handler(say=gate), max_concurrency=1, max_pending_per_peer=2) as (server, one, other):
            calls = [asyncio.create_task(one.say(f"one {n}")) for n in range(3)]
            await settle()
            with pytest.raises(callosum.ResourceExhausted, match="2 calls of this peer wait already") as caught:
                await one.say("too many")
            assert caught.value.outcome is Outcome.REJECTED
            calls[1].cancel()
            calls.append(asyncio.create_task(other.say("other")))
            await settle()
            assert server._dispatcher.workers.pending == 2
            gate.open.set()
            await asyncio.wait(calls)
            assert gate.started == ["one 0", "one 2", "other"]

    run(main())


def test_nested_calls_are_beyond_the_bounds_of_a_peer():
    async def main():
        async def down(message):
            depth = int(message)
            peer = callosum.current_peer()
            return await peer.stub(Agent if depth % 2 else Echo).call(str(depth - 1)) if depth else "bottom"

        bounds: dict[str, Any] = {"max_concurrency": 1, "max_concurrency_per_peer": 1, "max_pending_per_peer": 100}
        async with paired(Handler(call=down), agent=Handler(call=down), listen=bounds, **bounds) as pair:
            assert await asyncio.gather(*(pair.echo.call("5") for _ in range(10))) == ["bottom"] * 10

    run(main())


def test_an_endpoint_closes_while_calls_of_peers_wait():
    async def main():
        gate = Gate()
        async with two_peers(Handler(say=gate), max_concurrency=1, max_concurrency_per_peer=1) as (server, one, other):
            calls = [asyncio.create_task(stub.say(str(n))) for n in range(3) for stub in (one, other)]
            await settle()
            await server.abort()
            await asyncio.wait(calls, timeout=100)
            assert gate.started == ["0"]
            assert server._dispatcher.workers.pending == 0
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)

    run(main())


# --- what has waited too long -----------------------------------------------------------------------------------------


def test_a_call_that_would_miss_its_deadline_is_shed_when_its_turn_comes():
    async def main():
        late = []

        async def say(message):
            await asyncio.sleep(1)
            if callosum.current_call().remaining == 0:
                late.append(message)
            return message

        async with paired(Handler(say=say), listen={"max_concurrency": 1}) as pair:
            stub = pair.echo.with_options(timeout=5)
            for _ in range(20):
                await stub.say("the time that it takes is learnt")
            outcomes = await asyncio.gather(*(stub.say(str(n)) for n in range(9)), return_exceptions=True)
            assert outcomes[:4] == ["0", "1", "2", "3"]
            for error in outcomes[4:]:
                assert type(error) is callosum.ResourceExhausted
                assert error.outcome is Outcome.REJECTED
                assert error.retry_after == pytest.approx(4, abs=0.1)
                assert "overloaded: it waited for 4.0" in error.message
            assert not late
            assert pair.server.counters["refused.resource_exhausted"] == 5
            assert await stub.say("later") == "later"

    run(main())


def test_handlers_that_are_cut_short_are_taken_to_need_longer():
    async def main():
        seconds = [1.0]

        async def say(message):
            await asyncio.sleep(seconds[0])
            return message

        async with paired(Handler(say=say), listen={"max_concurrency": 1}) as pair:
            stub = pair.echo.with_options(timeout=5)
            await stub.say("x")
            needed = pair.server._dispatcher.workers.shedding.needed
            before = needed("Echo/say")
            seconds[0] = 9.0
            with pytest.raises(callosum.DeadlineExceeded):
                await stub.say("x")
            await settle()
            assert needed("Echo/say") > before

    run(main())


def test_no_call_waits_longer_than_the_endpoint_allows():
    async def main():
        ran = []

        async def say(message):
            ran.append(message)
            await asyncio.sleep(1)
            return message

        listen = {"max_concurrency": 1, "max_queue_delay": 2.5}
        async with paired(Handler(say=say), listen=listen) as pair:
            outcomes = await asyncio.gather(*(pair.echo.say(str(n)) for n in range(5)), return_exceptions=True)
            assert ran == ["0", "1", "2"]
            for error in outcomes[3:]:
                assert isinstance(error, callosum.ResourceExhausted)
                assert error.retry_after == pytest.approx(3, abs=0.1)
            assert await pair.echo.say("later") == "later"

    run(main())


# --- nested calls -----------------------------------------------------------------------------------------------------


def test_two_sides_that_call_each_other_back_do_not_lock_each_other_up():
    async def down(message):
        depth = int(message)
        if not depth:
            return "bottom"
        other = callosum.current_peer()
        return await other.stub(Agent if depth % 2 else Echo).call(str(depth - 1))

    async def main():
        async with paired(
            Handler(call=down), agent=Handler(call=down), max_concurrency=1, listen={"max_concurrency": 1}
        ) as pair:
            answers = await asyncio.gather(*(pair.echo.call("9") for _ in range(20)))
            assert answers == ["bottom"] * 20

    run(main())


def test_nested_calls_wait_in_no_queue():
    async def call(message):
        return await callosum.current_peer().stub(Agent).say(message)

    async def main():
        busy = Gate()
        async with paired(Handler(call=call), agent=Handler(call=busy), max_concurrency=1, max_pending=1) as pair:
            blocking = [asyncio.create_task(pair.agent.call("x")) for _ in range(2)]
            await settle()
            assert await asyncio.gather(*(pair.echo.call(str(n)) for n in range(5))) == [str(n) for n in range(5)]
            busy.open.set()
            await asyncio.gather(*blocking)

    run(main())


def test_the_ninth_nested_call_of_a_handler_waits_at_its_sender():
    async def main():
        gate = Gate()

        async def call(message):
            agent = callosum.current_peer().stub(Agent)
            return ",".join(await asyncio.gather(*(agent.say(str(n)) for n in range(12))))

        async with paired(Handler(call=call), agent=Handler(say=gate)) as pair:
            task = asyncio.create_task(pair.echo.call("x"))
            await settle()
            assert len(gate.started) == Limits().nested_calls == 8
            gate.open.set()
            assert await task == ",".join(map(str, range(12)))
            assert gate.most == 8

    run(main())


def test_a_task_that_outlives_its_handler_calls_without_a_parent():
    tasks = []

    async def call(message):
        peer = callosum.current_peer()

        async def later():
            await asyncio.sleep(1)
            return await peer.stub(Agent).say(message)

        tasks.append(asyncio.create_task(later()))
        return "at once"

    async def main():
        async with paired(Handler(call=call)) as pair:
            assert await pair.echo.call("x") == "at once"
            assert await tasks[0] == "x"

    run(main())


# --- cancellation -----------------------------------------------------------------------------------------------------


def test_cancelling_the_caller_cancels_the_handler():
    async def main():
        gate = Gate()
        async with paired(Handler(say=gate)) as pair:
            task = asyncio.create_task(pair.echo.say("x"))
            await settle()
            assert gate.started == ["x"]
            task.cancel()
            await settle()
            assert gate.cancelled == ["x"]
            assert task.cancelled()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await pair.echo.say("y")
            await settle()
            assert gate.cancelled == ["x", "y"]

    run(main())


def test_a_call_that_is_cancelled_before_it_is_sent_never_runs():
    async def main():
        gate = Gate()
        gate.open.set()
        async with paired(Handler(say=gate)) as pair:
            pair.links.last.cut()
            await settle(3)
            task = asyncio.create_task(pair.echo.say("x"))
            await settle(3)
            task.cancel()
            await pair.reconnected()
            assert await pair.echo.call("y") == "y"
            await settle()
            assert not gate.started

    run(main())


def test_a_handler_that_ignores_its_cancellation_harms_its_own_call_alone():
    async def main():
        release = asyncio.Event()

        async def say(message):
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return message

        async with paired(Handler(say=say)) as pair:
            with pytest.raises(callosum.DeadlineExceeded):
                await pair.echo.with_options(timeout=1).say("x")
            assert await pair.echo.call("others go on") == "others go on"
            release.set()
            await settle()
            assert await pair.echo.say("and it too") == "and it too"

    run(main())


def test_timeouts_and_task_groups_just_work_inside_a_handler():
    async def call(message):
        try:
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(callosum.current_peer().stub(Agent).say(c)) for c in message]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.Event().wait())
                group.create_task(fail())
        except* ValueError:
            pass
        return "".join(part.result() for part in parts)

    async def fail():
        await asyncio.sleep(0.1)
        raise ValueError

    async def main():
        async with paired(Handler(call=call)) as pair:
            assert await asyncio.gather(*(pair.echo.call("abc") for _ in range(5))) == ["abc"] * 5

    run(main())


def test_a_cancelled_handler_ends_its_task_group_and_its_nested_calls():
    async def main():
        gate = Gate()
        agent_gate = Gate()

        async def call(message):
            async with asyncio.TaskGroup() as group:
                group.create_task(gate("child"))
                group.create_task(callosum.current_peer().stub(Agent).say("nested"))

        async with paired(Handler(call=call), agent=Handler(say=agent_gate)) as pair:
            task = asyncio.create_task(pair.echo.call("x"))
            await settle()
            assert agent_gate.started == ["nested"]
            task.cancel()
            await settle()
            assert gate.cancelled == ["child"]
            assert agent_gate.cancelled == ["nested"]

    run(main())


@pytest.mark.parametrize("catches", [False, True])
def test_a_task_that_a_handler_kept_cannot_hurt_another_call(catches):
    kept: list[asyncio.Task[Any]] = []

    async def call(message):
        task = asyncio.current_task()
        assert task is not None
        kept.append(task)
        del task
        if catches:
            await asyncio.sleep(0.1)
        return message

    async def main():
        gate = Gate()
        async with paired(Handler(call=call, say=gate), listen={"max_concurrency": 2}) as pair:
            for _ in range(3):
                assert await pair.echo.call("x") == "x"
            others = [asyncio.create_task(pair.echo.say(str(n))) for n in range(2)]
            await settle()
            for task in kept:
                task.cancel()
            await settle()
            assert not gate.cancelled
            gate.open.set()
            assert await asyncio.gather(*others) == ["0", "1"]
            kept.clear()

    run(main())


def test_a_handler_that_cancels_its_own_task_and_goes_on():
    async def call(message):
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return message

    async def main():
        async with paired(Handler(call=call), listen={"max_concurrency": 1}) as pair:
            assert await pair.echo.call("x") == "x"
            assert await pair.echo.say("y") == "y"
            assert await pair.echo.call("z") == "z"

    run(main())


# --- contexts ---------------------------------------------------------------------------------------------------------


def test_context_variables_of_one_call_are_not_seen_by_another():
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    async def say(message):
        before = variable.get()
        variable.set(message)
        await asyncio.sleep(0.01)
        assert variable.get() == message
        return before

    async def call(message):
        before = variable.get()
        variable.set(message)
        return before

    async def main():
        variable.set("from outside")
        async with paired(Handler(say=say, call=call)) as pair:
            variable.set("changed later")
            calls = [pair.echo.say(str(n)) for n in range(20)] + [pair.echo.call(str(n)) for n in range(20)]
            assert set(await asyncio.gather(*calls)) == {"from outside"}
            assert variable.get() == "changed later"

    run(main())


def test_the_current_call_is_that_of_each_handler():
    async def say(message):
        await asyncio.sleep(0.01)
        call = callosum.current_call()
        assert call.key == message
        return str(call.key)

    async def main():
        async with paired(Handler(say=say)) as pair:
            calls = [pair.echo.with_options(key=str(n)).say(str(n)) for n in range(50)]
            assert await asyncio.gather(*calls) == [str(n) for n in range(50)]

    run(main())


# --- the loop ---------------------------------------------------------------------------------------------------------


def test_handlers_that_never_wait_let_the_loop_go_on(monkeypatch):
    monkeypatch.setattr(module, "BUDGET", -1.0)  # every handler uses the budget up
    iterations = []

    async def main():
        loop = asyncio.get_running_loop()
        count = 0
        ticking: asyncio.Handle

        def tick():
            nonlocal count, ticking
            count += 1
            ticking = loop.call_soon(tick)

        async def say(message):
            iterations.append(count)
            return message

        async with paired(Handler(say=say)) as pair:
            ticking = loop.call_soon(tick)  # time stands still from now on
            await asyncio.gather(*(pair.echo.say(str(n)) for n in range(5)))
            ticking.cancel()
            assert len(set(iterations)) == 5

    run(main())


def test_workers_that_wait_are_used_again():
    async def main():
        async with paired() as pair:
            workers = pair.server._dispatcher.workers
            for _ in range(10):
                await pair.echo.say("x")
            assert len(workers._tasks) == 1

    run(main())


def test_a_handler_that_is_left_behind_is_logged(caplog):
    async def main():
        release = asyncio.Event()

        async def say(message):
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        address = new_address()
        async with callosum.listen(address, {Echo: Handler(say=say)}) as server, callosum.connect(address) as peer:
            task = asyncio.create_task(peer.stub(Echo).say("x"))
            await settle()
            await server.abort()
            assert isinstance(await ended(task), callosum.ConnectionLost)
        release.set()
        await settle()

    run(main())
    assert "1 handlers ignore their cancellation" in caplog.text


def test_closing_cancels_what_runs_and_leaves_what_waits(caplog):
    caplog.set_level(logging.WARNING)

    async def main():
        gate = Gate()
        async with paired(Handler(say=gate), listen={"max_concurrency": 2}) as pair:
            calls = [asyncio.create_task(pair.echo.say(str(n))) for n in range(4)]
            await settle()
            await pair.server.abort()
            errors = [await ended(call) for call in calls]
            assert all(isinstance(error, callosum.ConnectionLost) for error in errors)
            assert all(error.outcome is Outcome.UNKNOWN for error in errors)
            assert gate.cancelled == ["0", "1"]
            assert gate.started == ["0", "1"]

    run(main())
    assert not caplog.records


def test_a_handler_that_closes_its_own_server():
    async def main():
        servers: list[callosum.ListenEndpoint] = []

        async def call(message):
            await servers[0].abort()
            return message

        async with paired(Handler(call=call)) as pair:
            servers.append(pair.server)
            error = await ended(asyncio.create_task(pair.echo.call("x")))
            assert isinstance(error, callosum.ConnectionLost)
            assert asyncio.get_running_loop().time() < 5

    run(main())


def test_a_call_whose_deadline_passed_while_the_loop_was_held_up_does_not_run():
    clock = ManualClock()
    ran = []

    async def say(message):
        ran.append(message)
        clock.advance(5)  # as if the handler had blocked the loop
        return message

    async def main():
        gate = Gate()
        async with paired(Handler(say=say, call=gate)) as pair:
            under_way = asyncio.create_task(pair.echo.call("x"))  # so that the next two leave in one batch
            await settle()
            first = asyncio.create_task(pair.echo.say("first"))
            second = asyncio.create_task(pair.echo.with_options(timeout=2).say("second"))
            assert await first == "first"
            with pytest.raises(callosum.DeadlineExceeded):
                await second
            gate.open.set()
            await under_way
            await settle()
            assert ran == ["first"]

    run(main(), clock)
