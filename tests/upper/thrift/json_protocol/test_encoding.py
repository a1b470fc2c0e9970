from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thriftpy2.thrift import TPayload

import callosum
from callosum.errors import ConfigurationError, DecodeError, EncodeError
from callosum.upper.thrift import load
from callosum.upper.thrift.json_protocol import JSON
from callosum.upper.thrift.spec import MapType, NumberType, StructType, TextType, inner_types, struct_of
from tests.interop.expecting import received
from tests.upper.thrift.json_protocol.bodies import given as given_fields
from tests.upper.thrift.json_protocol.bodies import m
from tests.upper.thrift.json_protocol.other import emptied, thriftpy2_json
from tests.upper.thrift.oracles import apache_decode, apache_encode, plain, structs

STRUCTS = [
    m.Numbers, m.Scattered, m.Text, m.Point, m.Containers, m.Node, m.Shape, m.Defaults, m.NotFound, m.Odd, m.Empty,
    m.Later,
]  # fmt: skip


@pytest.mark.parametrize("cls", STRUCTS, ids=lambda cls: cls.__name__)
def test_any_value_goes_to_and_comes_from_apaches_library(cls):
    codec, kind = JSON.codec_of(cls), StructType(cls)

    @given(structs(cls))
    def check(value):
        emptied(kind, value)
        body = codec.encode(value)
        assert apache_decode(cls, body, JSON.name) == plain(kind, value)
        expected = received(kind, kind, value)
        assert plain(kind, codec.decode(body)) == expected
        if not has_infinity(value):
            assert plain(kind, codec.decode(apache_encode(value, JSON.name))) == expected

    check()


def has_infinity(value: Any) -> bool:
    """Apache's Python library writes ``inf``, which is no JSON, and which it does not read itself."""
    return "inf" in repr(value)


@pytest.mark.parametrize("cls", STRUCTS, ids=lambda cls: cls.__name__)
def test_any_value_may_be_spelled_in_other_ways(cls):
    """In another order, with white space, with escapes: as other writers of JSON do."""
    codec, kind = JSON.codec_of(cls), StructType(cls)

    @given(structs(cls), st.randoms(use_true_random=False), st.sampled_from([None, 0, 3]))
    def check(value, source, indent):
        body = codec.encode(emptied(kind, value))
        spelled = json.dumps(shuffled(json.loads(body), source), indent=indent, ensure_ascii=indent is None)
        assert plain(kind, codec.decode(spelled.encode())) == plain(kind, codec.decode(body))

    check()


def shuffled(value: Any, source: Any) -> Any:
    if isinstance(value, dict):
        pairs = [(key, shuffled(one, source)) for key, one in value.items()]
        source.shuffle(pairs)
        return dict(pairs)
    return [shuffled(one, source) for one in value] if isinstance(value, list) else value


@given(structs(m.Text))
def test_apaches_control_characters_are_read(value):
    assert JSON.codec_of(m.Text).decode(apache_encode(value, JSON.name)) == m.Text(**given_fields(value))


def test_what_apache_writes_is_what_we_write():
    value = m.Containers(flags=[True], mediums=[1, -2], texts=["ü\n", ""], raws=[b"\xff\xfe"], ages={"a": 1, "b": 2})
    value.nested, value.groups, value.by_flag = {"a": {"b": {1}}}, {frozenset({"a"})}, {False: b"", True: b"abc"}
    value.points, value.shades = [m.Point(x=1, y=2)], {m.Colour.RED: [m.Colour.GREEN]}
    assert JSON.codec_of(m.Containers).encode(value) == apache_encode(value, JSON.name)


@pytest.mark.parametrize(
    "cls", [m.Numbers, m.Scattered, m.Point, m.NotFound, m.Odd, m.Later], ids=lambda cls: cls.__name__
)
def test_flat_values_come_from_thriftpy2(cls):
    """Its TApacheJSONProtocol is no witness for all: it writes NaN bare, and loses the types of what is deep within."""
    codec, kind = JSON.codec_of(cls), StructType(cls)

    @given(structs(cls))
    def check(value):
        if not has_infinity(value):
            assert plain(kind, codec.decode(thriftpy2_json(value))) == plain(kind, codec.decode(codec.encode(value)))

    check()


def test_classes_are_compiled_once():
    assert JSON.codec_of(m.Point) is JSON.codec_of(m.Point)
    assert JSON.codec_of(m.Odd).struct is struct_of(m.Odd)
    with pytest.raises(ConfigurationError, match="has no thrift_spec"):
        JSON.codec_of(int)


def test_it_is_offered_after_the_binary_encodings():
    service = callosum.service_of(m.Everything)
    assert service.codecs[0] == "thrift-binary"
    assert service.codecs[-1] == "thrift-json"
    assert list(service.methods["add"].codecs) == list(service.codecs)


def test_a_service_may_prefer_it(tmp_path):
    path = tmp_path / "talk.thrift"
    path.write_text('service Talk { void say(1: string text) } (callosum.encoding = "json")')
    service = callosum.service_of(load(path).Talk)
    assert service.codecs[0] == "thrift-json"
    assert service.methods["say"].encode_args("hi") == b'{"1":{"str":"hi"}}'


