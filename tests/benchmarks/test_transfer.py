"""The benchmark of large data runs, and says what it has found."""

from __future__ import annotations

from benchmarks import transfer


def test_the_ways_are_measured_side_by_side():
    found = transfer.measure(1, 0.05, ["pyzmq", "checked"])
    assert found["pyzmq"]["of_raw"] == 1
    assert found["checked"]["cpu_ms"] > 0
    assert found["latency"]["calls"] > 0
    rows = transfer.rows(found)
    assert [row[0] for row in rows[1:]] == ["pyzmq PUSH/PULL, no copy", "callosum.files, memory to consumer"]
    assert len({len(row) for row in rows}) == 1
    assert "small calls beside it" in transfer.small_calls_text(found)


def test_targets_are_told():
    calls = {"share": 0.6, "busy_p99_us": 6000.0, "idle_p99_us": 2000.0}
    found = {"down": {"of_raw": 0.3}, "up": {"of_raw": 0.5}, "latency": calls}
    assert [target.reached for target in transfer.targets(found)] == [True, True, True]
    calls["busy_p99_us"] = 11_000.0
    assert [target.reached for target in transfer.targets(found)] == [True, True, False]
