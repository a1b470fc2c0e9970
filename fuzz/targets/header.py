"""Header and body of a record to a message. An input is: the record's flags, the header's length, header, body."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from callosum.errors import ProtocolError
from callosum.protocol.headers import COMPRESSION_SHIFT, MORE, decode_message
from callosum.protocol.limits import MAX_HANDSHAKE_BODY, MAX_HEADER
from callosum.protocol.messages import Message
from callosum.protocol.wire import HEAD_SIZE, RECORD_SIZE
from fuzz.corpus import MAX_FILE
from fuzz.target import Bomb, Target
from fuzz.targets import batch, bombs

_START: Final = struct.Struct("<BH")
_RECORD: Final = struct.Struct("<IHH")


def join(flags: int, header: bytes, body: bytes) -> bytes:
    """A record as one input."""
    return _START.pack(flags & 0xFF, len(header)) + header + body


def decode(data: bytes) -> Message:
    """What `wire.decode` does with a record that it does not know by its bytes."""
    flags, length = _START.unpack(data[: _START.size].ljust(_START.size, b"\0"))
    header = data[_START.size : _START.size + min(length, MAX_HEADER)]
    return decode_message(header, data[_START.size + len(header) :], flags & MORE, flags >> COMPRESSION_SHIFT & 7)


def seeds() -> Mapping[str, bytes]:
    """The records of the vectors, as far as the vectors are sound."""
    found: dict[str, bytes] = {}
    for name, frames in batch.vectors():
        rest = iter(frames[1:])
        head, at, index = next(iter(frames), b""), HEAD_SIZE, 0
        while at + RECORD_SIZE < len(head):
            length, header_length, flags = _RECORD.unpack_from(head, at)
            at += RECORD_SIZE
            body = next(rest, b"") if flags & 1 else head[at + header_length : at + length]
            found[f"{name}-{index}"] = join(flags, head[at : at + header_length][:MAX_HEADER], body[:100])
            at, index = at + length, index + 1
    short = {name: data for name, data in found.items() if len(data) <= MAX_FILE}
    return {name: data for data, name in {data: name for name, data in short.items()}.items()}


def make_bombs(size: int) -> Sequence[Bomb]:
    """Headers, and bodies of the handshake."""
    made = [Bomb(name, join(0, header, b"")) for name, header in bombs.headers(size)]
    made += [Bomb(name, join(0, header, body)) for name, header, body in bombs.bodies(min(size, MAX_HANDSHAKE_BODY))]
    return made


TARGET: Final = Target("header", decode, (ProtocolError,), seeds, make_bombs)
