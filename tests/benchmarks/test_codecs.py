"""Each codec of the benchmark gives back what it was given; the figures are not looked at here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.codecs import ACCELERATED, CODECS, OURS, WANTED, cases, is_installed, main, plain, verdict

LIBRARIES = {"callosum-compact": "callosum", "thriftpy2-pure": "thriftpy2", "protobuf": "google.protobuf"}


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("case", cases())
def test_values_survive(name: str, case: str) -> None:
    pytest.importorskip(LIBRARIES.get(name, name))
    codec = CODECS[name]()
    struct, value = cases()[case]
    body = codec.encode(struct)(codec.make(struct, value))
    assert plain(codec.decode(struct)(body), value) == value


@pytest.mark.parametrize("case", cases())
def test_all_that_write_thrift_write_the_same(case: str) -> None:
    pytest.importorskip("thrift")
    struct, value = cases()[case]
    bodies: set[bytes] = set()
    for name in ("callosum", "thriftpy2", "thriftpy2-pure", "thrift"):
        codec = CODECS[name]()
        bodies.add(codec.encode(struct)(codec.make(struct, value)))
    assert len(bodies) == 1


def test_what_is_not_installed_is_known() -> None:
    assert is_installed("callosum")
    assert not is_installed("no_such_library")
    assert not is_installed("no_such_library.at_all")


def test_a_short_run_measures_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = tmp_path / "codecs.json"
    main(["--rounds", "1", "--seconds", "0.0001", "--json", str(result)])
    document: dict[str, Any] = json.loads(result.read_text())
    assert document["us"]["small args"]["decode"][OURS] > 0
    assert document["versions"]["callosum"]
    assert "1 MiB binary" in capsys.readouterr().out


def test_a_ratio_that_is_short_is_said() -> None:
    results = {case: {"decode": {OURS: 2.0, ACCELERATED: 1.0}} for case in WANTED}
    assert all(line.endswith("2.00 (<= 1)  SHORT") for line in verdict(results))
    assert list(verdict({case: {"decode": {OURS: 2.0}} for case in WANTED})) == []
