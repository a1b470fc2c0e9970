"""Request keys over real sessions: order, places, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from typing import Any, cast
from unittest import mock

import pytest

import callosum
from callosum import OrderedReplies, Outcome, SerializedByKey, Unordered
from callosum.channel import Inbound
from callosum.context import current
from callosum.protocol.messages import Cancel, CancelReason, Error, Fragment, Reply, Request, Type
from tests.services import Agent, Echo, Handler, Raw, Refusal, new_address, paired, run, settle

POLICIES = [Unordered(), OrderedReplies(), SerializedByKey()]
POLICY_NAMES = [type(policy).__name__ for policy in POLICIES]


class Journal:
    """Handlers that take as long as their message says (``name:seconds``), and what happened when."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.cleanup = 0.0
        self.running: dict[Any, int] = {}
        self.most: dict[Any, int] = {}

    async def __call__(self, message: str) -> str:
        name, _, seconds = message.partition(":")
        key = callosum.current_call().key
        self.running[key] = self.running.get(key, 0) + 1
        self.most[key] = max(self.most.get(key, 0), self.running[key])
        self.events.append(f"+{name}")
        try:
            if seconds:
                await asyncio.sleep(float(seconds))
            if name.startswith("bad"):
                raise Refusal(name)
            if name.startswith("error"):
                raise ValueError(name)
        except asyncio.CancelledError:
            await asyncio.sleep(self.cleanup)
            raise
        finally:
            self.running[key] -= 1
            self.events.append(f"-{name}")
        return name

    def handler(self) -> Handler:
        return Handler(say=self, call=self, poke=self)


class Caller:
    """Makes calls in order, and notes in which order they are answered."""

    def __init__(self, pair: Any, journal: Journal) -> None:
        self.pair = pair
        self.journal = journal
        self.answered: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def call(self, message: str, key: Any = "k", method: str = "say", **options: Any) -> asyncio.Task[None]:
        stub = self.pair.echo.with_options(key=key, **options)
        task = asyncio.create_task(self._note(getattr(stub, method)(message), message.partition(":")[0]))
        self.tasks.append(task)
        return task

    async def _note(self, call: Any, name: str) -> None:
        try:
            await call
        except asyncio.CancelledError:
            self.answered.append(f"{name} cancelled")
            raise
        except Exception as error:
            self.answered.append(f"{name} {type(error).__name__}")
        else:
            self.answered.append(name)

    async def all(self) -> None:
        await asyncio.wait(self.tasks)
        await settle()


def scheduled(policy: Any, test: Any, journal: Journal | None = None, **listen: Any) -> Caller:
    """Run a test against a server with a policy; nothing must be left over at its end."""
    journal = journal or Journal()
    callers: list[Caller] = []

    async def main() -> None:
        async with paired(journal.handler(), listen={"scheduling": policy, **listen}) as pair:
            caller = Caller(pair, journal)
            callers.append(caller)
            await test(caller)
            await caller.all()
            await asyncio.sleep(20)
            check_nothing_is_left(pair.server)

    run(main())
    return callers[0]


def check_nothing_is_left(endpoint: Any) -> None:
    workers = endpoint._dispatcher.workers
    assert (workers.pending, workers.in_line, workers.running) == (0, 0, 0)
    for session in endpoint._sessions.values():
        lane = session.lane
        assert (lane.pending, lane.running) == (0, 0)
        assert session.core.incoming.calls == {}
        if lane.order is not None:
            assert lane.order.lines == {}
            assert getattr(lane.order, "held", 0) == 0


# --- the three policies -----------------------------------------------------------------------------------------------


async def mixed(caller: Caller) -> None:
    caller.call("a:3")
    caller.call("b:1")
    caller.call("other:0.5", key="j")
    caller.call("free:2", key=None)
    caller.call("c:1.5", method="call")


def test_unordered_replies_leave_as_handlers_finish():
    caller = scheduled(Unordered(), mixed)
    assert caller.answered == ["other", "b", "c", "free", "a"]
    assert caller.journal.events[:5] == ["+a", "+b", "+other", "+free", "+c"]


