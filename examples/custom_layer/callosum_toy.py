"""The transport ``toy://host:port``: plain TCP in one file, to be read, and to begin from.

Who listens sends the four bytes ``toy1`` first. Then come messages, either way: the size of what follows, and for each
frame its size and itself. Sizes are 4 bytes, big-endian.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from callosum.auth import INSECURE
from callosum.errors import ConfigurationError, ConnectError, ProtocolError
from callosum.lower.base import Connection, ConnectionLimits, Connector, Frames, Listener, LowerLayer, Receiver

GREETING = b"toy1"
ADDRESS = re.compile(r"toy://([\w.-]+):(\d{1,5})")


class ToyConnection(asyncio.Protocol, Connection):
    """Either end of a TCP connection: asyncio calls what a Protocol has, callosum what a Connection has."""

    transport: asyncio.Transport
    limits = ConnectionLimits()
    peer_identity = None  # nobody is asked who they are

    def __init__(self, accept: Callable[[ToyConnection], None] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.accept = accept  # None where we have dialled
        self.greeted: asyncio.Future[bool] = self.loop.create_future()  # False where it ended before
        self.gone: asyncio.Future[None] = self.loop.create_future()
        self.unread = bytearray()
        self.receiver: Receiver | None = None
        self.is_full = False  # asyncio's buffer is, for now
        self.has_refused = False
        self.end: str | None = None  # why nothing more comes
        self.is_closed = False  # by us, or the receiver was told

    # --- what callosum calls

    def start(self, receiver: Receiver) -> None:
        if not self.is_closed:
            self.receiver = receiver
            self.loop.call_soon(self.catch_up)  # nobody is called back from within start()

    def send(self, frames: Frames) -> bool:
        parts = [part for frame in frames for part in (len(frame).to_bytes(4, "big"), frame)]
        size = sum(map(len, parts))
        if not 1 <= len(frames) <= self.limits.frames or size - 4 * len(frames) > self.limits.message_bytes:
            raise ProtocolError(f"{len(frames)} frames, {size} bytes: the connection carries {self.limits}")
        if self.is_full or self.is_closed or self.end is not None or self.transport.is_closing():
            self.has_refused = True
            return False
        self.transport.write(b"".join((size.to_bytes(4, "big"), *parts)))
        return True

    def close(self, linger: float = 0.0) -> None:
        self.receiver = None
        if not self.is_closed:
            self.is_closed = True
            self.leave(linger)

    # --- what asyncio calls: of these, only pause_writing from within one of the above

    def connection_made(self, transport: Any) -> None:  # typeshed says BaseTransport; it is a Transport
        self.transport = transport
        self.peer_address = "toy://{}:{}".format(*transport.get_extra_info("peername"))
        if self.accept is not None:
            self.greeted.set_result(True)
            transport.write(GREETING)
            transport.pause_reading()  # until start(): what waits, waits at its sender
            self.accept(self)

    def data_received(self, data: bytes) -> None:
        if self.is_closed or self.end is not None:
            return  # we read only to see the other side go
        self.unread += data
        if self.greeted.done():
            self.deliver()
        elif len(self.unread) >= len(GREETING):
            self.transport.pause_reading()
            self.greeted.set_result(self.unread.startswith(GREETING))
            del self.unread[: len(GREETING)]

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self.loop.call_soon(self.tell_writable)  # later: asyncio takes it badly when it is aborted from within this

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_result(False)
        self.gone.set_result(None)
        self.end = self.end or (f"the connection broke: {exc}" if exc else "the other side closed the connection")
        self.tell_end()

    # --- within

    def break_off(self, reason: str, linger: float = 0.0) -> None:
        """End it from this side; the receiver is told, when there is one."""
        if not self.is_closed and self.end is None:
            self.end = reason
            self.loop.call_soon(self.tell_end)
        self.leave(linger)

    def leave(self, linger: float) -> None:
        if linger > 0 and not self.transport.is_closing():
            self.transport.resume_reading()  # the other side goes when it has read everything: see eof_received
            self.transport.write_eof()
            timer = self.loop.call_later(linger, self.transport.abort)
            self.gone.add_done_callback(lambda _: timer.cancel())
        else:
            self.transport.abort()

    def catch_up(self) -> None:
        self.deliver()
        self.transport.resume_reading()
        self.tell_writable()
        self.tell_end()

    def tell_writable(self) -> None:
        if self.has_refused and not self.is_full and self.receiver is not None and self.end is None:
            self.has_refused = False
            self.receiver.writable()

    def tell_end(self) -> None:
        if self.receiver is not None and self.end is not None:
            receiver, self.receiver, self.is_closed = self.receiver, None, True
            receiver.closed(self.end)

    def deliver(self) -> None:
        has_delivered = False
        while self.receiver is not None and (message := self.next_message()):
            has_delivered = True
            self.receiver.received(message)
        if has_delivered and self.receiver is not None:
            self.receiver.drained()

    def next_message(self) -> list[bytes] | None:
        size = int.from_bytes(self.unread[:4], "big")
        if size > self.limits.message_bytes + 4 * self.limits.frames:
            self.break_off("it sent a message over the limits of the connection")
            self.unread.clear()
        if len(self.unread) < 4 + size or size == 0:
            return None
        frames, place = [], 4
        while place < 4 + size:
            begin = place + 4
            place = begin + int.from_bytes(self.unread[place:begin], "big")
            frames.append(bytes(self.unread[begin:place]))
        if place != 4 + size or len(frames) > self.limits.frames:
            self.break_off("it sent what is no message of this transport")
            return None
        del self.unread[: 4 + size]
        return frames


class ToyListener(Listener):
    def __init__(self, host: str, port: int) -> None:
        self.address = f"toy://{host}:{port}"
        self.place = (host, port)
        self.server: asyncio.Server | None = None
        self.connections: set[ToyConnection] = set()

    async def open(self, accept: Callable[[Connection], None]) -> None:
        def take(connection: ToyConnection) -> None:
            self.connections.add(connection)
            connection.gone.add_done_callback(lambda _: self.connections.discard(connection))
            accept(connection)

        make = asyncio.get_running_loop().create_server
        try:
            self.server = await make(lambda: ToyConnection(take), *self.place)
        except OSError as error:
            raise ConnectError(f"cannot listen at {self.address}: {error}") from error
        self.address = "toy://{}:{}".format(*self.server.sockets[0].getsockname())

    async def close(self, linger: float = 0.0) -> None:
        if self.server is not None:
            self.server.close()
            await asyncio.sleep(0)  # what was accepted a moment ago is made, and is among the connections
            for connection in self.connections:
                connection.break_off("the listener was closed", linger)
            if self.connections:
                await asyncio.wait([connection.gone for connection in self.connections])


class ToyConnector(Connector):
    def __init__(self, host: str, port: int) -> None:
        self.place = (host, port)

    async def connect(self, timeout: float) -> Connection:
        make = asyncio.get_running_loop().create_connection
        try:
            async with asyncio.timeout(timeout):
                transport, connection = await make(ToyConnection, *self.place)
                try:
                    if not await connection.greeted:
                        raise ConnectionError("it does not greet as this transport does")  # noqa: TRY301
                except BaseException:  # also where this is cancelled
                    transport.abort()
                    raise
        except OSError as error:  # a TimeoutError is one
            raise ConnectError(f"no toy answers at {self.place} within {timeout:g} s: {error!r}") from error
        return connection


class Toy(LowerLayer):
    """Named in pyproject.toml, as the entry point ``toy`` of the group ``callosum.lower``."""

    def listener(self, address: str, auth: Any) -> Listener:  # of the transport's own kind: there is none here
        host, port = place_of(address, auth)
        if auth is None and host != "127.0.0.1":
            raise ConfigurationError(f"anybody who reaches {address} may call: give auth=callosum.auth.INSECURE")
        return ToyListener(host, port)

    def connector(self, address: str, auth: Any) -> Connector:  # as above
        return ToyConnector(*place_of(address, auth))


def place_of(address: str, auth: object) -> tuple[str, int]:
    match = ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > 65535:
        raise ConfigurationError(f"{address!r} is no address of this transport: give toy://host:port")
    if auth is not None and auth is not INSECURE:
        raise ConfigurationError(f"this transport knows no auth of the type {type(auth).__name__}: give None")
    return match[1], int(match[2])
