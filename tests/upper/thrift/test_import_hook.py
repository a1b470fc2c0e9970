from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.thrift import IdlError, install_import_hook, load, remove_import_hook


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which Python looks for modules; what is imported from it is gone afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    remove_import_hook()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_is_imported_by_its_name(here: Path) -> None:
    path = write(here / "hooked.thrift", "struct A { 1: required i32 x }")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hooked_thrift")
    install_import_hook()
    module: Any = importlib.import_module("hooked_thrift")
    spec: Any = module.__spec__
    assert module.A(1).x == 1
    assert module is sys.modules["hooked_thrift"] is load(path)
    assert spec.origin == str(path)
    assert pickle.loads(pickle.dumps(module.A(1))) == module.A(1)
    assert importlib.import_module("hooked_thrift") is module


def test_a_file_in_a_package(here: Path) -> None:
    write(here / "hooked_shop" / "__init__.py", "")
    write(here / "hooked_shop" / "base.thrift", "enum E { A = 1 }")
    write(here / "hooked_shop" / "echo.thrift", 'include "base.thrift" struct A { 1: base.E e = base.E.A }')
    install_import_hook()
    module: Any = importlib.import_module("hooked_shop.echo_thrift")
    assert module.__name__ == module.A.__module__ == "hooked_shop.echo_thrift"
    assert module.A().e is module.base.E.A
    assert sys.modules["hooked_shop"].echo_thrift is module


def test_include_dirs_are_looked_through(here: Path) -> None:
    write(here / "hooked.thrift", 'include "more.thrift" struct A { 1: more.B b }')
    write(here / "others" / "more.thrift", "struct B {}")
    install_import_hook()
    with pytest.raises(IdlError, match="the included file 'more.thrift' is not there"):
        importlib.import_module("hooked_thrift")
    install_import_hook([here / "others"])
    module: Any = importlib.import_module("hooked_thrift")
    assert module.A(b=module.more.B()).b == module.more.B()


def test_what_is_no_such_module_is_left_to_python(here: Path) -> None:
    write(here / "hooked.thrift", "struct A {}")
    write(here / "real_thrift.py", "x = 1")
    write(here / "real.thrift", "struct A {}")
    install_import_hook()
    assert importlib.import_module("real_thrift").x == 1  # Python's own come first
    for name in ("hooked", "missing_thrift", "thrift_hooked"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_faults_of_a_file_are_told(here: Path) -> None:
    path = write(here / "hooked.thrift", "struct A { 1: B b }")
    install_import_hook()
    with pytest.raises(IdlError, match="there is no type B"):
        importlib.import_module("hooked_thrift")
    assert "hooked_thrift" not in sys.modules
    write(path, "struct A {}")
    assert importlib.import_module("hooked_thrift").A()


def test_it_is_installed_once_and_can_be_removed(here: Path) -> None:
    before = list(sys.meta_path)
    install_import_hook()
    install_import_hook([here])
    assert len(sys.meta_path) == len(before) + 1
    remove_import_hook()
    assert sys.meta_path == before
    remove_import_hook()
    assert sys.meta_path == before


@pytest.mark.parametrize("given", ["somewhere", b"somewhere"])
def test_include_dirs_is_a_list(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a list of folders"):
        install_import_hook(given)
