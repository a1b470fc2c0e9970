"""Each policy against a small model: random calls over a real session, and when each has to begin and to be answered.

Two kinds of worlds. Where there are slots for all, the model knows the instant of every beginning and every answer, and
they have to be these. Where slots, queues and held bytes are scarce, and calls with a deadline may be shed, the laws
alone have to hold: the order of a key, one at a time, no call run twice, none lost, nothing left behind.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

import callosum
from callosum import OrderedReplies, Outcome, SerializedByKey, Unordered
from tests.protocol.pair import small_fragments
from tests.services import Agent, Echo, Handler, Refusal, paired, run

EXAMPLES = int(os.environ.get("CALLOSUM_SCHEDULING_EXAMPLES", "40"))
"""Worlds of each kind, for each policy."""
TIE = 0.02
"""Seconds: worlds in which a caller leaves at the instant of something else are left out, since either may be first."""
KEYS: list[Any] = [None, 1, "1", b"1"]
totals: Counter[str] = Counter()


@dataclass
class Plan:
    """What is to happen to one call."""

    name: str
    gap: float
    """Seconds after the one before it was made."""
    key: Any
    method: str
    kind: str
    """What becomes of its handler: ok, declared, error; or within: it has the other side call back with its key."""
    duration: float
    leaves: float | None
    """Seconds after which its caller leaves."""
    by: str
    """Whether he leaves by a deadline or by cancelling."""
    cleanup: float
    """Seconds that its handler takes to end when it is cancelled."""
    padding: int
    """Bytes of its arguments and of its result: from 1,000 on it travels in fragments."""


@dataclass
class Fact:
    """What has happened to one call."""

    made: float = 0.0
    begun: list[float] = field(default_factory=list)
    ended: float | None = None
    answered: float | None = None
    outcome: str = ""
    place: int = 0
    """Which answer it was, counted over all."""


@st.composite
def plans(draw: Any) -> list[Plan]:
    count = draw(st.integers(4, 14))
    seconds = st.integers(0, 60_000).map(lambda ms: ms / 1000)
    made = []
    for n in range(count):
        method = draw(st.sampled_from(["say", "call", "say", "poke"]))
        leaves = draw(st.one_of(st.none(), st.none(), seconds.filter(lambda s: s > 0.1)))
        made.append(
            Plan(
                str(n),
                draw(st.one_of(st.just(0.0), st.just(0.0), seconds)) / 10,
                draw(st.sampled_from([*KEYS, 1, 1, 1])),
                method,
                draw(st.sampled_from(["ok", "ok", "ok", "declared", "error", "within"])),
                draw(st.one_of(seconds, seconds, st.just(0.0))),
                leaves,
                # nobody can leave a oneway that is gone: its deadline can pass
                "deadline" if method == "poke" else draw(st.sampled_from(["deadline", "cancel"])),
                draw(st.sampled_from([0.0, 0.0, 3.3])),
                draw(st.sampled_from([0, 0, 0, 3000])),
            )
        )
    return made


class World:
    """Makes the calls, serves them, and writes down what happens."""

    def __init__(self, policy: Any, calls: list[Plan], **listen: Any) -> None:
        self.policy = policy
        self.calls = {plan.name: plan for plan in calls}
        self.facts = {plan.name: Fact() for plan in calls}
        self.listen = listen
        self.running: Counter[Any] = Counter()
        self.most: Counter[Any] = Counter()
        self.answers = 0

    async def serve(self, message: str) -> str:
        name, _, _ = message.partition(",")
        if name == "inner":
            return name
        plan, fact, loop = self.calls[name], self.facts[name], asyncio.get_running_loop()
        fact.begun.append(loop.time())
        self.running[plan.key] += 1
        self.running["all"] += 1
        for counted in (plan.key, "all"):
            self.most[counted] = max(self.most[counted], self.running[counted])
        try:
            if plan.kind == "within":
                await callosum.current_peer().stub(Agent, metadata={"for": name}).call(name)
            await asyncio.sleep(plan.duration)
        except asyncio.CancelledError:
            await asyncio.sleep(plan.cleanup)
            raise
        finally:
            self.running[plan.key] -= 1
            self.running["all"] -= 1
            fact.ended = loop.time()
        if plan.kind == "declared":
            raise Refusal(name)
        if plan.kind == "error":
            raise ValueError(name)
        return name.ljust(plan.padding)

    async def serve_back(self, name: str) -> str:
        """The other side, in a handler of which a call is made that has the key of the outermost one."""
        key = self.calls[name].key
        try:
            inner = await callosum.current_peer().stub(Echo, key=key).say("inner")
        except callosum.ResourceExhausted as error:
            assert self.policy == SerializedByKey()
            assert key is not None
            assert error.outcome is Outcome.REJECTED
            totals["refused within their key"] += 1
        else:
            assert inner == "inner"
            assert key is None or self.policy != SerializedByKey()
        return name

    async def make(self, pair: Any, plan: Plan) -> None:
        fact, loop = self.facts[plan.name], asyncio.get_running_loop()
        fact.made = loop.time()
        timeout = plan.leaves if plan.by == "deadline" else None
        stub = pair.echo.with_options(key=plan.key, timeout=timeout)
        call = asyncio.ensure_future(getattr(stub, plan.method)(f"{plan.name},{'x' * plan.padding}"))
        if plan.leaves is not None and plan.by == "cancel":
            loop.call_later(plan.leaves, call.cancel)
        try:
            await call
            fact.outcome = "ok"
        except asyncio.CancelledError:
            fact.outcome = "cancelled"
        except Refusal:
            fact.outcome = "declared"
        except callosum.Internal:
            fact.outcome = "error"
        except callosum.RpcError as error:
            fact.outcome = f"{error.code.name} {error.outcome.name}"
        if plan.method != "poke" and fact.outcome in {"ok", "declared", "error"}:
            self.answers += 1
            fact.answered, fact.place = loop.time(), self.answers
        totals[f"calls: {fact.outcome}"] += 1

    async def go(self) -> None:
        handler = Handler(say=self.serve, call=self.serve, poke=self.serve)
        agent = Handler(call=self.serve_back)
        options = {"scheduling": self.policy, **self.listen}
        async with paired(handler, agent=agent, listen=options | {"heartbeat": 60.0}, heartbeat=60.0) as pair:
            tasks = []
            for plan in self.calls.values():
                if plan.gap:
                    await asyncio.sleep(plan.gap)
                tasks.append(asyncio.create_task(self.make(pair, plan)))
            await asyncio.wait(tasks)
            await asyncio.sleep(500)
            self.check_nothing_is_left(pair)
        totals["worlds"] += 1

    def check_nothing_is_left(self, pair: Any) -> None:
        workers = pair.server._dispatcher.workers
        assert (workers.pending, workers.in_line, workers.running, +self.running) == (0, 0, 0, Counter())
        (session,) = pair.server._sessions.values()
        lane = session.lane
        assert (lane.pending, lane.running) == (0, 0)
        assert session.core.incoming.calls == pair.client.session.core.incoming.calls == {}
        if lane.order is not None:
            assert lane.order.lines == {}
            assert getattr(lane.order, "held", 0) == 0
            assert getattr(lane.order, "_stalled", {}) == {}

    # --- the laws -----------------------------------------------------------------------------------------------------

    def check_laws(self) -> None:
        for name, plan in self.calls.items():
            fact = self.facts[name]
            assert len(fact.begun) <= 1, "at most once"
            assert fact.outcome
            if fact.outcome in {"ok", "declared", "error"} and plan.method != "poke":
                assert fact.begun
                assert fact.outcome == {"within": "ok"}.get(plan.kind, plan.kind)
            if "REJECTED" in fact.outcome:
                assert not fact.begun
            totals["handlers begun"] += len(fact.begun)
        for key in KEYS[1:]:
            if self.policy == SerializedByKey():
                assert self.most[key] <= 1, "one at a time"
                begun = [(self.facts[n].begun[0], n) for n in self.of(key) if self.facts[n].begun]
                assert begun == sorted(begun, key=lambda one: one[0]), "in request order"
            if isinstance(self.policy, OrderedReplies):
                places = [self.facts[n].place for n in self.of(key) if self.facts[n].place]
                assert places == sorted(places), "replies leave in request order"

    def of(self, key: Any) -> list[str]:
        """The calls of a key, in request order."""
        return [name for name, plan in self.calls.items() if plan.key == key and type(plan.key) is type(key)]


class Exact(World):
    """There are slots for all, and nothing is shed, so that the model knows every instant."""

    def check_instants(self) -> None:
        """What follows from the plans alone."""
        expected = [
            instants
            for key in KEYS
            for instants in (self.of_one_key(self.of(key)) if key is not None else self.of_no_key())
        ]
        for name, begun, answered in expected:
            fact = self.facts[name]
            assert (fact.begun[0] if fact.begun else None) == pytest.approx(begun, abs=TIE / 4), name
            assert fact.answered == pytest.approx(answered, abs=TIE / 4), name
            totals["instants"] += 2

    def of_no_key(self) -> Iterator[tuple[str, float | None, float | None]]:
        for name in self.of(None):
            yield from self.of_one_key([name])

    def of_one_key(self, names: list[str]) -> Iterator[tuple[str, float | None, float | None]]:
        """Name, and the instants at which it begins and is answered, or None."""
        free = done = 0.0
        """From when on the key is free; from when on replies are not held back."""
        for name in names:
            plan, made = self.calls[name], self.facts[name].made
            is_oneway = plan.method == "poke"
            gone = float("inf") if plan.leaves is None else made + plan.leaves
            begins = max(made, free) if self.policy == SerializedByKey() else made
            ends = begins + plan.duration
            self.look_for_ties(gone, begins, ends, done)
            if gone <= begins:
                yield name, None, None
                continue
            if self.policy == SerializedByKey():
                free = ends if ends < gone else gone + plan.cleanup
            answered = ends
            if self.policy == OrderedReplies() and not is_oneway:
                done = max(done, min(ends, gone))
                answered = done
                totals["replies held back"] += answered > ends and answered < gone
            totals["handlers that waited"] += begins > made
            yield name, begins, None if is_oneway or answered >= gone else answered

    @staticmethod
    def look_for_ties(gone: float, *instants: float) -> None:
        assume(all(abs(gone - instant) > TIE for instant in instants))


POLICIES = [Unordered(), OrderedReplies(), SerializedByKey()]
NAMES = [type(policy).__name__ for policy in POLICIES]
quick = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def _figures() -> Iterator[None]:
    yield
    print("\n" + ", ".join(f"{count} {name}" for name, count in sorted(totals.items())))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
@quick
@given(calls=plans())
def test_every_call_begins_and_is_answered_at_its_instant(policy, calls):
    world = Exact(policy, calls, max_queue_delay=math.inf)
    with small_fragments(1000, 500):
        run(world.go())
    world.check_laws()
    world.check_instants()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("policy", POLICIES, ids=NAMES)
@quick
@given(
    calls=plans(),
    slots=st.integers(1, 3),
    pending=st.integers(1, 6),
    per_peer=st.sampled_from([None, 1, 2]),
    delay=st.sampled_from([None, None, 20.0]),
    held=st.sampled_from([1, 100, 5000]),
)
def test_where_all_is_scarce_the_laws_hold(policy, calls, slots, pending, per_peer, delay, held):
    if policy == OrderedReplies():
        policy = OrderedReplies(key_bytes=held, peer_bytes=2 * held)
    world = World(
        policy,
        calls,
        max_concurrency=slots,
        max_pending=pending,
        max_concurrency_per_peer=per_peer,
        max_queue_delay=delay,
    )
    with small_fragments(1000, 500):
        run(world.go())
    world.check_laws()
    within = sum(plan.kind == "within" for plan in calls)  # what these wait for may take no slot
    assert world.most["all"] <= min(slots, per_peer or slots) + within
    event(f"{policy}, {per_peer}")


def test_the_worlds_were_not_trivial():
    """In proportion to how many there were."""
    worlds = totals["worlds"]
    assert worlds >= 3 * EXAMPLES
    for name, for_each in {
        "handlers begun": 2,
        "instants": 2,
        "calls: ok": 1,
        "calls: cancelled": 0.1,
        "calls: declared": 0.1,
        "calls: error": 0.1,
        "calls: DEADLINE_EXCEEDED UNKNOWN": 0.05,
        "calls: RESOURCE_EXHAUSTED REJECTED": 0.1,
        "refused within their key": 0.05,
        "replies held back": 0.05,
        "handlers that waited": 0.05,
    }.items():
        assert totals[name] >= worlds * for_each, (name, totals)
