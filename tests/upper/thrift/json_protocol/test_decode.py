from __future__ import annotations

import pytest

from callosum.upper.thrift.json_protocol import JSON
from tests.upper.thrift.json_protocol.bodies import decoded, m, refusal


def test_fields_are_read_in_any_order_with_white_space_or_without():
    expected = m.Text(text="hello", raw=b"a")
    for body in (
        '{"1":{"str":"hello"},"2":{"str":"YQ=="}}',
        '{"2":{"str":"YQ=="},"1":{"str":"hello"}}',
        '{"2":{"str":"YQ"},"9":{"rec":{}},"1":{"str":"hello"}}',
        ' {\n "1" : { "str" : "hello" } ,\r\n\t"2" : { "str" : "YQ" } } ',
        r'{"1":{"str":"h\u0065llo"},"2":{"str":"YQ=="}}',
    ):
        assert decoded("Text", body) == expected


def test_what_is_left_out_has_its_default():
    assert decoded("Text", "{}") == m.Text()
    value = decoded("Defaults", '{"12":{"i16":7}}')
    assert value == m.Defaults(needed=7)
    value.numbers.append(3)
    assert decoded("Defaults", '{"12":{"i16":7}}') == m.Defaults(needed=7)


def test_ids_may_be_negative_and_large():
    assert decoded("Scattered", '{"32767":{"tf":1},"-3":{"i32":5}}') == m.Scattered(negative=5, last=True)


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("Text", "", "Text: the input of 0 characters ends in the middle of it: the Text is missing"),
        ("Text", "[]", "Text: the IDL says Text, and the input has '[]' at character 0"),
        ("Text", "null", "Text: the IDL says Text, and the input has 'null'"),
        ("Text", "{", "Text: the input of 1 characters ends in the middle of it: a field"),
        ("Text", "{}{}", "Text: 2 characters are left over behind the end of the value"),
        ("Text", '{"1":{"str":"a"},}', 'Text.text: the protocol has the end of the value ("}"), and a field'),
        ("Text", '{"1":{"str":"a"}', 'Text.text: the protocol has the end of the value ("}"), and a field'),
        ("Text", '{"1":{"str":"a","str":"b"}}', "Text.text: the protocol has the end of the value"),
        ("Text", '{"1":"a"}', 'Text: the protocol has a field ("1":{"i32":5}) or the end of the struct here'),
        ("Text", '{"text":{"str":"a"}}', "Text: the protocol has a field"),
        ("Text", '{1:{"str":"a"}}', "Text: the protocol has a field"),
        ("Text", '{"01":{"str":"a"}}', "Text: the protocol has a field"),
        ("Text", '{"1":{"i32":5}}', 'Text.text: the IDL says string ("str"), and the input says "i32"'),
        ("Text", '{"1":{"str":null}}', "Text.text: the IDL says string, and the input has 'null"),
        ("Text", '{"1":{"str":"a"},"1":{"str":"b"}}', "Text.text: the field is there more than once"),
        ("Text", '{"2":{"str":"a"},"1":{"str":"a"},"2":{"str":"b"}}', "Text.raw: the binary is not base64"),
        ("Text", '{"2":{"str":"?"}}', "Text.raw: the binary is not base64"),
        ("Text", '{"99999":{"str":"a"}}', "Text: a field has the id 99999: ids are from -32768 to 32767"),
        ("Text", r'{"1":{"str":"\ud800"}}', "Text.text: the IDL says string"),
        ("Numbers", '{"4":{"i32":2147483648}}', "Numbers.medium: the IDL says i32, from -2147483648 to 2147483647"),
        ("Numbers", f'{{"4":{{"i32":{"1" * 5000}}}}}', "Numbers.medium: the IDL says i32, and the input has '1111"),
        ("Numbers", '{"4":{"i32":1.0}}', "Numbers.medium: the IDL says i32, and the input has '1.0"),
        ("Numbers", '{"1":{"tf":true}}', "Numbers.flag: the IDL says bool, and the input has 'true"),
        ("Numbers", '{"6":{"dbl":NaN}}', "Numbers.real: the IDL says double, and the input has 'NaN"),
        ("Numbers", '{"6":{"dbl":1e999}}', "Numbers.real: the number is too large for a double"),
        ("Point", '{"1":{"i32":1}}', "Point.y: the field is required (i32), and not there"),
        ("Shape", "{}", "Shape: a union has exactly one field set, and Shape has none"),
        (
            "Shape",
            '{"2":{"i32":1},"4":{"str":""}}',
            "Shape: a union has exactly one field set, and Shape has colour, name",
        ),
        ("Odd", '{"2":{"rec":{"1":{"i32":"x"}}}}', "Odd.where.x: the IDL says i32"),
        ("Odd", '{"2":{"rec":[]}}', "Odd.where: the IDL says Point, and the input has '[]"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(name, body, message):
    assert refusal(name, body).startswith(message)


def test_a_body_is_utf8():
    assert "is not UTF-8" in refusal("Text", b'{"1":{"str":"\xff"}}')
    assert "is not UTF-8" in refusal("Text", b'{"1":{"str":"\xed\xa0\x80"}}')
    assert refusal("Text", "\ufeff{}").startswith(r"Text: the IDL says Text, and the input has '\ufeff{}'")
    assert "Text: the protocol has a field" in refusal("Text", "{}".encode("utf-16-le"))


def test_structs_are_nested_64_deep_and_no_deeper():
    def nested(depth: int) -> str:
        return '{"2":{"rec":' * (depth - 1) + "{}" + "}}" * (depth - 1)

    value = decoded("Node", nested(64))
    depth = 1
    while value.after is not None:
        value, depth = value.after, depth + 1
    assert depth == 64
    assert "are nested more than 64 deep" in refusal("Node", nested(65))
    assert "are nested more than 64 deep" in refusal("Node", nested(20_000))
    lists = '{"3":{"lst":["rec",1,' * 20_000
    assert "are nested more than 64 deep" in refusal("Node", lists)


def test_a_class_with_many_fields(tmp_path):
    from callosum.upper.thrift import load

    path = tmp_path / "wide.thrift"
    path.write_text("struct Wide {" + " ".join(f"{i}: optional i32 f{i}" for i in range(1, 201)) + "}")
    wide = load(path).Wide
    value = wide(f1=1, f200=200)
    assert JSON.codec_of(wide).encode(value) == b'{"1":{"i32":1},"200":{"i32":200}}'
    assert JSON.codec_of(wide).decode(b'{"200":{"i32":200},"1":{"i32":1}}') == value
    full = wide(**{f"f{i}": i for i in range(1, 201)})
    assert JSON.codec_of(wide).decode(JSON.codec_of(wide).encode(full)) == full
