from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from callosum.upper.thrift import load, load_string
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.footprint import ALLOWANCE, RATIO, SET_TABLE, in_field, least, per_element, room, weight
from callosum.upper.thrift.spec import (
    BINARY,
    BOOL,
    DOUBLE,
    I8,
    I32,
    I64,
    STRING,
    ListType,
    MapType,
    SetType,
    StructType,
    struct_of,
)
from tests.upper.thrift.oracles import IDL

m: Any = load(IDL / "everything.thrift")


def taken(make: Callable[[], Any]) -> int:
    """What tracemalloc sees of a value."""
    make()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        value = make()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    del value
    return after - before


def many(fields: int) -> Any:
    specs = {i: (8, f"f{i}", False) for i in range(1, fields + 1)}
    return type("Many", (m.Empty.__base__,), {"thrift_spec": specs})


def test_the_room_of_a_body() -> None:
    assert room(0) == ALLOWANCE
    assert room(1000) == ALLOWANCE + 1000 * RATIO


@pytest.mark.parametrize(
    "cls", [m.Empty, m.Point, m.Node, m.Containers, m.NotFound, m.Later, many(29), many(30), many(90)]
)
def test_instances_take_no_more_than_is_counted(cls: Any) -> None:
    decoder = codec_of(cls).decoder
    body = b"\x08\0\1" + bytes(4) + b"\x08\0\2" + bytes(5) if cls is m.Point else bytes(1)
    padded = body + bytes(256)
    assert (
        taken(lambda: [decoder(padded, 0, 1, [ALLOWANCE])[0] for _ in range(200)])
        < 200 * (weight(struct_of(cls)) + 9) + 2000
    )


def test_defaults_are_counted() -> None:
    needed = b"\x06\0\x0c\0\1\0" + bytes(256)
    decoder = codec_of(m.Defaults).decoder
    used = taken(lambda: [decoder(needed, 0, 1, [ALLOWANCE])[0] for _ in range(200)])
    assert used < 200 * (weight(struct_of(m.Defaults)) + 9)


def test_the_smallest_values() -> None:
    assert [least(kind) for kind in (BOOL, I8)] == [0, 0]
    assert least(I32) == 28
    assert least(I64) == 36
    assert least(DOUBLE) == 24
    assert least(STRING) > least(BINARY) > 32
    assert in_field(StructType(m.Point)) > least(StructType(m.Point)) == weight(struct_of(m.Point))
    assert in_field(STRING) == least(STRING)


@pytest.mark.parametrize("count", [5, 9, 19, 20, 76, 77, 1000, 1366, 5462, 43691])
def test_tables_take_no_more_than_is_counted(count: int) -> None:
    numbers = [2**40 + i for i in range(count)]
    ages = {1: (13, "by_number", (10, 2), False), 2: (14, "numbers", 10, False), 3: (15, "listed", 10, False)}
    holder: Any = type("Holder", (m.Empty.__base__,), {"thrift_spec": ages})
    codec = codec_of(holder)
    for name, value, kind in (
        ("by_number", dict.fromkeys(numbers, True), MapType(I64, BOOL)),
        ("numbers", set(numbers), SetType(I64)),
        ("listed", numbers, ListType(I64)),
    ):
        one = holder.__new__(holder)
        one.by_number = one.numbers = one.listed = None
        setattr(one, name, value)
        body = codec.encode(one)
        table = eval(SET_TABLE.format(count=count)) if isinstance(kind, SetType) else 0
        assert taken(partial(codec.decode, body)) < table + count * per_element(kind) + 1200


def test_what_a_user_makes_does_not_make_what_is_decoded_larger() -> None:
    module: Any = load_string("union U { 1: i32 a, 2: i32 b, 3: i32 c } struct S { 1: required i32 a, 2: i32 b }")
    made = [module.U(a=1) for _ in range(100)], [module.S(1) for _ in range(100)]
    for cls, value in ((module.U, made[0][0]), (module.S, made[1][0])):
        codec = codec_of(cls)
        body = codec.encode(value)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            decoded = [codec.decode(body) for _ in range(1000)]
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert decoded[0] == value
        assert (after - before) / 1000 < weight(struct_of(cls)) + 8 + 32
