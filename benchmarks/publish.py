"""``python -m benchmarks.publish``: write the figures of the last run into docs/performance.md, and draw them."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import picture
from benchmarks.report import Row, rows_of_targets, tables
from benchmarks.targets import Target

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
MARKS = re.compile(r"(?<=<!-- figures: begin -->\n).*?(?=<!-- figures: end -->)", re.DOTALL)


def markdown(rows: list[Row]) -> str:
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
    yield f"![The same calls, callosum and its peers](images/{PICTURE.name})"
    for table in tables(run["results"]):
        yield f"{table.title[0].upper()}{table.title[1:]}:"
        yield markdown(table.rows)
    yield "What has to be reached, on the default loop:"
    yield markdown(
        rows_of_targets([Target(**{k: v for k, v in row.items() if k != "reached"}) for row in run["targets"]])
    )


def main() -> None:
    """Rewrite the page, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish", description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS, help="the figures")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to rewrite")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="the picture to draw, an SVG or a PNG")
    options = parser.parse_args()
    run = json.loads(options.json.read_text())
    figures = "\n" + "\n\n".join(text(run)) + "\n\n"
    options.page.write_text(MARKS.sub(lambda _: figures, options.page.read_text()))
    picture.draw(run["results"]["default"], options.picture)
    print(f"wrote {options.page} and {options.picture}", file=sys.stderr)


if __name__ == "__main__":
    main()
