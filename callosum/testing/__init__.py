"""Testing what is built on callosum: the real protocol without sockets, broken links, and time that stands still.

And what callosum is built on: whether a transport, or an IDL layer, keeps its contract.
"""

from callosum.testing.clock import ManualClock
from callosum.testing.faulty import FaultyConnection
from callosum.testing.lower_kit import Cannot, check_lower, tcp_link
from callosum.testing.memory import serve_in_memory
from callosum.testing.proxy import TcpProxy
from callosum.testing.upper_kit import Evolution, StreamSample, UpperSample, check_upper

__all__ = [
    "Cannot",
    "Evolution",
    "FaultyConnection",
    "ManualClock",
    "StreamSample",
    "TcpProxy",
    "UpperSample",
    "check_lower",
    "check_upper",
    "serve_in_memory",
    "tcp_link",
]
