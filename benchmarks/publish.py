"""``python -m benchmarks.publish``: write the figures of the last run into docs/performance.md, between its marks."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.report import COLUMNS, Ratio, rows_of, rows_of_ratios

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
MARKS = re.compile(r"(?<=<!-- figures: begin -->\n).*?(?=<!-- figures: end -->)", re.DOTALL)


def markdown(rows: list[tuple[str, ...]]) -> str:
    """A table; the first row is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| --- |" + " ---: |" * (len(rows[0]) - 1))
    return "\n".join(lines)


def text(run: dict[str, Any]) -> Iterator[str]:
    """What stands between the marks."""
    machine = run["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield (
        f"Medians of {run['rounds']} rounds of {run['seconds']:g} s on {machine['cpus']} shared cores, "
        f"{machine['system']}, Python {machine['python']}; {versions}."
    )
    for loop, peers in run["results"].items():
        yield f"On the {loop} event loop:"
        yield markdown([("", *COLUMNS), *rows_of(peers)])
    ratios = [Ratio(**{k: v for k, v in ratio.items() if k != "reached"}) for ratio in run["ratios"]]
    yield "The ratios, on the default loop:"
    yield markdown(rows_of_ratios(ratios))


def main() -> None:
    """Rewrite the page."""
    page = PAGE.read_text()
    figures = "\n" + "\n\n".join(text(json.loads(RESULTS.read_text()))) + "\n\n"
    PAGE.write_text(MARKS.sub(lambda _: figures, page))
    print(f"wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