def test_ordered_replies_hold_back_the_replies_and_not_the_execution():
    caller = scheduled(OrderedReplies(), mixed)
    assert caller.answered == ["other", "free", "a", "b", "c"]
    assert caller.journal.events[:5] == ["+a", "+b", "+other", "+free", "+c"]
    assert caller.journal.most["k"] == 3


def test_serialized_handlers_of_a_key_run_one_after_another_and_others_are_not_held_up():
    caller = scheduled(SerializedByKey(), mixed)
    assert caller.answered == ["other", "free", "a", "b", "c"]
    assert caller.journal.events[:3] == ["+a", "+other", "+free"]
    assert caller.journal.most["k"] == 1


@pytest.mark.parametrize("policy", POLICIES, ids=POLICY_NAMES)
def test_exceptions_and_errors_are_outcomes_like_others(policy):
    async def test(caller: Caller) -> None:
        for message in ("a:3", "bad:1", "error:2", "b"):
            caller.call(message)

    caller = scheduled(policy, test)
    if policy == Unordered():
        assert caller.answered == ["b", "bad Refusal", "error Internal", "a"]
    else:
        assert caller.answered == ["a", "bad Refusal", "error Internal", "b"]


@pytest.mark.parametrize("policy", POLICIES, ids=POLICY_NAMES)
def test_calls_without_a_key_are_never_ordered(policy):
    async def test(caller: Caller) -> None:
        caller.call("a:3", key=None)
        caller.call("b:1", key=None)

    assert scheduled(policy, test).answered == ["b", "a"]


@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=POLICY_NAMES[1:])
def test_a_number_text_and_bytes_are_different_keys(policy):
    async def test(caller: Caller) -> None:
        for seconds, key in ((3, 1), (2, "1"), (1, b"1")):
            caller.call(f"{type(key).__name__}:{seconds}", key=key)

    assert scheduled(policy, test).answered == ["bytes", "str", "int"]


def test_the_scope_of_a_key_is_the_calling_peer():
    journal = Journal()

    async def main():
        address = new_address()
        async with (
            callosum.listen(address, {Echo: journal.handler()}, scheduling=SerializedByKey()),
            callosum.connect(address) as one,
            callosum.connect(address) as two,
        ):
            stubs = [peer.stub(Echo, key="k") for peer in (one, two)]
            await asyncio.gather(*(stub.say("x:1") for stub in stubs))
        assert asyncio.get_running_loop().time() < 2

    run(main())
    assert journal.most == {"k": 2}


def test_oneways_are_serialized_too_and_have_no_reply_to_order():
    async def test(caller: Caller) -> None:
        await caller.call("one:2", method="poke")
        caller.call("b:1")
        await caller.call("two:1", method="poke")
        caller.call("c")

    caller = scheduled(SerializedByKey(), test)
    assert caller.journal.events == ["+one", "-one", "+b", "-b", "+two", "-two", "+c", "-c"]
    caller = scheduled(OrderedReplies(), test)
    assert caller.answered == ["one", "two", "b", "c"]
    assert caller.journal.events[:4] == ["+one", "+b", "+two", "+c"]


# --- who chooses ------------------------------------------------------------------------------------------------------


def test_a_policy_for_each_peer_is_chosen_once_when_its_session_opens():
    chosen = []

    def choose(peer):
        chosen.append(peer)
        return SerializedByKey() if peer.info.get("strict") else Unordered()

    async def main():
        journal = Journal()
        address = new_address()
        async with callosum.listen(address, {Echo: journal.handler()}, scheduling=choose) as server:
            for strict in (True, False):
                async with callosum.connect(address, info={"strict": strict}) as peer:
                    stub = peer.stub(Echo, key="k")
                    await asyncio.gather(stub.say("x:1"), stub.say("y:1"))
                assert journal.most.pop("k") == (1 if strict else 2)
            assert len(chosen) == 2
            assert len(set(server.peers) | set(chosen)) == 2

    run(main())


