from __future__ import annotations

import math

import pytest

from callosum.errors import EncodeError
from callosum.upper.thrift.json_protocol import JSON
from tests.upper.thrift.json_protocol.bodies import decoded, differing, encoded, given, m, sparse


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (m.Empty(), "{}"),
        (sparse(m.Text), "{}"),
        (sparse(m.Text, text='a"\n\0ü', raw=b"\xff"), r'{"1":{"str":"a\"\n\u0000ü"},"2":{"str":"/w=="}}'),
        (sparse(m.Text, raw=bytearray(b"a")), '{"2":{"str":"YQ=="}}'),
        (sparse(m.Numbers, flag=True, tiny=-1), '{"1":{"tf":1},"2":{"i8":-1}}'),
        (sparse(m.Numbers, flag=False, real=1), '{"1":{"tf":0},"6":{"dbl":1.0}}'),
        (sparse(m.Numbers, real=0.1), '{"6":{"dbl":0.1}}'),
        (sparse(m.Numbers, real=-math.inf), '{"6":{"dbl":"-Infinity"}}'),
        (sparse(m.Scattered, negative=1, last=True), '{"-3":{"i32":1},"32767":{"tf":1}}'),
        (sparse(m.Odd, where=m.Point(x=1, y=2)), '{"2":{"rec":{"1":{"i32":1},"2":{"i32":2}}}}'),
        (m.Shape(colour=m.Colour.GREEN), '{"2":{"i32":2}}'),
        (m.Shape(colour=77), '{"2":{"i32":77}}'),
        (m.Shape(group=[]), '{"3":{"lst":["rec",0]}}'),
        (sparse(m.Containers, flags=[True, False]), '{"1":{"lst":["tf",2,1,0]}}'),
        (sparse(m.Containers, mediums=(1, 2)), '{"4":{"lst":["i32",2,1,2]}}'),
        (sparse(m.Containers, reals=[1, 0.5, math.nan]), '{"6":{"lst":["dbl",3,1.0,0.5,"NaN"]}}'),
        (sparse(m.Containers, reals=[0.5]), '{"6":{"lst":["dbl",1,0.5]}}'),
        (sparse(m.Containers, texts=[]), '{"7":{"lst":["str",0]}}'),
        (sparse(m.Containers, texts=["a", '"']), r'{"7":{"lst":["str",2,"a","\""]}}'),
        (sparse(m.Containers, raws=[b"a"]), '{"8":{"lst":["str",1,"YQ=="]}}'),
        (sparse(m.Containers, colours=[m.Colour.RED, 5]), '{"9":{"lst":["i32",2,1,5]}}'),
        (sparse(m.Containers, ages={"a": 1, "b": 2}), '{"16":{"map":["str","i32",2,{"a":1,"b":2}]}}'),
        (sparse(m.Containers, ages={}), '{"16":{"map":["str","i32",0,{}]}}'),
        (sparse(m.Containers, shades={m.Colour.RED: []}), '{"18":{"map":["i32","lst",1,{"1":["i32",0]}]}}'),
        (sparse(m.Containers, names={}), '{"19":{"map":["rec","str",0,{}]}}'),
        (sparse(m.Containers, tuples={(1, 2)}), '{"21":{"set":["lst",1,["i32",2,1,2]]}}'),
        (
            sparse(m.Containers, nested={"a": {"b": {1}}}),
            '{"24":{"map":["str","map",1,{"a":["str","set",1,{"b":["i32",1,1]}]}]}}',
        ),
        (sparse(m.Containers, by_flag={True: b"a"}), '{"26":{"map":["tf","str",1,{"1":"YQ=="}]}}'),
    ],
)
def test_values_are_written_as_the_protocol_says(value, body):
    assert encoded(value) == body
    if "NaN" not in body:
        again = decoded(type(value).__name__, body)  # what was not written has its default
        defaults = type(value)()
        assert encoded(sparse(type(value), **differing(again, defaults) | given(value))) == body
        assert differing(again, defaults).keys() <= given(value).keys()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (sparse(m.Text, text=5), "Text.text: the IDL says string, and the value is 5 of type int: give a str"),
        (sparse(m.Text, text="\ud800"), "Text.text: the string cannot be written as UTF-8"),
        (sparse(m.Text, raw="a"), "Text.raw: the IDL says binary"),
        (sparse(m.Numbers, flag=1), "Numbers.flag: the IDL says bool"),
        (sparse(m.Numbers, tiny=128), "Numbers.tiny: the IDL says i8"),
        (sparse(m.Numbers, medium=1.0), "Numbers.medium: the IDL says i32"),
        (sparse(m.Numbers, medium=True), "Numbers.medium: the IDL says i32"),
        (sparse(m.Numbers, real=10**400), "Numbers.real: the IDL says double"),
        (m.Point(1, None), "Point.y: the field is required"),
        (m.Shape(), "Shape: a union has exactly one field set"),
        (sparse(m.Shape, name="", colour=1), "Shape: a union has exactly one field set"),
        (m.Odd(where=m.Empty()), "Odd.where: the IDL says Point"),
        (sparse(m.Containers, mediums=[1, "2"]), "Containers.mediums[1]: the IDL says i32"),
        (sparse(m.Containers, mediums=[1, 2**31]), "Containers.mediums[1]: the IDL says i32"),
        (sparse(m.Containers, mediums=[-(2**31) - 1]), "Containers.mediums[0]: the IDL says i32"),
        (sparse(m.Containers, mediums={1}), "Containers.mediums: the IDL says list<i32>"),
        (sparse(m.Containers, flags=[1]), "Containers.flags[0]: the IDL says bool"),
        (sparse(m.Containers, texts=[b"a"]), "Containers.texts[0]: the IDL says string"),
        (sparse(m.Containers, texts=["a", "\udc00"]), "Containers.texts[1]: the string cannot be written as UTF-8"),
        (sparse(m.Containers, raws=["a"]), "Containers.raws[0]: the IDL says binary"),
        (sparse(m.Containers, reals=["a"]), "Containers.reals[0]: the IDL says double"),
        (sparse(m.Containers, colours=[2**31]), "Containers.colours[0]: the IDL says Colour"),
        (sparse(m.Containers, ages={1: 1}), "Containers.ages.key[0]: the IDL says string"),
        (sparse(m.Containers, places={"1": m.Point(x=1, y=1)}), "Containers.places.key[0]: the IDL says i64"),
        (sparse(m.Containers, text_set=["a"]), "Containers.text_set: the IDL says set<string>"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_their_place(value, message):
    with pytest.raises(EncodeError) as caught:
        encoded(value)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (sparse(m.Containers, names={m.Point(x=1, y=2): "a"}), "Containers.names is a map<Point, string>"),
        (sparse(m.Containers, deep_keys={((1,),): 0.5}), "Containers.deep_keys is a map<list<list<i16>>, double>"),
    ],
)
def test_keys_that_json_cannot_have_are_refused(value, what):
    with pytest.raises(EncodeError) as caught:
        JSON.codec_of(m.Containers).encode(value, "Echo.say.args.message")
    assert str(caught.value) == (
        f"Echo.say.args.message: {what}, and JSON cannot have such keys: send it empty, or in another encoding, "
        "such as thrift-binary"
    )


