from __future__ import annotations

import hashlib
import re
import time

import pytest

from callosum.fingerprint import (
    Difference,
    Fingerprint,
    MethodText,
    find_difference,
    read_fingerprint,
    whole_of,
    write_fingerprint,
)

SAY, POKE = MethodText("a message", "a message"), MethodText("a message", None)
BOTH = {"say": SAY, "poke": POKE}


def mark(**methods: MethodText) -> str:
    return write_fingerprint(repr(sorted(methods.items())), methods)


def test_the_form_of_a_fingerprint():
    digest, short = (hashlib.sha256(text).hexdigest() for text in (b"whole", b"a message"))
    assert write_fingerprint("whole", BOTH) == f"{digest} 1 poke:{short[:8]}:- say:{short[:8]}:{short[:8]}"
    assert write_fingerprint("whole", {}) == digest


def test_what_was_written_is_read():
    text = write_fingerprint("whole", BOTH)
    read = read_fingerprint(text)
    assert read.whole == whole_of(text) == hashlib.sha256(b"whole").hexdigest()
    assert read.methods is not None
    assert list(read.methods) == ["poke", "say"]
    assert read.methods["poke"].answer == "-"
    assert read.methods["say"].arguments == read.methods["say"].answer == read.methods["poke"].arguments


def test_how_a_method_streams_is_said_behind_it():
    text = write_fingerprint("whole", {"poke": POKE, "tail": SAY._replace(mode="server")})
    assert text.split()[2].endswith(":-")
    assert text.endswith(":server")
    read = read_fingerprint(text)
    assert read.methods is not None
    assert [one.mode for one in read.methods.values()] == ["", "server"]


def test_150_methods_stay_small():
    methods = {f"a_method_with_a_long_name_{number}": SAY for number in range(150)}
    assert len(write_fingerprint("whole", methods)) < 8 * 1024


@pytest.mark.parametrize("name", ["", "two words", "a:b", "a\nb", "\x1b[31mred", "x" * 256])
def test_a_name_that_would_spoil_the_form_leaves_the_digest_alone(name):
    assert re.fullmatch("[0-9a-f]{64}", write_fingerprint("whole", BOTH | {name: SAY}))


def test_names_of_other_languages_are_names():
    text = write_fingerprint("whole", {"größe": SAY, "a.b/c-d$e": SAY})
    assert list(read_fingerprint(text).methods or ()) == ["a.b/c-d$e", "größe"]


DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ("v7", "v7"),
        ("two words", "two words"),
        (DIGEST, DIGEST),
        (DIGEST.upper(), DIGEST.upper()),
        (f"{DIGEST} 2 say=aaaa", DIGEST),
        (f"{DIGEST} 1", DIGEST),
        (f"{DIGEST} 1 say", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d:1a2b3c4d:1a2b3c4d", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d:1a2b3c4", DIGEST),
        (f"{DIGEST} 1  say:1a2b3c4d:-", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d:- ", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d:-\n", DIGEST),
        (f"{DIGEST} 1 \x1b[31m:1a2b3c4d:-", DIGEST),
        (f"{DIGEST} 1 {'x' * 256}:1a2b3c4d:-", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d:1a2b3c4d:both", DIGEST),
        (f"{DIGEST} 1 say:1a2b3c4d:1a2b3c4d:", DIGEST),
    ],
)
def test_a_text_of_another_form_is_one_whole(text, whole):
    assert read_fingerprint(text) == Fingerprint(whole)


@pytest.mark.parametrize(
    "text",
    [
        DIGEST + " 1" + " x:1a2b3c4d:-" * 20_000,
        DIGEST + " 1 " + "x" * 260_000,
        DIGEST + " 1" + " " * 260_000,
        DIGEST + " 1 " + "x:" * 130_000,
        " " * 260_000,
    ],
)
def test_the_longest_text_of_a_stranger_is_read_at_once(text):
    begin = time.perf_counter()
    find_difference("S", mark(**BOTH), text)
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize(
    ("here", "there", "difference", "text"),
    [
        ({"say": SAY}, {"say": SAY, "poke": POKE}, None, ""),
        (
            {"say": SAY, "poke": POKE},
            {"say": SAY},
            Difference("S", missing=("poke",)),
            "it lacks poke",
        ),
        (
            {"say": SAY, "poke": POKE},
            {"say": SAY, "peek": POKE},
            Difference("S", missing=("poke",), added=("peek",)),
            "it lacks poke; it also has peek",
        ),
        (
            {"say": SAY, "tell": SAY},
            {"say": SAY._replace(arguments="x"), "tell": MethodText("x", "y")},
            Difference("S", arguments=("say", "tell"), answers=("tell",)),
            "other arguments: say, tell; another result or other exceptions: tell",
        ),
        (
            {"say": SAY, "poke": POKE},
            {"say": SAY._replace(answer=None), "poke": POKE._replace(answer="x")},
            Difference("S", oneway=("poke", "say")),
            "oneway at one side alone: poke, say",
        ),
        (
            {"say": SAY, "poke": POKE},
            {"say": SAY._replace(mode="bidi"), "poke": POKE, "more": POKE},
            Difference("S", streams=("say",), added=("more",)),
            "streams in another way: say; it also has more",
        ),
    ],
)
def test_what_differs(here, there, difference, text):
    found = find_difference("S", mark(**here), mark(**there))
    assert found == difference
    if found is not None:
        assert str(found) == f"the other side has another version of S: {text}"


def test_a_service_that_is_not_served():
    found = find_difference("S", mark(**BOTH), None)
    assert found == Difference("S", is_served=False)
    assert str(found) == "the other side does not serve S"


@pytest.mark.parametrize("theirs", [DIGEST, "v7", f"{DIGEST} 2 say=aaaa"])
def test_a_version_that_says_no_more_than_that_it_is_another(theirs):
    for found in (find_difference("S", mark(**BOTH), theirs), find_difference("S", theirs, mark(**BOTH))):
        assert found == Difference("S")
        assert str(found).endswith("another version of S: it does not say in which of its methods")


@pytest.mark.parametrize("theirs", ["", mark(**BOTH), whole_of(mark(**BOTH)), f"{whole_of(mark(**BOTH))} 2 say=aaaa"])
def test_the_same_version_is_no_difference_however_it_is_written(theirs):
    assert find_difference("S", mark(**BOTH), theirs) is None


def test_what_differs_in_no_method_differs_all_the_same():
    assert find_difference("S", write_fingerprint("1", BOTH), write_fingerprint("2", BOTH)) == Difference("S")


def test_a_message_does_not_list_a_thousand_methods():
    here = {f"m{number:04}": SAY for number in range(1000)}
    text = str(find_difference("S", mark(**here), mark(say=SAY)))
    assert "m0011 and 988 more; it also has say" in text
    assert len(text) < 300
