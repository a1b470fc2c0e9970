"""``python -m fuzz``: the corpus and the bombs of each target, then mutated inputs for as long as one likes."""

from __future__ import annotations

import argparse
import math
import secrets
import sys

from fuzz import corpus
from fuzz.run import Found, Report, run_known, run_mutated, shrink
from fuzz.target import Target
from fuzz.targets import TARGETS


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each target (default: 5)")
    parser.add_argument("--inputs", type=int, help="mutated inputs of each target, however long they take")
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="TARGET")
    parser.add_argument("--seed", type=int, help="repeats the run that printed it")
    parser.add_argument("--write-seeds", action="store_true", help="write the valid inputs into the corpus, and end")
    return parser.parse_args()


def main() -> int:
    """Fuzz; 1 where anything was found. What was found is made shorter, and kept in the corpus."""
    options = arguments()
    if options.write_seeds:
        for name in options.target:
            for stem, data in TARGETS[name].seeds().items():
                corpus.keep(name, data, stem)
        return 0
    seed: int = secrets.randbits(32) if options.seed is None else options.seed
    found = 0
    for name in options.target:
        target, report = TARGETS[name], Report(name, seed)
        run_known(target, report)
        run_mutated(target, report, math.inf if options.inputs else options.seconds, options.inputs)
        print(report, flush=True)
        for one in report.found:
            show(target, one)
        found += len(report.found)
    return int(found > 0)


def show(target: Target, found: Found) -> None:
    """Print a finding. The input of one that is new is made shorter and kept."""
    print(f"  {found.finding.check}: {found.name}: {found.finding.text}", flush=True)
    if found.is_known:
        return
    data = shrink(target, found.data, found.finding.check)
    path = corpus.keep(target.name, data)
    where = path.relative_to(corpus.FOLDER.parent.parent) if path else "not kept, too large"
    print(f"    {len(data)} bytes, {where}: {data[:64].hex()}{'…' if len(data) > 64 else ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
