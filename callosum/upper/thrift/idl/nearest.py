"""Names that were perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final

_MOST: Final = 50
"""Names that are compared: that takes long."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``": did you mean X?"`` for the nearest of some names, "" where none is near."""
    if not 0 < len(name) <= 100:  # nobody mistyped that
        return ""
    ends = {name[0].lower(), name[-1].lower()}
    alike = (
        one
        for one in names
        if abs(len(one) - len(name)) <= 2 and not ends.isdisjoint({one[0].lower(), one[-1].lower()})
    )
    near = get_close_matches(name, list(islice(alike, _MOST)), 1)
    return f": did you mean {near[0]}?" if near else ""


def _is_alike(name: str, other: str) -> bool:
    """Whether it is worth to compare two names."""
    return abs(len(name) - len(other)) <= 2 and (name[0] == other[0] or name[-1] == other[-1])
