"""Calls the server of server.py: `python client.py [ADDRESS]`."""

import asyncio
import sys

from orders import Customer, Item, NoSuchOrder, Order, Orders, OutOfStock

import callosum


class CustomerHandler(Customer):
    async def confirm(self, order: Order) -> bool:
        print(f"confirming {sum(item.count for item in order.items)} things")
        return True


async def main(address: str = "tcp://127.0.0.1:5030") -> None:
    async with callosum.connect(address, [CustomerHandler()]) as peer:
        orders = peer.stub(Orders)  # a type checker knows: it is an Orders
        order = await orders.place([Item("tea", 2), Item("cup")], note="a gift")
        await orders.pay(order.number)
        await peer.drain()  # the server has the oneway
        print(order.number, order.notes["note"], (await orders.find(order.number)).state.value)
        try:
            await orders.place([Item("tea", 100)])
        except OutOfStock as error:
            print(f"only {error.left} of {error.article}")
        try:
            await orders.find(7)
        except NoSuchOrder as error:
            print(error)
        try:
            await orders.place([Item("tea", "two")])  # type: ignore[arg-type]
        except callosum.EncodeError as error:
            print(error)


asyncio.run(main(*sys.argv[1:]))
