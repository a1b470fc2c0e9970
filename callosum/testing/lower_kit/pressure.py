"""Checks of what a connection does when the other side does not keep up."""

from __future__ import annotations

import asyncio
from typing import Final

from callosum.testing.lower_kit.end import End, expect_all, expect_prefix
from callosum.testing.lower_kit.laws import Law, expect
from callosum.testing.lower_kit.trial import QUIET, Cannot, Side, Trial

SIZE: Final = 16 * 1024
"""Bytes of each message that nobody reads."""
BOUND: Final = 64 * 1024 * 1024
"""Bytes that a connection may have taken before it refuses, with what its transport and the system hold."""
STUCK: Final = 0.2
"""Seconds of nothing but refusals after which a connection is full."""


async def what_is_not_read_has_a_bound(trial: Trial) -> None:
    """Who dialled does not start: sends are refused, take nothing, and go on when it does."""
    async with trial.pair(Side.ACCEPTED) as pair:
        await fill(pair.accepted)
        expect(not pair.accepted.reasons, Law.BOUND, f"closed({pair.accepted.reasons}): who dialled is late, not gone")
        await _goes_on(trial, pair.accepted, pair.dialled, pair.dialled.start)


async def what_waits_for_accept_has_a_bound(trial: Trial) -> None:
    """Who was accepted does not start: sends are refused, or the connection is given up, and both are told."""
    trial.skip_where(Cannot.NOTICE_CLOSE)
    async with trial.pair(Side.DIALLED) as pair:
        await fill(pair.dialled)
        if not pair.dialled.reasons:
            await _goes_on(trial, pair.dialled, pair.accepted, pair.accepted.start)
            return
        pair.accepted.start()
        await trial.told_closed(pair.accepted, Law.START)
        expect_prefix(pair.dialled, pair.accepted)


async def writable_alone_keeps_a_sender_going(trial: Trial) -> None:
    """A sender that waits for nothing but ``writable`` gets everything across."""
    count = 1500
    async with trial.pair(Side.ACCEPTED) as pair:
        sender, receiver = pair.accepted, pair.dialled

        def push_on() -> None:
            while len(sender.sizes) < count and sender.push(SIZE):
                pass

        sender.on_writable = push_on
        push_on()
        await asyncio.sleep(QUIET)
        receiver.start()
        await trial.until(
            lambda: len(receiver.messages) == count,
            Law.WRITABLE,
            lambda: (
                f"after {sender.writables} calls {len(sender.sizes)} of {count} messages were taken, and"
                f" {len(receiver.messages)} received"
            ),
        )
        expect_all(sender, receiver)


async def a_frozen_link_holds_a_bounded_amount(trial: Trial) -> None:
    """Both ends send into a link that passes nothing, until they are refused; when it flows, all arrives."""
    async with trial.linked() as (pair, link):
        await trial.push_all(pair.accepted, [0])
        await trial.arrived(pair.accepted, pair.dialled)
        link.stall()
        await asyncio.gather(fill(pair.dialled), fill(pair.accepted))
        for end in (pair.dialled, pair.accepted):
            expect(not end.reasons, Law.BOUND, f"{end.name} was told closed({end.reasons}): the link only stands still")
        await asyncio.gather(
            _goes_on(trial, pair.dialled, pair.accepted, link.flow),
            _goes_on(trial, pair.accepted, pair.dialled, link.flow),
        )


CHECKS: Final = (
    what_is_not_read_has_a_bound,
    what_waits_for_accept_has_a_bound,
    writable_alone_keeps_a_sender_going,
)
CHECKS_OF_A_LINK: Final = (a_frozen_link_holds_a_bounded_amount,)


async def fill(end: End, size: int = SIZE) -> None:
    """Send until the connection takes no more for a while, or is closed.

    Raises:
        AssertionError: It takes and takes.
    """
    loop = asyncio.get_running_loop()
    taken = 0
    refused = loop.time()
    while not end.reasons:
        if end.push(size):
            taken += size
            expect(
                taken <= BOUND, Law.BOUND, f"{end.name} has sent {taken} bytes that nobody reads, and none was refused"
            )
            refused = loop.time()
            if taken % (size * 16) == 0:
                await asyncio.sleep(0)
        elif loop.time() > refused + STUCK:
            return
        else:
            await asyncio.sleep(0.005)


async def _goes_on(trial: Trial, sender: End, receiver: End, resume: object) -> None:
    """The sender is full: resume, and see that it is told, and that nothing was lost, doubled or taken on the side."""
    before = sender.writables
    assert callable(resume)
    resume()
    await trial.until(
        lambda: sender.writables > before,
        Law.WRITABLE,
        lambda: f"{sender.name} was refused, the other side reads again, and nothing was told",
    )
    await trial.push_all(sender, [SIZE] * 10)
    await trial.arrived(sender, receiver, Law.TAKES_NOTHING)
    await asyncio.sleep(QUIET)
    expect_all(sender, receiver, Law.TAKES_NOTHING)
