"""Who is at the other end: what the engine knows of authentication until there are authenticators."""

from __future__ import annotations

import enum
from typing import Final


class Insecure(enum.Enum):
    """The type of `INSECURE`."""

    INSECURE = "insecure"

    def __repr__(self) -> str:
        return "callosum.auth.INSECURE"


INSECURE: Final = Insecure.INSECURE
"""Says that listening beyond loopback without authentication is meant: anybody who reaches the port may call."""
