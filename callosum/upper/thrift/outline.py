"""What a .thrift file defines, read from its text alone: names, lines, docs, includes and callosum's annotations.

thriftpy2's parser loses all of these in part, and sometimes loses definitions in silence; what stands here is compared
with what it gave. This is no parser of Thrift: it knows brackets, and the words with which definitions begin.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from callosum.errors import ConfigurationError
from callosum.upper.thrift.annotations import is_ours

FIELDS_OF: Final = frozenset({"struct", "union", "exception"})
"""Definitions that have fields."""
UNREADABLE: Final = frozenset({"None", "True", "False", "async", "await", "nonlocal"})
"""Names of fields and parameters at which thriftpy2's parser drops what follows; other words of Python it refuses."""
_BODIES: Final = FIELDS_OF | {"enum", "service"}
_NO_FUNCTION: Final = frozenset(
    {"throws", "bool", "byte", "i8", "i16", "i32", "i64", "double", "string", "binary", "void"}
)
"""Words that may stand before a parenthesis and name no function."""
_OPENING: Final = {"(": ")", "{": "}", "[": "]", "<": ">"}
_TOKEN: Final = re.compile(
    r"""(?P<doc>/\*\*(?!/).*?\*/) | (?P<comment>/\*.*?\*/|//[^\n]*|\#[^\n]*) | (?P<space>\s+)
      | (?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_.]*) | (?P<number>[+-]?[0-9.][0-9A-Za-z.]*) | (?P<mark>.)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, literal, number, mark or doc comment."""

    kind: str
    text: str
    line: int
    start: int


@dataclass(slots=True)
class Definition:
    """One definition of a file."""

    kind: str
    name: str
    line: int
    doc: str = ""
    type: tuple[str, ...] = ()
    """Of a constant or typedef: its words and marks, without annotations."""
    function_docs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Include:
    """An include, and where it stands in the text."""

    path: str
    line: int
    start: int
    end: int


@dataclass(slots=True)
class Outline:
    """What a file defines."""

    path: str
    """For messages."""
    includes: list[Include] = field(default_factory=list)
    namespaces: dict[str, str] = field(default_factory=dict)
    definitions: list[Definition] = field(default_factory=list)
    annotations: list[tuple[str, int]] = field(default_factory=list)
    """Callosum's own: name and line."""


def read_outline(text: str, path: str) -> Outline:
    """The outline of a file's text.

    Raises:
        ConfigurationError: Something is defined twice, or has a name that thriftpy2 cannot read.
    """
    outline = _Reader([token for token in _tokens(text) if token.kind not in {"comment", "space"}], path).read()
    names = Counter(one.name for one in outline.definitions)
    for one in outline.definitions:
        if names[one.name] > 1:
            lines = ", ".join(str(other.line) for other in outline.definitions if other.name == one.name)
            raise ConfigurationError(f"{path}:{one.line}: {one.name} is defined at lines {lines}: rename all but one")
    return outline


def _tokens(text: str) -> Iterator[Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        yield Token(match.lastgroup or "", match.group(), line, match.start())
        line += match.group().count("\n")


class _Reader:
    """A position among the tokens."""

    def __init__(self, tokens: list[Token], path: str) -> None:
        self.tokens: list[Token] = []
        self.docs: dict[int, str] = {}  # by the start of the token that follows
        doc = ""
        for token in tokens:
            if token.kind == "doc":
                doc = token.text
                continue
            self.tokens.append(token)
            if doc:
                self.docs[token.start], doc = doc, ""
        self.pos = 0
        self.outline = Outline(path)

    def read(self) -> Outline:
        while self.pos < len(self.tokens):
            self.definition()
        self.find_annotations()
        return self.outline

    def next(self) -> Token:
        """The token at the position, which moves on. At the end: an empty one."""
        token = self.peek()
        self.pos += 1
        return token

    def peek(self) -> Token:
        return self.tokens[self.pos] if self.pos < len(self.tokens) else Token("end", "", 0, 0)

    def definition(self) -> None:
        token = self.next()
        doc = clean_doc(self.docs.get(token.start, ""))
        match token.text:
            case "include":
                literal = self.next()
                end = literal.start + len(literal.text)
                self.outline.includes.append(Include(literal.text[1:-1], token.line, token.start, end))
            case "namespace":
                scope, name = self.next(), self.next()
                self.outline.namespaces[scope.text] = name.text
            case "typedef" | "const":
                kind = self.type()
                name = self.next()
                self.outline.definitions.append(Definition(token.text, name.text, name.line, doc, kind))
            case word if word in _BODIES and token.kind == "word":
                name = self.next()
                one = Definition(word, name.text, name.line, doc)
                self.outline.definitions.append(one)
                self.body(one)
            case mark if mark in _OPENING:
                self.pos -= 1
                self.group()
            case _:
                pass

    def type(self) -> tuple[str, ...]:
        """A type, without its annotations."""
        start = self.pos
        self.next()
        while self.peek().text in {"<", "("}:
            self.group()
        texts: list[str] = []
        depth = 0
        for token in self.tokens[start : self.pos]:
            depth += token.text == "("
            if depth == 0:
                texts.append(token.text)
            depth -= token.text == ")"
        return tuple(texts)

    def group(self) -> list[Token]:
        """All between a bracket and the one that closes it."""
        start, depth = self.pos + 1, list[str]()
        while self.pos < len(self.tokens):
            text = self.next().text
            if text in _OPENING:
                depth.append(_OPENING[text])
            elif depth and text == depth[-1]:
                depth.pop()
            if not depth:
                break
        return self.tokens[start : self.pos - 1]

    def body(self, one: Definition) -> None:
        while self.peek().kind != "end" and self.peek().text != "{":  # "extends Other"
            self.next()
        tokens = self.group()
        if one.kind == "service":
            self.functions(one, tokens)
        elif one.kind == "enum":
            self.members(one, tokens)
        else:
            self.refuse_names(tokens, one.name)

    def functions(self, service: Definition, tokens: list[Token]) -> None:
        depth, doc = 0, ""
        for index, token in enumerate(tokens):
            follows = tokens[index + 1].text if index + 1 < len(tokens) else ""
            if depth == 0:
                doc = self.docs.get(token.start, doc)
                if token.kind == "word" and follows == "(" and token.text not in _NO_FUNCTION:
                    service.function_docs[token.text] = clean_doc(doc)
                    doc = ""
            elif token.kind == "word":
                self.refuse_names([token], service.name)
            depth += (token.text == "(") - (token.text == ")")

    def members(self, one: Definition, tokens: list[Token]) -> None:
        seen: set[str] = set()
        depth = 0
        for index, token in enumerate(tokens):
            depth += (token.text == "(") - (token.text == ")")
            if token.kind == "word" and depth == 0 and (index == 0 or tokens[index - 1].text != "="):
                if token.text in seen:
                    raise ConfigurationError(
                        f"{self.outline.path}:{token.line}: the enum {one.name} has two members called {token.text}: "
                        "rename one of them"
                    )
                seen.add(token.text)

    def refuse_names(self, tokens: list[Token], owner: str) -> None:
        for token in tokens:
            if token.kind == "word" and token.text in UNREADABLE:
                raise ConfigurationError(
                    f"{self.outline.path}:{token.line}: a field or parameter of {owner} is called {token.text}, at "
                    "which thriftpy2's parser drops all that follows: rename it"
                )

    def find_annotations(self) -> None:
        """Callosum's annotations: such a name in parentheses, with a value or nothing behind it, and no type's."""
        open_brackets: list[str] = []
        for index, token in enumerate(self.tokens):
            if token.text in _OPENING:
                open_brackets.append(token.text)
            elif token.text in _OPENING.values() and open_brackets:
                open_brackets.pop()
            if token.kind != "word" or not is_ours(token.text) or open_brackets[-1:] != ["("]:
                continue
            before = self.tokens[index - 1].text
            after = self.tokens[index + 1].text if index + 1 < len(self.tokens) else ""
            if before not in {"=", ":"} and after in {"=", ",", ";", ")"}:
                self.outline.annotations.append((token.text, token.line))


def clean_doc(comment: str) -> str:
    """The text of a doc comment, without its marks."""
    text = comment.removeprefix("/**").removesuffix("*/")
    lines = [re.sub(r"^\s*\* ?", "", line) if index else line for index, line in enumerate(text.splitlines())]
    return "\n".join(line.rstrip() for line in lines).strip()
