from __future__ import annotations

import ast
from pathlib import Path

import pytest

from callosum.upper.thrift import runtime
from callosum.upper.thrift.emit import emit
from callosum.upper.thrift.emit.scope import RUNTIME
from callosum.upper.thrift.loader import read_program
from tests.upper.thrift.oracles import IDL


def test_it_has_what_it_says() -> None:
    assert runtime.__name__ == RUNTIME
    assert runtime.__all__ == sorted(
        runtime.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    assert all(hasattr(runtime, name) for name in runtime.__all__)


@pytest.mark.parametrize(
    "path", [*sorted(IDL.glob("*.thrift")), IDL / "names" / "names.thrift"], ids=lambda one: one.stem
)
def test_generated_modules_import_nothing_else_of_callosum(path: Path) -> None:
    program = read_program(path, [IDL / "other"])
    source = emit(program, program.root, lambda included, alias: f"from . import {included.stem} as {alias}")
    used: set[str] = set()
    for one in ast.walk(ast.parse(source)):
        if isinstance(one, ast.ImportFrom):
            used.add(one.module or ".")
            if one.module == RUNTIME:
                assert {alias.name for alias in one.names} <= set(runtime.__all__)
        elif isinstance(one, ast.Import):
            used |= {alias.name for alias in one.names}
    assert {name for name in used if name.startswith("callosum")} <= {RUNTIME}
    assert used <= {"__future__", ".", "abc", "builtins", "collections.abc", "types", "typing", "uuid", RUNTIME}
