"""The live orders by themselves: who may run, whose outcome leaves, and what is left over."""

from __future__ import annotations

from typing import Any

import pytest

import callosum
from callosum import OrderedReplies, SerializedByKey, Unordered
from callosum.protocol.messages import ONEWAY, Request
from callosum.session.scheduling import Order, ReplyOrder, SerialOrder, Stage, check_scheduling, make_order, policy_for


class Call:
    """What an order looks at of a call."""

    def __init__(self, name: str, flags: int = 0, parent: int = 0) -> None:
        self.name = name
        self.request = Request(1, "S/m", None, flags, b"", parent=parent)
        self.place: Any = None
        self.departed: Any = None
        self.is_large = False

    def is_departing(self, then: Any) -> bool:
        self.departed = then
        return self.is_large


class Desk:
    """Takes calls to an order, and notes what it lets run and leave."""

    def __init__(self, policy: Any) -> None:
        self.admitted: list[str] = []
        self.left: list[str] = []
        self.hurried: list[str] = []

        def admit(call: Any) -> None:
            self.admitted.append(call.name)

        def hurry(call: Any) -> None:
            self.hurried.append(call.name)

        order = make_order(policy, admit, hurry)
        assert order is not None
        self.order: Order = order

    def take(self, name: str, key: Any = "k", flags: int = 0, parent: int = 0) -> Any:
        call: Any = Call(name, flags, parent)
        call.place = self.order.take(call, key)
        return call.place

    def arrive(self, name: str, key: Any = "k", parent: int = 0) -> Any:
        place = self.take(name, key, parent=parent)
        if self.order.ready(place):
            self.admitted.append(name)
        return place

    def settle(self, place: Any, size: int = 1) -> None:
        place.settle(lambda: self.left.append(place.call.name), size)


@pytest.fixture
def serial() -> Desk:
    return Desk(SerializedByKey())


@pytest.fixture
def replies() -> Desk:
    return Desk(OrderedReplies(key_bytes=10, peer_bytes=25))


# --- policies ---------------------------------------------------------------------------------------------------------


def test_each_policy_has_its_order():
    def admit(call: object) -> None:
        raise AssertionError("nothing waits")

    assert make_order(Unordered(), admit, admit) is None
    assert isinstance(make_order(OrderedReplies(), admit, admit), ReplyOrder)
    assert isinstance(make_order(SerializedByKey(), admit, admit), SerialOrder)


def test_policies_are_values():
    assert OrderedReplies(key_bytes=5) == OrderedReplies(key_bytes=5) != OrderedReplies()
    with pytest.raises(AttributeError):
        OrderedReplies().key_bytes = 3  # type: ignore[misc]


@pytest.mark.parametrize("bounds", [{"key_bytes": 0}, {"peer_bytes": -1}])
def test_bounds_that_cannot_be(bounds):
    with pytest.raises(callosum.ConfigurationError, match="numbers of bytes above 0"):
        OrderedReplies(**bounds)


@pytest.mark.parametrize(
    ("scheduling", "text"),
    [
        (SerializedByKey, r"give an instance, SerializedByKey\(\)"),
        ("serialized", "give Unordered.* or a function"),
        (None, "or a function"),
    ],
)
def test_what_is_no_scheduling(scheduling, text):
    with pytest.raises(callosum.ConfigurationError, match=text):
        check_scheduling(scheduling)


def test_a_policy_for_each_peer():
    peer: Any = "peer"
    check_scheduling(SerializedByKey())
    check_scheduling(lambda peer: SerializedByKey())
    assert policy_for(Unordered(), peer) == Unordered()
    assert policy_for(lambda peer: OrderedReplies(), peer) == OrderedReplies()
    with pytest.raises(callosum.ConfigurationError, match="returned None for 'peer'"):
        policy_for(lambda peer: None, peer)  # type: ignore[arg-type, return-value]


# --- serialized -------------------------------------------------------------------------------------------------------


def test_one_of_a_key_at_a_time(serial):
    a, b, c = (serial.arrive(name) for name in "abc")
    other = serial.arrive("other", key="j")
    assert serial.admitted == ["a", "other"]
    serial.settle(a)
    assert serial.admitted == ["a", "other", "b"]
    serial.settle(b)
    serial.settle(other)
    serial.settle(c)
    assert serial.left == ["a", "b", "other", "c"]
    assert serial.order.lines == {}


