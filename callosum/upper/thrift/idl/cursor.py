"""Goes over tokens, and says what is wrong with one: what all of the parser stands on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NoReturn

from callosum.upper.thrift.idl.faults import Fault
from callosum.upper.thrift.idl.lexer import (
    BAD,
    END,
    GONE,
    NAME,
    PART_NAMES,
    TEXT,
    WORDS,
    bad_escape,
    text_of,
    tokens_of,
)
from callosum.upper.thrift.idl.model import Annotation, Annotations, Position

SEPARATORS: Final = frozenset({",", ";"})
_I64: Final = range(-(1 << 63), 1 << 63)
_MOST_DIGITS: Final = 24
"""Of an integer that may be in range; Python refuses to read very long ones."""
_SHORT: Final = 18
"""Characters of an integer that is in range for sure."""
_SHOWN: Final = 40
"""Characters of a token that a message has."""


class Wrong(Exception):
    """The parser cannot go on from here. It never leaves the parser."""

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.message = message


class Cursor:
    """A place among the tokens of a text, and the faults that were found so far."""

    def __init__(self, text: str, path: str) -> None:
        tokens = tokens_of(text)
        self._kinds = tokens.kinds
        self._texts = tokens.texts
        self._positions = tokens.positions
        self._comments = tokens.docs
        self._path = path
        self._at = 0
        self.faults: list[Fault] = []

    def _fault(self, position: Position, message: str) -> None:
        """Note a fault after which the parser goes on as if nothing were."""
        self.faults.append(Fault(self._path, position, message))

    def _expected(self, what: str) -> NoReturn:
        """Say that something else is expected where the cursor stands."""
        raise Wrong(self._positions[self._at], self._why_not(what))

    def _why_not(self, what: str) -> str:
        kind, text = self._kinds[self._at], self._texts[self._at]
        if kind is BAD:
            return _unreadable(text)
        if kind is END:
            return f"expected {what}, found the end of the file"
        if kind in GONE:
            return f"{text} is a word of older compilers: write {GONE[kind]}"
        return f"expected {what}, found {shown(text)}"

    def _expect(self, kind: str, where: str) -> None:
        """Go over a symbol or word that has to be there."""
        if self._kinds[self._at] != kind:
            self._expected(f"{kind!r} {where}")
        self._at += 1

    def _separator(self) -> None:
        """Go over a comma or semicolon, if there is one."""
        if self._kinds[self._at] in SEPARATORS:
            self._at += 1

    def _last(self, ends: Collection[str] = SEPARATORS) -> int:
        """The last token that had to be looked at to see the end of what was just read.

        It is the one before the cursor where nothing of it can follow that, and else the next one.
        """
        return self._at - 1 if self._kinds[self._at - 1] in ends else self._at

    def _name(self, of: str, written: str = "") -> str:
        """Go over a name without dots; ``written`` is how what it names is written."""
        at = self._at
        kind, text = self._kinds[at], self._texts[at]
        if kind is not NAME and kind != "uuid":
            if kind in WORDS and kind not in GONE:
                self._at += 1
                message = f"{text} is a word of the IDL and cannot name {of}: take another name, {text}_ for example"
                raise Wrong(self._positions[at], message)
            self._expected(f"the name of {of}{written}")
        if "." in text:
            self._fault(
                self._positions[at], f"{shown(text)} has a dot, and the name of {of} cannot have one: leave it out"
            )
        self._at = at + 1
        return text

    def _integer(self) -> int:
        """Go over an integer."""
        text = self._texts[self._at]
        if len(text) < _SHORT and "x" not in text:
            self._at += 1
            return int(text)
        digits = text.lstrip("+-").lstrip("0")
        position = self._positions[self._at]
        self._at += 1
        if len(digits) > _MOST_DIGITS:
            self._fault(position, f"{shown(text)[1:-1]} does not fit into 64 bits")
            return 0
        value = int(text, 16 if digits.startswith("x") else 10)
        if value not in _I64:
            self._fault(position, f"{shown(text)[1:-1]} does not fit into 64 bits")
        return value

    def _double(self) -> float:
        """Go over a number with a fraction or an exponent."""
        text = self._texts[self._at]
        value = float(text)
        if value in {float("inf"), float("-inf")}:
            self._fault(self._positions[self._at], f"{shown(text)[1:-1]} is too large for a double")
        self._at += 1
        return value

    def _text(self, of: str) -> str:
        """Go over a string in quotes."""
        at = self._at
        if self._kinds[at] is not TEXT:
            self._expected(f"{of} in quotes")
        self._at = at + 1
        text = self._texts[at]
        wrong = bad_escape(text) if "\\" in text else None
        if wrong is None:
            return text_of(text)
        line, column = self._positions[at]
        escapes = r"\r, \n, \t, \", \' and \\"
        self._fault(Position(line, column + wrong), f"\\{text[wrong + 1]} is no escape of the IDL, which has {escapes}")
        return text

    def _annotations(self) -> Annotations:
        """Go over ``(name = "value", ...)``, if the cursor stands on it."""
        if self._kinds[self._at] != "(":
            return ()
        self._at += 1
        found: list[Annotation] = []
        while self._kinds[self._at] != ")":
            at = self._at
            if self._kinds[at] is not NAME and self._kinds[at] not in PART_NAMES:
                self._expected("the name of an annotation, or ')'")
            self._at = at + 1
            value = "1"
            if self._kinds[self._at] == "=":
                self._at += 1
                value = self._text("the value of the annotation")
            found.append(Annotation(self._texts[at], value, self._positions[at]))
            self._separator()
        self._at += 1
        return tuple(found)


def shown(text: str) -> str:
    """A piece of the text in quotes, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _unreadable(text: str) -> str:
    if text[0] in "\"'":
        return f"the string has no end in its line: close it with {text[0]}"
    if text.startswith("/*"):
        return "the comment has no end: close it with */"
    if text in {"+", "-", "."}:
        return f"{shown(text)} needs a digit behind it"
    return f"{shown(text)} is no character of the IDL outside of strings and comments"
