"""What the decoders call where the input is not what they expect: skipping, and checks that need a loop.

`skip` and `pass_field` follow the same laws as the decoders: each step consumes input, counts are held against the
bytes that are left, and lengths are read as unsigned, so that a position never goes back.
"""

from __future__ import annotations

import copy
import enum
import functools
import re
import struct
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from callosum.upper.thrift.footprint import UNKNOWN_MEMBER
from callosum.upper.thrift.spec import MAX_DEPTH, Wire, is_mutable

FIXED: Final[dict[int, int]] = {
    int(wire): size
    for wire, size in {Wire.BOOL: 1, Wire.I8: 1, Wire.DOUBLE: 8, Wire.I16: 2, Wire.I32: 4, Wire.I64: 8}.items()
}
"""The sizes of what has a fixed one."""
SMALLEST: Final[dict[int, int]] = FIXED | {
    int(wire): size for wire, size in {Wire.STRING: 4, Wire.STRUCT: 1, Wire.MAP: 6, Wire.SET: 5, Wire.LIST: 5}.items()
}
"""The fewest bytes of a value of each type."""
MAX_COLLISIONS: Final = 64
"""Elements of one set, or keys of one map, that may have the same hash. Text is salted; numbers inside of structs and
lists are not, and a stranger can send thousands of different ones with the same hash."""

_REMEMBERED: Final = 64
_PART: Final = 4096
_SMALL_SET: Final = 5
"""So many fit into a set before it has a table of its own."""

_STRING, _STRUCT, _MAP = int(Wire.STRING), int(Wire.STRUCT), int(Wire.MAP)
_COLLECTIONS: Final = frozenset({int(Wire.LIST), int(Wire.SET)})

_length = struct.Struct("!I").unpack_from
_list_head = struct.Struct("!BI").unpack_from
_map_head = struct.Struct("!BBI").unpack_from
_field_head = struct.Struct("!Bh").unpack_from
_zeros = re.compile(b"\\0+").match


class Fault(Exception):
    """The input is wrong. Where and why, `diagnosis.decode_error` finds out."""


class NoRoom(Fault):
    """The value would take more memory than its input allows."""


def pass_field(buf: bytes, pos: int, known: Mapping[int, int], depth: int) -> int:
    """Skip unknown fields. A known one, of the type that it must have, is left to another pass over the fields."""
    while wire := buf[pos]:
        _, ident = _field_head(buf, pos)
        expected = known.get(ident)
        if expected is not None:
            if expected != wire:
                raise Fault
            return pos
        size = FIXED.get(wire)
        pos = pos + 3 + size if size is not None else skip(buf, pos + 3, wire, depth + 1)
    return pos


def skip(buf: bytes, pos: int, wire: int, depth: int) -> int:
    """The position behind a value of which nothing but its type on the wire is known."""
    size = FIXED.get(wire)
    if size is not None:
        return pos + size
    if wire == _STRING:
        return pos + 4 + int(_length(buf, pos)[0])
    if depth > MAX_DEPTH:
        raise Fault
    if wire == _STRUCT:
        return _skip_fields(buf, pos, depth)
    if wire == _MAP:
        return _skip_map(buf, pos, depth)
    if wire in _COLLECTIONS:
        element, count = _list_head(buf, pos)
        return _skip_elements(buf, pos + 5, element, count, depth + 1)
    raise Fault


def _skip_fields(buf: bytes, pos: int, depth: int) -> int:
    while wire := buf[pos]:
        size = FIXED.get(wire)
        pos = pos + 3 + size if size is not None else skip(buf, pos + 3, wire, depth + 1)
    return pos + 1


