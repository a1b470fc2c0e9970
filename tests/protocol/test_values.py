"""Values are counted before they are made: what is malformed is left to msgpack, what is too much is refused."""

from __future__ import annotations

import random
import tracemalloc

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.errors import ProtocolError
from callosum.protocol import headers, limits
from callosum.protocol.messages import Extension, Request
from callosum.protocol.values import check_values

FREE = limits.FREE_VALUES
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner, max_size=20),
    max_leaves=200,
)


def count(value: object) -> int:
    if isinstance(value, list):
        return 1 + sum(map(count, value))
    if isinstance(value, dict):
        return 1 + sum(1 + count(one) for one in value.values())
    return 1


def passes(data: bytes | memoryview, expected: int = 0) -> bool:
    try:
        check_values(data, expected)
    except ValueError:
        return False
    return True


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(values, st.sampled_from([0, 100, 1000]))
def test_every_value_counts_and_nothing_else(value, padding):
    data = msgpack.packb([value, b"x" * padding])
    assert passes(data) is (count(value) + 2 <= FREE + len(data) // limits.VALUE_BYTES)
    assert passes(memoryview(data)) is passes(data)


@pytest.mark.parametrize("one", [0, -1, 127, 128, 256, 2**16, 2**32, -(2**7), -(2**15), -(2**31), -(2**63), 2**64 - 1])
@pytest.mark.parametrize("size", [0, 31, 32, 255, 256, 65_536])
def test_numbers_texts_and_bytes_of_every_length_are_passed_over(one, size):
    data = msgpack.packb([one, "x" * size, b"x" * size, 1.5, None, True, [0] * FREE])
    spare = FREE + len(data) // limits.VALUE_BYTES - 8 - FREE
    assert passes(data, spare)
    assert not passes(data, spare + 1)
    assert passes(data + msgpack.packb([0] * 1000), spare)  # what follows is not looked at


@pytest.mark.parametrize("length", [1, 15, 16, 70_000])
def test_lists_and_maps_of_every_length_are_counted(length):
    for value in ([2**40] * length, {str(number): 2**40 for number in range(length)}):
        data = msgpack.packb([value, b"x" * 200])
        spare = FREE + len(data) // limits.VALUE_BYTES - count(value) - 2
        assert passes(data, spare)
        assert not passes(data, spare + 1)


def test_what_is_short_may_hold_what_it_can():
    assert passes(b"\xdc\x00\x3d" + b"\x01" * 61)
    assert passes(msgpack.packb([[], {}, [], {}, []]))
    nested = b"\x9f" * 40
    assert not passes(nested)
    assert not passes(b"\xdd\xff\xff\xff\xff" * 6)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\xc7\x01\x00x", b"\xdd\x00", b"\xd9", b"\x93\xc1"])
def test_what_is_malformed_is_left_to_msgpack(data):
    check_values(data)
    check_values(data.rjust(70, b"\x91"))
    with pytest.raises(ProtocolError):
        headers.decode_message(data, b"", 0)


def test_any_bytes_are_counted_or_refused():
    rng = random.Random(7)
    for _ in range(5_000):
        passes(rng.randbytes(rng.randrange(200)))


@pytest.mark.parametrize("value", [b"\x90", b"\x80", b"\x9f", b"\xdc\x3f\xff", b"\x81\xa0"])
def test_a_header_that_would_be_large_in_memory_is_refused_before_it_is(value):
    header = b"\x93\x40\x00\xdc\x0f\x00" + value * (0x0F00 // len(value))
    tracemalloc.start()
    with pytest.raises(ProtocolError, match="too many values"):
        headers.decode_message(header, b"", 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000


def test_a_sender_finds_out_before():
    many = {f"{number:02}": "" for number in range(100)}
    with pytest.raises(ValueError, match="too many values"):
        headers.check_header(Request(0, "S/m", None, 0, b"", metadata=many))
    fewer = {f"{number:02}": "" for number in range(20)}
    request = Request(0, "S/m", None, 0, b"", metadata=fewer)
    with pytest.raises(ValueError, match="too many values"):  # as many as there is room for
        for number in range(100):
            headers.check_header(request)
            fewer[f"{number:x}"] = ""
    fewer.popitem()
    request.id, request.parent, request.timeout_ms = 2**40, 1, 2**40
    assert isinstance(headers.decode_message(headers.header_and_body(request)[0], b"", 0), Request)


def test_an_extension_may_hold_what_is_permitted():
    header = msgpack.packb([64, 0, [[]] * 55, "x" * 100])
    assert isinstance(headers.decode_message(header, b"", 0), Extension)
