from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.cursor import shown
from callosum.upper.thrift.idl.parser import parse


def test_long_pieces_are_cut() -> None:
    assert shown("abc") == "'abc'"
    assert shown("x" * 50) == f"'{'x' * 40}…'"


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ("()", []),
        ("(a)", [("a", "1")]),
        ('(a.b = "c"; optional, list = "\\n")', [("a.b", "c"), ("optional", "1"), ("list", "\n")]),
    ],
)
def test_annotations(annotations: str, expected: list[tuple[str, str]]) -> None:
    document, faults = parse(f"struct S {{}} {annotations}")
    assert not faults
    assert [(one.name, one.value) for one in document.definitions[0].annotations] == expected
