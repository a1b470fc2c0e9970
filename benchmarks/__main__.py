"""``python -m benchmarks``: measure all peers in turns, print the table and the ratios, write the JSON."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path

from benchmarks import measure, report
from benchmarks.peers import NAMES

RESULTS = Path(__file__).parent / "results" / "latest.json"
LIBRARIES = ("callosum", "grpcio", "msgpack", "pyzmq", "thriftpy2", "uvloop")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of all peers; medians are printed (default: 3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement (default: 2)")
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=NAMES, metavar="PEER", help=", ".join(NAMES))
    parser.add_argument("--uvloop", action="store_true", help="measure on uvloop as well, as a second column")
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where the figures go (default: {RESULTS.name})")
    return parser.parse_args()


def _version(library: str) -> tuple[str, str]:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return library, importlib.metadata.version(library)
    return library, ""


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    installed = {name: version for name, version in map(_version, LIBRARIES) if version}
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "versions": installed,
    }


def main() -> None:
    """Measure and report. A ratio that is short is said, and is no failure: machines differ."""
    options = arguments()
    loops = ("default", "uvloop") if options.uvloop else ("default",)
    results = measure.all_peers(options.peers, loops, options.rounds, options.seconds)
    ratios = report.ratios(results["default"])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "results": results,
        "ratios": [ratio.as_dict() for ratio in ratios],
    }
    options.json.write_text(json.dumps(document, indent=2) + "\n")
    print(report.table(results))
    print(report.verdict(ratios))


if __name__ == "__main__":
    main()
