from __future__ import annotations

from pathlib import Path

import pytest

from callosum.upper.thrift.emit.places import module_paths, relative_import
from callosum.upper.thrift.idl.reading import read


def paths(folder: Path, files: dict[str, str]) -> dict[str, str]:
    """The modules of some files, by their paths."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    documents = {name: read(folder / name).root for name in files}
    made = module_paths(documents.values())
    return {name: ".".join(made[one]) for name, one in documents.items()}


def test_a_module_is_called_as_its_namespace_or_as_its_file(tmp_path: Path) -> None:
    files = {
        "a.thrift": "namespace py shop.orders",
        "b.thrift": "namespace * common",
        "c.thrift": "namespace java org.c",
        "d-e.f.thrift": "",
        "1st.thrift": "",
        "class.thrift": "",
        "g.thrift": "namespace py shop.class.g",
    }
    assert paths(tmp_path, files) == {
        "a.thrift": "shop.orders",
        "b.thrift": "common",
        "c.thrift": "c",
        "d-e.f.thrift": "d_e.f",
        "1st.thrift": "_1st",
        "class.thrift": "class_",
        "g.thrift": "shop.class_.g",
    }


def test_files_that_share_a_namespace_are_modules_in_it(tmp_path: Path) -> None:
    files = {"a.thrift": "namespace py shop", "b.thrift": "namespace py shop", "c.thrift": "namespace py other"}
    assert paths(tmp_path, files) == {"a.thrift": "shop.a", "b.thrift": "shop.b", "c.thrift": "other"}


def test_files_that_share_their_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    files = {"x/p/a.thrift": "", "y/p/a.thrift": "", "x/b.thrift": "", "z.z/c.thrift": "", "w/c.thrift": ""}
    assert paths(tmp_path, files) == {
        "x/p/a.thrift": "x.p.a",
        "y/p/a.thrift": "y.p.a",
        "x/b.thrift": "b",
        "z.z/c.thrift": "z_z.c",
        "w/c.thrift": "w.c",
    }


def test_both_at_once(tmp_path: Path) -> None:
    files = {"x/a.thrift": "namespace py shop", "y/a.thrift": "namespace py shop"}
    assert paths(tmp_path, files) == {"x/a.thrift": "x.shop.a", "y/a.thrift": "y.shop.a"}


@pytest.mark.parametrize(
    ("importer", "imported", "line"),
    [
        ("a", "b", "from . import b as x"),
        ("p.a", "p.b", "from . import b as x"),
        ("p.a", "b", "from .. import b as x"),
        ("a", "p.b", "from .p import b as x"),
        ("p.q.a", "p.r.b", "from ..r import b as x"),
        ("p.q.a", "r.s.b", "from ...r.s import b as x"),
        ("p.q.r.a", "p.b", "from ... import b as x"),
        ("p.a", "p.q.b", "from .q import b as x"),
        ("p.a", "p", "from .. import p as x"),
    ],
)
def test_imports_are_relative(importer: str, imported: str, line: str) -> None:
    assert relative_import(tuple(importer.split(".")), tuple(imported.split(".")), "x") == line
