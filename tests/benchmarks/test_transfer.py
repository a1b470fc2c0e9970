"""The benchmark of large data runs, and says what it has found."""

from __future__ import annotations

from benchmarks import transfer


def test_the_ways_are_measured_side_by_side():
    found = transfer.measure(1, 0.05, ["pyzmq", "checked"])
    assert found["pyzmq"]["of_raw"] == 1
    assert found["checked"]["cpu_ms"] > 0
    assert found["latency"]["calls"] > 0
    lines = transfer.text(found).splitlines()
    assert [line.split("  ")[0] for line in lines[3:5]] == [
        "pyzmq PUSH/PULL, no copy",
        "callosum.files, memory to consumer",
    ]
    assert "wanted: p99 <" in lines[-1]