def codec(method: str) -> Any:
    return callosum.service_of(m.Everything).methods[method].codecs["thrift-json"]


def test_arguments_and_results():
    add = codec("add")
    assert add.encode_args(1) == b'{"1":{"i64":1},"2":{"i64":2}}'
    assert add.encode_args(b=5, a=1) == b'{"1":{"i64":1},"2":{"i64":5}}'
    assert add.decode_args(b'{"2":{"i64":7},"1":{"i64":1}}') == (1, 7)
    assert add.decode_args(b'{"1":{"i64":1}}') == (1, 2)
    assert add.encode_result(3) == b'{"0":{"i64":3}}'
    assert add.decode_result(b'{"0":{"i64":3}}') == 3
    assert codec("nothing").encode_result(None) == b"{}" == JSON.void
    assert codec("nothing").decode_result(memoryview(b"{}")) is None
    assert codec("late").decode_result(b'{"0":{"lst":["rec",0]}}') == []


def test_declared_exceptions():
    locate = codec("locate")
    body = locate.encode_exception(m.NotFound(name="x"))
    assert body == b'{"1":{"rec":{"1":{"str":"x"},"2":{"i32":404}}}}'
    with pytest.raises(m.NotFound, match="x"):
        locate.decode_result(body)
    assert locate.encode_exception(ValueError()) is None


def test_faults_name_the_place():
    locate = codec("locate")
    with pytest.raises(DecodeError) as caught:
        locate.decode_args(b'{"1":{"str":"a"},"2":{"set":["str",1,5]}}')
    assert str(caught.value).startswith("Everything.locate.args.words[0]: the IDL says string")
    with pytest.raises(DecodeError, match=r"^Everything\.locate\.args\.name: the field is required"):
        locate.decode_args(b"{}")
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.args\.words: the IDL says set"):
        locate.encode_args("a", ["b"], colour=m.Colour.RED)
    with pytest.raises(EncodeError, match=r"^Everything\.locate\.result: the handler returned None"):
        locate.encode_result(None)
    with pytest.raises(TypeError, match=r"^locate\(\) missing 2 required positional arguments"):
        locate.encode_args()


def test_keys_that_json_cannot_have_are_named_in_a_call(tmp_path):
    path = tmp_path / "keyed.thrift"
    path.write_text("struct Key { 1: i32 n }\nservice Keyed { void put(1: map<Key, i32> all, 2: i32 other) }")
    module: Any = load(path)
    put = callosum.service_of(module.Keyed).methods["put"].codecs["thrift-json"]
    assert put.encode_args({}, 1) == b'{"1":{"map":["rec","i32",0,{}]},"2":{"i32":1}}'
    with pytest.raises(
        EncodeError, match=r"^Keyed\.put\.args: put_args\.all is a map<Key, i32>, and JSON cannot have such"
    ):
        put.encode_args({module.Key(n=1): 1}, 1)
    with pytest.raises(EncodeError, match=r"^Keyed\.put\.args\.other: the IDL says i32"):
        put.encode_args({module.Key(n=1): 1}, "1")


class _Ids(TPayload):
    """thriftpy2's parser has no uuid."""

    thrift_spec = {
        1: (16, "one", False),
        2: (15, "many", 16, False),
        3: (14, "all", 16, False),
        4: (13, "by_id", (16, 16), False),
        5: (13, "lists", (16, (15, 16)), False),
    }
    default_spec = [(name, None) for name in ("one", "many", "all", "by_id", "lists")]


Ids: Any = _Ids


def test_uuids_are_read_and_written_as_apache_does():
    one, other = UUID(int=2**127 + 5), UUID(int=7)
    value = Ids(one=one, many=[one, other], all={other}, by_id={one: other}, lists={other: [one]})
    codec, kind = JSON.codec_of(Ids), StructType(Ids)
    body = codec.encode(value)
    assert body == apache_encode(value, JSON.name)
    assert apache_decode(Ids, body, JSON.name) == plain(kind, value)
    assert codec.decode(body) == value
    assert body.startswith(b'{"1":{"uid":"80000000-0000-0000-0000-000000000005"},')
    assert codec.decode(b'{"1":{"uid":"ABCDEF00-0000-0000-0000-000000000005"}}').one == UUID(int=0xABCDEF00 << 96 | 5)
    skipped = JSON.codec_of(m.Empty)
    assert skipped.decode(body) == m.Empty()
    for wrong in ("8000000000000000000000000000000005", "{80000000-0000-0000-0000-000000000005}", "", "zz"):
        text = f'{{"1":{{"uid":"{wrong}"}}}}'.encode()
        for cls in (Ids, m.Empty):
            with pytest.raises(DecodeError):
                JSON.codec_of(cls).decode(text)
    with pytest.raises(EncodeError, match="give a uuid.UUID"):
        codec.encode(Ids(one="80000000-0000-0000-0000-000000000005"))


def test_every_kind_of_key_is_in_the_structs():
    kinds = [
        kind for one in struct_of(m.Containers).fields for kind in inner_types(one.type) if isinstance(kind, MapType)
    ]
    assert any(isinstance(kind.key, StructType) for kind in kinds)
    assert any(isinstance(kind.key, NumberType) for kind in kinds)
    assert any(isinstance(kind.key, TextType) for kind in kinds)
