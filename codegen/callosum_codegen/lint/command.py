"""The verb ``lint``."""

from __future__ import annotations

from pathlib import Path

import click

from callosum_codegen.findings import Finding, in_order
from callosum_codegen.inputs import inputs, read_all
from callosum_codegen.lint.checking import check
from callosum_codegen.lint.rules import RULES
from callosum_codegen.options import FILES, FORMAT, IGNORE, INCLUDE_DIRS, list_rules_option
from callosum_codegen.reports import Format, report
from callosum_codegen.rulebook import Switches


@click.command(short_help="Look for hazards, and for style.")
@FILES
@INCLUDE_DIRS
@IGNORE
@click.option("--enable", multiple=True, metavar="RULE", help="Switch a rule on. May be given again.")
@FORMAT
@list_rules_option(RULES)
def lint(
    files: tuple[Path, ...],
    include_dirs: tuple[Path, ...],
    ignore: tuple[str, ...],
    enable: tuple[str, ...],
    output: Format,
) -> None:
    """Style and hazards of .thrift files.

    FILE is a file, or a folder: all .thrift files in it. Included files are read, and not judged.

    \b
    Examples:
      callosum-gen lint echo.thrift
      callosum-gen lint --enable missing-doc --ignore type-name idl/
      callosum-gen lint --list-rules

    Rules can be switched for good in pyproject.toml, or for one line by a comment in it:

    \b
      [tool.callosum-gen]
      ignore = ["type-name"]
      enable = ["missing-doc"]

    \b
      struct user_row {     // callosum-gen: ignore[type-name]
    """
    found = inputs(files)
    switches = {one: Switches.of(one.settings, ignore, enable) for one in found}
    findings: list[Finding] = []
    for one, program in read_all(found, include_dirs):
        findings += [it for it in check(program) if switches[one].has(it.rule)]
    findings = in_order(findings)
    report(findings, output, otherwise=f"Nothing found in {len(found)} file{'s' * (len(found) != 1)}.")
    if findings:
        raise click.exceptions.Exit(1)
