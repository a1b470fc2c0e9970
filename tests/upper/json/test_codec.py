from __future__ import annotations

import contextlib
import enum
import math
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callosum import service_of
from callosum.errors import DecodeError, EncodeError
from callosum.service import Method
from callosum.upper import json


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclass
class Point:
    x: float
    y: float
    labels: dict[str, str] = field(default_factory=dict)


class Circle(msgspec.Struct, tag="circle"):
    centre: Point
    radius: float


class Square(msgspec.Struct, tag="square"):
    corner: Point


class Options(TypedDict, total=False):
    colour: Colour
    width: int


class Pair(NamedTuple):
    left: int
    right: str


@dataclass
class Refused(Exception):
    reason: str
    at: datetime | None = None


@dataclass
class Narrow(Refused):
    width: int = 0


class Gone(Exception):
    pass


@json.service
class Everything(Protocol):
    async def text(self, value: str) -> str: ...
    async def number(self, value: int) -> int: ...
    async def real(self, value: float) -> float: ...
    async def truth(self, value: bool) -> bool: ...
    async def data(self, value: bytes) -> bytes: ...
    async def moment(self, value: datetime) -> datetime: ...
    async def day(self, value: date) -> date: ...
    async def span(self, value: timedelta) -> timedelta: ...
    async def money(self, value: Decimal) -> Decimal: ...
    async def identity(self, value: uuid.UUID) -> uuid.UUID: ...
    async def colour(self, value: Colour) -> Colour: ...
    async def word(self, value: Literal["a", "b"]) -> Literal["a", "b"]: ...
    async def point(self, value: Point) -> Point: ...
    async def shape(self, value: Circle | Square) -> Circle | Square: ...
    async def options(self, value: Options) -> Options: ...
    async def pair(self, value: Pair) -> Pair: ...
    async def maybe(self, value: Point | None) -> Point | None: ...
    async def either(self, value: int | str | None) -> int | str | None: ...
    async def numbers(self, value: list[int]) -> list[int]: ...
    async def unique(self, value: set[str]) -> set[str]: ...
    async def table(self, value: dict[str, list[Point]]) -> dict[str, list[Point]]: ...
    async def small(self, value: Annotated[int, msgspec.Meta(ge=0, le=9)]) -> int: ...
    async def anything(self, value: Any) -> Any: ...
    async def nothing(self) -> None: ...
    async def defaults(self, first: str, second: int = 2, third: list[int] = []) -> str: ...  # noqa: B006

    @json.raises(Refused, Narrow, Gone)
    async def fail(self, how: str) -> int: ...


METHODS = service_of(Everything).methods
VALUES: list[tuple[str, Any]] = [
    ("text", "grüße, 世界 \x00"),
    ("number", -(2**63)),
    ("number", 2**200),
    ("real", 1.5),
    ("truth", True),
    ("data", bytes(range(256))),
    ("moment", datetime(2026, 11, 24, 17, 30, 1, 25, tzinfo=UTC)),
    ("day", date(2026, 11, 24)),
    ("span", timedelta(days=1, microseconds=7)),
    ("money", Decimal("12.340")),
    ("identity", uuid.UUID(int=7)),
    ("colour", Colour.GREEN),
    ("word", "b"),
    ("point", Point(1.0, 2.0, {"a": "b"})),
    ("shape", Circle(Point(0.0, 0.0), 1.0)),
    ("shape", Square(Point(0.0, 0.5))),
    ("options", {"width": 3}),
    ("options", {"colour": Colour.RED}),
    ("pair", Pair(1, "x")),
    ("maybe", None),
    ("maybe", Point(1.0, 1.0)),
    ("either", "1"),
    ("either", 1),
    ("either", None),
    ("numbers", list(range(1000))),
    ("unique", {"a", "b"}),
    ("table", {"": [], "p": [Point(0.0, 0.0)]}),
    ("small", 9),
    ("anything", {"a": [1, None, {"b": 2.5}]}),
]


@pytest.mark.parametrize(("name", "value"), VALUES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(VALUES)])
def test_values_come_back_as_they_were(name: str, value: Any) -> None:
    method = METHODS[name]
    (arrived,) = method.decode_args(method.encode_args(value))
    assert (arrived, type(arrived)) == (value, type(value))
    assert method.decode_args(memoryview(method.encode_args(value=value))) == (value,)
    returned = method.decode_result(memoryview(method.encode_result(value)))
    assert (returned, type(returned)) == (value, type(value))


