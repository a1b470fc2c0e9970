"""Delay beyond the shortest transit, with clocks that wrap, differ and drift."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.protocol.transit import WINDOW_BATCHES, WINDOW_MS, Transit

MODULUS = 2**32


def test_the_first_batch_is_the_base():
    transit = Transit()
    assert transit.delay(1000, 5_000_000) == 0
    assert transit.delay(1010, 5_000_010) == 0
    assert transit.delay(1020, 5_000_050) == 30


def test_a_faster_batch_becomes_the_base():
    transit = Transit()
    assert transit.delay(0, 500) == 0
    assert transit.delay(100, 400) == 0  # 200 ms faster
    assert transit.delay(200, 700) == 200


def test_a_faster_batch_is_never_less_than_no_delay():
    transit = Transit()
    transit.delay(0, 500)
    assert transit.delay(500, 500) == 0


def test_the_senders_clock_wraps():
    transit = Transit()
    assert transit.delay(MODULUS - 5, 100) == 0
    assert transit.delay(5, 110) == 0
    assert transit.delay(6, 150) == 39


def test_the_receivers_clock_wraps():
    transit = Transit()
    assert transit.delay(100, MODULUS - 5) == 0
    assert transit.delay(110, 5) == 0
    assert transit.delay(120, 45) == 30


def test_both_clocks_wrap_at_different_times_and_the_windows_go_on():
    transit = Transit()
    delays = []
    for step in range(200):
        sent = (MODULUS - 400_000 + step * 10_000) % MODULUS
        now = (MODULUS - 100_000 + step * 10_000 + step % 3 * 7) % MODULUS
        delays.append(transit.delay(sent, now))
    assert delays == [step % 3 * 7 for step in range(200)]


def fill(transit: Transit, begin: int, end: int, count: int, offset: int) -> list[int]:
    """So many batches evenly between two instants, each of this offset."""
    return [transit.delay(now - offset, now) for now in (begin + (end - begin) * i // count for i in range(count))]


def test_a_base_is_forgotten_after_two_windows():
    transit = Transit()
    assert fill(transit, 0, WINDOW_MS, 20, 50) == [0] * 20
    # the route is longer now: delay, until both windows know no better
    assert fill(transit, WINDOW_MS, 2 * WINDOW_MS, 20, 80) == [30] * 20
    assert fill(transit, 2 * WINDOW_MS, 3 * WINDOW_MS, 20, 80) == [0] * 20


def test_a_window_has_sixteen_batches_at_least():
    transit = Transit()
    transit.delay(0, 50)
    # few batches over hours: none of them may make the first one forgotten
    for count in range(1, WINDOW_BATCHES):
        now = count * 10 * WINDOW_MS
        assert transit.delay(now - 80, now) == 30
    now = 1000 * WINDOW_MS
    assert transit.delay(now - 80, now) == 30  # the sixteenth after it begins a window; the last one still counts
    for count in range(1, WINDOW_BATCHES):
        assert transit.delay(now - 80 + count, now + count) == 30
    now += 2 * WINDOW_MS
    assert transit.delay(now - 80, now) == 0


def test_a_window_has_sixty_seconds_at_least():
    transit = Transit()
    fill(transit, 0, WINDOW_MS - 1, 100, 50)
    assert transit._window_began == 0
    transit.delay(WINDOW_MS - 1 - 50, WINDOW_MS - 1)
    assert transit._window_began == 0
    transit.delay(WINDOW_MS - 50, WINDOW_MS)
    assert transit._window_began == WINDOW_MS


def test_clocks_that_drift_apart_are_followed():
    transit = Transit()
    worst = 0
    for second in range(24 * 3600):
        sent = (second * 1000) % MODULUS
        now = (second * 1000 + second // 10) % MODULUS  # 100 ppm
        worst = max(worst, transit.delay(sent, now))
    assert worst <= 2 * 6 + 1  # what two windows drift


@settings(deadline=None, derandomize=True, database=None)
@given(
    st.integers(0, MODULUS - 1),
    st.integers(0, MODULUS - 1),
    st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 10_000)), max_size=50),
)
def test_delay_is_what_it_took_beyond_the_shortest_whatever_the_clocks(sent_epoch, now_epoch, batches):
    transit = Transit()
    sent = 0
    seen: list[int] = []
    for pause, took in batches[: WINDOW_BATCHES * 2]:  # within two windows nothing is forgotten
        sent += pause
        seen.append(took)
        delay = transit.delay((sent_epoch + sent) % MODULUS, (now_epoch + sent + took) % MODULUS)
        assert delay == took - min(seen)


def test_many_batches_do_not_shorten_a_window():
    transit = Transit()
    started = 10_000_000
    assert transit.delay(started, started) == 0
    for number in range(1, 3 * WINDOW_BATCHES):
        sent = started + number * 1000
        assert transit.delay(sent, sent + 5000) == 5000


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, MODULUS - 1), st.integers(0, MODULUS - 1)), max_size=60))
def test_whatever_a_peer_claims_the_delay_is_never_negative_and_bounded(stamps):
    transit = Transit()
    for sent, now in stamps:
        assert 0 <= transit.delay(sent, now) < MODULUS
