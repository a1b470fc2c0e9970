"""The rows of streams: two processes move items each way, and are told beside calls."""

from __future__ import annotations

from benchmarks import streams


def test_it_measures_both_ways_and_reports():
    found = streams.measure_one("callosum", 0.02)
    names = ["calls", *(f"{size} {way}" for size in streams.SIZES for way in ("down", "up"))]
    assert list(found) == names
    assert all(rate > 0 for rate in found.values())
    results = {"callosum": found, "grpc.aio": dict.fromkeys(names, 1.0)}
    rows = streams.rows(results)
    assert len({len(row) for row in rows}) == 1
    assert [row[0] for row in rows[1:]] == ["plain calls of 32 B, 100 in flight", *names[1:]]
    assert streams.rows({"callosum": found})[1][3:] == ("-", "-")
    assert [target.bound for target in streams.targets(results)] == [0.5, 0.5]