def test_nothing_is_a_result() -> None:
    assert METHODS["nothing"].encode_result(None) == b'{"result":null}'
    assert METHODS["nothing"].decode_result(b'{"result":null}') is None
    assert METHODS["nothing"].decode_args(METHODS["nothing"].encode_args()) == ()


def test_a_body_is_an_object_that_anybody_can_read() -> None:
    assert METHODS["text"].encode_args("hi") == b'{"value":"hi"}'
    assert METHODS["text"].encode_result("hi") == b'{"result":"hi"}'
    body = METHODS["fail"].preferred.encode_exception(Refused("no"))
    assert body == b'{"exception":"Refused","fields":{"reason":"no","at":null}}'


def test_what_has_its_default_does_not_travel_and_is_there_all_the_same() -> None:
    method = METHODS["defaults"]
    assert method.encode_args("a") == b'{"first":"a"}'
    assert method.encode_args("a", third=[3]) == b'{"first":"a","third":[3]}'
    assert method.decode_args(b'{"first":"a"}') == ("a", 2, [])
    one, other = method.decode_args(b'{"first":"a"}'), method.decode_args(b'{"first":"a"}')
    assert one[2] is not other[2]


def test_what_the_receiver_does_not_know_is_skipped() -> None:
    assert METHODS["defaults"].decode_args(b'{"first":"a","fourth":{"x":[1]}}') == ("a", 2, [])
    assert METHODS["text"].decode_result(b'{"result":"a","more":1}') == "a"


WRONG: list[tuple[str, Any, str]] = [
    ("text", 1, "value: Expected `str`, got `int`"),
    ("text", None, "value: Expected `str`, got `null`"),
    ("text", "\ud800", "does not become JSON"),
    ("number", "1", "value: Expected `int`, got `str`"),
    ("number", True, "value: Expected `int`, got `bool`"),
    ("number", 1.5, "value: Expected `int`, got `float`"),
    ("real", math.nan, "value: Expected `float`, got `null`"),
    ("data", "no base64!", "value: Invalid base64"),
    ("word", "c", "value: Invalid enum value 'c'"),
    ("small", 10, "value: Expected `int` <= 9"),
    ("point", Point(1.0, "y"), r"value\.y: Expected `float`, got `str`"),  # type: ignore[arg-type]
    ("point", Pair(1, "x"), "value: Expected `object`, got `array`"),
    ("table", {"a": [Point(0.0, 0.0), Point(None, 0.0)]}, r"value\[\.\.\.\]\[1\]\.x: Expected `float`, got `null`"),  # type: ignore[arg-type]
    ("pair", (1,), "value: Expected `array` of length 2"),
    ("anything", object(), "object is unsupported"),
    ("anything", {(1, 2): 3}, "Only dicts with str-like or number-like keys"),
]


@pytest.mark.parametrize(("name", "value", "text"), WRONG, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(WRONG)])
def test_what_does_not_fit_does_not_leave(name: str, value: Any, text: str) -> None:
    method = METHODS[name]
    with pytest.raises(EncodeError, match=rf"^Everything\.{name}\.args.*{text}"):
        method.encode_args(value)
    if name != "small":
        with pytest.raises(EncodeError, match=rf"^Everything\.{name}\.result.*{text.removeprefix('value')}"):
            method.encode_result(value)


def test_a_loop_of_values_does_not_leave() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EncodeError, match="recursion"):
        METHODS["anything"].encode_args(loop)


def test_arguments_that_do_not_fit_the_signature_name_the_method() -> None:
    with pytest.raises(TypeError, match=r"Everything\.text\(\): Missing required argument 'value'"):
        METHODS["text"].encode_args()
    with pytest.raises(TypeError, match=r"Unexpected keyword argument 'other'"):
        METHODS["text"].encode_args(other=1)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"value":', "truncated"),
        (b'{"value":"\xff"}', "invalid start byte"),
        (b'{"value":"a"} ', None),
        (b'{"value":"a"}{', "trailing characters"),
        (b'{"other":"a"}', "Object missing required field `value`"),
        (b'{"value":["a"]}', "Expected `str`, got `array`"),
    ],
)
def test_what_is_no_json_of_this_kind_is_a_decode_error(body: bytes, text: str | None) -> None:
    if text is None:
        assert METHODS["text"].decode_args(body) == ("a",)
        return
    with pytest.raises(DecodeError, match=text) as caught:
        METHODS["text"].decode_args(body)
    assert caught.value.path.startswith("Everything.text.args")


