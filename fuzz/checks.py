"""What holds for every input of every target: the checks and their limits.

Time is that of the thread, not of the clock on the wall, and what is over a limit is measured again, a second long:
other work of the machine is no finding, and what a decoder takes is what it takes at its best. On a slower machine the
limit is as much higher as a loop of Python takes longer there, at the same moment. Where a debugger or coverage traces
each line, time is not looked at.
"""

from __future__ import annotations

import gc
import math
import sys
import time
import tracemalloc
from dataclasses import dataclass
from typing import Any, Final

from fuzz.target import SECONDS, Target

STEP: Final = 64 * 1024
PASSING: Final = 5
"""Times its size more that an input may take while it is decoded."""
_AGAIN: Final = 40
"""Times at most that what is over the limit is measured again,"""
_PAUSE: Final = 0.025
"""and seconds between them: whoever else has the processor, or its caches, has it for longer than an input takes."""
_LOOP: Final = 0.0035
"""Seconds that the loop of `slowness` takes on the machine for which `SECONDS` was set."""
_SHORT: Final = 4096
_SEARCHED: Final = 1 << 24
"""Bytes of the input that are looked through for leaves; of a value with more of them, some are looked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that an input did not pass."""

    check: str
    """Which one: raises, time, memory, or leaf."""
    text: str


def slowness() -> float:
    """How many times slower this machine is, right now, than the one for which the limits were set; 1 at least."""
    begin = time.thread_time()
    table: dict[int, int] = {}
    for number in range(40_000):
        table[number & 1023] = table.get(number & 511, 0) + 1
    return max(1.0, (time.thread_time() - begin) / _LOOP)


def seconds_for(size: int, seconds: float = SECONDS) -> float:
    """CPU time that an input of this size may take."""
    return seconds * max(1, -(-size // STEP))


def check_decoding(target: Target, data: bytes) -> tuple[Finding | None, object]:
    """Decode once. Returns also what came out: a value, or the exception that is allowed."""
    limit = seconds_for(len(data), target.seconds)
    begin = time.thread_time()
    try:
        result: Any = target.decode(data)  # whatever the decoder makes
    except target.allowed as error:
        result = error
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return Finding("raises", f"{type(error).__name__}: {error!s:.200}"), None
    if time.thread_time() - begin > limit and sys.gettrace() is None:  # tracing takes most of it
        taken = _least(target, data, limit)
        if taken > limit:
            text = f"{len(data)} bytes take {taken * 1e3:.1f} ms; {limit * 1e3:.0f} ms are allowed"
            return Finding("time", text), None
    if not isinstance(result, Exception):
        missing = _missing_leaf(target, data, result)
        if missing is not None:
            return Finding("leaf", f"{missing[:80]!r} is in the value, and not in the input"), None
    return None, result


def check_memory(target: Target, data: bytes) -> Finding | None:
    """Decode under tracemalloc; of two times the smaller counts, as the first may fill caches."""
    finding = _over(target, data, *_bytes(target, data))
    return None if finding is None else _over(target, data, *_bytes(target, data))


def _over(target: Target, data: bytes, held: int, peak: int) -> Finding | None:
    """What comes out is within the ratio; on the way there is a copy of the input besides, and tables that grow."""
    for what, taken, ratio in (
        ("the value takes", held, target.ratio),
        ("decoding takes", peak, target.ratio + PASSING),
    ):
        bound = target.small + ratio * len(data)
        if taken > bound:
            times = taken / max(1, len(data))
            return Finding("memory", f"{len(data)} bytes: {what} {taken} ({times:.1f} times); {bound} allowed")
    return None


def _run(target: Target, data: bytes) -> Any:  # whatever the decoder makes: it has to be kept while memory is read
    try:
        return target.decode(data)
    except target.allowed:
        return None


def _least(target: Target, data: bytes, limit: float) -> float:
    """The least time that an input takes, or the first that is within the limit."""
    least = math.inf
    for _ in range(_AGAIN):
        least = min(least, _seconds(target, data) / slowness())
        if least <= limit:
            break
        time.sleep(_PAUSE)
    return least


def _seconds(target: Target, data: bytes) -> float:
    begin = time.thread_time()
    _run(target, data)
    return time.thread_time() - begin


def _bytes(target: Target, data: bytes) -> tuple[int, int]:
    """What the value holds, and the most that there was while it was made."""
    if len(data) <= _SHORT and sys.gettrace() is None:
        _number_lines(target, data)
    gc.collect(0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        value = _run(target, data)
        held, peak = tracemalloc.get_traced_memory()
        del value
    finally:
        tracemalloc.stop()
    return held - before, peak - before


def _number_lines(target: Target, data: bytes) -> None:
    """Have Python 3.11 tabulate the lines of the functions that run.

    Else tracemalloc looks for the line of each allocation from the beginning of its function, and generated functions
    have thousands of lines. Tabulated once, a function stays so.
    """
    sys.settrace(lambda *_: None)
    try:
        _run(target, data)
    finally:
        sys.settrace(None)


def _missing_leaf(target: Target, data: bytes, value: Any) -> bytes | None:  # Any: as above
    """A text or bytes of the value that was not received."""
    found = sorted({leaf for leaf in target.leaves(value) if leaf})
    step = 1 + len(found) * len(data) // _SEARCHED
    for leaf in found[::step]:
        if leaf not in data and leaf not in target.given:
            return leaf
    return None
