from __future__ import annotations

import ast

import pytest

from callosum.upper.thrift.emit.layout import WIDTH, blocks, call, docstring, indented, text_literal


def test_what_fits_stands_on_one_line() -> None:
    assert call("f(", ["1", "2"], ")") == ["f(1, 2)"]
    assert call("f(", [], "):") == ["f():"]


def test_what_does_not_has_an_argument_a_line() -> None:
    long = "x" * 60
    assert call("f(", [long, long], ") -> None:") == ["f(", f"    {long},", f"    {long},", ") -> None:"]


def test_the_depth_counts() -> None:
    exact = "x" * (WIDTH - 3)
    assert call("f(", [exact], ")") == [f"f({exact})"]
    assert len(call("f(", [exact], ")", depth=1)) == 3


def test_an_argument_of_several_lines_is_deeper() -> None:
    assert call("f(", ["g(\n    1,\n)", "2"], ")") == ["f(", "    g(", "        1,", "    ),", "    2,", ")"]


def test_empty_lines_stay_empty() -> None:
    assert indented(["a", "", "b"]) == ["    a", "", "    b"]


def test_blocks_have_two_empty_lines_between_them() -> None:
    assert blocks(iter([["a"], ["b", "c"]])) == ["a", "", "", "b", "c"]
    assert blocks(iter([])) == []


def test_docstrings() -> None:
    assert docstring("") == docstring(" \n ") == []
    assert docstring("One.") == ['"""One."""']
    assert docstring("One.\n\n  Two.  ") == ['"""One.', "", "  Two.", '"""']
    assert docstring("One.", [], ["Args:", "    a: x"]) == ['"""One.', "", "Args:", "    a: x", '"""']
    assert docstring("", ["Raises:", "    E: x"]) == ['"""Raises:', "    E: x", '"""']


TEXTS = [
    "plain",
    'ends with "',
    'ends with ""',
    'has """ inside',
    '"""',
    '""""""',
    "back\\slash",
    "ends with \\",
    "\\",
    '\\"',
    "tab\there",
    "Zürich 日本 🙂",
    "two\nlines",
    "nul\0 bell\a escape\x1b",
    "\u202e right to left \u2028 line separator",
    "{braces} %s \\N{DASH} \\x41 \\u0041",
    "no-break\xa0space",
    'last line has a quote\n"',
    "# comment ''' '",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_docstring_says_what_the_comment_says(text: str) -> None:
    source = "\n".join(docstring(text))
    value = ast.literal_eval(source)
    assert value.rstrip("\n") == text.strip()
    assert source.isprintable() or set(source) - {"\n", "\t"} <= {one for one in source if one.isprintable()}


@pytest.mark.parametrize(
    "text", [*TEXTS, "", "\n", "a\r\nb", "a\rb\r", '"', "\ufeffmark", "\n\nlines\n\n", '\n"\n', "\x0c\x85"]
)
def test_a_text_is_itself_as_a_literal(text: str) -> None:
    source = f"x = {text_literal(text)}\n"
    space: dict[str, str] = {}
    exec(compile(source, "<test>", "exec"), space)
    assert space["x"] == text
    exec(compile(source.encode(), "<test>", "exec"), space)  # as Python reads it from a file
    assert space["x"] == text
