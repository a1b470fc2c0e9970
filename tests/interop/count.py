"""Runs the tests of this folder and prints what was tried, file by file: ``python -m tests.interop.count``.

Arguments are pytest's. ``CALLOSUM_INTEROP_EXAMPLES`` says how many values of each type are tried.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.interop.tally import TALLY

COLUMNS = {
    "structs": "structs, unions and exceptions",
    "services": "services",
    "methods": "methods, with the inherited ones",
    "values": "values that went to, and came from, Apache's library and thriftpy2",
    "evolved": "values that another version of the schema read",
    "results": "calls that returned, in another process",
    "exceptions": "calls that raised what the IDL declares",
    "oneways": "oneway calls",
    "refused": "values with an arm of a union that the reader does not have",
}


def main() -> int:
    status = pytest.main([str(Path(__file__).parent), "-q", *sys.argv[1:]])
    print(f"| file | {' | '.join(COLUMNS)} |")
    print(f"| --- |{' ---: |' * len(COLUMNS)}")
    for name, counts in sorted(TALLY.items()):
        print(f"| {name} | {' | '.join(str(counts[column]) for column in COLUMNS)} |")
    total = (sum(counts[column] for counts in TALLY.values()) for column in COLUMNS)
    print(f"| all | {' | '.join(map(str, total))} |\n")
    for column, meaning in COLUMNS.items():
        print(f"{column}: {meaning}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
