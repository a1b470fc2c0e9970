"""What holds for every input of every target: the checks and their limits.

Time is that of the thread, not of the clock on the wall, and what is over a limit is measured again: other work of the
machine is no finding. Where a debugger or coverage traces each line, time is not looked at.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from dataclasses import dataclass
from typing import Any, Final

from fuzz.target import Target

SECONDS: Final = 0.010
"""For each `STEP` bytes of the input that are begun."""
STEP: Final = 64 * 1024
RATIO: Final = 20
"""Times its size that an input may take in memory, while it is decoded and as what comes out."""
_AGAIN: Final = 5
_SHORT: Final = 4096
_SEARCHED: Final = 1 << 24
"""Bytes of the input that are looked through for leaves; of a value with more of them, some are looked for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that an input did not pass."""

    check: str
    """Which one: raises, time, memory, or leaf."""
    text: str


def seconds_for(size: int) -> float:
    """CPU time that an input of this size may take."""
    return SECONDS * max(1, -(-size // STEP))


def check_decoding(target: Target, data: bytes) -> tuple[Finding | None, object]:
    """Decode once. Returns also what came out: a value, or the exception that is allowed."""
    begin = time.thread_time()
    try:
        result: Any = target.decode(data)  # whatever the decoder makes
    except target.allowed as error:
        result = error
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return Finding("raises", f"{type(error).__name__}: {error!s:.200}"), None
    if time.thread_time() - begin > seconds_for(len(data)) and sys.gettrace() is None:  # tracing takes most of it
        taken = min(_seconds(target, data) for _ in range(_AGAIN))
        if taken > seconds_for(len(data)):
            text = f"{len(data)} bytes take {taken * 1e3:.1f} ms; {seconds_for(len(data)) * 1e3:.0f} ms are allowed"
            return Finding("time", text), None
    if not isinstance(result, Exception):
        missing = _missing_leaf(target, data, result)
        if missing is not None:
            return Finding("leaf", f"{missing[:80]!r} is in the value, and not in the input"), None
    return None, result


def check_memory(target: Target, data: bytes) -> Finding | None:
    """Decode under tracemalloc; of two times the smaller counts, as the first may fill caches."""
    bound = target.small + RATIO * len(data)
    taken = _bytes(target, data)
    if taken > bound:
        taken = min(taken, _bytes(target, data))
    if taken <= bound:
        return None
    return Finding("memory", f"{len(data)} bytes take {taken} ({taken / max(1, len(data)):.1f} times); {bound} allowed")


def _run(target: Target, data: bytes) -> Any:  # whatever the decoder makes: it has to be kept while memory is read
    try:
        return target.decode(data)
    except target.allowed:
        return None


def _seconds(target: Target, data: bytes) -> float:
    begin = time.thread_time()
    _run(target, data)
    return time.thread_time() - begin


def _bytes(target: Target, data: bytes) -> int:
    if len(data) <= _SHORT and sys.gettrace() is None:
        _number_lines(target, data)
    gc.collect(0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        value = _run(target, data)
        _, peak = tracemalloc.get_traced_memory()
        del value
    finally:
        tracemalloc.stop()
    return peak - before


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
