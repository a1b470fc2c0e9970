from __future__ import annotations

import pytest

from callosum.upper.thrift.json_protocol import grammar
from callosum.upper.thrift.spec import BINARY, BOOL, DOUBLE, I8, I16, I32, I64, STRING


def whole(pattern: str, text: str) -> bool:
    found = grammar.compiled(pattern)(text, 0)
    return found is not None and found.end() == len(text)


@pytest.mark.parametrize("kind", [I8, I16, I32, I64], ids=lambda kind: kind.text)
def test_integers_are_those_of_json_and_no_longer_than_they_can_be(kind):
    for token in ("0", "-0", "7", "-128", "127", str(2 ** (8 * kind.size - 1) - 1)):
        assert whole(grammar.value(kind), token)
    for token in (
        "",
        "-",
        "+1",
        "00",
        "01",
        "1.0",
        "1e1",
        " 1",
        "1" * 20,
        str(10 ** len(str(2 ** (8 * kind.size - 1)))),
    ):
        assert not whole(grammar.value(kind), token)


def test_doubles_are_numbers_of_json_or_what_is_none():
    for token in ("0", "-0", "0.5", "1e5", "1E+5", "-1.25e-300", '"NaN"', '"Infinity"', '"-Infinity"', "1" * 400):
        assert whole(grammar.value(DOUBLE), token)
    for token in ("NaN", "Infinity", ".5", "5.", "1e", "+1", "0x1", '"nan"', '"0.5"', "1_0", "inf"):
        assert not whole(grammar.value(DOUBLE), token)
    for token in ('"0.5"', '"NaN"', '"-Infinity"', '"5"'):
        assert whole(grammar.key(DOUBLE), token)
    assert not whole(grammar.key(DOUBLE), "5")


def test_bools_are_the_numbers_0_and_1():
    assert whole(grammar.value(BOOL), "0")
    assert whole(grammar.value(BOOL), "1")
    assert whole(grammar.key(BOOL), '"1"')
    for token in ("2", "true", "false", '"1"', "01"):
        assert not whole(grammar.value(BOOL), token)


@pytest.mark.parametrize("kind", [STRING, BINARY], ids=lambda kind: kind.text)
def test_texts_have_the_escapes_of_json_and_whole_characters(kind):
    for token in ('""', '"a"', '"ü😀"', r'"\"\\\/\b\f\n\r\t"', r'"\u00e4\uD83D\uDE00"', r'"\ud83d\ude00"', '"\0\t\n"'):
        assert whole(grammar.value(kind), token)
    for token in (
        '"',
        "'a'",
        r'"\"',
        r'"\x41"',
        r'"\u12"',
        r'"\u12g4"',
        r'"\ud800"',
        r'"\udc00"',
        r'"\ude00\ud83d"',
        '"a"b"',
    ):
        assert not whole(grammar.value(kind), token)
    assert not whole(grammar.value(kind), r'"\ud83dx\ude00"')


def test_every_type_has_apaches_name():
    assert sorted(grammar.NAMES.values()) == sorted(
        ["tf", "i8", "i16", "i32", "i64", "dbl", "str", "rec", "lst", "set", "map", "uid"]
    )


def test_a_field_stands_with_white_space_or_without():
    for text in ('"1":{"i32":5}}', ' "1" : { "i32" :\t5\r\n} }'[1:], '"1":{"i32":5},"2"'):
        found = grammar.compiled(grammar.whole_field(1, I32))(text, 0)
        assert found is not None
        assert found[1] == "5"
        assert text[found.end()] in '}"'
    for text in (
        '"1":{"i32":5},}',
        '"1":{"i32":5}',
        '"1":{"i32":5}]',
        '"1":{"i64":5}}',
        '"01":{"i32":5}}',
        '"1":{"i32":5,}}',
    ):
        assert grammar.compiled(grammar.whole_field(1, I32))(text, 0) is None


def test_any_token_is_found_with_its_id():
    for value in ('"i32":5', '"tf":1', '"dbl":0.5', r'"str":"\n"', '"i8" : -5 '):
        found = grammar.scalar_field(f'"-3":{{{value}}}}}', 0)
        assert found is not None
        assert found[1] == "-3"
    assert grammar.scalar_field('"3":{"rec":{}}}', 0) is None
    assert grammar.scalar_field('"3":{"str":5}}', 0) is None
    assert grammar.scalar_field('"100000":{"i8":5}}', 0) is None


def test_texts_are_counted_whatever_is_in_them():
    assert grammar.count_texts(r',"a", "," ,"\"",""') == 4
