"""What the tests of the folder share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

import callosum
from callosum.upper.thrift.codec import codec_of
from tests.interop.catalogue import ALL


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `rewritten` writes the versions of all files, so that each is made and compiled once."""
    return tmp_path_factory.mktemp("versions")


@pytest.fixture(autouse=True, scope="module")
def _loaded() -> Iterator[None]:
    """What was loaded stays loaded: the garbage collection after each test (tests/conftest.py) need not look at it."""
    for file in ALL:
        for cls in file.structs:
            codec_of(cls)
        for service in file.services:
            callosum.service_of(service)
    gc.collect()
    gc.freeze()
    yield
    gc.collect()
    gc.freeze()
