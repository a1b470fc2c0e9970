"""A pair of files for each rule of ``breaking``, what is found in both directions, and what is seen on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Side = Literal["old", "new"]
Values = dict[str, Any]


class Refused:
    """The reader cannot decode it."""

    def __repr__(self) -> str:
        return "REFUSED"


REFUSED: Final = Refused()


@dataclass(frozen=True)
class Sent:
    """A struct that a side with one of the files writes, and what a side with the other one sees.

    A value may be a function of the module. ``S.f_args`` and ``S.f_result`` are arguments and results of a method.
    """

    by: Side
    struct: str
    values: Values
    seen: Values | Refused


@dataclass(frozen=True)
class Called:
    """A method that a client with one of the files calls on a server with the other one, and what it gets."""

    by: Side
    service: str
    method: str
    seen: object
    """The value, or the name of the exception's class."""
    arguments: tuple[object, ...] = ()
    answer: object = None
    """What the handler returns; a function of the module makes what it raises."""


@dataclass(frozen=True)
class Asked:
    """A request of a method ``S.f`` that a side with one of the files makes, and what a handler at the other gets."""

    by: Side
    method: str
    arguments: tuple[object, ...]
    seen: tuple[object, ...]


@dataclass(frozen=True)
class Ended:
    """What a caller makes of the empty body that ends a stream, where it waits for a result: it cannot be decoded."""

    by: Side
    method: str


@dataclass(frozen=True)
class Pair:
    """Two versions of a file."""

    name: str
    old: str
    new: str
    forth: set[str]
    """The rules of what is found from old to new."""
    back: set[str]
    """The rules of what is found from new to old."""
    truths: list[Sent | Called | Asked | Ended] = field(default_factory=list)
    """What is seen on the wire where it breaks."""
    audit: str = ""
    """Why Apache's `thrift --audit` says otherwise, where it does."""

    def __str__(self) -> str:
        return self.name


def make(name: str) -> Callable[..., Callable[[Any], Any]]:
    """A value of a class of whatever module."""
    return lambda **values: lambda module: getattr(module, name)(**values)


_STRUCT_REMOVAL = "what is removed must have been optional; it knows no reservations"
_BY_ID = "it takes other names of the same types for fields that were renamed"
_NO_STREAMS = "it knows no streams"
_BY_NAME = "it compares the names of types, not what they are"

