from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift import IdlError, load, load_string
from callosum.upper.thrift.emit import emit
from callosum.upper.thrift.idl.model import Document
from callosum.upper.thrift.idl.reading import read, read_text
from callosum.upper.thrift.service import thrift_service

GOLDEN = Path(__file__).parent / "golden"


def import_line(included: Document, alias: str) -> str:
    return f"from .. import {included.stem} as {alias}"


def emitted(text: str) -> str:
    program = read_text(text)
    return emit(program, program.root, import_line)


def order(text: str) -> list[str]:
    """The names of the definitions, in the order of the module."""
    lines = emitted(text).split("\n\n\n")
    return [one.split("(")[0].split(":")[0].removeprefix("class ") for one in lines[1:-1]]


# --- the whole text ---------------------------------------------------------------------------------------------------


def test_a_whole_module() -> None:
    """Where a change is meant: ``CALLOSUM_GOLDEN=write`` writes it anew, for a look at the difference."""
    program = read(GOLDEN / "rich.thrift")
    source = emit(program, program.root, import_line)
    expected = GOLDEN / "rich.py.txt"
    if os.environ.get("CALLOSUM_GOLDEN") == "write":
        expected.write_text(source, encoding="utf-8", newline="\n")
    assert source == expected.read_text(encoding="utf-8")


def test_the_whole_module_says_what_the_file_says() -> None:
    m: Any = load(GOLDEN / "rich.thrift")
    item = m.Item(5)
    assert (item.note, item.colour, item.tags, item.sizes, item.size) == (
        None,
        m.Colour.GREEN,
        ["new"],
        {},
        m.shared.Size.L,
    )
    assert (item.sold, item.mark, item.class_, item.places) == (False, UUID(int=0), 1.0, {})
    assert (m.LIMIT, m.FAVOURITE, m.SIZES) == (64, m.Colour.GREEN, frozenset({m.shared.Size.S}))
    assert m.TABLE == {"a": (1, 2), "b": ()}
    assert m.FIRST == m.Item(1, colour=m.Colour.RED)
    assert m.__doc__ == "What a shop sells."
    assert m.Item.__doc__.startswith("Something to buy.")
    assert '"""price"""' in m.Item.__doc__
    assert thrift_service(m.Shop).name == "rich.Shop"