def test_keys_of_different_types_are_different_keys(serial):
    for key in (1, "1", b"1"):
        serial.arrive(repr(key), key)
    assert serial.admitted == ["1", "'1'", "b'1'"]
    assert len(serial.order.lines) == 3


def test_a_call_that_is_not_whole_keeps_its_turn(serial):
    large = serial.take("large")
    small = serial.arrive("small")
    assert serial.admitted == []
    assert serial.order.ready(large)
    assert small.stage is Stage.WAITING
    serial.settle(large)
    assert serial.admitted == ["small"]


def test_one_that_gives_its_place_up_while_it_arrives_lets_the_next_go_on(serial):
    large = serial.take("large")
    serial.arrive("small")
    serial.order.withdraw(large)
    assert serial.admitted == ["small"]
    serial.order.withdraw(large)
    assert serial.admitted == ["small"], "twice does nothing"


def test_the_next_one_is_not_whole_when_its_turn_comes(serial):
    first, large = serial.arrive("first"), serial.take("large")
    serial.settle(first)
    assert serial.admitted == ["first"]
    assert serial.order.ready(large)


def test_one_in_the_middle_gives_its_place_up(serial):
    a, b, c, d = (serial.arrive(name) for name in "abcd")
    serial.order.withdraw(b)
    serial.order.withdraw(d)
    assert serial.admitted == ["a"]
    serial.settle(a)
    serial.settle(c)
    assert serial.admitted == ["a", "c"]
    assert serial.order.lines == {}


def test_a_handler_whose_caller_has_gone_has_its_turn_until_it_ends(serial):
    a, _ = serial.arrive("a"), serial.arrive("b")
    serial.order.forsake(a)
    assert serial.admitted == ["a"]
    serial.settle(a)
    assert serial.admitted == ["a", "b"]


def test_a_call_within_another_of_its_key(serial):
    held, waits = serial.arrive("a"), serial.arrive("b")
    serial.arrive("c", key="j")
    assert serial.order.refuses_within
    assert serial.order.is_within([Call("x"), held.call], "k")
    assert not serial.order.is_within([held.call], "j")
    assert not serial.order.is_within([held.call], "idle")
    assert not serial.order.is_within([], "k")
    serial.settle(held)
    assert not serial.order.is_within([held.call], "k")
    assert serial.order.is_within([waits.call], "k")


# --- ordered replies --------------------------------------------------------------------------------------------------


def test_outcomes_leave_in_the_order_of_arrival(replies):
    a, b, c = (replies.arrive(name) for name in "abc")
    other = replies.arrive("other", key="j")
    assert replies.admitted == ["a", "b", "c", "other"]
    replies.settle(c)
    replies.settle(other)
    assert replies.left == ["other"]
    assert (c.line.held, replies.order.held) == (1, 1)
    replies.settle(a)
    assert replies.left == ["other", "a"]
    replies.settle(b)
    assert replies.left == ["other", "a", "b", "c"]
    assert replies.order.lines == {}
    assert replies.order.held == 0


def test_a_oneway_has_no_place(replies):
    assert replies.take("oneway", flags=ONEWAY) is None
    assert replies.order.lines == {}


def test_one_that_has_gone_holds_nobody_back(replies):
    a, b, c = (replies.arrive(name) for name in "abc")
    replies.settle(b)
    replies.settle(c)
    replies.order.forsake(a)
    assert replies.left == ["b", "c"]
    replies.settle(a)
    assert replies.left == ["b", "c", "a"], "it goes by itself, and nobody hears it"
    assert replies.order.lines == {}


def test_what_is_held_back_may_be_dropped(replies):
    a, b, c = (replies.arrive(name) for name in "abc")
    replies.settle(b, 4)
    replies.settle(c, 4)
    replies.order.withdraw(b)
    assert replies.order.held == 4
    replies.settle(a)
    assert replies.left == ["a", "c"]
    assert replies.order.held == 0


