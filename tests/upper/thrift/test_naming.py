from __future__ import annotations

import enum
import keyword
from typing import Any

import pytest

from callosum.upper.thrift.naming import (
    EXCEPTIONS_RESERVED,
    FIELDS_RESERVED,
    MEMBERS_RESERVED,
    STUBS_RESERVED,
    UNIONS_RESERVED,
    python_name,
    python_names,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("say", "say"),
        ("class", "class_"),
        ("None", "None_"),
        ("async", "async_"),
        ("match", "match"),  # a word in its place only
        ("list", "list"),
        ("_", "__"),
        ("__", "__"),
        ("_x", "_x"),
        ("__x", "_x"),
        ("___x", "_x"),
        ("__init__", "_init__"),
        ("class_", "class_"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert python_name(name) == expected


def test_every_keyword_gets_an_underscore() -> None:
    assert {python_name(one) for one in keyword.kwlist} == {f"{one}_" for one in keyword.kwlist}


def test_reserved_names_get_one_too() -> None:
    assert python_name("with_options", STUBS_RESERVED) == "with_options_"
    assert python_name("thrift_spec", FIELDS_RESERVED) == "thrift_spec_"
    assert python_name("args", FIELDS_RESERVED) == "args"
    assert python_name("args", EXCEPTIONS_RESERVED) == "args_"
    assert python_name("which", UNIONS_RESERVED) == "which_"
    assert {python_name(one, MEMBERS_RESERVED) for one in ("name", "value", "mro")} == {"name_", "value_", "mro_"}
    assert python_name("is_integer", MEMBERS_RESERVED) == "is_integer_"  # in each version of Python


def test_no_two_names_of_one_scope_are_alike() -> None:
    assert python_names(["class", "class_"]) == {"class": "class__", "class_": "class_"}
    assert python_names(["class_", "class", "class__"]) == {
        "class_": "class_",
        "class": "class___",
        "class__": "class__",
    }
    assert python_names(["__x", "___x", "_x"]) == {"__x": "_x_", "___x": "_x__", "_x": "_x"}
    assert python_names(["_", "__"]) == {"_": "___", "__": "__"}
    assert list(python_names(["b", "a", "in"])) == ["b", "a", "in"]


def test_a_member_can_have_every_name_but_those_that_an_enum_has() -> None:
    functional: Any = enum.IntEnum
    made = functional("Made", {python_name(one, MEMBERS_RESERVED): at for at, one in enumerate(dir(int))})
    assert len(made) == len(dir(int))
    assert all(member.bit_length() < 8 for member in made)
