"""Two processes whose .thrift files are not the same, over tcp."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import callosum
from callosum import Difference
from callosum.upper import thrift
from tests.services import run_real

SERVER = Path(__file__).with_name("version_server.py")
THEIRS = """
exception Empty { 1: string reason }
service Echo {
    string say(1: string message, 2: i32 times = 1) throws (1: Empty empty),
    oneway void poke(1: string message)
}
"""


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The address of a process that serves Echo of a file."""
    command = [sys.executable, str(SERVER), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.stdin.close()
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("", "", None),
        (", 2: i32 times = 1", "", Difference("Echo", arguments=("say",))),
        (" throws (1: Empty empty)", "", Difference("Echo", answers=("say",))),
        ("oneway void poke", "void poke", Difference("Echo", oneway=("poke",))),
        ("poke(", "prod(", Difference("Echo", missing=("prod",), added=("poke",))),
        (",\n    oneway void poke(1: string message)", "", None),
    ],
)
def test_a_client_learns_what_differs(tmp_path, old, new, difference, caplog):
    theirs, ours = tmp_path / "theirs.thrift", tmp_path / "ours.thrift"
    theirs.write_text(THEIRS)
    assert old in THEIRS
    ours.write_text(THEIRS.replace(old, new))
    service = thrift.load(ours).Echo

    async def main(address: str) -> None:
        async with callosum.connect(address) as peer:
            assert await peer.stub(service).say("x") == "x"
            assert peer.differences == (() if difference is None else (difference,))
        async with callosum.connect(address, strict=True) as peer:
            if difference is None:
                assert await peer.stub(service).say("x") == "x"
                return
            with pytest.raises(callosum.ConfigurationError) as caught:
                peer.stub(service)
            assert str(caught.value).startswith(f"{address}: {difference}. strict=True refuses")

    with serving(theirs) as address:
        run_real(main(address))
    logged = [record.getMessage() for record in caplog.records if record.name == "callosum.differences"]
    assert logged == ([] if difference is None else [f"{address}: {difference}"] * 2)