def test_the_connecting_side_chooses_for_what_it_serves():
    async def main():
        journal = Journal()
        async with paired(agent=journal.handler(), scheduling=lambda peer: SerializedByKey()) as pair:
            agent = pair.caller.stub(Agent, key="k")
            await asyncio.gather(agent.say("x:1"), agent.say("y:1"))
            assert journal.most == {"k": 1}

    run(main())


@pytest.mark.parametrize("result", [None, ValueError("no")])
def test_without_a_policy_the_calls_of_a_peer_are_refused(result, caplog):
    def choose(peer):
        if result is not None:
            raise result

    async def main():
        async with paired(listen={"scheduling": choose}) as pair:
            with pytest.raises(callosum.Internal, match="no scheduling policy for") as caught:
                await pair.echo.say("x")
            assert caught.value.outcome is Outcome.REJECTED

    run(main())
    assert "its calls are refused" in caplog.text


# --- places that are given up -----------------------------------------------------------------------------------------


def test_a_queued_call_can_be_cancelled():
    async def test(caller: Caller) -> None:
        caller.call("a:3")
        waits = caller.call("b:1")
        caller.call("c:1")
        await settle()
        waits.cancel()
        await asyncio.wait({waits})
        await settle()
        assert caller.pair.server._dispatcher.workers.pending == 1

    caller = scheduled(SerializedByKey(), test)
    assert caller.answered == ["b cancelled", "a", "c"]
    assert "+b" not in caller.journal.events


def test_the_deadline_of_a_queued_call_runs_while_it_waits():
    async def test(caller: Caller) -> None:
        caller.call("a:3")
        waits = caller.call("b:1", timeout=1)
        caller.call("c")
        await asyncio.wait({waits})
        assert asyncio.get_running_loop().time() < 1.5
        await settle()
        assert caller.pair.server._dispatcher.workers.pending == 1

    caller = scheduled(SerializedByKey(), test)
    assert caller.answered == ["b DeadlineExceeded", "a", "c"]
    assert caller.pair.server.counters["refused.deadline_exceeded"] == 1


def test_a_cancelled_handler_has_the_key_until_it_has_ended():
    journal = Journal()
    journal.cleanup = 2.0

    async def test(caller: Caller) -> None:
        first = caller.call("a:9")
        caller.call("b:1")
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.sleep(1)
        assert journal.events == ["+a"]

    caller = scheduled(SerializedByKey(), test, journal)
    assert journal.events == ["+a", "-a", "+b", "-b"]
    assert caller.answered == ["a cancelled", "b"]


def test_replies_do_not_wait_for_one_whose_caller_has_gone():
    journal = Journal()
    journal.cleanup = 5.0

    async def test(caller: Caller) -> None:
        first = caller.call("a:9")
        second = caller.call("b:1")
        await asyncio.sleep(2)
        assert not second.done()
        first.cancel()
        await asyncio.wait({second})
        assert asyncio.get_running_loop().time() < 2.5

    assert scheduled(OrderedReplies(), test, journal).answered == ["a cancelled", "b"]


def test_a_reply_that_is_held_back_is_dropped_where_its_caller_has_gone():
    async def test(caller: Caller) -> None:
        caller.call("a:3")
        gone = caller.call("b:1")
        caller.call("late:1", timeout=2)
        caller.call("c:1")
        await asyncio.sleep(1.5)
        gone.cancel()
        await asyncio.sleep(1)
        (session,) = caller.pair.server._sessions.values()
        assert session.lane.order.held == 2, "that of c"
        assert len(session.core.incoming.calls) == 2

    assert scheduled(OrderedReplies(), test).answered == ["b cancelled", "late DeadlineExceeded", "a", "c"]


