"""The verb ``describe``."""

from __future__ import annotations

from pathlib import Path

import click

from callosum.upper.thrift.idl.reading import read
from callosum_codegen.describe.pages import file_page, page
from callosum_codegen.describe.target import find
from callosum_codegen.inputs import Input
from callosum_codegen.options import INCLUDE_DIRS


@click.command(short_help="Show what is in a .thrift file, or is served.")
@click.argument("where", metavar="FILE_OR_ADDRESS")
@click.argument("name", required=False, metavar="[NAME]")
@INCLUDE_DIRS
def describe(where: str, name: str | None, include_dirs: tuple[Path, ...]) -> None:
    """What is in a .thrift file, or is served at an address: services, methods and types, with their docs.

    NAME is a service, a method (Service.method), a type or a constant; those of included files, too. At an address it
    is a service or a method. Who serves there has to listen with reflection=True.

    \b
    Examples:
      callosum-gen describe echo.thrift
      callosum-gen describe echo.thrift Echo
      callosum-gen describe echo.thrift Echo.say
      callosum-gen describe tcp://127.0.0.1:5030 Echo
    """
    if "://" in where:
        from callosum_codegen.describe.live import describe_peer  # noqa: PLC0415 - a file needs no engine

        for line in describe_peer(where, name):
            click.echo(line)
        return
    file = Path(where)
    if not file.is_file():
        raise click.UsageError(f"{where}: there is no such file")
    program = read(file, Input(file, file).include_dirs(include_dirs))
    for line in file_page(program) if name is None else page(program, find(program, name, where)):
        click.echo(line)
