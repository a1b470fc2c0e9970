"""Arguments and options that several verbs have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from callosum_codegen.findings import Rule
from callosum_codegen.reports import Format, list_rules

FILES = click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(exists=True, path_type=Path)
)
INCLUDE_DIRS = click.option(
    "-I",
    "--include-dir",
    "include_dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Look for included files in DIR, too. May be given again.",
)
IGNORE = click.option("--ignore", multiple=True, metavar="RULE", help="Switch a rule off. May be given again.")
FORMAT = click.option(
    "--format",
    "output",
    type=click.Choice([one.value for one in Format]),
    default=Format.TEXT.value,
    show_default=True,
    callback=lambda _ctx, _option, value: Format(value),
    help="For people, for programs, or as annotations of a GitHub workflow.",
)

F = TypeVar("F", bound=Callable[..., Any])  # a command's function, or click's command: click types it so


def list_rules_option(rules: Iterable[Rule]) -> Callable[[F], F]:
    """``--list-rules``: prints them and ends."""

    def show(ctx: click.Context, _option: click.Parameter, value: object) -> None:
        if value and not ctx.resilient_parsing:
            list_rules(rules)
            ctx.exit()

    return click.option(
        "--list-rules",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the rules, and end.",
    )
