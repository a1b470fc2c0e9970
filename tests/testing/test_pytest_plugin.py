"""The fixture, in runs of pytest of their own, and its weight."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

import callosum
from tests.services import Echo, Handler, run

MODULE = """
import asyncio
import callosum
import pytest
from callosum.upper import thrift

echo = thrift.load("echo.thrift")

class EchoHandler:
    async def say(self, message):
        if not message:
            raise ZeroDivisionError("nothing to say")
        return message

{test}
"""


@pytest.fixture
def pytest_run(tmp_path):
    """Runs a test that uses the fixture, as a user's project does, and gives what was printed."""

    def run_pytest(test: str, *, passes: bool) -> str:
        (tmp_path / "echo.thrift").write_text("service Echo { string say(1: string message) }")
        (tmp_path / "test_it.py").write_text(MODULE.format(test=test))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", tmp_path]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50, check=False
        )
        assert (done.returncode == 0) == passes, done.stdout + done.stderr
        return done.stdout

    return run_pytest


def test_a_peer_in_a_test(callosum_peer):
    async def main():
        async with callosum_peer({Echo: Handler()}, client_services={}, max_pending=5) as peer:
            assert await peer.stub(Echo).say("x") == "x"
            assert callosum_peer.open == 1
        assert not callosum_peer.open

    run(main())


def test_a_failure_that_is_meant_is_taken_out(callosum_peer):
    async def fail(message):
        raise ValueError(message)

    async def main():
        async with callosum_peer({Echo: Handler(call=fail)}) as peer:
            with pytest.raises(callosum.Internal):
                await peer.stub(Echo).call("x")
        assert "ValueError: x" in callosum_peer.failures.pop()
        assert not callosum_peer.failures

    run(main())


def test_it_is_found_where_callosum_is_installed(pytest_run):
    pytest_run(
        """
def test_it(callosum_peer):
    async def main():
        async with callosum_peer({echo.Echo: EchoHandler()}) as peer:
            assert await peer.stub(echo.Echo).say("hello") == "hello"
    asyncio.run(main())
""",
        passes=True,
    )


def test_a_failing_handler_fails_the_test(pytest_run):
    printed = pytest_run(
        """
def test_it(callosum_peer):
    async def main():
        async with callosum_peer({echo.Echo: EchoHandler()}) as peer:
            with pytest.raises(callosum.Internal):
                await peer.stub(echo.Echo).say("")
    asyncio.run(main())
""",
        passes=False,
    )
    assert "a handler failed in a way that its interface does not declare" in printed
    assert "ZeroDivisionError: nothing to say" in printed


def test_a_peer_that_is_not_closed_fails_the_test(pytest_run):
    printed = pytest_run(
        """
def test_it(callosum_peer):
    async def main():
        await callosum_peer({echo.Echo: EchoHandler()}).__aenter__()
    asyncio.run(main())
""",
        passes=False,
    )
    assert "callosum_peer() was entered and not left (1): use it in an async with" in printed


def test_a_test_that_fails_within_is_told_as_itself(pytest_run):
    printed = pytest_run(
        """
def test_it(callosum_peer):
    async def main():
        async with callosum_peer({echo.Echo: EchoHandler()}):
            raise KeyError("mine")
    asyncio.run(main())
""",
        passes=False,
    )
    assert "KeyError" in printed
    assert "not left" not in printed


def test_a_handler_that_does_not_fit_is_not_counted_as_open(callosum_peer):
    async def main():
        with pytest.raises(callosum.ConfigurationError):
            async with callosum_peer({Echo: object()}):
                pass

    asyncio.run(main())
    assert not callosum_peer.open


def test_the_plugin_brings_no_transport_and_no_idl():
    """pytest loads it in each run of every project that has callosum installed."""
    code = """
import sys, callosum.testing.pytest_plugin
heavy = {"zmq", "thriftpy2", "ply", "unittest", "callosum.lower.zeromq", "callosum.upper.thrift"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
