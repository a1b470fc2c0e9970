from __future__ import annotations

import pytest

from callosum.upper.thrift.json_protocol.malformed import Malformed
from callosum.upper.thrift.json_protocol.skipping import skip, token_field
from tests.upper.thrift.json_protocol.bodies import decoded, m, refusal

SOUND = {
    "tf": ["0", "1"],
    "i8": ["5", "-5"],
    "i64": ["9223372036854775807"],
    "dbl": ["0.5", '"NaN"', "1e9"],
    "str": ['""', r'"\ud83d\ude00\n"'],
    "rec": ["{}", '{"1":{"i8":0},"2":{"rec":{}} , "3" : { "lst" : [ "i8" , 0 ] } }'],
    "lst": [
        '["i8",0]', '["str",2,"a",",\\""]', '["dbl",2,0.5,"Infinity"]', '["rec",3,{},{"1":{"tf":1}}, { } ]',
        '["lst",2,["i8",0],["str",1,""]]', '["set",1,["rec",0]]', '["map",1,["str","i8",0,{}]]', '["rec",0]',
    ],
    "set": ['["tf",2,1,0]'],
    "map": [
        '["str","i8",2,{"a":1,"b":2}]', '["i32","rec",1,{"5":{}}]', '["rec","lst",0,{}]', '["dbl","str",1,{"NaN":""}]',
        ' [ "tf" , "map" , 1 , { "1" : ["str","str",1,{"":""}] } ] ',
    ],
}  # fmt: skip
UNSOUND = {
    "tf": ["2", "true", ""],
    "i32": ["1.0", '"1"', "null"],
    "dbl": ["NaN", '"nan"'],
    "str": ["5", r'"\x"', r'"\ud800"', '"'],
    "rec": ["[]", "{", '{"1":5}', '{"1":{"i8":1},}', '{"1":{"i8":1}', '{"1":{"i7":1}}', '{"99999":{"i8":1}}',
        '{"1":{"rec":[]}}'],
    "lst": [
        "{}", '["i8",1]', '["i8",1,0,0]', '["str",1,"a","b"]', '["i8",1,"0"]', '["rec",1]', '["rec",1,{},{}]',
        '["rec",2,{}]', '["lst",1,["i8",1]]', '["lst",2,["i8",0]]', '["i7",0]', '["map",1,["i8","i8",0]]',
        '["i8",01,0]',
        '["rec",1,{}', '["i8",0,]', '["rec",1,{},]', '["lst",99999999999]',
    ],
    "map": [
        "{}", '["str","i8",1,{}]', '["str","i8",1,{"a":1,"b":2}]', '["rec","i8",1,{{}:1}]', '["str","i7",0,{}]',
        '["i8","i8",1,{1:1}]', '["str","rec",1,{"a":{}}', '["str","rec",2,{"a":{}}]', '["str","rec",1,{"a":{},}]',
        '["str","i8",1,{"a":"1"}]', '["str","rec",1,{a:{}}]',
    ],
    "x": ["1"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in SOUND.items() for text in texts])
def test_what_is_sound_is_passed_over(name, text):
    assert skip(f"xx{text},", 2, name, 2) == 2 + len(text.rstrip(" "))
    assert (
        decoded("Empty", f'{{"1":{{"{name}":{text}}},"2":{{"lst":["rec",1,{{"3":{{"{name}":{text}}}}}]}}}}')
        == m.Empty()
    )


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in UNSOUND.items() for text in texts])
def test_what_is_unsound_is_refused(name, text):
    refusal("Empty", f'{{"1":{{"{name}":{text}}}}}')
    refusal("Empty", f'{{"2":{{"lst":["rec",1,{{"3":{{"{name}":{text}}}}}]}}}}')


def test_a_token_with_its_field_is_passed_at_once():
    found = token_field('"-5":{"str":"a"},"6"', 0)
    assert found is not None
    assert found.end() == 17
    assert token_field('"99999":{"str":"a"}}', 0) is None
    assert token_field('"5":{"rec":{}}}', 0) is None


def test_nesting_has_an_end():
    for text, name in (
        ('["lst",1,' * 62 + '["i8",0]' + "]" * 62, "lst"),
        ('{"1":{"rec":' * 61 + "{}" + "}}" * 61, "rec"),
    ):
        assert skip(text, 0, name, 2) == len(text)
        with pytest.raises(Malformed, match="more than 64 deep"):
            skip(text, 0, name, 4)
    for text, name in (
        ('["lst",1,' * 5000, "lst"),
        ('{"1":{"rec":' * 5000, "rec"),
        ('["i8","map",1,{"1":' * 5000, "map"),
    ):
        with pytest.raises(Malformed, match="more than 64 deep"):
            skip(text, 0, name, 2)
