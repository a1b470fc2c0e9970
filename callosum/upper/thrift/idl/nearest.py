"""Names that were perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final

_MOST: Final = 400
"""Names that are compared: that takes long."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """``": did you mean X?"`` for the nearest of some names, "" where none is near."""
    length = len(name)
    if length > 100:  # nobody mistyped that
        return ""
    alike = (one for one in names if abs(len(one) - length) <= 2)
    near = get_close_matches(name, list(islice(alike, _MOST)), 1)
    return f": did you mean {near[0]}?" if near else ""
