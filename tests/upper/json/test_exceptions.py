from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from callosum.errors import ConfigurationError
from callosum.upper.json.exceptions import exception_form


@dataclass
class Refused(Exception):
    reason: str
    codes: list[int] = field(default_factory=list)
    seen: int = field(default=0, init=False)


@dataclass(frozen=True)
class Frozen(Exception):
    reason: str


@dataclass
class Judged(Exception):
    outcome: str


@dataclass
class Named(Exception):
    reason: str
    code: int = field(default=0, kw_only=True)


class Gone(Exception):
    pass


class Complicated(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)


def there_and_back(error: Exception) -> Any:
    form = exception_form(type(error), {}, "Echo.say")
    arrived: Any = form.made(form.fields(**form.values(error)))
    return arrived


@pytest.mark.parametrize("error", [Refused("no", [1]), Refused("no"), Frozen("hard"), Named("x", code=3)], ids=repr)
def test_the_fields_of_a_dataclass_travel(error: Exception) -> None:
    arrived = there_and_back(error)
    assert type(arrived).__name__ == type(error).__name__
    assert repr(arrived) == repr(error)
    assert arrived.args[0] == error.args[0]


def test_a_field_called_outcome_is_the_users() -> None:
    assert there_and_back(Judged("guilty")).outcome == "guilty"


@pytest.mark.parametrize(
    ("error", "args"),
    [
        (Gone(), ()),
        (Gone("away"), ("away",)),
        (Gone("a", 2), ("('a', 2)",)),
        (Gone(7), ("7",)),
        (KeyError("x"), ("x",)),
        (ValueError("y"), ("y",)),
    ],
    ids=repr,
)
def test_the_text_of_a_plain_exception_travels(error: Exception, args: tuple[object, ...]) -> None:
    arrived = there_and_back(error)
    assert (type(arrived), arrived.args) == (type(error), args)


def test_one_that_needs_more_than_a_text_has_to_be_a_dataclass() -> None:
    with pytest.raises(ConfigurationError, match=r"Echo\.say: Complicated is made with more .* make it a dataclass"):
        exception_form(Complicated, {}, "Echo.say")


def test_fields_of_types_that_cannot_travel_are_named() -> None:
    @dataclass
    class Strange(Exception):
        what: object

    with pytest.raises(ConfigurationError, match=r"Echo\.say: Strange\.what: values of object cannot travel"):
        exception_form(Strange, {}, "Echo.say")