@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=POLICY_NAMES[1:])
def test_a_call_whose_arguments_do_not_decode_gives_its_place_up(policy):
    async def main():
        journal = Journal()
        async with paired(journal.handler(), listen={"scheduling": policy}) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            calls = [Request(1, "Echo/say", None, 0, b"a:1", "k"), Request(3, "Echo/say", None, 0, b"\xff", "k")]
            raw.send(*calls, Request(5, "Echo/say", None, 0, b"b", "k"))
            await settle()
            if policy == OrderedReplies():
                assert raw.last(Error).id == 3, "it did not run, and waits for nobody"
            await asyncio.sleep(2)
            assert [m.id for m in raw.messages if isinstance(m, Reply)] == [1, 5]
            check_nothing_is_left(pair.server)
            raw.connection.close()

    run(main())


@pytest.mark.parametrize("policy", POLICIES, ids=POLICY_NAMES)
def test_a_session_that_ends_leaves_nothing_behind(policy):
    async def main():
        journal = Journal()
        async with paired(journal.handler(), listen={"scheduling": policy, "max_concurrency": 3}) as pair:
            (session,) = pair.server._sessions.values()
            caller = Caller(pair, journal)
            for n in range(20):
                caller.call(f"{n}:{1 + (n * 7) % 5}", key=n % 3)
            await asyncio.sleep(2.5)
            session.end("for the test")
            await settle(100)
            workers = pair.server._dispatcher.workers
            assert (workers.pending, workers.in_line, workers.running) == (0, 0, 0)
            assert session.lane.order is None or session.lane.order.lines == {}
            for task in caller.tasks:
                task.cancel()
            await caller.all()

    run(main())


# --- places are taken at arrival --------------------------------------------------------------------------------------


def fragments(ident: int, key: Any, *parts: bytes, **fields: Any) -> list[Fragment]:
    """A request in pieces."""
    head = Request(ident, "Echo/say", fields.pop("timeout_ms", None), 0, b"", key)
    made = [Fragment(head, Type.REQUEST, ident, parts[0], True)]
    made += [Fragment(None, Type.REQUEST, ident, part, True) for part in parts[1:-1]]
    return [*made, Fragment(None, Type.REQUEST, ident, parts[-1], False)]


def replied(raw: Raw) -> list[int]:
    return [message.id for message in raw.messages if isinstance(message, Reply)]


@pytest.mark.parametrize("policy", POLICIES, ids=POLICY_NAMES)
def test_a_large_request_has_its_place_with_its_first_fragment(policy):
    async def main():
        journal = Journal()
        async with paired(journal.handler(), listen={"scheduling": policy}) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            first, last = fragments(1, "k", b"la", b"rge")
            raw.send(first)
            raw.send(Request(3, "Echo/say", None, 0, b"small", "k"))
            await settle()
            expected = {
                "Unordered": ["+small", "-small"],
                "OrderedReplies": ["+small", "-small"],
                "SerializedByKey": [],
            }
            assert journal.events == expected[type(policy).__name__]
            assert replied(raw) == ([3] if policy == Unordered() else [])
            raw.send(last)
            await settle()
            assert replied(raw) == ([3, 1] if policy == Unordered() else [1, 3])
            check_nothing_is_left(pair.server)
            raw.connection.close()

    run(main())


@pytest.mark.parametrize("end", ["cancelled", "expired", "refused", "its session ends"])
@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=POLICY_NAMES[1:])
def test_a_request_that_will_not_be_whole_gives_its_place_up(policy, end):
    async def main():
        journal = Journal()
        limits = callosum.Limits(body_bytes=6)
        async with paired(journal.handler(), listen={"scheduling": policy, "limits": limits}) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            sessions = list(pair.server._sessions.values())
            first, last = fragments(1, "k", b"la", b"rgest", timeout_ms=1000 if end == "expired" else None)
            raw.send(first)
            raw.send(Request(3, "Echo/say", None, 0, b"small", "k"))
            await settle()
            assert replied(raw) == []
            if end == "cancelled":
                raw.send(Cancel(1, CancelReason.CANCELLED))
            elif end == "expired":
                await asyncio.sleep(1.1)
            elif end == "refused":
                raw.send(last)
            else:
                sessions[-1].end("for the test")
            await settle()
            assert replied(raw) == ([] if end == "its session ends" else [3])
            assert all(not session.lane.order.lines for session in sessions)
            check_nothing_is_left(pair.server)
            raw.connection.close()

    run(main())


