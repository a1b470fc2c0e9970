"""Checks of what a connection is for: whole messages, in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from callosum.errors import ProtocolError
from callosum.lower.base import Frame, Frames
from callosum.testing.lower_kit.end import End, expect_all
from callosum.testing.lower_kit.laws import Law, broken, expect
from callosum.testing.lower_kit.trial import QUIET, Pair, Side, Trial

MANY: Final = 3000
"""Messages of a long run."""
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of the largest message that is tried, where the limits allow more."""
MOST_FRAMES: Final = 4096
"""The same for frames."""
FREE: Final = 256 * 1024
"""Bytes from which the memory of a sent frame is the connection's."""
SIZES: Final = (0, 1, 2, 125, 126, 127, 254, 255, 256, 257, 4095, 4096, 16_384, 65_535, 65_536, 65_537, 131_072)
LARGE_SIZES: Final = (262_143, 262_144, 262_145, 1_000_003, 3 << 20)


async def messages_arrive_in_order_both_ways(trial: Trial) -> None:
    """Thousands each way at the same time: all arrive, in order."""
    chance = random.Random(1)  # noqa: S311 - the same sizes each time
    async with trial.pair() as pair:
        await asyncio.gather(
            trial.push_all(pair.dialled, [chance.choice((0, 1, 30, 300, 3000)) for _ in range(MANY)]),
            trial.push_all(pair.accepted, [chance.choice((0, 1, 30, 300, 3000)) for _ in range(MANY)]),
        )
        await trial.arrived(pair.dialled, pair.accepted)
        await trial.arrived(pair.accepted, pair.dialled)
        expect_all(pair.dialled, pair.accepted)
        expect_all(pair.accepted, pair.dialled)


