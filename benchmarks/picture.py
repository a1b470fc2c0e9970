"""The figures of a run as one picture. The same figures give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks import peers
from benchmarks.measure import Results, Turn
from benchmarks.targets import cpu
from benchmarks.workloads import MIB, TUNED

OWN, OWN_PALE = "#c8501e", "#eebfa6"
OTHER, OTHER_PALE = "#5b6b7a", "#c3cbd3"
INK, RULE = "#22282e", "#dde1e5"
STYLE: dict[Any, Any] = {  # the names of settings, as matplotlib has them
    "svg.hashsalt": "callosum",
    "font.family": "DejaVu Sans",  # matplotlib brings it: the same outlines on each machine
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of mark: the full one or the pale one."""

    label: str
    value: Callable[[Turn], float]
    """NaN where a peer has none."""
    pale: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One kind of figure of all peers."""

    title: str
    better: str
    series: Sequence[Series]
    log: bool = False


def _rate(workload: str, in_flight: str, factor: float = 1.0) -> Callable[[Turn], float]:
    return lambda turn: turn.get(workload, {}).get(in_flight, {}).get("rate", math.nan) * factor


def _cpu_at_100(turn: Turn) -> float:
    figures = turn.get("echo", {}).get("100")
    return cpu(figures) if figures else math.nan


def _p50(turn: Turn) -> float:
    return turn.get("echo", {}).get("1", {}).get("p50_us", math.nan)


MEGABYTES = MIB / 1e6
PANELS = (
    Panel(
        "Calls per second, echo of 32 B",
        "more is better; log scale",
        (
            Series("100 in flight (number)", _rate("echo", "100")),
            Series("1,000 in flight", _rate("echo", "1000"), pale=True),
        ),
        log=True,
    ),
    Panel(
        "Processor time of a call, both sides, µs",
        "less is better; 100 in flight; log scale",
        (Series("", _cpu_at_100),),
        log=True,
    ),
    Panel("Time of a call, one at a time, median, µs", "less is better", (Series("", _p50),)),
    Panel(
        "MB per second, echo of 1 MiB, 8 in flight",
        "more is better",
        (
            Series("malloc as it is", _rate("echo_1m", "8", MEGABYTES)),
            Series("malloc tuned", _rate(f"echo_1m{TUNED}", "8", MEGABYTES), pale=True),
        ),
    ),
)


def _short(value: float, _position: int | None = None) -> str:
    """1,500 as 1.5k; two digits of what is small."""
    if value >= 1000:
        return f"{value / 1000:.3g}k"
    return f"{value:.3g}"


def _colour(name: str, series: Series) -> str:
    if name == "callosum":
        return OWN_PALE if series.pale else OWN
    return OTHER_PALE if series.pale else OTHER


def _frame(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=9.5, fontweight="bold", pad=20)
    axes.text(0, 1.025, panel.better, transform=axes.transAxes, fontsize=7.5, color=OTHER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)


def _bars(axes: Axes, panel: Panel, results: Results) -> None:
    """Linear: bars, from zero."""
    height = 0.74 / len(panel.series)
    for at, series in enumerate(panel.series):
        for row, (name, turn) in enumerate(results.items()):
            value = series.value(turn)
            middle = row + (at - (len(panel.series) - 1) / 2) * height
            if not math.isnan(value):
                axes.barh(middle, value, height * 0.92, color=_colour(name, series))
                axes.annotate(
                    f"{value:,.0f}", (value, middle), (3, 0), textcoords="offset points", va="center", fontsize=7
                )
    axes.margins(x=0.14)


def _dots(axes: Axes, panel: Panel, results: Results) -> None:
    """Logarithmic: dots, since the length of a bar would say nothing."""
    for row, (name, turn) in enumerate(results.items()):
        values = [series.value(turn) for series in panel.series]
        here = [(value, series) for value, series in zip(values, panel.series, strict=True) if not math.isnan(value)]
        if not here:
            continue
        ends = min(here, key=lambda pair: pair[0])[0], max(here, key=lambda pair: pair[0])[0]
        axes.plot(ends, (row, row), color=RULE, linewidth=2, zorder=1)
        for value, series in reversed(here):
            axes.scatter(value, row, s=42, color=_colour(name, series), zorder=2)
        axes.annotate(_short(here[0][0]), (ends[1], row), (7, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    axes.set_xlim(10 ** math.floor(math.log10(low)), high * 1.6)


def _key(axes: Axes, panel: Panel) -> None:
    """Which mark is which; in grey, since each of them is there in two colours."""
    if len(panel.series) < 2:
        return
    marks: list[Any] = [
        axes.scatter([], [], s=42, marker="o" if panel.log else "s", color=_colour("", series), label=series.label)
        for series in panel.series
    ]
    axes.legend(
        handles=marks,
        loc="lower right",
        bbox_to_anchor=(1.01, 0.985),
        ncols=len(marks),
        frameon=False,
        fontsize=7.5,
        handletextpad=0.1,
        columnspacing=1,
        borderaxespad=0,
    )


def _panel(axes: Axes, panel: Panel, results: Results) -> None:
    _frame(axes, panel)
    (_dots if panel.log else _bars)(axes, panel, results)
    _key(axes, panel)
    axes.xaxis.set_major_formatter(FuncFormatter(_short))
    axes.set_ylim(len(results) - 0.4, -0.6)
    for row, turn in enumerate(results.values()):
        if all(math.isnan(series.value(turn)) for series in panel.series):
            axes.text(0.01, row, "–", transform=axes.get_yaxis_transform(), va="center", color=OTHER, fontsize=7)


def draw(results: Results, path: Path) -> None:
    """Write the picture, as SVG or PNG as the path's name says."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 7.8), layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12), facecolor="white")
        grid = figure.subplots(2, 2, sharey=True)
        for axes, panel in zip(grid.flat, PANELS, strict=True):
            _panel(axes, panel, results)
        for axes in grid[:, 0]:
            axes.set_yticks(range(len(results)), [peers.load(name).title for name in results])
            for label, name in zip(axes.get_yticklabels(), results, strict=True):
                label.set(color=OWN if name == "callosum" else INK, fontweight="bold" if name == "callosum" else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else None
        figure.savefig(path, metadata=metadata, dpi=110)
