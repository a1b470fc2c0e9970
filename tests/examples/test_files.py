"""Files that are sent, with the server and the client killed in the middle."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash

from tests.examples.processes import EXAMPLES, run

FOLDER = EXAMPLES / "files"
SIZE = 96 * 1024 * 1024
SOME = 4 * 1024 * 1024


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(FOLDER / script), *arguments], stdout=subprocess.PIPE, text=True)


@contextmanager
def serving(address: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with start("server.py", address, str(folder)) as server:
        try:
            assert server.stdout is not None
            yield server, server.stdout.readline().rsplit(maxsplit=1)[-1]
        finally:
            server.kill()


def wait_for(partial: Path) -> None:
    """Until a part of the file is there."""
    end = time.monotonic() + 40
    while not partial.exists() or partial.stat().st_size < SOME:
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.001)


def test_both_ways_though_each_side_is_killed_once(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    content = xxhash.xxh3_64_digest(b"seed") * (SIZE // 8)
    (here / "data.bin").write_bytes(content)
    checksum = xxhash.xxh3_128_hexdigest(content)
    with serving("tcp://127.0.0.1:0", there) as (server, address):
        client = start("client.py", "upload", str(here / "data.bin"), address)
        with client:
            wait_for(there / "data.bin.partial")
            server.kill()
            server.wait()
            assert not (there / "data.bin").exists()
            with serving(address, there) as (again, _):
                output, _ = client.communicate(timeout=40)
                assert client.returncode == 0
                again.terminate()
                assert again.wait(10) == 0
    interrupted, going_on, done = [line for line in output.splitlines() if not line.startswith("data.bin")]
    assert interrupted.startswith("interrupted: ")
    assert int(going_on.removeprefix("going on at ")) >= SOME
    assert done == f"upload done, xxh3 {checksum}"
    assert (there / "data.bin").read_bytes() == content

    target = tmp_path / "data.bin"
    with serving("tcp://127.0.0.1:0", there) as (_, address):
        with start("client.py", "download", str(target), address) as client:
            wait_for(tmp_path / "data.bin.partial")
            client.kill()
        assert not target.exists()
        finished = run("files", "client.py", "download", str(target), address)
    assert finished.returncode == 0, finished.stderr
    assert "going on at " in finished.stdout
    assert finished.stdout.splitlines()[-1] == f"download done, xxh3 {checksum}"
    assert target.read_bytes() == content
