from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest

from callosum.streams import BidiStream, ReceiveStream


def test_they_are_what_async_for_takes_and_nothing_by_themselves():
    assert issubclass(BidiStream, ReceiveStream)
    assert issubclass(ReceiveStream, AsyncIterator)
    kinds: list[Any] = [ReceiveStream, BidiStream]
    for kind in kinds:
        with pytest.raises(TypeError, match="abstract"):
            kind()


def test_they_are_generic_at_runtime():
    assert get_args(BidiStream[int, str]) == (int, str)
    assert get_args(ReceiveStream[int]) == (int,)
