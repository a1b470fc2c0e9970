"""Testing what is built on callosum: the real protocol without sockets, broken links, and time that stands still."""

from callosum.testing.clock import ManualClock
from callosum.testing.faulty import FaultyConnection
from callosum.testing.memory import serve_in_memory
from callosum.testing.proxy import TcpProxy
from callosum.testing.upper_kit import Evolution, UpperSample, check_upper

__all__ = [
    "Evolution",
    "FaultyConnection",
    "ManualClock",
    "TcpProxy",
    "UpperSample",
    "check_upper",
    "serve_in_memory",
]
