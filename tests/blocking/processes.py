"""Programs of their own: what ends with a process can only be seen from another one."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PREFACE = """
import os, signal, sys, threading, time
import callosum
from callosum import blocking
from tests.services import Echo, Agent, Handler
"""


def program(text: str) -> subprocess.Popen[str]:
    """Begin a program; its output is text."""
    source = PREFACE + textwrap.dedent(text)
    forks = "ignore:This process:DeprecationWarning"  # what Python 3.12 says of every fork beside threads
    command = [sys.executable, "-W", "error", "-W", forks, "-c", source]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(text: str) -> str:
    """What a program prints that ends well, and says nothing else."""
    with program(text) as process:
        printed, complaints = process.communicate(timeout=30)
    assert process.returncode == 0, complaints
    assert not complaints
    return printed
