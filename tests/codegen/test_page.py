"""docs/callosum-gen.md: its examples print what it says, and its tables have the rules that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from callosum_codegen.breaking.rules import RULES as BREAKING
from callosum_codegen.findings import Rule, Severity
from callosum_codegen.lint.rules import RULES as LINT
from tests.codegen.running import run
from tests.docs.test_code_blocks import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "callosum-gen.md").read_text()


def test_the_examples_print_what_the_page_says(folder: Path) -> None:
    compared = 0
    for block in blocks(PAGE):
        if block.file and block.language == "thrift":
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
        elif block.language == "console":
            command, _, output = block.code.partition("\n")
            if output and not output.startswith("$"):
                assert run(*shlex.split(command.removeprefix("$ callosum-gen "))).stdout == output
                compared += 1
    assert compared >= 6


def rows(rules: list[Rule]) -> str:
    return "".join(f"| `{one.name}` | {one.summary} |\n" for one in rules)


def test_the_tables_have_the_rules() -> None:
    tables = [
        [one for one in LINT if one.is_on],
        [one for one in LINT if not one.is_on],
        [one for one in BREAKING if one.severity is Severity.ERROR],
        [one for one in BREAKING if one.severity is Severity.WARNING],
    ]
    assert re.findall(r"^\| --- \| --- \|\n((?:\| `[a-z0-9-]+` \|.*\n)+)", PAGE, re.MULTILINE) == [
        rows(one) for one in tables
    ]
