"""Checks of how connections end: cut in every state, by every cause, and closed in every state."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from callosum.testing.lower_kit.end import End, expect_all, expect_prefix
from callosum.testing.lower_kit.laws import Law, expect
from callosum.testing.lower_kit.link import Link
from callosum.testing.lower_kit.pressure import fill
from callosum.testing.lower_kit.trial import QUIET, Cannot, Check, Pair, Side, Trial

LINGER: Final = 1.0
"""Seconds that what was sent gets to leave."""
LAST: Final = 200
"""Messages that are sent right before a close."""
FEW: Final = 20
"""The same for a layer that `Cannot.KEEP_A_LONG_TAIL`."""


class Cause(enum.Enum):
    """What ends a connection."""

    DIALLED_CLOSES = "by_who_dialled"
    ACCEPTED_CLOSES = "by_who_was_accepted"
    LISTENER_CLOSES = "by_its_listener"
    LINK_IS_CUT = "by_a_cut_of_the_link"

    @property
    def survivors(self) -> Side:
        """The ends that have to be told."""
        return {Cause.DIALLED_CLOSES: Side.ACCEPTED, Cause.ACCEPTED_CLOSES: Side.DIALLED}.get(self, Side.BOTH)


_EndIt = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class _Stage:
    """What a connection is that is to end."""

    trial: Trial
    pair: Pair
    link: Link | None
    end_it: _EndIt


async def _before_start(stage: _Stage) -> None:
    await stage.trial.push_all(stage.pair.dialled, [0] * 3)
    await stage.trial.push_all(stage.pair.accepted, [0] * 3)
    await asyncio.sleep(QUIET)
    await stage.end_it()
    await asyncio.sleep(QUIET)


async def _while_idle(stage: _Stage) -> None:
    for sender, receiver in ((stage.pair.dialled, stage.pair.accepted), (stage.pair.accepted, stage.pair.dialled)):
        await stage.trial.push_all(sender, [100] * 3)
        await stage.trial.arrived(sender, receiver)
    await stage.end_it()


async def _while_sending(stage: _Stage) -> None:
    await _send_across((stage.pair.accepted,), stage.end_it)


async def _while_both_send(stage: _Stage) -> None:
    await _send_across((stage.pair.dialled, stage.pair.accepted), stage.end_it)


async def _while_blocked(stage: _Stage) -> None:
    if stage.link is not None:
        stage.link.stall()
    ends = [stage.pair.accepted]
    if Cannot.NOTICE_CLOSE not in stage.trial.subject.cannot:  # who is not told of that goes on after it was given up
        ends.append(stage.pair.dialled)
    await asyncio.gather(*map(fill, ends))
    await stage.end_it()


_STATES: Final = {
    _before_start: Side.NEITHER,
    _while_idle: Side.BOTH,
    _while_sending: Side.BOTH,
    _while_both_send: Side.BOTH,
    _while_blocked: Side.NEITHER,
}
"""Each with the ends that are started in it."""
_State = Callable[[_Stage], Awaitable[None]]


async def _send_across(senders: tuple[End, ...], end_it: _EndIt) -> None:
    """Send before, while and after it ends."""
    for turn in range(40):
        for end in senders:
            for _ in range(10):
                end.push(300)
        if turn == 20:
            await end_it()
        await asyncio.sleep(0)


async def _end(trial: Trial, cause: Cause, state: _State, started: Side) -> None:
    if cause is Cause.LINK_IS_CUT:
        async with trial.linked(started) as (pair, link):

            async def cut() -> None:
                link.cut()

            await state(_Stage(trial, pair, link, cut))
            await _told(trial, pair, cause, started)
        return
    async with trial.pair(started) as pair:

        async def end_it() -> None:
            match cause:
                case Cause.DIALLED_CLOSES:
                    pair.dialled.close()
                case Cause.ACCEPTED_CLOSES:
                    pair.accepted.close()
                case _:
                    await pair.listening.listener.close()

        await state(_Stage(trial, pair, None, end_it))
        await _told(trial, pair, cause, started)


async def _told(trial: Trial, pair: Pair, cause: Cause, started: Side) -> None:
    """Who has to be told is told, once and last, and what it received is what was sent, up to some message."""
    law = Law.LISTENER_CLOSE if cause is Cause.LISTENER_CLOSES else Law.CLOSED
    ends = {Side.DIALLED: pair.dialled, Side.ACCEPTED: pair.accepted}
    survivors = [side for side in ends if side in cause.survivors]
    for side in survivors:
        if side not in started:
            ends[side].start()
    for side in survivors:
        if side is Side.DIALLED and Cannot.NOTICE_CLOSE in trial.subject.cannot:
            continue
        await trial.told_closed(ends[side], law)
        expect(not ends[side].push(), Law.CLOSED, f"{ends[side].name} sends after it was told closed")
    await asyncio.sleep(QUIET)
    expect_prefix(pair.dialled, pair.accepted)
    expect_prefix(pair.accepted, pair.dialled)
    if started is Side.NEITHER:
        return
    for end in (ends[side] for side in survivors if ends[side].reasons):
        expect(not end.owed_drain, Law.DRAINED, f"{end.name} was told closed without it, after messages")


def _check(cause: Cause, state: _State, started: Side) -> Check:
    async def check(trial: Trial) -> None:
        if cause in {Cause.DIALLED_CLOSES, Cause.ACCEPTED_CLOSES}:
            trial.skip_where(Cannot.NOTICE_CLOSE)
        await _end(trial, cause, state, started)

    check.__name__ = f"ended{state.__name__}_{cause.value}"
    check.__doc__ = f"The connection ends {cause.value.replace('_', ' ')}{state.__name__.replace('_', ' ')}."
    return check


def _last(trial: Trial) -> int:
    return FEW if Cannot.KEEP_A_LONG_TAIL in trial.subject.cannot else LAST


async def what_was_sent_before_a_close_lingers(trial: Trial) -> None:
    """Who closes with a linger time, and has sent much right before, loses nothing of it; on either side."""
    for closes in (Side.DIALLED, Side.ACCEPTED):
        async with trial.pair() as pair:
            ends = (pair.dialled, pair.accepted)
            sender, receiver = ends if closes is Side.DIALLED else ends[::-1]
            await trial.push_all(sender, [1000] * _last(trial))
            sender.close(LINGER)
            await trial.arrived(sender, receiver, Law.LINGER)
            if Cannot.NOTICE_CLOSE not in trial.subject.cannot:
                await trial.told_closed(receiver)
            expect_all(sender, receiver, Law.LINGER)


async def what_was_sent_before_a_listener_closes_lingers(trial: Trial) -> None:
    """The same where the listener is closed with a linger time."""
    async with trial.pair() as pair:
        await trial.push_all(pair.accepted, [1000] * _last(trial))
        await pair.listening.listener.close(LINGER)
        await trial.arrived(pair.accepted, pair.dialled, Law.LINGER)
        expect_all(pair.accepted, pair.dialled, Law.LINGER)


async def nothing_is_told_after_an_own_close(trial: Trial) -> None:
    """Neither what arrives, nor the end, however much the other side sends; a second close changes nothing."""
    for closes in (Side.DIALLED, Side.ACCEPTED):
        async with trial.pair() as pair:
            ends = (pair.dialled, pair.accepted)
            closing, other = ends if closes is Side.DIALLED else ends[::-1]
            for _ in range(100):
                other.push(100)
            closing.close()
            for _ in range(100):
                other.push(100)
            closing.close(LINGER)
            closing.close()
            expect(not closing.push(), Law.CLOSE, f"{closing.name} sends after its own close()")
            await asyncio.sleep(QUIET)
            expect_prefix(other, closing)


async def nothing_is_told_after_a_close_in_a_callback(trial: Trial) -> None:
    """A receiver closes while it is called with a run of messages, with ``drained`` or with ``writable``."""
    for closes in (Side.DIALLED, Side.ACCEPTED):
        for callback in ("on_received", "on_drained"):
            async with trial.pair() as pair:
                ends = (pair.dialled, pair.accepted)
                closing, other = ends if closes is Side.DIALLED else ends[::-1]
                setattr(closing, callback, closing.close)
                before = len(closing.messages)
                await trial.push_all(other, [0] * 20)
                await trial.until(
                    lambda: len(closing.messages) > before,  # noqa: B023 - awaited at once
                    Law.NO_HOLE,
                    lambda: "no message arrived",
                )
                await asyncio.sleep(QUIET)
    async with trial.pair(Side.ACCEPTED) as pair:
        pair.accepted.on_writable = pair.accepted.close
        await fill(pair.accepted)
        pair.dialled.start()
        await asyncio.sleep(QUIET)
        pair.accepted.close()


async def a_connection_may_be_closed_before_its_start(trial: Trial) -> None:
    """Nobody is called, also when it is started after that; the other side is told."""
    for closes in (Side.DIALLED, Side.ACCEPTED):
        async with trial.pair(Side.BOTH & ~closes) as pair:
            ends = (pair.dialled, pair.accepted)
            closing, other = ends if closes is Side.DIALLED else ends[::-1]
            other.push()
            await asyncio.sleep(QUIET)
            closing.close()
            closing.start()
            await asyncio.sleep(QUIET)
            if Cannot.NOTICE_CLOSE not in trial.subject.cannot:
                await trial.told_closed(other)


CHECKS: Final = (
    *(
        _check(cause, state, started)
        for cause in (Cause.DIALLED_CLOSES, Cause.ACCEPTED_CLOSES, Cause.LISTENER_CLOSES)
        for state, started in _STATES.items()
    ),
    what_was_sent_before_a_close_lingers,
    what_was_sent_before_a_listener_closes_lingers,
    nothing_is_told_after_an_own_close,
    nothing_is_told_after_a_close_in_a_callback,
    a_connection_may_be_closed_before_its_start,
)
CHECKS_OF_A_LINK: Final = tuple(_check(Cause.LINK_IS_CUT, state, started) for state, started in _STATES.items())
