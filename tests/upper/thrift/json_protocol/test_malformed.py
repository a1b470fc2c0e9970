from __future__ import annotations

from callosum.upper.thrift.json_protocol.malformed import Malformed, expected, miscounted, shown, wrong


def test_the_path_is_put_together_from_within():
    error = Malformed("wrong").within("x").within("[3]").within("corners").within("").within("value[2]")
    assert error.path == ".value[2].corners[3].x"
    assert Malformed("wrong").path == ""


def test_what_stands_there_is_shown_and_not_all_of_it():
    assert shown('{"a": 1}', 1) == "'\"a\": 1}'"
    assert len(shown("x" * 1000, 0)) < 40
    assert shown("ü\0", 0) == r"'\xfc\x00'"
    assert shown("  ", 0) == "nothing"
    assert shown(" " * 100, 0) == "white space"


def test_messages_say_what_was_expected_and_where():
    assert (
        str(expected("a comma", "[1;2]", 2)) == "the protocol has a comma here, and the input has ';2]' at character 2"
    )
    assert str(expected("a comma", "[1", 2)) == "the input of 2 characters ends in the middle of it: a comma is missing"
    assert str(wrong("i32", "[x]", 1)) == "the IDL says i32, and the input has 'x]' at character 1"
    assert "or has a wrong escape" in str(wrong("string", r'"\x"', 0))
    assert "escape" not in str(wrong("string", "5", 0))
    assert "the i32 is missing" in str(wrong("i32", "[", 1))
    assert str(miscounted(3, 2)) == "its size is said to be 3, and 2 are there"
