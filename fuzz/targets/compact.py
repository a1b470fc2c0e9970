"""Bodies of Thrift's compact protocol to values; else as the target ``thrift``, which is the binary protocol."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from callosum.errors import DecodeError
from callosum.upper.thrift.compact import COMPACT
from callosum.upper.thrift.compact.layout import varint, zigzag
from callosum.upper.thrift.footprint import ALLOWANCE
from fuzz.target import Bomb, Target, leaves_of
from fuzz.targets.thrift import DEFAULTS, body, decode_with, decoders, everything, seeds_in

DECODERS: Final = decoders(COMPACT)
_TRUE, _FALSE, _I8, _I16, _I32, _I64, _DOUBLE, _TEXT, _LIST, _SET, _MAP, _STRUCT, _UUID = range(1, 14)
_Made = Iterator[tuple[str, str, bytes]]


def decode(data: bytes) -> Any:  # values of any IDL type
    """The value of a body; an exception that the IDL declares is one too."""
    return decode_with(DECODERS, data)


def seeds() -> Mapping[str, bytes]:
    """Values that have every type, as our encoders write them."""
    return seeds_in(COMPACT)


def make_bombs(size: int) -> Sequence[Bomb]:
    """Much for few bytes: what is empty, what nests, what lies, what has to be skipped."""
    made = [*_lists(size), *_sets(size), *_maps(size), *_nested(size), *_repeated(size), *_skipped(size)]
    return [Bomb(name, body(decoder, data)) for name, decoder, data in made]


def _fit(size: int, unit: int) -> int:
    return max(1, (size - 16) // unit)


def _field(kind: int, ident: int) -> bytes:
    """A header in the long form, which is as good everywhere."""
    return bytes([kind]) + varint(zigzag(ident))


def _signed(number: int) -> bytes:
    return varint(zigzag(number))


def _collection(kind: int, ident: int, element: int, parts: Sequence[bytes]) -> bytes:
    return _field(kind, ident) + bytes([0xF0 | element]) + varint(len(parts)) + b"".join(parts) + b"\0"


def _mapping(ident: int, kinds: tuple[int, int], parts: Sequence[bytes]) -> bytes:
    return _field(_MAP, ident) + varint(len(parts)) + bytes([kinds[0] << 4 | kinds[1]]) + b"".join(parts) + b"\0"


def _lists(size: int) -> _Made:
    point = COMPACT.codec_of(everything.Point)
    same = {
        "a list of empty structs": ("Node", 3, _STRUCT, b"\0"),
        "a list of nodes": ("Node", 3, _STRUCT, b"\x39\x0c\0"),
        "a list of points": ("Containers", 10, _STRUCT, point.encode(everything.Point(x=1, y=2))),
        "a list of far points": ("Containers", 10, _STRUCT, point.encode(everything.Point(x=1000, y=-2000))),
        "a list of empty points": ("Containers", 10, _STRUCT, b"\0"),
        "a list of flags": ("Containers", 1, _FALSE, b"\1"),
        "a list of bytes": ("Containers", 2, _I8, b"\x81"),
        "a list of numbers": ("Containers", 3, _I16, b"\x92\x34"),
        "a list of small numbers": ("Containers", 4, _I32, b"\x03"),
        "a list of long zeros": ("Containers", 5, _I64, b"\x80" * 9 + b"\0"),
        "a list of empty texts": ("Containers", 7, _TEXT, b"\0"),
        "a list of letters": ("Containers", 7, _TEXT, b"\1a"),
        "a list of short texts": ("Containers", 7, _TEXT, b"\2ab"),
        "a list of short bytes": ("Containers", 8, _TEXT, b"\2\xff\xfe"),
        "a list of unknown enum values": ("Containers", 9, _I32, b"\x54"),
        "a list of empty lists": ("Containers", 20, _LIST, b"\x05"),
        "a list of short lists": ("Containers", 20, _LIST, b"\x15\x02"),
        "a list of unions": ("Shape", 3, _STRUCT, b"\x48\0\0"),
        "a list of colours in unions": ("Shape", 3, _STRUCT, b"\x25\x02\0"),
        "a result of defaults": ("late result", 0, _STRUCT, b"\0"),
        "a result of numbers": ("numbers result", 0, _I32, varint(70_000)),
        "a list of uuids": ("Uuids", 2, _UUID, b"u" * 16),
    }
    for name, (decoder, ident, element, unit) in same.items():
        yield name, decoder, _collection(_LIST, ident, element, [unit] * _fit(size, len(unit)))
    numbers = [_signed(2**40 + index) for index in range(_fit(size, 6))]
    yield "a list of large numbers", "Containers", _collection(_LIST, 5, _I64, numbers)
    yield "a list of largest numbers", "Containers", _collection(_LIST, 5, _I64, [_signed(-(2**63))] * _fit(size, 10))
    colours = [_signed(2**20 + index) for index in range(_fit(size, 4))]
    yield "a list of different enum values", "Containers", _collection(_LIST, 9, _I32, colours)
    mixed = [_signed(1) if index % 2 else _signed(300) for index in range(_fit(size, 3) * 2)]
    yield "a list of mixed numbers", "Containers", _collection(_LIST, 4, _I32, mixed)


def _sets(size: int) -> _Made:
    colliding = [_signed((2**61 - 1) * index % 2**63) for index in range(_fit(size, 10))]
    yield "a set of numbers of one hash", "Containers", _collection(_SET, 12, _I64, colliding)
    numbers = [_signed(64 + index) for index in range(_fit(size, 3))]
    yield "a set of numbers", "Containers", _collection(_SET, 12, _I64, numbers)
    texts = [b"\2" + struct.pack(">BB", index % 128, index // 128 % 128) for index in range(_fit(size, 3))]
    yield "a set of short texts", "Containers", _collection(_SET, 13, _TEXT, texts)
    colours = [_signed(100 + index) for index in range(_fit(size, 3))]
    yield "a set of enum values", "Containers", _collection(_SET, 14, _I32, colours)
    yield "a set of points", "Containers", _collection(_SET, 15, _STRUCT, [b"\0"] * _fit(size, 1))
    points = [b"\x15" + _signed(-1 - index % 2) + b"\x15" + _signed(-1 - index // 2 % 2) + b"\0" for index in range(4)]
    yield "a set of points of one hash", "Containers", _collection(_SET, 15, _STRUCT, points * _fit(size, 20))
    lists = [b"\x15" + _signed(index) for index in range(_fit(size, 4))]
    yield "a set of lists", "Containers", _collection(_SET, 21, _LIST, lists)
    colliding = [b"\x25" + _signed(-1 - index % 2) * 2 for index in range(_fit(size, 3))]
    yield "a set of lists of one hash", "Containers", _collection(_SET, 21, _LIST, colliding)
    yield "a set of empty sets", "Containers", _collection(_SET, 22, _SET, [b"\x08"] * _fit(size, 1))
    doubles = [struct.pack("<d", float(index)) for index in range(_fit(size, 8))]
    yield "a set of doubles", "Containers", _collection(_SET, 25, _DOUBLE, doubles)
    nan = [struct.pack("<Q", 0x7FF8000000000000 + index) for index in range(_fit(size, 8))]
    yield "a set of what is no number", "Containers", _collection(_SET, 25, _DOUBLE, nan)
    colliding = [((2**61 - 1) * index).to_bytes(16, "big") for index in range(_fit(size, 16))]
    yield "a set of uuids of one hash", "Uuids", _collection(_SET, 3, _UUID, colliding)
    different = [index.to_bytes(16, "little") for index in range(_fit(size, 16))]
    yield "a set of uuids", "Uuids", _collection(_SET, 3, _UUID, different)


def _maps(size: int) -> _Made:
    keys = [b"\3" + bytes((index % 128, index // 128 % 128, index // 16384 % 128)) for index in range(_fit(size, 5))]
    yield "a map of empty structs", "Node", _mapping(4, (_TEXT, _STRUCT), [key + b"\0" for key in keys])
    yield "a map of numbers", "Containers", _mapping(16, (_TEXT, _I32), [key + b"\2" for key in keys])
    yield "a map of empty maps", "Containers", _mapping(24, (_TEXT, _MAP), [key + b"\0" for key in keys])
    shades = [_signed(1000 + index) + b"\x05" for index in range(_fit(size, 4))]
    yield "a map of empty lists", "Containers", _mapping(18, (_I32, _LIST), shades)
    yield "a map of empty keys", "Containers", _mapping(23, (_LIST, _DOUBLE), [b"\x09" + bytes(8)] * _fit(size, 9))
    yield "a map of structs as keys", "Containers", _mapping(19, (_STRUCT, _TEXT), [b"\0\0"] * _fit(size, 2))
    yield "a map of one key", "Containers", _mapping(16, (_TEXT, _I32), [b"\0\0"] * _fit(size, 2))
    by = [index.to_bytes(16, "big") + b"\0" for index in range(_fit(size, 17))]
    yield "a map by uuids", "Uuids", _mapping(4, (_UUID, _TEXT), by)


def _nested(size: int) -> _Made:
    depth = _fit(size, 4)
    yield "nested structs", "Node", b"\x2c" * min(depth, 5000) + b"\0" * (1 + min(depth, 5000))
    for count in (30, 60, 5000):
        yield f"lists nested {count} deep", "Node", b"\x39\x1c" * min(count, depth) + b"\0" * (1 + min(count, depth))
    chain = b"\x2c" * 60 + b"\0" * 61
    yield "many chains", "Node", _collection(_LIST, 3, _STRUCT, [chain] * _fit(size, len(chain)))
    lists = b"\x39\x1c" * 30 + b"\0" * 31
    yield "many chains of lists", "Node", _collection(_LIST, 3, _STRUCT, [lists] * _fit(size, len(lists)))
    yield "nested unions", "Shape", b"\x39\x1c" * min(60, depth) + b"\x48\0" + b"\0" * (1 + min(60, depth))
    yield "a list that lies", "Node", b"\x39\xfc" + varint(2**31 - 1) + bytes(size)
    yield "a list that lies more", "Node", b"\x39\xfc" + b"\xff" * 9 + b"\1" + bytes(size)
    yield "a text that lies", "Text", b"\x18" + varint(2**31 - 1) + bytes(size)
    yield "a wide text", "Text", b"\x18" + varint(size) + "😀".encode().ljust(size, b"x") + b"\0"
    yield "a number that does not end", "Numbers", b"\x56" + b"\xff" * size


def _repeated(size: int) -> _Made:
    yield "one field again", "Text", (_field(_TEXT, 1) + b"\0") * _fit(size, 3) + b"\0"
    yield "one flag again", "Numbers", _field(_TRUE, 1) * _fit(size, 2) + b"\0"
    yield "one list again", "Node", (_field(_LIST, 3) + b"\x0c") * _fit(size, 3) + b"\0"
    yield "one number again", "Defaults", (_field(_I16, 12) + b"\2") * _fit(size, 3) + b"\0"
    yield "one struct again", "Node", (_field(_STRUCT, 2) + b"\0") * _fit(size, 3) + b"\0"
    yield "fields in turns", "Defaults", b"\x5c\0\xc4\2" * _fit(size, 4) + b"\0"
    turns = b"".join(_field(_TRUE, 7) + _field(_LIST, 11) + b"\x05" for _ in range(_fit(size, 5)))
    yield "two fields in turns", "Defaults", turns + b"\0"
    yield "all fields in turns", "Containers", (b"\x19\2" + b"\x19\3" * 7 + _field(_LIST, 20) + b"\x09") * 3 + b"\0"


def _skipped(size: int) -> _Made:
    same = {
        "empty structs": (_STRUCT, b"\0"),
        "structs of a flag": (_STRUCT, b"\x11\0"),
        "structs of a byte": (_STRUCT, b"\x13\5\0"),
        "structs of a struct": (_STRUCT, b"\x1c\0\0"),
        "structs of a list": (_STRUCT, b"\x19\5\0"),
        "empty lists": (_LIST, b"\x05"),
        "lists of a flag": (_LIST, b"\x11\1"),
        "lists of a number": (_LIST, b"\x15\1"),
        "lists of an empty list": (_LIST, b"\x19\5"),
        "lists of an empty struct": (_LIST, b"\x1c\0"),
        "empty maps": (_MAP, b"\0"),
        "maps of two bytes": (_MAP, b"\1\x33\1\1"),
        "empty texts": (_TEXT, b"\0"),
        "bytes": (_I8, b"\0"),
        "flags": (_TRUE, b"\2"),
        "numbers": (_I64, b"\x80\1"),
        "uuids": (_UUID, bytes(16)),
    }
    for name, (element, unit) in same.items():
        yield f"skipped: {name}", "Empty", _collection(_LIST, 9, element, [unit] * _fit(size, len(unit)))
    pairs = {
        "flags and texts": (_TRUE, _TEXT, b"\1\0"),
        "texts and structs": (_TEXT, _STRUCT, b"\0\0"),
        "bytes and lists": (_I8, _LIST, b"\1\5"),
        "texts and structs of a flag": (_TEXT, _STRUCT, b"\0\x11\0"),
        "lists and lists": (_LIST, _LIST, b"\x19\5\5"),
    }
    for name, (key, value, unit) in pairs.items():
        yield f"skipped: {name}", "Empty", _mapping(9, (key, value), [unit] * _fit(size, len(unit)))
    fields = {"flags": b"\x11", "bytes": b"\x13\0", "numbers": b"\x15\1", "texts": b"\x18\0", "structs": b"\x1c\0"}
    again = _field(_TRUE, 1)  # or the ids end
    for name, unit in fields.items():
        some = again + unit * 2000
        yield f"skipped: fields that are {name}", "Empty", some * _fit(size, len(some)) + b"\0"
        yield f"skipped: as many in one struct, {name}", "Empty", b"\x1c" + some * _fit(size, len(some)) + b"\0\0"
    for name, unit in (("flags", _field(_TRUE, 9)), ("lists", _field(_LIST, 9) + b"\5"), ("long ids", b"\1\xfe\xff\3")):
        yield f"skipped: fields with their id, {name}", "Empty", unit * _fit(size, len(unit)) + b"\0"
    yield "skipped: nested lists", "Empty", _field(_LIST, 9) + b"\x19" * _fit(size, 1) + b"\0"
    yield "skipped: nested structs", "Empty", b"\x1c" * _fit(size, 2) + bytes(_fit(size, 2))
    for name, one in (("lists", b"\x19" * 55 + b"\x03"), ("forked lists", b"\x29" * 50 + b"\x03" * 51)):
        yield f"skipped: many nested {name}", "Empty", _collection(_LIST, 9, _LIST, [one] * _fit(size, len(one)))
    one = b"\x1c" * 55 + bytes(56)
    yield "skipped: many nested structs", "Empty", _collection(_LIST, 9, _STRUCT, [one] * _fit(size, len(one)))


TARGET: Final = Target("compact", decode, (DecodeError,), seeds, make_bombs, leaves_of, DEFAULTS, ALLOWANCE)