def test_a_large_request_of_a_method_that_is_not_served_takes_no_place():
    async def main():
        async with paired(listen={"scheduling": SerializedByKey()}) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            head = Request(1, "Echo/nothing", None, 0, b"", "k")
            raw.send(Fragment(head, Type.REQUEST, 1, b"x", True))
            raw.send(Request(3, "Echo/say", None, 0, b"small", "k"))
            await settle()
            assert replied(raw) == [3]
            raw.connection.close()

    run(main())


def test_a_large_request_that_is_refused_when_it_is_whole_gives_its_place_up():
    async def main():
        journal = Journal()
        listen = {"scheduling": SerializedByKey(), "max_concurrency": 1, "max_pending": 2}
        async with paired(journal.handler(), listen=listen) as pair:
            raw = await Raw.opened(pair.server.addresses[0])
            first, last = fragments(1, "k", b"la", b"rge")
            raw.send(first)
            for ident, key in ((3, "j"), (5, "k"), (7, "j")):
                raw.send(Request(ident, "Echo/say", None, 0, b"x:1", key))
                await settle()
            raw.send(last)
            await settle()
            assert raw.last(Error).id == 1
            await asyncio.sleep(5)
            assert sorted(replied(raw)) == [3, 5, 7]
            check_nothing_is_left(pair.server)
            raw.connection.close()

    run(main())


# --- what is held back ------------------------------------------------------------------------------------------------


def test_where_held_replies_reach_their_bound_new_handlers_of_the_key_wait():
    async def test(caller: Caller) -> None:
        caller.call("a:5")
        caller.call("x" * 200)
        await settle()
        caller.call("b")
        caller.call("other", key="j")
        await asyncio.sleep(1)
        assert "+b" not in caller.journal.events
        assert "+other" in caller.journal.events
        assert caller.pair.server._dispatcher.workers.pending == 1
        gone = caller.call("gone")
        await settle()
        gone.cancel()

    caller = scheduled(OrderedReplies(key_bytes=100), test)
    assert caller.answered == ["other", "gone cancelled", "a", "x" * 200, "b"]
    assert "+gone" not in caller.journal.events


def test_what_waits_for_the_bound_starts_when_it_becomes_the_first():
    async def test(caller: Caller) -> None:
        first = caller.call("a:5")
        second = caller.call("x" * 200)
        await settle()
        caller.call("b")
        await settle()
        second.cancel()
        await settle()
        first.cancel()

    assert scheduled(OrderedReplies(key_bytes=100), test).answered == ["x" * 200 + " cancelled", "a cancelled", "b"]


# --- slots ------------------------------------------------------------------------------------------------------------


def test_a_slot_is_taken_after_the_turn_of_the_key_has_come():
    async def test(caller: Caller) -> None:
        for n in range(10):
            caller.call(f"{n}:1")
        await settle()
        caller.call("other:1", key="j")
        await asyncio.sleep(0.5)
        assert caller.journal.events == ["+0", "+other"]

    caller = scheduled(SerializedByKey(), test, max_concurrency=2)
    assert [name for name in caller.answered if name != "other"] == [str(n) for n in range(10)]


def test_calls_that_wait_for_their_key_are_counted_as_waiting():
    async def test(caller: Caller) -> None:
        for n in range(3):
            caller.call(f"{n}:1")
        await settle()
        await caller.call("more")
        assert caller.answered == ["more ResourceExhausted"]

    caller = scheduled(SerializedByKey(), test, max_concurrency=5, max_pending=2)
    assert caller.answered[1:] == ["0", "1", "2"]


