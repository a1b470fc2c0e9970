"""docs/generated-code.md shows what is generated for the example, word for word."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from callosum_codegen.cli import main
from tests.docs.test_code_blocks import blocks

ROOT = Path(__file__).parents[2]
IDL = ROOT / "examples" / "thrift_echo" / "echo.thrift"


def test_the_page_shows_the_file_and_its_module(tmp_path: Path) -> None:
    shown = {one.file: one.code.partition("\n")[2] for one in blocks((ROOT / "docs" / "generated-code.md").read_text())}
    assert shown["echo.thrift"] == IDL.read_text()
    result = CliRunner().invoke(main, ["stubs", str(IDL), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    module, _, end = (tmp_path / "thrift_echo.py").read_text().partition("\n\n__thrift_file__ = 'echo.thrift'\n")
    assert shown["thrift_echo.py"] == module
    assert end == f'__thrift_idl__ = """\\\n{IDL.read_text()}"""\n'
