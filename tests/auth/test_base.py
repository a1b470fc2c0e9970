from __future__ import annotations

import copy
import pickle

import callosum.auth
from callosum.auth.base import INSECURE, Insecure


def test_insecure_is_one_value_that_says_its_name() -> None:
    assert callosum.auth.INSECURE is INSECURE
    assert repr(INSECURE) == "callosum.auth.INSECURE"
    assert list(Insecure) == [INSECURE]


def test_insecure_stays_itself_when_it_is_copied() -> None:
    assert copy.deepcopy(INSECURE) is INSECURE
    assert pickle.loads(pickle.dumps(INSECURE)) is INSECURE
