"""Doc comments: which one belongs to what, and what it says, both as Apache's compiler has it."""

from __future__ import annotations

import sys
from typing import Final

_BLANK: Final = " \t"


class Docs:
    """The doc comments of a file, in the order of its tokens.

    A comment belongs to what begins behind it, if another does not stand between. One that stands where nothing can
    begin waits for the next thing that can: so it is with Apache's compiler.
    """

    def __init__(self, comments: list[tuple[int, str, int]]) -> None:
        self._comments = comments
        self._next = 0
        self._first_placed = self._first_header = sys.maxsize
        self._following = comments[0][0] if comments else sys.maxsize
        """The token that follows the next comment: before it there is nothing to take."""

    def take(self, token: int) -> str:
        """The text of the comment for what begins at a token, and "" where it has none. None is given twice."""
        if token < self._following:
            return ""
        comments, at = self._comments, self._next
        while at < len(comments) and comments[at][0] <= token:
            at += 1
        self._next = at
        self._following = comments[at][0] if at < len(comments) else sys.maxsize
        return text_of(comments[at - 1][1])

    def placed(self, last: int) -> None:
        """Something that has a doc was read up to a token, the last one that was looked at."""
        self._first_placed = min(self._first_placed, last)

    def header(self, last: int) -> None:
        """A header was read up to a token, the last one that was looked at."""
        self._first_header = min(self._first_header, last)

    def of_file(self) -> str:
        """The doc of the whole file: the first comment, if it stands before the end of the first header.

        Where no header is, it is the first comment, unless it was the last when the first thing with a doc ended: then
        it belongs to that alone.
        """
        if not self._comments:
            return ""
        token, comment, line = self._comments[0]
        if self._first_header < sys.maxsize:
            return text_of(comment) if token <= self._first_header else ""
        before = [end for follower, _, end in self._comments if follower <= self._first_placed]
        is_taken = self._first_placed < sys.maxsize and before[-1] == line
        return "" if is_taken else text_of(comment)


def text_of(comment: str) -> str:
    r"""What a doc comment says: without ``/**`` and ``*/``, the column of stars and the indentation."""
    lines = (comment[3:-2] + " ").replace("\r", "").split("\n")
    if not lines[-1].strip(_BLANK):
        lines.pop()
    if not lines:
        return ""
    lines[0] = lines[0].lstrip(_BLANK)
    _drop_stars(lines)
    _drop_indentation(lines)
    lines = [line.rstrip(_BLANK) or line for line in lines]
    return "\n".join(lines if lines[0] else lines[1:]).rstrip("\n")


def _drop_stars(lines: list[str]) -> None:
    """Where each line has a star in the same column, both go. Blank lines up to there become empty."""
    column = None
    for index, line in enumerate(lines[1:], start=1):
        if not line:
            continue
        found = len(line) - len(line.lstrip(_BLANK))
        if found == len(line):
            lines[index] = ""
        elif line[found] != "*" or found != (found if column is None else column):
            return
        else:
            column = found
    width = (column or 0) + 1
    lines[1:] = [line[width:] for line in lines[1:]]


def _drop_indentation(lines: list[str]) -> None:
    """What all lines but the first have in common in blanks goes."""
    widths = [len(line) - len(line.lstrip(_BLANK)) for line in lines[1:] if line.strip(_BLANK)]
    if widths:
        lines[1:] = [line[min(widths) :] for line in lines[1:]]
