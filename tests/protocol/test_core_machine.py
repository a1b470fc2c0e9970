"""Two cores under faults: nothing is lost, nothing runs twice, every outcome is true, and nothing is left over."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from callosum.protocol.limits import KIB, MIB, Limits
from tests.protocol.flows import small_windows
from tests.protocol.pair import small_fragments
from tests.protocol.world import Profile, World, totals

EXAMPLES = int(os.environ.get("CALLOSUM_PROTOCOL_EXAMPLES", "180"))
STEPS = 400
SMALL_FRAGMENT = 2000
SMALL_INLINE = 500
AT_LEAST = {
    "steps": 300,
    "executions": 50,
    "ok": 30,
    "batches": 100,
    "refused sends": 30,
    "lost batches": 4,
    "cuts": 1,
    "requeued": 4,
    "streaming calls": 20,
    "items": 100,
    "large items": 10,
    "writers that waited": 20,
    "complete streams": 5,
    "given up streams": 0.1,
    "resumed": 0.7,
    "nested": 20,
    "cancels": 20,
    "UNKNOWN": 4,
    "NOT_SENT": 20,
    "REJECTED": 1,
    "EXECUTED": 1,
    "clock jumps": 1,
    "listener restarts": 0.1,
    "connector restarts": 0.05,
    "drained": 0.05,
    "takeovers": 0.05,
    "not resumed": 0.05,
    "long pauses": 0.05,
}
"""What there is on the average of each world, at the least."""
WINDOWS = [(4, 4_000), (16, 20_000), (1024, 16 * MIB), (8, 12_000)]


def profile_of(seed: int) -> Profile:
    """One of many kinds of worlds."""
    rng = random.Random(seed)
    real = rng.random() < 0.05
    """Whether fragments are as large as in earnest."""
    calls, size = rng.choice(WINDOWS)
    if real:
        size = rng.choice([3 * MIB, 16 * MIB])
    tight = rng.random() < 0.3
    limits = Limits(
        window_calls=calls,
        window_bytes=size,
        body_bytes=64 * MIB if real else rng.choice([16_000, 7_000]),
        bulk_window=rng.choice([2 * MIB, 4 * MIB]) if real else rng.choice([2_000, 5_000, 2 * MIB]),
        resend_records=160 if tight else 65_536,
        resend_bytes=300 * KIB if tight and not real else 16 * MIB,
        unfinished_bytes=20_000 if rng.random() < 0.15 and not real else 128 * MIB,
        reply_backlog_bytes=20_000 if tight else 16 * MIB,
        nested_calls=rng.choice([2, 8]),
        ack_records=rng.choice([4, 64]),
        stall_timeout=rng.choice([2.0, 10.0]),
    )
    kind = rng.randrange(5)
    return Profile(
        cuts=kind != 1,
        restarts=kind > 2,
        long_pauses=kind > 2,
        drains=kind in (2, 4),
        limits=limits,
        patience=rng.choice([None, None, 1.0]),
        greets=rng.random() < 0.3,
        body_unit=MIB if real else 1000,
    )


def run(seed: int) -> None:
    profile = profile_of(seed)
    real = profile.body_unit == MIB
    with (
        nullcontext() if real else small_windows(),
        nullcontext() if real else small_fragments(SMALL_FRAGMENT, SMALL_INLINE),
    ):
        world = World(seed, profile)
        for _ in range(STEPS // 4 if real else STEPS):
            world.step()
        world.heal()
        world.check_end()
    totals["worlds"] += 1


@pytest.fixture(scope="module", autouse=True)
def _figures() -> Iterator[None]:
    yield
    print("\n" + ", ".join(f"{count} {name}" for name, count in sorted(totals.items())))


@pytest.mark.timeout(600)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a smaller seed is no simpler world
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(0, 2**32))
def test_two_cores_under_faults(seed):
    run(seed)


def test_the_worlds_were_not_trivial():
    """In proportion to how many there were."""
    worlds = totals["worlds"]
    assert worlds >= EXAMPLES // 2
    for name, for_each in AT_LEAST.items():
        assert totals[name] >= worlds * for_each, (name, totals)
