"""The checksum is xxh3, and its package is an extra."""

from __future__ import annotations

import sys

import pytest

import callosum
from callosum import files
from callosum.files.checksum import new_checksum


def test_it_is_xxh3_as_others_have_it():
    checksum = new_checksum()
    assert checksum.digest().hex() == "99aa06d3014798d86001c324468d497f"  # of nothing, by XXH3's own test vectors
    checksum.update(b"ab")
    checksum.update(memoryview(b"c"))
    assert checksum.digest().hex() == "06b05ab6733a618578af5f94892f3950"  # what xxh128sum prints


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xxhash", None)
    with pytest.raises(callosum.ConfigurationError, match=r"pip install 'callosum\[files\]'"):
        files.send(b"")
