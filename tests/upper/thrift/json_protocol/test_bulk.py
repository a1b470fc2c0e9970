from __future__ import annotations

import math

import pytest

from tests.upper.thrift.json_protocol.bodies import decoded, m, refusal


def containers(ident: int, body: str) -> str:
    return f'{{"{ident}":{{{body}}}}}'


@pytest.mark.parametrize(
    ("ident", "body", "name", "value"),
    [
        (1, '"lst":["tf",3,1,0,1]', "flags", [True, False, True]),
        (2, '"lst":["i8",2,-128,127]', "tinies", [-128, 127]),
        (4, '"lst":["i32",0]', "mediums", []),
        (4, ' "lst" : [ "i32" , 2 , 1\n, -2 ] ', "mediums", [1, -2]),
        (
            6,
            '"lst":["dbl",5,1,-0.5,1e-9,12345678901234567890,-0]',
            "reals",
            [1.0, -0.5, 1e-9, 12345678901234567890.0, 0.0],
        ),
        (6, '"lst":["dbl",3,1,"Infinity", "-Infinity"]', "reals", [1.0, math.inf, -math.inf]),
        (7, r'"lst":["str",4,"a","",", \"","ü\ud83d\ude00"]', "texts", ["a", "", ', "', "ü😀"]),
        (8, '"lst":["str",3,"/w==","/w","YQ=="]', "raws", [b"\xff", b"\xff", b"a"]),
        (9, '"lst":["i32",3,1,77,77]', "colours", [m.Colour.RED, m.Colour(77), m.Colour(77)]),
        (12, '"set":["i64",3,1,1,9223372036854775807]', "number_set", {1, 2**63 - 1}),
        (13, '"set":["str",2,"a","b"]', "text_set", {"a", "b"}),
        (25, '"set":["dbl",2,0,0.5]', "real_set", {0.0, 0.5}),
    ],
)
def test_tokens_are_read_all_at_once(ident, body, name, value):
    found = getattr(decoded("Containers", containers(ident, body)), name)
    assert found == value
    assert list(map(type, found)) == list(map(type, value)) or isinstance(value, set)


def test_doubles_are_doubles_to_the_bit_though_they_look_like_integers():
    found = decoded("Containers", containers(6, '"lst":["dbl",3,9007199254740993,1,123456789012345678]')).reals
    assert found == [float("9007199254740993"), 1.0, float("123456789012345678")]
    assert set(map(type, found)) == {float}


@pytest.mark.parametrize(
    ("ident", "body", "message"),
    [
        (4, '"lst":["i32",3,1,2]', "Containers.mediums: its size is said to be 3, and 2 are there"),
        (4, '"lst":["i32",1,1,2]', "Containers.mediums: its size is said to be 1, and 2 are there"),
        (7, '"lst":["str",1,"a","b"]', "Containers.texts: its size is said to be 1, and 2 are there"),
        (4, '"lst":["i64",1,1]', "Containers.mediums: the IDL says list<i32>, and the input has"),
        (4, '"lst":["i32",2,1,1.0]', "Containers.mediums[1]: the IDL says i32, and the input has '1.0]"),
        (4, '"lst":["i32",2,1,"1"]', 'Containers.mediums[1]: the IDL says i32, and the input has \'"1"]'),
        (
            3,
            '"lst":["i16",2,1,32768]',
            "Containers.smalls[1]: the IDL says i16, from -32768 to 32767, and the input has 32768",
        ),
        (1, '"lst":["tf",1,2]', "Containers.flags[0]: the IDL says bool"),
        (6, '"lst":["dbl",2,1,NaN]', "Containers.reals[1]: the IDL says double, and the input has 'NaN]"),
        (6, '"lst":["dbl",2,1,-1e999]', "Containers.reals[1]: the number is too large for a double"),
        (6, '"lst":["dbl",3,"NaN",1,1e999]', "Containers.reals[2]: the number is too large for a double"),
        (6, f'"lst":["dbl",1,{"9" * 5000}]', "Containers.reals[0]: the number is too large for a double"),
        (7, r'"lst":["str",2,"a","\ud800"]', "Containers.texts[1]: the IDL says string"),
        (7, r'"lst":["str",2,"a","\x"]', "Containers.texts[1]: the IDL says string"),
        (8, '"lst":["str",2,"YQ","?"]', "Containers.raws[1]: the binary is not base64"),
        (4, '"lst":["i32",1,1,]', "Containers.mediums[1]: the IDL says i32"),
        (4, '"lst":["i32",99999999999,1]', "Containers.mediums: the IDL says list<i32>"),
        (4, '"lst":["i32",1 1]', "Containers.mediums: the protocol has the end of the list here"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(ident, body, message):
    assert refusal("Containers", containers(ident, body)).startswith(message)


def test_the_end_of_the_input_is_said():
    assert refusal("Containers", '{"4":{"lst":["i32",1,1') == (
        "Containers.mediums: the input of 22 characters ends in the middle of it: the end of the list is missing"
    )


def test_a_size_that_lies_makes_nothing():
    assert "would take far more memory" in refusal("Containers", containers(7, '"lst":["str",4294967295,"a"]'))
