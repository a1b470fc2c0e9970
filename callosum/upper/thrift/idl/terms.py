"""Parses types and constants' values, which can nest."""

from __future__ import annotations

from typing import Final

from callosum.upper.thrift.idl.cursor import SEPARATORS, Cursor, Wrong
from callosum.upper.thrift.idl.lexer import BASE_TYPES, DOUBLE, INTEGER, NAME, TEXT, TRUTH
from callosum.upper.thrift.idl.model import (
    BaseType,
    ListOf,
    Literal,
    MapOf,
    Mapped,
    Name,
    Number,
    Position,
    Reference,
    Sequence,
    SetOf,
    Text,
    Type,
)

MOST_NESTED: Final = 64
"""Levels of types in types, and of values in values."""


class Terms(Cursor):
    """The part of the parser for what stands inside definitions."""

    def _type(self, depth: int = 0, what: str = "a type") -> Type:
        """Go over a type; ``what`` is expected where there is none."""
        at = self._at
        kind = self._kinds[at]
        position = self._positions[at]
        if kind is NAME:
            self._at = at + 1
            annotations = self._annotations() if self._kinds[at + 1] == "(" else ()
            return Reference(self._texts[at], position, annotations)
        if kind in BASE_TYPES:
            self._at = at + 1
            annotations = self._annotations() if self._kinds[at + 1] == "(" else ()
            return BaseType("i8" if kind == "byte" else kind, position, annotations)
        if kind == "void":
            raise Wrong(position, "void is what a function returns where it returns nothing, and no type")
        if kind not in {"list", "set", "map"}:
            self._expected(what)
        if depth >= MOST_NESTED:
            raise Wrong(
                position, f"types are nested deeper than {MOST_NESTED} here: give a name to a part with typedef"
            )
        return self._container(depth + 1)

    def _container(self, depth: int) -> ListOf | SetOf | MapOf:
        kind, position = self._kinds[self._at], self._positions[self._at]
        self._at += 1
        self._cpp_type()
        self._expect("<", f"behind {kind}")
        element = self._type(depth)
        if kind == "map":
            self._expect(",", "between the types of a map's keys and values")
            value = self._type(depth)
            self._expect(">", "at the end of the map's types")
            return MapOf(element, value, position, self._annotations())
        self._expect(">", f"at the end of the {kind}'s type")
        if kind == "set":
            return SetOf(element, position, self._annotations())
        self._cpp_type()
        return ListOf(element, position, self._annotations())

    def _cpp_type(self) -> None:
        if self._kinds[self._at] == "cpp_type":
            self._at += 1
            self._text("a type of C++")

    def _literal(self, depth: int = 0) -> Literal:
        """Go over the value of a constant."""
        at = self._at
        kind, position = self._kinds[at], self._positions[at]
        if kind is INTEGER:
            return Number(self._integer(), position)
        if kind is TEXT:
            return Text(self._text("a string"), position)
        if kind is NAME or kind in TRUTH or kind == "uuid":
            self._at = at + 1
            return Name(self._texts[at], position)
        if kind is DOUBLE:
            return Number(self._double(), position)
        if kind not in {"[", "{"}:
            self._expected("a value")
        if depth >= MOST_NESTED:
            raise Wrong(
                position, f"values are nested deeper than {MOST_NESTED} here: make a part a constant of its own"
            )
        self._at = at + 1
        return self._sequence(position, depth + 1) if kind == "[" else self._mapped(position, depth + 1)

    def _sequence(self, position: Position, depth: int) -> Sequence:
        items: list[Literal] = []
        kinds = self._kinds
        while kinds[self._at] != "]":
            items.append(self._literal(depth))
            if kinds[self._at] in SEPARATORS:
                self._at += 1
        self._at += 1
        return Sequence(tuple(items), position)

    def _mapped(self, position: Position, depth: int) -> Mapped:
        items: list[tuple[Literal, Literal]] = []
        while self._kinds[self._at] != "}":
            key = self._literal(depth)
            self._expect(":", "between a key and its value")
            items.append((key, self._literal(depth)))
            self._separator()
        self._at += 1
        return Mapped(tuple(items), position)