def _skip_elements(buf: bytes, pos: int, wire: int, count: int, depth: int) -> int:
    """Values of one type. Those that can be many in few bytes are passed without a call for each."""
    if count * SMALLEST.get(wire, len(buf)) > len(buf) - pos:
        raise Fault
    size = FIXED.get(wire)
    if size is not None:
        return pos + count * size
    if wire == _STRING:
        for _ in range(count):
            pos += 4 + int(_length(buf, pos)[0])
        return pos
    if count == 0:
        if wire not in SMALLEST:
            raise Fault
        return pos
    if depth > MAX_DEPTH:
        raise Fault
    if wire == _STRUCT:
        return _skip_structs(buf, pos, count, depth)
    if wire == _MAP:
        for _ in range(count):
            pos = _skip_map(buf, pos, depth)
        return pos
    for _ in range(count):
        element, length = _list_head(buf, pos)
        pos += 5
        size = FIXED.get(element)
        pos = pos + length * size if size is not None else _skip_elements(buf, pos, element, length, depth + 1)
    return pos


def _skip_structs(buf: bytes, pos: int, count: int, depth: int) -> int:
    """Many of them can be empty, each a byte: those are passed together."""
    while count > 0:
        if buf[pos]:
            pos = _skip_fields(buf, pos, depth)
            count -= 1
            continue
        match = _zeros(buf, pos, pos + count)
        assert match is not None
        count -= match.end() - pos
        pos = match.end()
    return pos


def _skip_map(buf: bytes, pos: int, depth: int) -> int:
    head: tuple[int, int, int] = _map_head(buf, pos)
    key, value, count = head
    pos += 6
    if count * (SMALLEST.get(key, len(buf)) + SMALLEST.get(value, len(buf))) > len(buf) - pos:
        raise Fault
    if key == value:
        return _skip_elements(buf, pos, key, 2 * count, depth + 1)
    if key not in SMALLEST or value not in SMALLEST:
        raise Fault
    key_size, value_size = FIXED.get(key), FIXED.get(value)
    if key_size is not None and value_size is not None:
        return pos + count * (key_size + value_size)
    for _ in range(count):
        pos = pos + key_size if key_size is not None else skip(buf, pos, key, depth + 1)
        if value == _STRUCT and not buf[pos]:
            pos += 1
        else:
            pos = pos + value_size if value_size is not None else skip(buf, pos, value, depth + 1)
    return pos


def check_hashes(elements: list[Hashable]) -> None:
    """Raise a Fault where putting the elements into a set would take quadratic time."""
    if len(elements) > MAX_COLLISIONS and max(Counter(map(hash, elements)).values()) > MAX_COLLISIONS:
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
            setattr(made, name, value())
        return made

    return make


class Unpackers(dict[int, Callable[[bytes, int], tuple[Any, ...]]]):  # numbers of one type
    """What reads so many numbers of one type, made at their first use; where they are few, for all later uses, too."""

    def __init__(self, letter: str) -> None:
        self._letter = letter

    def __missing__(self, count: int) -> Callable[[bytes, int], tuple[Any, ...]]:  # numbers of one type
        unpack = struct.Struct(f"!{count}{self._letter}").unpack_from
        if count <= _REMEMBERED:
            self[count] = unpack
        return unpack


def numbers_in_parts(letter: str, count: int, buf: bytes, pos: int) -> list[Any]:  # numbers of one type
    """So many numbers. They are unpacked in parts, so that the tuple of all is not there beside the list of all."""
    size = struct.calcsize(f"!{letter}")
    if count * size > len(buf) - pos:
        raise Fault
    numbers: list[Any] = [None] * count  # in its place from the start: a list that grows is copied
    for start in range(0, count, _PART):
        part = min(_PART, count - start)
        numbers[start : start + part] = struct.unpack_from(f"!{part}{letter}", buf, pos + start * size)
    return numbers


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


def member(cls: type[enum.IntEnum], number: int, room: list[Any]) -> enum.IntEnum:  # the room, and what is remembered
    """A member of an enum that may be one that this side does not know: those take memory, but once for a body."""
    known = members(cls)
    if number in known:
        return known[number]
    if len(room) == 1:
        room.append({})
    key = (cls, number)
    if key not in room[1]:
        room[0] -= UNKNOWN_MEMBER
        if room[0] < 0:
            raise NoRoom
        room[1][key] = cls(number)
    made: enum.IntEnum = room[1][key]
    return made


@functools.cache
def members(cls: type[enum.IntEnum]) -> dict[int, enum.IntEnum]:
    """The known members of an enum by their values: looking there is much faster than calling the class."""
    return {member.value: member for member in cls}
