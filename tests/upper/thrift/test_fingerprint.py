from __future__ import annotations

from pathlib import Path

import pytest

from callosum.fingerprint import Difference, find_difference, read_fingerprint
from callosum.upper.thrift import load
from callosum.upper.thrift.service import thrift_service

BASE = """
enum E { X, Y }
union U { 1: i32 a, 2: string b }
struct A { 1: i32 a, 2: list<A> more, 3: map<string, set<B>> bs, 4: E e, 5: U u }
struct B { 1: required string a = "x", 2: optional A a2 }
exception X { 1: binary reason }
service S { A get(1: i64 id, 2: B b) throws (1: X x), oneway void poke() }
"""


def mark(folder: Path, text: str) -> str:
    path = folder / "a.thrift"
    path.write_text(text)
    return thrift_service(load(path).S).fingerprint


def test_a_fingerprint_is_that_of_the_whole_and_of_each_method(tmp_path: Path) -> None:
    read = read_fingerprint(mark(tmp_path, BASE))
    assert len(bytes.fromhex(read.whole)) == 32
    assert list(read.methods or ()) == ["get", "poke"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("\n", "\n\n"),
        ('= "x"', ""),
        ("enum E { X, Y }", "enum E { X, Y, Z }"),
        ("1: i32 a, 2: list<A> more", "2: list<A> more, 1: i32 a"),
        ("service S { A get", "service S { /** doc */ A get"),
        ("optional A", "A"),
        ("union U", "struct U"),
    ],
)
def test_what_is_the_same_on_the_wire_has_the_same(tmp_path: Path, old: str, new: str) -> None:
    assert mark(tmp_path, BASE.replace(old, new)) == mark(tmp_path, BASE)


def test_the_order_of_definitions_and_methods_does_not_matter(tmp_path: Path) -> None:
    lines = BASE.strip().splitlines()
    turned = "\n".join(reversed(lines))
    assert mark(tmp_path, turned) == mark(tmp_path, BASE)
    swapped = BASE.replace(
        "{ A get(1: i64 id, 2: B b) throws (1: X x), oneway void poke() }",
        "{ oneway void poke(), A get(1: i64 id, 2: B b) throws (1: X x) }",
    )
    assert mark(tmp_path, swapped) == mark(tmp_path, BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("get(1: i64 id", "get(1: i32 id"),
        ("get(1: i64 id", "get(3: i64 id"),
        ("get(1: i64 id", "get(1: i64 ident"),
        ("A get", "B get"),
        ("oneway void", "void"),
        ("required string", "string"),
        ("1: binary reason", "1: string reason"),
        ("set<B>", "list<B>"),
        ("map<string,", "map<i32,"),
        ("poke()", "poked()"),
        (" throws (1: X x)", ""),
        (" throws (1: X x)", ' throws (1: X x) (callosum.stream = "server")'),
        (
            "2: B b) throws (1: X x)",
            '2: B b (callosum.stream = "in")) throws (1: X x) (callosum.stream = "client")',
        ),
    ],
)
def test_what_differs_on_the_wire_differs(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert mark(tmp_path, BASE.replace(old, new)) != mark(tmp_path, BASE)


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("get(1: i64 id", "get(1: i32 id", Difference("S", arguments=("get",))),
        ("required string a", "string a", Difference("S", arguments=("get",), answers=("get",))),
        ("1: binary reason", "1: string reason", Difference("S", answers=("get",))),
        (" throws (1: X x)", "", Difference("S", answers=("get",))),
        ("oneway void poke", "void poke", Difference("S", oneway=("poke",))),
        ("poke()", "poked()", Difference("S", missing=("poke",), added=("poked",))),
        (", oneway void poke()", "", Difference("S", missing=("poke",))),
        ("oneway void poke()", "oneway void poke(), void more()", None),
        (" throws (1: X x)", ' throws (1: X x) (callosum.stream = "server")', Difference("S", streams=("get",))),
    ],
)
def test_it_says_which_methods_differ(tmp_path: Path, old: str, new: str, difference: Difference | None) -> None:
    assert old in BASE
    assert find_difference("S", mark(tmp_path, BASE), mark(tmp_path, BASE.replace(old, new))) == difference


STREAMS = """
service S {
    i32 f(1: i32 a (callosum.stream = "in"), 2: i32 b) (callosum.stream = "client")
}
"""


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ('"client"', '"bidi"', Difference("S", streams=("f",))),
        ("1: i32 a", "1: i64 a", Difference("S", arguments=("f",))),
        (
            'a (callosum.stream = "in"), 2: i32 b',
            'a, 2: i32 b (callosum.stream = "in")',
            Difference("S", arguments=("f",)),
        ),
        (STREAMS, "service S { i32 f(1: i32 a, 2: i32 b) }", Difference("S", arguments=("f",), streams=("f",))),
    ],
)
def test_it_says_how_methods_stream_in_another_way(
    tmp_path: Path, old: str, new: str, difference: Difference | None
) -> None:
    ours, theirs = mark(tmp_path, STREAMS), mark(tmp_path, STREAMS.replace(old, new))
    assert find_difference("S", ours, theirs) == find_difference("S", theirs, ours) == difference


def test_a_service_of_another_familys_file_has_that_of_ours(tmp_path: Path) -> None:
    ours = 'service S { i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "bidi") }'
    theirs = 'service S { i32 f(1: i32 a) (streaming.mode = "bidirectional") }'
    assert mark(tmp_path, ours) == mark(tmp_path, theirs)
