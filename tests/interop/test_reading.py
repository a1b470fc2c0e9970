"""The reader of .thrift files beside Apache's compiler: of real files, grown ones, and broken ones."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.reading import read
from tests.interop.as_json import Json, apaches, as_json, differences, regular
from tests.interop.catalogue import FILES, HERE, IdlFile
from tests.interop.disagreeing import is_wanted
from tests.interop.growing import Grower, Tokens
from tests.upper.thrift.idl.refused import BY_BOTH
from tests.upper.thrift.idl.refused import HERE as BY_US

pytestmark = pytest.mark.skipif(
    shutil.which("thrift") is None, reason="needs Apache's compiler on the path: apt-get install thrift-compiler"
)
GROWN = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SEEDS = st.integers(0, 1 << 32)
_NO_SENSE = (
    "{", "}", "(", ")", "<", ">", ",", ";", ":", "=", "[", "]", "&", "*", "struct", "enum", "void", "i32", "list",
    "required", "0", "40000", "99999999999", "'x'", "1.5", "foo", "a.b", "true", "extends", "throws", "oneway", "union",
    "@", '"open', "map", "include", "const", "typedef", "service", "exception", "namespace", "optional", "string",
)  # fmt: skip


def ours(path: Path) -> tuple[Json | None, str]:
    """What the reader makes of a file, and its first fault."""
    try:
        return as_json(read(path)), ""
    except IdlError as error:
        assert all(one.position.line > 0 and one.position.column > 0 for one in error.faults)
        return None, error.faults[0].message


def compare(path: Path) -> bool:
    """See that both make the same of a file, or refuse it; whether they take it."""
    made, fault = ours(path)
    theirs, said = apaches(path)
    if (made is None) != (theirs is None):
        is_known = is_wanted(fault or None, None if fault else said)
        assert is_known, f"{path.read_text(encoding='utf-8')}\nours: {fault or 'taken'}\ntheirs: {said}"
        return False
    if made is None:
        return False
    assert list(differences(regular(made), regular(theirs))) == [], path.read_text(encoding="utf-8")
    return True


@pytest.mark.parametrize("file", FILES, ids=str)
def test_real_files(file: IdlFile) -> None:
    assert compare(file.path)


@GROWN
@given(SEEDS)
def test_grown_files(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    shared = Grower(source)
    (tmp_path / "shared.thrift").write_bytes(shared.text().encode())
    main = Grower(source, {"shared": shared.own} if source.random() < 0.6 else {})
    (tmp_path / "main.thrift").write_bytes(main.text().encode())
    assert compare(tmp_path / "shared.thrift")
    assert compare(tmp_path / "main.thrift")


def broken(tokens: Tokens, source: random.Random) -> Tokens:
    """The same with one token gone, twice, elsewhere or another."""
    made = list(tokens)
    at, other = source.randrange(len(made)), source.randrange(len(made))
    match source.randrange(5):
        case 0:
            del made[at]
        case 1:
            made.insert(at, made[at])
        case 2:
            made[at], made[other] = made[other], made[at]
        case 3:
            made[at] = source.choice(_NO_SENSE)
        case _:
            made[at] = made[other]
    return made


@GROWN
@given(SEEDS)
def test_broken_files(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    path = tmp_path / "broken.thrift"
    path.write_text(" ".join(broken(Grower(source).tokens(), source)), encoding="utf-8")
    compare(path)


@pytest.mark.parametrize("text", [one[0] for one in BY_BOTH])
def test_what_both_refuse(tmp_path: Path, text: str) -> None:
    path = tmp_path / "refused.thrift"
    path.write_text(text, encoding="utf-8")
    assert ours(path)[0] is None
    assert apaches(path)[0] is None


@pytest.mark.parametrize("text", [one[0] for one in BY_US])
def test_what_is_refused_here_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "refused.thrift"
    path.write_text(text, encoding="utf-8")
    made, fault = ours(path)
    assert made is None
    assert is_wanted(fault, None)
    assert apaches(path)[0] is not None


@pytest.mark.parametrize(
    "text",
    [
        "struct S { 1: i32 required, 2: string list, 3: bool async, 4: i8 namespace }",
        "enum E { optional, service = 4 }",
        "service S { void oneway(), i32 include(1: i32 map) }",
        "struct S { 1: i32 class, 2: string def, 3: bool None }",
        "const i32 A = B const i32 B = 1",
        "struct P { 1: i32 x = LATER } const i32 LATER = 1",
        'const P ORIGIN = {"x": 0} struct P { 1: i32 x }',
        "service A extends B {} service B {}",
        "service A { void f() throws (1: E e) } exception E {}",
        'const list<string> A = ["x"] const list<string> B = A',
        'struct P { 1: i32 x } const P A = {"x": 1} const P B = A',
        "enum E { A } const E X = E.A const E Y = X",
        'const uuid U = "00112233-4455-6677-8899-aabbccddeeff"',
        "struct S { 1: list cpp_type 'x' <i32> y }",
        'struct T {} struct S { 1: T (cpp.ref = "1") t }',
        "const i32 X = 1 (why = 'not')",
        "struct S { 1: i32 x (optional) }",
    ],
)
def test_what_is_taken_here_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "taken.thrift"
    path.write_text(text, encoding="utf-8")
    assert ours(path)[1] == ""
    assert apaches(path)[0] is None


def test_ids_that_are_not_positive_are_as_written(tmp_path: Path) -> None:
    path = tmp_path / "ids.thrift"
    path.write_text("struct S { -5: i32 a, i32 b, 0: i32 c }", encoding="utf-8")
    made, theirs = ours(path)[0], apaches(path)[0]
    assert made is not None
    assert theirs is not None
    assert [one["key"] for one in made["structs"][0]["fields"]] == [-5, -6, 0]
    assert [one["key"] for one in theirs["structs"][0]["fields"]] == [-1, -2, -3]


def test_words_of_the_idl_are_names_where_nothing_else_can_stand() -> None:
    assert ours(HERE / "words.thrift")[1] == ""
