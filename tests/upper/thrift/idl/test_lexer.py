from __future__ import annotations

import pytest

from callosum.upper.thrift.idl.lexer import BAD, DOUBLE, END, INTEGER, NAME, TEXT, bad_escape, text_of, tokens_of


def kinds(text: str) -> list[str]:
    return tokens_of(text).kinds


def test_tokens_have_their_places() -> None:
    found = tokens_of("struct A {\r\n  1: list<i32> x\n}")
    assert found.texts == ["struct", "A", "{", "1", ":", "list", "<", "i32", ">", "x", "}", ""]
    assert found.kinds == ["struct", NAME, "{", INTEGER, ":", "list", "<", "i32", ">", NAME, "}", END]
    assert [tuple(one) for one in found.positions] == [
        (1, 1), (1, 8), (1, 10), (2, 3), (2, 4), (2, 6), (2, 10), (2, 11), (2, 14), (2, 16), (3, 1), (3, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 -1 +7 007 0x1F -0xff +0xA", [INTEGER] * 7),
        ("1.5 .5 -.5e3 1e10 2E-3 -0.0", [DOUBLE] * 6),
        ("5.", [INTEGER, BAD]),
        ("1e", [INTEGER, NAME]),
        ("0x", [INTEGER, NAME]),
        ("e5 _ a.b a.1", [NAME] * 4),
        ("a.", [NAME, BAD]),
        ("- + .", [BAD] * 3),
        ("'a' \"b\" '' '\"' 'a\\'b' '\\\\'", [TEXT] * 6),
        ("'a", [BAD]),
        ("'a\\'", [BAD]),
        ("'a\nb'", [BAD, NAME, BAD]),
        ("/* a", [BAD]),
        ("/*/", [BAD]),
        ("a // b\n# c\n/* d */ e /**/ f /***/", [NAME] * 3),
        ("\x0b \xa0 ü @", [BAD] * 4),
        ("", []),
    ],
)
def test_kinds(text: str, expected: list[str]) -> None:
    assert kinds(text) == [*expected, END]


def test_doc_comments_are_beside_the_tokens() -> None:
    found = tokens_of("a /** b */ /**\nc */ d /** e */")
    assert found.texts == ["a", "d", ""]
    assert found.docs == [(1, "/** b */", 1), (1, "/**\nc */", 2), (2, "/** e */", 2)]


def test_escapes() -> None:
    assert text_of(r"""'a\tb\n\r\\\"\''""") == "a\tb\n\r\\\"'"
    assert bad_escape(r"'a\t\x'") == 4
    assert bad_escape(r"'a\\x'") is None
