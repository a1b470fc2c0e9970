"""The transports of this package keep the contract of a lower layer; that the checks can fail, lower_kit/ shows."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from callosum.lower.memory import Memory
from callosum.lower.zeromq import ZeroMQ
from callosum.testing import Cannot, check_lower, tcp_link

FOLDER = tempfile.TemporaryDirectory(prefix="callosum-")

TestMemory = check_lower(Memory(), "memory://check-{n}")
TestTcp = check_lower(ZeroMQ(), "tcp://127.0.0.1:0", link=tcp_link)
TestIpc = check_lower(ZeroMQ(), f"ipc://{FOLDER.name}/{{n}}", cannot=Cannot.KEEP_A_LONG_TAIL)
TestInproc = check_lower(ZeroMQ(), "inproc://check-{n}", cannot=Cannot.NOTICE_CLOSE)


def names_in(kit: type) -> set[str]:
    return {name for name in vars(kit) if name.startswith("test_")}


def test_without_a_link_the_checks_of_a_link_are_left_out():
    assert len(names_in(TestTcp)) > 45
    left_out = names_in(TestTcp) - names_in(TestMemory)
    assert "test_who_does_not_answer_is_no_connection" in left_out
    assert all("link" in name or "answer" in name for name in left_out)
    assert names_in(TestMemory) < names_in(TestTcp)
    assert names_in(TestMemory) == names_in(TestInproc), "what it cannot do is skipped, and the report says so"


def test_each_check_says_what_it_checks():
    assert all(getattr(TestTcp, name).__doc__ for name in names_in(TestTcp))
    assert TestTcp.__doc__ == "ZeroMQ at tcp://127.0.0.1:0."


def test_pytest_is_not_needed():
    code = "import sys, callosum.testing; assert 'pytest' not in sys.modules and '_pytest' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
