"""Uses of generated modules that type checkers have nothing to say about, and what they take the types for."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from types import MappingProxyType
from typing import Protocol, assert_never, assert_type

from shop_idl.shop import (
    LARGEST,
    PRICES,
    UNITS,
    Base,
    BaseBlockingStub,
    BaseLike,
    BaseStub,
    Colour,
    Feed,
    FeedHandler,
    FeedLike,
    FeedStub,
    Id,
    Item,
    More,
    MoreHandler,
    MoreStub,
    Payment,
    Shop,
    ShopBlockingStub,
    ShopHandler,
    ShopLike,
    ShopStub,
    SoldOut,
    Spot,
)

import callosum


class MyShop(ShopHandler):
    def __init__(self) -> None:
        self.items: dict[Id, Item] = {}

    async def ping(self) -> None:
        pass

    async def find(self, name: str) -> Item:
        for item in self.items.values():
            if item.name == name:
                return item
        raise SoldOut(0)

    async def add(self, item: Item, count: int = 1) -> Id:
        self.items[item.id] = item
        return item.id * count

    async def pay(self, payment: Payment) -> Payment:
        return payment

    async def forget(self, id: Id) -> None:
        self.items.pop(id, None)


class MyFeed(FeedHandler):
    async def ping(self) -> None:
        pass

    async def tail(self, name: str) -> AsyncIterator[Item]:
        yield Item(1, name=name)

    async def upload(self, name: str, chunk: AsyncIterator[bytes]) -> int:
        return sum([len(one) async for one in chunk])

    async def talk(self, said: AsyncIterator[Item]) -> AsyncIterator[Payment]:
        async for item in said:
            yield Payment(swap=item)


class MyMore(MyFeed, MoreHandler):
    def talk(self, said: AsyncIterable[Item]) -> AsyncIterator[Payment]:  # a plain one, which takes more
        return self.payments(said)

    async def payments(self, said: AsyncIterable[Item]) -> AsyncGenerator[Payment, None]:
        async for item in said:
            yield Payment(swap=item)

    async def count(self, least: int = 0) -> AsyncIterator[int]:
        yield least


class ThreadedShop(ShopHandler):
    @callosum.in_thread
    def ping(self) -> None:
        pass

    @callosum.in_thread
    def find(self, name: str) -> Item:
        caller = callosum.blocking.current_peer()
        return caller.stub(Shop).find(name)

    @callosum.in_thread
    def add(self, item: Item, count: int = 1) -> Id:
        return item.id * count

    @callosum.in_thread
    def pay(self, payment: Payment) -> Payment:
        return payment

    async def forget(self, id: Id) -> None:
        pass


def structs() -> None:
    item = Item(1, name="tea", cents=None, colour=Colour.RED, tags=["hot"], sizes={(1, 2)})
    assert_type(item.id, int)
    assert_type(item.name, str)
    assert_type(item.cents, int | None)
    assert_type(item.colour, Colour | None)
    assert_type(item.tags, list[str])
    assert_type(item.sizes, set[tuple[int, ...]])
    item.cents = 3
    Item(id=2)
    assert_type(LARGEST, int)
    assert_type(UNITS, tuple[str, ...])
    print(PRICES["tea"], UNITS[0], MappingProxyType(PRICES))


def optionals(item: Item) -> int:
    if item.cents is None or item.colour is None:
        return 0
    return item.cents + item.colour.value


def narrowed(payment: Payment) -> str:
    if payment.card is not None:
        return payment.card
    if payment.cash is not None:
        return str(payment.cash + 1)
    assert payment.swap is not None
    return payment.swap.name


def chosen(payment: Payment) -> int:
    match payment.which:
        case "card":
            return 1
        case "cash":
            return 2
        case "swap":
            return 3


def matched(value: Item | Spot | Payment) -> str:
    match value:
        case Item(7):
            return "the seventh"
        case Item(number, name=name):
            assert_type(number, int)
            return name * number
        case Spot(x, y):
            assert_type(x, float)
            return str(x + y)
        case Payment(card=str(card)):
            return card
        case Payment():
            return value.which
        case _:
            assert_never(value)


def members(colour: Colour) -> int:
    match colour:
        case Colour.RED:
            return colour.value
        case Colour.GREEN:
            return colour + 1
        case _:
            assert_never(colour)


async def use(shop: ShopLike) -> None:
    assert_type(await shop.find("tea"), Item)
    assert_type(await shop.add(Item(1)), int)
    assert_type(await shop.add(item=Item(1), count=2), int)
    await shop.forget(1)


async def use_base(base: BaseLike) -> None:
    await base.ping()


async def calls(peer: callosum.Peer) -> None:
    stub = peer.stub(Shop)
    assert_type(stub, ShopStub)
    assert_type(peer.stub(Base), BaseStub)
    assert_type(stub.with_options(timeout=1.5), ShopStub)
    assert_type(stub.with_options(compression="zstd"), ShopStub)
    assert_type(await stub.pay(Payment(cash=3)), Payment)
    handler = MyShop()
    for one in (stub, stub.with_options(key="a"), handler):
        await use(one)
        await use_base(one)
    try:
        await stub.find("tea")
    except SoldOut as error:
        assert_type(error.id, int)


async def chunks() -> AsyncGenerator[bytes, None]:
    yield b"chunk"


async def said() -> AsyncIterator[Item]:
    yield Item(1)


async def use_feed(feed: FeedLike) -> None:
    async for item in feed.tail("tea"):
        assert_type(item, Item)
    assert_type(await feed.upload("tea", chunks()), int)
    async for payment in feed.talk(said()):
        assert_type(payment, Payment)


async def streams(peer: callosum.Peer) -> None:
    feed, more = peer.stub(Feed), peer.stub(More)
    assert_type(feed, FeedStub)
    assert_type(more, MoreStub)
    assert_type(feed.tail("tea"), callosum.ReceiveStream[Item])
    assert_type(more.tail(name="tea"), callosum.ReceiveStream[Item])
    assert_type(more.count(), callosum.ReceiveStream[int])
    assert_type([one async for one in more.count(3)], list[int])
    async with feed.tail("tea") as tail:
        async for item in tail:
            assert_type(item, Item)
            break
    await tail.aclose()
    assert_type(await feed.upload("tea", chunks()), int)
    assert_type(await more.upload(name="tea", chunk=chunks()), int)
    async with feed.with_options(timeout=3).talk() as talk:
        assert_type(talk, callosum.BidiStream[Item, Payment])
        await talk.send(Item(1))
        await talk.end()
        assert_type(await anext(talk), Payment)
    async for payment in more.talk(said()):
        assert_type(payment, Payment)
    for one in (feed, more, MyFeed(), MyMore()):
        await use_feed(one)
    callosum.listen("tcp://127.0.0.1:0", [MyMore()])


async def serve() -> None:
    async with (
        callosum.listen("tcp://127.0.0.1:0", [MyShop()]),
        callosum.connect("tcp://127.0.0.1:1", {Shop: MyShop()}),
    ):
        pass


def blocking_calls(peer: callosum.blocking.Peer) -> None:
    stub = peer.stub(Shop)
    assert_type(stub, ShopBlockingStub)
    assert_type(peer.stub(Base), BaseBlockingStub)
    assert_type(stub.with_options(timeout=1.5, key="a"), ShopBlockingStub)
    assert_type(stub.find("tea").name, str)
    assert_type(stub.add(item=Item(1), count=2), int)
    stub.ping()
    stub.forget(1)
    base: BaseBlockingStub = stub
    base.ping()


class Clock(Protocol):
    """As a json service is declared; and as one who calls it may write what its blocking stub is."""

    async def now(self) -> float: ...


class BlockingClock(Protocol):
    def now(self) -> float: ...


def blocking_endpoints() -> None:
    with callosum.blocking.listen("tcp://127.0.0.1:0", [ThreadedShop()], max_threads=8) as server:
        assert_type(server.addresses, tuple[str, ...])
        for accepted in server.accepted():
            assert_type(accepted, callosum.blocking.Peer)
        server.serve_forever()
    with callosum.blocking.connect("tcp://127.0.0.1:1", {Shop: MyShop()}, connect_timeout=None) as peer:
        with callosum.blocking.deadline(1.5):
            assert_type(peer.stub(Shop, timeout=2.0).pay(Payment(cash=3)), Payment)
        clock: BlockingClock = peer.stub(Clock)
        assert_type(clock.now(), float)
