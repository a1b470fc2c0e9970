"""What constants and defaults are: `evaluate` fits what is written to its type.

A constant's value may be given by another constant's name, wherever that stands, and by a member's (``Colour.RED``).
Numbers fit where they are in range, ``true`` and ``false`` are 1 and 0 where a number is expected, nothing else is
converted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from callosum.upper.thrift.idl.cursor import shown
from callosum.upper.thrift.idl.faults import IdlError
from callosum.upper.thrift.idl.lexer import TRUTH
from callosum.upper.thrift.idl.model import (
    BaseType,
    Const,
    Document,
    Enum,
    Field,
    ListOf,
    ListValue,
    Literal,
    MapOf,
    Mapped,
    MapValue,
    Member,
    MemberValue,
    Name,
    Number,
    Program,
    Requiredness,
    Sequence,
    SetOf,
    SetValue,
    Struct,
    StructKind,
    StructValue,
    Text,
    Type,
    Value,
)
from callosum.upper.thrift.idl.nearest import did_you_mean
from callosum.upper.thrift.idl.scalars import Place, TrueType, described, fail, integers_fitted, scalar_fitted, written

_MOST_NESTED: Final = 100
"""Values in values, and constants that stand for constants, in one another."""
_MOST_PARTS: Final = 10_000
"""Parts that a value may take from constants that it names; a few lines could make billions of them."""


class _Made(NamedTuple):
    value: Value
    parts: int


def evaluate(program: Program, document: Document, kind: Type, literal: Literal) -> Value:
    """The value of a constant, or of a default.

    Args:
        program: What the document is part of.
        document: The file in which both the type and the literal are written.
        kind: The type.
        literal: What is written.

    Raises:
        IdlError: It does not fit the type; the position is that of the part that does not.
    """
    return _Evaluation(program).fitted(program.true_type(document, kind), document, literal, 0).value


class _Evaluation:
    """One call of `evaluate`. What constants are is kept with the program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._by_name: dict[tuple[str, int, int], _Made] = {}
        """What names are, each in a file and as a type; long lists often have the same ones."""

    def fitted(  # noqa: PLR0911 - one for each kind of type
        self, kind: tuple[Document, TrueType], document: Document, literal: Literal, depth: int
    ) -> _Made:
        """What a literal is as a value of a type."""
        if isinstance(literal, Name) and literal.name not in TRUTH:
            return self._named(kind, document, literal, depth)
        where, true = kind
        place = Place(document, literal.position)
        _check_depth(depth, place)
        if isinstance(true, BaseType | Enum):
            if isinstance(literal, Number | Text | Name):
                value = literal.name == "true" if isinstance(literal, Name) else literal.value
                return _Made(scalar_fitted(where, true, value, place, written(literal)), 1)
        elif isinstance(true, Struct):
            if isinstance(literal, Mapped):
                return self._fields(where, true, place, literal.items, depth)
        elif isinstance(true, MapOf):
            if isinstance(literal, Mapped):
                return self._entries(where, true, document, literal.items, depth)
            if isinstance(literal, Sequence) and not literal.items:
                return _Made(MapValue(()), 1)
        elif isinstance(literal, Sequence):
            return self._elements(where, true, document, literal.items, depth)
        elif isinstance(literal, Mapped) and not literal.items:
            return _Made(SetValue(()) if isinstance(true, SetOf) else ListValue(()), 1)
        return fail(place, f"{written(literal)} is not {described(true)}")

    # --- names -------------------------------------------------------------------------------------------------------

    def _named(self, kind: tuple[Document, TrueType], document: Document, literal: Name, depth: int) -> _Made:
        key = (literal.name, id(document), id(kind[1]))
        made = self._by_name.get(key)
        if made is None:
            made = self._by_name[key] = self._found(kind, document, literal, depth)
        return made

    def _found(self, kind: tuple[Document, TrueType], document: Document, literal: Name, depth: int) -> _Made:
        where, true = kind
        place = Place(document, literal.position)
        _check_depth(depth, place)
        found = self._program.find(document, literal.name)
        if found is not None and isinstance(found.definition, Const):
            made = self._constant(found.document, found.definition, place, depth)
            if isinstance(made.value, ListValue | SetValue | MapValue | StructValue):
                theirs = self._program.true_type(found.document, found.definition.type)
                if self._spelled(*theirs) != self._spelled(where, true):
                    is_alike = type(theirs[1]) is type(true) and not isinstance(true, Struct)
                    what = "has parts of other types" if is_alike else f"is not {described(true)}"
                    fail(place, f"{literal.name} {what}")
                return made
            return _Made(scalar_fitted(where, true, made.value, place, literal.name), 1)
        member = self._member(document, literal)
        if member is None:
            fail(place, self._unknown(true, document, literal.name))
        return _Made(scalar_fitted(where, true, member, place, literal.name), 1)

    def _constant(self, document: Document, const: Const, place: Place, depth: int) -> _Made:
        known = self._program.known
        key = (document, const.name, Const)
        if key not in known:
            known[key] = None
            kind = self._program.true_type(document, const.type)
            try:
                known[key] = self.fitted(kind, document, const.value, depth + 1)
            except IdlError as error:
                known[key] = error
        made = known[key]
        if isinstance(made, IdlError):
            raise IdlError(made.faults)
        if made is None:
            fail(place, f"the constant {const.name} stands for itself: give it a value")
        assert isinstance(made, _Made)
        return made

    def _member(self, document: Document, literal: Name) -> MemberValue | None:
        prefix, _, last = literal.name.rpartition(".")
        found = self._program.find(document, prefix)
        if found is None or not isinstance(found.definition, Enum):
            return None
        members = self._members(found.document, found.definition)
        if last not in members:
            near = did_you_mean(last, members)
            fail(Place(document, literal.position), f"the enum {prefix} has no member {last}{near}")
        return MemberValue(found.document, found.definition, members[last].value, members[last])

    def _members(self, document: Document, enum: Enum) -> dict[str, Member]:
        known = self._program.known.setdefault((document, enum.name, Member), {})
        assert isinstance(known, dict)
        if len(known) < len(enum.members):
            known.update((one.name, one) for one in enum.members)
        return known

    def _unknown(self, true: TrueType, document: Document, name: str) -> str:
        if isinstance(true, Enum) and any(one.name == name for one in true.members):
            return f"{name} is a member of {true.name}: write {true.name}.{name}"
        if self._program.find(document, name) is not None:
            return f"{name} is a type, not a value"
        constants = [one.name for one in document.definitions if isinstance(one, Const)]
        return f"nothing is called {shown(name)}: no constant, and no member of an enum{did_you_mean(name, constants)}"

    def _spelled(self, document: Document, true: TrueType) -> object:
        """Equal for types whose values are the same."""
        match true:
            case BaseType(name=name):
                return name
            case Struct() | Enum():
                return (document, true.name)
            case ListOf(element=element) | SetOf(element=element):
                return (type(true), self._spelled(*self._program.true_type(document, element)))
            case MapOf(key=key, value=value):
                parts = (self._program.true_type(document, one) for one in (key, value))
                return (MapOf, *(self._spelled(*one) for one in parts))

    # --- what has parts ----------------------------------------------------------------------------------------------

    def _all(
        self, kind: tuple[Document, TrueType], document: Document, items: list[Literal], depth: int
    ) -> list[_Made]:
        """What literals are as values of one type."""
        made: list[_Made] = []
        named = 0
        for one in items:
            made.append(self.fitted(kind, document, one, depth + 1))
            if made[-1].parts > 1 and isinstance(one, Name):
                named += made[-1].parts
                _check_parts(named, Place(document, one.position))
        return made

    def _elements(
        self, where: Document, true: ListOf | SetOf, document: Document, items: tuple[Literal, ...], depth: int
    ) -> _Made:
        kind = self._program.true_type(where, true.element)
        values: list[Value] = [*integers_fitted(kind[1], items)]
        parts = 1 + len(values)
        if len(values) < len(items):
            made = self._all(kind, document, list(items), depth)
            values = [one.value for one in made]
            parts = 1 + sum(one.parts for one in made)
        if isinstance(true, ListOf):
            return _Made(ListValue(tuple(values)), parts)
        _check_distinct(document, values, list(items), "the set has {} twice: leave one out")
        return _Made(SetValue(tuple(values)), parts)

    def _entries(
        self, where: Document, true: MapOf, document: Document, items: tuple[tuple[Literal, Literal], ...], depth: int
    ) -> _Made:
        literals = [key for key, _ in items]
        keys = self._all(self._program.true_type(where, true.key), document, literals, depth)
        kind = self._program.true_type(where, true.value)
        values = self._all(kind, document, [value for _, value in items], depth)
        _check_distinct(document, [key.value for key in keys], literals, "the map has the key {} twice: leave one out")
        pairs = tuple((key.value, value.value) for key, value in zip(keys, values, strict=True))
        return _Made(MapValue(pairs), 1 + sum(one.parts for one in (*keys, *values)))

    def _fields(
        self, where: Document, true: Struct, place: Place, items: tuple[tuple[Literal, Literal], ...], depth: int
    ) -> _Made:
        known = {one.name: one for one in true.fields}
        given: dict[str, tuple[Field, _Made]] = {}
        named = 0
        for key, literal in items:
            one = _field(known, true, Place(place.document, key.position), key)
            if one.name in given:
                fail(Place(place.document, key.position), f"the field {one.name} is given twice: leave one out")
            kind = self._program.true_type(where, one.type)
            made = self.fitted(kind, place.document, literal, depth + 1)
            given[one.name] = (one, made)
            named += made.parts if isinstance(literal, Name) else 0
        _check_complete(true, set(given), place)
        _check_parts(named, place)
        parts = 1 + sum(made.parts for _, made in given.values())
        return _Made(StructValue(where, true, tuple((one, made.value) for one, made in given.values())), parts)


