"""How much memory a body of JSON may become.

What is a token takes no more than 4 times its length in memory, where it stands in a field: a field of JSON is long.
Objects and containers are counted, as in the other encodings, before they are made; they may take the rest.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from callosum.errors import DecodeError
from callosum.upper.thrift.fault import NoRoom
from callosum.upper.thrift.footprint import RATIO

Room: TypeAlias = list[Any]  # the room, and the members of enums that were made for this body
ALLOWANCE: Final = 256 * 1024
"""Bytes beyond what goes with the length of a body: a structure of JSON is long, so that this need not be much."""
_CREDIT: Final = RATIO - 4


def allowed(size: int) -> Room:
    """What objects and containers in a body of this size may take, in bytes."""
    return [ALLOWANCE + _CREDIT * size]


def take(room: Room, size: int) -> None:
    """Let something take so many bytes, before it is made."""
    room[0] -= size
    if room[0] < 0:
        raise NoRoom


def set_table(count: int) -> int:
    """What the table of a `fault.compact_set` takes; `footprint.SET_TABLE` says why."""
    return 16 << (count * 5 // 3 + 1).bit_length()


def too_much(size: int, path: str) -> DecodeError:
    """The error for a body that would take more."""
    return DecodeError(
        f"the value would take far more memory than the {size} bytes of input: {RATIO} times is allowed", path=path
    )
