"""Two lists of fields: those of a struct, the arms of a union, the parameters of a method. The id is what counts."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from callosum.upper.thrift.idl.constants import evaluate
from callosum.upper.thrift.idl.model import Document, Field, Program, Requiredness
from callosum_codegen.breaking import rules
from callosum_codegen.breaking.changes import Changes, Use
from callosum_codegen.breaking.reserved import NOTHING, Reserved, ranges_text
from callosum_codegen.breaking.types import Typed, are_alike, compare_types
from callosum_codegen.breaking.values import Comparable, comparable
from callosum_codegen.findings import Place
from callosum_codegen.spelling import listed, literal_text


class Noun(enum.Enum):
    """What the fields are."""

    FIELD = "field"
    ARM = "arm"
    PARAMETER = "parameter"


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """A list of fields, whose they are, and what may not be one of them."""

    document: Document
    owner: str
    noun: Noun
    place: Place
    fields: tuple[Field, ...]
    reserved: Reserved = NOTHING

    def by_id(self) -> dict[int, Field]:
        """The fields by their ids."""
        return {one.id: one for one in self.fields}

    def by_name(self) -> dict[str, Field]:
        """The fields by their names."""
        return {one.name: one for one in self.fields}

    def subject(self, field: Field) -> str:
        """How a field is called in a message."""
        if self.noun is Noun.PARAMETER:
            return f"parameter {field.name} (id {field.id}) of {self.owner}"
        return f"{self.owner}.{field.name} (id {field.id})"

    def at(self, field: Field) -> Place:
        """The place of a field."""
        return Place.of(self.document, field.position)

    def typed(self, field: Field) -> Typed:
        """The type of a field."""
        return Typed(self.document, field.type)


def compare_fields(changes: Changes, old: Fields, new: Fields) -> None:
    """Say what has changed from one list of fields to the other."""
    moved = _compare_ids(changes, old, new)
    new_by_id, old_by_id = new.by_id(), old.by_id()
    for ident, was in old_by_id.items():
        now = new_by_id.get(ident)
        if now is not None:
            if was.name not in moved and now.name not in moved:
                _compare_pair(changes, old, new, was, now)
            elif was.name in moved and now.name not in moved and now.has_id:
                _say_reused(changes, new, was, now)
        elif was.name not in moved:
            _say_removed(changes, old, new, was)
    for ident, now in new_by_id.items():
        if ident not in old_by_id and now.name not in moved:
            _say_added(changes, old, new, now)
    _compare_reservations(changes, old, new)
    _compare_order(changes, old, new)


def _compare_ids(changes: Changes, old: Fields, new: Fields) -> set[str]:
    """Say which fields have another id; their names."""
    now = new.by_name()
    moved = {one.name: one for one in old.fields if one.name in now and now[one.name].id != one.id}
    implicit = [name for name, one in moved.items() if not one.has_id and not now[name].has_id]
    if implicit:
        changes.add(
            rules.IMPLICIT_IDS_CHANGED,
            new.place,
            f"{new.owner}: {listed(implicit)} have no ids, and stand in another place than before, which gives "
            f"{'them others' if len(implicit) > 1 else 'it another'}: keep the order, and add fields at the end",
        )
    for name, was in moved.items():
        if name not in implicit:
            message = f"{new.subject(now[name])} had the id {was.id}: who has the old file finds it there only"
            changes.add(rules.FIELD_RENUMBERED, new.at(now[name]), message)
    return set(moved)


def _compare_pair(changes: Changes, old: Fields, new: Fields, was: Field, now: Field) -> None:
    """Two fields of the same id."""
    subject, place = new.subject(now), new.at(now)
    if was.name != now.name:
        if not are_alike(changes.versions, old.typed(was), new.typed(now)):
            _say_reused(changes, new, was, now)
            return
        message = f"{subject} was called {was.name}: code that uses the name has to change"
        changes.add(rules.FIELD_RENAMED, place, message)
    compare_types(changes, old.typed(was), new.typed(now), Use(subject, place, rules.FIELD_RETYPED))
    if new.noun is not Noun.ARM:
        _compare_requiredness(changes, new, was, now)
    _compare_defaults(changes, old, new, was, now)


def _say_reused(changes: Changes, new: Fields, was: Field, now: Field) -> None:
    changes.add(
        rules.FIELD_REUSED,
        new.at(now),
        f"{new.subject(now)} has the id that {was.name} had: one is taken for the other: give it an id of its own",
    )


def _compare_requiredness(changes: Changes, new: Fields, was: Field, now: Field) -> None:
    pair = (was.requiredness, now.requiredness)
    if pair[0] is pair[1]:
        return
    subject, place = new.subject(now), new.at(now)
    if pair[1] is Requiredness.REQUIRED:
        message = f"{subject} is required now: what was written without it is refused"
        changes.add(rules.REQUIREDNESS_CHANGED, place, message)
    elif pair[0] is Requiredness.REQUIRED:
        message = f"{subject} is no longer required: who has the old file refuses what is written without it"
        changes.add(rules.REQUIREDNESS_CHANGED, place, message)
    else:
        became = "optional now" if pair[1] is Requiredness.OPTIONAL else "no longer optional"
        message = f"{subject} is {became}: code may get None where it got a value, or the other way round"
        changes.add(rules.OPTIONAL_CHANGED, place, message)


def _compare_defaults(changes: Changes, old: Fields, new: Fields, was: Field, now: Field) -> None:
    versions = changes.versions
    values = _default(versions.old, old, was), _default(versions.new, new, now)
    if values[0] != values[1]:
        texts = [literal_text(one.default) if one.default is not None else "no default" for one in (now, was)]
        changes.add(
            rules.DEFAULT_CHANGED,
            new.at(now),
            f"{new.subject(now)} has {'the default ' if now.default else ''}{texts[0]} now, and had {texts[1]}: each "
            "side fills in its own where nothing was sent",
        )


def _default(program: Program, fields: Fields, field: Field) -> Comparable | None:
    if field.default is None:
        return None
    return comparable(evaluate(program, fields.document, field.type, field.default))


def _say_removed(changes: Changes, old: Fields, new: Fields, was: Field) -> None:
    subject = old.subject(was)
    match new.noun:
        case Noun.ARM:
            message = f"{subject} is gone: who has the new file refuses a {old.owner} that has it"
            changes.add(rules.ARM_REMOVED, new.place, message)
        case _ if was.requiredness is Requiredness.REQUIRED:
            message = f"{subject} is gone, and was required: who has the old file refuses what is written without it"
            changes.add(rules.REQUIRED_REMOVED, new.place, message)
        case Noun.PARAMETER:
            message = f"{subject} is gone: what callers with the old file pass is dropped in silence"
            changes.add(rules.FIELD_REMOVED, new.place, message)
        case _ if was.id in new.reserved.ids:
            message = f"{subject} is gone: code that uses it has to change"
            changes.add(rules.RESERVED_FIELD_REMOVED, new.place, message)
        case _:
            message = (
                f"{subject} is gone, and nothing keeps its id from being used again: reserve it, "
                f'(callosum.reserved = "{was.id}") behind the struct'
            )
            changes.add(rules.FIELD_REMOVED, new.place, message)


def _say_added(changes: Changes, old: Fields, new: Fields, now: Field) -> None:
    subject, place = new.subject(now), new.at(now)
    if old.reserved.has(now):
        what = f"the id {now.id}" if now.id in old.reserved.ids else f"the name {now.name}"
        message = f"{subject} is new, and {what} was reserved: an older field had it: take another one"
        changes.add(rules.RESERVED_REUSED, place, message)
    if new.noun is Noun.ARM:
        message = f"{subject} is new: who has the old file refuses a {new.owner} that has it: update the readers first"
        changes.add(rules.ARM_ADDED, place, message)
    elif now.requiredness is Requiredness.REQUIRED:
        message = f"{subject} is new and required: what was written without it is refused: make it optional"
        changes.add(rules.REQUIRED_ADDED, place, message)
    elif new.noun is Noun.PARAMETER:
        message = f"{subject} is new: handlers have to take it, and get its default from callers with the old file"
        changes.add(rules.PARAMETER_ADDED, place, message)


def _compare_reservations(changes: Changes, old: Fields, new: Fields) -> None:
    gone = old.reserved.ids - new.reserved.ids - new.by_id().keys()
    if gone:
        message = f"{new.owner} no longer reserves {ranges_text(gone)}: put it back, an older field had it"
        changes.add(rules.RESERVATION_REMOVED, new.place, message)


def _compare_order(changes: Changes, old: Fields, new: Fields) -> None:
    """The order in which Python takes positional arguments: all parameters, and of a struct the required fields."""
    is_call = new.noun is Noun.PARAMETER
    orders = [
        [one.name for one in side.fields if is_call or one.requiredness is Requiredness.REQUIRED] for side in (old, new)
    ]
    before, after = ([name for name in one if all(name in other for other in orders)] for one in orders)
    if before != after:
        rule = rules.PARAMETERS_REORDERED if is_call else rules.REQUIRED_REORDERED
        what = "the parameters" if is_call else "the required fields"
        message = f"{new.owner}: {what} are {', '.join(after)} now, and were {', '.join(before)}: so are arguments"
        changes.add(rule, new.place, f"{message} that are passed by position")
