"""Runs ``callosum-gen`` in this process, from a folder of .thrift files."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from callosum_codegen import settings
from callosum_codegen.cli import main


def run(*arguments: str | Path, color: bool = False) -> Result:
    """What a command line prints, and its exit code. What is no exit is raised."""
    settings._settings_in.cache_clear()  # a process runs one command line
    result = CliRunner().invoke(main, [str(one) for one in arguments], color=color, prog_name="callosum-gen")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def write(folder: Path, **files: str) -> None:
    """Files by their names without ``.thrift``; two underscores are a slash."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.thrift"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
