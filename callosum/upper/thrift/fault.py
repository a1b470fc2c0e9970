"""What the decoders call where the input is not what they expect: skipping, and checks that need a loop.

`skip` and `pass_field` follow the same laws as the decoders: each step consumes input, counts are held against the
bytes that are left, and lengths are read as unsigned, so that a position never goes back.
"""

from __future__ import annotations

import copy
import functools
import struct
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from callosum.upper.thrift.spec import MAX_DEPTH, Wire, is_mutable

FIXED: Final[dict[int, int]] = {
    Wire.BOOL: 1,
    Wire.I8: 1,
    Wire.DOUBLE: 8,
    Wire.I16: 2,
    Wire.I32: 4,
    Wire.I64: 8,
}
"""The sizes of what has a fixed one."""
SMALLEST: Final[dict[int, int]] = {**FIXED, Wire.STRING: 4, Wire.STRUCT: 1, Wire.MAP: 6, Wire.SET: 5, Wire.LIST: 5}
"""The fewest bytes of a value of each type."""
MAX_COLLISIONS: Final = 64
"""Elements of one set, or keys of one map, that may have the same hash. Text is salted; numbers inside of structs and
lists are not, and a stranger can send thousands of different ones with the same hash."""

_length = struct.Struct("!I").unpack_from
_list_head = struct.Struct("!BI").unpack_from
_map_head = struct.Struct("!BBI").unpack_from
_field_head = struct.Struct("!Bh").unpack_from


class Fault(Exception):
    """The input is wrong. Where and why, `diagnosis.decode_error` finds out."""


def pass_field(buf: bytes, pos: int, known: Mapping[int, int], depth: int) -> int:
    """Skip an unknown field. A known one, of the type that it must have, is left to another pass over the fields."""
    wire, ident = _field_head(buf, pos)
    expected = known.get(ident)
    if expected is None:
        return skip(buf, pos + 3, wire, depth + 1)
    if expected != wire:
        raise Fault
    return pos


def skip(buf: bytes, pos: int, wire: int, depth: int) -> int:
    """The position behind a value of which nothing but its type on the wire is known."""
    size = FIXED.get(wire)
    if size is not None:
        return pos + size
    if wire == Wire.STRING:
        return pos + 4 + int(_length(buf, pos)[0])
    if depth > MAX_DEPTH:
        raise Fault
    if wire == Wire.STRUCT:
        while buf[pos] != 0:
            pos = skip(buf, pos + 3, buf[pos], depth + 1)
        return pos + 1
    if wire in {Wire.LIST, Wire.SET}:
        element, count = _list_head(buf, pos)
        return _skip_elements(buf, pos + 5, (element,), count, depth)
    if wire == Wire.MAP:
        key, value, count = _map_head(buf, pos)
        return _skip_elements(buf, pos + 6, (key, value), count, depth)
    raise Fault


def _skip_elements(buf: bytes, pos: int, wires: tuple[int, ...], count: int, depth: int) -> int:
    if any(wire not in SMALLEST for wire in wires) or count * sum(SMALLEST[wire] for wire in wires) > len(buf) - pos:
        raise Fault
    if all(wire in FIXED for wire in wires):
        return pos + count * sum(FIXED[wire] for wire in wires)
    for _ in range(count):
        for wire in wires:
            pos = skip(buf, pos, wire, depth + 1)
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
    """What makes a default of its own for each instance."""
    inner = [*default, *default.values()] if isinstance(default, dict) else default
    if isinstance(default, list | dict | set) and not any(map(is_mutable, inner)):
        make: Callable[[], Any] = default.copy  # a hundred times as fast as a deep copy
        return make
    return functools.partial(copy.deepcopy, default)
