"""Numbers of records: without gaps, kept until they are acknowledged, passed on once."""

from __future__ import annotations

import gc
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callosum.errors import ProtocolError
from callosum.protocol.messages import Message, Void
from callosum.protocol.positions import Gap, Receipt, ResendBudget, ResendBuffer


def records(count: int) -> list[Message]:
    return [Void() for _ in range(count)]


# --- what was sent ----------------------------------------------------------------------------------------------------


def test_records_are_numbered_from_one_without_gaps():
    buffer = ResendBuffer()
    assert buffer.append(records(3), 30, 0, 0.0) == 1
    assert buffer.append(records(2), 20, 5, 0.0) == 4
    assert (buffer.next, buffer.records, buffer.size, buffer.bulk) == (6, 5, 50, 5)
    assert [(batch.first, batch.end) for batch in buffer.batches_from(1)] == [(1, 4), (4, 6)]


def test_a_batch_without_numbered_records_is_not_kept():
    buffer = ResendBuffer()
    assert buffer.append([], 0, 0, 1.0) == 1
    assert (buffer.next, buffer.records, buffer.stalled_since) == (1, 0, None)
    assert buffer.batches_from(1) == ()


def test_what_is_acknowledged_is_let_go():
    buffer = ResendBuffer()
    buffer.append(records(3), 30, 10, 0.0)
    buffer.append(records(2), 20, 5, 0.0)
    assert buffer.acknowledge(4, 1.0)
    assert (buffer.acknowledged, buffer.records, buffer.size, buffer.bulk) == (4, 2, 20, 5)
    assert buffer.acknowledge(6, 1.0)
    assert (buffer.records, buffer.size, buffer.bulk) == (0, 0, 0)


def test_an_acknowledgement_inside_a_batch_keeps_the_rest_of_it():
    buffer = ResendBuffer()
    messages = records(4)
    buffer.append(messages, 40, 7, 0.0)
    assert buffer.acknowledge(3, 1.0)
    (batch,) = buffer.batches_from(3)
    assert (batch.first, batch.end, batch.messages) == (3, 5, messages[2:])
    assert [a is b for a, b in zip(batch.messages, messages[2:], strict=True)] == [True, True]
    assert (buffer.records, buffer.size, buffer.bulk) == (2, 40, 7)  # the bytes count until all of it is known
    assert buffer.acknowledge(5, 1.0)
    assert (buffer.size, buffer.bulk) == (0, 0)


def test_an_older_acknowledgement_is_ignored():
    buffer = ResendBuffer()
    buffer.append(records(3), 30, 0, 0.0)
    buffer.acknowledge(3, 1.0)
    for ack in (0, 1, 2, 3):
        assert not buffer.acknowledge(ack, 2.0)
    assert (buffer.acknowledged, buffer.stalled_since) == (3, 1.0)


def test_what_was_never_sent_cannot_be_acknowledged():
    buffer = ResendBuffer()
    buffer.append(records(3), 30, 0, 0.0)
    with pytest.raises(ProtocolError, match="only 3 records"):
        buffer.acknowledge(5, 1.0)
    assert buffer.acknowledge(4, 1.0)


def test_the_time_of_a_standstill_runs_from_the_last_progress():
    buffer = ResendBuffer()
    buffer.append(records(2), 1, 0, 5.0)
    buffer.append(records(2), 1, 0, 6.0)
    assert buffer.stalled_since == 5.0
    buffer.acknowledge(2, 7.0)
    assert buffer.stalled_since == 7.0
    buffer.acknowledge(5, 8.0)
    assert buffer.stalled_since is None
    buffer.append(records(1), 1, 0, 9.0)
    assert buffer.stalled_since == 9.0


def test_what_the_other_side_may_expect():
    buffer = ResendBuffer()
    buffer.append(records(5), 50, 0, 0.0)
    buffer.acknowledge(3, 0.0)
    for received in (3, 4, 6):
        assert [batch.first for batch in buffer.batches_from(received)] == [3]
    for received in (0, 2, 7):
        with pytest.raises(ProtocolError, match="between 3 and 6"):
            buffer.batches_from(received)


def test_after_the_end_nothing_is_kept():
    buffer = ResendBuffer()
    buffer.append(records(5), 50, 9, 0.0)
    buffer.clear()
    assert (buffer.size, buffer.bulk, buffer.stalled_since) == (0, 0, None)


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=60))
def test_what_is_kept_is_what_is_not_acknowledged(steps):
    buffer = ResendBuffer()
    sent: list[Message] = []
    for count, forward in steps:
        messages = records(count)
        assert buffer.append(messages, count, 0, 0.0) == len(sent) + 1
        sent += messages
        before = buffer.acknowledged
        ack = min(before + forward, buffer.next)
        assert buffer.acknowledge(ack, 0.0) is (ack > before)
        kept = [message for batch in buffer.batches_from(buffer.acknowledged) for message in batch.messages]
        assert list(map(id, kept)) == list(map(id, sent[buffer.acknowledged - 1 :]))
        assert buffer.records == len(kept) <= buffer.size
        assert (buffer.stalled_since is None) is (not kept)


# --- the bound of the process -----------------------------------------------------------------------------------------


class Owner:
    """A session that ends its buffer as soon as it is told, or later."""

    def __init__(self, budget: ResendBudget, *, at_once: bool = True) -> None:
        self.told = 0
        self.at_once = at_once
        self.buffer = budget.open_buffer(self.end)

    def end(self) -> None:
        self.told += 1
        if self.at_once:
            self.buffer.clear()

    def send(self, size: int) -> None:
        self.buffer.append(records(1), size, 0, 0.0)


