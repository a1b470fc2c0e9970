"""`compare`: all that a new version of a file, with what it includes, changes for those who have the old one."""

from __future__ import annotations

from callosum.upper.thrift.idl.model import Program, Struct
from callosum_codegen.breaking import rules
from callosum_codegen.breaking.changes import Changes, Meeting, Versions
from callosum_codegen.breaking.definitions import compare_by_name, compare_enum, compare_struct, say_what_is_gone
from callosum_codegen.breaking.services import compare_services
from callosum_codegen.findings import Finding, Place, Severity, in_order


def compare(old: Program, new: Program) -> list[Finding]:
    """What has changed, by file and line of the new version."""
    changes = Changes(Versions(old, new))
    compare_by_name(changes)
    compare_services(changes)
    _compare_waiting(changes)
    say_what_is_gone(changes)
    return in_order(changes.findings)


def _compare_waiting(changes: Changes) -> None:
    while changes.waiting:
        meeting = changes.waiting.pop()
        if meeting.use is None:
            _compare_same(changes, meeting)
        else:
            _compare_others(changes, meeting)


def _compare_same(changes: Changes, meeting: Meeting) -> None:
    """A struct or an enum, and what has become of it."""
    old, new = meeting.old, meeting.new
    if old.definition.name != new.definition.name:
        changes.renamed.add(id(old.definition))
        message = f"{new.definition.name} was called {old.definition.name}: code that uses the name has to change"
        changes.add(rules.TYPE_RENAMED, Place.of(new.document, new.definition.position), message)
    _compare_contents(changes, meeting)


def _compare_contents(changes: Changes, meeting: Meeting) -> None:
    compared = compare_struct if isinstance(meeting.old.definition, Struct) else compare_enum
    compared(changes, meeting.old, meeting.new)


def _compare_others(changes: Changes, meeting: Meeting) -> None:
    """Two types, one in the place of the other: whether that is seen on the wire is said of the place."""
    use = meeting.use
    assert use is not None
    pair = (id(meeting.old.definition), id(meeting.new.definition))
    if pair in changes.trail:
        return
    apart = Changes(changes.versions, trail=changes.trail | {pair})
    _compare_contents(apart, meeting)
    _compare_waiting(apart)
    breaking = [one for one in in_order(apart.findings) if one.rule.severity is Severity.ERROR]
    names = f"is {meeting.new.definition.name} now, and was {meeting.old.definition.name}"
    if breaking:
        message = f"{use.subject} {names}, which differs on the wire: {breaking[0].message}"
        changes.add(use.rule, use.place, message)
    else:
        changes.add(rules.TYPE_REPLACED, use.place, f"{use.subject} {names}: the same on the wire, but not in code")