def test_the_text_is_the_same_in_each_process() -> None:
    program = (
        "from pathlib import Path\n"
        "from callosum.upper.thrift.emit import emit\n"
        "from callosum.upper.thrift.idl.reading import read\n"
        f"program = read(Path({str(GOLDEN / 'rich.thrift')!r}))\n"
        "print(emit(program, program.root, lambda one, alias: f'from .. import {one.stem} as {alias}'), end='')"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            timeout=60,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert done.stdout.decode() == (GOLDEN / "rich.py.txt").read_text(encoding="utf-8")


def test_an_empty_file_is_a_module() -> None:
    m: Any = load_string("")
    assert m.__all__ == []
    assert (m.__thrift_file__, m.__thrift_idl__) == ("<string>", "")
    assert not hasattr(m, "__thrift_includes__")


@pytest.mark.parametrize(
    "text",
    [
        "struct A {}",
        "struct A {}\n",
        "\n\nstruct A {}\n\n",
        "struct A {}\r\n// carriage\r\n",
        "struct A {}\r",
        '// """ three quotes """\nstruct A {}',
        'struct A {} // ends with """',
        "struct A {} // ends with \\",
        "// Zürich 日本 🙂 \\N{DASH} \\x41 {braces} %s\nstruct A {}",
        "// \u2028 \x85 \x0c \x1b\nstruct A {}",
        "const string A = 'a\\tb\\n\\\\ \"'",
    ],
)
def test_the_text_of_the_file_is_in_it(text: str) -> None:
    assert load_string(text).__thrift_idl__ == text


@pytest.mark.parametrize(
    ("comment", "doc"),
    [
        ('/** With "quotes" */', 'With "quotes"'),
        ('/** Ends with "quotes" and """ */', 'Ends with "quotes" and """'),
        ("/** C:\\new\\x41 */", "C:\\new\\x41"),
        ("/**\r\n * One.\r\n *\r\n * Two.\r\n */", "One.\n\nTwo."),
        ("/** Zürich \u2028 \x1b 日本 */", "Zürich \u2028 \x1b 日本"),
        ("/** {a} %s */", "{a} %s"),
    ],
)
def test_docs_of_any_text(comment: str, doc: str) -> None:
    import inspect

    m: Any = load_string(
        f"{comment}\nstruct A {{}}\n{comment}\nenum E {{ X }}\n{comment}\nservice S {{ {comment} void f() }}"
    )
    assert [inspect.cleandoc(one.__doc__) for one in (m.A, m.E, m.S, m.SLike.f)] == [doc] * 4


# --- constants --------------------------------------------------------------------------------------------------------

CONSTANTS = """
enum E { A = 1, B = 2 }
struct P { 1: i32 x, 2: list<i32> l }
union U { 1: i32 a, 2: string b }
typedef i32 Number
typedef list<Number> Numbers
const bool TRUE = true
const i8 SMALL = -128
const i64 LARGE = 9223372036854775807
const double REAL = 2
const string TEXT = 'it\\'s "x"\\n'
const binary RAW = "Zü"
const uuid MARK = "12345678-1234-5678-1234-567812345678"
const E MEMBER = E.B
const E BY_NUMBER = 2
const Numbers LIST = [1, 2]
const list<string> ONE = ["a"]
const list<string> NONE = []
const set<E> SET = [E.A]
const set<i32> NO_SET = []
const map<string, map<i32, list<bool>>> MAP = {"a": {1: [true]}}
const map<list<i32>, set<string>> KEYS = {[1, 2]: ["a"]}
const map<P, i32> BY_STRUCT = {{"x": 1}: 2}
const P STRUCT = {"x": 1, "l": [1]}
const U UNION = {"b": "x"}
const list<P> STRUCTS = [{"x": 1}, {}]
const Number NAMED = SAME
const Number SAME = 7
"""


def test_constants_of_every_type() -> None:
    m: Any = load_string(CONSTANTS)
    assert (m.TRUE, m.SMALL, m.LARGE, m.REAL, m.TEXT) == (True, -128, 2**63 - 1, 2.0, 'it\'s "x"\n')
    assert isinstance(m.REAL, float)
    assert (m.RAW, m.MARK) == ("Zü".encode(), UUID("12345678-1234-5678-1234-567812345678"))
    assert m.MEMBER is m.BY_NUMBER is m.E.B
    assert (m.LIST, m.ONE, m.NONE) == ((1, 2), ("a",), ())
    assert (m.SET, m.NO_SET) == (frozenset({m.E.A}), frozenset())
    assert m.MAP["a"][1] == (True,)
    assert m.KEYS[1, 2] == frozenset({"a"})
    assert m.BY_STRUCT[m.P(x=1)] == 2
    assert (m.STRUCT, m.UNION.which) == (m.P(x=1, l=[1]), "b")
    assert m.STRUCTS == (m.P(x=1), m.P())
    assert m.NAMED == m.SAME == 7


def test_constants_cannot_be_changed() -> None:
    m: Any = load_string(CONSTANTS)
    for name in ("LIST", "NONE", "STRUCTS"):
        assert isinstance(getattr(m, name), tuple)
    assert isinstance(m.SET, frozenset)
    assert isinstance(m.MAP, Mapping)
    maps: list[Any] = [m.MAP, m.MAP["a"], m.KEYS]
    for one in maps:
        with pytest.raises(TypeError):
            one["b"] = 1


def test_a_long_constant_has_an_element_a_line() -> None:
    words = ", ".join(f'"word number {one}"' for one in range(9))
    for kind, value, head in (
        ("list<string>", f"[{words}]", "(\n    'word number 0',"),
        ("set<string>", f"[{words}]", "frozenset({\n    'word number 0',"),
        (
            "map<string, i32>",
            "{" + words.replace('",', '": 1,') + ": 1}",
            "MappingProxyType({\n    'word number 0': 1,",
        ),
    ):
        text = f"/** Documented. */ const {kind} WORDS = {value}"
        assert head in emitted(text)
        assert '\n"""Documented."""\n' in emitted(text)
        assert len(load_string(text).WORDS) == 9


# --- the order --------------------------------------------------------------------------------------------------------


def test_definitions_stand_in_the_order_of_the_file_where_they_can() -> None:
    assert order("struct B { 1: A a } enum A { X } typedef i32 T const i32 C = 1") == ["B", "A", "T", "C"]


def test_what_is_needed_first_comes_first() -> None:
    assert order("typedef list<S> L struct S {}") == ["S", "L"]
    assert order("const E C = E.A enum E { A }") == ["E", "C"]
    assert order("struct S { 1: E e = E.A } enum E { A }") == ["E", "S"]
    assert order("typedef A B typedef C A struct C {}") == ["C", "A", "B"]
    assert order("service S { void f(1: E e = E.A) } enum E { A }")[0] == "E"
    assert order("service S extends T {} service T {}")[:5] == [
        "TLike",
        "TStub",
        "TBlockingStub",
        "THandler",
        "T",
    ]


def test_constants_of_structs_come_last() -> None:
    assert order("const S C = {} struct S { 1: L l = [1] } typedef list<i32> L") == ["S", "L", "C"]
    m: Any = load_string("const S C = {} struct S { 1: T t = {'x': 1} } struct T { 1: i32 x, 2: optional S s }")
    assert m.C.t.x == 1


# --- names of types ---------------------------------------------------------------------------------------------------


def test_typedefs_are_aliases() -> None:
    m: Any = load_string(
        "typedef i32 Id typedef map<Id, list<Id>> Ids struct P {} typedef P Point struct A { 1: Ids ids }"
    )
    assert m.Id is int
    assert m.Ids == dict[int, list[int]]
    assert m.Point is m.P
    assert m.A.thrift_spec == {1: (13, "ids", (8, (15, 8)), False)}


def test_structs_that_are_keys_or_elements_are_hashable_for_type_checkers() -> None:
    text = (
        "struct A {} struct B {} struct C {} struct D {} struct E {} typedef set<A> As "
        "struct X { 1: map<list<B>, C> m } service S { set<D> f() }"
    )
    source = emitted(text)
    assert [name for name in "ABCDE" if f"class {name}(Struct, unsafe_hash=True):" in source] == ["A", "B", "D"]


def test_ids_that_are_not_written_are_negative() -> None:
    m: Any = load_string("struct A { i32 a, 5: i32 b, string c } service S { void f(i32 x, i32 y) }")
    assert {ident: entry[1] for ident, entry in m.A.thrift_spec.items()} == {-1: "a", 5: "b", -2: "c"}
    assert list(m.S.f_args.thrift_spec) == [-1, -2]
    assert m.A(a=1, b=2, c="x") == m.A(c="x", b=2, a=1)


# --- several files ----------------------------------------------------------------------------------------------------


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.thrift").write_text(text)


def test_what_a_file_needs_of_included_ones(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="enum E { A = 1 } struct S { 1: i32 x } typedef S T const E C = E.A exception X {}\n"
        "const list<S> L = [{'x': 3}]",
        b='include "a.thrift" typedef a.T U struct B { 1: a.E e = a.C, 2: U u, 3: set<a.S> s } const a.E D = a.C\n'
        "const list<a.S> M = a.L service V { a.T f(1: a.E e = a.E.A) throws (1: a.X x) }",
        c='include "b.thrift" struct C { 1: b.U u = {"x": 4} }',
    )
    c: Any = load(tmp_path / "c.thrift")
    b: Any = c.b
    a: Any = b.a
    assert b.B().e is b.D is a.E.A
    assert b.U is a.T is a.S
    assert c.C().u == a.S(x=4)
    assert c.C.thrift_spec[1][2] is a.S  # which c reaches through b
    assert b.M == (a.S(x=3),)
    assert thrift_service(b.V).methods["f"].raises == (a.X,)


def test_files_that_include_one_another_hide_what_may_not_be_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        a='include "b.thrift" typedef map<i32, list<b.B>> Bs struct A { 1: b.E e = b.E.X, 2: set<b.B> bs }',
        b='include "a.thrift" enum E { X } struct B { 1: a.A inner, 2: a.Bs all }',
    )
    program = read(tmp_path / "a.thrift")
    assert 'Bs: TypeAlias = "dict[int, list[b.B]]"' in emit(program, program.root, import_line)
    a: Any = load(tmp_path / "a.thrift")
    assert a.A().e is a.b.E.X
    assert a.b.B.thrift_spec[1][2] is a.A


def test_a_circle_without_a_beginning_is_a_fault(tmp_path: Path) -> None:
    write(
        tmp_path,
        a='include "b.thrift" enum E { X } const b.F C = b.F.Y',
        b='include "a.thrift" enum F { Y } const a.E C = a.E.X',
    )
    with pytest.raises(ConfigurationError, match="include one another in a circle"):
        load(tmp_path / "a.thrift")


def test_what_cannot_be_in_python_is_a_fault_with_its_place() -> None:
    with pytest.raises(IdlError) as caught:
        load_string("const i32 A = 1\nconst set<map<i32, i32>> B = [{1: 2}]")
    assert str(caught.value).startswith(
        "<string>:2:30: in Python, no map can be an element of a set, or a key of a map"
    )
