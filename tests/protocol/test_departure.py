from __future__ import annotations

import math

import pytest

from callosum.protocol import wire
from callosum.protocol.departure import MAX_TIMEOUT, Departure, next_part, set_timeout
from callosum.protocol.limits import FRAGMENT, INLINE_BODY
from callosum.protocol.messages import Fragment, Item, Reply, Request, Type


def test_an_endless_deadline_is_a_long_timeout():
    request = Request(0, "S/m", None, 0, b"", deadline=math.inf)
    set_timeout(request, 5.0)
    assert request.timeout_ms == MAX_TIMEOUT * 1000
    request.deadline, request.timeout_ms = None, 7
    set_timeout(request, 5.0)
    assert request.timeout_ms == 7


def test_the_fragments_of_a_body_are_all_of_it():
    body = bytes(range(256)) * (FRAGMENT // 100)
    parts, offset = [], 0
    while offset < len(body):
        part, offset = next_part(body, offset)
        parts.append(part)
    assert [len(part) for part in parts] == [FRAGMENT, FRAGMENT, len(body) - 2 * FRAGMENT]
    assert b"".join(parts) == body


@pytest.mark.parametrize("size", [0, 1, FRAGMENT])
def test_a_body_that_is_no_longer_than_a_fragment_is_not_copied(size):
    body = bytes(size)
    part, end = next_part(body, 0)
    assert part is body
    assert end == size


@pytest.mark.parametrize("size", [10, INLINE_BODY + 1])
def test_what_is_large_counts_for_both_bounds(size):
    departure = Departure()
    departure.put_bulk(reply := Reply(1, bytes(size)))
    frames = departure.finish(7, 3, 0)
    (found,) = wire.decode(frames).messages
    assert isinstance(found, Reply)
    assert bytes(found.body) == reply.body
    assert departure.messages == [reply]
    assert departure.bulk == size
    assert departure.size == departure.length - wire.HEAD_SIZE + (size if size > INLINE_BODY else 0)


def test_a_fragment_and_a_large_body_have_no_company():
    alone, large, small = Departure(), Departure(), Departure()
    alone.put_bulk(Fragment(Item(1, b""), Type.ITEM, 1, b"x", more=True))
    large.put_bulk(Item(1, bytes(INLINE_BODY + 1)))
    small.put_bulk(Item(1, b"x"))
    assert [one.may_go_on for one in (Departure(), alone, large, small)] == [True, False, False, True]
