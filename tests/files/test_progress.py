"""Progress is told at first, at last, and now and then."""

from __future__ import annotations

import pytest

from callosum.files import progress
from callosum.files.progress import INTERVAL, Meter


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_it_is_told_at_a_bounded_rate(clock):
    told = []
    meter = Meter(lambda done, total: told.append((done, total)), 5, 1000)
    for _ in range(10):
        meter.advance(1)
    assert told == [(5, 1000)]
    clock.now += INTERVAL
    meter.advance(1)
    meter.advance(1)
    assert told == [(5, 1000), (16, 1000)]


def test_the_end_is_told_once_and_what_all_was(clock):
    told = []
    meter = Meter(lambda done, total: told.append((done, total)), 0, None)
    meter.advance(3)
    meter.finish()
    meter.finish()
    assert told == [(0, None), (3, 3)]


def test_nothing_is_told_twice(clock):
    told = []
    meter = Meter(lambda done, total: told.append((done, total)), 0, 2)
    clock.now += INTERVAL
    meter.advance(2)
    meter.finish()
    assert told == [(0, 2), (2, 2)]


def test_nobody_need_listen():
    meter = Meter(None, 0, None)
    meter.advance(7)
    meter.finish()
    assert meter.done == 7
