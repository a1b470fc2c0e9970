"""Each compression is measured on the same values, and told beside plain."""

from __future__ import annotations

from benchmarks import compression, report


def test_it_measures_all_in_turns_and_reports():
    figures = compression.measure(0.05)
    names = [f"{method} {name}" for method in ("echo", "text") for name in compression.NAMES]
    assert list(figures) == names
    for method in ("echo", "text"):
        plain, snappy, zstd = (figures[f"{method} {name}"]["bytes"] for name in compression.NAMES)
        assert compression.SIZE <= plain < compression.SIZE * 1.05
        assert zstd < snappy < plain / 2
    assert all(one["rate"] > 0 and one["p50_us"] > 0 for one in figures.values())
    (table,) = report.tables({"default": {"callosum": {"compression": figures}}})
    assert [row[0] for row in table.rows[1:]] == [
        *(f"{what}, {name}" for what in ("structs", "JSON text") for name in ("plain", "snappy", "zstd"))
    ]
    assert table.rows[1][2] == table.rows[1][5] == "1.00"


def test_what_is_sent_is_as_large_as_it_says():
    text = compression.sample_text(1000)
    assert len(text) == 1000
    assert len(compression.sample(1000)) >= 10
