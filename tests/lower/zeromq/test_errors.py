from __future__ import annotations

import errno

import pytest
import zmq

from callosum.errors import ConfigurationError, ConnectError, TransportError
from callosum.lower.zeromq.errors import map_exceptions


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.EADDRINUSE, ConnectError, "another socket"),
        (errno.EADDRNOTAVAIL, ConfigurationError, "does not have that address"),
        (errno.ENODEV, ConfigurationError, "no interface"),
        (errno.EACCES, ConfigurationError, "grant the right"),
        (errno.EMFILE, ConnectError, "descriptors"),
        (int(zmq.ETERM), ConnectError, "ending"),
        (errno.EFAULT, TransportError, "Bad address"),
    ],
)
def test_each_error_says_what_to_do_and_keeps_its_cause(number, kind, text):
    with (
        pytest.raises(kind, match=f"doing this at tcp://x: .*{text}") as caught,
        map_exceptions("doing this at tcp://x"),
    ):
        raise zmq.ZMQError(number)
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, zmq.ZMQError)


def test_others_pass():
    with pytest.raises(ValueError, match="mine"), map_exceptions("doing this"):
        raise ValueError("mine")