def _check_depth(depth: int, place: Place) -> None:
    if depth > _MOST_NESTED:
        fail(place, f"values and constants are more than {_MOST_NESTED} deep in one another here: write it directly")


def _field(known: dict[str, Field], true: Struct, place: Place, key: Literal) -> Field:
    if not isinstance(key, Text):
        fail(place, f"the fields of {true.name} are given by their names in quotes, not by {written(key)}")
    if key.value not in known:
        fail(place, f"{true.name} has no field {shown(key.value)}{did_you_mean(key.value, known)}")
    return known[key.value]


def _check_complete(true: Struct, names: set[str], place: Place) -> None:
    if true.kind is StructKind.UNION:
        if len(names) != 1:
            fail(place, f"{true.name} is a union: give exactly one of its fields, not {len(names)}")
        return
    for one in true.fields:
        if one.requiredness is Requiredness.REQUIRED and one.default is None and one.name not in names:
            fail(place, f"the field {one.name} of {true.name} is required: give it a value")


def _check_distinct(document: Document, values: list[Value], literals: list[Literal], message: str) -> None:
    are_plain = all(isinstance(one, int | float | str) for one in values[:1])  # all are of one type
    keys: list[object] = [*values] if are_plain else [_key(one) for one in values]
    seen: set[object] = set()
    for key, literal in zip(keys if len(set(keys)) < len(keys) else (), literals, strict=False):
        if key in seen:
            fail(Place(document, literal.position), message.format(written(literal)))
        seen.add(key)


def _key(value: Value) -> object:
    """Equal for equal values of a type, and cheap to hash."""
    match value:
        case MemberValue():
            return value.value
        case ListValue(items=items):
            return tuple(map(_key, items))
        case SetValue(items=items):
            return frozenset(map(_key, items))
        case MapValue(items=pairs):
            return frozenset((_key(key), _key(one)) for key, one in pairs)
        case StructValue(fields=fields):
            return frozenset((one.name, _key(item)) for one, item in fields)
        case _:
            return value


def _check_parts(named: int, place: Place) -> None:
    """What is written is as long as the text; what is named may be much more."""
    if named > _MOST_PARTS:
        fail(place, f"the value takes more than {_MOST_PARTS} parts from other constants: name fewer of them")
