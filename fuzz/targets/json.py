"""Bodies of JSON to values: the arguments and the results of each method of a service with every type that travels.

The first byte of an input says which, the rest is the body.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import json as text
import uuid
from collections.abc import AsyncIterable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict

import msgspec

from callosum.errors import DecodeError
from callosum.service import service_of
from callosum.upper import json
from callosum.upper.json.room import ALLOWANCE, RATIO
from fuzz.target import Bomb, Target, leaves_of


class Colour(enum.Enum):
    """A name on the wire."""

    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    """Nearly everything may be missing."""

    x: float = 0.0
    y: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Node(msgspec.Struct):
    """Holds its like."""

    name: str = ""
    children: list[Node] = []
    after: Node | None = None


class Circle(msgspec.Struct, tag=True):
    """One arm of a union."""

    radius: float


class Square(msgspec.Struct, tag=True):
    """The other."""

    side: float


class Options(TypedDict, total=False):
    """A dict with names."""

    width: int
    colour: Colour


class Pair(NamedTuple):
    """An array on the wire."""

    left: int
    right: str = ""


@dataclass
class Refused(Exception):
    """Declared, with fields."""

    reason: str
    points: list[Point] = field(default_factory=list)


class Gone(Exception):
    """Declared, with a text."""


@json.service
class Everything(Protocol):
    """Takes and returns each type."""

    async def text(self, value: str) -> str: ...
    async def numbers(self, value: list[int]) -> list[float]: ...
    async def data(self, value: bytes) -> bytes: ...
    async def times(self, value: tuple[datetime, date, time, timedelta]) -> datetime: ...
    async def others(self, value: tuple[Decimal, uuid.UUID, Colour, Literal["a", 1]]) -> Decimal: ...
    async def points(self, value: list[Point]) -> dict[str, Point]: ...
    async def node(self, value: Node) -> Node: ...
    async def shape(self, value: Circle | Square) -> list[Circle | Square]: ...
    async def options(self, value: list[Options]) -> Options: ...
    async def pair(self, value: Pair, more: Pair = Pair(1)) -> list[Pair]: ...  # noqa: B008 - it cannot be changed
    async def sets(self, value: set[str]) -> frozenset[int]: ...
    async def maps(self, value: dict[str, dict[str, int]]) -> dict[int, list[str]]: ...
    async def anything(self, value: Any) -> Any: ...  # what JSON has

    @json.raises(Refused, Gone)
    async def fail(self, value: int = 0) -> None: ...
    async def upload(self, name: str, nodes: AsyncIterable[Node]) -> None: ...


_METHODS: Final = service_of(Everything).methods
_DECLARED: Final = (Refused, Gone)


def _decoders() -> dict[str, Callable[[bytes], Any]]:  # values of any type
    found: dict[str, Callable[[bytes], Any]] = {}
    for name, method in _METHODS.items():
        found[f"{name} arguments"] = method.decode_args
        found[f"{name} result"] = method.decode_result
        if method.preferred.decode_item is not None:
            found[f"{name} item"] = method.preferred.decode_item
    return found


DECODERS: Final = _decoders()
_ORDER: Final = list(DECODERS)


@dataclass
class Decoded:
    """A value, and the body that it came from."""

    body: bytes
    value: Any  # as above


def decode(data: bytes) -> Decoded:
    """The value of a body; an exception that is declared is one too."""
    decoder = DECODERS[_ORDER[data[0] % len(_ORDER)]] if data else DECODERS["text arguments"]
    body = data[1:]
    try:
        return Decoded(body, decoder(body))
    except _DECLARED as error:
        return Decoded(body, [*vars(error).values(), *error.args])


def body(decoder: str, data: bytes) -> bytes:
    """A body as one input."""
    return bytes([_ORDER.index(decoder)]) + data


def seeds() -> Mapping[str, bytes]:
    """Values that have every type, as our encoders write them."""
    now = datetime(2026, 11, 24, 12, 0, 0, 5, tzinfo=UTC)
    point = Point(1.5, -2.0, {"a": "b"}, ["first", "second"])
    node = Node("root", [Node("leaf"), Node()], Node("after"))
    calls: dict[str, tuple[tuple[Any, ...], Any]] = {  # as above
        "text": (("schöne Welt 😀",), 'quotes " and \\ and \n'),
        "numbers": (([1, -2, 2**63, 2**80],), [0.5, -1e300, 3.0]),
        "data": ((bytes(range(64)),), b""),
        "times": (((now, now.date(), now.timetz(), timedelta(days=3, seconds=4)),), now),
        "others": (((Decimal("12.50"), uuid.UUID(int=2**100 + 7), Colour.RED, "a"),), Decimal("1E+20")),
        "points": (([point, Point()],), {"p": point}),
        "node": ((node,), node),
        "shape": ((Circle(1.0),), [Square(2.0), Circle(3.0)]),
        "options": (([{"width": 3}, {"colour": Colour.GREEN}, {}],), {"width": 1}),
        "pair": ((Pair(1, "x"), Pair(2, "y")), [Pair(3, "z")]),
        "sets": (({"bc"},), frozenset({2**40})),
        "maps": (({"a": {"b": 1}},), {5: ["x"], -1: []}),
        "anything": (({"a": [1, None, True, 2.5, {"b": "c"}]},), [[], {}, ""]),
        "fail": ((3,), None),
    }
    inputs: dict[str, bytes] = {}
    for name, (arguments, result) in calls.items():
        inputs[f"{name}-arguments"] = body(f"{name} arguments", _METHODS[name].encode_args(*arguments))
        inputs[f"{name}-result"] = body(f"{name} result", _METHODS[name].encode_result(result))
    encode_item = _METHODS["upload"].preferred.encode_item
    assert encode_item is not None, "it takes items"
    inputs["upload-arguments"] = body("upload arguments", _METHODS["upload"].encode_args("name"))
    inputs["upload-item"] = body("upload item", encode_item(node))
    for error in (Refused("no", [point]), Gone("away")):
        encoded = _METHODS["fail"].preferred.encode_exception(error)
        assert encoded is not None, "it is declared"
        inputs[f"fail-{type(error).__name__.lower()}"] = body("fail result", encoded)
    return inputs


def make_bombs(size: int) -> Sequence[Bomb]:
    """Much for few bytes: what is empty, what nests, what lies."""
    same = {
        "points": ("points arguments", b"{}"),
        "points with notes": ("points arguments", b'{"notes":[]}'),
        "nodes": ("node arguments", b'{"children":[]}'),
        "options": ("options arguments", b"{}"),
        "options of one": ("options arguments", b'{"width":1}'),
        "pairs": ("pair result", b"[1]"),
        "shapes": ("shape result", b'{"type":"Circle","radius":1}'),
        "numbers": ("numbers arguments", b"1"),
        "large numbers": ("numbers arguments", b"257"),
        "floats": ("numbers result", b"1"),
        "empty lists": ("anything arguments", b"[]"),
        "empty objects": ("anything arguments", b"{}"),
        "objects of one": ("anything result", b'{"":1}'),
        "texts": ("anything result", '"ā"'.encode()),
        "nothing": ("anything result", b"null"),
    }
    made = [(name, decoder, _wrapped(decoder, _array(item, size))) for name, (decoder, item) in same.items()]
    short = b",".join(b'"%x"' % index for index in range(size // 7))
    made.append(("a set of texts", "sets arguments", _wrapped("sets arguments", b"[" + short + b"]")))
    numbers = b",".join(b"%d" % (300 + index) for index in range(size // 6))
    made.append(("a set of numbers", "sets result", _wrapped("sets result", b"[" + numbers + b"]")))
    maps = b",".join(b'"%x":{}' % index for index in range(size // 10))
    made.append(("a map of maps", "maps arguments", _wrapped("maps arguments", b"{" + maps + b"}")))
    for opening in (b"[", b'{"a":', b'{"children":[', b'{"after":'):
        nested = _wrapped("anything arguments", opening * (size // len(opening)))
        made.append((f"nested {opening.decode()}", "anything arguments", nested))
        made.append((f"nodes {opening.decode()}", "node arguments", b'{"value":' + opening * (size // len(opening))))
    made.append(("nodes in an item", "upload item", b'{"children":' + _array(b'{"children":[]}', size) + b"}"))
    made.append(("a long number", "numbers arguments", _wrapped("numbers arguments", b"[" + b"9" * size + b"]")))
    made.append(("a long float", "numbers result", _wrapped("numbers result", b"[0." + b"1" * size + b"]")))
    made.append(("an exponent", "others result", _wrapped("others result", b'"1e' + b"9" * min(size, 1000) + b'"')))
    made.append(("escapes", "text arguments", _wrapped("text arguments", b'"' + b"\\u0041" * (size // 6) + b'"')))
    made.append(
        ("surrogates", "text arguments", _wrapped("text arguments", b'"' + b"\\ud83d\\ude00" * (size // 12) + b'"'))
    )
    made.append(("unknown fields", "text arguments", b'{"x":' * (size // 5)))
    made.append(("one field again", "text arguments", b"{" + b'"value":"",' * (size // 11) + b'"value":""}'))
    made.append(
        ("brackets in a text", "points arguments", _wrapped("points arguments", text.dumps("{" * size).encode()))
    )
    return [Bomb(name, body(decoder, data)) for name, decoder, data in made]


def _array(item: bytes, size: int) -> bytes:
    return b"[" + b",".join([item] * max(1, size // (len(item) + 1))) + b"]"


def _wrapped(decoder: str, value: bytes) -> bytes:
    return (b'{"value":' if decoder.endswith("arguments") else b'{"result":') + value + b"}"


def leaves(decoded: Decoded) -> Iterator[bytes]:
    """Those texts and bytes of a value that another reader of JSON does not find in the body.

    Texts may be spelled in many ways there, with escapes or as base64, so they cannot be looked for in it. What is
    skipped because nobody asked for it need not be UTF-8.
    """
    received: set[bytes] = set()
    for one in _texts(text.loads(decoded.body.decode(errors="replace"), strict=False)):
        received.add(one.encode(errors="surrogatepass"))
        with contextlib.suppress(ValueError):
            received.add(base64.b64decode(one))
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


TARGET: Final = Target(
    name="json",
    decode=decode,
    allowed=(DecodeError,),
    seeds=seeds,
    bombs=make_bombs,
    leaves=leaves,
    small=ALLOWANCE,
    ratio=RATIO,
)
"""The bounds of memory are those of `room.py`."""
