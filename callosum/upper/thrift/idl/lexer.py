"""Text to tokens: one regular expression, parallel lists, and the doc comments beside them.

Every character of the text is in exactly one piece that the expression finds, so the places of all pieces are running
sums of their lengths. What a piece is depends on its text alone and is looked up, so that the work for each token is
done in C. What cannot be read is a token, too (`BAD`): the parser meets it and says so.
"""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, compress
from operator import sub
from typing import Final

from callosum.upper.thrift.idl.model import Position

NAME: Final = "a name"
INTEGER: Final = "an integer"
DOUBLE: Final = "a number"
TEXT: Final = "a string"
BAD: Final = "what cannot be read"
END: Final = "the end of the file"
_DOC: Final = "a doc comment"
_NOTHING: Final = ""

SYMBOLS: Final = frozenset(":;,{}()=<>[]*&")
BASE_TYPES: Final = frozenset({"bool", "byte", "i8", "i16", "i32", "i64", "double", "string", "binary", "uuid"})
TRUTH: Final = frozenset({"true", "false"})
NO_PART_NAMES: Final = frozenset({"cpp_type", "xsd_all", "xsd_optional", "xsd_nillable", "xsd_attrs"}) | TRUTH
"""Words that can name nothing: they may follow a field's name, or are values."""
PART_NAMES: Final = frozenset({
    "namespace", "cpp_include", "include", "void", "map", "list", "set", "oneway", "async", "typedef", "struct",
    "union", "exception", "extends", "throws", "service", "enum", "const", "required", "optional",
}) | BASE_TYPES  # fmt: skip
"""Words that can name fields, functions and members: nothing else can stand there."""
GONE: Final = {
    "cpp_namespace": "namespace cpp", "java_package": "namespace java", "csharp_namespace": "namespace csharp",
    "delphi_namespace": "namespace delphi", "php_namespace": "namespace php", "py_module": "namespace py",
    "perl_package": "namespace perl", "ruby_namespace": "namespace rb", "smalltalk_category": "namespace st",
    "smalltalk_prefix": "namespace st", "xsd_namespace": "namespace xsd", "slist": "string", "senum": "enum",
}  # fmt: skip
"""Words of older compilers, and what to write today."""
WORDS: Final = PART_NAMES | NO_PART_NAMES | GONE.keys()

_PIECES: Final = re.compile(
    r"""
    [ \t\r\n]++
    | [a-zA-Z_] (?: [a-zA-Z_0-9] | \.[a-zA-Z_0-9] )*+
    | [:;,{}()=<>\[\]*&]
    | [+-]? 0x [0-9A-Fa-f]++
    | [+-]? (?: [0-9]++ (?: \.[0-9]++ )? | \.[0-9]++ ) (?: [eE][+-]?[0-9]++ )?
    | " [^"\\\n]*+ (?: \\[^\n] [^"\\\n]*+ )*+ "
    | ' [^'\\\n]*+ (?: \\[^\n] [^'\\\n]*+ )*+ '
    | ["'] [^\n]*+
    | //[^\n]*+
    | \#[^\n]*+
    | /\* [^*]*+ \*++ (?: [^/*] [^*]*+ \*++ )*+ /
    | /\* [\s\S]*+
    | [\s\S]
    """,
    re.VERBOSE,
)
_NEWLINE: Final = re.compile("\n")
_SPACES: Final = frozenset(" \t\r\n")
_DIGITS: Final = frozenset("0123456789+-.")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")


class _Kinds(dict[str, str]):
    """The kind of each piece. Pieces that come again, as most do, are looked up without a call."""

    def __missing__(self, piece: str) -> str:
        kind = self[piece] = _kind_of(piece)
        return kind


def _kind_of(piece: str) -> str:
    first = piece[0]
    if first in _LETTERS:
        return NAME
    if first in _SPACES or first == "#":
        return _NOTHING
    if first in _DIGITS and len(piece.lstrip("+-.")) > 0:
        digits = piece.lstrip("+-")
        return INTEGER if digits.isdigit() or digits.startswith("0x") else DOUBLE
    if first in "\"'":
        return TEXT if len(piece) > 1 and piece[-1] == first and _is_closed(piece) else BAD
    if first == "/" and len(piece) > 1:
        return _kind_of_comment(piece)
    return BAD


def _is_closed(piece: str) -> bool:
    """Whether the quote at the end is no escaped one."""
    inner = piece[1:-1]
    return (len(inner) - len(inner.rstrip("\\"))) % 2 == 0


def _kind_of_comment(piece: str) -> str:
    if piece[1] == "/":
        return _NOTHING
    if len(piece) < 4 or not piece.endswith("*/"):
        return BAD
    return _DOC if piece.startswith("/**") and piece[1:-1].strip("*") else _NOTHING


_FIXED: Final = {one: one for one in (*SYMBOLS, *WORDS)}


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, in parallel lists; the last is `END`.

    Attributes:
        kinds: What each is: the text itself of a symbol or a word of the IDL, or `NAME`, `INTEGER`, and so on.
        texts: Each as it is written.
        positions: Where each begins.
        docs: The doc comments, each with the index of the token that follows it, and the line in which it ends.
    """

    kinds: list[str]
    texts: list[str]
    positions: list[Position]
    docs: list[tuple[int, str, int]]


def tokens_of(text: str) -> Tokens:
    """All tokens of a text. Nothing is refused here: what cannot be read is `BAD`."""
    pieces: list[str] = _PIECES.findall(text)
    kinds = list(map(_Kinds(_FIXED).__getitem__, pieces))
    offsets = [*compress(accumulate(map(len, pieces), initial=0), kinds), len(text)]
    found = Tokens(
        kinds=[*filter(None, kinds), END],
        texts=[*compress(pieces, kinds), ""],
        positions=positions_of(text, offsets),
        docs=[],
    )
    return _without_docs(found) if _DOC in found.kinds else found


def _without_docs(found: Tokens) -> Tokens:
    """The same with the doc comments set aside."""
    docs: list[tuple[int, str, int]] = []
    for index, kind in enumerate(found.kinds):
        if kind is _DOC:
            comment = found.texts[index]
            docs.append((index - len(docs), comment, found.positions[index].line + comment.count("\n")))
    is_token = [kind is not _DOC for kind in found.kinds]
    return Tokens(
        kinds=list(compress(found.kinds, is_token)),
        texts=list(compress(found.texts, is_token)),
        positions=list(compress(found.positions, is_token)),
        docs=docs,
    )


def positions_of(text: str, offsets: list[int]) -> list[Position]:
    """The lines and columns of characters of a text, none of which is the end of a line."""
    newlines = [-1, *(found.start() for found in _NEWLINE.finditer(text))]
    lines = list(map(partial(bisect, newlines), offsets))
    before = map([0, *newlines].__getitem__, lines)
    return list(map(partial(tuple.__new__, Position), zip(lines, map(sub, offsets, before), strict=True)))


ESCAPES: Final = {"r": "\r", "n": "\n", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_ESCAPED: Final = re.compile(r"\\([\s\S])")


def text_of(literal: str) -> str:
    """What a string in quotes says.

    Raises:
        KeyError: An escape that is none.
    """
    inner = literal[1:-1]
    return _ESCAPED.sub(lambda found: ESCAPES[found[1]], inner) if "\\" in inner else inner


def bad_escape(literal: str) -> int | None:
    """Where the first escape that is none stands in a string, or None."""
    return next((one.start() for one in _ESCAPED.finditer(literal, 1) if one[1] not in ESCAPES), None)
