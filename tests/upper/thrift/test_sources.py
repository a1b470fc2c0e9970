from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import thriftpy2

import callosum
from callosum.upper.thrift import load
from callosum.upper.thrift.sources import MAX_FILES, lay_out, sources_of

IDL = Path(__file__).parents[1] / "idl"
IMPYLA = Path(__file__).parents[2] / "interop" / "idl" / "impyla"


def written(folder: Path, **texts: str) -> Path:
    """Files in a folder, ``__`` for a slash; the path of the last one."""
    path = folder
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.thrift"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path


def read_again(sources: Mapping[str, str], folder: Path) -> Path:
    """The files, written where nothing else is; the path of the last one."""
    path = folder
    for name, text in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path


def test_a_file_alone(tmp_path: Path) -> None:
    text = "service S { void ping() } // as it is written\n"
    cls = load(written(tmp_path, alone=text)).S
    assert sources_of(cls) == callosum.service_of(cls).sources() == {"alone.thrift": text}


def test_included_files_come_before_those_that_include_them(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        deep__leaf="struct Leaf { 1: i32 a }",
        deep__branch='include "leaf.thrift"\nstruct Branch { 1: leaf.Leaf leaf }',
        root='include "deep/branch.thrift"\ninclude "deep/leaf.thrift"\n'
        "service S { branch.Branch get(1: leaf.Leaf a) }",
    )
    sources = sources_of(load(path).S)
    assert list(sources) == ["deep/leaf.thrift", "deep/branch.thrift", "root.thrift"]
    again = load(read_again(sources, tmp_path / "again"), module_name="again_alone_thrift").S
    assert callosum.service_of(again).fingerprint == callosum.service_of(load(path).S).fingerprint


def test_what_is_included_from_above_or_from_elsewhere_has_a_place_below(tmp_path: Path) -> None:
    written(tmp_path, shared="struct Shared { 1: i32 a }", lib__common="struct Common { 1: i32 a }")
    path = written(
        tmp_path,
        a__b__root='include "../../shared.thrift"\ninclude "common.thrift"\n'
        "service S { shared.Shared get(1: common.Common a) }",
    )
    sources = sources_of(load(path, include_dirs=[tmp_path / "lib"]).S)
    assert list(sources) == ["shared.thrift", "idl/idl/common.thrift", "idl/idl/root.thrift"]
    again = load(read_again(sources, tmp_path / "again"), module_name="again_thrift")
    assert callosum.service_of(again.S).methods["get"].parameters[0].type == "Common"


def test_the_services_of_impala_can_be_read_again(tmp_path: Path) -> None:
    service = load(IMPYLA / "ImpalaService.thrift").ImpalaHiveServer2Service
    sources = callosum.service_of(service).sources()
    assert list(sources)[-1] == "ImpalaService.thrift"
    assert {"TCLIService.thrift", "beeswax.thrift", "hive_metastore.thrift", "fb303.thrift"} <= sources.keys()
    again = load(read_again(sources, tmp_path), module_name="again_impala_thrift").ImpalaHiveServer2Service
    assert callosum.service_of(again).fingerprint == callosum.service_of(service).fingerprint


def test_a_service_that_is_extended_has_the_file_that_defines_it() -> None:
    service = callosum.service_of(load(IMPYLA / "ImpalaService.thrift").ImpalaHiveServer2Service)
    (base,) = service.bases
    assert list(base.sources())[-1] == "TCLIService.thrift"


def test_a_module_of_thriftpy2s_has_no_texts() -> None:
    module = thriftpy2.load(str(IDL / "echo.thrift"), module_name="raw_sources_thrift")
    assert callosum.service_of(module.Echo).sources() == {}


def test_a_class_that_is_in_no_module_any_more_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, gone="service S { void ping() }")
    old = load(path).S
    path.write_text("service S { void pong() }")
    new = load(path).S
    assert sources_of(old) == {}
    assert list(sources_of(new)) == ["gone.thrift"]
    del sys.modules[new.__module__]
    assert sources_of(new) == {}


def laid_out(includes: Mapping[str, list[tuple[str, str]]], root: str = "root") -> dict[str, str]:
    return lay_out("root.thrift", root, lambda file: includes.get(file, []))


def test_files_that_include_each_other() -> None:
    assert laid_out({"root": [("sub/b.thrift", "b")], "b": [("../root.thrift", "root")]}) == {
        "sub/b.thrift": "b",
        "root.thrift": "root",
    }
    found = laid_out({"root": [("x/b.thrift", "b")], "b": [("root.thrift", "root"), ("x/b.thrift", "b")]})
    assert found == {"x/b.thrift": "b", "root.thrift": "root"}, "found in the root's folder"


def test_one_file_may_be_included_by_two_names() -> None:
    includes = {"root": [("a.thrift", "a"), ("sub/b.thrift", "b")], "b": [("a.thrift", "a")]}
    assert laid_out(includes) == {"a.thrift": "a", "sub/b.thrift": "b", "root.thrift": "root"}
    includes = {"root": [("sub/a.thrift", "a"), ("b.thrift", "b")], "b": [("a.thrift", "a")]}
    assert laid_out(includes) == {"sub/a.thrift": "a", "a.thrift": "a", "b.thrift": "b", "root.thrift": "root"}


def test_two_files_of_one_name_are_kept_apart() -> None:
    includes = {"root": [("x/c.thrift", "c1"), ("y/b.thrift", "b")], "b": [("c.thrift", "c2")]}
    assert laid_out(includes) == {"x/c.thrift": "c1", "y/c.thrift": "c2", "y/b.thrift": "b", "root.thrift": "root"}


def test_what_cannot_be_laid_out_has_no_places() -> None:
    assert laid_out({"root": [("/usr/share/a.thrift", "a")]}) == {}
    assert laid_out({"root": [("a.thrift", "a"), ("./a.thrift", "another")]}) == {}
    # found in the root's folder, until a later one stands beside the file that includes it
    in_the_way = {
        "root": [("a.thrift", "a"), ("sub/b.thrift", "b"), ("sub/a.thrift", "another")],
        "b": [("a.thrift", "a")],
    }
    assert laid_out(in_the_way) == {}


def test_the_number_of_files_is_bounded() -> None:
    chain = {f"{n}": [(f"{n + 1}.thrift", f"{n + 1}")] for n in range(MAX_FILES * 2)}
    assert laid_out(chain, "0") == {}
    assert len(laid_out(chain, f"{MAX_FILES + 1}")) == MAX_FILES