def test_nesting_has_an_end() -> None:
    with pytest.raises(DecodeError, match="recursion"):
        METHODS["anything"].decode_args(b'{"value":' + b"[" * 100_000)


def test_a_reply_without_a_result_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match=r"Everything\.text: there is neither a result nor an exception"):
        METHODS["text"].decode_result(b"{}")
    with pytest.raises(DecodeError, match="the exception 'Refused' is not declared here"):
        METHODS["text"].decode_result(b'{"exception":"Refused"}')


def test_declared_exceptions_arrive_as_themselves() -> None:
    codec = METHODS["fail"].preferred
    for error in (Refused("no"), Refused("no", datetime(2026, 1, 1, tzinfo=UTC)), Narrow("thin", width=3)):
        body = codec.encode_exception(error)
        assert body is not None
        with pytest.raises(type(error)) as caught:
            codec.decode_result(body)
        assert caught.value == error
        assert str(caught.value).startswith(("no", "('no'", "('thin'"))


def test_the_nearest_declared_class_travels() -> None:
    @dataclass
    class Stranger(Refused):
        secret: str = ""

    codec = METHODS["fail"].preferred
    body = codec.encode_exception(Stranger("no", secret="key"))
    assert body is not None
    assert b"key" not in body
    with pytest.raises(Refused) as caught:
        codec.decode_result(body)
    assert type(caught.value) is Refused


def test_an_exception_that_is_not_declared_is_none_of_ours() -> None:
    codec = METHODS["fail"].preferred
    assert codec.encode_exception(KeyError("x")) is None


def test_an_exception_whose_fields_do_not_fit_does_not_leave() -> None:
    codec = METHODS["fail"].preferred
    with pytest.raises(EncodeError, match=r"Everything\.fail\.Refused\.reason: Expected `str`, got `int`"):
        codec.encode_exception(Refused(7))  # type: ignore[arg-type]
    with pytest.raises(DecodeError, match=r"Everything\.fail\.Refused\.reason: Expected `str`, got `int`"):
        codec.decode_result(b'{"exception":"Refused","fields":{"reason":7}}')


@dataclass
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise KeyError("low is above high")


def test_whatever_a_value_raises_while_it_is_made_is_a_decode_error() -> None:
    @json.service
    class Ranges(Protocol):
        async def take(self, value: Checked) -> None: ...

    with pytest.raises(DecodeError, match="low is above high"):
        service_of(Ranges).methods["take"].decode_args(b'{"value":{"low":2,"high":1}}')


def any_method() -> st.SearchStrategy[Method]:
    return st.sampled_from(list(METHODS.values()))


@given(method=any_method(), body=st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(method: Method, body: bytes) -> None:
    for decode in (method.decode_args, method.decode_result):
        try:
            decode(body)
        except (DecodeError, Refused, Gone):
            continue


@given(st.data())
def test_no_byte_can_be_lost_or_changed_into_something_that_was_not_sent(data: st.DataObject) -> None:
    name, value = data.draw(st.sampled_from(VALUES))
    method = METHODS[name]
    body = bytearray(method.encode_args(value))
    at = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(DecodeError):
        method.decode_args(bytes(body[:at]))
    body[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(DecodeError):
        method.decode_args(bytes(body))


@given(st.text(), st.lists(st.integers()), st.floats(allow_nan=False, allow_infinity=False), st.binary())
def test_random_values_come_back(text: str, numbers: list[int], real: float, data: bytes) -> None:
    for name, value in (("numbers", numbers), ("real", real), ("data", data)):
        assert METHODS[name].decode_args(METHODS[name].encode_args(value)) == (value,)
    try:
        body = METHODS["text"].encode_args(text)
    except EncodeError:
        assert any("\ud800" <= c <= "\udfff" for c in text)
    else:
        assert METHODS["text"].decode_args(body) == (text,)
