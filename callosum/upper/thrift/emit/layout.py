"""How generated text is laid out: lines of at most `WIDTH` columns; a longer call has an argument a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

WIDTH: Final = 100
INDENT: Final = "    "


def indented(lines: Sequence[str]) -> list[str]:
    """The lines, one step deeper; empty ones stay empty."""
    return [f"{INDENT}{line}" if line else line for line in lines]


def call(head: str, arguments: Sequence[str], tail: str = "", *, depth: int = 0) -> list[str]:
    """``head(arguments)tail``, on one line where it fits; ``head`` ends with what opens the bracket.

    Args:
        head: What comes before, with the opening bracket.
        arguments: What stands between; an argument may have several lines.
        tail: What comes behind, with the closing bracket.
        depth: How many steps deeper the lines will stand.
    """
    line = f"{head}{', '.join(arguments)}{tail}"
    if len(line) + depth * len(INDENT) <= WIDTH and "\n" not in line:
        return [line]
    lines = [head]
    for argument in arguments:
        lines += indented(f"{argument},".split("\n"))
    return [*lines, tail]


def docstring(doc: str, *sections: Sequence[str]) -> list[str]:
    """A doc comment, with sections behind it, as a docstring. No lines where there is nothing to say."""
    lines = [line.rstrip() for line in doc.strip().split("\n")] if doc.strip() else []
    for section in sections:
        if section:
            lines += ([""] if lines else []) + list(section)
    if not lines:
        return []
    lines = [_escaped(line) for line in lines]
    if len(lines) == 1:
        return [f'"""{lines[0]}"""']
    return [f'"""{lines[0]}', *lines[1:], '"""']


def _escaped(line: str) -> str:
    escaped = _quoted(line)
    return "".join(
        one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode() for one in escaped
    )


def _quoted(text: str) -> str:
    """A text between three quotes: backslashes are doubled, quotes that could end it have one."""
    body = text.rstrip('"')
    escaped = body.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return escaped + '\\"' * (len(text) - len(body))


def text_literal(text: str) -> str:
    """A whole text as one literal that has its lines."""
    escaped = _quoted(text).replace("\r", "\\r").replace("\0", "\\0")
    return f'"""\\\n{escaped}"""'


def blocks(parts: Iterator[list[str]]) -> list[str]:
    """Definitions with two empty lines between them."""
    lines: list[str] = []
    for part in parts:
        lines += ["", "", *part] if lines else part
    return lines
