from __future__ import annotations

import json
from pathlib import Path

import pytest

from callosum.upper.thrift.idl.model import Position
from callosum_codegen.findings import Finding, Place, Rule, Severity
from callosum_codegen.reports import Format, count, report
from tests.codegen.running import run, write

ERROR = Rule("one-rule", Severity.ERROR, "what it finds")
WARNING = Rule("other-rule", Severity.WARNING, "what else")
FINDINGS = [
    Finding(ERROR, Place("a,b.thrift", Position(2, 3)), "100 % of\nit: broken"),
    Finding(WARNING, Place("c.thrift", Position(1, 1)), "so, so"),
]


def test_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    report(FINDINGS[1:], Format.TEXT, otherwise="nothing")
    assert capsys.readouterr().out == "c.thrift:1:1: warning: so, so [other-rule]\n1 warning\n"
    report([], Format.TEXT, otherwise="nothing")
    assert capsys.readouterr().out == "nothing\n"


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    report(FINDINGS, Format.JSON, otherwise="nothing")
    found = json.loads(capsys.readouterr().out)["findings"]
    assert found[0] == {
        "path": "a,b.thrift",
        "line": 2,
        "column": 3,
        "severity": "error",
        "rule": "one-rule",
        "message": "100 % of\nit: broken",
    }
    report([], Format.JSON, otherwise="nothing")
    assert json.loads(capsys.readouterr().out) == {"findings": []}


def test_for_github(capsys: pytest.CaptureFixture[str]) -> None:
    report(FINDINGS, Format.GITHUB, otherwise="nothing")
    assert capsys.readouterr().out.splitlines() == [
        "::error file=a%2Cb.thrift,line=2,col=3,title=callosum-gen%3A one-rule::100 %25 of%0Ait: broken",
        "::warning file=c.thrift,line=1,col=1,title=callosum-gen%3A other-rule::so, so",
    ]
    report([], Format.GITHUB, otherwise="nothing")
    assert capsys.readouterr().out == ""


def test_counts() -> None:
    assert count(FINDINGS) == "1 error, 1 warning"
    assert count(FINDINGS[:1] * 2) == "2 errors"


@pytest.mark.parametrize("verb", ["lint", "breaking"])
def test_the_rules_are_listed(verb: str, folder: Path) -> None:
    write(folder, a="")
    result = run(verb, "--list-rules")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) > 15
    assert len({line.split()[0] for line in lines}) == len(lines)
    assert {line.split()[1] for line in lines} <= {"error", "warning", "off"}
