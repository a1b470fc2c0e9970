from __future__ import annotations

from callosum.upper.thrift.source import Source


def test_lines_are_indented_and_executed() -> None:
    source = Source()
    with source.block("def double(x):"):
        with source.block("if x:"):
            source("return x + x")
        source("return None")
    assert str(source) == "def double(x):\n    if x:\n        return x + x\n    return None"
    assert source.execute("<test>")["double"]("a") == "aa"


def test_names_are_fresh_and_have_the_prefix() -> None:
    source = Source("__")
    assert source.fresh("x") != source.fresh("x")
    assert source.fresh("x").startswith("__x")


def test_the_same_object_has_the_same_name() -> None:
    source = Source()
    one: list[int] = []
    assert source.constant("a", one) == source.constant("a", one)
    assert source.constant("a", one) != source.constant("a", [])
    assert source.constant("a", b"xy") == source.constant("b", b"x" + b"y")
    assert source.namespace[source.constant("a", one)] is one


def test_layouts_are_big_endian() -> None:
    source = Source()
    assert source.packer("hi") == source.packer("hi")
    assert source.packer("hi") != source.unpacker("hi")
    with source.block("def both(buf):"):
        source(f"return {source.packer('hi')}(1, 2), {source.unpacker('hi')}(buf, 1)")
    assert source.execute("<test>")["both"](b"x\0\1\0\0\0\2") == (b"\0\1\0\0\0\2", (1, 2))
