"""A hostile peer: ZMTP over a bare socket, and batches that no endpoint of ours would send."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from callosum.protocol import wire
from callosum.protocol.messages import Hello, Message, Offer, Resumption, Welcome
from tests.lower.zeromq import raw

PATIENCE = 10.0
"""Seconds that a socket of the attacker waits, where nothing else is said."""
GONE = (ConnectionError, TimeoutError)
"""What an attacker sees who was cut off, or is not read from."""


def dial(address: str, patience: float = PATIENCE) -> socket.socket:
    """A TCP connection on which nothing was said."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=patience)


@contextmanager
def silence() -> Iterator[None]:
    """The other side may end the connection at any moment."""
    with suppress(*GONE):
        yield


def is_ended(connection: socket.socket, patience: float) -> bool:
    """Whether the other side ends the connection in so many seconds."""
    connection.settimeout(patience)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def hello(resumption: Resumption | None = None) -> Hello:
    return Hello((1,), 1, 1 << 20, (), (), 2000, 1024, 1 << 24, {}, resumption)


class Peer:
    """A connection after ZeroMQ's handshake."""

    def __init__(self, address: str) -> None:
        self.socket = dial(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each step waits for the last one's ACK
        try:
            ready = raw.command(b"READY", raw.properties(Socket_Type=b"DEALER"))
            self.socket.sendall(raw.GREETING + ready)
            raw.read_exactly(self.socket, 64)
            _, length = raw.read_exactly(self.socket, 2)
            raw.read_exactly(self.socket, length)
        except BaseException:
            self.socket.close()
            raise
        self.seq = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send_frames(self, frames: Sequence[bytes | memoryview]) -> None:
        last = len(frames) - 1
        self.socket.sendall(b"".join(raw.frame(bytes(one), more=n < last) for n, one in enumerate(frames)))

    def send(self, *messages: Message, ack: int = 1, numbered: int | None = None) -> None:
        """A batch, with the numbers that the other side expects."""
        self.send_frames(wire.encode(messages, self.seq, ack))
        self.seq += len(messages) if numbered is None else numbered

    def greet(self, resumption: Resumption | None = None) -> Message:
        """Say HELLO, and return what answers."""
        self.send_frames(wire.encode([hello(resumption)]))
        return self.receive().messages[0]

    def open(self) -> Welcome:
        """A session of its own."""
        welcome = self.greet()
        assert isinstance(welcome, Welcome), welcome
        self.send(Offer())
        return welcome

    def receive(self) -> wire.Batch:
        """The next batch; what is ZeroMQ's own is passed over."""
        while True:
            frames: list[bytes] = []
            more = True
            while more:
                (flags,) = raw.read_exactly(self.socket, 1)
                length = int.from_bytes(raw.read_exactly(self.socket, 8 if flags & 2 else 1), "big")
                body = raw.read_exactly(self.socket, length)
                if not flags & 4:
                    frames.append(body)
                    more = bool(flags & 1)
            if frames != [b""]:
                return wire.decode(frames)
