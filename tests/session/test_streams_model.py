"""Streams both ways under faults, against what must hold of them: a world for each seed, on the manual clock.

``CALLOSUM_STREAM_WORLDS`` says how many worlds there are, and ``CALLOSUM_STREAM_SEED`` with which seed they begin.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

import callosum
from callosum.errors import CallosumError, Outcome, PermissionDenied
from callosum.protocol.calls import SessionState
from callosum.protocol.core import SessionCore
from callosum.protocol.limits import STREAMS_WINDOW
from callosum.service import Cardinality, Method, Parameter, Service
from callosum.session.session import Session
from callosum.testing import ManualClock
from tests.services import (
    Links,
    Refusal,
    dialler,
    encode_args,
    new_address,
    run,
    service_class,
    settle,
    stream_codec,
    text_codec,
    until,
)

WORLDS = int(os.environ.get("CALLOSUM_STREAM_WORLDS", "60"))
FIRST_SEED = int(os.environ.get("CALLOSUM_STREAM_SEED", "0"))
CALLS = 14
"""Streams of one world."""

_message, _items = Parameter("message"), Parameter("items")
_both_ways = stream_codec(encode_args)
Flow = service_class(
    Service(
        "Flow",
        {
            method.name: method
            for method in (
                Method("Flow", "down", (_message,), {"text": text_codec()}, Cardinality.SERVER_STREAM),
                Method("Flow", "up", (_message, _items), {"text": _both_ways}, Cardinality.CLIENT_STREAM, stream=1),
                Method("Flow", "both", (_message, _items), {"text": _both_ways}, Cardinality.BIDI_STREAM, stream=1),
                Method("Flow", "say", (_message,), {"text": text_codec()}),
            )
        },
        "Flow-fingerprint",
    )
)
FAULTS = {"refuse": Refusal, "fail": ValueError, "deny": PermissionDenied}


@dataclass
class Plan:
    """What one call is to do, and what was seen of it."""

    ident: int
    kind: str
    down: list[int]
    """The sizes of what the handler sends."""
    up: list[int]
    """The sizes of what the caller sends."""
    handler_ends: str
    """"ok", or a key of `FAULTS`."""
    handler_reads: int | None
    """Items after which the handler reads no more; None: all."""
    caller_reads: int | None
    caller_leaves: str
    """How, after these: "break", "aclose", "cancel", "forget"."""
    source_fails: bool
    sends_itself: bool
    """Whether a bidirectional stream is sent to by ``send``, not from an iterable."""
    swallows: bool
    """Whether the handler swallows its cancellation."""
    pauses: float
    """The chance of a pause before each step."""
    timeout: float | None
    item_timeout: float | None
    # what was seen
    down_sent: int = 0
    """What the handler has given; the last of it may not have been taken."""
    up_sent: int = 0
    down_got: list[str] = field(default_factory=list)
    up_got: list[str] = field(default_factory=list)
    started: int = 0
    ended: int = 0
    handler_saw_the_end: bool = False
    source_begun: int = 0
    source_ended: int = 0
    became: str = ""
    error: BaseException | None = None

    def item(self, way: str, number: int) -> str:
        size = (self.down if way == "down" else self.up)[number]
        return f"{self.ident} {way} {number} ".ljust(size, "x")

    def items(self, way: str) -> list[str]:
        return [self.item(way, number) for number in range(len(self.down if way == "down" else self.up))]


def sizes(rng: random.Random) -> list[int]:
    """Mostly small ones; some larger than a window."""
    count = rng.choice((0, 1, 2, 5, 20, 60, 200))
    large = rng.choice((0.0, 0.0, 0.02, 0.1))
    return [
        rng.choice((70_000, 300_000, 1_200_000)) if rng.random() < large else rng.choice((1, 20, 3000))
        for _ in range(count)
    ]


def plan_of(ident: int, rng: random.Random) -> Plan:
    leaves = rng.random() < 0.4
    return Plan(
        ident=ident,
        kind=rng.choice(("down", "up", "both", "both")),
        down=sizes(rng),
        up=sizes(rng),
        handler_ends=rng.choice(("ok", "ok", "ok", *FAULTS)),
        handler_reads=rng.choice((None, None, None, 0, 1, 7)),
        caller_reads=rng.choice((0, 1, 3, 30)) if leaves else None,
        caller_leaves=rng.choice(("break", "aclose", "cancel", "forget")),
        source_fails=rng.random() < 0.15,
        sends_itself=rng.random() < 0.5,
        swallows=rng.random() < 0.1,
        pauses=rng.choice((0.0, 0.0, 0.05, 0.5)),
        timeout=rng.choice((None, None, None, 0.5, 20.0)),
        item_timeout=rng.choice((None, None, None, 3.0)),
    )


class World:
    """Two sides that call each other, and what was seen."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.plans: dict[int, Plan] = {}
        self.faults: Counter[str] = Counter()
        self.finished = False
        """Whether the sessions ended before the calls did."""

    async def pause(self, chance: float) -> None:
        if self.rng.random() < chance:
            await asyncio.sleep(self.rng.choice((0, 0, 0.01, 0.3, 2.0)))

    # --- the handler of both sides

    async def down(self, message: str) -> AsyncIterator[str]:
        plan = self.plans[int(message)]
        plan.started += 1
        try:
            for number in range(len(plan.down)):
                await self.pause(plan.pauses)
                plan.down_sent = number + 1
                try:
                    yield plan.item("down", number)
                except asyncio.CancelledError:
                    if not plan.swallows:
                        raise
            self._end(plan)
        finally:
            await self._finally(plan)

    async def up(self, message: str, items: AsyncIterator[str]) -> str:
        plan = self.plans[int(message)]
        plan.started += 1
        try:
            await self._take(plan, items)
            self._end(plan)
            return f"{len(plan.up_got)}"
        finally:
            await self._finally(plan)

    async def both(self, message: str, items: AsyncIterator[str]) -> AsyncIterator[str]:
        plan = self.plans[int(message)]
        plan.started += 1
        try:
            async with asyncio.TaskGroup() as group:
                taking = group.create_task(self._take(plan, items))
                for number in range(len(plan.down)):
                    await self.pause(plan.pauses)
                    plan.down_sent = number + 1
                    yield plan.item("down", number)
                if plan.handler_reads is not None:
                    taking.cancel()
            self._end(plan)
        finally:
            await self._finally(plan)

    async def say(self, message: str) -> str:
        return message

    async def _take(self, plan: Plan, items: AsyncIterator[str]) -> None:
        async for item in items:
            plan.up_got.append(item)
            if len(plan.up_got) == plan.handler_reads:
                return
            await self.pause(plan.pauses)
        plan.handler_saw_the_end = True

    def _end(self, plan: Plan) -> None:
        if plan.handler_ends != "ok":
            raise FAULTS[plan.handler_ends]("as planned")

    async def _finally(self, plan: Plan) -> None:
        assert callosum.current_call().method.service == "Flow"
        try:
            if plan.pauses:
                await asyncio.sleep(0.001)  # the cancellation may come now
        finally:
            plan.ended += 1

    # --- the caller of both sides

    async def source(self, plan: Plan) -> AsyncIterator[str]:
        plan.source_begun += 1
        try:
            for number in range(len(plan.up)):
                await self.pause(plan.pauses)
                plan.up_sent = number + 1
                yield plan.item("up", number)
            if plan.source_fails:
                raise LookupError("as planned")
        finally:
            plan.source_ended += 1

    async def call(self, plan: Plan, peer: callosum.Peer) -> None:
        await asyncio.sleep(self.rng.choice((0, 0, 0.1, 1.0, 4.0)))
        stub = peer.stub(Flow).with_options(timeout=plan.timeout, item_timeout=plan.item_timeout)
        task = asyncio.ensure_future(self._perform(plan, stub))
        if plan.caller_leaves == "cancel" and plan.caller_reads is not None:
            await asyncio.wait([task], timeout=self.rng.choice((0.001, 0.1, 1.0)))
            if task.cancel():
                plan.became = "left"
        try:
            await task
        except asyncio.CancelledError:
            assert plan.became == "left"
        except (CallosumError, Refusal, LookupError) as error:
            plan.became, plan.error = type(error).__name__, error

    async def _perform(self, plan: Plan, stub: Any) -> None:
        message = str(plan.ident)
        if plan.kind == "up":
            assert await stub.up(message, self.source(plan)) == str(len(plan.up_got))
            plan.became = "ok"
        elif plan.kind == "down":
            await self._read(plan, stub.down(message))
        elif plan.sends_itself:
            async with stub.both(message) as stream:
                sending = asyncio.ensure_future(self._send(plan, stream))
                try:
                    await self._read(plan, stream)
                finally:
                    sending.cancel()
                    await asyncio.wait([sending])
        else:
            await self._read(plan, stub.both(message, self.source(plan)))

    async def _send(self, plan: Plan, stream: Any) -> None:
        try:
            for number in range(len(plan.up)):
                await self.pause(plan.pauses)
                plan.up_sent = number + 1
                await stream.send(plan.item("up", number))
            await stream.end()
        except (CallosumError, Refusal):
            return  # the reader is told, too

    async def _read(self, plan: Plan, stream: Any) -> None:
        if plan.caller_reads == 0 and plan.caller_leaves in {"break", "aclose", "forget"}:
            plan.became = "left"
            await stream.aclose()
            return
        async for item in stream:
            plan.down_got.append(item)
            if len(plan.down_got) == plan.caller_reads and plan.caller_leaves != "cancel":
                plan.became = "left"
                if plan.caller_leaves == "aclose":
                    await stream.aclose()
                break
            await self.pause(plan.pauses)
        else:
            plan.became = "ok"
            return
        if plan.caller_leaves == "forget" and self.rng.random() < 0.5:
            del stream
            gc.collect(0)

    # --- faults

    async def spoil(self, links: Links) -> None:
        """Cut the link now and then; the sessions resume."""
        rng = self.rng
        for _ in range(rng.choice((0, 1, 3, 6))):
            await asyncio.sleep(rng.choice((0.001, 0.01, 0.3, 1.0)))
            await settle(rng.randrange(30))
            link = links.last
            match rng.randrange(4):
                case 0:
                    link.cut()
                case 1:
                    link.cut_after(rng.randrange(20))
                case 2:
                    link.stall()
                    await asyncio.sleep(rng.choice((0.1, 1.0)))
                    link.cut()
                case _:
                    link.delay(0.05)
                    await asyncio.sleep(0.2)
                    link.cut()
            self.faults["cuts"] += 1

    async def finish(self, server: callosum.ListenEndpoint, peer: callosum.Peer) -> None:
        """In some worlds the sessions end, or drain, in the middle."""
        what = self.rng.choice(("", "", "", "", "end", "end here", "drain"))
        if not what:
            return
        await asyncio.sleep(self.rng.choice((0.0, 0.05, 1.0, 4.0)))
        await settle(self.rng.randrange(40))
        self.finished = True
        self.faults[what] += 1
        for other in list(server.peers):
            session = other.route.session
            if what == "drain":
                await session.drain("the world drains", asyncio.get_running_loop().time() + 2)
            elif what == "end":
                session.end("the world ends")
        if what == "end here":
            peer.route.session.end("the world ends here")

    # --- what must hold

    def judge(self, plan: Plan) -> None:
        sent_down, sent_up = plan.items("down"), plan.items("up")
        assert plan.down_got == sent_down[: len(plan.down_got)], "what arrives is a prefix of what was sent"
        assert plan.up_got == sent_up[: len(plan.up_got)]
        assert len(plan.down_got) <= plan.down_sent
        assert len(plan.up_got) <= plan.up_sent
        assert plan.started <= 1
        assert plan.ended == plan.started, "finally has run once"
        assert plan.source_ended == plan.source_begun <= 1
        if plan.handler_saw_the_end:
            assert plan.up_got == sent_up, "the end comes behind all items"
            assert not plan.source_fails or plan.sends_itself
        handler_ended = {"Refusal": "refuse", "Internal": "fail", "PermissionDenied": "deny", "ok": "ok"}.get(
            plan.became
        )
        if handler_ended is not None:
            assert plan.handler_ends == handler_ended or (handler_ended == "fail" and plan.kind == "both")
            if plan.kind != "up" and plan.handler_ends == handler_ended:
                assert plan.down_got == sent_down, "complete, also before an exception"
        elif plan.became not in {"left", "LookupError"}:
            assert plan.became in {"DeadlineExceeded", "ConnectionLost", "Unavailable", "Cancelled"}, plan.became
            assert plan.became == "DeadlineExceeded" or self.finished, plan.error
            assert plan.became != "DeadlineExceeded" or plan.timeout or plan.item_timeout
        outcome = getattr(plan.error, "outcome", None)
        if outcome in {Outcome.NOT_SENT, Outcome.REJECTED}:
            assert not plan.started, plan.error
        elif outcome is Outcome.EXECUTED:
            assert plan.started, plan.error

    async def is_clean(self, sessions: list[Session]) -> None:
        """Nothing is left, and all credit is there: at its sender, or about to be given back."""
        cores = [session.core for session in sessions if session.core.state is SessionState.OPEN]
        for core in cores:
            await until(partial(is_idle, core), 60)
            assert not core.outbox.streams
            assert not core.streams._blocked
            assert not core.streams._assembly.unfinished
            assert not core.streams._growth
        if len(cores) == 2:
            for one, other in (cores, reversed(cores)):
                assert one.outbox.streams_left + other.streams._owed == STREAMS_WINDOW
                assert other.streams._granted + other.streams._owed == STREAMS_WINDOW


