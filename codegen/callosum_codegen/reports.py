"""What findings look like: for people, for programs, and for GitHub's annotations."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Sequence

import click

from callosum_codegen.findings import Finding, Rule, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


class Format(enum.Enum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def report(findings: Sequence[Finding], how: Format, *, otherwise: str) -> None:
    """Print findings to the standard output.

    Args:
        findings: In the order in which they are to be read.
        how: The format.
        otherwise: What people read where there are none.
    """
    match how:
        case Format.TEXT:
            for one in findings:
                click.echo(_line(one))
            click.echo(count(findings) if findings else click.style(otherwise, fg="green"))
        case Format.JSON:
            click.echo(json.dumps({"findings": [_record(one) for one in findings]}, indent=2))
        case Format.GITHUB:
            for one in findings:
                click.echo(_command(one))


def _line(finding: Finding) -> str:
    place, rule = finding.place, finding.rule
    where = f"{place.path}:{place.position.line}:{place.position.column}:"
    severity = click.style(f"{rule.severity.value}:", fg=_COLOURS[rule.severity], bold=True)
    name = click.style(f"[{rule.name}]", fg="cyan")
    return f"{click.style(where, bold=True)} {severity} {finding.message} {name}"


def count(findings: Sequence[Finding]) -> str:
    """``2 errors, 1 warning``."""
    texts = []
    for severity in Severity:
        number = sum(one.rule.severity is severity for one in findings)
        if number:
            texts.append(f"{number} {severity.value}{'s' * (number > 1)}")
    return ", ".join(texts)


def _record(finding: Finding) -> dict[str, str | int]:
    return {
        "path": finding.place.path,
        "line": finding.place.position.line,
        "column": finding.place.position.column,
        "severity": finding.rule.severity.value,
        "rule": finding.rule.name,
        "message": finding.message,
    }


def _command(finding: Finding) -> str:
    """A workflow command: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    place = finding.place
    properties = {
        "file": place.path,
        "line": str(place.position.line),
        "col": str(place.position.column),
        "title": f"callosum-gen: {finding.rule.name}",
    }
    texts = ",".join(f"{name}={_escaped(value, ',:')}" for name, value in properties.items())
    return f"::{finding.rule.severity.value} {texts}::{_escaped(finding.message)}"


def _escaped(text: str, also: str = "") -> str:
    for character in f"%\r\n{also}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def list_rules(rules: Iterable[Rule]) -> None:
    """Print what rules there are."""
    known = list(rules)
    width = max(len(one.name) for one in known)
    for one in known:
        state = one.severity.value if one.is_on else "off"
        colour = _COLOURS[one.severity] if one.is_on else "bright_black"
        click.echo(f"{one.name:{width}}  {click.style(f'{state:7}', fg=colour)}  {one.summary}")
