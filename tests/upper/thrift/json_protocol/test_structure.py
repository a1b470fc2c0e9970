from __future__ import annotations

import pytest

from callosum.upper.thrift.json_protocol import structure
from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.spec import I32, STRING, ListType, MapType, StructType
from tests.upper.thrift.json_protocol.bodies import m


def test_white_space_before_commas_and_ends_is_passed():
    assert structure.over_comma(" , {", 0, 1) == 3
    assert structure.over_end_of_list("\n]", 0, 1) == 2
    assert structure.over_end_of_map(" } ]", 0, 1) == 4


def test_other_things_are_refused_with_the_size_that_was_said():
    for function, what in (
        (structure.over_comma, "another element"),
        (structure.over_end_of_list, "the end of the list"),
        (structure.over_end_of_map, "the end of the map"),
    ):
        with pytest.raises(Malformed, match=rf"{what} \(its size is said to be 7\) here, and the input has ';'"):
            function(";", 0, 7)


def test_what_does_not_begin_as_a_container_is_told_how_one_begins():
    text = str(structure.no_container(ListType(StructType(m.Point)), "[]", 0))
    assert text.startswith("the IDL says list<Point>, and the input has '[]'")
    assert text.endswith('it begins with ["rec",size')
    text = str(structure.no_container(MapType(STRING, I32), "5", 0))
    assert text.endswith('it begins with ["str","i32",size,{')
