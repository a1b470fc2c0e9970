"""Layers that break the contract, each in one way: a wrapper around one that keeps it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from callosum.errors import CallosumError, ConnectError
from callosum.lower.base import Connection, ConnectionLimits, Connector, Frames, Listener, LowerLayer, Receiver
from callosum.lower.memory import Memory
from callosum.lower.zeromq import ZeroMQ


class Straight(Connection):
    """Passes everything through: what is bent derives from it."""

    def __init__(self, inner: Connection) -> None:
        self.inner = inner
        self.peer_address = inner.peer_address
        self.peer_identity = inner.peer_identity
        self.limits = inner.limits
        self.receiver: Any = None
        self.count = 0
        self.loop = asyncio.get_running_loop()

    def start(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.inner.start(self)

    def send(self, frames: Frames) -> bool:
        return self.inner.send(frames)

    def close(self, linger: float = 0.0) -> None:
        self.inner.close(linger)

    def received(self, frames: Frames) -> None:
        self.receiver.received(frames)

    def drained(self) -> None:
        self.receiver.drained()

    def writable(self) -> None:
        self.receiver.writable()

    def closed(self, reason: str) -> None:
        self.receiver.closed(reason)


class StraightListener(Listener):
    def __init__(self, inner: Listener, bend: type[Straight]) -> None:
        self.inner = inner
        self.bend = bend

    @property
    def address(self) -> str:  # type: ignore[override]
        return self.inner.address

    async def open(self, accept: Callable[[Connection], None]) -> None:
        await self.inner.open(lambda connection: accept(self.bend(connection)))

    async def close(self, linger: float = 0.0) -> None:
        await self.inner.close(linger)


class StraightConnector(Connector):
    def __init__(self, inner: Connector, bend: type[Straight]) -> None:
        self.inner = inner
        self.bend = bend

    async def connect(self, timeout: float) -> Connection:
        return self.bend(await self.inner.connect(timeout))


@dataclass
class Bent(LowerLayer):
    """A layer with one of its parts bent."""

    connection: type[Straight] = Straight
    listening: type[StraightListener] = StraightListener
    connecting: type[StraightConnector] = StraightConnector
    inner: LowerLayer = field(default_factory=Memory)

    def listener(self, address: str, auth: Any) -> Listener:
        return self.listening(self.inner.listener(address, auth), self.connection)

    def connector(self, address: str, auth: Any) -> Connector:
        return self.connecting(self.inner.connector(address, auth), self.connection)


def over_tcp(
    connection: type[Straight] = Straight,
    listening: type[StraightListener] = StraightListener,
    connecting: type[StraightConnector] = StraightConnector,
) -> Bent:
    return Bent(connection, listening, connecting, ZeroMQ())


# --- delivery


class Reorders(Straight):
    held: Frames | None = None

    def received(self, frames: Frames) -> None:
        self.count += 1
        if self.count == 100:
            self.held = frames
            return
        super().received(frames)
        if self.held is not None:
            held, self.held = self.held, None
            super().received(held)


class DropsOne(Straight):
    def send(self, frames: Frames) -> bool:
        self.count += 1
        return True if self.count == 5 else super().send(frames)


class DropsTheLast(Straight):
    def send(self, frames: Frames) -> bool:
        self.count += 1
        return True if self.count == 3000 else super().send(frames)


class DoublesOne(Straight):
    def received(self, frames: Frames) -> None:
        self.count += 1
        super().received(frames)
        if self.count == 100:
            super().received(frames)


class MergesFrames(Straight):
    def send(self, frames: Frames) -> bool:
        return super().send([b"".join(frames)] if len(frames) == 2 else frames)


class MergesMessages(Straight):
    """As a stream that forgets where a message ends."""

    waiting: ClassVar[list[bytes]] = []

    def received(self, frames: Frames) -> None:
        self.count += 1
        if self.count == 7:
            self.waiting.extend(map(bytes, frames))
            return
        super().received([*self.waiting, *frames])
        self.waiting.clear()


class LosesEmptyFrames(Straight):
    def received(self, frames: Frames) -> None:
        super().received([frame for frame in frames if len(frame)] or [b""])


class RefusesViews(Straight):
    def send(self, frames: Frames) -> bool:
        return super().send([frame + b"" for frame in frames])  # type: ignore[operator]


class RefusesLongMessages(Straight):
    """Of many frames, although its limits allow them."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.limits = ConnectionLimits(frames=inner.limits.frames + 1)


