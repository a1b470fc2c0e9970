"""What libzmq and pyzmq keep for the life of the process is made before the first test counts descriptors."""

from __future__ import annotations

import pytest
import zmq

from callosum.lower.base import ConnectionLimits
from callosum.lower.zeromq.context import new_socket


@pytest.fixture(autouse=True, scope="session")
def _warm(_long_lived: None) -> None:
    one, other = (new_socket(zmq.PAIR, ConnectionLimits(), ipv6=False) for _ in range(2))
    one.bind("inproc://warm")
    other.connect("inproc://warm")
    one.send(bytes(1 << 20), copy=False)  # starts the thread that frees what was sent without a copy
    other.recv()
    one.close()
    other.close()
