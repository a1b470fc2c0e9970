from __future__ import annotations

import pytest

from callosum.upper.thrift.fault import NoRoom, compact_set
from callosum.upper.thrift.footprint import SET_TABLE
from callosum.upper.thrift.json_protocol.room import ALLOWANCE, allowed, set_table, take, too_much


def test_the_room_goes_with_the_length():
    assert allowed(0) == [ALLOWANCE]
    assert allowed(100)[0] - ALLOWANCE == 1600


def test_what_is_taken_is_gone():
    room = [100]
    take(room, 60)
    take(room, 40)
    assert room == [0]
    with pytest.raises(NoRoom):
        take(room, 1)


@pytest.mark.parametrize("count", [0, 1, 5, 100, 4096])
def test_a_table_of_a_set_is_as_large_as_the_other_encodings_count_it(count):
    assert set_table(count) == eval(SET_TABLE.format(count=count))
    assert compact_set(range(count)).__sizeof__() <= 200 + set_table(count)


def test_the_error_says_how_much_is_allowed():
    assert str(too_much(5, "Node")) == (
        "Node: the value would take far more memory than the 5 bytes of input: 20 times is allowed"
    )
