from __future__ import annotations

import dataclasses

import pytest

from callosum.lower.base import Connection, ConnectionLimits, Connector, Listener, LowerLayer
from callosum.protocol import limits


def test_a_batch_of_the_session_fits_by_default():
    assert ConnectionLimits().frames == limits.MAX_FRAMES
    assert ConnectionLimits().message_bytes >= limits.MAX_FRAME_0 + limits.Limits().bulk_window + limits.FRAGMENT


def test_limits_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ConnectionLimits().frames = 1  # type: ignore[misc]


@pytest.mark.parametrize("contract", [Connection, Connector, Listener, LowerLayer])
def test_a_layer_that_leaves_a_method_out_cannot_be_made(contract):
    with pytest.raises(TypeError, match="abstract"):
        contract()
