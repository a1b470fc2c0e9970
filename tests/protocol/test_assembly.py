"""Bodies in fragments: whole at the end, and never more held than is permitted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.protocol.assembly import SMALL_PART, Assembly, BodyKey, Refusal
from callosum.protocol.messages import Reply, Request, Type

KEY: BodyKey = (Type.REQUEST, 1)
OTHER: BodyKey = (Type.REPLY, 1)


def request():
    return Request(1, "S/m", None, 0, b"")


def test_a_body_is_joined_in_order():
    assembly = Assembly(100, 100)
    message = request()
    assembly.begin(KEY, message)
    assert assembly.add(KEY, b"ab") is None
    assert assembly.add(KEY, memoryview(b"cd")) is None
    assert assembly.size == 4
    assert assembly.finish(KEY) is message
    assert message.body == b"abcd"
    assert assembly.size == 0
    assert not assembly.unfinished


def test_a_request_and_a_reply_of_one_id_are_two_bodies():
    assembly = Assembly(100, 100)
    reply = Reply(1, b"")
    assembly.begin(KEY, request())
    assembly.begin(OTHER, reply)
    assembly.add(KEY, b"ab")
    assembly.add(OTHER, b"xyz")
    assert assembly.size == 5
    assert assembly.finish(OTHER).body == b"xyz"
    assert assembly.finish(KEY).body == b"ab"


def test_a_body_may_be_as_large_as_its_limit_and_no_larger():
    assembly = Assembly(4, 100)
    assembly.begin(KEY, request())
    assert assembly.add(KEY, b"abcd") is None
    assert assembly.add(KEY, b"e") is Refusal.TOO_LARGE
    assert KEY not in assembly.unfinished
    assert assembly.size == 0


def test_all_bodies_together_may_be_as_large_as_their_limit_and_no_larger():
    assembly = Assembly(100, 6)
    assembly.begin(KEY, request())
    assembly.begin(OTHER, Reply(1, b""))
    assert assembly.add(KEY, b"abcd") is None
    assert assembly.add(OTHER, b"ef") is None
    assert assembly.add(OTHER, b"g") is Refusal.TOO_MANY
    assert OTHER not in assembly.unfinished
    assert assembly.size == 4
    assert assembly.finish(KEY).body == b"abcd"


def test_what_is_too_large_by_itself_is_told_so_first():
    assembly = Assembly(3, 3)
    assembly.begin(KEY, request())
    assert assembly.add(KEY, b"abcd") is Refusal.TOO_LARGE


def test_a_body_in_very_small_fragments_takes_hardly_more_than_its_bytes():
    assembly = Assembly(100_000, 100_000)
    assembly.begin(KEY, request())
    for number in range(50_000):
        assembly.add(KEY, memoryview(bytes([number % 256])))
    assert len(assembly.unfinished[KEY].parts) <= 50_000 // SMALL_PART + 1
    assert assembly.finish(KEY).body == bytes(number % 256 for number in range(50_000))


def test_drop_gives_one_body_up_and_what_is_not_there_is_no_fault():
    assembly = Assembly(100, 100)
    assembly.begin(KEY, request())
    assembly.add(KEY, b"ab")
    assembly.drop(OTHER)
    assert assembly.size == 2
    assembly.drop(KEY)
    assembly.drop(KEY)
    assert assembly.size == 0


def test_a_fragment_of_what_was_given_up_is_a_fault_of_the_code():
    with pytest.raises(KeyError):
        Assembly(1, 1).add(KEY, b"")


def test_clear_gives_all_up():
    assembly = Assembly(100, 100)
    assembly.begin(KEY, request())
    assembly.add(KEY, b"ab")
    assembly.clear()
    assert assembly.size == 0
    assert not assembly.unfinished


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=6), st.booleans()), max_size=60))
def test_the_size_is_the_sum_of_what_is_held_and_within_the_limits(steps):
    assembly = Assembly(8, 16)
    held: dict[BodyKey, bytes] = {}
    for ident, part, last in steps:
        key: BodyKey = (Type.REQUEST, ident)
        if key not in held:
            assembly.begin(key, request())
            held[key] = b""
        whole = held[key] + part
        refusal = assembly.add(key, part)
        if refusal is None:
            held[key] = whole
        else:
            total = sum(map(len, held.values())) + len(part)
            assert refusal is (Refusal.TOO_LARGE if len(whole) > 8 else Refusal.TOO_MANY)
            assert len(whole) > 8 or total > 16
            del held[key]
        if last and key in held:
            assert assembly.finish(key).body == held.pop(key)
        assert assembly.size == sum(map(len, held.values())) <= 16
        assert assembly.unfinished.keys() == held.keys()
