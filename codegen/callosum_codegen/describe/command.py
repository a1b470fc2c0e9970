"""The verb ``describe``."""

from __future__ import annotations

from pathlib import Path

import click

from callosum.upper.thrift.idl.reading import read
from callosum_codegen.describe.pages import file_page, page
from callosum_codegen.describe.target import find
from callosum_codegen.inputs import Input
from callosum_codegen.options import INCLUDE_DIRS


@click.command(short_help="Show what is in a .thrift file.")
@click.argument("where", metavar="FILE")
@click.argument("name", required=False, metavar="[NAME]")
@INCLUDE_DIRS
def describe(where: str, name: str | None, include_dirs: tuple[Path, ...]) -> None:
    """What is in a .thrift file: services, methods and types, with their docs.

    NAME is a service, a method (Service.method), a type or a constant; those of included files, too.

    \b
    Examples:
      callosum-gen describe echo.thrift
      callosum-gen describe echo.thrift Echo
      callosum-gen describe echo.thrift Echo.say
    """
    if "://" in where:
        raise click.UsageError(f"{where} is an address: by now, only files can be described")
    file = Path(where)
    if not file.is_file():
        raise click.UsageError(f"{where}: there is no such file")
    program = read(file, Input(file, file).include_dirs(include_dirs))
    for line in file_page(program) if name is None else page(program, find(program, name)):
        click.echo(line)