def test_at_the_bound_of_a_key_its_handlers_wait_and_others_do_not(replies):
    a, b = replies.arrive("a"), replies.arrive("b")
    replies.settle(b, 10)
    c, d = replies.arrive("c"), replies.arrive("d")
    replies.arrive("other", key="j")
    assert replies.admitted == ["a", "b", "other"]
    replies.settle(a)
    assert replies.left == ["a", "b"]
    assert replies.admitted == ["a", "b", "other", "c"], "d is expected to return as much as b did"
    replies.settle(c, 1)
    assert replies.admitted[-1] == "d"
    replies.settle(d)
    assert replies.left == ["a", "b", "c", "d"]


def test_handlers_that_run_are_reckoned_with(replies):
    first, one = replies.arrive("first"), replies.arrive("one")
    replies.settle(one, 3)
    names = [replies.arrive(str(n)).call.name for n in range(5)]
    assert replies.admitted == ["first", "one", names[0]], "held 3, and two under way that return some 3 each"
    replies.settle(first, 1)
    assert len(replies.admitted) == 5


def test_the_first_of_a_line_never_waits(replies):
    large = replies.take("large")
    b = replies.arrive("b")
    replies.settle(b, 30)
    assert replies.order.ready(large), "nothing else could end it"
    replies.settle(large)
    assert replies.left == ["large", "b"]


def test_the_one_that_becomes_the_first_waits_no_longer(replies):
    a, b = replies.arrive("a"), replies.arrive("b")
    replies.settle(b, 30)
    c = replies.arrive("c")
    waits = replies.arrive("d")
    replies.order.withdraw(waits)
    assert replies.admitted == ["a", "b"]
    replies.order.withdraw(a)
    assert replies.admitted == ["a", "b", "c"]
    replies.settle(c)
    assert replies.order.lines == {}
    assert replies.order._stalled == {}


def test_at_the_bound_of_the_peer_all_keys_wait(replies):
    places = {}
    for key in "xyz":
        places[key] = replies.arrive(f"{key}1", key)
        replies.settle(replies.arrive(f"{key}2", key), 9)
    replies.arrive("x3", "x")
    replies.arrive("y3", "y")
    replies.arrive("new", "new")
    assert "x3" not in replies.admitted
    assert "y3" not in replies.admitted
    assert "new" in replies.admitted, "the first of its key"
    replies.settle(places["z"], 1)
    assert replies.order.held == 18
    assert "x3" not in replies.admitted, "x2 returned 9 of the 10 bytes that a key may hold"
    replies.settle(places["y"], 1)
    assert "y3" in replies.admitted


def test_what_is_large_is_not_overtaken_on_its_way(replies):
    a, b, c, d = (replies.arrive(name) for name in "abcd")
    a.call.is_large = c.call.is_large = True
    for place in (b, c, d, a):
        replies.settle(place)
    assert replies.left == ["a"]
    assert a.stage is Stage.LEAVING
    assert (a.line.held, a.line.running) == (3, 0)
    a.call.departed()
    assert replies.left == ["a", "b", "c"]
    assert c.stage is Stage.LEAVING
    assert replies.order.held == 1
    c.call.departed()
    assert replies.left == ["a", "b", "c", "d"]
    assert replies.order.lines == {}
    assert replies.order.held == 0


def test_the_reckoning_forgets_a_single_large_outcome(replies):
    line = replies.arrive("first").line
    replies.settle(replies.arrive("large"), 8)
    for _ in range(20):
        place = replies.take("small")
        place.stage = Stage.ADMITTED
        line.running += 1
        replies.settle(place, 0)
    assert line.expected < 8


def test_a_call_within_another_of_its_key_has_no_place(replies):
    assert not replies.order.refuses_within
    held = replies.arrive("a")
    assert replies.order.is_within([held.call], "k")


# --- nested calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [OrderedReplies(), SerializedByKey()], ids=["OrderedReplies", "SerializedByKey"])
def test_those_for_which_a_nested_call_waits_need_no_slot(policy):
    desk = Desk(policy)
    a, b = desk.arrive("a"), desk.arrive("b")
    assert desk.hurried == []
    nested = desk.arrive("nested", parent=7)
    behind = desk.arrive("behind")
    assert desk.hurried == ["a"], "the first alone"
    assert not nested.takes_slot
    desk.settle(a)
    assert desk.hurried == ["a", "b"]
    desk.order.withdraw(nested)
    desk.settle(b)
    assert desk.hurried == ["a", "b"], "nobody nested waits behind it"
    assert behind.takes_slot
    desk.settle(behind)
    assert desk.order.lines == {}
