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