class SendsLater(Straight):
    """What it was given, as it is then."""

    def send(self, frames: Frames) -> bool:
        self.loop.call_soon(self.inner.send, list(frames))
        return True


class ReusesItsBuffer(Straight):
    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.buffer = bytearray(4 << 20)

    def received(self, frames: Frames) -> None:
        size = len(frames[0])
        self.buffer[:size] = frames[0]
        super().received([memoryview(self.buffer)[:size]])


class GivesByteArrays(Straight):
    def received(self, frames: Frames) -> None:
        super().received([bytearray(frame) for frame in frames])  # type: ignore[misc]


class CutsLongFrames(Straight):
    def received(self, frames: Frames) -> None:
        super().received([frame[: 32 << 20] for frame in frames])


class SwallowsWhatIsTooLarge(Straight):
    def send(self, frames: Frames) -> bool:
        try:
            return super().send(frames)
        except CallosumError:
            return True


class RaisesForeign(Straight):
    def send(self, frames: Frames) -> bool:
        if len(frames) > self.limits.frames:
            raise ValueError("too many")
        return super().send(frames)


class NeverDrains(Straight):
    def drained(self) -> None:
        pass


class DeliversToNobody(Straight):
    """Begins before its start, and what nobody takes is lost."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        inner.start(self)

    def start(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def received(self, frames: Frames) -> None:
        if self.receiver is not None:
            super().received(frames)

    def drained(self) -> None:
        if self.receiver is not None:
            super().drained()


class KeepsItsFirstReceiver(Straight):
    def start(self, receiver: Receiver) -> None:
        if self.receiver is None:
            super().start(receiver)


class CallsBackWithinSend(Straight):
    def send(self, frames: Frames) -> bool:
        taken = super().send(frames)
        if self.receiver is not None:
            self.receiver.drained()
        return taken


class CallsBackWithinStart(Straight):
    def start(self, receiver: Receiver) -> None:
        super().start(receiver)
        receiver.writable()


class CallsBackWithinClose(Straight):
    ends: ClassVar[list[CallsBackWithinClose]] = []

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.ends.append(self)

    def close(self, linger: float = 0.0) -> None:
        for end in self.ends:
            if end is not self and end.receiver is not None:
                end.receiver.closed("the other side closed")
        self.ends.clear()
        super().close(linger)


# --- pressure


class NoBound(Straight):
    """Everything is taken, and waits here."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.waiting: list[Frames] = []

    def send(self, frames: Frames) -> bool:
        self.waiting.append(frames)
        self.writable()
        return True

    def writable(self) -> None:
        while self.waiting and self.inner.send(self.waiting[0]):
            self.waiting.pop(0)


class NeverWritable(Straight):
    def writable(self) -> None:
        pass


class TakesAndRefuses(Straight):
    """What it refuses, it sends later all the same."""

    refused: Frames | None = None

    def send(self, frames: Frames) -> bool:
        taken = super().send(frames)
        if not taken:
            self.refused = frames
        return taken

    def writable(self) -> None:
        if self.refused is not None:
            self.inner.send(self.refused)
            self.refused = None
        super().writable()


class ReturnsNothing(Straight):
    def send(self, frames: Frames) -> bool:
        super().send(frames)
        return None  # type: ignore[return-value]


# --- endings


class TellsTwice(Straight):
    def closed(self, reason: str) -> None:
        super().closed(reason)
        super().closed(reason)


class NeverTells(Straight):
    def closed(self, reason: str) -> None:
        pass


class GivesNoReason(Straight):
    def closed(self, reason: str) -> None:
        super().closed("")


class DeliversAfterClosed(Straight):
    def closed(self, reason: str) -> None:
        super().closed(reason)
        self.loop.call_later(0.01, self.receiver.received, [b"late"])


class SendsAfterClosed(Straight):
    is_closed = False

    def closed(self, reason: str) -> None:
        self.is_closed = True
        super().closed(reason)

    def send(self, frames: Frames) -> bool:
        return self.is_closed or super().send(frames)


class LosesItsTail(Straight):
    """What is sent leaves a moment later, however long it may linger."""

    timer: asyncio.TimerHandle | None = None

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.waiting: list[Frames] = []

    def send(self, frames: Frames) -> bool:
        self.waiting.append(frames)
        if self.timer is None:
            self.timer = self.loop.call_later(0.03, self.flush)
        return True

    def flush(self) -> None:
        self.timer = None
        for frames in self.waiting:
            self.inner.send(frames)
        self.waiting.clear()

    def close(self, linger: float = 0.0) -> None:
        self.waiting.clear()
        super().close(linger)


