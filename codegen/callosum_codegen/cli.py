"""The way in: what all verbs share, and what ``callosum-gen`` alone says."""

from __future__ import annotations

import importlib.metadata
import os

import click

from callosum.errors import CallosumError
from callosum_codegen.breaking.command import breaking
from callosum_codegen.describe.command import describe
from callosum_codegen.lint.command import lint
from callosum_codegen.settings import did_you_mean
from callosum_codegen.stubs.command import stubs

FIRST_STEPS = """\
callosum-gen works on .thrift files: it writes typed modules, compares versions, looks for hazards, and shows what
is in a file.

What to do next, with a file of yours:

  callosum-gen describe echo.thrift                   what is in it, with docs
  callosum-gen stubs echo.thrift --out src/idl        typed modules, for mypy, pyright and your editor
  callosum-gen lint echo.thrift                       style and hazards
  callosum-gen breaking --against main echo.thrift    what would break for those who have the version of a git ref

`callosum-gen VERB --help` says more of each.
"""


class Program(click.Group):
    """Turns the errors that users can mend into an exit code of 2, and their text."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a verb."""
        if os.environ.get("NO_COLOR"):  # https://no-color.org
            ctx.color = False
        try:
            return super().invoke(ctx)
        except CallosumError as error:
            click.echo(str(error), err=True)
            ctx.exit(2)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb, or an error that says which one may have been meant."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(f"there is no verb {name!r}: {did_you_mean(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(importlib.metadata.version("callosum"), prog_name="callosum-gen")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Works on .thrift files: writes typed modules, compares versions, looks for hazards, shows what is in them.

    \b
    Examples:
      callosum-gen stubs echo.thrift --out src/idl
      callosum-gen describe echo.thrift Echo.say
      callosum-gen lint idl/
      callosum-gen breaking --against main idl/

    Exit codes: 0 where all is well, 1 where there are findings, 2 where the command or a file is wrong.
    """
    if ctx.invoked_subcommand is None:
        click.echo(FIRST_STEPS, nl=False)


for _verb in (stubs, describe, lint, breaking):
    main.add_command(_verb)
