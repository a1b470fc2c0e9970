"""One run of one check: the layer under test, a fresh address, and the ends that are made there."""

from __future__ import annotations

import asyncio
import enum
import gc
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from callosum.errors import CallosumError, ProtocolError
from callosum.lower.base import Connection, Listener, LowerLayer
from callosum.testing.lower_kit.end import End, Watch
from callosum.testing.lower_kit.laws import Law, broken, expect
from callosum.testing.lower_kit.link import Link, MakeLink

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds after which something that has to come has not."""
LIMIT: Final = 45.0
"""Seconds after which a check is given up."""
_LOOKS: Final = 100
"""The least number of turns of the loop for that: a process that was held up has not waited."""
QUIET: Final = 0.03
"""Seconds in which what must not come would have come."""
CONNECT: Final = 10.0
"""Seconds that an attempt to connect gets which will succeed."""
_DESCRIPTORS: Final = Path("/dev/fd")
_numbers = itertools.count(1)


class Cannot(enum.Flag):
    """What a layer rightly cannot do: said in the line that checks it, where everybody sees it."""

    NOTHING = 0
    NOTICE_CLOSE = enum.auto()
    """An end is not told when the other one closes: there is nothing in between that could tell."""
    KEEP_A_LONG_TAIL = enum.auto()
    """What an end has not read when the other one closes, of many messages, is lost to it, although it has left."""


class Side(enum.Flag):
    """The ends of a connection."""

    NEITHER = 0
    DIALLED = enum.auto()
    ACCEPTED = enum.auto()
    BOTH = DIALLED | ACCEPTED


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Attributes:
        layer, auth: Under test.
        address: Where; ``{n}`` in it stands for a number that is new each time.
        make_link: A link that can be cut and frozen, where there is one.
        cannot: What is left out.
    """

    layer: LowerLayer
    address: str
    auth: object
    make_link: MakeLink | None
    cannot: Cannot

    @property
    def scheme(self) -> str:
        """Of its addresses."""
        return self.address.partition("://")[0]


@dataclass(frozen=True)
class Pair:
    """A connection: both ends, and what they stand on."""

    listening: Listening
    dialled: End
    accepted: End


class Listening:
    """An open listener, and the ends that it has handed over.

    Attributes:
        listener: Under test.
        accepted: In the order in which they came.
        starts: Whether they are started as they come.
    """

    def __init__(self, trial: Trial, listener: Listener) -> None:
        self.listener = listener
        self.accepted: list[End] = []
        self.starts = True
        self._trial = trial

    @property
    def address(self) -> str:
        """Where to dial."""
        return self.listener.address

    def accept(self, connection: Connection) -> None:
        """Take a connection over; see `Listener.open`."""
        end = self._trial.end(connection, f"the accepted end {len(self.accepted)}")
        self.accepted.append(end)
        if self.starts:
            end.start()


