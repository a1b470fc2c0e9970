"""The verb ``stubs``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

import click

from callosum.errors import ConfigurationError
from callosum_codegen.inputs import inputs, read_all
from callosum_codegen.options import FILES, INCLUDE_DIRS
from callosum_codegen.stubs.package import MARK, Sources, sources


@click.command(short_help="Write typed modules.")
@FILES
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the modules: a package, or where packages are. It is made where it is not there.",
)
@INCLUDE_DIRS
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 and print what would change.")
def stubs(files: tuple[Path, ...], out: Path, include_dirs: tuple[Path, ...], *, check: bool) -> None:
    """Write typed Python modules from .thrift files, and from those that they include.

    A module has what `thrift.load()` makes of its file, with types that checkers know. It is called as `namespace py`
    says, else as the file. Give all files of a package at once.

    \b
    Examples:
      callosum-gen stubs echo.thrift --out src/app/idl
      callosum-gen stubs idl/ --out src/app/idl --check
    """
    made = sources([program for _, program in read_all(inputs(files), include_dirs)], out)
    changed = {path: text for path, text in made.items() if _is_changed(out / path, text)}
    if check:
        for path, text in changed.items():
            click.echo("\n".join(_diff(out / path, text)))
        if changed:
            click.echo(f"{_count(len(changed))} would change: callosum-gen stubs without --check writes them", err=True)
            raise click.exceptions.Exit(1)
    else:
        _write(out, changed)
    click.echo(f"{_count(len(made))}, {len(changed)} written" if changed else f"{_count(len(made))}, all up to date")


def _is_changed(path: Path, text: str) -> bool:
    """Whether a file is to be written. An ``__init__.py`` or ``py.typed`` that is there is somebody's, and stays."""
    if not path.exists():
        return True
    there = _read(path)
    if there == text or path.name in {"__init__.py", "py.typed"}:
        return False
    if not there.startswith(MARK):
        raise ConfigurationError(f"{path}: callosum-gen has not written this file, and would have to: move it")
    return True


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: it cannot be read: {error}") from error


def _write(out: Path, changed: Sources) -> None:
    for path, text in changed.items():
        where = out / path
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise ConfigurationError(f"{where}: it cannot be written: {error}") from error
        click.echo(where)


def _diff(path: Path, text: str) -> Iterator[str]:
    there = path.exists()
    before = _read(path).splitlines() if there else []
    names = (str(path) if there else "/dev/null", str(path))
    yield from difflib.unified_diff(before, text.splitlines(), *names, lineterm="")
    if not text:
        yield f"+++ {path}"


def _count(number: int) -> str:
    return f"{number} file{'s' * (number != 1)}"