async def frames_keep_their_number_and_sizes(trial: Trial) -> None:
    """One to the most frames, empty ones at each place, sizes around those where implementations change their way."""
    most = await _most_frames(trial)
    some = _bytes(max(LARGE_SIZES))
    layouts: list[Frames] = [[some[:size]] for size in (*SIZES[1:], *LARGE_SIZES)]
    layouts += [[some[:size], some[: size + 1]] for size in SIZES]
    layouts += [[b"", b""], [b"", b"x"], [b"x", b""], [b"", b"", b"x", b"", b""]]
    layouts += [[b"%d" % place for place in range(count)] for count in {2, 3, 9, most // 2, most} if 0 < count <= most]
    layouts += [[some[: SIZES[place % len(SIZES)]] for place in range(min(most, 40))], [b""] * most]
    await _exchange(trial, layouts)


async def a_frame_may_be_a_view(trial: Trial) -> None:
    """Views and bytes, mixed, also of a part and of memory that can be written."""
    some = _bytes(3 * FREE)
    layouts: list[Frames] = [
        [memoryview(some)[1:size], some[:size], memoryview(bytearray(some[:size]))] for size in (2, 100, 70_000, FREE)
    ]
    await _exchange(trial, [*layouts, [memoryview(b"")[:0], memoryview(some)]])


async def small_frames_are_the_senders_again(trial: Trial) -> None:
    """Below 256 KiB the sender may change the memory of a frame once ``send`` has returned."""
    async with trial.pair() as pair:
        for sender, receiver in _ways(pair):
            before = len(receiver.messages)
            for size in (1, 1000, 65_536, FREE - 1):
                memory = bytearray(b"a" * size)
                await _send(trial, sender, [b"first", memoryview(memory)])
                memory[:] = b"b" * size
                await _send(trial, sender, [memoryview(memory)])
                memory[:] = b"c" * size
            await _count(trial, receiver, before + 8)
            for first, second in zip(receiver.messages[before::2], receiver.messages[before + 1 :: 2], strict=True):
                intact = set(first[1]) == {ord("a")} and set(second[0]) == {ord("b")}
                expect(
                    intact, Law.HANDED_ON, f"a frame of {len(second[0])} bytes that was changed after send() returned"
                )


async def received_frames_are_the_receivers_to_keep(trial: Trial) -> None:
    """What was received stays as it was while more arrives."""
    async with trial.pair() as pair:
        for sender, receiver in _ways(pair):
            await trial.push_all(sender, [*SIZES, *LARGE_SIZES[:3], *SIZES, *SIZES, *LARGE_SIZES[:3]])
            await trial.arrived(sender, receiver)
            for copied, kept in zip(receiver.messages, receiver.kept, strict=True):
                expect([bytes(frame) for frame in kept] == copied, Law.TO_KEEP, "a frame that has changed since")


async def the_largest_message_passes(trial: Trial) -> None:
    """As large as the limits allow (or 64 MiB), in one frame and in several."""
    async with trial.pair() as pair:
        limits = pair.dialled.connection.limits
        size = min(limits.message_bytes, LARGEST)
        parts = min(limits.frames, 5)
        whole = _bytes(size)
        split = [whole[place * size // parts : (place + 1) * size // parts] for place in range(parts)]
        for sender, receiver in _ways(pair):
            for message in ([whole], split):
                before = len(receiver.messages)
                await _send(trial, sender, message)
                await _count(trial, receiver, before + 1)
                same = receiver.messages[before] == message
                receiver.messages[before].clear()
                receiver.kept[before] = ()
                expect(same, Law.ORDER, f"a message of {size} bytes in {len(message)} frames that came as another one")


async def a_message_over_the_limits_is_refused(trial: Trial) -> None:
    """Too many frames, too many bytes, none at all: its sender is told, and everything goes on."""
    async with trial.pair() as pair:
        for sender, receiver in _ways(pair):
            limits = sender.connection.limits
            beyond: list[Frames] = [[]]
            if limits.frames <= MOST_FRAMES:
                beyond.append([b""] * (limits.frames + 1))
            if limits.message_bytes <= LARGEST:
                beyond += [[bytes(limits.message_bytes + 1)], [b"x", memoryview(bytes(limits.message_bytes))]]
            for message in beyond:
                _expect_refused(sender, message)
            await trial.push_all(sender, [0, 100])
            await trial.arrived(sender, receiver, Law.OVER_LIMITS)
            expect_all(sender, receiver)


async def a_run_of_messages_ends_with_drained(trial: Trial) -> None:
    """After the last of what arrives together, ``drained``; and what is sent there leaves."""
    async with trial.pair() as pair:
        pair.accepted.on_drained = pair.accepted.push
        for sizes in ([0], [0] * 10, [100_000, 0], [0] * 500):
            await trial.push_all(pair.dialled, sizes)
            await trial.arrived(pair.dialled, pair.accepted)
            await trial.until(
                lambda: not pair.accepted.owed_drain,
                Law.DRAINED,
                lambda: f"it was not called after {len(pair.accepted.messages)} messages",
            )
        await trial.arrived(pair.accepted, pair.dialled)


async def what_arrived_before_start_is_delivered_first(trial: Trial) -> None:
    """A receiver that is given late misses nothing, and no order."""
    for late in (Side.DIALLED, Side.ACCEPTED):
        async with trial.pair(Side.BOTH & ~late) as pair:
            sender, receiver = (pair.accepted, pair.dialled) if late is Side.DIALLED else (pair.dialled, pair.accepted)
            await trial.push_all(sender, [10] * 10)
            await asyncio.sleep(QUIET)
            expect(not receiver.messages, Law.START, f"{receiver.name} received before its start")
            receiver.start()
            await trial.push_all(sender, [10] * 10)
            await trial.arrived(sender, receiver, Law.START)
            expect_all(sender, receiver)


async def a_second_start_replaces_the_receiver(trial: Trial) -> None:
    """What comes from then on goes to the new one, also the end of the connection."""
    async with trial.pair() as pair:
        for sender, receiver in _ways(pair):
            heir = trial.end(receiver.connection, f"the second receiver of {receiver.name}")
            before = len(receiver.messages), receiver.drains
            receiver.start_other(heir)
            await _send(trial, sender, [b"for the second"])
            await trial.until(
                lambda: heir.messages,  # noqa: B023 - awaited at once
                Law.START_AGAIN,
                lambda: "the second receiver receives nothing",
            )
            after = len(receiver.messages), receiver.drains
            expect(before == after, Law.START_AGAIN, "the first receiver was called after the second start()")
            expect(heir.messages == [[b"for the second"]], Law.START_AGAIN, f"the second received {heir.messages}")


async def nobody_is_called_from_within_a_call(trial: Trial) -> None:
    """Neither from within ``send``, nor ``start`` with messages that wait, nor ``close``."""
    async with trial.pair(Side.ACCEPTED) as pair:
        pair.accepted.on_received = pair.accepted.push
        await trial.push_all(pair.dialled, [0] * 50)
        await trial.arrived(pair.dialled, pair.accepted)
        await asyncio.sleep(QUIET)
        pair.dialled.start()
        await trial.arrived(pair.accepted, pair.dialled)
        await trial.push_all(pair.dialled, [0] * 50)
        pair.dialled.close()


CHECKS: Final = (
    messages_arrive_in_order_both_ways,
    frames_keep_their_number_and_sizes,
    a_frame_may_be_a_view,
    small_frames_are_the_senders_again,
    received_frames_are_the_receivers_to_keep,
    the_largest_message_passes,
    a_message_over_the_limits_is_refused,
    a_run_of_messages_ends_with_drained,
    what_arrived_before_start_is_delivered_first,
    a_second_start_replaces_the_receiver,
    nobody_is_called_from_within_a_call,
)


def _ways(pair: Pair) -> list[tuple[End, End]]:
    """Who sends, and who receives: each direction."""
    return [(pair.dialled, pair.accepted), (pair.accepted, pair.dialled)]


def _bytes(size: int) -> bytes:
    """Bytes in which a shifted, lost or doubled part shows."""
    return (random.Random(2).randbytes(min(size, 1_000_003)) * (size // 1_000_003 + 1))[:size]  # noqa: S311


async def _most_frames(trial: Trial) -> int:
    async with trial.pair() as pair:
        return min(pair.dialled.connection.limits.frames, MOST_FRAMES)


async def _exchange(trial: Trial, layouts: Sequence[Frames]) -> None:
    """Send messages both ways, and compare."""
    async with trial.pair() as pair:
        for sender, receiver in _ways(pair):
            before = len(receiver.messages)
            for layout in layouts:
                await _send(trial, sender, layout)
            await _count(trial, receiver, before + len(layouts))
            for layout, message in zip(layouts, receiver.messages[before:], strict=True):
                expect(
                    [bytes(frame) for frame in layout] == message,
                    Law.ORDER,
                    f"{_shape(layout)} was sent, and {_shape(message)} arrived",
                )


async def _send(trial: Trial, end: End, message: Sequence[Frame]) -> None:
    """Send one message; where it is refused, wait for ``writable``."""
    before = end.writables
    while not end.send(message):
        await trial.until(
            lambda: end.writables > before,  # noqa: B023 - awaited at once
            Law.WRITABLE,
            lambda: f"{end.name} was refused a message, and told nothing",
        )
        before = end.writables


async def _count(trial: Trial, receiver: End, count: int) -> None:
    await trial.until(
        lambda: len(receiver.messages) >= count,
        Law.NO_HOLE,
        lambda: (
            f"{receiver.name} has {len(receiver.messages)} messages of {count}, and was told closed: {receiver.reasons}"
        ),
    )


def _shape(message: Sequence[Frame]) -> str:
    """A message for people."""
    sizes = ", ".join(str(len(frame)) for frame in message[:8])
    return f"a message of {len(message)} frames ({sizes}{', …' if len(message) > 8 else ''} bytes)"


def _expect_refused(sender: End, message: Sequence[Frame]) -> None:
    try:
        taken = sender.send(message)
    except ProtocolError as error:
        expect(str(error), Law.OVER_LIMITS, "a ProtocolError without a text")
        return
    raise broken(Law.OVER_LIMITS, f"send() of {_shape(message)} returned {taken} and raised nothing")