class TellsItsOwnClose(Straight):
    def close(self, linger: float = 0.0) -> None:
        super().close(linger)
        if self.receiver is not None:
            self.loop.call_soon(self.receiver.closed, "you closed it")


class DeliversRunsWhole(Straight):
    """Looks once for each run whether it was closed meanwhile."""

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.run: list[Frames] = []

    def received(self, frames: Frames) -> None:
        self.run.append(frames)

    def drained(self) -> None:
        run, self.run = self.run, []
        for frames in run:
            super().received(frames)
        super().drained()


class CannotCloseBeforeStart(Straight):
    def close(self, linger: float = 0.0) -> None:
        if self.receiver is None:
            raise RuntimeError("not started")
        super().close(linger)


class CannotCloseTwice(Straight):
    def close(self, linger: float = 0.0) -> None:
        self.count += 1
        if self.count == 3:
            raise RuntimeError("closed already")
        super().close(linger)


# --- dialling


class Nameless(Straight):
    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.peer_address = ""


class WithoutIdentity(Straight):
    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        del self.peer_identity


class Mixes(Straight):
    """Everything goes to the one that was made last."""

    last: ClassVar[list[Mixes]] = []

    def start(self, receiver: Receiver) -> None:
        self.last[:] = [self]
        super().start(receiver)

    def received(self, frames: Frames) -> None:
        self.last[0].receiver.received(frames)


class LeavesATask(Straight):
    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.task = self.loop.create_task(self.stay())
        self.loop.call_soon(self.task.cancel)

    async def stay(self) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:  # so that the event loop's end is no news to the tests of this package
            await asyncio.sleep(30)


class LeavesADescriptor(Straight):
    open: ClassVar[list[int]] = []

    def __init__(self, inner: Connection) -> None:
        super().__init__(inner)
        self.open.extend(os.pipe())

    @classmethod
    def tidy_up(cls) -> None:
        while cls.open:
            os.close(cls.open.pop())


class LeavesAnErrorToTheLoop(Straight):
    def close(self, linger: float = 0.0) -> None:
        self.loop.call_soon(int, "no number")
        super().close(linger)


class SaysWhatItWasTold(StraightListener):
    """Instead of where it listens."""

    address = "tcp://127.0.0.1:0"


class SharesItsAddress(StraightListener):
    async def open(self, accept: Callable[[Connection], None]) -> None:
        with suppress(ConnectError):
            await super().open(accept)


class RaisesOSErrors(StraightListener):
    async def open(self, accept: Callable[[Connection], None]) -> None:
        try:
            await super().open(accept)
        except ConnectError as error:
            raise OSError("address in use") from error


class CannotBeClosedTwice(StraightListener):
    is_open = True

    async def close(self, linger: float = 0.0) -> None:
        if not self.is_open:
            raise RuntimeError("closed already")
        self.is_open = False
        await super().close(linger)


class StaysOpen(StraightListener):
    async def close(self, linger: float = 0.0) -> None:
        pass


class HandsNothingOver(StraightListener):
    async def open(self, accept: Callable[[Connection], None]) -> None:
        await self.inner.open(lambda connection: None)


class ConnectsToNobody(StraightConnector):
    """Its connections are made when something answers, or never."""

    async def connect(self, timeout: float) -> Connection:
        try:
            return await super().connect(timeout)
        except ConnectError:
            return Memory().listener("memory://nobody", None)  # type: ignore[return-value]


class RaisesTimeouts(StraightConnector):
    async def connect(self, timeout: float) -> Connection:
        try:
            return await super().connect(timeout)
        except ConnectError as error:
            raise TimeoutError from error


class TakesItsTime(StraightConnector):
    async def connect(self, timeout: float) -> Connection:
        try:
            return await super().connect(timeout)
        except ConnectError:
            await asyncio.sleep(2.5)
            raise


class GoesOnWhenCancelled(StraightConnector):
    async def connect(self, timeout: float) -> Connection:
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
        return await super().connect(timeout)


class TakesAnything(Bent):
    def listener(self, address: str, auth: Any) -> Listener:
        return super().listener(address if address.startswith("memory://") and address[9:] else "memory://a", None)


class RaisesValueErrors(Bent):
    def connector(self, address: str, auth: Any) -> Connector:
        if not address.startswith("memory://"):
            raise ValueError(address)
        return super().connector(address, auth)


class TakesAnyAuth(Bent):
    def connector(self, address: str, auth: Any) -> Connector:
        return super().connector(address, None)
