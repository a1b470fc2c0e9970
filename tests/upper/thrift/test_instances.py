from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from callosum.upper.thrift import load_string
from callosum.upper.thrift.codec import ENCODINGS
from callosum.upper.thrift.encoding import Encoding
from callosum.upper.thrift.instances import fresh_default, instance_lines
from callosum.upper.thrift.source import Source
from callosum.upper.thrift.spec import struct_of

WIDE = " ".join(f"{number}: i32 f{number}" for number in range(1, 40))
m: Any = load_string(
    "struct Point { 1: required i32 x, 2: string label, 3: list<i32> numbers }\n"
    'struct Fixed { 1: required i32 x, 2: string label, 3: list<i32> numbers } (callosum.frozen = "true")\n'
    f"struct Wide {{ {WIDE} }}\n"
    f'struct WideFixed {{ {WIDE} }} (callosum.frozen = "true")\n'
    'struct Holder { 1: Fixed fixed = {"x": 3}, 2: set<Fixed> all }',
    module_name="instances_thrift",
)


def made(cls: type, values: list[object]) -> Any:
    source = Source()
    lines = instance_lines(source, struct_of(cls), "o", [f"values[{index}]" for index in range(len(values))])
    with source.block("def make(values):"):
        source(*lines, "return o")
    return source.execute("<test>")["make"](values)


@pytest.mark.parametrize("cls", [m.Point, m.Fixed], ids=lambda cls: cls.__name__)
def test_an_instance_has_the_values_of_its_fields(cls: Any) -> None:
    assert made(cls, [1, "a", [2]]) == cls(1, label="a", numbers=[2])


@pytest.mark.parametrize("cls", [m.Wide, m.WideFixed], ids=lambda cls: cls.__name__)
def test_one_with_many_fields_too(cls: Any) -> None:
    values = list(range(1, 40))
    assert vars(made(cls, list(values))) == {f"f{number}": number for number in values}


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda one: one.name)
def test_decoders_fill_what_refuses_assignments(encoding: Encoding) -> None:
    holder = m.Holder(all={m.Fixed(7), m.Fixed(8, label="b")})
    for value in (m.WideFixed(f4=4), m.Fixed(1, label="a")):
        codec = encoding.codec_of(type(value))
        again = codec.decode(codec.encode(value))
        assert again == value
        with pytest.raises(dataclasses.FrozenInstanceError, match=r"the IDL says that it is frozen$"):
            setattr(again, next(iter(vars(again))), 5)
    codec = encoding.codec_of(m.Holder)
    assert codec.decode(codec.encode(holder)) == holder


def test_a_default_that_refuses_assignments_is_copied() -> None:
    first, second = m.Holder(), m.Holder()
    assert first.fixed == second.fixed == m.Fixed(3)
    assert first.fixed is not second.fixed
    assert first.fixed.numbers is not second.fixed.numbers


def test_defaults_are_made_anew() -> None:
    source = Source()
    defaults: list[object] = [[], {}, set(), [1], {"a": [2]}, {3}, m.Point(1)]
    expressions = [fresh_default(source, one) for one in defaults]
    assert expressions[:3] == ["[]", "{}", "set()"]
    with source.block("def make():"):
        source(f"return [{', '.join(expressions)}]")
    make = source.execute("<test>")["make"]
    first, second = make(), make()
    assert first == second == defaults
    assert not any(one is other for one, other in zip(first, second, strict=True))
