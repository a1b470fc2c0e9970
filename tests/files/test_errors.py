"""A failed transfer tells the other side why."""

from __future__ import annotations

import pickle

import pytest

from callosum.errors import Code, Outcome, RpcError
from callosum.files import Corrupted, SourceChanged, TargetBusy, TooLarge, TransferError, Truncated, WrongOffset

ALL = [Corrupted, SourceChanged, TargetBusy, TooLarge, Truncated, WrongOffset]


@pytest.mark.parametrize("kind", ALL)
def test_each_says_which_it_is(kind):
    error = kind("so it was")
    assert isinstance(error, TransferError)
    assert isinstance(error, RpcError)
    assert error.details == {"transfer": kind.reason}
    assert error.outcome is Outcome.EXECUTED
    assert str(error).startswith("so it was")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.message == "so it was"


def test_reasons_are_different():
    assert len({kind.reason for kind in ALL}) == len(ALL)


def test_what_may_pass_has_a_code_of_its_own():
    assert TargetBusy("x").code is Code.UNAVAILABLE
    assert TooLarge("x").code is Code.RESOURCE_EXHAUSTED
    assert Corrupted("x").code is Code.INVALID_ARGUMENT
