"""What decoders of every encoding call: the faults that they raise, checks that need a loop, and what makes values."""

from __future__ import annotations

import copy
import enum
import functools
import struct
from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

from callosum.upper.thrift.footprint import UNKNOWN_MEMBER
from callosum.upper.thrift.spec import is_mutable

PADDING: Final = bytes(256)
"""Behind the input of compiled decoders: more than the longest read that is not guarded."""
BYTES: Final = (*range(128), *range(-128, 0))
"""An i8 by its byte: Python shares some of the small integers, and we the others, so that none takes memory."""
MAX_COLLISIONS: Final = 64
"""Elements of one set, or keys of one map, that may have the same hash. Text is salted; numbers inside of structs and
lists are not, and a stranger can send thousands of different ones with the same hash."""

_SMALL_SET: Final = 5
"""So many fit into a set before it has a table of its own."""


class Fault(Exception):
    """The input is wrong. Where and why, `diagnosis.decode_error` finds out."""


class NoRoom(Fault):
    """The value would take more memory than its input allows."""


FAULTS: Final = (Fault, struct.error, IndexError, TypeError, UnicodeDecodeError)
"""What a compiled decoder raises where the input is wrong."""


def check_hashes(elements: list[Hashable]) -> None:
    """Raise a Fault where putting the elements into a set would take quadratic time."""
    if len(elements) <= MAX_COLLISIONS:
        return
    hashes = array("q", map(hash, elements))
    if len(hashes) - len(set(hashes)) >= MAX_COLLISIONS and max(Counter(hashes).values()) > MAX_COLLISIONS:
        raise Fault


def freeze(value: Any) -> Any:  # a value of any IDL type
    """A list or set as it can be an element of a set or a key of a map: a tuple or a frozenset."""
    if isinstance(value, list):
        return tuple(map(freeze, value))
    if isinstance(value, set):
        return frozenset(value)
    return value


def copier(default: Any) -> Callable[[], Any]:  # values of any IDL type
    """What makes a default of its own for each instance, as deep as it is. Many times as fast as `copy.deepcopy`."""
    inner = [*default, *default.values()] if isinstance(default, dict) else default
    if isinstance(default, list | dict | set) and not any(map(is_mutable, inner)):
        make: Callable[[], Any] = default.copy
        return make
    if isinstance(default, list):
        parts = [copier(one) for one in default]
        return lambda: [part() for part in parts]
    if isinstance(default, dict):
        values = {key: copier(one) for key, one in default.items() if not is_mutable(key)}
        if len(values) == len(default):
            return lambda: {key: value() for key, value in values.items()}
    if hasattr(default, "thrift_spec"):
        return _struct_copier(default)
    return functools.partial(copy.deepcopy, default) if is_mutable(default) else lambda: default


def _struct_copier(default: Any) -> Callable[[], Any]:  # a struct of any type
    cls: Any = type(default)
    new = cls.__new__
    fields = {name: copier(value) for name, value in vars(default).items()}

    def make() -> Any:  # a struct of any type
        made = new(cls)
        for name, value in fields.items():
            object.__setattr__(made, name, value())  # also where it is frozen
        return made

    return make


def compact_set(values: Sequence[Hashable]) -> set[Any]:  # values of any IDL type
    """A set whose table is no larger than it must be: one that grows by itself may take twice as much memory.

    CPython makes the table for twice as many as come from a dict, and lets it be filled to three fifths.
    """
    if len(values) < _SMALL_SET:
        return set(values)
    table = 1 << (len(values) * 5 // 3 + 1).bit_length()
    first = table // 2 - 1
    made = set(dict.fromkeys(values[:first]))
    made.update(values[first:])
    return made


class _Members(dict[int, enum.IntEnum]):
    """The members of an enum in one body. Those that this side does not know take memory, but once."""

    def __init__(self, cls: type[enum.IntEnum], room: list[Any]) -> None:  # as `member` has it
        super().__init__(members(cls))
        self._cls = cls
        self._room = room

    def __missing__(self, number: int) -> enum.IntEnum:
        self._room[0] -= UNKNOWN_MEMBER
        if self._room[0] < 0:
            raise NoRoom
        made = self[number] = self._cls(number)
        return made


def member(cls: type[enum.IntEnum], number: int, room: list[Any]) -> enum.IntEnum:  # the room, and what is remembered
    """A member of an enum, which may be one that this side does not know."""
    if len(room) == 1:
        room.append({})
    if cls not in room[1]:
        room[1][cls] = _Members(cls, room)
    made: enum.IntEnum = room[1][cls][number]
    return made


def members_of(
    cls: type[enum.IntEnum],
    numbers: Sequence[int],
    room: list[Any],  # as `member` has it
) -> list[enum.IntEnum]:
    """The members of these numbers."""
    try:
        return list(map(members(cls).__getitem__, numbers))
    except KeyError as error:
        member(cls, error.args[0], room)
    return list(map(room[1][cls].__getitem__, numbers))


@functools.cache
def members(cls: type[enum.IntEnum]) -> dict[int, enum.IntEnum]:
    """The known members of an enum by their values: looking there is much faster than calling the class."""
    return {member.value: member for member in cls}
