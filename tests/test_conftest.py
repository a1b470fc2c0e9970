"""The checks for leaks find leaks, and blame the test that left them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py")
TESTS = """
import asyncio
import socket
import threading
import time
import warnings

kept = []


def test_leaks_a_task():
    async def main():
        kept.append(asyncio.create_task(asyncio.sleep(60)))

    asyncio.run(main())


def test_leaks_a_thread():
    threading.Thread(target=time.sleep, args=(3,), daemon=True).start()


def test_leaks_a_socket():
    kept.append(socket.socket())


def test_drops_a_socket():
    socket.socket()


def test_leaks_a_file():
    kept.append(open(__file__))


def test_leaks_a_coroutine():
    dropped = asyncio.sleep(0)


def test_warns():
    warnings.warn("old", DeprecationWarning)


def test_clean():
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0.01))
        await asyncio.to_thread(len, "")

    asyncio.run(main())
    thread = threading.Thread(target=len, args=("",))
    thread.start()
    with socket.socket():
        thread.join()
"""


def test_a_test_that_leaves_something_behind_fails(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.read_text().replace("PATIENCE = 2.0", "PATIENCE = 0.1"))
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rA", "--tb=line", timeout=30)
    result.assert_outcomes(passed=5, failed=3, errors=4)  # those that only leak pass, and then err
    result.stdout.fnmatch_lines(
        [
            "* at teardown of test_leaks_a_task *",
            "*tasks that were still running*",
            "* at teardown of test_leaks_a_thread *",
            "*threads that were left running*",
            "* at teardown of test_leaks_a_socket *",
            "*descriptors that were left open*",
            "* at teardown of test_leaks_a_file *",
            "*descriptors that were left open*",
            "*unclosed <socket.socket*",
            "*was never awaited*",
            "PASSED *::test_clean",
        ]
    )
