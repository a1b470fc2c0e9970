"""A TCP proxy on loopback that fails when told to: between real processes, where `FaultyConnection` cannot be."""

from __future__ import annotations

import asyncio
import enum
import socket
import struct
from types import TracebackType
from typing import Final, Self

CHUNK: Final = 256 * 1024
"""Bytes that one direction of a link holds at most."""


class Toward(enum.Flag):
    """The directions through the proxy."""

    TARGET = enum.auto()
    CLIENT = enum.auto()
    BOTH = TARGET | CLIENT


class Flow(enum.Enum):
    """What a direction does with bytes."""

    OPEN = enum.auto()
    STALLED = enum.auto()
    """They wait: in the proxy one chunk, then in the kernel's buffers, then at their sender."""
    SWALLOWED = enum.auto()
    """They are read and thrown away."""


class TcpProxy:
    """Passes bytes between ``127.0.0.1:port`` and a target, for as long as its ``async with`` lasts.

    Attributes:
        host: Always 127.0.0.1.
        port: Chosen by the system, the same for the proxy's whole life.
        delay: Seconds that each chunk waits in each direction; a chunk is what was there to read, up to 256 KiB.
        accepted: How many connections there have been.
    """

    host = "127.0.0.1"
    port = 0

    def __init__(self, target_host: str, target_port: int) -> None:
        self.delay = 0.0
        self.accepted = 0
        self._target = (target_host, target_port)
        self._listening: socket.socket | None = None
        self._acceptor: asyncio.Task[None] | None = None
        self._refused: set[asyncio.Task[None]] = set()  # acceptors that are ending
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._ways = {Toward.TARGET: _Way(), Toward.CLIENT: _Way()}

    @property
    def address(self) -> str:
        """Where clients dial instead of the target: ``tcp://127.0.0.1:port``."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._links)

    async def __aenter__(self) -> Self:
        self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
        self.cut()
        tasks = {*self._links, *self._refused}
        if tasks:
            await asyncio.wait(tasks)

    # --- faults

    def cut(self) -> None:
        """Break all connections hard: both ends see a reset. New ones are accepted."""
        for task, link in list(self._links.items()):
            link.reset()
            task.cancel()

    def refuse(self) -> None:
        """Stop listening: who dials is refused. What is open stays open."""
        if self._listening is not None and self._acceptor is not None:
            # Before the descriptor is free to be used again: the cancelled task removes its reader only later.
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
            self._acceptor.cancel()
            self._refused.add(self._acceptor)
            self._acceptor.add_done_callback(self._refused.discard)

    def accept(self) -> None:
        """Listen again, at the same port."""
        if self._listening is None:
            listening = socket.create_server((self.host, self.port), backlog=512)
            listening.settimeout(0)
            self.port = listening.getsockname()[1]
            self._listening = listening
            self._acceptor = asyncio.get_running_loop().create_task(self._accept_all(listening))

    def stall(self, toward: Toward = Toward.BOTH) -> None:
        """Keep connections open and pass nothing, until `flow`: bytes wait in bounded buffers."""
        self._set(toward, Flow.STALLED)

    def swallow(self, toward: Toward = Toward.BOTH) -> None:
        """Keep connections open and lose all bytes, until `flow`. The stream has a hole then: ZeroMQ will end it."""
        self._set(toward, Flow.SWALLOWED)

    def flow(self, toward: Toward = Toward.BOTH) -> None:
        """Pass bytes again, first those that waited."""
        self._set(toward, Flow.OPEN)

    def corrupt_next_byte(self, toward: Toward = Toward.TARGET) -> None:
        """Invert the first byte that passes next, of whichever connection."""
        for way in self._chosen(toward):
            way.corruptions += 1

    # --- within

    def _chosen(self, toward: Toward) -> list[_Way]:
        return [way for bit, way in self._ways.items() if bit in toward]

    def _set(self, toward: Toward, flow: Flow) -> None:
        for way in self._chosen(toward):
            way.set(flow)

    async def _accept_all(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listening)
            self.accepted += 1
            link = _Link(client)
            task = loop.create_task(self._carry(link))
            self._links[task] = link
            task.add_done_callback(self._end)

    async def _carry(self, link: _Link) -> None:
        """One connection, until both ends have closed, or one has broken."""
        try:
            await asyncio.get_running_loop().sock_connect(link.target, self._target)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link.client, link.target, self._ways[Toward.TARGET]))
                group.create_task(self._pump(link.target, link.client, self._ways[Toward.CLIENT]))
        except* OSError:
            link.reset()

    def _end(self, task: asyncio.Task[None]) -> None:
        self._links.pop(task).close()

    async def _pump(self, source: socket.socket, sink: socket.socket, way: _Way) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await way.not_stalled.wait()
            data = await loop.sock_recv(source, CHUNK)
            await way.not_stalled.wait()
            if self.delay:
                await asyncio.sleep(self.delay)
            if way.flow is Flow.SWALLOWED and data:
                continue
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(sink, way.corrupted(data))


class _Way:
    """The state of one direction, for all connections."""

    def __init__(self) -> None:
        self.flow = Flow.OPEN
        self.corruptions = 0
        self.not_stalled = asyncio.Event()
        self.not_stalled.set()

    def set(self, flow: Flow) -> None:
        self.flow = flow
        if flow is Flow.STALLED:
            self.not_stalled.clear()
        else:
            self.not_stalled.set()

    def corrupted(self, data: bytes) -> bytes:
        if not self.corruptions:
            return data
        self.corruptions -= 1
        return bytes([data[0] ^ 0xFF]) + data[1:]


class _Link:
    """The two sockets of one connection."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.target = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for end in (self.client, self.target):
            end.settimeout(0)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reset(self) -> None:
        """Have the close, which follows, be a reset."""
        for end in (self.client, self.target):
            if end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self.client.close()
        self.target.close()
