from __future__ import annotations

from pathlib import Path

import pytest

from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.reading import read_text


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("shred.Colour", "nothing is included as shred: did you mean shared?"),
        ("shared.Color", "shared.thrift has no type Color: did you mean Colour?"),
        ("Colour", "there is no type Colour in this file: write shared.Colour"),
        ("shared.Base", "shared.Base is a service, where a type is expected"),
        ("shared.ONE", "shared.ONE is a constant, where a type is expected"),
        ("list<map<i8, Clour>>", "there is no type Clour"),
        ("a.b.c", "nothing is included as a.b: include that file"),
    ],
)
def test_unknown_types(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "shared.thrift").write_text("enum Colour { RED } service Base {} const i8 ONE = 1")
    with pytest.raises(IdlError) as caught:
        read_text(f"include 'shared.thrift'\nstruct S {{ 1: {kind} c }}", path=str(tmp_path / "s.thrift"))
    assert message in caught.value.faults[0].message
    assert caught.value.faults[0].position.line == 2


def test_services_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "shared.thrift").write_text("service Base {}")
    text = "include 'shared.thrift' service S extends shared.{} {{}}"
    read_text(text.replace("{}", "Base", 1).replace("{{}}", "{}"), path=str(tmp_path / "s.thrift"))
    with pytest.raises(IdlError, match="shared.thrift has no service Bse: did you mean Base?"):
        read_text(text.replace("{}", "Bse", 1).replace("{{}}", "{}"), path=str(tmp_path / "s.thrift"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("typedef A B typedef C A typedef set<map<i8, B>> C", "the typedef B stands for itself: B -> A -> C -> B"),
        ("typedef i8 A0 " + " ".join(f"typedef A{n} A{n + 1}" for n in range(70)), "A64 stands on more than 64 levels"),
        ("typedef i8 A0 " + " ".join(f"typedef map<A{n},A{n}> A{n + 1}" for n in range(20)), "levels, or 1000 parts"),
        (
            "service A0 {} " + " ".join(f"service A{n + 1} extends A{n} {{}}" for n in range(70)),
            "more than 64 services",
        ),
    ],
)
def test_what_leads_too_far(text: str, message: str) -> None:
    with pytest.raises(IdlError, match=message):
        read_text(text)


def test_a_name_twice_hides_no_circle() -> None:
    with pytest.raises(IdlError, match="A is defined in line 1 already"):
        read_text("typedef A A struct A {}")
