"""A batch on its way out: its records, what they count for, and the fragments of large bodies."""

from __future__ import annotations

import math
from typing import Final

from callosum.protocol import headers, wire
from callosum.protocol.calls import OutgoingCall
from callosum.protocol.limits import FRAGMENT
from callosum.protocol.messages import Body, Fragment, Item, Message, Reply, Request

MAX_TIMEOUT: Final = 1e9
"""Seconds: who gives more (infinity, for example) means no end, which this is."""


class Departure(wire.BatchWriter):
    """A batch on its way out, until the connection has taken it."""

    __slots__ = ("bulk", "end", "messages", "oneways", "size")

    def __init__(self) -> None:
        # `BatchWriter`'s own, written out: one is made for each call where one is made after the other
        self.parts = [b""]
        self.frames = [b""]
        self.records = 0
        self.length = wire.HEAD_SIZE
        self.messages: list[Message] = []
        """The numbered ones."""
        self.size = 0
        """Bytes of their records."""
        self.bulk = 0
        """Of these, the bytes of large bodies."""
        self.oneways: list[OutgoingCall] = []
        """Calls that end when this batch is handed over."""
        self.end = 0
        """The number after its last record; 0 where it has none that is new."""

    @property
    def may_go_on(self) -> bool:
        """Whether small records may follow: a fragment is alone, and no large body has company."""
        return len(self.frames) == 1 and not (self.messages and type(self.messages[-1]) is Fragment)

    def put_bulk(self, message: Fragment | Request | Item | Reply) -> None:
        """A large body, or a fragment of one."""
        header, body = headers.header_and_body(message)
        self.add(header, body, headers.record_flags(message))
        self.messages.append(message)
        self.size += wire.RECORD_SIZE + len(header) + len(body)
        self.bulk += len(body)


def set_timeout(request: Request, now: float) -> None:
    """Turn the deadline into what is left of it; rounded up, so that nothing expires early at the other side."""
    if request.deadline is not None:
        request.timeout_ms = max(0, math.ceil(min(request.deadline - now, MAX_TIMEOUT) * 1000))


def next_part(body: Body, offset: int) -> tuple[Body, int]:
    """The fragment of a body that begins here, and where it ends; the whole body where it is no longer than one."""
    end = min(offset + FRAGMENT, len(body))
    if not offset and end == len(body):
        return body, end
    return memoryview(body)[offset:end], end
