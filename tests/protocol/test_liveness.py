"""The exact instants of silence: a heartbeat to the PING, one more to doubt, two and a second to death."""

from __future__ import annotations

import pytest

from callosum.protocol.liveness import DEATH_MARGIN, Liveness, Verdict


def test_silence_is_asked_doubted_and_dead_at_its_instants():
    liveness = Liveness(2.0, now=10.0)
    assert liveness.next_timer() == 12.0
    assert liveness.on_timer(11.999) is Verdict.ALIVE
    assert liveness.on_timer(12.0) is Verdict.ASK
    assert liveness.next_timer() == 14.0
    assert liveness.on_timer(13.999) is Verdict.ALIVE
    assert not liveness.suspect
    assert liveness.on_timer(14.0) is Verdict.SUSPECT
    assert liveness.suspect
    # two heartbeats and a second after the last sign of life, and what has arrived is read before the verdict
    assert liveness.next_timer() == 15.0
    assert liveness.on_timer(14.999) is Verdict.ALIVE
    assert liveness.on_timer(15.0) is Verdict.ALIVE
    assert liveness.next_timer() == 15.0
    assert liveness.on_timer(15.0) is Verdict.DEAD


def test_what_arrives_in_time_is_life_and_asks_for_nothing():
    liveness = Liveness(1.0, now=0.0)
    for instant in (0.5, 1.2, 1.9):
        liveness.heard(instant)
        assert liveness.on_timer(instant + 0.999) is Verdict.ALIVE
    assert liveness.next_timer() == 2.9


@pytest.mark.parametrize("verdicts", [1, 2, 3])
def test_anything_that_arrives_before_death_is_life(verdicts):
    liveness = Liveness(1.0, now=0.0)
    for _ in range(verdicts):
        liveness.on_timer(liveness.next_timer())
    liveness.heard(2.95)
    assert not liveness.suspect
    assert liveness.next_timer() == 3.95
    assert liveness.on_timer(3.95) is Verdict.ASK


def test_what_arrived_before_the_second_look_saves_the_link():
    liveness = Liveness(1.0, now=0.0)
    verdicts = [liveness.on_timer(instant) for instant in (1.0, 2.0, 3.0)]
    assert verdicts == [Verdict.ASK, Verdict.SUSPECT, Verdict.ALIVE]
    liveness.heard(3.0)
    assert liveness.on_timer(3.0) is Verdict.ALIVE
    assert liveness.on_timer(4.0) is Verdict.ASK


def test_a_process_that_stood_still_asks_before_it_judges():
    """A stopped process or a blocked loop is no silence of the other side: each step counts from when it ran."""
    liveness = Liveness(1.0, now=0.0)
    assert liveness.on_timer(100.0) is Verdict.ASK
    assert liveness.on_timer(100.9) is Verdict.ALIVE
    assert liveness.on_timer(200.0) is Verdict.SUSPECT
    assert liveness.on_timer(200.0) is Verdict.ALIVE  # condemned
    assert liveness.on_timer(200.0) is Verdict.DEAD


@pytest.mark.parametrize("heartbeat", [0.25, 2.0, 60.0])
def test_death_comes_two_heartbeats_and_a_second_after_the_last_sign(heartbeat):
    liveness = Liveness(heartbeat, now=0.0)
    instants = []
    verdict = Verdict.ALIVE
    while verdict is not Verdict.DEAD:
        instants.append(liveness.next_timer())
        verdict = liveness.on_timer(instants[-1])
    assert instants == [heartbeat, 2 * heartbeat, *[2 * heartbeat + DEATH_MARGIN] * 2]
