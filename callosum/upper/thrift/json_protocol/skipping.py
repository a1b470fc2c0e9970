"""Passes over values that this IDL does not know, by the types that they name: what is skipped is sound, too.

Each step consumes input, and what can be many in few characters is passed in one match.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.json_protocol.grammar import W
from callosum.upper.thrift.json_protocol.malformed import Malformed, expected, miscounted
from callosum.upper.thrift.json_protocol.structure import (
    over_comma,
    over_end_of_list,
    over_end_of_map,
    too_deep,
    unclosed,
)
from callosum.upper.thrift.spec import BOOL, DOUBLE, I8, I16, I32, I64, MAX_DEPTH, STRING, UUID

_SCALARS: Final[dict[str, grammar.ScalarType]] = {
    grammar.NAMES[kind.wire]: kind for kind in (BOOL, I8, I16, I32, I64, DOUBLE, STRING, UUID)
}
_LISTS: Final = frozenset({"lst", "set"})
_any_list: Final = grammar.compiled(grammar.collection_head(grammar.ANY_NAME))
_any_map: Final = grammar.compiled(grammar.map_head(grammar.ANY_NAME, grammar.ANY_NAME))
_start: Final = grammar.compiled(rf"{W}\{{{W}")
_empty_structs: Final = grammar.compiled(rf"(?:{W},{W}\{{{W}\}})*+")
_TEXTS: Final = 10
"""The last group of `grammar.scalar_list` where it is a list of texts."""
_known: Final = frozenset(grammar.NAMES.values())


def skip(text: str, pos: int, name: str, depth: int) -> int:
    """The position behind a value of a type of which nothing but its name is known."""
    if name in _SCALARS:
        found = _token(name)(text, pos)
        if found is None:
            raise expected(f'a value of the type "{name}"', text, pos)
        return found.end()
    if name not in _known:
        raise Malformed(f'the protocol has no type "{name}"')
    if depth > MAX_DEPTH:
        raise too_deep()
    if name == "rec":
        return _skip_struct(text, pos, depth)
    return _skip_list(text, pos, depth) if name in _LISTS else _skip_map(text, pos, depth)


@cache
def _token(name: str) -> grammar.Match:
    return grammar.compiled(W + grammar.value(_SCALARS[name]))


def _skip_struct(text: str, pos: int, depth: int) -> int:
    found = _start(text, pos)
    if found is None:
        raise expected("a struct", text, pos)
    pos = found.end()
    while text[pos : pos + 1] != "}":
        found = token_field(text, pos)
        pos = found.end() if found is not None else _skip_field(text, pos, depth)
    return pos + 1


def token_field(text: str, pos: int) -> re.Match[str] | None:
    """A whole field that is one token, of a type that the protocol has; its first group is the id."""
    found = grammar.scalar_field(text, pos)
    return found if found is not None and -(2**15) <= int(found[1]) < 2**15 else None


def _skip_field(text: str, pos: int, depth: int) -> int:
    head = field_at(text, pos)
    pos = skip(text, head.end(), head[2], depth + 1)
    found = grammar.close(text, pos)
    if found is None:
        raise unclosed(text, pos)
    return found.end()


def field_at(text: str, pos: int) -> re.Match[str]:
    """The head of the field at a position: its id, and the name of its type."""
    head = grammar.field_head(text, pos)
    if head is None:
        raise expected('a field ("1":{"i32":5}) or the end of the struct', text, pos)
    if not -(2**15) <= int(head[1]) < 2**15:
        raise Malformed(f"a field has the id {head[1]}: ids are from -32768 to 32767")
    return head


def _skip_list(text: str, pos: int, depth: int) -> int:
    found = grammar.scalar_list(text, pos)
    if found is not None:
        return _counted(found)
    head = _any_list(text, pos)
    if head is None:
        raise expected("a list or set", text, pos)
    name, count, pos = head[1], int(head[2]), head.end()
    if name in _SCALARS:
        raise _wrong_token(text, pos, name)
    if name not in _known:
        raise Malformed(f'the protocol has no type "{name}"')
    if depth >= MAX_DEPTH and count:
        raise too_deep()
    if name == "rec":
        pos = _skip_structs(text, pos, count, depth + 1)
    else:
        pos = _skip_containers(text, pos, name, count, depth + 1)
    return pos + 1 if text[pos : pos + 1] == "]" else over_end_of_list(text, pos, count)


def _counted(found: re.Match[str]) -> int:
    """Behind a list of tokens, of which there are as many as it says."""
    last = found.lastindex or 0
    said = int(found[last - 1])
    there = grammar.count_texts(found[last]) if last == _TEXTS else found[last].count(",")
    if there != said:
        raise miscounted(said, there)
    return found.end()


def _wrong_token(text: str, pos: int, name: str) -> Malformed:
    found = grammar.compiled(grammar.run(_SCALARS[name]))(text, pos)
    assert found is not None, "it may be empty"
    comma = grammar.comma(text, found.end())
    return expected(f'a value of the type "{name}"' if comma else "the end of the list", text, found.end())


def _skip_structs(text: str, pos: int, count: int, depth: int) -> int:
    """Many of them can be empty: those are passed together."""
    passed = 0
    while True:
        found = _empty_structs(text, pos)
        assert found is not None, "it may pass none"
        passed += text.count("{", pos, found.end())
        pos = found.end()
        if passed >= count:
            break
        pos = _skip_struct(text, over_comma(text, pos, count), depth)
        passed += 1
    if passed != count:
        raise miscounted(count, passed)
    return pos


def _skip_containers(text: str, pos: int, name: str, count: int, depth: int) -> int:
    skip_one = _skip_map if name == "map" else _skip_list
    for _ in range(count):
        pos = pos + 1 if text[pos : pos + 1] == "," else over_comma(text, pos, count)
        pos = skip_one(text, pos, depth)
    return pos


def _skip_map(text: str, pos: int, depth: int) -> int:
    head = _any_map(text, pos)
    if head is None:
        raise expected("a map", text, pos)
    key, value, count, pos = head[1], head[2], int(head[3]), head.end()
    for name in (key, value):
        if name not in _known:
            raise Malformed(f'the protocol has no type "{name}"')
    if count and key not in _SCALARS:
        raise Malformed(f'JSON cannot have keys of the type "{key}"')
    if count and value in _SCALARS:
        pos = _skip_entries(text, pos, key, value, count)
    elif count:
        before = _key(key)
        for _ in range(count):
            found = before(text, pos)
            if found is None:
                raise expected(f'a key of the type "{key}"', text, pos)
            pos = skip(text, found.end(), value, depth + 1)
            found = grammar.next_member(text, pos)
            if found is None:
                raise unclosed(text, pos)
            pos = found.end()
    return over_end_of_map(text, pos, count)


@cache
def _key(name: str) -> grammar.Match:
    return grammar.compiled(f"{W}{grammar.key(_SCALARS[name])}{W}:")


def _skip_entries(text: str, pos: int, key: str, value: str, count: int) -> int:
    entry = _entry(key, value)
    size, end = 0, pos
    for found in entry.finditer(text, pos):
        if found.start() != end:
            break
        size, end = size + 1, found.end()
    if size != count:
        raise miscounted(count, size)
    return end


@cache
def _entry(key: str, value: str) -> re.Pattern[str]:
    one = f"{W}{grammar.key(_SCALARS[key])}{W}:{W}{grammar.value(_SCALARS[value])}{grammar.NEXT}"
    return re.compile(one, re.DOTALL)
