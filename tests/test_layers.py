from __future__ import annotations

import pytest

from callosum.errors import ConfigurationError
from callosum.layers import lower_layer
from callosum.lower.memory import Memory
from callosum.lower.zeromq import ZeroMQ


def test_a_layer_is_found_by_the_scheme():
    assert isinstance(lower_layer("memory://x"), Memory)
    for scheme in ("tcp", "ipc", "inproc"):
        assert isinstance(lower_layer(f"{scheme}://x"), ZeroMQ)


@pytest.mark.parametrize("address", ["", "127.0.0.1:5030", "tcp:/x"])
def test_an_address_without_a_scheme(address):
    with pytest.raises(
        ConfigurationError, match=r"has no scheme; write for example tcp://127.0.0.1:5030 \(.*memory://"
    ):
        lower_layer(address)


def test_an_unknown_scheme():
    with pytest.raises(ConfigurationError, match="no installed lower layer has the scheme gopher://.*tcp://"):
        lower_layer("gopher://x")
