"""A ZMTP 3.1 client of bare bytes: it sends what libzmq's own never would."""

from __future__ import annotations

import socket

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(16) + b"\0" + bytes(31)


def properties(**values: bytes) -> bytes:
    named = {name.replace("_", "-") if not name.startswith("__") else name: value for name, value in values.items()}
    return b"".join(
        bytes([len(name)]) + name.encode() + len(value).to_bytes(4, "big") + value for name, value in named.items()
    )


def frame(body: bytes, *, more: bool = False) -> bytes:
    if len(body) < 256:
        return bytes([int(more), len(body)]) + body
    return bytes([2 | int(more)]) + len(body).to_bytes(8, "big") + body


def command(name: bytes, body: bytes) -> bytes:
    content = bytes([len(name)]) + name + body
    return bytes([4, len(content)]) + content


def connect(address: str, **metadata: bytes) -> socket.socket:
    """A connection after its handshake: what comes next are messages."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    raw = socket.create_connection((host, int(port)), timeout=10)
    raw.sendall(GREETING)
    read_exactly(raw, 64)
    raw.sendall(command(b"READY", properties(Socket_Type=b"DEALER", **metadata)))
    _, length = read_exactly(raw, 2)
    read_exactly(raw, length)
    return raw


def read_exactly(raw: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = raw.recv(count - len(data))
        if not more:
            raise ConnectionError("it was ended by the other side")
        data += more
    return data
