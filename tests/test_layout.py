"""The tests mirror the package: each module has its test module, and each test module its module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import callosum

TESTS = Path(__file__).parent
PACKAGE = Path(next(iter(callosum.__path__)))
OTHERS = {"benchmarks", "codegen", "docs", "examples", "fuzz", "hostile", "interop", "soak", "typing"}
"""Folders of tests that cross the modules."""
OWN = {"test_conftest.py", "test_layout.py"}
"""Tests of the tests."""


def modules() -> Iterator[Path]:
    """The modules of the package that have something to test, relative to it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name not in {"__init__.py", "__main__.py"}:
            yield path.relative_to(PACKAGE)


def mirrors() -> Iterator[Path]:
    """The test modules that mirror, relative to tests/."""
    for path in sorted(TESTS.rglob("test_*.py")):
        relative = path.relative_to(TESTS)
        if relative.parts[0] not in OTHERS and relative.name not in OWN:
            yield relative


@pytest.mark.parametrize("module", list(modules()), ids=str)
def test_each_module_has_a_test_module(module: Path) -> None:
    wanted = TESTS / module.parent / f"test_{module.stem.lstrip('_')}.py"
    assert wanted.is_file(), f"callosum/{module} has no {wanted.relative_to(TESTS.parent)}"


@pytest.mark.parametrize("test_module", list(mirrors()), ids=str)
def test_each_test_module_has_its_module(test_module: Path) -> None:
    """`test_wire.py` and `test_wire_limits.py` both test `wire.py`; `test_init.py` tests the package."""
    folder = PACKAGE / test_module.parent
    words = test_module.stem.removeprefix("test_").split("_")
    stems = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    names = {path.stem.lstrip("_") for path in folder.glob("*.py")} | {"init"}
    names |= {path.name for path in folder.iterdir() if path.is_dir()}
    assert stems & names, f"tests/{test_module} has no module in {folder.relative_to(PACKAGE.parent)}"
