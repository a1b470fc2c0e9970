"""``python -m benchmarks``: measure all peers in turns, print the tables and the targets, write the JSON."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import blocking, measure, overload, peers, policies, report, streams, transfer
from benchmarks.targets import targets
from benchmarks.workloads import NAMES as WORKLOADS

RESULTS = Path(__file__).parent / "results" / "latest.json"
OF_CALLOSUM = (policies.NAME, overload.NAME, streams.NAME, transfer.NAME)
"""What is measured of callosum alone, or beside what few others have."""
EVERYTHING = (*WORKLOADS, *OF_CALLOSUM)
LIBRARIES = ("callosum", "grpcio", "grpclib", "msgpack", "pycapnp", "pyzmq", "thrift", "thriftpy2", "uvloop")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="turns of all peers; medians are printed (default: 3)")
    parser.add_argument("--seconds", type=float, help="length of each measurement of the 32 B echo (default: 1.5)")
    parser.add_argument(
        "--quick", action="store_true", help="one round of 0.4 s, bursts for callosum only: two minutes"
    )
    parser.add_argument(
        "--peers", nargs="+", choices=peers.NAMES, default=peers.NAMES, metavar="PEER", help=", ".join(peers.NAMES)
    )
    parser.add_argument(
        "--workloads", nargs="+", choices=EVERYTHING, default=EVERYTHING, metavar="WORKLOAD", help=", ".join(EVERYTHING)
    )
    parser.add_argument("--uvloop", action="store_true", help="measure on uvloop as well, as a second column")
    parser.add_argument(
        "--tune-malloc",
        action="store_true",
        help="keep large blocks in the processes, of all peers alike; the 1 MiB echo is measured both ways anyhow",
    )
    parser.add_argument(
        "--blocking", action="store_true", help="instead: calls that block, beside grpc's sync API (blocking.json)"
    )
    parser.add_argument("--json", type=Path, default=RESULTS, help=f"where the figures go (default: {RESULTS.name})")
    return parser.parse_args()


def plan(options: argparse.Namespace) -> measure.Plan:
    """What the command line asks for."""
    rounds, seconds, bursts = (1, 0.4, 0) if options.quick else (3, 1.5, 1)
    return measure.Plan(
        rounds=options.rounds or rounds,
        seconds=options.seconds or seconds,
        loops=("default", "uvloop") if options.uvloop else ("default",),
        workloads=tuple(name for name in options.workloads if name not in OF_CALLOSUM),
        malloc="tuned" if options.tune_malloc else "default",
        bursts_of_others=bursts,
    )


def installed(names: Iterable[str]) -> Iterator[str]:
    """The peers whose packages are there; the others are named."""
    for name in names:
        try:
            peers.load(name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("benchmarks"):
                raise
            print(f"{name}: left out, the package {error.name} is not installed")
        else:
            yield name


def _version(library: str) -> tuple[str, str]:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return library, importlib.metadata.version(library)
    return library, ""


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "versions": {name: version for name, version in map(_version, LIBRARIES) if version},
    }


def main() -> None:
    """Measure and report. A target that is short is said, and is no failure: machines differ."""
    options = arguments()
    wanted = plan(options)
    if options.blocking:
        blocking.report(wanted.rounds, wanted.seconds)
        return
    results = measure.all_peers(list(installed(options.peers)), wanted)
    reached = targets(results["default"])
    own = options.workloads if "callosum" in options.peers else ()
    by_policy = policies.measure(wanted.rounds, wanted.seconds) if policies.NAME in own else None
    under_load = overload.measure(wanted.rounds, 2 * wanted.seconds) if overload.NAME in own else None
    of_streams = streams.measure(wanted.rounds, wanted.seconds) if streams.NAME in own else None
    if of_streams is not None:
        reached += streams.targets(of_streams)
    large = transfer.measure(wanted.rounds, wanted.seconds / 2, transfer.installed()) if transfer.NAME in own else None
    if large is not None:
        reached += transfer.targets(large)
    if under_load is not None:
        reached += overload.targets(under_load)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine(),
        "rounds": wanted.rounds,
        "seconds": wanted.seconds,
        "malloc": wanted.malloc,
        "results": results,
        "policies": by_policy,
        "overload": under_load,
        "streams": of_streams,
        "large_data": large,
        "targets": [target.as_dict() for target in reached],
    }
    options.json.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\n{report.text(results, reached)}")
    if by_policy is not None:
        print(f"\n{report.aligned(policies.rows(by_policy))}")
    if under_load is not None:
        print(f"\n{report.aligned(overload.rows(under_load))}")
    if of_streams is not None:
        print(f"\n{report.aligned(streams.rows(of_streams))}")
    if large is not None:
        print(f"\n{report.aligned(transfer.rows(large))}\n{transfer.small_calls_text(large)}")


if __name__ == "__main__":
    main()
