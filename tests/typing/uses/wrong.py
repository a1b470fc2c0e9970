"""Uses of generated modules that type checkers flag: each marked line, by both, for the reasons that it names."""

from collections.abc import AsyncIterator, Awaitable
from typing import assert_never

from shop_idl.shop import (
    LARGEST,
    PRICES,
    UNITS,
    Colour,
    Feed,
    FeedHandler,
    Item,
    Payment,
    Shop,
    ShopHandler,
    ShopLike,
    SoldOut,
    Spot,
)

import callosum


def structs(item: Item, spot: Spot) -> None:
    Item()  # E: call-arg, reportCallIssue - a required field is missing
    Spot(1.0)  # E: call-arg, reportCallIssue
    SoldOut()  # E: call-arg, reportCallIssue
    Item(1, weight=2)  # E: call-arg, reportCallIssue - no such field
    Item("1")  # E: arg-type, reportArgumentType - the type of a field
    Item(1, name=None)  # E: arg-type, reportArgumentType - what is not optional is not None
    Item(1, colour=1)  # E: arg-type, reportArgumentType - a number is no member
    Item(1, tags="red")  # E: arg-type, reportArgumentType
    Item(1, sizes={[1]})  # E: arg-type, reportArgumentType - elements of sets are tuples
    Item(1, "tea")  # E: call-arg, reportCallIssue - only required fields have a position
    item.weight = 2  # E: attr-defined, reportAttributeAccessIssue
    item.id = None  # E: assignment, reportAttributeAccessIssue
    spot.x = 2.0  # E: misc, reportAttributeAccessIssue - it is frozen


def optionals(item: Item) -> int:
    total = item.cents + 1  # E: operator, reportOptionalOperand - it may be None
    name = item.colour.name  # E: union-attr, reportOptionalMemberAccess
    return total + len(name)


def unions(payment: Payment, item: Item) -> None:
    Payment()  # E: call-overload, reportCallIssue - exactly one
    Payment(card="4711", cash=3)  # E: call-overload, reportCallIssue
    Payment(coupon="half")  # E: call-overload, reportCallIssue
    Payment(cash="3")  # E: call-overload, reportArgumentType
    Payment("4711")  # E: call-overload, reportCallIssue
    Payment(card=None)  # E: call-overload, reportArgumentType
    payment.coupon  # E: attr-defined, reportAttributeAccessIssue
    len(payment.card)  # E: arg-type, reportArgumentType - another one may be set
    payment.which == "coupon"  # E: comparison-overlap, reportUnnecessaryComparison - no such name


def arms(payment: Payment) -> int:
    which = payment.which
    match which:
        case "card":
            return 1
        case "cash":
            return 2
        case _:
            assert_never(which)  # E: arg-type, reportArgumentType - swap is left


def members(colour: Colour) -> int:
    Colour("RED")  # E: arg-type
    Colour.BLUE  # E: attr-defined, reportAttributeAccessIssue
    text: str = colour  # E: assignment, reportAssignmentType
    match colour:
        case Colour.RED:
            return len(text)
        case _:
            assert_never(colour)  # E: arg-type, reportArgumentType - GREEN is left


def constants() -> None:
    global LARGEST
    LARGEST = 11  # E: misc, reportGeneralTypeIssues - it is Final
    UNITS.append("litre")  # E: attr-defined, reportAttributeAccessIssue
    PRICES["tea"] = 4  # E: index, reportIndexIssue
    len(LARGEST)  # E: arg-type, reportArgumentType


class Incomplete(ShopHandler):
    async def ping(self) -> None:
        pass

    async def find(self, name: str) -> Item:
        raise SoldOut(1)

    async def add(self, item: Item, count: int = 1) -> int:
        return item.name  # E: return-value, reportReturnType

    async def pay(self, payment: Payment) -> Payment:
        return payment


class Mistyped(ShopHandler):
    async def ping(self, loudly: bool) -> None:  # E: override, reportIncompatibleMethodOverride - one parameter more
        pass

    async def find(self, name: int) -> Item:  # E: override, reportIncompatibleMethodOverride
        raise SoldOut(1)

    async def add(self, item: Item, count: int = 1) -> str:  # E: override, reportIncompatibleMethodOverride
        return item.name

    async def pay(self) -> Payment:  # E: override, reportIncompatibleMethodOverride - one parameter less
        return Payment(cash=1)

    def forget(self, id: int) -> None:  # E: override, reportIncompatibleMethodOverride - it is not async
        pass


Items = AsyncIterator[Item]


