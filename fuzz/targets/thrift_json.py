"""Bodies of Thrift's JSON protocol to values.

The first byte of an input says to which, as for the binary protocol; the rest is the body.
"""

from __future__ import annotations

import base64
import contextlib
import json as text
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from callosum.errors import DecodeError
from callosum.service import service_of
from callosum.upper.thrift.json_protocol import JSON
from callosum.upper.thrift.json_protocol.room import ALLOWANCE
from fuzz.target import SMALL, Bomb, Target, leaves_of
from fuzz.targets import thrift
from fuzz.targets.thrift import DEFAULTS, everything

DECODERS: Final = thrift.decoders(JSON)
_DECLARED: Final = (everything.NotFound, everything.Odd)


@dataclass(frozen=True)
class Decoded:
    """What came out, and of what."""

    body: bytes
    value: Any  # of any IDL type


def decode(data: bytes) -> Decoded:
    """The value of a body; an exception that the IDL declares is one too."""
    return Decoded(data[1:], thrift.decode_with(DECODERS, data))


def body(decoder: str, data: str | bytes) -> bytes:
    """A body as one input."""
    return thrift.body(decoder, data.encode() if isinstance(data, str) else data)


def seeds() -> Mapping[str, bytes]:
    """The values of the binary protocol's seeds, as our encoders write them, and some as others do."""
    inputs: dict[str, bytes] = {}
    order = list(DECODERS)
    for name, data in thrift.seeds().items():
        decoder = order[data[0]]
        if decoder.endswith((" request", " item")):
            continue
        if " " in decoder:
            inputs[name] = body(decoder, _call(decoder, thrift.decode(data), data[1:]))
        else:
            value = thrift.DECODERS[decoder](data[1:])
            if decoder == "Containers":
                value.deep_keys = None  # JSON has no such keys
            inputs[name] = body(decoder, JSON.codec_of(type(value)).encode(value))
    inputs |= thrift.streams_in(JSON)
    spaced = text.dumps(text.loads(inputs["containers"][1:]), indent=1)
    inputs["containers-spaced"] = body("Containers", spaced)
    inputs["text-escaped"] = body("Text", r'{"2":{"str":"\/wA"},"1":{"str":"sch\u00f6n \ud83d\ude00 \n\"\\"}}')
    inputs["numbers-others"] = body(
        "Numbers", '{"6":{"dbl":"-Infinity"},"9":{"i8":1},"5":{"i64":-9223372036854775808}}'
    )
    inputs["unknown"] = body(
        "Empty",
        '{"1":{"lst":["rec",2,{"1":{"map":["str","i32",1,{"a":1}]}},{}]},"2":{"set":["str",2,"a","b"]},'
        '"3":{"map":["i32","lst",1,{"5":["dbl",1,0.5]}]},"4":{"tf":1},"5":{"dbl":"NaN"},"6":{"str":"t"}}',
    )
    inputs["doubles"] = body(
        "Containers", '{"6":{"lst":["dbl",4,1,-0.5,1e-9,"NaN"]},"25":{"set":["dbl",1,"Infinity"]}}'
    )
    return inputs


def _call(decoder: str, value: Any, data: bytes) -> bytes:  # as above
    """The arguments, or the outcome, of a call."""
    method, _, part = decoder.partition(" ")
    codec = service_of(everything.Everything).methods[method].codecs[JSON.name]
    if part == "arguments":
        return codec.encode_args(*value)
    with contextlib.suppress(*_DECLARED):
        thrift.DECODERS[decoder](data)
        return codec.encode_result(value)
    missing = codec.encode_exception(everything.NotFound(name="gone"))
    assert missing is not None, "the IDL declares it"
    return missing


def make_bombs(size: int) -> Sequence[Bomb]:
    """Much for few characters: what is empty, what nests, what lies, what has to be skipped."""
    made = [*_lists(size), *_sets_and_maps(size), *_nested(size), *_tokens(size), *_skipped(size)]
    return [Bomb(name, body(decoder, data)) for name, decoder, data in made]


_Made = Iterator[tuple[str, str, str]]


