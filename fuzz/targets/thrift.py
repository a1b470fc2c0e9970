"""Bodies of Thrift's binary protocol to values.

The first byte of an input says to which (each struct of ``everything.thrift``, the arguments and the results of each
method, the requests and items of those of ``streams.thrift``), the rest is the body.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from callosum.errors import DecodeError
from callosum.service import service_of
from callosum.upper import thrift
from callosum.upper.thrift.binary import BINARY
from callosum.upper.thrift.encoding import Encoding
from callosum.upper.thrift.footprint import ALLOWANCE
from fuzz.target import Bomb, Target, leaves_of

_IDL: Final = Path(__file__).parents[2] / "tests" / "upper" / "idl"
everything: Final = thrift.load(_IDL / "everything.thrift")
streams: Final = thrift.load(_IDL / "streams.thrift")
_STRUCTS: Final = (
    "Numbers", "Scattered", "Text", "Point", "Containers", "Node", "Shape", "Defaults", "NotFound", "Odd", "Empty",
    "Later", "Sooner",
)  # fmt: skip
_METHODS: Final = service_of(everything.Everything).methods
STREAMING: Final = {
    name: method for name, method in service_of(streams.Logs).methods.items() if method.cardinality.takes_items
}
DEFAULTS: Final = frozenset({b"x", b"a", b"k", b"raw"})
"""Of the IDL: they are in values though nobody sent them."""


def decoders(encoding: Encoding) -> dict[str, Callable[[bytes], Any]]:  # Any: values of any IDL type
    """Of each struct, and of the arguments and the result of each method."""
    found: dict[str, Callable[[bytes], Any]] = {
        name: encoding.codec_of(getattr(everything, name)).decode for name in _STRUCTS
    }
    for name, method in _METHODS.items():
        found[f"{name} arguments"] = method.codecs[encoding.name].decode_args
        found[f"{name} result"] = method.codecs[encoding.name].decode_result
    found["Uuids"] = encoding.codec_of(everything.Uuids).decode
    for name, method in STREAMING.items():
        codec = method.codecs[encoding.name]
        assert codec.decode_item is not None, "it takes items"
        found[f"{name} request"], found[f"{name} item"] = codec.decode_args, codec.decode_item
    return found


DECODERS: Final = decoders(BINARY)
_ORDER: Final = list(DECODERS)
_DECLARED: Final = (everything.NotFound, everything.Odd)


def decode(data: bytes) -> Any:  # as above
    """The value of a body; an exception that the IDL declares is one too."""
    return decode_with(DECODERS, data)


def decode_with(by_name: Mapping[str, Callable[[bytes], Any]], data: bytes) -> Any:  # as above
    """The same, with the decoders of an encoding."""
    decoder = by_name[_ORDER[data[0] % len(_ORDER)] if data else "Empty"]
    try:
        return decoder(data[1:])
    except _DECLARED as error:
        return list(vars(error).values())


def body(decoder: str, data: bytes) -> bytes:
    """A body as one input."""
    return bytes([_ORDER.index(decoder)]) + data


def _field(wire: int, ident: int) -> bytes:
    return struct.pack(">Bh", wire, ident)


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)


_BOOL, _I8, _DOUBLE, _I16, _I32, _I64, _STRING, _STRUCT, _MAP, _SET, _LIST, _UUID = 2, 3, 4, 6, 8, 10, *range(11, 17)


def seeds() -> Mapping[str, bytes]:
    """Values that have every type, as our encoders write them."""
    return seeds_in(BINARY)


def seeds_in(encoding: Encoding) -> Mapping[str, bytes]:
    """The same in an encoding."""
    e = everything
    point, node = e.Point(x=1, y=-2), e.Node(name="root", children=[e.Node(name="leaf")], by_name={"a": e.Node()})
    node.after = e.Node(name="after", children=[], by_name={})
    values = {
        "numbers": e.Numbers(flag=True, tiny=-1, small=300, medium=70_000, large=2**40, real=1.5),
        "scattered": e.Scattered(negative=-3, seven=7, text="text", five=0.5, last=False),
        "text": e.Text(text="schöne Welt", raw=b"\xff\x00"),
        "point": point,
        "containers": _containers(point),
        "node": node,
        "shape": e.Shape(group=[e.Shape(point=point), e.Shape(name="n"), e.Shape(colour=e.Colour.GREEN)]),
        "defaults": e.Defaults(),
        "notfound": e.NotFound(name="who"),
        "odd": e.Odd(outcome=3, where=point),
        "empty": e.Empty(),
        "later": e.Later(number=9),
        "sooner": e.Sooner(number=4),
        "uuids": _uuids(),
    }
    inputs = {
        name: body(type(value).__name__, encoding.codec_of(type(value)).encode(value)) for name, value in values.items()
    }
    calls: dict[str, tuple[tuple[Any, ...], Any]] = {  # Any: as above
        "ping": ((), True),
        "forget": ((5,), None),
        "nothing": ((), None),
        "add": ((1, 2), 3),
        "locate": (("here", {"a"}, 2, e.Colour.RED), point),
        "numbers": (([1, 2, 3],), [4, 5]),
        "walk": ((node,), node),
        "shape": ((values["shape"],), values["shape"]),
        "late": ((e.Later(number=1), {"k": e.Later(number=2)}), [e.Later(number=3)]),
        "with_options": ((e.Colour.GREEN,), e.Colour.RED),
        "None": ((), e.Later(number=8)),
    }
    codecs = {name: method.codecs[encoding.name] for name, method in _METHODS.items()}
    for name, (arguments, result) in calls.items():
        inputs[f"{name}-arguments"] = body(f"{name} arguments", codecs[name].encode_args(*arguments))
        if name != "forget":
            inputs[f"{name}-result"] = body(f"{name} result", codecs[name].encode_result(result))
    missing = codecs["locate"].encode_exception(e.NotFound(name="gone"))
    assert missing is not None, "the IDL declares it"
    inputs["locate-notfound"] = body("locate result", missing)
    return {**inputs, **streams_in(encoding)}


def streams_in(encoding: Encoding) -> Mapping[str, bytes]:
    """Requests and items of methods that stream."""
    parts: dict[str, tuple[tuple[Any, ...], Any]] = {  # Any: as above
        "upload": (("name",), bytes(range(64))),
        "talk": ((), streams.Message(text="schöne Welt")),
        "sums": (("room", 3), [1, -2, 70_000]),
        "note": ((), streams.Level.HIGH),
    }
    inputs: dict[str, bytes] = {}
    for name, (arguments, item) in parts.items():
        codec = STREAMING[name].codecs[encoding.name]
        assert codec.encode_item is not None, "it takes items"
        inputs[f"{name}-request"] = body(f"{name} request", codec.encode_args(*arguments))
        inputs[f"{name}-item"] = body(f"{name} item", codec.encode_item(item))
    return inputs


def _containers(point: Any) -> Any:  # as above
    e = everything
    value = e.Containers(flags=[True, False], tinies=[1, -1], smalls=[300], mediums=[70_000], larges=[2**40])
    value.reals, value.texts, value.raws, value.colours = [1.5], ["a", "bc"], [b"\xff"], [e.Colour.RED, e.Colour.GREEN]
    value.points, value.flag_set, value.number_set, value.text_set = [point, point], {True}, {1, 2**40}, {"yz"}
    value.colour_set, value.ages, value.places = {e.Colour.RED}, {"anna": 30}, {5: point}
    value.shades, value.matrix, value.tuples = {e.Colour.RED: [e.Colour.GREEN]}, [[1, 2], []], {(1, 2), (3,)}
    value.groups, value.deep_keys = {frozenset({"a"})}, {((1, 2), (3,)): 0.5}
    value.nested, value.real_set, value.by_flag = {"a": {"b": {1, 2}}}, {1.5, 2.5}, {True: b"raw"}
    return value


def _uuids() -> Any:  # as above
    one = uuid.UUID(int=2**127 + 1)
    return everything.Uuids(one=one, all=[one, one], some={one, uuid.UUID(int=0)}, names={one: "a"})


def make_bombs(size: int) -> Sequence[Bomb]:
    """Much for few bytes: what is empty, what nests, what lies, what has to be skipped."""
    made = [*_lists(size), *_sets_and_maps(size), *_nested(size), *_skipped(size)]
    return [Bomb(name, body(decoder, data)) for name, decoder, data in made]


_Made = Iterator[tuple[str, str, bytes]]


def _fit(size: int, unit: int) -> int:
    return max(1, (size - 16) // unit)


def _collection(kind: int, ident: int, element: int, parts: Sequence[bytes]) -> bytes:
    return _field(kind, ident) + bytes([element]) + _u32(len(parts)) + b"".join(parts) + b"\0"


def _mapping(ident: int, kinds: tuple[int, int], parts: Sequence[bytes]) -> bytes:
    return _field(_MAP, ident) + bytes(kinds) + _u32(len(parts)) + b"".join(parts) + b"\0"


def _lists(size: int) -> _Made:
    point = BINARY.codec_of(everything.Point)
    same = {
        "a list of empty structs": ("Node", 3, _STRUCT, b"\0"),
        "a list of points": (
            "Containers",
            10,
            _STRUCT,
            point.encode(everything.Point(x=1, y=2)),
        ),
        "a list of empty points": ("Containers", 10, _STRUCT, b"\0"),
        "a list of flags": ("Containers", 1, _BOOL, b"\1"),
        "a list of bytes": ("Containers", 2, _I8, b"\x81"),
        "a list of numbers": ("Containers", 3, _I16, b"\x12\x34"),
        "a list of empty texts": ("Containers", 7, _STRING, _u32(0)),
        "a list of short texts": ("Containers", 7, _STRING, _u32(2) + b"ab"),
        "a list of short bytes": ("Containers", 8, _STRING, _u32(2) + b"\xff\xfe"),
        "a list of unknown enum values": ("Containers", 9, _I32, _u32(77)),
        "a list of empty lists": ("Containers", 20, _LIST, bytes([_I32]) + _u32(0)),
        "a list of unions": ("Shape", 3, _STRUCT, _field(_STRING, 4) + _u32(0) + b"\0"),
        "a list of colours in unions": ("Shape", 3, _STRUCT, _field(_I32, 2) + _u32(1) + b"\0"),
        "a result of defaults": ("late result", 0, _STRUCT, b"\0"),
        "a result of numbers": ("numbers result", 0, _I32, _u32(70_000)),
        "an item of numbers": ("sums item", 1, _I32, _u32(70_000)),
    }
    for name, (decoder, ident, element, unit) in same.items():
        yield name, decoder, _collection(_LIST, ident, element, [unit] * _fit(size, len(unit)))
    numbers = [struct.pack(">q", 2**40 + index) for index in range(_fit(size, 8))]
    yield "a list of large numbers", "Containers", _collection(_LIST, 5, _I64, numbers)
    colours = [_u32(100 + index) for index in range(_fit(size, 4))]
    yield "a list of different enum values", "Containers", _collection(_LIST, 9, _I32, colours)
    smalls = [struct.pack(">H", 300 + index % 30_000) for index in range(_fit(size, 2))]
    yield "a list of different numbers", "Containers", _collection(_LIST, 3, _I16, smalls)


def _sets_and_maps(size: int) -> _Made:
    colliding = [struct.pack(">q", (2**61 - 1) * index % 2**63) for index in range(_fit(size, 8))]
    yield "a set of numbers of one hash", "Containers", _collection(_SET, 12, _I64, colliding)
    texts = [_u32(2) + struct.pack(">BB", index % 128, index // 128 % 128) for index in range(_fit(size, 6))]
    yield "a set of short texts", "Containers", _collection(_SET, 13, _STRING, texts)
    colours = [_u32(100 + index) for index in range(_fit(size, 4))]
    yield "a set of enum values", "Containers", _collection(_SET, 14, _I32, colours)
    yield "a set of points", "Containers", _collection(_SET, 15, _STRUCT, [b"\0"] * _fit(size, 1))
    lists = [bytes([_I32]) + _u32(1) + _u32(index) for index in range(_fit(size, 9))]
    yield "a set of lists", "Containers", _collection(_SET, 21, _LIST, lists)
    colliding = [bytes([_I32]) + _u32(2) + _u32(2**32 - 1 - index % 2) * 2 for index in range(_fit(size, 13))]
    yield "a set of lists of one hash", "Containers", _collection(_SET, 21, _LIST, colliding)
    empty = [bytes([_STRING]) + _u32(0)] * _fit(size, 5)
    yield "a set of empty sets", "Containers", _collection(_SET, 22, _SET, empty)
    yield "a list of uuids", "Uuids", _collection(_LIST, 2, _UUID, [b"u" * 16] * _fit(size, 16))
    colliding = [((2**61 - 1) * index).to_bytes(16, "big") for index in range(_fit(size, 16))]
    yield "a set of uuids of one hash", "Uuids", _collection(_SET, 3, _UUID, colliding)
    doubles = [struct.pack(">d", float(index)) for index in range(_fit(size, 8))]
    yield "a set of doubles", "Containers", _collection(_SET, 25, _DOUBLE, doubles)
    nan = [struct.pack(">Q", 0x7FF8000000000000 + index) for index in range(_fit(size, 8))]
    yield "a set of what is no number", "Containers", _collection(_SET, 25, _DOUBLE, nan)
    keys = [_u32(3) + bytes((index % 128, index // 128 % 128, index // 16384 % 128)) for index in range(_fit(size, 8))]
    yield "a map of empty structs", "Node", _mapping(4, (_STRING, _STRUCT), [key + b"\0" for key in keys])
    yield "a map of numbers", "Containers", _mapping(16, (_STRING, _I32), [key + _u32(1) for key in keys])
    maps = [key + bytes([_STRING, _SET]) + _u32(0) for key in keys[: _fit(size, 13)]]
    yield "a map of empty maps", "Containers", _mapping(24, (_STRING, _MAP), maps)
    shades = [_u32(index) + bytes([_I32]) + _u32(0) for index in range(_fit(size, 9))]
    yield "a map of empty lists", "Containers", _mapping(18, (_I32, _LIST), shades)
    deep = [bytes([_LIST]) + _u32(0) + bytes(8)] * _fit(size, 13)
    yield "a map of empty keys", "Containers", _mapping(23, (_LIST, _DOUBLE), deep)
    yield "a map of structs as keys", "Containers", _mapping(19, (_STRUCT, _STRING), [b"\0" + _u32(0)] * _fit(size, 5))


def _nested(size: int) -> _Made:
    depth = _fit(size, 8)
    yield "nested structs", "Node", _field(_STRUCT, 2) * min(depth, 5000) + b"\0" * (1 + min(depth, 5000))
    one = _field(_LIST, 3) + bytes([_STRUCT]) + _u32(1)
    for count in (30, 60, 5000):
        yield f"lists nested {count} deep", "Node", one * min(count, depth) + b"\0" * (1 + min(count, depth))
    chain = _field(_STRUCT, 2) * 60 + b"\0" * 61
    yield "many chains", "Node", _collection(_LIST, 3, _STRUCT, [chain] * _fit(size, len(chain)))
    union = _field(_LIST, 3) + bytes([_STRUCT]) + _u32(1)
    yield "nested unions", "Shape", union * min(60, depth) + _field(_STRING, 4) + _u32(0) + b"\0" * (1 + min(60, depth))
    yield "a list that lies", "Node", _field(_LIST, 3) + bytes([_STRUCT]) + _u32(2**32 - 1) + bytes(size)
    yield "a text that lies", "Text", _field(_STRING, 1) + _u32(2**31 - 1) + bytes(size)
    yield "a wide text", "Text", _field(_STRING, 1) + _u32(size) + "😀".encode().ljust(size, b"x") + b"\0"
    yield "one field again", "Text", (_field(_STRING, 1) + _u32(0)) * _fit(size, 7) + b"\0"
    yield "one list again", "Node", (_field(_LIST, 3) + bytes([_STRUCT]) + _u32(0)) * _fit(size, 8) + b"\0"
    yield "one number again", "Defaults", (_field(_I16, 12) + b"\0\1") * _fit(size, 5) + b"\0"
    fields = (_field(_I32, 5) + _u32(1), _field(_I16, 12) + b"\0\1")
    yield "two fields in turns", "Defaults", b"".join(fields) * _fit(size, 12) + b"\0"


def _skipped(size: int) -> _Made:
    same = {
        "empty structs": (_STRUCT, b"\0"),
        "empty lists": (_LIST, bytes([_I32]) + _u32(0)),
        "empty maps": (_MAP, bytes([_I32, _I32]) + _u32(0)),
        "empty texts": (_STRING, _u32(0)),
        "bytes": (_I8, b"\0"),
        "structs of one": (_STRUCT, _field(_I8, 1) + b"\0\0"),
    }
    for name, (element, unit) in same.items():
        yield f"skipped: {name}", "Empty", _collection(_LIST, 9, element, [unit] * _fit(size, len(unit)))
    yield "skipped: many fields", "Empty", (_field(_I8, 9) + b"\0") * _fit(size, 4) + b"\0"
    yield "skipped: many structs", "Empty", (_field(_STRUCT, 9) + b"\0") * _fit(size, 4) + b"\0"
    nested = bytes([_LIST]) + _u32(1)
    yield "skipped: nested lists", "Empty", _field(_LIST, 9) + nested * _fit(size, 5) + b"\0"
    yield "skipped: nested structs", "Empty", _field(_STRUCT, 9) * _fit(size, 4) + bytes(_fit(size, 4))
    one = nested * 55 + bytes([_I8]) + _u32(0)
    yield "skipped: many nested lists", "Empty", _collection(_LIST, 9, _LIST, [one] * _fit(size, len(one)))


TARGET: Final = Target("thrift", decode, (DecodeError,), seeds, make_bombs, leaves_of, DEFAULTS, ALLOWANCE)
