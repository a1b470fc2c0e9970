"""Ids and numbers: what is on the wire in the place of names."""

from __future__ import annotations

from collections.abc import Iterator

from callosum.upper.thrift.idl.model import Program
from callosum_codegen.breaking.reserved import Reserved, ranges_text
from callosum_codegen.findings import Finding, Place
from callosum_codegen.lint import rules
from callosum_codegen.lint.contents import enums, groups, structs
from callosum_codegen.spelling import listed


def check_ids(program: Program) -> Iterator[Finding]:
    """Fields without ids."""
    file = program.root
    for group in groups(file):
        for one in group.fields:
            if not one.has_id:
                message = f"the {group.noun} {one.name} of {group.owner} has no id: its place in the list is its id, "
                message += f"{one.id}, and another field before it changes that: write ids, from 1, "
                message += "unless the interface is in use: they are others than those that it has"
                yield Finding(rules.IMPLICIT_ID, Place.of(file, one.position), message)


def check_enums(program: Program) -> Iterator[Finding]:
    """Members without numbers, with the number of another one, and none of the number 0."""
    file = program.root
    for enum in enums(file):
        implicit = [one for one in enum.members if not one.has_value]
        if implicit:
            message = (
                f"{enum.name}: {_few([one.name for one in implicit])} have no numbers: another member before them "
            )
            message += f"changes those: write {implicit[0].name} = {implicit[0].value}, and so on"
            yield Finding(rules.IMPLICIT_VALUE, Place.of(file, implicit[0].position), message)
        seen: dict[int, str] = {}
        for one in enum.members:
            place = Place.of(file, one.position)
            other = seen.setdefault(one.value, one.name)
            if other != one.name:
                message = (
                    f"{enum.name}.{one.name} and {other} have the same number, {one.value}: whoever reads it gets "
                )
                yield Finding(rules.DUPLICATE_VALUE, place, f"{message}{other}: give it one of its own")
        if 0 not in seen:
            message = f"{enum.name} has no member of the number 0: languages that know no None begin with that: "
            yield Finding(rules.ENUM_ZERO, Place.of(file, enum.position), f"{message}add UNKNOWN = 0")


def _few(names: list[str]) -> str:
    """The names, or the first ones and how many there are more."""
    return listed(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def check_gaps(program: Program) -> Iterator[Finding]:
    """Ids that are neither used nor reserved, with used ones on both sides: a field was there."""
    for struct in structs(program.root):
        ids = {one.id for one in struct.fields if one.id > 0}
        reserved = Reserved.of(struct.annotations).ids
        gap = frozenset(range(min(ids, default=0), max(ids, default=0))) - ids - reserved
        if gap:
            texts = ranges_text(gap)
            message = f"{struct.name} does not use the ids {texts}: where fields had them, reserve them: "
            message += f'(callosum.reserved = "{texts.replace(" ", "")}")'
            yield Finding(rules.ID_GAP, Place.of(program.root, struct.position), message)
