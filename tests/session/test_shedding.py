from __future__ import annotations

import math

import pytest

from callosum.protocol.messages import Request
from callosum.session.shedding import SHORTEST, SLACK, Shedding


def request(timeout: float | None = 1.0, deadline: float | None = 1.0) -> Request:
    """It came at the instant 0."""
    made = Request(1, "S/m", None if timeout is None else round(timeout * 1000), 0, b"")
    made.deadline = deadline
    return made


@pytest.fixture
def shedding() -> Shedding:
    """Of an endpoint whose method takes a tenth of a second."""
    made = Shedding(None)
    for _ in range(100):
        made.note("S/m", 0.1)
    return made


def test_what_handlers_need_is_learnt(shedding):
    assert shedding.needed("S/m") == pytest.approx(0.15 + SLACK, rel=0.1)
    for _ in range(100):
        shedding.note("S/m", 0.02)
    assert shedding.needed("S/m") == pytest.approx(0.03 + SLACK, rel=0.1)
    for _ in range(1000):
        shedding.note("S/m", 0.0)
    assert shedding.needed("S/m") == pytest.approx(SLACK, abs=2 * SHORTEST)


def test_what_is_slow_now_and_then_is_not_typical(shedding):
    for _ in range(20):
        for seconds in (0.1, 0.1, 5.0):
            shedding.note("S/m", seconds)
    assert shedding.needed("S/m") < 0.3


def test_a_call_that_would_have_been_in_time_and_is_not_now_is_shed(shedding):
    assert shedding.too_late(request(), 0.5) is None
    waited = shedding.too_late(request(), 0.9)
    assert waited == pytest.approx(0.9)


def test_a_call_that_asks_for_less_time_than_its_method_takes_is_not_refused_for_that(shedding):
    assert shedding.too_late(request(0.05, 0.05), 0.0) is None
    assert shedding.too_late(request(0.05, 0.05), 0.04) is None


def test_nothing_is_shed_of_which_nothing_is_known(shedding):
    assert Shedding(None).too_late(request(), 0.999) is None
    assert shedding.too_late(request(None, None), 99) is None
    assert shedding.too_late(request(None, 1.0), 0.99) is None, "a carrier that does not tell when it came"


def test_a_handler_that_its_deadline_cut_short_takes_longer_than_that(shedding):
    before = shedding.needed("S/m")
    shedding.note_cut("S/m", 0.01)
    assert shedding.needed("S/m") == before, "nothing new"
    shedding.note_cut("S/m", 0.2)
    assert shedding.needed("S/m") > before
    shedding.note_cut("S/other", 0.2)
    assert shedding.needed("S/other") > 0.3


def test_no_call_waits_longer_than_is_allowed():
    bounded = Shedding(0.5)
    assert bounded.too_long(10.0, 10.5) is None
    assert bounded.too_long(10.0, 10.75) == 0.75
    assert Shedding(None).too_long(10.0, 99.0) is None


def test_shedding_can_be_turned_off():
    off = Shedding(math.inf)
    off.note("S/m", 0.1)
    assert off.too_late(request(), 0.99) is None
    assert off.too_long(0.0, 10_000.0) is None
