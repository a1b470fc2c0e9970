from __future__ import annotations

from typing import Any

import pytest

from callosum.session.lanes import FairQueue, Lane


class Call:
    def __init__(self, lane: Lane, name: str) -> None:
        self.lane = lane
        self.name = name


def filled(queue: FairQueue, **counts: int) -> dict[str, list[Any]]:
    calls: dict[str, list[Any]] = {}
    for name, count in counts.items():
        lane = Lane()
        calls[name] = [Call(lane, f"{name}{n}") for n in range(count)]
        for call in calls[name]:
            queue.append(call)
    return calls


def taken(queue: FairQueue) -> list[str]:
    names = []
    while queue:
        names.append(queue.popleft().name)  # type: ignore[attr-defined]
    return names


def test_sessions_have_their_turns():
    queue = FairQueue(None)
    filled(queue, a=4, b=1, c=2)
    assert len(queue) == 7
    assert taken(queue) == ["a0", "b0", "c0", "a1", "c1", "a2", "a3"]
    assert len(queue) == 0


def test_a_session_with_as_many_handlers_as_it_may_have_is_left_out():
    queue = FairQueue(1)
    calls = filled(queue, a=3, b=1)
    lane = calls["a"][0].lane
    assert queue.popleft().name == "a0"  # type: ignore[attr-defined]
    queue.begin(lane)
    assert taken(queue) == ["b0"]
    assert len(queue) == 2
    another: Any = Call(lane, "a3")
    queue.append(another)
    assert not queue
    assert lane.pending == 3
    queue.end(lane)
    assert taken(queue) == ["a1", "a2", "a3"]
    queue.begin(lane)
    queue.end(lane)
    assert not queue, "there is nothing of it"


def test_a_call_is_taken_out_wherever_it_waits():
    queue = FairQueue(None)
    calls = filled(queue, a=3, b=1)
    queue.discard(calls["a"][1])
    queue.discard(calls["b"][0])
    assert taken(queue) == ["a0", "a2"]
    with pytest.raises(KeyError):
        queue.discard(calls["b"][0])


def test_what_waits_is_let_go():
    queue = FairQueue(None)
    calls = filled(queue, a=3, b=1)
    queue.clear()
    assert len(queue) == 0
    assert not calls["a"][0].lane.calls


def test_a_lane_counts_what_waits_in_line_and_in_the_queue():
    lane = Lane()
    lane.in_line = 2
    call: Any = Call(lane, "x")
    FairQueue(None).append(call)
    assert lane.pending == 3
