"""Open enums: a number that an enum does not know is kept, and survives a round trip."""

from __future__ import annotations

import enum
from typing import Final

_I32: Final = range(-(2**31), 2**31)


class Enum(enum.IntEnum):
    """The base of every enum of an IDL: ``Color(77)`` is ``Color.UNKNOWN_77``, and equals 77.

    Raises:
        ValueError: The number does not have 32 bits.
    """

    @classmethod
    def _missing_(cls, value: object) -> Enum | None:
        if not isinstance(value, int) or isinstance(value, bool) or value not in _I32:
            return None
        member = int.__new__(cls, value)  # not remembered: a stranger may send all there are
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"
