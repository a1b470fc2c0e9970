from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
import types
from typing import Any

import pytest
from thriftpy2.protocol import TCyBinaryProtocol
from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.thrift import TException, TPayload
from thriftpy2.transport import TCyMemoryBuffer, TMemoryBuffer

from callosum.errors import ConfigurationError, EncodeError, Outcome
from callosum.upper.thrift import load_string
from callosum.upper.thrift.codec import codec_of
from callosum.upper.thrift.payload import (
    MISSING,
    FieldSpec,
    Struct,
    Union,
    arm,
    declaring_class,
    field,
    fields_of,
    required,
    scope_of,
    spec_of,
)
from callosum.upper.thrift.spec import StructType
from tests.upper.thrift.oracles import plain, thriftpy2_encode

IDL = """
enum Colour { RED = 1 }
struct Point { 1: required i32 x, 2: required i32 y }
struct Item {
    4: optional Item inner
    1: required string name
    2: list<i32> numbers = [1]
    3: map<string, list<i32>> table = {"a": [1]}
    5: Colour colour = Colour.RED
    6: required i32 count = 7
    7: Point origin = {"x": 1, "y": 2}
    8: string text
    9: set<string> words
}
struct Frozen { 1: required i32 a, 2: list<i32> b } (callosum.frozen = "true")
struct Empty {}
union Shape { 1: Point point, 2: string text, 3: i32 number }
union Nothing {}
exception Refused { 1: required string reason, 2: optional i32 code, 3: list<i32> hints }
exception Own { 1: i32 outcome, 2: string message }
exception Bare {}
"""


@pytest.fixture(scope="module")
def m() -> Any:
    return load_string(IDL, module_name="callosum_test_payload")


# --- how instances are made -------------------------------------------------------------------------------------------


