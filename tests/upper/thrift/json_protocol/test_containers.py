from __future__ import annotations

import pytest

from callosum.upper.thrift.json_protocol import JSON
from tests.upper.thrift.json_protocol.bodies import decoded, m, refusal

POINT = '{"1":{"i32":1},"2":{"i32":2}}'


@pytest.mark.parametrize(
    ("field", "body", "value"),
    [
        ("points", f'"10":{{"lst":["rec",2,{POINT} , {POINT}]}}', [m.Point(x=1, y=2)] * 2),
        ("points", '"10":{"lst":["rec",0]}', []),
        ("point_set", f'"15":{{"set":["rec",2,{POINT},{POINT}]}}', {m.Point(x=1, y=2)}),
        ("ages", '"16":{"map":["str","i32",2,{"a\\n":1,"":2}]}', {"a\n": 1, "": 2}),
        ("ages", '"16":{ "map" : [ "str" , "i32" , 1 , { "a" : 1 } ] }', {"a": 1}),
        ("ages", '"16":{"map":["str","i32",0,{}]}', {}),
        ("places", f'"17":{{"map":["i64","rec",1,{{"-5":{POINT}}}]}}', {-5: m.Point(x=1, y=2)}),
        ("shades", '"18":{"map":["i32","lst",1,{"1":["i32",1,77]}]}', {m.Colour.RED: [m.Colour(77)]}),
        ("names", '"19":{"map":["rec","str",0,{}]}', {}),
        ("matrix", '"20":{"lst":["lst",2,["i32",1,5],["i32",0]]}', [[5], []]),
        ("tuples", '"21":{"set":["lst",1,["i32",2,1,2]]}', {(1, 2)}),
        ("groups", '"22":{"set":["set",1,["str",1,"a"]]}', {frozenset({"a"})}),
        ("deep_keys", '"23":{"map":["lst","dbl",0,{}]}', {}),
        (
            "nested",
            '"24":{"map":["str","map",1,{"a":["str","set",1,{"b":["i32",2,1,2]}]}]}',
            {"a": {"b": {1, 2}}},
        ),
        ("by_flag", '"26":{"map":["tf","str",2,{"1":"/w","0":""}]}', {True: b"\xff", False: b""}),
    ],
)
def test_containers_are_read(field, body, value):
    assert getattr(decoded("Containers", f"{{{body}}}"), field) == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('"10":{"lst":["rec",2,{}]}', "Containers.points[0].x: the field is required (i32), and not there"),
        (
            f'"10":{{"lst":["rec",2,{POINT}]}}',
            "Containers.points[1]: the protocol has another element (its size is said to be 2)",
        ),
        (
            f'"10":{{"lst":["rec",1,{POINT},{POINT}]}}',
            "Containers.points: the protocol has the end of the list (its size is",
        ),
        ('"10":{"lst":["rec",1,5]}', "Containers.points[0]: the IDL says Point, and the input has '5]"),
        ('"10":{"lst":["str",0]}', "Containers.points: the IDL says list<Point>, and the input has"),
        ('"10":{"lst":{}}', "Containers.points: the IDL says list<Point>, and the input has"),
        (
            '"16":{"map":["str","i32",2,{"a":1}]}',
            "Containers.ages: the protocol has another entry (its size is said to be 2)",
        ),
        ('"16":{"map":["str","i32",1,{"a":1,"b":2}]}', "Containers.ages: the protocol has the end of the map"),
        ('"16":{"map":["str","i32",2,{"a":1,"a":1}]}', "Containers.ages: the map has a key more than once"),
        ('"16":{"map":["str","i32",1,{"a":"1"}]}', "Containers.ages.value[0]: the IDL says i32, and the input has"),
        ('"16":{"map":["str","i32",1,{"a":1,}]}', "Containers.ages: the protocol has the end of the value"),
        (
            '"16":{"map":["str","i32",1,{a:1}]}',
            "Containers.ages.key[0]: the IDL says string as a key, and the input has 'a:1",
        ),
        ('"16":{"map":["i32","i32",1,{"1":1}]}', "Containers.ages: the IDL says map<string, i32>, and the input has"),
        ('"16":{"map":["str","i32",0]}', "Containers.ages: the IDL says map<string, i32>"),
        (
            '"17":{"map":["i64","rec",1,{"99999999999999999999":{}}]}',
            "Containers.places.key[0]: the IDL says i64 as a key",
        ),
        ('"17":{"map":["i64","rec",1,{"9223372036854775808":{}}]}', "Containers.places.key[0]: the IDL says i64, from"),
        ('"17":{"map":["i64","rec",1,{"5":{}}]}', "Containers.places.value[0].x: the field is required"),
        ('"19":{"map":["rec","str",1,{{}:""}]}', "Containers.names: JSON cannot have the keys of a map<Point, string>"),
        ('"20":{"lst":["lst",1,["i32",1,"5"]]}', "Containers.matrix[0][0]: the IDL says i32"),
        (
            '"24":{"map":["str","map",1,{"a":["str","set",1,{"b":["i32",1,x]}]}]}',
            "Containers.nested.value[0].value[0][0]: the IDL says i32",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(body, message):
    assert refusal("Containers", f"{{{body}}}").startswith(message)


def test_keys_that_are_equal_in_python_are_one_key():
    keys = '"25":{"set":["dbl",2,0.0,-0.0]}'
    assert decoded("Containers", f"{{{keys}}}").real_set == {0.0}


def test_elements_of_one_hash_are_refused():
    lists = [f'["i32",8,{",".join("-1" if index >> bit & 1 else "-2" for bit in range(8))}]' for index in range(100)]
    body = f'{{"21":{{"set":["lst",{len(lists)},{",".join(lists)}]}}}}'
    assert "more than 64 elements with the same hash" in refusal("Containers", body)


def test_a_set_of_what_has_no_hash_is_refused(monkeypatch):
    monkeypatch.setattr(m.Point, "__hash__", None)
    body = f'{{"15":{{"set":["rec",1,{POINT}]}}}}'
    assert "set<Point> cannot be a value in Python" in refusal("Containers", body)
    assert JSON.codec_of(m.Containers).decode(b'{"15":{"set":["rec",0]}}').point_set == set()