def test_the_budget_is_the_sum_of_all_buffers():
    budget = ResendBudget(100)
    one, other = Owner(budget), Owner(budget)
    one.send(40)
    other.send(30)
    one.send(30)
    assert budget.size == 100
    one.buffer.acknowledge(2, 0.0)
    assert budget.size == 60
    one.buffer.clear()
    assert budget.size == 30
    assert one.told == other.told == 0


def test_over_the_budget_the_largest_holder_ends_and_no_other():
    budget = ResendBudget(100)
    small, large, last = Owner(budget), Owner(budget), Owner(budget)
    small.send(30)
    large.send(60)
    last.send(11)
    assert [owner.told for owner in (small, large, last)] == [0, 1, 0]
    assert budget.size == 41


def test_who_goes_over_the_budget_as_the_largest_ends_itself():
    budget = ResendBudget(100)
    small, large = Owner(budget), Owner(budget)
    small.send(30)
    large.send(71)
    assert (small.told, large.told) == (0, 1)
    assert budget.size == 30


def test_what_is_ending_counts_as_gone_and_is_told_once():
    budget = ResendBudget(100)
    small, large = Owner(budget), Owner(budget, at_once=False)
    large.send(80)
    small.send(30)
    assert large.told == 1
    small.send(40)  # 150 are kept, 80 of them by one that ends
    assert (small.told, large.told) == (0, 1)
    small.send(31)  # 101 without it
    assert small.told == 1
    large.buffer.clear()
    assert budget.size == 0


def test_where_nobody_is_left_to_end_nothing_happens():
    budget = ResendBudget(10)
    only = Owner(budget, at_once=False)
    only.send(11)
    only.send(11)
    assert only.told == 1
    assert budget.size == 22


def test_a_buffer_that_was_closed_is_not_told_any_more():
    budget = ResendBudget(10)
    gone, other = Owner(budget), Owner(budget)
    gone.buffer.clear()
    other.send(11)
    assert (gone.told, other.told) == (0, 1)


def test_the_budget_keeps_no_buffer_alive():
    budget = ResendBudget(10)
    owner = Owner(budget)
    owner.send(5)
    owner.buffer.clear()
    del owner
    gc.collect()
    assert len(budget._holders) == len(budget._ending) == 0


# --- what has arrived -------------------------------------------------------------------------------------------------


def receipt(size: int = 1000, *, count: int = 4, delay: float = 0.5) -> Receipt:
    return Receipt(count, size, delay)


def test_each_number_is_passed_on_once():
    received = receipt()
    assert received.accept(1, 3, 10, 0.0) == 0
    assert received.accept(4, 2, 10, 0.0) == 0
    assert received.expected == 6
    assert received.accept(4, 2, 10, 0.0) == 2
    assert received.accept(1, 3, 10, 0.0) == 3
    assert received.expected == 6
    assert received.accept(5, 3, 10, 0.0) == 1
    assert received.expected == 8


@pytest.mark.parametrize("numbered", [0, 1])
def test_a_gap_is_seen_even_by_a_batch_without_records(numbered):
    received = receipt()
    received.accept(1, 2, 10, 0.0)
    with pytest.raises(Gap, match="record 3 is missing"):
        received.accept(4, numbered, 10, 0.0)
    assert received.expected == 3


def test_a_batch_without_records_asks_for_no_acknowledgement():
    received = receipt()
    assert received.accept(1, 0, 5000, 0.0) == 0
    assert received.due == math.inf


def test_an_acknowledgement_is_due_after_its_delay_from_the_first_record():
    received = receipt()
    received.accept(1, 1, 10, 2.0)
    assert received.due == 2.5
    received.accept(2, 1, 10, 2.2)
    assert received.due == 2.5
    assert received.acknowledged() == 3
    assert received.due == math.inf
    received.accept(3, 1, 10, 3.0)
    assert received.due == 3.5


def test_an_acknowledgement_is_due_at_once_after_so_many_records():
    received = receipt()
    received.accept(1, 3, 10, 2.0)
    assert received.due == 2.5
    received.accept(4, 1, 10, 2.1)
    assert received.due == 2.1


def test_an_acknowledgement_is_due_at_once_after_so_many_bytes():
    received = receipt(100)
    received.accept(1, 1, 99, 2.0)
    assert received.due == 2.5
    received.accept(2, 1, 1, 2.1)
    assert received.due == 2.1


def test_counting_begins_anew_with_each_acknowledgement():
    received = receipt(100)
    received.accept(1, 3, 99, 2.0)
    received.acknowledged()
    received.accept(4, 3, 99, 3.0)
    assert received.due == 3.5


def test_what_was_had_before_is_acknowledged_again():
    received = receipt()
    received.accept(1, 2, 10, 0.0)
    received.acknowledged()
    received.accept(1, 2, 10, 1.0)
    assert received.due == 1.5
    assert received.acknowledged() == 3


@settings(deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(-6, 3), st.integers(0, 5)), max_size=60))
def test_whatever_comes_again_is_passed_on_once_and_in_order(steps):
    received = receipt()
    passed: list[int] = []
    for offset, numbered in steps:
        seq = max(1, received.expected + offset)
        if seq > received.expected:
            with pytest.raises(Gap):
                received.accept(seq, numbered, 1, 0.0)
            continue
        passed += list(range(seq, seq + numbered))[received.accept(seq, numbered, 1, 0.0) :]
        assert passed == list(range(1, received.expected))


def test_who_waits_for_an_acknowledgement_gets_it_at_once() -> None:
    receipt = Receipt(64, 1 << 18, 0.025)
    receipt.accept(1, 1, 10, 5.0)
    assert receipt.due == 5.025
    receipt.hasten(5.001)
    assert receipt.due == 5.001
    receipt.acknowledged()
    assert receipt.due == math.inf