def test_required_fields_are_positional_in_the_order_of_the_file_and_the_others_are_not(m: Any) -> None:
    assert m.Point(1, 2) == m.Point(x=1, y=2) == m.Point(1, y=2)
    item = m.Item("a", text="b")
    assert (item.name, item.text, item.count, item.inner, item.words) == ("a", "b", 7, None, set())
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3 were given"):
        m.Item("a", 7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: m.Point(1), "Point() needs 'y': the IDL says that it is required"),
        (lambda m: m.Point(y=1), "Point() needs 'x': the IDL says that it is required"),
        (lambda m: m.Item(text="a"), "Item() needs 'name': the IDL says that it is required"),
        (lambda m: m.Refused(code=1), "Refused() needs 'reason': the IDL says that it is required"),
        (lambda m: m.Point(1, 2, z=3), "Point.__init__() got an unexpected keyword argument 'z'"),
        (lambda m: m.Empty(1), "Empty.__init__() takes 1 positional argument but 2 were given"),
    ],
)
def test_what_cannot_be_made_is_a_type_error(m: Any, make: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        make(m)
    assert str(caught.value) == message


def test_an_instance_that_nothing_is_given_for_is_blank_and_cannot_be_sent(m: Any) -> None:
    blank = m.Point()
    assert (blank.x, blank.y) == (None, None)
    with pytest.raises(EncodeError, match=r"Point\.x: the field is required"):
        codec_of(m.Point).encode(blank)


def test_defaults_are_fresh_for_each_instance(m: Any) -> None:
    one, other = m.Item("a"), m.Item("b")
    one.numbers.append(2)
    one.table["a"].append(2)
    one.origin.x = 9
    one.words.add("x")
    assert (other.numbers, other.table, other.origin, other.words) == ([1], {"a": [1]}, m.Point(1, 2), set())
    assert m.Item("c").numbers == [1]


def test_what_is_given_is_taken_as_it_is(m: Any) -> None:
    numbers = [1]
    assert m.Item("a", numbers=numbers).numbers is numbers
    assert m.Item("a", numbers=None).numbers is None


# --- what thriftpy2 makes of them -------------------------------------------------------------------------------------


def test_the_metadata_is_thriftpy2s(m: Any) -> None:
    assert issubclass(m.Point, TPayload)
    assert issubclass(m.Refused, TException)
    assert m.Point.thrift_spec == {1: (8, "x", True), 2: (8, "y", True)}
    assert m.Item.thrift_spec == {
        1: (11, "name", True),
        2: (15, "numbers", 8, False),
        3: (13, "table", (11, (15, 8)), False),
        4: (12, "inner", m.Item, False),
        5: (8, "colour", m.Colour, False),
        6: (8, "count", True),
        7: (12, "origin", m.Point, False),
        8: (11, "text", False),
        9: (14, "words", 11, False),
    }
    assert [name for name, _ in m.Item.default_spec] == [m.Item.thrift_spec[ident][1] for ident in range(1, 10)]
    assert dict(m.Item.default_spec)["numbers"] == [1]
    assert m.Item.thrift_spec is m.Item.thrift_spec
    assert "thrift_spec" in m.Item.__dict__


@pytest.mark.parametrize("kind", ["pure", "cython"])
def test_thriftpy2s_protocols_write_and_read_them(m: Any, kind: str) -> None:
    def buffer(*given: bytes) -> Any:
        return TMemoryBuffer(*given) if kind == "pure" else TCyMemoryBuffer(*given)

    protocol: Any = TBinaryProtocol if kind == "pure" else TCyBinaryProtocol
    values = [
        m.Point(1, 2),
        m.Item("a", inner=m.Item("b", numbers=[3]), table={"x": [1]}),
        m.Empty(),
        m.Shape(text="x"),
        m.Refused("no", code=5, hints=[1]),
    ]
    for value in values:
        there = buffer()
        protocol(there).write_struct(value)
        body = there.getvalue()
        assert body == codec_of(type(value)).encode(value)
        back = type(value)()
        protocol(buffer(body)).read_struct(back)
        assert plain(StructType(type(value)), back) == plain(StructType(type(value)), value)


# --- what Python makes of them ----------------------------------------------------------------------------------------


def test_instances_are_equal_where_their_fields_are(m: Any) -> None:
    assert m.Point(1, 2) == m.Point(1, 2)
    assert m.Point(1, 2) != m.Point(1, 3)
    assert m.Shape(text="x") == m.Shape(text="x") != m.Shape(number=1)
    assert m.Empty() == m.Empty()
    assert m.Empty() != m.Bare()
    assert m.Point(1, 2) != (1, 2)
    assert {m.Point(1, 2), m.Point(1, 2)} == {m.Point(1, 2)}


def test_repr_says_how_an_instance_is_made(m: Any) -> None:
    assert repr(m.Point(1, 2)) == "Point(x=1, y=2)"
    assert repr(m.Shape(number=1)) == "Shape(point=None, text=None, number=1)"
    assert repr(m.Empty()) == "Empty()"
    assert repr(m.Refused("no")) == "Refused(reason='no', code=None, hints=[])"


def test_copies_and_pickles_are_equal_and_of_their_own(m: Any) -> None:
    item = m.Item("a", inner=m.Item("b"), numbers=[5])
    for value in (m.Point(1, 2), item, m.Frozen(1, b=[2]), m.Empty(), m.Shape(point=m.Point(1, 2)), m.Shape()):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        assert copy.copy(value) == copy.deepcopy(value) == value
    assert copy.copy(item).numbers is item.numbers
    assert copy.deepcopy(item).numbers is not item.numbers
    assert pickle.loads(pickle.dumps(m.Colour(77))).name == "UNKNOWN_77"
    assert pickle.loads(pickle.dumps(m.Colour.RED)) is m.Colour.RED is copy.deepcopy(m.Colour.RED)


def test_exceptions_are_copied_and_pickled_with_their_fields(m: Any) -> None:
    error = m.Refused("no", code=5)
    for back in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(back) is m.Refused
        assert (back.reason, back.code, back.hints) == ("no", 5, [])
        assert str(back) == str(error)


def test_structs_are_dataclasses(m: Any) -> None:
    made = m.Item("a", inner=m.Item("b"))
    assert dataclasses.is_dataclass(m.Item) is dataclasses.is_dataclass(made) is True
    fields: Any = dataclasses.fields(m.Item)
    assert [(one.name, one.kw_only) for one in fields] == [
        (name, name != "name")
        for name in ("name", "numbers", "table", "inner", "colour", "count", "origin", "text", "words")
    ]
    by_name = {one.name: one for one in fields}
    assert by_name["name"].default_factory is dataclasses.MISSING
    assert by_name["numbers"].default_factory() == [1]
    assert by_name["numbers"].type == "list[int]"
    assert dataclasses.asdict(made)["inner"]["name"] == "b"
    assert dataclasses.astuple(m.Point(1, 2)) == (1, 2)
    assert dataclasses.replace(m.Point(1, 2), y=3) == m.Point(1, 3)
    assert dataclasses.asdict(m.Refused("no")) == {"reason": "no", "code": None, "hints": []}
    assert dataclasses.fields(m.Empty) == ()


def test_match_takes_required_fields_by_position_and_all_by_name(m: Any) -> None:
    match m.Item("a", text="b"):
        case m.Item(name, text=text, origin=m.Point(x, y)):
            assert (name, text, x, y) == ("a", "b", 1, 2)
        case _:
            pytest.fail("it is an item")
    match m.Shape(point=m.Point(3, 4)):
        case m.Shape(text=str()):
            pytest.fail("there is no text")
        case m.Shape(point=m.Point(x, y)):
            assert (x, y) == (3, 4)
    assert m.Empty.__match_args__ == ()


def test_inspect_shows_the_parameters(m: Any) -> None:
    assert str(inspect.signature(m.Point)) == "(x: int, y: int)"
    parameters = inspect.signature(m.Item).parameters
    assert parameters["name"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    assert parameters["name"].default is inspect.Parameter.empty
    assert parameters["numbers"].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["numbers"].default == [1]
    assert str(inspect.signature(m.Empty)) == "()"
    assert m.Point(1, 2).__init__.__func__.__qualname__ == "Point.__init__"


def test_a_class_that_a_user_derives_is_its_own_and_sent_as_the_other(m: Any) -> None:
    class Named(m.Point):  # type: ignore[misc]
        def __init__(self, x: int, y: int, label: str) -> None:
            super().__init__(x, y)
            self.label = label

    class Plain(m.Point):  # type: ignore[misc]
        @property
        def total(self) -> int:
            return int(self.x + self.y)

    named = Named(1, 2, "a")
    assert (named.x, named.label) == (1, "a")
    assert Plain(1, 2).total == 3
    assert declaring_class(Plain) is m.__dict__["Point"]
    assert codec_of(m.Point).encode(named) == codec_of(m.Point).encode(m.Point(1, 2))
    assert dataclasses.asdict(Plain(1, 2)) == {"x": 1, "y": 2}

    class Better(m.Refused):  # type: ignore[misc]
        pass

    assert str(Better("no")) == "reason='no', hints=[]"


def test_a_derived_class_may_be_made_before_the_other_one() -> None:
    module: Any = load_string("struct First { 1: required i32 a }")

    class Derived(module.First):  # type: ignore[misc]
        pass

    assert Derived(1).a == 1
    assert module.First(2).a == 2
    assert "__init__" not in Derived.__dict__


def test_frozen_structs_refuse_changes_and_are_read_all_the_same(m: Any) -> None:
    frozen = m.Frozen(1, b=[2])
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Frozen\.a: the IDL says that it is frozen"):
        frozen.a = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del frozen.a
    assert frozen == m.Frozen(1, b=[2])
    codec = codec_of(m.Frozen)
    assert codec.decode(codec.encode(frozen)) == frozen
    assert thriftpy2_encode(frozen) == codec.encode(frozen)
    assert dataclasses.replace(frozen, a=3).a == 3
    assert {frozen: 1}[m.Frozen(1, b=[2])] == 1


# --- exceptions -------------------------------------------------------------------------------------------------------


def test_exceptions_are_raised_and_say_their_fields(m: Any) -> None:
    with pytest.raises(m.Refused) as caught:
        raise m.Refused("no", code=5)
    assert str(caught.value) == "reason='no', code=5, hints=[]"
    assert isinstance(caught.value, Exception)
    assert m.Refused.outcome is Outcome.EXECUTED
    assert caught.value.__traceback__ is not None
    assert str(m.Bare()) == ""


def test_a_field_of_an_exception_takes_the_place_of_the_outcome(m: Any) -> None:
    error = m.Own(message="x")
    assert (error.outcome, error.message) == (0, "x")
    assert m.Own(outcome=5).outcome == 5


def test_an_exception_can_have_notes_and_a_cause(m: Any) -> None:
    error = m.Refused("no")
    error.add_note("here")
    try:
        raise error from ValueError("why")
    except m.Refused as caught:
        assert isinstance(caught.__cause__, ValueError)
        assert caught.__notes__ == ["here"]
        assert str(caught) == "reason='no', hints=[]"


# --- unions -----------------------------------------------------------------------------------------------------------


def test_a_union_has_exactly_one_field(m: Any) -> None:
    assert m.Shape(text="x").which == "text"
    assert m.Shape(text="x", number=None).which == "text"
    assert m.Shape(number=0).which == "number"
    with pytest.raises(TypeError, match=r"^Shape\(\) takes exactly one field: point, text, number$"):
        m.Shape(text="x", number=1)
    with pytest.raises(TypeError, match="takes exactly one field"):
        m.Shape(text=None)
    with pytest.raises(TypeError, match="Shape has no field colour: it has point, text, number"):
        m.Shape(colour=1)
    with pytest.raises(TypeError):
        m.Shape("x")


def test_a_union_that_is_blank_or_was_changed_has_no_which(m: Any) -> None:
    with pytest.raises(ValueError, match="exactly one field set, and .* has 0"):
        _ = m.Shape().which
    shape = m.Shape(text="x")
    shape.number = 1
    with pytest.raises(ValueError, match="has 2"):
        _ = shape.which
    shape.text = None
    assert shape.which == "number"


# --- the declarations themselves --------------------------------------------------------------------------------------


def test_fields_as_a_class_body_declares_them() -> None:
    needed, given, made = required(1, "i32"), required(2, "i32", default=5), field(3, "list<i32>", factory=list)
    assert (needed.is_needed, given.is_needed, made.is_needed) == (True, False, False)
    assert (needed.is_required, given.is_required, made.is_required) == (True, True, False)
    assert (needed.default(), given.default(), made.default()) == (None, 5, [])
    assert made.default() is not made.default()
    assert field(4, "i32").default() is None
    assert arm(1, "string").default() is None
    assert required(1, "string", default=None).is_needed is False


def test_what_a_class_declares_is_in_the_order_of_the_ids(m: Any) -> None:
    assert [one.id for one in fields_of(m.Item)] == list(range(1, 10))
    assert declaring_class(m.Item) is m.Item
    assert declaring_class(Struct) is declaring_class(Union) is None
    with pytest.raises(AttributeError, match="thrift_spec"):
        _ = Struct.thrift_spec  # type: ignore[attr-defined]


def test_the_names_of_a_class_are_those_of_its_module(m: Any) -> None:
    assert scope_of(m.Item) is vars(m)
    lost = type("Lost", (), {"__module__": "callosum_test_nowhere"})
    with pytest.raises(ConfigurationError, match="callosum_test_nowhere, which defines Lost, is not in sys.modules"):
        scope_of(lost)


def test_a_module_that_takes_the_name_of_another_leaves_its_classes_alone() -> None:
    def make(kind: str) -> Any:
        module = types.ModuleType("callosum_test_again")
        sys.modules[module.__name__] = module
        source = (
            "from callosum.upper.thrift.runtime import Struct, field\n"
            f"class Inner(Struct):\n    a: object = field(1, {kind!r})\n"
            "class Outer(Struct):\n    inner: object = field(1, 'Inner')\n"
        )
        exec(source, vars(module))
        return module

    try:
        first, second = make("i32"), make("i64")
        assert first.Outer.thrift_spec[1][2] is first.Inner
        assert second.Outer.thrift_spec[1][2] is second.Inner
    finally:
        del sys.modules["callosum_test_again"]


def test_a_type_that_is_not_there_is_named_with_its_place() -> None:
    one = FieldSpec(1, "list<Missing>", None, is_required=False)
    one.name = "things"
    with pytest.raises(ConfigurationError, match=r"A\.things: there is no type Missing"):
        spec_of([one], {}, "A")
    assert repr(MISSING)
