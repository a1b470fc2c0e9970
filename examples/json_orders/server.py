"""Serves orders.py: `python server.py [ADDRESS]`."""

import asyncio
import sys
from datetime import UTC, datetime

from orders import Customer, Item, NoSuchOrder, Order, Orders, OutOfStock, State

import callosum


class OrdersHandler(Orders):
    def __init__(self) -> None:
        self.stock = {"tea": 3, "cup": 10}
        self.orders: dict[int, Order] = {}

    async def place(self, items: list[Item], note: str = "") -> Order:
        for item in items:
            left = self.stock.get(item.article, 0)
            if left < item.count:
                raise OutOfStock(item.article, left)
        notes = {"note": note} if note else {}
        order = Order(len(self.orders) + 1, items, datetime.now(UTC), notes=notes)
        if await callosum.current_peer().stub(Customer).confirm(order):
            self.orders[order.number] = order
        return order

    async def find(self, number: int) -> Order:
        try:
            return self.orders[number]
        except KeyError:
            raise NoSuchOrder(f"there is no order {number}") from None

    async def pay(self, number: int) -> None:
        self.orders[number].state = State.PAID


async def main(address: str = "tcp://127.0.0.1:5030") -> None:
    async with callosum.listen(address, [OrdersHandler()]) as server:
        print(f"listening on {server.addresses[0]}", flush=True)
        await server.serve_forever()  # a SIGTERM or SIGINT drains, then it returns
    print("drained", flush=True)


asyncio.run(main(*sys.argv[1:]))