PAIRS: Final = [
    # --- services and methods
    Pair(
        "service-removed",
        "service S { i32 f() } service T { i32 g() }",
        "service T { i32 g() }",
        {"service-removed"},
        set(),
        [Called("old", "S", "f", "Unimplemented")],
    ),
    Pair(
        "service-name-changed",
        "service S { i32 f() }",
        'service S { i32 f() } (callosum.name = "s.v2")',
        {"service-name-changed"},
        {"service-name-changed"},
        [Called("old", "S", "f", "Unimplemented"), Called("new", "S", "f", "Unimplemented")],
        audit="it does not know callosum.name",
    ),
    Pair(
        "service-renamed",
        "service S { i32 f() }",
        'service T { i32 f() } (callosum.name = "S")',
        {"service-renamed"},
        {"service-renamed"},
        [Called("old", "S:T", "f", 7, answer=7), Called("new", "T:S", "f", 7, answer=7)],
        audit="it does not know callosum.name",
    ),
    Pair(
        "extends-changed",
        "service B { i32 g() } service S extends B { i32 f() }",
        "service B { i32 g() } service S { i32 f() }",
        {"extends-changed", "method-removed"},
        set(),
        [Called("old", "B:S", "g", "Unimplemented"), Called("old", "S", "g", "Unimplemented")],
    ),
    Pair(
        "extends-more",
        "service A { i32 a() } service S extends A { i32 f() }",
        "service A { i32 a() } service B extends A { i32 b() } service S extends B { i32 f() }",
        set(),
        {"service-removed", "extends-changed", "method-removed"},
        [Called("old", "S", "a", 7, answer=7), Called("new", "S", "b", "Unimplemented")],
        audit="it wants the same service to be extended",
    ),
    Pair(
        "method-removed",
        "service S { i32 f(), i32 g() }",
        "service S { i32 g() }",
        {"method-removed"},
        set(),
        [Called("old", "S", "f", "Unimplemented")],
    ),
    Pair(
        "oneway-changed",
        "service S { void f() }",
        "service S { oneway void f() }",
        {"oneway-changed"},
        {"oneway-changed"},
        [Called("old", "S", "f", "Unimplemented")],
    ),
    Pair(
        "stream-changed-of-the-handler",
        "service S { i32 f(1: i32 a) }",
        'service S { i32 f(1: i32 a) (callosum.stream = "server") }',
        {"stream-changed"},
        {"stream-changed"},
        [Ended("old", "S.f")],
        audit=_NO_STREAMS,
    ),
    Pair(
        "stream-changed-of-the-caller",
        "service S { i32 f(1: i32 a, 2: i32 b) }",
        'service S { i32 f(1: i32 a, 2: i32 b (callosum.stream = "in")) (callosum.stream = "client") }',
        {"stream-changed"},
        {"stream-changed"},
        [Asked("old", "S.f", (1, 2), (1,)), Asked("new", "S.f", (1,), (1, 0))],
        audit=_NO_STREAMS,
    ),
    Pair(
        "stream-changed-from-client-to-bidi",
        'service S { i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "client") }',
        'service S { i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "bidi") }',
        {"stream-changed"},
        {"stream-changed"},
        [Ended("old", "S.f")],
        audit=_NO_STREAMS,
    ),
    Pair(
        "stream-changed-to-another-parameter",
        'service S { i32 f(1: i32 a (callosum.stream = "in"), 2: i32 b) (callosum.stream = "client") }',
        'service S { i32 f(1: i32 a, 2: i32 b (callosum.stream = "in")) (callosum.stream = "client") }',
        {"stream-changed"},
        {"stream-changed"},
        [Asked("old", "S.f", (7,), (0,)), Asked("new", "S.f", (7,), (0,))],
        audit=_NO_STREAMS,
    ),
    Pair(
        "stream-in-the-words-of-another-family",
        'service S { i32 f(1: i32 a (callosum.stream = "in")) (callosum.stream = "bidi") i32 g(1: i32 a) }',
        'service S { i32 f(1: i32 a) (streaming.mode = "bidirectional") i32 g(1: i32 a) (streaming.mode = "unary") }',
        set(),
        set(),
    ),
    Pair(
        "return-type-changed",
        "service S { i32 f() }",
        "service S { i64 f() }",
        {"return-type-changed"},
        {"return-type-changed"},
        [
            Called("old", "S", "f", "DecodeError", answer=1),
            Called("new", "S", "f", "DecodeError", answer=1),
        ],
    ),
    Pair(
        "return-type-changed-from-void",
        "service S { void f() }",
        "service S { i64 f() }",
        {"return-type-changed"},
        {"return-type-changed"},
        [Called("new", "S", "f", "DecodeError")],
    ),
    Pair(
        "exception-added",
        "exception X { 1: i32 a } service S { i32 f() }",
        "exception X { 1: i32 a } service S { i32 f() throws (1: X x) }",
        {"exception-added"},
        {"exception-removed"},
        [Called("old", "S", "f", "DecodeError", answer=make("X")(a=1))],
        audit="it does not look for exceptions that are new",
    ),
    Pair(
        "exception-removed",
        "exception X { 1: i32 a } service S { i32 f() throws (1: X x) }",
        "exception X { 1: i32 a } service S { i32 f() }",
        {"exception-removed"},
        {"exception-added"},
        [Called("new", "S", "f", "DecodeError", answer=make("X")(a=1))],
        audit="it does not look for exceptions that are new",
    ),
    Pair(
        "exception-changed",
        "exception X { 1: i32 a } exception Y { 1: i32 a } service S { i32 f() throws (1: X x) }",
        "exception X { 1: i32 a } exception Y { 1: i32 a } service S { i32 f() throws (1: Y y) }",
        {"exception-changed"},
        {"exception-changed"},
        [Called("old", "S", "f", "X", answer=make("Y")(a=1))],
    ),
    # --- fields
    Pair(
        "field-removed",
        "struct A { 1: i32 a, 2: i32 b }",
        "struct A { 1: i32 a }",
        {"field-removed"},
        set(),
        [Sent("old", "A", {"a": 1, "b": 2}, {"a": 1})],
    ),
    Pair(
        "reserved-field-removed",
        "struct A { 1: i32 a, 2: optional i32 b }",
        'struct A { 1: i32 a } (callosum.reserved = "2, b")',
        {"reserved-field-removed"},
        {"reserved-reused"},
        audit=_STRUCT_REMOVAL,
    ),
    Pair(
        "field-retyped-integers",
        "struct A { 1: i32 a }",
        "struct A { 1: i64 a }",
        {"field-retyped"},
        {"field-retyped"},
        [Sent("old", "A", {"a": 1}, REFUSED), Sent("new", "A", {"a": 1}, REFUSED)],
    ),
    Pair(
        "field-retyped-list-to-set",
        "struct A { 1: list<i32> a }",
        "struct A { 1: set<i32> a }",
        {"field-retyped"},
        {"field-retyped"},
        [Sent("old", "A", {"a": [1]}, REFUSED), Sent("new", "A", {"a": {1}}, REFUSED)],
    ),
    Pair(
        "field-retyped-inside",
        "struct A { 1: map<string, list<i32>> a }",
        "struct A { 1: map<string, list<i64>> a }",
        {"field-retyped"},
        {"field-retyped"},
        [Sent("old", "A", {"a": {"x": [1]}}, REFUSED), Sent("new", "A", {"a": {"x": [1]}}, REFUSED)],
    ),
    Pair(
        "field-retyped-bool-to-i8",
        "struct A { 1: bool a }",
        "struct A { 1: i8 a }",
        {"field-retyped"},
        {"field-retyped"},
        [Sent("old", "A", {"a": True}, REFUSED)],
    ),
    Pair(
        "field-retyped-through-a-typedef",
        "typedef i32 Id  struct A { 1: Id a }",
        "typedef i64 Id  struct A { 1: Id a }",
        {"field-retyped", "typedef-changed"},
        {"field-retyped", "typedef-changed"},
        [Sent("old", "A", {"a": 1}, REFUSED)],
        audit=_BY_NAME,
    ),
    Pair(
        "field-retyped-to-another-struct",
        "struct P { 1: i32 x } struct Q { 1: string x } struct A { 1: P a }",
        "struct P { 1: i32 x } struct Q { 1: string x } struct A { 1: Q a }",
        {"field-retyped"},
        {"field-retyped"},
        [Sent("old", "A", {"a": make("P")(x=1)}, REFUSED)],
    ),
    Pair(
        "type-replaced",
        "struct P { 1: i32 x } struct Q { 1: i32 x } struct A { 1: P a }",
        "struct P { 1: i32 x } struct Q { 1: i32 x } struct A { 1: Q a }",
        {"type-replaced"},
        {"type-replaced"},
        audit=_BY_NAME,
    ),
    Pair(
        "field-reused",
        "struct A { 1: i32 age }",
        "struct A { 1: string name }",
        {"field-reused"},
        {"field-reused"},
        [Sent("old", "A", {"age": 1}, REFUSED)],
    ),
    Pair(
        "field-reused-by-a-new-one",
        "struct A { 1: i32 age, 2: i32 size }",
        "struct A { 1: i32 size, 2: i32 weight }",
        {"field-renumbered", "field-reused"},
        {"field-renumbered", "field-reused"},
        [Sent("old", "A", {"age": 1, "size": 2}, {"size": 1, "weight": 2})],
        audit=_BY_ID,
    ),
    Pair(
        "field-renumbered",
        "struct A { 1: i32 a, 2: i32 b }",
        "struct A { 1: i32 b, 2: i32 a }",
        {"field-renumbered"},
        {"field-renumbered"},
        [Sent("old", "A", {"a": 1, "b": 2}, {"a": 2, "b": 1})],
        audit=_BY_ID,
    ),
    Pair(
        "implicit-ids-changed",
        "struct A { i32 a, i32 b }",
        "struct A { i32 b, i32 a }",
        {"implicit-ids-changed"},
        {"implicit-ids-changed"},
        [Sent("old", "A", {"a": 1, "b": 2}, {"a": 2, "b": 1})],
        audit=_BY_ID,
    ),
    Pair(
        "implicit-ids-made-explicit",
        "struct A { optional i32 a }",
        "struct A { 1: optional i32 a }",
        {"field-renumbered"},
        {"field-renumbered"},
        [Sent("new", "A", {"a": 1}, {"a": None})],
    ),
    Pair(
        "field-renamed",
        "struct A { 1: i32 a }",
        "struct A { 1: i32 b }",
        {"field-renamed"},
        {"field-renamed"},
        [Sent("old", "A", {"a": 1}, {"b": 1})],
    ),
    Pair(
        "required-added",
        "struct A { 1: i32 a }",
        "struct A { 1: i32 a, 2: required i32 b }",
        {"required-added"},
        {"required-removed"},
        [Sent("old", "A", {"a": 1}, REFUSED)],
    ),
    Pair(
        "required-removed",
        "struct A { 1: i32 a, 2: required i32 b }",
        'struct A { 1: i32 a } (callosum.reserved = "2")',
        {"required-removed"},
        {"required-added", "reserved-reused"},
        [Sent("new", "A", {"a": 1}, REFUSED)],
    ),
    Pair(
        "requiredness-changed",
        "struct A { 1: optional i32 a }",
        "struct A { 1: required i32 a }",
        {"requiredness-changed"},
        {"requiredness-changed"},
        [Sent("old", "A", {}, REFUSED)],
    ),
    Pair(
        "optional-changed",
        "struct A { 1: optional i32 a }",
        "struct A { 1: i32 a }",
        {"optional-changed"},
        {"optional-changed"},
    ),
    Pair(
        "default-changed",
        "const i32 ONE = 1  struct A { 1: i32 a = 1 }",
        "const i32 ONE = 1  struct A { 1: i32 a = 2 }",
        {"default-changed"},
        {"default-changed"},
        [Sent("old", "A", {"a": 1}, {"a": 1})],
    ),
    Pair(
        "default-written-otherwise",
        "const i32 ONE = 1  struct A { 1: i32 a = 1 }",
        "const i32 ONE = 1  struct A { 1: i32 a = ONE }",
        set(),
        set(),
    ),
    Pair(
        "reserved-reused",
        'struct A { 1: i32 a } (callosum.reserved = "2")',
        "struct A { 1: i32 a, 2: optional i32 c }",
        {"reserved-reused"},
        {"reserved-field-removed"},
        audit=_STRUCT_REMOVAL,
    ),
    Pair(
        "reservation-removed",
        'struct A { 1: i32 a } (callosum.reserved = "2, 5-7")',
        'struct A { 1: i32 a } (callosum.reserved = "2, 6")',
        {"reservation-removed"},
        set(),
        audit=_STRUCT_REMOVAL,
    ),
    Pair(
        "required-reordered",
        "struct A { 1: required i32 a, 2: required i32 b }",
        "struct A { 2: required i32 b, 1: required i32 a }",
        {"required-reordered"},
        {"required-reordered"},
    ),
    Pair(
        "optional-added", "struct A { 1: i32 a }", "struct A { 1: i32 a, 2: optional i32 b }", set(), {"field-removed"}
    ),
    Pair(
        "string-binary-changed",
        "struct A { 1: string a, 2: list<string> b }",
        "struct A { 1: binary a, 2: list<binary> b }",
        {"string-binary-changed"},
        {"string-binary-changed"},
        [
            Sent("old", "A", {"a": "é"}, {"a": "é".encode()}),
            Sent("new", "A", {"a": b"ok"}, {"a": "ok"}),
            Sent("new", "A", {"a": b"\xff"}, REFUSED),  # what the rule's message says
        ],
    ),
    Pair(
        "enum-i32-changed",
        "enum E { X = 1 } struct A { 1: E a, 2: map<E, i32> b }",
        "enum E { X = 1 } struct A { 1: i32 a, 2: map<i32, i32> b }",
        {"enum-i32-changed"},
        {"enum-i32-changed"},
        [Sent("old", "A", {"a": 1}, {"a": 1}), Sent("new", "A", {"a": 1, "b": {7: 8}}, {"a": 1, "b": {7: 8}})],
        audit=_BY_NAME,
    ),
    # --- parameters
    Pair(
        "parameter-added",
        "service S { void f(1: i32 a) }",
        "service S { void f(1: i32 a, 2: i32 b) }",
        {"parameter-added"},
        {"field-removed"},
        [Sent("new", "S.f_args", {"a": 1, "b": 2}, {"a": 1})],
    ),
    Pair(
        "parameter-retyped",
        "service S { void f(1: i32 a) }",
        "service S { void f(1: i64 a) }",
        {"field-retyped"},
        {"field-retyped"},
        [Sent("old", "S.f_args", {"a": 1}, REFUSED)],
    ),
    Pair(
        "parameters-reordered",
        "service S { void f(1: i32 a, 2: i32 b) }",
        "service S { void f(2: i32 b, 1: i32 a) }",
        {"parameters-reordered"},
        {"parameters-reordered"},
        [Sent("old", "S.f_args", {"a": 1, "b": 2}, {"a": 1, "b": 2})],
    ),
    Pair(
        "parameter-renamed",
        "service S { void f(1: i32 a) }",
        "service S { void f(1: i32 b) }",
        {"field-renamed"},
        {"field-renamed"},
        [Sent("old", "S.f_args", {"a": 1}, {"b": 1})],
    ),
    # --- unions, enums, kinds
    Pair(
        "union-arm-removed",
        "union U { 1: i32 a, 2: i32 b }",
        'union U { 1: i32 a } (callosum.reserved = "2")',
        {"union-arm-removed"},
        {"union-arm-added", "reserved-reused"},
        [Sent("old", "U", {"b": 1}, REFUSED)],
        audit="it has no rule about arms: it takes them for optional fields",
    ),
    Pair(
        "union-arm-added",
        "union U { 1: i32 a }",
        "union U { 1: i32 a, 2: i32 b }",
        {"union-arm-added"},
        {"union-arm-removed"},
        [Sent("new", "U", {"b": 1}, REFUSED)],
        audit="it has no rule about arms: it takes them for optional fields",
    ),
    Pair(
        "kind-changed",
        "struct A { 1: optional i32 a, 2: optional i32 b }",
        "union A { 1: i32 a, 2: i32 b }",
        {"kind-changed"},
        {"kind-changed"},
        [Sent("old", "A", {"a": 1, "b": 2}, REFUSED), Sent("old", "A", {}, REFUSED)],
        audit="it takes a union for a struct",
    ),
    Pair(
        "kind-changed-to-enum",
        "struct K { 1: i32 x } struct A { 1: K a }",
        "enum K { X = 1 } struct A { 1: K a }",
        {"kind-changed", "field-retyped"},
        {"kind-changed", "field-retyped"},
        [Sent("old", "A", {"a": make("K")(x=1)}, REFUSED)],
        audit="that an enum is gone is a warning, and what became of it does not matter",
    ),
    Pair(
        "exception-kind-changed",
        "struct A { 1: i32 a }",
        "exception A { 1: i32 a }",
        {"exception-kind-changed"},
        {"exception-kind-changed"},
        [Sent("old", "A", {"a": 1}, {"a": 1})],
        audit="it looks for structs among structs only",
    ),
    Pair(
        "enum-value-removed",
        "enum E { X = 1, Y = 2 } struct A { 1: E a }",
        "enum E { X = 1 } struct A { 1: E a }",
        {"enum-value-removed"},
        set(),
        [Sent("old", "A", {"a": lambda module: module.E.Y}, {"a": "UNKNOWN_2"})],
    ),
    Pair(
        "enum-value-renumbered",
        "enum E { X = 1, Y = 2 } struct A { 1: E a }",
        "enum E { X = 2, Y = 1 } struct A { 1: E a }",
        {"enum-value-renumbered"},
        {"enum-value-renumbered"},
        [Sent("old", "A", {"a": lambda module: module.E.X}, {"a": "Y"})],
        audit="it looks for numbers only, which are the same ones here",
    ),
    Pair(
        "enum-value-renamed",
        "enum E { X = 1 } struct A { 1: E a }",
        "enum E { Z = 1 } struct A { 1: E a }",
        {"enum-value-renamed"},
        {"enum-value-renamed"},
        [Sent("old", "A", {"a": lambda module: module.E.X}, {"a": "Z"})],
    ),
    Pair(
        "enum-value-renamed-to-one-that-was-there",
        "enum E { X = 1, Y = 1 } struct A { 1: E a }",
        "enum E { X = 1 } struct A { 1: E a }",
        {"enum-value-renamed"},
        set(),
    ),
    # --- names
    Pair(
        "type-renamed",
        "struct P { 1: i32 x } struct A { 1: list<P> a }",
        "struct Q { 1: i32 x } struct A { 1: list<Q> a }",
        {"type-renamed"},
        {"type-renamed"},
        audit=_BY_NAME,
    ),
    Pair(
        "type-renamed-and-changed",
        "struct P { 1: i32 x } struct A { 1: list<P> a }",
        "struct Q { 1: i64 x } struct A { 1: list<Q> a }",
        {"type-renamed", "field-retyped"},
        {"type-renamed", "field-retyped"},
        [Sent("old", "A", {"a": lambda module: [module.P(x=1)]}, REFUSED)],
    ),
    Pair(
        "type-removed",
        "struct P { 1: i32 x } struct A { 1: i32 a }",
        "struct A { 1: i32 a }",
        {"type-removed"},
        set(),
        audit="it takes types for what is on the wire, used or not",
    ),
    Pair(
        "typedef-renamed",
        "typedef list<i32> P  struct A { 1: P a }",
        "typedef list<i32> Q  struct A { 1: Q a }",
        {"type-removed"},
        {"type-removed"},
        audit=_BY_NAME,
    ),
    Pair(
        "typedef-in-the-place-of-its-type",
        "typedef i64 Id  struct A { 1: Id a, 2: map<Id, list<Id>> b }",
        "typedef i64 Id  struct A { 1: i64 a, 2: map<i64, list<Id>> b }",
        set(),
        set(),
        audit=_BY_NAME,
    ),
    Pair(
        "constant-changed",
        "const i32 C = 1",
        "const i32 C = 2",
        {"constant-changed"},
        {"constant-changed"},
    ),
    Pair(
        "constant-of-another-type",
        "const i32 C = 1",
        "const i64 C = 1",
        {"constant-changed"},
        {"constant-changed"},
    ),
    Pair(
        "constant-that-is-a-type-now",
        "const i32 C = 1",
        "struct C { }",
        {"constant-removed"},
        {"constant-removed"},
        audit="it compares types with types; that one is gone is an error for it",
    ),
    Pair("constant-removed", "const i32 C = 1  const i32 D = 1", "const i32 D = 1", {"constant-removed"}, set()),
    Pair(
        "namespace-changed",
        "namespace py a.b  struct A { 1: i32 a }",
        "namespace py a.c  struct A { 1: i32 a }",
        {"namespace-changed"},
        {"namespace-changed"},
    ),
    Pair(
        "namespace-removed",
        "namespace java a.b  struct A { 1: i32 a }",
        "struct A { 1: i32 a }",
        {"namespace-changed"},
        set(),
    ),
    Pair(
        "a-circle-of-types",
        "struct P { 1: optional Q n } struct Q { 1: optional P n } struct A { 1: P a }",
        "struct P { 1: optional Q n } struct Q { 1: optional P n } struct A { 1: Q a }",
        {"type-replaced"},
        {"type-replaced"},
        audit=_BY_NAME,
    ),
    Pair(
        "nothing",
        "service S { void f() } struct A { 1: i32 a }",
        "struct A { 1: i32 a } service S { void f() }",
        set(),
        set(),
    ),
]
