"""The call window: both sides count the same, and nothing is ever stuck."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.protocol.credit import ReceiveWindow, SendWindow


def test_a_window_is_open_while_both_calls_and_bytes_are_left():
    assert SendWindow(1, 1).is_open
    assert not SendWindow(0, 1).is_open
    assert not SendWindow(1, 0).is_open
    assert not SendWindow(1, -1).is_open


def test_begin_and_take_back():
    window = SendWindow(2, 100)
    window.begin_call(60)
    window.begin_call(30)
    assert (window.calls, window.size) == (0, 10)
    assert not window.is_open
    window.take_back(1, 60)
    assert (window.calls, window.size) == (1, 70)
    assert window.is_open


def test_one_call_overdraws_and_it_alone_goes_on():
    window = SendWindow(5, 100)
    large, other = object(), object()
    window.begin_call(60, large)
    assert window.may_spend(other)
    window.spend(60, large)
    assert window.size == -20
    assert window.may_spend(large)
    assert not window.may_spend(other)
    assert not window.is_open
    window.spend(60, large)
    assert window.size == -80
    window.take_back(0, 81)
    assert window.may_spend(other)
    window.spend(1, other)
    assert window.may_spend(other)
    assert not window.may_spend(large)


def test_a_call_that_begins_with_the_last_byte_overdraws():
    window = SendWindow(5, 10)
    large = object()
    window.begin_call(10, large)
    assert window.may_spend(large)


def test_a_whole_call_that_overdraws_leaves_nobody_the_right_to_go_on():
    window = SendWindow(5, 10)
    window.begin_call(11)
    assert not window.may_spend(object())


def test_the_receiver_permits_what_the_sender_may_send():
    window = ReceiveWindow(2, 100)
    assert window.begin_call(1, 99)
    assert window.begin_call(3, 50)  # overdraws
    assert window.spend(3, 50)
    assert not window.spend(1, 1)
    assert not window.begin_call(5, 0)


def test_a_call_beyond_the_number_is_not_permitted():
    window = ReceiveWindow(1, 100)
    assert window.begin_call(1, 1)
    assert not window.begin_call(3, 1)


def test_nothing_is_permitted_when_exactly_nothing_is_left():
    window = ReceiveWindow(5, 100)
    assert window.begin_call(1, 50)
    assert window.begin_call(3, 50)
    assert not window.begin_call(5, 0)
    assert not window.spend(1, 1)
    assert window.spend(3, 1)


def test_who_was_not_permitted_gets_no_right_to_overdraw():
    window = ReceiveWindow(1, 100)
    window.begin_call(1, 10)
    assert not window.begin_call(3, 200)
    assert not window.spend(3, 1)
    assert not window.spend(3, 1)


def test_a_fragment_may_take_the_last_byte():
    window = ReceiveWindow(2, 100)
    window.begin_call(1, 10)
    assert window.spend(1, 90)
    assert window.spend(1, 5)


def test_credit_returns_in_eighths():
    window = ReceiveWindow(80, 8000)
    for _ in range(40):
        window.begin_call(1, 1)
    assert [window.owe(1, 1) for _ in range(10)] == [False] * 9 + [True]
    assert window.take_owed() == (10, 10)
    assert window.take_owed() == (0, 0)


def test_credit_returns_by_bytes_too():
    window = ReceiveWindow(80, 800)
    for _ in range(3):
        window.begin_call(1, 60)
    assert not window.owe(1, 60)
    assert window.owe(1, 60)


def test_credit_returns_earlier_where_little_is_left():
    window = ReceiveWindow(16, 10_000)
    for ident in range(15):
        window.begin_call(ident, 1)
    assert window.owe(1, 1)  # of 16 one is left: an eighth, two, must not be waited for
    window = ReceiveWindow(16, 1600)
    window.begin_call(1, 1550)
    assert window.owe(0, 50)


def test_nothing_owed_is_nothing_to_return():
    window = ReceiveWindow(1, 10)
    window.begin_call(1, 100)
    assert not window.owe(0, 0)


@pytest.mark.parametrize(("calls", "size"), [(1, 1), (2, 5), (7, 7)])
def test_the_smallest_windows_return_at_once(calls, size):
    window = ReceiveWindow(calls, size)
    window.begin_call(1, size)
    assert window.owe(1, size)


@settings(deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 20),
    st.integers(1, 200),
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=80),
)
def test_both_sides_agree_and_a_sender_with_nothing_under_way_may_send(calls, size, steps):
    """What the sender sends by its window is always permitted, and no credit is ever lost."""
    sender, receiver = SendWindow(calls, size), ReceiveWindow(calls, size)
    running: list[int] = []
    for length, done in steps:
        if sender.is_open and not done:
            sender.begin_call(length)
            assert receiver.begin_call(1, length)
            running.append(length)
        elif running and receiver.owe(1, running.pop()):
            sender.take_back(*receiver.take_owed())
        if not running:
            assert sender.is_open


def test_a_fragment_that_leaves_something_overdraws_nothing():
    window = SendWindow(5, 100)
    one, other = object(), object()
    window.begin_call(10, one)
    window.spend(10, one)
    assert (window.size, window.overdrawing) == (80, None)
    window.spend(80, other)
    assert (window.may_spend(one), window.may_spend(other)) == (False, True)
