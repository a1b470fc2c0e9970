"""The interface, which server and client share: typed Python, no IDL file."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from callosum.upper import json


class State(Enum):
    OPEN = "open"
    PAID = "paid"


@dataclass
class Item:
    article: str
    count: int = 1


@dataclass
class Order:
    number: int
    items: list[Item]
    placed: datetime
    state: State = State.OPEN
    notes: dict[str, str] = field(default_factory=dict)


@dataclass
class OutOfStock(Exception):
    article: str
    left: int


class NoSuchOrder(Exception):
    pass


@json.service
class Orders(Protocol):
    """Keeps orders."""

    @json.raises(OutOfStock)
    async def place(self, items: list[Item], note: str = "") -> Order: ...

    @json.raises(NoSuchOrder)
    @json.idempotent
    async def find(self, number: int) -> Order: ...

    @json.oneway
    async def pay(self, number: int) -> None: ...


@json.service
class Customer(Protocol):
    """What the client serves to the server."""

    async def confirm(self, order: Order) -> bool: ...
