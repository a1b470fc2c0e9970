from __future__ import annotations

from callosum.upper.thrift.idl.faults import MOST_FAULTS, Fault, Faults, IdlError
from callosum.upper.thrift.idl.model import Position
from callosum.upper.thrift.idl.parser import parse


def test_an_error_is_a_line_for_each_fault() -> None:
    faults = [Fault("a.thrift", Position(1, 2), "one"), Fault("b.thrift", Position(3, 4), "two")]
    error = IdlError(faults)
    assert str(error) == "a.thrift:1:2: one\nb.thrift:3:4: two"
    assert error.faults == tuple(faults)


def test_there_are_not_more_than_anybody_reads() -> None:
    faults, document = Faults(), parse("")[0]
    for _ in range(MOST_FAULTS + 5):
        faults.add(document, Position(1, 1), "it")
    assert faults.is_full()
    assert len(faults.found) == MOST_FAULTS


def test_hints_end() -> None:
    faults = Faults()
    hints = [faults.hint("Pont", ["Point"]) for _ in range(30)]
    assert hints[0] == ": did you mean Point?"
    assert hints[-1] == ""
