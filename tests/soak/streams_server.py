"""A server of numbered items, both ways: ``python streams_server.py PORT``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import callosum
from callosum.upper import thrift

numbers = thrift.load_string(
    """
    service Numbers {
        binary down(1: i64 count) (callosum.stream = "server"),
        i64 up(1: binary item (callosum.stream = "in")) (callosum.stream = "client"),
        binary echo(1: binary item (callosum.stream = "in")) (callosum.stream = "bidi"),
        oneway void call_back(1: i64 count)
        i64 called_back()
    }
    """,
    module_name="numbers_thrift",
)


def item(number: int) -> bytes:
    """Of many sizes, now and then larger than a window."""
    size = 300_000 if number % 997 == 0 else number * 7919 % 2000
    return b"%d " % number + bytes(size)


def number_of(data: bytes) -> int:
    """The number of an item that is whole, or -1."""
    number = int(data[: data.index(b" ")])
    return number if data == item(number) else -1


async def items(count: int) -> AsyncIterator[bytes]:
    """So many, in order."""
    for number in range(count):
        yield item(number)


class NumbersHandler:
    """Counts what comes in order; serves both sides."""

    def __init__(self) -> None:
        self.returned = 0

    async def down(self, count: int) -> AsyncIterator[bytes]:
        async for one in items(count):
            yield one

    async def up(self, item: AsyncIterator[bytes]) -> int:
        return await in_order(item)

    async def echo(self, item: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for one in item:
            yield one

    async def call_back(self, count: int) -> None:
        """Reads a stream of the caller's, in a task of its own."""
        stub = callosum.current_peer().stub(numbers.Numbers)
        self.returned += await in_order(stub.down(count))
        self.returned += await stub.up(items(count))

    async def called_back(self) -> int:
        return self.returned


async def in_order(source: AsyncIterator[bytes]) -> int:
    """How many there are."""
    count = 0
    async for one in source:
        if number_of(one) != count:
            raise ValueError(f"{number_of(one)} comes where {count} should")
        count += 1
    return count


async def main(port: str) -> None:
    async with callosum.listen(f"tcp://127.0.0.1:{port}", {numbers.Numbers: NumbersHandler()}) as server:
        print(server.addresses[0], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
