from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.codegen.running import run, write

PY = "namespace py "


def files(folder: Path) -> list[str]:
    return sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file())


def imported(folder: Path, *statements: str) -> str:
    """What a process prints that runs the statements where it can import from a folder."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(statements)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_module_has_what_load_makes(folder: Path) -> None:
    write(folder, a="struct A { 1: required i32 x }\nservice S { A f(1: i32 x) }")
    result = run("stubs", "a.thrift", "--out", "idl")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["idl/__init__.py", "idl/py.typed", "idl/a.py", "3 files, 3 written"]
    printed = imported(
        folder,
        "import callosum, idl.a as a",
        "from callosum.upper import thrift",
        "loaded = thrift.load('a.thrift')",
        "print(a.A(x=1).x, len({callosum.service_of(one.S).fingerprint for one in (a, loaded)}))",
    )
    assert printed == "1 1"


def test_only_what_has_changed_is_written(folder: Path) -> None:
    write(folder, a="struct A { 1: i32 x }", b="struct B { 1: i32 x }")
    run("stubs", "a.thrift", "b.thrift", "--out", "idl")
    before = (folder / "idl" / "a.py").stat()
    write(folder, b="struct B { 1: i64 x }")
    result = run("stubs", "a.thrift", "b.thrift", "--out", "idl")
    assert result.stdout.splitlines() == ["idl/b.py", "4 files, 1 written"]
    after = (folder / "idl" / "a.py").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert run("stubs", "a.thrift", "b.thrift", "--out", "idl").stdout == "4 files, all up to date\n"


def test_check_writes_nothing_and_shows_the_difference(folder: Path) -> None:
    write(folder, a="struct A { 1: i32 x }")
    result = run("stubs", "a.thrift", "--out", "idl", "--check")
    assert result.exit_code == 1
    assert "--- /dev/null\n+++ idl/a.py\n" in result.stdout
    assert not (folder / "idl").exists()
    run("stubs", "a.thrift", "--out", "idl")
    assert run("stubs", "a.thrift", "--out", "idl", "--check").exit_code == 0
    write(folder, a="struct A { 1: i64 x }")
    before = (folder / "idl" / "a.py").read_text()
    result = run("stubs", "a.thrift", "--out", "idl", "--check")
    assert result.exit_code == 1
    assert result.stdout.startswith("--- idl/a.py\n+++ idl/a.py\n@@ ")
    assert any(line.startswith("-") and '"i32"' in line for line in result.stdout.splitlines())
    assert any(line.startswith("+") and '"i64"' in line for line in result.stdout.splitlines())
    assert "1 file would change" in result.stderr
    assert (folder / "idl" / "a.py").read_text() == before


def test_the_same_files_give_the_same_text_whatever_they_are_called_by(folder: Path) -> None:
    write(folder, idl__a='include "b.thrift"\nstruct A { 1: b.B b }', idl__b="struct B { 1: i32 x }")
    run("stubs", "idl/b.thrift", "idl/a.thrift", "--out", "one")
    run("stubs", folder / "idl", "--out", "two")
    run("stubs", "idl/../idl/a.thrift", "--out", "three")
    for name in files(folder / "one"):
        texts = {(folder / out / name).read_text() for out in ("one", "two", "three")}
        assert len(texts) == 1, name


def test_includes_and_namespaces_become_modules_and_packages(folder: Path) -> None:
    write(folder, shop=f'{PY}acme.shop\ninclude "lib/money.thrift"\nstruct Item {{ 1: money.Price price }}')
    write(folder, lib__money=f'{PY}acme.lib.money\ninclude "../plain.thrift"\nstruct Price {{ 1: plain.Unit unit }}')
    write(folder, plain="enum Unit { CENT = 1 }")
    run("stubs", "shop.thrift", "--out", "gen")
    assert files(folder / "gen") == [
        "__init__.py",
        "acme/__init__.py",
        "acme/lib/__init__.py",
        "acme/lib/money.py",
        "acme/shop.py",
        "plain.py",
        "py.typed",
    ]
    printed = imported(
        folder,
        "from gen.acme import shop",
        "from gen.plain import Unit",
        "print(shop.Item(price=shop.money.Price(unit=Unit.CENT)).price.unit is shop.money.plain.Unit.CENT)",
    )
    assert printed == "True"


def test_packages_below_a_folder_that_is_none(folder: Path) -> None:
    """As in ``--out src``: the folder that is there already is no package, and does not become one."""
    write(folder, a=f"{PY}acme.a\nstruct A {{}}", b=f"{PY}b\nstruct B {{}}")
    (folder / "src" / "other").mkdir(parents=True)
    run("stubs", "a.thrift", "b.thrift", "--out", "src")
    assert files(folder / "src") == ["acme/__init__.py", "acme/a.py", "acme/py.typed", "b.py"]


def test_a_folder_inside_a_package_becomes_one(folder: Path) -> None:
    write(folder, a="struct A {}")
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("")
    run("stubs", "a.thrift", "--out", "app/idl")
    assert files(folder / "app") == ["__init__.py", "idl/__init__.py", "idl/a.py"]


def test_an_init_and_a_marker_that_are_there_stay(folder: Path) -> None:
    write(folder, a="struct A {}")
    (folder / "idl").mkdir()
    (folder / "idl" / "__init__.py").write_text("import os\n")
    (folder / "idl" / "py.typed").write_text("partial\n")
    result = run("stubs", "a.thrift", "--out", "idl")
    assert result.stdout.splitlines() == ["idl/a.py", "3 files, 1 written"]
    assert (folder / "idl" / "__init__.py").read_text() == "import os\n"
    assert run("stubs", "a.thrift", "--out", "idl", "--check").exit_code == 0


def test_a_file_of_somebody_else_is_not_overwritten(folder: Path) -> None:
    write(folder, a="struct A {}")
    (folder / "idl").mkdir()
    (folder / "idl" / "a.py").write_text("MINE = 1\n")
    for more in ((), ("--check",)):
        result = run("stubs", "a.thrift", "--out", "idl", *more)
        assert result.exit_code == 2
        assert result.stderr == "idl/a.py: callosum-gen has not written this file, and would have to: move it\n"
    assert files(folder / "idl") == ["a.py"]


CLASHES = {
    "two files, one module": (
        {"a-b": "struct A {}", "a_b": "struct A {}"},
        "and so would a-b.thrift: give one of them another `namespace py`",
    ),
    "a module and a package": (
        {"shop": "struct A {}", "orders": f"{PY}shop.orders\nstruct A {{}}"},
        "it would be shop/orders.py, in a package that has the name of the module of",
    ),
}


@pytest.mark.parametrize(("texts", "message"), CLASHES.values(), ids=CLASHES)
def test_modules_that_would_meet(texts: dict[str, str], message: str, folder: Path) -> None:
    write(folder / "idl", **texts)
    result = run("stubs", "idl", "--out", "gen")
    assert result.exit_code == 2
    assert message in result.stderr.replace("idl/", "")
    assert not (folder / "gen").exists()


def test_files_that_share_a_namespace_are_modules_of_it(folder: Path) -> None:
    write(folder, a=f"{PY}acme\nstruct A {{}}", b=f'{PY}acme\ninclude "a.thrift"\nstruct B {{ 1: a.A a }}')
    run("stubs", "b.thrift", "--out", "gen")
    assert "acme/b.py" in files(folder / "gen")
    assert (
        imported(folder, "from gen.acme.b import B", "from gen.acme.a import A", "print(B(a=A()).a == A())") == "True"
    )


def test_a_file_with_faults_writes_nothing(folder: Path) -> None:
    write(folder, a="struct A {}", b="struct {")
    result = run("stubs", "a.thrift", "b.thrift", "--out", "gen")
    assert result.exit_code == 2
    assert result.stderr.startswith("b.thrift:1:8: ")
    assert not (folder / "gen").exists()


def test_a_place_where_nothing_can_be_written(folder: Path) -> None:
    write(folder, a="struct A {}")
    (folder / "file").write_text("")
    result = run("stubs", "a.thrift", "--out", "file/idl")
    assert result.exit_code == 2
    assert result.stderr.startswith("file/idl/")
    assert "it cannot be written" in result.stderr


def test_type_checkers_know_the_types(folder: Path) -> None:
    write(folder, a="struct A { 1: required i32 x }\nservice S { A f(1: string name) }")
    run("stubs", "a.thrift", "--out", "idl")
    (folder / "use.py").write_text(
        "from callosum import Peer\nfrom idl.a import A, S\n"
        "async def use(peer: Peer) -> int:\n"
        "    made: A = await peer.stub(S).f('x')\n"
        "    reveal_type(await peer.stub(S).f(name='x'))\n"
        "    await peer.stub(S).f(1)\n"
        "    return made.x\n"
    )
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", str(folder / "c"), "use.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=55, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("use.py")]
    assert lines[0] == 'use.py:5: note: Revealed type is "idl.a.A"'
    assert lines[1].startswith('use.py:6: error: Argument 1 to "f" of "SLike" has incompatible type "int"')
    assert len(lines) == 2, done.stdout


def test_a_file_that_is_no_text_is_not_overwritten(folder: Path) -> None:
    write(folder, a="struct A {}")
    (folder / "idl").mkdir()
    (folder / "idl" / "a.py").write_bytes(b"\xff\xfe")
    result = run("stubs", "a.thrift", "--out", "idl")
    assert result.exit_code == 2
    assert result.stderr.startswith("idl/a.py: it cannot be read: ")
