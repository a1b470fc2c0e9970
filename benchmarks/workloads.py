"""What is called: the workloads, the same for each peer."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.contract import Client

TEXT = "0123456789abcdef" * 2
KIB = 1024
MIB = 1024 * KIB
LEFT, RIGHT = 1_234_567_890_123, -987_654_321


@dataclass(frozen=True, slots=True)
class Workload:
    """One call, made again and again."""

    title: str
    """For people."""
    method: str
    """Of `Client`."""
    arguments: tuple[Any, ...]
    """Of the method."""
    result: object
    """What has to come back."""
    accepts: Callable[[Any], bool]
    """Whether a reply is right, as far as it is looked at while time runs."""
    in_flight: tuple[int, ...] = (1, 8, 100, 1000)
    """The numbers of calls in flight that make sense for it."""
    seconds: float = 1.0
    """The length of a measurement, as a share of that of the first workload."""

    def calls(self, client: Client) -> Callable[[], Awaitable[Any]]:
        """Makes a call at a time."""
        return partial(getattr(client, self.method), *self.arguments)


def _blob(title: str, size: int, in_flight: tuple[int, ...], seconds: float) -> Workload:
    payload = bytes(range(256)) * (size // 256)
    return Workload(title, "blob", (payload,), payload, lambda reply: len(reply) == size, in_flight, seconds)


WORKLOADS = {
    "echo": Workload("echo of 32 B", "say", (TEXT,), TEXT, partial(operator.eq, TEXT)),
    "echo_1k": _blob("echo of 1 KiB", KIB, (1, 8, 100, 1000), 0.4),
    "add": Workload(
        "add(i64, i64)", "add", (LEFT, RIGHT), LEFT + RIGHT, partial(operator.eq, LEFT + RIGHT), seconds=0.4
    ),
    "echo_1m": _blob("echo of 1 MiB", MIB, (1, 8), 0.4),
}
"""By the names of `--workloads`."""
TUNED = "_tuned"
"""What the name of a workload ends with where both processes have run `callosum.tune_malloc`."""
MEMORY, BURST = "memory", "burst"
"""Two more, which are no rates."""
COMPRESSION = "compression"
"""Of callosum alone: 64 KiB, plain and compressed."""
NAMES = (*WORKLOADS, MEMORY, BURST, COMPRESSION)


class WrongAnswerError(AssertionError):
    """A peer does not do what it is measured for."""


async def check(client: Client) -> None:
    """Make each call once. Raises WrongAnswerError."""
    for workload in WORKLOADS.values():
        reply = await workload.calls(client)()
        if type(reply) is not type(workload.result) or reply != workload.result:
            raise WrongAnswerError(
                f"{workload.title}: the reply {reply!r:.80} is not the expected {workload.result!r:.80}"
            )
