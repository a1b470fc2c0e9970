"""Runs the same requests under each of the three policies, and draws what happened.

python timelines.py [picture.svg]

Prints the order of the replies. With a name it writes a picture: when each handler ran, and when each reply came.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import picture

import callosum
from callosum.upper import thrift

transfers = thrift.load(str(Path(__file__).with_name("transfers.thrift")))

STEP = 0.02  # seconds between two requests
POLICIES = (callosum.Unordered(), callosum.OrderedReplies(), callosum.SerializedByKey())
REQUESTS = (  # account, seconds: those without an account have no key, and so no order
    ("ann", 0.40),
    ("bob", 0.16),
    ("ann", 0.10),
    (None, 0.26),
    ("bob", 0.28),
    ("ann", 0.14),
    ("bob", 0.08),
    (None, 0.16),
)


@dataclass
class Event:
    """One request, in seconds from the first one on."""

    account: str | None
    made: float = 0.0
    begun: float = 0.0
    ended: float = 0.0
    replied: float = 0.0


class TransfersHandler:
    def __init__(self, events, now):
        self.events = events
        self.now = now

    async def move(self, request, account, seconds):  # noqa: ARG002 - the account was the key: the order is made
        event = self.events[request]
        event.begun = self.now()
        await asyncio.sleep(seconds)
        event.ended = self.now()
        return request


async def run(policy):
    """The same requests over a real connection; the server's policy decides."""
    loop = asyncio.get_running_loop()
    events = [Event(account) for account, _ in REQUESTS]
    begin = 0.0

    def now():
        return loop.time() - begin

    async def one(stub, number, seconds):
        event = events[number]
        event.made = now()
        await stub.move(number, account=event.account, seconds=seconds)  # the account is the request key
        event.replied = now()

    handler = TransfersHandler(events, now)
    async with (
        callosum.listen("tcp://127.0.0.1:0", {transfers.Transfers: handler}, scheduling=policy) as server,
        callosum.connect(server.addresses[0]) as peer,
        asyncio.TaskGroup() as group,
    ):
        stub = peer.stub(transfers.Transfers)
        begin = loop.time()
        for number, (_, seconds) in enumerate(REQUESTS):
            group.create_task(one(stub, number, seconds))
            await asyncio.sleep(STEP)
    return events


def replies(events):
    """Numbers of the requests, from 1 on, in the order of their replies."""
    return sorted(range(1, len(events) + 1), key=lambda number: events[number - 1].replied)


async def run_all():
    timelines = {}
    for policy in POLICIES:
        name = type(policy).__name__
        timelines[name] = await run(policy)
        print(f"{name + ':':17} replies to", *replies(timelines[name]))
    return timelines


drawn = picture.draw(asyncio.run(run_all()))
if len(sys.argv) > 1:
    Path(sys.argv[1]).write_text(drawn)
