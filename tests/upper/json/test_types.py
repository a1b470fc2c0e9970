from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.json.types import check_type, nodes, type_text


class Custom:
    pass


@dataclass
class Tree:
    children: list[Tree]
    value: int


@dataclass
class Holder:
    inner: list[dict[str, Custom]]


@dataclass
class Other:
    x: int


def test_types_that_can_travel() -> None:
    for annotation in (int, None, Any, Tree, list[Tree] | None, dict[str, tuple[int, ...]]):
        check_type(annotation, "here")


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (Custom, "here: values of Custom cannot travel as JSON: give a dataclass"),
        (Holder, "here: values of Custom cannot travel"),
        (complex, "values of complex cannot travel"),
        (Tree | Other, "may not contain more than one dataclass"),
        (dict[tuple[int, int], int], "the keys of a JSON object are texts, numbers or enums"),
        (AsyncIterable, "AsyncIterable has a stream in it"),
        (
            list[AsyncIterable[int]],
            r"here: list\[AsyncIterable\[int\]\] has a stream in it: a stream is a parameter, or",
        ),
        (AsyncGenerator[int, None] | None, "has a stream in it"),
    ],
    ids=str,
)
def test_types_that_cannot(annotation: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        check_type(annotation, "here")


def test_all_types_within_a_type() -> None:
    names = {type(one).__name__ for one in nodes(Tree)}
    assert names == {"DataclassType", "ListType", "IntType"}


def test_types_as_one_writes_them() -> None:
    assert type_text(int) == "int"
    assert type_text(type(None)) == "None"
    assert type_text(list[int]) == "list[int]"
    assert type_text(int | None) == "int | None"
    assert type_text(list[Custom] | None) == "list[Custom] | None"