class MistypedFeed(FeedHandler):
    async def ping(self) -> None:
        pass

    async def tail(self, name: str) -> AsyncIterator[Item]:  # E: override, reportIncompatibleMethodOverride - no yield
        raise SoldOut(1)

    async def upload(self, name: str, chunk: bytes) -> int:  # E: override, reportIncompatibleMethodOverride
        return len(chunk)

    async def talk(self, said: Items) -> AsyncIterator[str]:  # E: override, reportIncompatibleMethodOverride
        async for item in said:
            yield item.id  # E: misc, reportReturnType


async def streams(peer: callosum.Peer, texts: AsyncIterator[str], items: AsyncIterator[Item]) -> None:
    feed = peer.stub(Feed)
    await feed.tail("tea")  # E: misc, reportGeneralTypeIssues - it is a stream
    feed.tail(1)  # E: arg-type, reportArgumentType
    async for item in feed.tail("tea"):
        item.weight  # E: attr-defined, reportAttributeAccessIssue
    await feed.upload("tea")  # E: call-arg, reportCallIssue - the stream is missing
    await feed.upload("tea", texts)  # E: arg-type, reportArgumentType
    await feed.upload("tea", [b"x"])  # E: arg-type, reportArgumentType - no asynchronous iterable
    async for _ in feed.upload("tea", texts):  # E: attr-defined, reportGeneralTypeIssues - it is awaited
        pass
    feed.talk(texts)  # E: arg-type, reportArgumentType
    await feed.talk().send("tea")  # E: arg-type, reportArgumentType
    feed.tail("tea").send  # E: attr-defined, reportAttributeAccessIssue
    number: int = await anext(feed.talk(items))  # E: arg-type, reportAssignmentType
    print(number)


class MistypedInThread(ShopHandler):
    @callosum.in_thread
    def find(self, name: int) -> Item:  # E: override, reportIncompatibleMethodOverride
        raise SoldOut(1)

    @callosum.in_thread
    def add(self, item: Item, count: int = 1) -> str:  # E: override, reportIncompatibleMethodOverride
        return item.name


class Unlike:
    async def ping(self) -> None:
        pass


async def calls(peer: callosum.Peer, item: Item) -> None:
    Incomplete()  # E: abstract, reportAbstractUsage - forget is missing
    stub = peer.stub(Shop)
    await stub.find(1)  # E: arg-type, reportArgumentType
    await stub.find()  # E: call-arg, reportCallIssue
    await stub.find(names="tea")  # E: call-arg, reportCallIssue
    await stub.search("tea")  # E: attr-defined, reportAttributeAccessIssue
    await stub.add(item, "two")  # E: arg-type, reportArgumentType
    await stub.add("tea")  # E: arg-type, reportArgumentType
    text: str = await stub.find("tea")  # E: assignment, reportAssignmentType - the type of the result
    number: Item = await stub.add(item)  # E: assignment, reportAssignmentType
    (await stub.find("tea")).weight  # E: attr-defined, reportAttributeAccessIssue
    nothing: Awaitable[int] = stub.forget(1)  # E: assignment, reportAssignmentType
    stub.find("tea").name  # E: attr-defined, reportAttributeAccessIssue - it is not awaited
    stub.with_options(timeout="soon")  # E: arg-type, reportArgumentType
    stub.with_options(timeout=1.0).search  # E: attr-defined, reportAttributeAccessIssue
    like: ShopLike = Unlike()  # E: assignment, reportAssignmentType
    print(text, number, nothing, like)


def blocking_calls(peer: callosum.blocking.Peer, item: Item) -> None:
    stub = peer.stub(Shop)
    stub.find(1)  # E: arg-type, reportArgumentType
    stub.find()  # E: call-arg, reportCallIssue
    stub.search("tea")  # E: attr-defined, reportAttributeAccessIssue
    number: Item = stub.add(item)  # E: assignment, reportAssignmentType
    stub.find("tea").weight  # E: attr-defined, reportAttributeAccessIssue
    stub.with_options(timeout="soon")  # E: arg-type, reportArgumentType
    like: ShopLike = stub  # E: assignment, reportAssignmentType - its methods are not async
    print(number, like)


async def awaited(peer: callosum.blocking.Peer) -> None:
    await peer.stub(Shop).find("tea")  # E: misc, reportGeneralTypeIssues - it is there already


def blocking_endpoints() -> None:
    callosum.blocking.connect("tcp://127.0.0.1:1", connect_timeout="soon")  # E: arg-type, reportArgumentType
    callosum.blocking.connect("tcp://127.0.0.1:1", patience=1.0)  # E: call-arg, reportCallIssue
    callosum.blocking.listen("tcp://127.0.0.1:1")  # E: call-arg, reportCallIssue
