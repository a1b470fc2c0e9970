"""What stands around the content, byte for byte, and what is no such stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callosum.files import Corrupted, TooLarge, TransferError, Truncated
from callosum.files.envelope import END, Head, Reader, Tail, decode_head

DIGEST = bytes(range(16))
HEAD = Head(5, 2, DIGEST)
TAIL = Tail(5, DIGEST)


def test_the_bytes_of_a_head():
    assert HEAD.encode() == b"\x89cfile\x01\n" + (5).to_bytes(8, "big") + (2).to_bytes(8, "big") + DIGEST
    assert Head(None, 0, DIGEST).encode()[8:16] == b"\xff" * 8


def test_the_bytes_of_a_tail():
    assert TAIL.encode() == b"\x89cfile\x02\n" + (5).to_bytes(8, "big") + DIGEST


@pytest.mark.parametrize("head", [HEAD, Head(None, 7, DIGEST), Head(0, 0, DIGEST), Head(2**63, 2**62, DIGEST)])
def test_a_head_is_read_back(head):
    assert decode_head(head.encode()) == head
    assert decode_head(memoryview(head.encode())) == head


@pytest.mark.parametrize(
    "item", [b"", b"content", HEAD.encode()[:-1], HEAD.encode() + b"x", b"x" + HEAD.encode()[1:], TAIL.encode()]
)
def test_what_is_no_head_is_said(item):
    with pytest.raises(Corrupted, match=r"no head of callosum\.files"):
        decode_head(item)


def test_an_offset_behind_the_end_is_no_head():
    with pytest.raises(Corrupted, match="begins at 6 and the content has 5 bytes"):
        decode_head(Head(5, 6, DIGEST).encode())


def read(head, *items, limit=None):
    reader = Reader(head, limit)
    content = [bytes(item) for item in items if reader.take(item)]
    return content, reader.finish()


def test_content_is_between_head_and_tail():
    assert read(HEAD, b"ab", memoryview(b"c"), END, TAIL.encode()) == ([b"ab", b"c"], TAIL)


def test_an_empty_content():
    tail = Tail(0, DIGEST)
    assert read(Head(0, 0, DIGEST), END, tail.encode()) == ([], tail)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([b"abcd"], "more than the 5 bytes"),
        ([b"abc", END, b"rest"], "4 bytes, is no tail"),
        ([b"abc", END, HEAD.encode()], "is no tail"),
        ([b"ab", END, TAIL.encode()], "the content has 5 bytes, and 4 have come"),
        ([b"ab", END, Tail(4, DIGEST).encode()], "the content has 4 bytes, and 4 have come"),
        ([b"abc", END, TAIL.encode(), b"x"], "an item of 1 bytes comes behind the end"),
        ([b"abc", END, TAIL.encode(), END], "an item of 0 bytes comes behind the end"),
    ],
)
def test_what_may_not_come_there_is_corrupted(items, message):
    with pytest.raises(Corrupted, match=message):
        read(HEAD, *items)


@pytest.mark.parametrize("items", [[], [b"ab"], [b"abc"], [b"abc", END]])
def test_a_stream_that_ends_early_is_truncated(items):
    with pytest.raises(Truncated, match=r"ended after \d of 5 bytes"):
        read(HEAD, *items)
    with pytest.raises(Truncated, match=r"ended after \d bytes"):
        read(Head(None, 2, DIGEST), *items)


def test_a_limit_holds_for_what_is_announced_and_for_what_comes():
    with pytest.raises(TooLarge, match="5 bytes or more, and the receiver takes 4"):
        Reader(HEAD, 4)
    with pytest.raises(TooLarge, match="5 bytes or more"):
        read(Head(None, 0, DIGEST), b"abc", b"de", limit=4)
    assert read(HEAD, b"abc", END, TAIL.encode(), limit=5)[1] == TAIL


ITEMS = st.lists(
    st.one_of(st.binary(max_size=4), st.just(END), st.just(TAIL.encode()), st.just(HEAD.encode())), max_size=6
)


@given(ITEMS)
def test_any_stream_is_whole_or_an_error_of_ours(items):
    try:
        content, tail = read(HEAD, *items)
    except TransferError:
        return
    assert tail == TAIL
    assert HEAD.offset + sum(map(len, content)) == tail.size
    assert items == [*content, END, TAIL.encode()]
