"""`check`: all that the rules find in a file, whether they are switched on or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from callosum.upper.thrift.idl.model import Program
from callosum_codegen.findings import Finding, in_order
from callosum_codegen.lint import fields, naming, numbering, usage

_CHECKS: tuple[Callable[[Program], Iterator[Finding]], ...] = (
    naming.check_module,
    naming.check_styles,
    naming.check_python,
    naming.check_cases,
    numbering.check_ids,
    numbering.check_enums,
    numbering.check_gaps,
    fields.check_requiredness,
    fields.check_keys,
    fields.check_streams,
    usage.check_usage,
    usage.check_docs,
)
_IGNORED = re.compile(r"callosum-gen: ignore\[([\w\-, ]+)\]")


def check(program: Program) -> list[Finding]:
    """What is found in a file itself, by line. A line may say ``// callosum-gen: ignore[rule, rule]`` of itself."""
    lines = program.root.text.splitlines()
    found = in_order([one for check_one in _CHECKS for one in check_one(program)])
    return [one for one in found if one.rule.name not in _ignored_on(lines, one.place.position.line)]


def _ignored_on(lines: list[str], number: int) -> set[str]:
    line = lines[number - 1] if number <= len(lines) else ""
    found = _IGNORED.search(line)
    return {one.strip() for one in found[1].split(",")} if found else set()
