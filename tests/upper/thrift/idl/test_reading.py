"""Files with their includes. What is refused, and how it is said, is in `refused`."""

from __future__ import annotations

from pathlib import Path

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.model import Document, Program, Struct
from callosum.upper.thrift.idl.reading import read, read_text
from tests.upper.thrift.idl.refused import BY_BOTH, HERE

INTEROP = Path(__file__).parents[3] / "interop"


def write(folder: Path, **texts: str) -> Path:
    """Files by their stems; the last one is returned."""
    path = folder
    for name, text in texts.items():
        path = folder / f"{name}.thrift"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def names(program: Program) -> list[str]:
    return [one.stem for one in program.documents]


@pytest.mark.parametrize("case", [*BY_BOTH, *HERE], ids=lambda case: case[0])
def test_what_is_refused(case: tuple[str, ...]) -> None:
    text, *faults = case
    with pytest.raises(IdlError) as caught:
        read_text(text, path="s.thrift")
    assert str(caught.value).split("\n") == [f"s.thrift:{fault}" for fault in faults]
    assert isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize("path", sorted(INTEROP.rglob("*.thrift")), ids=lambda path: path.name)
def test_files_that_others_wrote(path: Path) -> None:
    program = read(path)
    assert program.root is program.documents[-1]
    assert program.root.definitions


def test_includes_are_beside_the_file_or_in_the_folders(tmp_path: Path) -> None:
    write(tmp_path / "far", shared="struct A {}", only="include 'shared.thrift' struct F { 1: shared.A a }")
    path = write(
        tmp_path,
        shared="struct Near {}",
        main="include 'shared.thrift' include 'only.thrift' struct S { 1: shared.Near a, 2: only.F f }",
    )
    program = read(path, [tmp_path / "far"])
    assert names(program) == ["shared", "shared", "only", "main"]
    near = program.find(program.root, "shared.Near")
    assert near is not None
    assert near.document.path == str(tmp_path / "shared.thrift")
    assert program.find(program.root, "shared.A") is None


def test_files_of_one_name_are_different_files(tmp_path: Path) -> None:
    write(tmp_path / "a", common="struct A {}", it="include 'common.thrift' struct X { 1: common.A a }")
    write(tmp_path / "b", common="struct B {}", it2="include 'common.thrift' struct Y { 1: common.B b }")
    program = read(
        write(tmp_path, main="include 'a/it.thrift' include 'b/it2.thrift' struct S { 1: it.X x, 2: it2.Y y }")
    )
    assert names(program) == ["common", "it", "common", "it2", "main"]
    both = write(tmp_path, both="include 'a/common.thrift'\ninclude 'b/common.thrift'")
    with pytest.raises(IdlError, match=r"both.thrift:2:1: .* are both reached as common: rename one"):
        read(both)


def test_includes_may_go_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, a="include 'b.thrift' struct A { 1: b.B b } const i32 ONE = b.ONE")
    path = write(tmp_path, b="include 'a.thrift' include 'b.thrift' struct B { 1: a.A a, 2: b.B b } const i32 ONE = 1")
    program = read(path)
    assert names(program) == ["a", "b"]
    assert list(program.includes[program.root]) == ["a", "b"]
    with pytest.raises(IdlError, match="the constant ONE stands for itself"):
        read(write(tmp_path, b="include 'a.thrift' struct B {} const i32 ONE = a.ONE"))


def test_a_file_is_parsed_once_for_each_content(tmp_path: Path) -> None:
    path = write(tmp_path, main="struct A {}")
    before = read(path).root
    assert read(path).root is before
    write(tmp_path, main="struct B {}")
    after = read(path).root
    assert isinstance(after.definitions[0], Struct)
    assert after.definitions[0].name == "B"
    (tmp_path / "link.thrift").symlink_to(path)
    linked = write(tmp_path, two="include 'main.thrift' include 'link.thrift' struct S { 1: main.B a, 2: link.B b }")
    program = read(linked)
    assert len(program.documents) == 2


def test_all_faults_of_all_files_are_told(tmp_path: Path) -> None:
    write(tmp_path, bad="struct A { 1: i32 }\nstruct B { 1 }\nstruct C {}")
    path = write(tmp_path, main="include 'bad.thrift'\nenum { }\ninclude 'none.thrift'")
    with pytest.raises(IdlError) as caught:
        read(path)
    assert [(Path(one.path).name, one.position.line) for one in caught.value.faults] == [
        ("bad.thrift", 1),
        ("bad.thrift", 2),
        ("main.thrift", 2),
        ("main.thrift", 3),
    ]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(IdlError, match=r"none\.thrift:1:1: the file does not exist: looked for it as /"):
        read(tmp_path / "none.thrift")
    with pytest.raises(IdlError, match="this is a folder"):
        read(tmp_path)
    path = tmp_path / "latin.thrift"
    path.write_bytes("// grün\n/* ü */ struct ü".encode() + b"\xfc {}")
    with pytest.raises(IdlError, match=r"latin\.thrift:2:17: the byte 0xfc is not UTF-8: save the file as UTF-8"):
        read(path)
    with pytest.raises(ConfigurationError, match="give a list of folders"):
        read(path, str(tmp_path))


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "/", ".", ""])
def test_odd_names_of_includes_are_not_there(name: str) -> None:
    with pytest.raises(IdlError, match="1:1: the included file .* is not there"):
        read_text(f"include '{name}'")


def test_a_text_has_includes_too(tmp_path: Path) -> None:
    write(tmp_path, shared="enum E { A }")
    text = "include 'shared.thrift' struct S { 1: shared.E e = shared.E.A }"
    for program in (read_text(text, path=str(tmp_path / "none.thrift")), read_text(text, include_dirs=[tmp_path])):
        assert names(program)[0] == "shared"
        assert program.root.real_path is None
        assert isinstance(program.root, Document)
    assert read_text("\ufeffstruct S {}").root.definitions[0].position == (1, 1)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(IdlError, match="2:3: half a surrogate pair"):
        read_text("struct S {}\n//\udc80")


@pytest.mark.parametrize("name", ["None", "async", "print", "from", "class", "True", "self", "lambda"])
def test_names_that_are_words_of_python_are_names(name: str) -> None:
    text = f"struct S {{ 1: i32 before, 2: i32 {name}, 3: i32 after }} service T {{ void {name}(1: i32 {name}) }}"
    struct = read_text(text).root.definitions[0]
    assert isinstance(struct, Struct)
    assert [one.name for one in struct.fields] == ["before", name, "after"]


def test_a_service_may_stand_before_its_structs() -> None:
    program = read_text("service S { B f(1: A a) throws (1: X x) } struct A { 1: B b } struct B {} exception X {}")
    assert [one.name for one in program.root.definitions] == ["S", "A", "B", "X"]
