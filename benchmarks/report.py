"""The figures as a table, and the ratios that the design asks for."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from benchmarks.contract import Peer
from benchmarks.measure import Figures, Results


@dataclass(frozen=True, slots=True)
class Ratio:
    """One thing to reach. A bound of 0 asks for nothing: there is only an aim."""

    what: str
    value: float
    bound: float
    relation: str
    """``>=`` or ``<=``."""
    aim: float

    @property
    def reached(self) -> bool:
        """Whether the least that was asked for is there."""
        compare: Callable[[float, float], bool] = operator.ge if self.relation == ">=" else operator.le
        return compare(self.value, self.bound)

    def as_dict(self) -> dict[str, object]:
        """For the JSON."""
        return {**asdict(self), "reached": self.reached}


def cpu(figures: Figures) -> float:
    """Microseconds of CPU a call, client and server together."""
    return figures["client_cpu_us"] + figures["server_cpu_us"]


def ratios(results: Results) -> list[Ratio]:
    """Those whose peers were measured."""
    return list(_ratios(results))


def _ratios(results: Results) -> Iterator[Ratio]:
    own = results.get("callosum")
    if own is None:
        return
    if grpc := results.get("grpc_aio"):
        for in_flight, least, aim in (("100", 20, 30), ("1000", 35, 60)):
            value = own[in_flight]["rate"] / grpc[in_flight]["rate"]
            yield Ratio(f"calls/s, {in_flight} in flight: callosum / grpc.aio", value, least, ">=", aim)
    if zmq := results.get("zmq_asyncio"):
        value = own["100"]["rate"] / zmq["100"]["rate"]
        yield Ratio("calls/s, 100 in flight: callosum / zmq.asyncio", value, 6, ">=", 6)
    if streams := results.get("msgpack_streams"):
        value = own["100"]["rate"] / streams["100"]["rate"]
        yield Ratio("calls/s, 100 in flight: callosum / msgpack streams (an aim only)", value, 0, ">=", 1)
    if grpc:
        value = own["1"]["p50_us"] / grpc["1"]["p50_us"]
        yield Ratio("p50, one at a time: callosum / grpc.aio", value, 1 / 3, "<=", 1 / 3)
    if blocking := results.get("zmq_blocking"):
        value = own["1"]["p50_us"] / blocking["1"]["p50_us"]
        yield Ratio("p50, one at a time: callosum / blocking pyzmq", value, 2.4, "<=", 1.8)
    if grpc:
        value = cpu(own["100"]) / cpu(grpc["100"])
        yield Ratio("CPU a call, 100 in flight: callosum / grpc.aio", value, 1 / 20, "<=", 1 / 40)


COLUMNS = ("1: p50 µs", "p99 µs", "100: calls/s", "1000: calls/s", "CPU µs/call, client + server at 100")


def table(results: dict[str, Results]) -> str:
    """All figures, one table a loop."""
    return "\n".join(
        f"\n{loop} event loop\n{_aligned([('', *COLUMNS), *rows_of(peers)])}" for loop, peers in results.items()
    )


def rows_of(peers: Results) -> Iterator[tuple[str, ...]]:
    """A row a peer, as `COLUMNS` has it."""
    for name, figures in peers.items():
        peer: Peer = importlib.import_module(f"benchmarks.peers.{name}").PEER
        yield (peer.title, *_cells(figures))


def _cells(figures: dict[str, Figures]) -> Iterator[str]:
    yield f"{figures['1']['p50_us']:,.0f}"
    yield f"{figures['1']['p99_us']:,.0f}"
    for in_flight in ("100", "1000"):
        yield f"{figures[in_flight]['rate']:,.0f}" if in_flight in figures else "-"
    many = figures.get("100")
    yield f"{many['client_cpu_us']:.1f} + {many['server_cpu_us']:.1f}" if many else "-"


def verdict(wanted: Sequence[Ratio]) -> str:
    """The ratios, each with what it has to be at least and whether it is."""
    return "\n" + _aligned(rows_of_ratios(wanted)) if wanted else ""


def rows_of_ratios(wanted: Sequence[Ratio]) -> list[tuple[str, ...]]:
    """A head, and a row a ratio."""
    rows: list[tuple[str, ...]] = [("ratio", "measured", "at least", "aim", "")]
    for ratio in wanted:
        ends = ("pass" if ratio.reached else "SHORT") if ratio.bound else "-"
        least = f"{ratio.relation} {ratio.bound:.3g}" if ratio.bound else "-"
        rows.append((ratio.what, f"{ratio.value:.3g}", least, f"{ratio.relation} {ratio.aim:.3g}", ends))
    return rows


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