def _fit(size: int, unit: int) -> int:
    return max(1, (size - 40) // unit)


def _collection(ident: int, name: str, element: str, parts: Sequence[str]) -> str:
    return f'{{"{ident}":{{"{name}":["{element}",{len(parts)}{"".join(f",{part}" for part in parts)}]}}}}'


def _mapping(ident: int, kinds: str, parts: Sequence[str]) -> str:
    return f'{{"{ident}":{{"map":[{kinds},{len(parts)},{{{",".join(parts)}}}]}}}}'


def _lists(size: int) -> _Made:
    same = {
        "a list of empty structs": ("Node", 3, "rec", "{}"),
        "a list of points": ("Containers", 10, "rec", '{"1":{"i32":1},"2":{"i32":2}}'),
        "a list of points in another order": ("Containers", 10, "rec", '{"2":{"i32":1},"1":{"i32":2}}'),
        "a list of empty points": ("Containers", 10, "rec", "{}"),
        "a list of flags": ("Containers", 1, "tf", "1"),
        "a list of bytes": ("Containers", 2, "i8", "9"),
        "a list of numbers": ("Containers", 3, "i16", "999"),
        "a list of large numbers": ("Containers", 5, "i64", "1099511627776"),
        "a list of doubles": ("Containers", 6, "dbl", "0"),
        "a list of what is no number": ("Containers", 6, "dbl", '"NaN"'),
        "a list of empty texts": ("Containers", 7, "str", '""'),
        "a list of short texts": ("Containers", 7, "str", '"ab"'),
        "a list of texts with an escape": ("Containers", 7, "str", r'"\n"'),
        "a list of short bytes": ("Containers", 8, "str", '"AA"'),
        "a list of empty bytes": ("Containers", 8, "str", '""'),
        "a list of unknown enum values": ("Containers", 9, "i32", "77"),
        "a list of empty lists": ("Containers", 20, "lst", '["i32",0]'),
        "a list of spaced lists": ("Containers", 20, "lst", ' [ "i32" , 1 , 5 ] '),
        "a list of unions": ("Shape", 3, "rec", '{"4":{"str":""}}'),
        "a list of colours in unions": ("Shape", 3, "rec", '{"2":{"i32":1}}'),
        "a list of unions that are none": ("Shape", 3, "rec", "{}"),
        "a list of structs with a field that is unknown": ("Node", 3, "rec", '{"9":{"i8":1}}'),
        "a result of defaults": ("late result", 0, "rec", "{}"),
        "a result of numbers": ("numbers result", 0, "i32", "70000"),
    }
    for name, (decoder, ident, element, unit) in same.items():
        yield name, decoder, _collection(ident, "lst", element, [unit] * _fit(size, len(unit) + 1))
    same_uuid = '"80000000-0000-0000-0000-000000000001"'
    yield "a list of uuids", "Uuids", _collection(2, "lst", "uid", [same_uuid] * _fit(size, 39))
    colours = [f"{100 + index}" for index in range(_fit(size, 7))]
    yield "a list of different enum values", "Containers", _collection(9, "lst", "i32", colours)
    yield "a list with a wrong end", "Containers", _collection(4, "lst", "i32", [*["0"] * _fit(size, 2), "x"])
    yield "a list of texts with a wrong end", "Containers", _collection(7, "lst", "str", [*['""'] * _fit(size, 3), "0"])
    halves = [*['""'] * _fit(size, 3), r'"\ud800"']
    yield "a list of texts with half a pair", "Containers", _collection(7, "lst", "str", halves)
    yield "a list with a wrong number", "Containers", _collection(3, "lst", "i16", [*["0"] * _fit(size, 2), "99999"])
    yield (
        "a list with too large a double",
        "Containers",
        _collection(6, "lst", "dbl", [*["0"] * _fit(size, 2), "1e999"]),
    )
    yield "a list of half structs", "Node", f'{{"3":{{"lst":["rec",{_fit(size, 2)}{",{" * _fit(size, 2)}'


def _sets_and_maps(size: int) -> _Made:
    colliding = [str((2**61 - 1) * index % 2**63) for index in range(_fit(size, 20))]
    yield "a set of numbers of one hash", "Containers", _collection(12, "set", "i64", colliding)
    texts = [f'"{index:x}"' for index in range(_fit(size, 7))]
    yield "a set of short texts", "Containers", _collection(13, "set", "str", texts)
    colours = [f"{100 + index}" for index in range(_fit(size, 6))]
    yield "a set of enum values", "Containers", _collection(14, "set", "i32", colours)
    point = '{"1":{"i32":1},"2":{"i32":2}}'
    yield "a set of points", "Containers", _collection(15, "set", "rec", [point] * _fit(size, len(point) + 1))
    lists = [f'["i32",1,{index}]' for index in range(_fit(size, 16))]
    yield "a set of lists", "Containers", _collection(21, "set", "lst", lists)
    colliding = [f'["i32",2,{-1 - index % 2},{-1 - index % 2}]' for index in range(_fit(size, 16))]
    yield "a set of lists of one hash", "Containers", _collection(21, "set", "lst", colliding)
    yield "a set of empty sets", "Containers", _collection(22, "set", "set", ['["str",0]'] * _fit(size, 10))
    doubles = [f"{index}" for index in range(_fit(size, 7))]
    yield "a set of doubles", "Containers", _collection(25, "set", "dbl", doubles)
    keys = [f'"{index:x}"' for index in range(_fit(size, 7))]
    yield "a map of empty structs", "Node", _mapping(4, '"str","rec"', [f"{key}:{{}}" for key in keys])
    yield "a map of numbers", "Containers", _mapping(16, '"str","i32"', [f"{key}:1" for key in keys])
    yield "a map of one key", "Containers", _mapping(16, '"str","i32"', ['"":1'] * _fit(size, 5))
    yield (
        "a map of empty maps",
        "Containers",
        _mapping(24, '"str","map"', [f'{key}:["str","set",0,{{}}]' for key in keys]),
    )
    yield (
        "a map of empty lists",
        "Containers",
        _mapping(18, '"i32","lst"', [f'"{i}":["i32",0]' for i in range(len(keys))]),
    )
    yield "a map of structs as keys", "Containers", _mapping(19, '"rec","str"', ['{}:""'] * _fit(size, 6))
    yield "a map by flags", "Containers", _mapping(26, '"tf","str"', ['"1":""'] * _fit(size, 7))


def _nested(size: int) -> _Made:
    depth = _fit(size, 18)
    for count in (30, 62, 5000):
        deep = min(count, depth)
        yield f"structs nested {count} deep", "Node", '{"2":{"rec":' * deep + "{}" + "}}" * deep
        yield f"lists nested {count} deep", "Node", '{"3":{"lst":["rec",1,' * deep + "{}" + "]}}" * deep
    yield "brackets", "Node", "[" * size
    yield "braces", "Node", '{"2":' * _fit(size, 5)
    chain = '{"2":{"rec":' * 60 + "{}" + "}}" * 60
    yield "many chains", "Node", _collection(3, "lst", "rec", [chain] * _fit(size, len(chain)))
    union = '{"3":{"lst":["rec",1,'
    yield "nested unions", "Shape", union * min(60, depth) + '{"4":{"str":""}}' + "]}}" * min(60, depth)
    yield "a list that lies", "Node", f'{{"3":{{"lst":["rec",4294967295{",{}" * _fit(size, 3)}]}}}}'
    yield "a list of numbers that lies", "Containers", f'{{"4":{{"lst":["i32",9999999999{",0" * _fit(size, 2)}]}}}}'
    yield "one field again", "Text", "{" + ",".join(['"1":{"str":""}'] * _fit(size, 15)) + "}"


def _tokens(size: int) -> _Made:
    yield "a wide text", "Text", f'{{"1":{{"str":"😀{"x" * size}"}}}}'
    yield "a text of escapes", "Text", f'{{"1":{{"str":"{chr(92) + "n"}"}}}}'.replace(r"\n", r"\n" * (size // 2))
    yield "a text of wide escapes", "Text", f'{{"1":{{"str":"{("Ā" + chr(92) + "u0101") * (size // 8)}"}}}}'
    yield "a text of halves of pairs", "Text", f'{{"1":{{"str":"{(chr(92) + "ud800") * (size // 6)}"}}}}'
    yield "a text without an end", "Text", f'{{"1":{{"str":"{chr(92) * size}'
    yield "a long binary", "Text", f'{{"2":{{"str":"{"A" * size}"}}}}'
    yield "a binary that is none", "Text", f'{{"2":{{"str":"{"A" * size}é"}}}}'
    yield "a long integer", "Numbers", f'{{"5":{{"i64":{"1" * size}}}}}'
    yield "a long id", "Numbers", f'{{"{"1" * size}":{{"i64":1}}}}'
    yield "a long size", "Containers", f'{{"4":{{"lst":["i32",{"1" * size}]}}}}'
    yield "a long double", "Numbers", f'{{"6":{{"dbl":{"1" * (size // 2)}.{"1" * (size // 2)}}}}}'
    yield "a long exponent", "Numbers", f'{{"6":{{"dbl":1e-{"1" * size}}}}}'
    yield "white space", "Numbers", f"{' ' * size}{{}}"
    yield "white space in it", "Numbers", f'{{"5":{" " * size}{{"i64":1}}}}'
    yield "white space before nothing", "Numbers", "{" + '"5"' + " " * size
    yield "a number too many", "Containers", f'{{"4":{{"lst":["i32",0{" ," * _fit(size, 2)}]}}}}'


def _skipped(size: int) -> _Made:
    same = {
        "empty structs": ("rec", "{}"),
        "empty lists": ("lst", '["i32",0]'),
        "lists of one": ("lst", '["i8",1,0]'),
        "empty maps": ("map", '["i32","i32",0,{}]'),
        "maps of one": ("map", '["i8","i8",1,{"1":1}]'),
        "empty texts": ("str", '""'),
        "bytes": ("i8", "0"),
        "doubles": ("dbl", "0.5"),
        "structs of one": ("rec", '{"1":{"i8":0}}'),
    }
    for name, (element, unit) in same.items():
        yield f"skipped: {name}", "Empty", _collection(9, "lst", element, [unit] * _fit(size, len(unit) + 1))
    for field in ('"9":{"i8":0}', '"9":{"rec":{}}', '"9":{"lst":["i8",0]}', '"9":{"str":""}'):
        yield f"skipped: many of {field}", "Empty", "{" + ",".join([field] * _fit(size, len(field) + 1)) + "}"
    yield "skipped: a map", "Empty", _mapping(9, '"i8","i8"', ['"1":1'] * _fit(size, 6))
    yield "skipped: a map of structs", "Empty", _mapping(9, '"i8","rec"', ['"1":{}'] * _fit(size, 7))
    depth = _fit(size, 9)
    yield "skipped: nested lists", "Empty", '{"9":{"lst":' + '["lst",1,' * depth
    yield "skipped: nested structs", "Empty", '{"9":{"rec":' * depth
    one = '["lst",1,' * 55 + '["i8",0]' + "]" * 55
    yield "skipped: many nested lists", "Empty", _collection(9, "lst", "lst", [one] * _fit(size, len(one) + 1))


def leaves(decoded: Decoded) -> Iterator[bytes]:
    """Those texts and bytes of a value that another reader of JSON does not find in the body.

    Texts may be spelled in many ways there, with escapes or as base64, so they cannot be looked for in it.
    """
    received: set[bytes] = set()
    for one in _texts(text.loads(decoded.body.decode(), strict=False, parse_int=str)):
        received.add(one.encode())
        with contextlib.suppress(ValueError):
            received.add(base64.b64decode(one + "=" * (-len(one) % 4)))
    return (leaf for leaf in leaves_of(decoded.value) if leaf not in received)


def _texts(value: Any) -> Iterator[str]:  # what JSON has
    """The texts in it, keys included."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            stack += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            stack += one


TARGET: Final = Target("thrift_json", decode, (DecodeError,), seeds, make_bombs, leaves, DEFAULTS, ALLOWANCE + SMALL)
"""Whatever is accepted is JSON: `leaves` reads it, and raises where it is none."""
