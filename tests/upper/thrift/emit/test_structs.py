from __future__ import annotations

import pytest

from callosum.upper.thrift.emit.structs import enum_lines, field_default, is_needed, struct_lines, union_lines
from callosum.upper.thrift.idl.model import Enum, Struct
from tests.upper.thrift.emit.emitting import named, writer


def struct(text: str, *, is_hashed: bool = False) -> list[str]:
    made = writer(text)
    return struct_lines(made, named(made, "A", Struct), is_hashed=is_hashed)


def union(text: str) -> list[str]:
    made = writer(text)
    return union_lines(made, named(made, "A", Struct))


def enum(text: str) -> list[str]:
    made = writer(text)
    return enum_lines(made, named(made, "A", Enum))


def test_fields_that_are_needed_come_first() -> None:
    assert struct("struct A { 3: string s, 2: required i32 b, 1: required i32 a, 4: required i8 c = 5 }") == [
        "class A(Struct):",
        '    b: int = required(2, "i32")',
        '    a: int = required(1, "i32")',
        "    _: KW_ONLY",
        '    s: str = field(3, "string", default="")',
        '    c: int = required(4, "i8", default=5)',
    ]


def test_kinds_and_options() -> None:
    assert struct("exception A { 1: required i32 a }")[0] == "class A(DeclaredException):"
    assert struct("struct A {}") == ["class A(Struct):", "    pass"]
    assert struct("struct A {}", is_hashed=True)[0] == "class A(Struct, unsafe_hash=True):"
    frozen = 'struct A {} (callosum.frozen = "true")'
    assert struct(frozen)[0] == "class A(Struct, frozen=True):"
    assert struct(frozen, is_hashed=True)[0] == "class A(Struct, frozen=True, unsafe_hash=True):"
    assert struct('struct A {} (callosum.frozen = "false")')[0] == "class A(Struct):"


def test_docs_stand_below_what_they_are_about() -> None:
    assert struct("/** Of all. */ struct A { /** Of one. */ 1: required i32 a }") == [
        "class A(Struct):",
        '    """Of all."""',
        "",
        '    a: int = required(1, "i32")',
        '    """Of one."""',
    ]
    assert struct("/** Alone. */ struct A {}") == ["class A(Struct):", '    """Alone."""']


@pytest.mark.parametrize(
    ("field", "default", "is_required"),
    [
        ("optional i32 a", ("default", "None"), False),
        ("i32 a", ("default", "0"), False),
        ("required i32 a", ("default", "0"), True),
        ("optional i32 a = 5", ("default", "5"), False),
        ("list<i32> a = [1]", ("factory", "lambda: [1]"), False),
        ("list<i32> a", ("factory", "list"), False),
        ("E a = E.X", ("default", "E.X"), False),
        ("B a = {}", ("factory", "lambda: B()"), False),
    ],
)
def test_defaults(field: str, default: tuple[str, str], is_required: bool) -> None:
    made = writer(f"enum E {{ X }} struct B {{}} struct A {{ 1: {field} }}")
    (one,) = named(made, "A", Struct).fields
    assert is_needed(one) is is_required
    assert field_default(made, one) == default


def test_a_field_that_is_called_as_its_type() -> None:
    assert struct("struct A { 1: required B B, 2: optional A A } struct B { 1: i32 x }") == [
        "class A(Struct):",
        '    B: _B = required(1, "_B")',
        "    _: KW_ONLY",
        '    A: _A | None = field(2, "_A", default=None)',
        "",
        "",
        "_A = A",
    ]


def test_a_long_field_has_an_argument_a_line() -> None:
    name = "a" * 60
    assert struct(f"struct A {{ 1: list<list<i32>> {name} = [[1]] }}")[2:] == [
        f"    {name}: list[list[int]] = field(",
        "        1,",
        '        "list<list<i32>>",',
        "        factory=lambda: [[1]],",
        "    )",
    ]


def test_a_union_takes_exactly_one() -> None:
    assert union("union A { 1: i32 a, 2: string class }") == [
        "class A(Union):",
        '    a: int | None = arm(1, "i32")',
        '    class_: str | None = arm(2, "string")',
        "",
        "    if TYPE_CHECKING:",
        '        which: Literal["a", "class_"]',
        "",
        "        @overload",
        "        def __init__(self, *, a: int) -> None: ...",
        "        @overload",
        "        def __init__(self, *, class_: str) -> None: ...",
        "        def __init__(self, *, a: int | None = None, class_: str | None = None) -> None: ...",
    ]


def test_a_union_of_one_and_of_none() -> None:
    assert union("union A { 1: i32 a }")[-1] == "        def __init__(self, *, a: int) -> None: ..."
    assert "overload" not in "".join(union("union A { 1: i32 a }"))
    assert union("union A {}") == ["class A(Union):", "    pass"]


def test_a_union_with_a_field_that_is_called_as_the_instance() -> None:
    assert "        def __init__(_self, *, self: int) -> None: ..." in union("union A { 1: i32 self }")
    lines = union("union A { 1: i32 self, 2: i32 _self }")
    assert "        def __init__(__self, *, self: int) -> None: ..." in lines


def test_enums() -> None:
    assert enum("/** All. */ enum A { X, /** One. */ Y = 5, name }") == [
        "class A(Enum):",
        '    """All."""',
        "",
        "    X = 0",
        "    Y = 5",
        '    """One."""',
        "    name_ = 6",
    ]
    assert enum("enum A {}") == ["class A(Enum):", "    pass"]
    assert enum("enum A { A }")[-1] == "_A = A"
