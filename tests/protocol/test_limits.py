"""The bounds fit each other."""

from __future__ import annotations

import dataclasses

import pytest

from callosum.protocol import limits, wire
from callosum.protocol.limits import Limits


def test_the_published_bounds_of_the_format():
    assert limits.MAX_RECORDS == 128
    assert limits.MAX_FRAME_0 == 256 * 1024
    assert limits.MAX_FRAMES == 130
    assert limits.MAX_HEADER == 16 * 1024
    assert limits.INLINE_BODY == 64 * 1024
    assert limits.FRAGMENT == (1024 + 64) * 1024


def test_every_record_fits_into_a_batch_of_its_own():
    record = wire.RECORD_SIZE + limits.MAX_HEADER + limits.INLINE_BODY
    assert wire.HEAD_SIZE + record <= limits.MAX_FRAME_0
    assert limits.MAX_HANDSHAKE_BODY <= limits.FRAGMENT
    assert limits.MAX_FRAMES > limits.MAX_RECORDS
    assert limits.MAX_HEADER < 2**16


def test_the_defaults_let_a_fragment_and_a_full_batch_through():
    defaults = Limits()
    assert defaults.bulk_window >= limits.FRAGMENT
    assert defaults.resend_bytes > limits.MAX_FRAME_0 + defaults.bulk_window
    assert defaults.resend_records > limits.MAX_RECORDS
    assert defaults.unfinished_bytes > defaults.body_bytes
    assert defaults.ack_records < defaults.reserve_records
    assert all(value > 0 for value in dataclasses.asdict(defaults).values())


def test_limits_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().body_bytes = 1  # type: ignore[misc]