def is_idle(core: SessionCore) -> bool:
    return not core.incoming.calls and not core.outbox.outgoing and core.is_flushed and not core.unacknowledged


async def pass_on(call: callosum.Call, following: Any) -> Any:
    """Gives an async generator of its own where the handler streams."""
    result = await following(call)
    if not call.method.cardinality.gives_items:
        return result

    async def passed() -> AsyncIterator[Any]:
        async for item in result:
            yield item

    return passed()


async def live(world: World, complaints: list[str]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
    rng, address = world.rng, new_address()
    options: dict[str, Any] = {"interceptors": [pass_on]} if rng.random() < 0.3 else {}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(callosum.listen(address, {Flow: world}, **options))
        client, links = dialler(address, {Flow: world}, **options)
        peer = await stack.enter_async_context(client)
        await until(lambda: len(server.peers) == 1)
        (other,) = server.peers
        for ident in range(CALLS):
            world.plans[ident] = plan_of(ident, rng)
        sessions = [peer.route.session, other.route.session]
        async with asyncio.TaskGroup() as group:
            for plan in world.plans.values():
                group.create_task(world.call(plan, peer if rng.random() < 0.6 else other))
            group.create_task(world.spoil(links))
            group.create_task(world.finish(server, peer))
        with suppress(TimeoutError):  # it is judged below
            await until(lambda: all(plan.ended == plan.started for plan in world.plans.values()), 60)
        await settle()
        for plan in world.plans.values():
            try:
                world.judge(plan)
            except AssertionError as error:
                error.add_note(repr(replace(plan, down_got=plan.down_got[-1:], up_got=plan.up_got[-1:])))
                raise
        await world.is_clean(sessions)
        if not world.finished:
            assert await peer.stub(Flow).say("still here") == "still here"


def run_world(seed: int, caplog: pytest.LogCaptureFixture) -> World:
    world, complaints = World(seed), list[str]()
    caplog.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # some are forgotten on purpose
        run(live(world, complaints), ManualClock())
        gc.collect(0)
    complaints += [one.getMessage() for one in caplog.records if one.name == "asyncio"]
    assert not complaints
    return world


def test_worlds_of_streams(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    became: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + WORLDS):
        try:
            world = run_world(seed, caplog)
        except BaseException as error:
            error.add_note(f"the world of seed {seed}: CALLOSUM_STREAM_SEED={seed} CALLOSUM_STREAM_WORLDS=1")
            raise
        became.update(plan.became for plan in world.plans.values())
        faults.update(world.faults)
    print(f"{WORLDS} worlds, {became.total()} streams: {dict(became)}; {dict(faults)}")
    assert became["ok"] > became.total() / 10
