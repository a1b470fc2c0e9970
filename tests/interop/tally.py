"""How much was tried, by file: `count` prints it."""

from __future__ import annotations

from collections import Counter, defaultdict

TALLY: defaultdict[str, Counter[str]] = defaultdict(Counter)
"""By the file's name, and what was counted."""


def tally(file: object, what: str, number: int = 1) -> None:
    """Count something that was tried."""
    TALLY[str(file)][what] += number
