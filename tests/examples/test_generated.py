"""The echo service with generated stubs: its package is what callosum-gen writes, and both programs run on it."""

from __future__ import annotations

import re

from click.testing import CliRunner

from callosum_codegen.cli import main
from tests.docs.test_code_blocks import blocks
from tests.examples.processes import EXAMPLES, run, serving

EXAMPLE = EXAMPLES / "generated"
PAGE = (EXAMPLE / "README.md").read_text()


def test_client_and_server_meet() -> None:
    with serving("generated") as address:
        client = run("generated", "client.py", address)
    assert client.returncode == 0, client.stderr
    assert client.stdout == next(one.code for one in blocks(PAGE) if one.language == "text")


def test_the_package_is_what_the_commands_of_the_page_write(monkeypatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    commands = re.findall(r"callosum-gen (stubs [^`#\n]*)", PAGE)
    assert [("--check" in one) for one in commands] == [False, True]
    for command in commands:
        run_of = CliRunner().invoke(main, [*command.split(), *["--check"] * ("--check" not in command)])
        assert run_of.exit_code == 0, run_of.output
        assert run_of.output == "3 files, all up to date\n"