@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=POLICY_NAMES[1:])
def test_a_call_that_its_session_holds_back_keeps_its_place(policy):
    """Where the peer takes replies too slowly, its calls are submitted again when it takes them."""

    async def main():
        journal = Journal()
        async with paired(journal.handler(), listen={"scheduling": policy}) as pair:
            caller = Caller(pair, journal)
            (session,) = pair.server._sessions.values()
            with mock.patch.object(type(session.outbox), "is_congested", new=True):
                calls = [caller.call(name) for name in "abc"]
                await asyncio.sleep(1)
                assert len(session._held) == (1 if policy == SerializedByKey() else 3)
                calls[0].cancel()
                await asyncio.sleep(1)
            session.flush()
            await caller.all()
            assert caller.answered == ["a cancelled", "b", "c"]
            check_nothing_is_left(pair.server)

    run(main())


# --- calls within calls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [0, 1, 2])
@pytest.mark.parametrize("outer", ["say", "poke"])
def test_a_call_within_a_handler_that_has_its_key_is_refused_and_not_locked_up(rounds, outer):
    """To and fro so many times, with other keys or none; the innermost call has the key of the outermost."""
    failures: list[type[BaseException]] = []

    async def outermost(message):
        await there(str(rounds))

    async def there(message):
        return await callosum.current_peer().stub(Agent, timeout=20).call(message)

    async def and_back(message):
        left = int(message)
        echo = callosum.current_peer().stub(Echo, timeout=20)
        if left:
            return await echo.with_options(key=f"other {left}" if left % 2 else None).call(str(left - 1))
        try:
            return await echo.with_options(key="k").say("innermost")
        except callosum.RpcError as error:
            failures.append(type(error))
            raise

    async def main():
        handler = Handler(say=outermost, poke=outermost, call=there)
        async with paired(handler, agent=Handler(call=and_back), listen={"scheduling": SerializedByKey()}) as pair:
            with contextlib.suppress(callosum.Internal):
                await getattr(pair.echo.with_options(key="k"), outer)("outermost")
            await asyncio.sleep(1)
            check_nothing_is_left(pair.server)

    run(main())
    assert failures == [callosum.ResourceExhausted]


def test_the_refusal_says_why():
    async def back(message):
        return await callosum.current_peer().stub(Echo, key="k").call("inner")

    async def main():
        caught: list[callosum.RpcError] = []

        async def say(message):
            try:
                return await callosum.current_peer().stub(Agent).call("x")
            except callosum.Internal as error:
                caught.append(error)
                return "refused"

        async def agent(message):
            try:
                return await back(message)
            except callosum.ResourceExhausted as error:
                caught.append(error)
                raise

        async with paired(
            Handler(say=say), agent=Handler(call=agent), listen={"scheduling": SerializedByKey()}
        ) as pair:
            assert await pair.echo.with_options(key="k").say("x") == "refused"
            assert type(caught[0]) is callosum.ResourceExhausted
            assert caught[0].outcome is Outcome.REJECTED
            assert "the handler that has the key waits for the call" in str(caught[0])
            assert await pair.echo.with_options(key="j").say("x") == "inner", "that handler has another key"

    run(main())


def test_a_nested_call_waits_for_a_key_that_no_call_of_its_chain_has():
    order = []

    async def call(message):
        order.append(message)
        await asyncio.sleep(1)
        if message == "outer":
            await callosum.current_peer().stub(Agent).call("back")
        order.append("-" + message)
        return message

    async def back(message):
        return await callosum.current_peer().stub(Echo, key="k").call("inner")

    async def main():
        async with paired(
            Handler(call=call), agent=Handler(call=back), listen={"scheduling": SerializedByKey()}
        ) as pair:
            outer = asyncio.create_task(pair.echo.with_options(key="j").call("outer"))
            await asyncio.sleep(0.5)
            busy = asyncio.create_task(pair.echo.with_options(key="k").call("busy"))
            await asyncio.gather(outer, busy)
            await settle()
            check_nothing_is_left(pair.server)

    run(main())
    assert order == ["outer", "busy", "-busy", "inner", "-inner", "-outer"]


