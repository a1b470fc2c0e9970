from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

import callosum
from callosum import malloc

PROGRAM = """
import resource
from callosum.malloc import expect_large_blocks, tune_malloc

{call}
def come_and_go():
    for _ in range(50):
        blocks = [b"x" * (1 << 20) for _ in range(6)]
        del blocks[::2], blocks
come_and_go()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
come_and_go()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 50 * 6 * 256
"""What the blocks of one round have."""


def new_pages(call: str) -> int:
    """How many pages the kernel had to give to a process in which blocks of 1 MiB come and go."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such thresholds")
def test_blocks_that_come_and_go_keep_their_pages() -> None:
    assert new_pages("") > PAGES / 2
    assert new_pages("expect_large_blocks()") < PAGES / 50
    assert new_pages("assert tune_malloc()") < PAGES / 50


def test_a_c_library_without_these_settings_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert callosum.tune_malloc() is False


def test_what_malloc_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            return value <= malloc.MIB

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    assert callosum.tune_malloc(malloc.MIB, malloc.MIB) is True
    assert callosum.tune_malloc(malloc.MIB) is False
