"""Runs one target: first what is known (the corpus, the bombs), then what the mutator makes of it."""

from __future__ import annotations

import enum
import gc
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from fuzz import corpus
from fuzz.checks import Finding, check_decoding, check_memory
from fuzz.mutation import Mutator
from fuzz.target import Target

BOMB_SIZES: Final = (64, 1024, 16 * 1024, 1 << 20)
_SHORT_BOMBS: Final = (64, 1024)
"""The sizes of those that are mutated."""
_MEMORY_EVERY: Final = 32
"""Of so many mutated inputs, one has its memory measured: that costs more than all else."""
_POOL: Final = 2048
"""Inputs that are mutated, at most: the corpus, and those that had a new outcome."""
_SHRINKING: Final = 100
"""Attempts to make a finding shorter."""
_MOST_FOUND: Final = 10
_DIGITS: Final = re.compile(r"\d+|'[^']*'|b'[^']*'")


class Inputs(enum.Enum):
    """Where an input comes from, and what is done with it."""

    KNOWN = enum.auto()
    MEASURED = enum.auto()
    """Mutated, and its memory is measured."""
    MUTATED = enum.auto()


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, with the input that it was made with."""

    name: str
    data: bytes
    finding: Finding
    is_known: bool
    """It is in the corpus already, or a bomb."""


@dataclass(slots=True)
class Report:
    """What a run of a target came to."""

    target: str
    seed: int
    known: int = 0
    """Inputs of the corpus and bombs."""
    mutated: int = 0
    accepted: int = 0
    """Inputs, of all, that were decoded to a value."""
    measured: int = 0
    """Inputs, of all, whose memory was measured."""
    outcomes: set[str] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)

    def __str__(self) -> str:
        total = self.known + self.mutated
        return (
            f"{self.target}: {total} inputs ({self.known} known, {self.mutated} mutated, seed {self.seed}), "
            f"{self.accepted} accepted, {len(self.outcomes)} outcomes, memory measured for {self.measured}, "
            f"{len(self.found)} findings"
        )


def run_known(target: Target, report: Report, sizes: Sequence[int] = BOMB_SIZES) -> None:
    """Every input of the corpus and every bomb of these sizes, each with its memory."""
    with _alone():
        for name, data in known(target, sizes):
            report.known += 1
            _try(target, name, data, report, Inputs.KNOWN)


@contextmanager
def _alone() -> Iterator[None]:
    """The garbage collector does not look through what is there already: that is no input's fault."""
    was_frozen = gc.get_freeze_count() > 0
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        if not was_frozen:
            gc.unfreeze()


def known(target: Target, sizes: Sequence[int] = BOMB_SIZES) -> Iterator[tuple[str, bytes]]:
    """The corpus and the bombs, by name."""
    yield from corpus.load(target.name).items()
    for size in sizes:
        for bomb in target.bombs(size):
            yield f"{bomb.name} of {size}", bomb.data


def run_mutated(target: Target, report: Report, seconds: float, inputs: int | None = None) -> None:
    """What the mutator makes, until the time is over or so many were tried. Stops after some findings."""
    with _alone():
        mutator = Mutator(report.seed)
        pool = [data for _, data in known(target, _SHORT_BOMBS)]
        end = time.monotonic() + seconds
        most = len(report.found) + _MOST_FOUND
        while report.mutated != inputs and len(report.found) < most and time.monotonic() < end:
            data = mutator.draw(pool)
            report.mutated += 1
            before = len(report.outcomes)
            kind = Inputs.MEASURED if report.mutated % _MEMORY_EVERY == 0 else Inputs.MUTATED
            _try(target, f"mutated {report.mutated}", data, report, kind)
            if len(report.outcomes) > before and len(pool) < _POOL:
                pool.append(data)


def _try(target: Target, name: str, data: bytes, report: Report, kind: Inputs) -> None:
    finding, result = check_decoding(target, data)
    if finding is None:
        report.accepted += not isinstance(result, Exception)
        report.outcomes.add(outcome(result))
        if kind is not Inputs.MUTATED:
            report.measured += 1
            finding = check_memory(target, data)
    if finding is not None:
        report.found.append(Found(name, data, finding, kind is Inputs.KNOWN))


def outcome(result: object) -> str:
    """What tells one way through a decoder from another: an error without its figures, or what a value is made of."""
    if isinstance(result, Exception):
        return _DIGITS.sub("#", f"{type(result).__name__} {result!s:.400}")[:120]
    messages = getattr(result, "messages", result)
    parts = messages if isinstance(messages, list | tuple) else [messages]
    names = {f"{type(part).__name__} {getattr(part, 'reason', '')!s:.120}" for part in parts}
    return _DIGITS.sub("#", " ".join(sorted(names)))


def shrink(target: Target, data: bytes, check: str) -> bytes:
    """A shorter input that fails the same check."""
    failing: Callable[[bytes], bool] = lambda shorter: fails(target, shorter) == check  # noqa: E731
    piece, attempts = len(data) // 2, 0
    while piece and attempts < _SHRINKING:
        at = 0
        while at < len(data) and attempts < _SHRINKING:
            attempts += 1
            shorter = data[:at] + data[at + piece :]
            if failing(shorter):
                data = shorter
            else:
                at += piece
        piece //= 2
    return data


def fails(target: Target, data: bytes) -> str | None:
    """The check that an input does not pass, of all."""
    finding, _ = check_decoding(target, data)
    finding = finding or check_memory(target, data)
    return None if finding is None else finding.check
