from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import msgspec
import pytest

from callosum.errors import DecodeError
from callosum.upper.json.codec import decoder
from callosum.upper.json.room import ALLOWANCE, RATIO


@dataclass
class Small:
    a: int = 0
    b: list[int] = field(default_factory=list)
    c: dict[str, int] = field(default_factory=dict)


class Wide(msgspec.Struct):
    a: list[int] = []
    b: list[int] = []
    c: str = ""


class Named(NamedTuple):
    a: int = 0


class Typed(TypedDict, total=False):
    a: int


def array(item: bytes, count: int) -> bytes:
    return b"[" + b",".join([item] * count) + b"]"


BOMBS: list[tuple[Any, bytes]] = [
    (list[Small], b"{}"),
    (list[Wide], b"{}"),
    (list[Named], b"[]"),
    (list[Typed], b"{}"),
    (list[Typed], b'{"a":1}'),
    (list[dict[str, int]], b'{"":1}'),
    (list[set[int]], b"[]"),
    (list[frozenset[int]], b"[1]"),
    (list[list[int]], b"[]"),
    (list[float], b"1"),
    (Any, b"{}"),
    (Any, b'[{"a":[{}]}]'),
]


@pytest.mark.parametrize(("type_", "item"), BOMBS, ids=[f"{b.decode()}-{n}" for n, (_, b) in enumerate(BOMBS)])
@pytest.mark.parametrize("count", [100, 20_000, 200_000])
def test_what_is_decoded_takes_no_more_memory_than_was_said(type_: Any, item: bytes, count: int) -> None:
    body = array(item, count)
    decode = decoder(type_, "x")
    tracemalloc.start()
    try:
        value = decode(body)
    except DecodeError as error:
        assert "small objects would take too much memory" in str(error)
        return
    finally:
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(value) == count
    assert held <= RATIO * len(body) + ALLOWANCE


@dataclass
class Row:
    number: int
    name: str
    price: float


@dataclass
class Id:
    id: int


@pytest.mark.parametrize(
    ("type_", "item", "count"),
    [
        (Row, b'{"number":1,"name":"a","price":1.5}', 500_000),
        (Id, b'{"id":123}', 30_000),
        (Small, b'{"a":123,"b":[1,2],"c":{"x":1}}', 4_000),
        (Wide, b'{"a":[1],"b":[2],"c":"x"}', 100_000),
        (int, b"1", 2_000_000),
        (str, b'"x"', 1_000_000),
    ],
)
def test_many_ordinary_values_are_welcome(type_: Any, item: bytes, count: int) -> None:
    assert len(decoder(list[type_], "x")(array(item, count))) == count


def test_brackets_in_texts_are_no_objects() -> None:
    body = b'{"":"' + b"{" * 300_000 + b'","\\"[[[":"' + b"[" * 300_000 + b'"}'
    assert len(decoder(dict[str, str], "x")(body)) == 2
    assert len(decoder(dict[str, str | list[Small]], "x")(body)) == 2


def test_what_is_small_by_nature_is_not_counted() -> None:
    body = array(b"[1]", 300_000)
    assert len(decoder(list[list[int]], "x")(body)) == 300_000


def test_a_bomb_is_refused() -> None:
    with pytest.raises(
        DecodeError, match=r"^x: 600001 bytes of small objects would take too much memory: more than 20"
    ):
        decoder(list[Small], "x")(array(b"{}", 200_000))
