"""The transport ``toy://host:port``: plain TCP in one file, to be read, and to begin from.

A message is the number of its frames, the size of each, and the frames; numbers are 4 bytes, big-endian. Who listens
sends a message of one empty frame first: that is the answer which ``connect`` waits for.
"""

import asyncio
import re
import struct
import weakref
from collections.abc import Callable

from callosum.auth import INSECURE
from callosum.errors import ConfigurationError, ConnectError, ProtocolError
from callosum.lower.base import Connection, ConnectionLimits, Connector, Frames, Listener, LowerLayer, Receiver


class ToyConnection(Connection):  # either end of a TCP connection
    limits = ConnectionLimits()
    peer_identity = None  # nobody is asked who they are
    receiver: Receiver | None = None  # nobody before start(), and after close()
    reading: asyncio.Task[None] | None = None  # tells the receiver everything, and ends when the transport does
    is_leaving = False  # no more is sent
    is_in_run = False  # of messages, after which comes drained()

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.transport = reader, writer, writer.transport
        self.peer_address = "toy://{}:{}".format(*(writer.get_extra_info("peername") or ("gone", 0)))
        self.refused = asyncio.Event()  # a message, for want of room

    def start(self, receiver: Receiver) -> None:
        if self.reading is None or self.receiver is not None:  # otherwise it is closed, and stays so
            self.receiver = receiver
            self.reading = self.reading or asyncio.create_task(self.read())

    def send(self, frames: Frames) -> bool:
        sizes = [len(frame) for frame in frames]
        self.check(len(sizes), sum(sizes))
        if self.is_leaving or self.transport.is_closing() or self.transport.get_write_buffer_size() > 128 * 1024:
            self.refused.set()  # tell_writable() waits for room: drain() does, from 64 KiB on
            return False
        self.writer.write(b"".join((struct.pack(f">{len(sizes) + 1}I", len(sizes), *sizes), *frames)))
        return True

    def close(self, linger: float = 0.0) -> None:
        self.receiver = None
        self.reading = self.reading or asyncio.create_task(self.read())  # to see the other side go
        self.leave(linger)

    def leave(self, linger: float) -> None:
        self.is_leaving = True
        if not self.transport.is_closing():
            self.writer.write_eof()  # behind what waits: who has read it all goes, and read() ends
            asyncio.get_running_loop().call_later(linger, self.transport.abort)

    def check(self, count: int, size: int) -> None:
        if not 1 <= count <= self.limits.frames or size > self.limits.message_bytes:
            raise ProtocolError(f"a message of {count} frames, {size} bytes: the connection carries {self.limits}")

    async def read_message(self) -> list[bytes]:
        (count,) = struct.unpack(">I", await self.reader.readexactly(4))
        self.check(count, 0)  # before there is memory for it
        sizes = struct.unpack(f">{count}I", await self.reader.readexactly(4 * count))
        self.check(count, sum(sizes))
        return [await self.reader.readexactly(size) for size in sizes]

    async def read(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.tell_writable())
                while True:
                    message = await self.read_message()
                    if self.receiver is not None:
                        self.is_in_run = True
                        asyncio.get_running_loop().call_soon(self.end_run)  # comes to that when this waits for more
                        self.receiver.received(message)
        except* (OSError, EOFError, ProtocolError) as errors:
            self.end_run()
            if self.receiver is not None:
                self.receiver.closed(f"the connection ended: {errors.exceptions[0]!r}")
        finally:
            self.transport.abort()

    def end_run(self) -> None:
        if self.is_in_run and self.receiver is not None:
            self.receiver.drained()
        self.is_in_run = False

    async def tell_writable(self) -> None:
        while True:
            await self.refused.wait()
            self.refused.clear()
            await self.writer.drain()
            if self.receiver is not None and not self.is_leaving:
                self.receiver.writable()


class ToyPlace(Listener, Connector):  # an address, to listen at or to dial
    def __init__(self, address: str, auth: object) -> None:
        match = re.fullmatch(r"toy://([\w.-]+):(\d{1,5})", address)
        if match is None or int(match[2]) > 65535:
            raise ConfigurationError(f"{address!r} is no address of this transport: give toy://host:port")
        if auth is not INSECURE and (auth is not None or match[1] != "127.0.0.1"):
            raise ConfigurationError(f"nobody is asked who they are at {address}: give auth=callosum.auth.INSECURE")
        self.address, self.place = address, (match[1], int(match[2]))
        self.server: asyncio.Server | None = None
        self.connections: weakref.WeakSet[ToyConnection] = weakref.WeakSet()

    async def open(self, accept: Callable[[Connection], None]) -> None:
        def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = ToyConnection(reader, writer)
            connection.send([b""])
            self.connections.add(connection)
            accept(connection)

        try:
            self.server = await asyncio.start_server(greet, *self.place)
        except (OSError, UnicodeError) as error:  # the latter for a name with an empty label
            raise ConnectError(f"cannot listen at {self.address}: {error}") from error
        self.address = "toy://{}:{}".format(*self.server.sockets[0].getsockname())

    async def close(self, linger: float = 0.0) -> None:
        if self.server is not None:
            self.server.close()
            await asyncio.sleep(0)  # what was accepted a moment ago is made, and is among the connections
            for connection in self.connections:
                connection.leave(linger)
            await asyncio.gather(*(each.writer.wait_closed() for each in self.connections), return_exceptions=True)

    async def connect(self, timeout: float) -> Connection:
        try:
            async with asyncio.timeout(timeout):
                connection = ToyConnection(*await asyncio.open_connection(*self.place))
                try:
                    await connection.read_message()
                except BaseException:  # also where this is cancelled
                    connection.transport.abort()
                    raise
        except (OSError, UnicodeError, EOFError, ProtocolError) as error:  # a TimeoutError is an OSError
            raise ConnectError(f"no toy answers at {self.address} within {timeout:g} s: {error!r}") from error
        return connection


class Toy(LowerLayer):
    def listener(self, address: str, auth: object) -> Listener:
        return ToyPlace(address, auth)

    def connector(self, address: str, auth: object) -> Connector:
        return ToyPlace(address, auth)
