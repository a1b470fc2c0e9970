"""The verb ``breaking``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from callosum.errors import ConfigurationError
from callosum.upper.thrift.idl.faults import Fault, IdlError
from callosum.upper.thrift.idl.model import Position, Program, Service
from callosum.upper.thrift.idl.reading import read
from callosum_codegen.breaking import rules
from callosum_codegen.breaking.comparison import compare
from callosum_codegen.breaking.versions import OldFiles, old_files
from callosum_codegen.findings import Finding, Place, Severity, in_order
from callosum_codegen.inputs import Input, inputs, read_all, thrift_files
from callosum_codegen.options import FILES, FORMAT, IGNORE, INCLUDE_DIRS, list_rules_option
from callosum_codegen.reports import Format, report
from callosum_codegen.rulebook import Switches
from callosum_codegen.settings import settings_for


@click.command(short_help="Show what a new version breaks.")
@FILES
@click.option(
    "--against",
    required=True,
    metavar="REF_OR_DIR",
    help="The old version: a branch, tag or commit of git, or a folder (or file) with the old files.",
)
@INCLUDE_DIRS
@IGNORE
@click.option("--strict", is_flag=True, help="Exit with 1 where there are warnings, too.")
@FORMAT
@list_rules_option(rules.RULES)
def breaking(
    files: tuple[Path, ...],
    against: str,
    include_dirs: tuple[Path, ...],
    ignore: tuple[str, ...],
    output: Format,
    *,
    strict: bool,
) -> None:
    """What a new version of .thrift files breaks for those who have the old one.

    An error breaks on the wire: one side cannot read what the other sends, or takes it for something else. A warning
    breaks source code only. FILE is a file of the new version, or a folder: all .thrift files in it.

    \b
    Examples:
      callosum-gen breaking --against main echo.thrift
      callosum-gen breaking --against v1.4.0 --format github idl/
      callosum-gen breaking --against ../release-1.4/idl --ignore field-renamed idl/

    Rules can be switched off for good in pyproject.toml:

    \b
      [tool.callosum-gen]
      ignore = ["field-renamed"]
    """
    found = inputs(files)
    if len(found) > 1 and Path(against).is_file():
        raise click.UsageError(f"--against {against} is one file, and {len(found)} were given: give a folder")
    switches = {one: Switches.of(one.settings, ignore) for one in found}
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="callosum-gen-") as scratch:
        old = _Old(against, old_files(against, Path(scratch), files[0]), include_dirs)
        for one, program in read_all(found, include_dirs):
            findings += [it for it in old.findings(one, program) if switches[one].has(it.rule)]
        for folder in filter(Path.is_dir, files):
            findings += [it for it in old.removed(folder) if _is_on(it, ignore)]
        old.check()
    findings = in_order(findings)
    report(findings, output, otherwise=f"Nothing breaks for those who have {against}.")
    if any(one.rule.severity is Severity.ERROR or strict for one in findings):
        raise click.exceptions.Exit(1)


def _is_on(finding: Finding, ignore: Sequence[str]) -> bool:
    """Whether a finding about a file that is gone is to be told: the settings are those of where it was."""
    return Switches.of(settings_for(Path(finding.place.path)), ignore).has(finding.rule)


class _Old:
    """The old version of all that is compared."""

    def __init__(self, against: str, files: OldFiles, include_dirs: Sequence[Path]) -> None:
        self._against = against
        self._files = files
        self._include_dirs = include_dirs
        self._faults: dict[Fault, None] = {}
        self._missing: list[Path] = []
        self._compared = 0

    def findings(self, one: Input, new: Program) -> list[Finding]:
        """What has changed in a file and what it includes."""
        path = self._files.of_input(one)
        if path is None:
            self._missing.append(one.path)
            return []
        self._compared += 1
        try:
            old = read(path, self._files.include_dirs(one.include_dirs(self._include_dirs)))
        except IdlError as error:
            self._faults.update((self._shown(fault), None) for fault in error.faults)
            return []
        return compare(old, new)

    def _shown(self, fault: Fault) -> Fault:
        """A fault of a file that was copied out of git, with a path that git knows."""
        path = Path(fault.path).resolve()
        if self._files.root is None or not path.is_relative_to(self._files.folder.resolve()):
            return fault
        relative = path.relative_to(self._files.folder.resolve()).as_posix()
        return replace(fault, path=f"{self._against}:{relative}")

    def removed(self, named: Path) -> Iterator[Finding]:
        """The files that a folder had and no longer has."""
        folder = self._files.of_folder(named)
        for path in thrift_files(folder):
            there = named / path.relative_to(folder)
            if not there.exists():
                place = Place(str(there), Position(1, 1))
                yield Finding(rules.FILE_REMOVED, place, f"the file is gone, and was in {self._against}")
                yield from self._removed_services(path, place)

    def _removed_services(self, path: Path, place: Place) -> Iterator[Finding]:
        for one in read(path, self._files.include_dirs(tuple(self._include_dirs))).root.definitions:
            if isinstance(one, Service):
                message = f"the service {one.name} is gone with its file: calls of its methods are refused"
                yield Finding(rules.SERVICE_REMOVED, place, message)

    def check(self) -> None:
        """Raise where old files have faults, or none of the files has an old one. Say which files are new."""
        if self._faults:
            raise IdlError(list(self._faults))
        if self._missing and not self._compared and self._files.root is None:
            raise ConfigurationError(
                f"--against {self._against}: it has none of the files: looked for {self._missing[0].name}"
            )
        for path in self._missing:
            click.echo(f"{path}: new: {self._against} does not have it", err=True)
