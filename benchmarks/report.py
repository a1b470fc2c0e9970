"""The figures as tables, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.measure import BURST_CALLS, Figures, Results, Turn
from benchmarks.targets import Target
from benchmarks.workloads import BURST, COMPRESSION, KIB, MEMORY, MIB, TUNED, WORKLOADS

Row = tuple[str, ...]
NOTHING = "-"

RATE_COLUMNS = ("1: p50 µs", "p99 µs", "8: calls/s", "100: calls/s", "1,000: calls/s", "CPU µs/call at 100")
LARGE_COLUMNS = ("1: MB/s", "8: MB/s", "CPU µs/call at 8", "tuned 1: MB/s", "8: MB/s", "CPU µs/call at 8")
RESOURCE_COLUMNS = ("idle connection KiB", "call KiB, server", "client", "hold ms, server", "client", "burst s")
COMPRESSION_COLUMNS = ("arguments KiB", "of plain", "1: p50 µs", "8: calls/s", "of plain")
LOOP_COLUMNS = ("p50 µs", "on uvloop", "100: calls/s", "on uvloop", "1,000: calls/s", "on uvloop")


@dataclass(frozen=True, slots=True)
class Table:
    """A title, and rows of which the first is the head."""

    title: str
    rows: list[Row]


def tables(results: dict[str, Results]) -> Iterator[Table]:
    """All figures."""
    for loop, by_peer in results.items():
        where = "" if loop == "default" else f", on {loop}"
        for name, workload in WORKLOADS.items():
            if name != "echo_1m":
                rows = [(title, *_rates(turn[name])) for title, turn in _having(by_peer, name)]
                yield from _table(f"{workload.title}{where}", RATE_COLUMNS, rows)
        rows = [(title, *_large(turn)) for title, turn in _having(by_peer, "echo_1m", f"echo_1m{TUNED}")]
        yield from _table(f"{WORKLOADS['echo_1m'].title}{where}", LARGE_COLUMNS, rows)
        rows = [(title, *_resources(turn)) for title, turn in _having(by_peer, MEMORY, BURST)]
        yield from _table(f"memory, and a burst of {BURST_CALLS:,} calls{where}", RESOURCE_COLUMNS, rows)
        for _, turn in _having(by_peer, COMPRESSION):
            title = f"callosum, 64 KiB there and back, compressed{where}"
            yield from _table(title, COMPRESSION_COLUMNS, list(_compressed(turn[COMPRESSION])))
    yield from _loops(results)


def _table(title: str, columns: Row, rows: list[Row]) -> Iterator[Table]:
    if rows:
        yield Table(title, [("", *columns), *rows])


def _having(by_peer: Results, *workloads: str) -> Iterator[tuple[str, Turn]]:
    """Title and figures of the peers that have any of the workloads."""
    for name, turn in by_peer.items():
        if any(turn.get(workload) for workload in workloads):
            yield peers.load(name).title, turn


def _number(figures: Figures | None, key: str, digits: int = 0, factor: float = 1.0) -> str:
    return f"{figures[key] * factor:,.{digits}f}" if figures and key in figures else NOTHING


def _cpu(figures: Figures | None) -> str:
    return f"{figures['client_cpu_us']:,.1f} + {figures['server_cpu_us']:,.1f}" if figures else NOTHING


def _rates(by_load: dict[str, Figures]) -> Iterator[str]:
    yield _number(by_load.get("1"), "p50_us")
    yield _number(by_load.get("1"), "p99_us")
    for in_flight in ("8", "100", "1000"):
        yield _number(by_load.get(in_flight), "rate")
    yield _cpu(by_load.get("100"))


def _large(turn: Turn) -> Iterator[str]:
    for workload in ("echo_1m", f"echo_1m{TUNED}"):
        by_load = turn.get(workload, {})
        for in_flight in ("1", "8"):
            yield _number(by_load.get(in_flight), "rate", factor=MIB / 1e6)
        yield _cpu(by_load.get("8"))


def _resources(turn: Turn) -> Iterator[str]:
    memory, burst = turn.get(MEMORY, {}), turn.get(BURST, {}).get(str(BURST_CALLS))
    yield _number(memory.get("idle"), "server_kib", 1)
    yield _number(memory.get("parked"), "server_kib", 2)
    yield _number(memory.get("parked"), "client_kib", 2)
    yield _number(burst, "server_held_ms", 1)
    yield _number(burst, "client_held_ms", 1)
    yield _number(burst, "seconds", 1)


def _compressed(by_name: dict[str, Figures]) -> Iterator[Row]:
    for key, figures in by_name.items():
        method, _, name = key.partition(" ")
        plain = by_name[f"{method} none"]
        share = f"{figures['bytes'] / plain['bytes']:.2f}", f"{figures['rate'] / plain['rate']:.2f}"
        size, p50 = _number(figures, "bytes", 1, 1 / KIB), _number(figures, "p50_us")
        what = "structs" if method == "echo" else "JSON text"
        title = f"{what}, {'plain' if name == 'none' else name}"
        yield title, size, share[0], p50, _number(figures, "rate"), share[1]


def _loops(results: dict[str, Results]) -> Iterator[Table]:
    """The two event loops side by side."""
    both = [name for name in results.get("uvloop", {}) if "echo" in results["uvloop"][name]]
    rows: list[Row] = []
    for name in both:
        cells: list[str] = []
        for in_flight, key in (("1", "p50_us"), ("100", "rate"), ("1000", "rate")):
            cells += [_number(results[loop][name]["echo"].get(in_flight), key) for loop in ("default", "uvloop")]
        rows.append((peers.load(name).title, *cells))
    yield from _table(f"{WORKLOADS['echo'].title}: asyncio's own loop, and uvloop", LOOP_COLUMNS, rows)


def rows_of_targets(wanted: Sequence[Target]) -> list[Row]:
    """A head, and a row for each: measured, what it has to be at least, what it is to be, and whether it is."""
    rows: list[Row] = [("to be reached", "measured", "at least", "aim", "")]
    for target in wanted:
        unit = "" if target.unit == "x" else f" {target.unit}"
        least = f"{target.relation} {target.bound:.3g}{unit}" if target.bound else NOTHING
        aim = f"{target.relation} {target.aim:.3g}{unit}"
        rows.append((target.what, f"{target.value:.3g}{unit}", least, aim, target.verdict))
    return rows


def aligned(rows: Sequence[Row]) -> str:
    """For the terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def text(results: dict[str, Results], wanted: Sequence[Target]) -> str:
    """All of it, for the terminal."""
    parts = [f"{table.title}\n{aligned(table.rows)}" for table in tables(results)]
    if wanted:
        parts.append(aligned(rows_of_targets(wanted)))
    return "\n\n".join(parts)
