from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.docs import text_of
from callosum.upper.thrift.idl.model import Struct
from callosum.upper.thrift.idl.parser import parse


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        ("/** one */", "one"),
        ("/**\n * a\n *   b\n *\n * c\n */", "a\n  b\n\nc"),
        ("/** a\n    b\n  c */", "a\n  b\nc"),
        ("/** a\n * b\n   c */", "a\n* b\n  c"),
        ("/**\r\n * a\r\n */", "a"),
        ("/** */", ""),
        ("/***\n ** a\n ***/", "*\n* a\n*"),
    ],
)
def test_text(comment: str, text: str) -> None:
    assert text_of(comment) == text


def docs(text: str) -> tuple[str, list[str], list[str]]:
    """The docs of a file, of its structs and of their fields."""
    document, faults = parse(text)
    assert not faults
    structs = [one for one in document.definitions if isinstance(one, Struct)]
    return document.doc, [one.doc for one in structs], [field.doc for one in structs for field in one.fields]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/** s */ struct S { /** a */ 1: i8 a /** b */ 2: i8 b }", ("", ["s"], ["a", "b"])),
        ("/** f */ namespace py x /** s */ struct S {}", ("f", ["s"], [])),
        ("namespace py x /** s */ struct S {}", ("s", ["s"], [])),
        ("namespace * x /** s */ struct S {}", ("", ["s"], [])),
        ("/** f */\n/** s */\nstruct S {}", ("f", ["s"], [])),
        ("/** a */ /** b */ struct S {}", ("", ["b"], [])),
        ("struct S { 1: i8 a /** late */ } struct T {}", ("", ["", "late"], [""])),
        ("struct /** early */ S { 1: i8 a }", ("", [""], ["early"])),
        ("struct S {} /** end */", ("end", [""], [])),
    ],
)
def test_what_a_comment_belongs_to(text: str, expected: tuple[str, list[str], list[str]]) -> None:
    assert docs(text) == expected