def test_nesting_has_an_end():
    node = m.Node()
    for _ in range(63):
        node = m.Node(after=node)
    assert decoded("Node", encoded(node)) == node
    with pytest.raises(EncodeError, match="nested more than 64 deep"):
        encoded(m.Node(after=node))
    loop = m.Node(children=[])
    loop.children.append(loop)
    with pytest.raises(EncodeError, match="nested more than 64 deep"):
        encoded(loop)


def test_doubles_as_keys(tmp_path):
    from callosum.upper.thrift import load

    path = tmp_path / "keys.thrift"
    path.write_text("struct Keys { 1: map<double, i8> reals, 2: map<binary, bool> raws, 3: map<i8, double> tinies }")
    keys = load(path).Keys
    value = keys(reals={0.5: 1, math.inf: 2, 1: 3}, raws={b"\xff": True}, tinies={5: -math.inf})
    codec = JSON.codec_of(keys)
    body = codec.encode(value)
    assert body == (
        b'{"1":{"map":["dbl","i8",3,{"0.5":1,"Infinity":2,"1.0":3}]},"2":{"map":["str","tf",1,{"/w==":1}]},'
        b'"3":{"map":["i8","dbl",1,{"5":"-Infinity"}]}}'
    )
    assert codec.decode(body) == value
