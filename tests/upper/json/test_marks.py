from __future__ import annotations

import pytest

from callosum.errors import ConfigurationError
from callosum.service import Cardinality
from callosum.upper import json
from callosum.upper.json.marks import Marks, marks_of


async def plain() -> None: ...


def test_nothing_said() -> None:
    assert marks_of(plain) == Marks()


def test_marks_add_up_and_change_nothing() -> None:
    async def say() -> None: ...

    marked = json.oneway(json.idempotent(json.raises(KeyError)(json.timeout(2)(json.key("k")(say)))))
    assert marked is say
    assert marks_of(say) == Marks(Cardinality.ONEWAY, (KeyError,), True, 2.0, "k")


@pytest.mark.parametrize("seconds", [0, -1.0, "1", None])
def test_a_timeout_is_a_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="give a number of seconds above 0"):
        json.timeout(seconds)


@pytest.mark.parametrize("error", [KeyError("x"), int, "KeyError"])
def test_what_is_raised_is_a_class(error: type[Exception]) -> None:
    with pytest.raises(ConfigurationError, match="give the classes of exceptions"):
        json.raises(error)