class Trial:
    """What a check is given.

    Attributes:
        subject: What is checked.
        watch: What was seen against the contract.
    """

    def __init__(self, subject: Subject, watch: Watch) -> None:
        self.subject = subject
        self.watch = watch
        self._exits = AsyncExitStack()
        self._dialled = 0

    # --- what it gives

    def fresh_address(self) -> str:
        """An address at which nobody has listened in this process, or a fixed one."""
        return self.subject.address.replace("{n}", str(next(_numbers)))

    def end(self, connection: Connection, name: str) -> End:
        """The end of a connection; it is closed when the check ends."""
        end = End(self.watch, connection, name)
        self._exits.callback(end.close)
        return end

    @asynccontextmanager
    async def listening(self, address: str | None = None) -> AsyncIterator[Listening]:
        """An open listener."""
        where = self.fresh_address() if address is None else address
        with only(f"listener({where!r}) and its open()"):
            try:
                listener = self.subject.layer.listener(where, self.subject.auth)
                listening = Listening(self, listener)
                await bounded(listener.open(listening.accept), f"open() of the listener at {where}")
            except CallosumError as error:
                raise broken(Law.HAND_OVER, f"nobody can listen at {where}: {error!r}") from error
        try:
            yield listening
        finally:
            await bounded(listener.close(), f"close() of the listener at {where}")

    async def dial(self, address: str) -> End:
        """A connection, not started."""
        with only(f"connector({address!r}) and its connect()"):
            try:
                connector = self.subject.layer.connector(address, self.subject.auth)
                connection = await bounded(connector.connect(CONNECT), f"connect() to {address}")
            except CallosumError as error:
                raise broken(Law.CONNECT, f"{address} cannot be dialled: {error!r}, and somebody listens") from error
        self._dialled += 1
        return self.end(connection, f"the dialled end {self._dialled - 1}")

    @asynccontextmanager
    async def pair(self, start: Side = Side.BOTH) -> AsyncIterator[Pair]:
        """A connection, over which message 0 goes from the dialled end to the accepted one."""
        async with self.listening() as listening, self.joined(listening, start, listening.address) as pair:
            yield pair

    @asynccontextmanager
    async def linked(self, start: Side = Side.BOTH) -> AsyncIterator[tuple[Pair, Link]]:
        """A connection over a link."""
        assert self.subject.make_link is not None, "without one, the check is left out"
        async with (
            self.listening() as listening,
            self.subject.make_link(listening.address) as link,
            self.joined(listening, start, link.address) as pair,
        ):
            yield pair, link

    @asynccontextmanager
    async def joined(self, listening: Listening, start: Side, address: str) -> AsyncIterator[Pair]:
        """Dial a listener; both ends are closed afterwards."""
        listening.starts = Side.ACCEPTED in start
        before = len(listening.accepted)
        dialled = await self.dial(address)
        expect(dialled.push(), Law.CONNECT, "the first send of a new connection was refused")
        await self.until(
            lambda: len(listening.accepted) > before,
            Law.SPEAKS_FIRST,
            lambda: "no connection was handed over after a message was sent",
        )
        accepted = listening.accepted[-1]
        if Side.DIALLED in start:
            dialled.start()
        if Side.ACCEPTED in start:
            await self.arrived(dialled, accepted)
        try:
            yield Pair(listening, dialled, accepted)
        finally:
            dialled.close()
            accepted.close()

    # --- what it waits for

    async def until(self, condition: Callable[[], object], law: Law, seen: Callable[[], str]) -> None:
        """Wait for something that has to come.

        Raises:
            AssertionError: It has not, or a fault was noted.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        looks = 0
        while not condition():
            self.watch.raise_first()
            looks += 1
            if loop.time() > end and looks > _LOOKS:
                raise broken(law, f"{seen()}, after {PATIENCE:g} s")
            await asyncio.sleep(0.002)

    async def arrived(self, sender: End, receiver: End, law: Law = Law.NO_HOLE) -> None:
        """Wait until all that was taken has arrived, and see that it is that."""
        count = len(sender.sizes)
        await self.until(
            lambda: len(receiver.messages) >= count,
            law,
            lambda: f"{receiver.name} has received {len(receiver.messages)} of {count} messages that were taken",
        )

    async def push_all(self, end: End, sizes: Iterable[int]) -> None:
        """Send numbered messages of these sizes, and wait for ``writable`` where one is refused."""
        for count, size in enumerate(sizes):
            before = end.writables
            while not end.push(size):
                await self.until(
                    lambda: end.writables > before or end.reasons,  # noqa: B023 - awaited at once
                    Law.WRITABLE,
                    lambda: f"{end.name} was told neither, and had sent {len(end.sizes)} messages",
                )
                expect(not end.reasons, Law.NO_HOLE, f"{end.name} was told closed({end.reasons}), and nobody closed it")
                before = end.writables
            if count % 50 == 49:
                await asyncio.sleep(0)

    async def told_closed(self, end: End, law: Law = Law.CLOSE) -> None:
        """Wait until it is told ``closed``."""
        await self.until(lambda: end.reasons, law, lambda: f"{end.name} was not told closed")

    def skip_where(self, cannot: Cannot) -> None:
        """Leave the check out where the layer cannot do this, and say so.

        Raises:
            SkipTest: It cannot. pytest and unittest report it as skipped, with this reason.
        """
        if cannot in self.subject.cannot:
            from unittest import SkipTest  # noqa: PLC0415 - it brings much, and is seldom needed

            raise SkipTest(f"declared where the layer is checked: cannot={cannot}")

    # --- its end

    async def close(self) -> None:
        """Close everything that was made, and see that nothing is left."""
        await self._exits.aclose()
        await asyncio.sleep(QUIET)
        own = asyncio.current_task()

        def left() -> list[str]:
            return [repr(task) for task in asyncio.all_tasks() if task is not own]

        await self.until(lambda: not left(), Law.NOTHING_LEFT, lambda: f"tasks that run on: {left()}")


Check = Callable[[Trial], Awaitable[None]]


def run(subject: Subject, check: Check) -> None:
    """Run one check in an event loop of its own.

    Raises:
        AssertionError: The layer does not keep its contract.
    """
    asyncio.run(_run(subject, check))


async def _run(subject: Subject, check: Check) -> None:
    watch = Watch()
    asyncio.get_running_loop().set_exception_handler(watch.note_unhandled)
    trial = Trial(subject, watch)
    try:
        async with asyncio.timeout(LIMIT):
            await _checked(check, trial)
    except TimeoutError as error:
        watch.raise_first()
        raise AssertionError(f"the check was not done after {LIMIT:g} s") from error
    except AssertionError:
        watch.raise_first()
        raise
    except ProtocolError as error:
        raise broken(Law.OVER_LIMITS, f"{error!r}, for a message within them") from error
    gc.collect()  # a future whose exception nobody has looked at says so now
    watch.raise_first()


async def _checked(check: Check, trial: Trial) -> None:
    try:
        await check(trial)
    except BaseException:
        with suppress(AssertionError):  # what is left behind by a check that failed is its consequence
            await trial.close()
        raise
    await trial.close()


@contextmanager
def only(what: str) -> Iterator[None]:
    """A call into the layer, which raises nothing but exceptions of callosum.

    Raises:
        AssertionError: It raised another.
    """
    try:
        yield
    except (CallosumError, AssertionError):
        raise
    except Exception as error:
        raise broken(Law.ONLY_NAMED, f"{what} raised {error!r}") from error


async def bounded(call: Awaitable[T], what: str, limit: float = CONNECT * 1.5) -> T:
    """The same for a coroutine of the layer, which also has to end.

    Raises:
        AssertionError: It raised another, or has not ended.
    """
    scope = asyncio.timeout(limit)
    with only(what):
        try:
            async with scope:
                return await call
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise AssertionError(f"{what} has not ended within {limit:g} s") from error


def descriptors() -> int:
    """How many this process has open; 0 where the system does not list them."""
    return len(list(_DESCRIPTORS.iterdir())) if _DESCRIPTORS.is_dir() else 0