@pytest.mark.parametrize("per_peer", [None, 1])
@pytest.mark.parametrize("outer", ["call", "poke"])
@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=POLICY_NAMES[1:])
def test_a_nested_call_does_not_wait_for_one_that_waits_for_the_slot_of_its_maker(policy, outer, per_peer):
    ran = []

    async def call(message):
        ran.append(message)
        await asyncio.sleep(1)
        if message == "outer":
            await callosum.current_peer().stub(Agent).call("back")
        ran.append("-" + message)
        return message

    async def back(message):
        return await callosum.current_peer().stub(Echo, key="k").call("inner")

    async def main():
        listen = {"scheduling": policy, "max_concurrency": 1, "max_concurrency_per_peer": per_peer}
        async with paired(Handler(call=call, poke=call), agent=Handler(call=back), listen=listen) as pair:
            made = asyncio.create_task(getattr(pair.echo.with_options(key="j"), outer)("outer"))
            await asyncio.sleep(0.5)
            waits = [asyncio.create_task(pair.echo.with_options(key="k").call(f"waits {n}")) for n in range(2)]
            await asyncio.gather(made, *waits)
            await asyncio.sleep(5)
            assert ran[-1] == "-outer"
            check_nothing_is_left(pair.server)

    run(main())


def test_replies_within_a_handler_whose_reply_comes_first_do_not_wait_for_it():
    async def call(message):
        return await callosum.current_peer().stub(Agent).call("back")

    async def back(message):
        return await callosum.current_peer().stub(Echo, key="k").say("inner")

    async def main():
        async with paired(
            Handler(call=call), agent=Handler(call=back), listen={"scheduling": OrderedReplies()}
        ) as pair:
            assert await pair.echo.with_options(key="k", timeout=5).call("outer") == "inner"
            await settle()
            check_nothing_is_left(pair.server)

    run(main())


def test_a_handler_whose_caller_has_left_is_in_the_chain_too():
    """It has its key until it has ended, and what it calls names no parent any more."""
    caught = []

    async def call(message):
        try:
            await asyncio.sleep(9)
        finally:
            try:
                await callosum.current_peer().stub(Agent, timeout=5).call("back")
            except callosum.RpcError as error:
                caught.append(error)

    async def back(message):
        return await callosum.current_peer().stub(Echo, key="k").say("inner")

    async def main():
        async with paired(
            Handler(call=call), agent=Handler(call=back), listen={"scheduling": SerializedByKey()}
        ) as pair:
            outer = asyncio.create_task(pair.echo.with_options(key="k").call("outer"))
            await asyncio.sleep(1)
            outer.cancel()
            await asyncio.sleep(1)
            assert [type(error) for error in caught] == [callosum.Internal]
            check_nothing_is_left(pair.server)

    run(main())


def test_the_makers_of_a_call():
    found: list[list[str]] = []

    async def call(message):
        inbound = cast(Inbound, current.get())
        found.append([bytes(maker.request.body).decode() for maker in inbound.makers()])
        if message == "0":
            return "bottom"
        depth = int(message) - 1
        return await callosum.current_peer().stub(Agent if depth % 2 else Echo).call(str(depth))

    async def main():
        async with paired(Handler(call=call), agent=Handler(call=call)) as pair:
            assert await pair.echo.call("4") == "bottom"

    run(main())
    assert found == [[], [], ["4"], ["3"], ["2", "4"]]


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=POLICY_NAMES[1:])
def test_idle_keys_leave_nothing_behind(policy):
    async def main():
        async with paired(listen={"scheduling": policy}) as pair:
            keys = itertools.count()

            async def calls(count):
                for _ in range(count):
                    await pair.echo.with_options(key=next(keys)).say("x")

            await calls(50)
            gc.collect()
            before = len(gc.get_objects())
            await asyncio.gather(*(calls(100) for _ in range(20)))
            gc.collect()
            assert len(gc.get_objects()) - before < 500
            check_nothing_is_left(pair.server)

    run(main())
