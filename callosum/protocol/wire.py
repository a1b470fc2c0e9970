"""A batch of messages to frames, and back. ``docs/wire-protocol.md`` has the format and its test vectors.

Laws: whatever bytes come in, `decode` returns messages made of nothing but these bytes, or raises ProtocolError. Every
length is checked against what is there before anything is sliced, and every bound of `limits` before anything is kept.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from callosum.errors import ProtocolError
from callosum.protocol import limits
from callosum.protocol.headers import COMPRESSION_SHIFT, MORE, decode_message, header_and_body, record_flags
from callosum.protocol.messages import (
    UNNUMBERED,
    VERSION,
    Body,
    Fragment,
    Hello,
    Item,
    Message,
    Reply,
    Request,
    Welcome,
)

Frame = bytes | memoryview

_HEAD: Final = struct.Struct("<BBHIQQ")
"""version, flags, records, sent_ms, seq, ack"""
_RECORD: Final = struct.Struct("<IHH")
"""length, header length, flags"""
HEAD_SIZE: Final = _HEAD.size
RECORD_SIZE: Final = _RECORD.size
_IN_FRAME: Final = 1
_MAX_FLAGS: Final = 31
"""The byte behind the flags is 0, so that both together are no more than the flags."""
pack_record: Final = _RECORD.pack
"""length, header length, flags"""
_pack_head: Final = _HEAD.pack
_unpack_head: Final = _HEAD.unpack_from
_START: Final = struct.Struct("<IHHHB")
"""length, header length, flags, and the first bytes of the header: two that say what it is, one that says how long its
id is"""
_unpack_start: Final = _START.unpack_from
_SHORTEST: Final = 3
"""Bytes of the shortest header."""
_PLAIN_REPLY: Final = 0x0892
"""An array of two, and the 8 of a REPLY."""
_PLAIN_ITEM: Final = 0x0692
"""An array of two, and the 6 of an ITEM."""
_PLAIN_REQUEST: Final = 0x0595
"""An array of five, and the 5 of a REQUEST."""
_IDS: Final = {0xCD: (struct.Struct(">H").unpack_from, 5), 0xCE: (struct.Struct(">I").unpack_from, 7)}
"""By msgpack's marker of a number: what reads it, and where it ends in the header."""
_known: Final[dict[bytes, tuple[str, int]]] = {}
"""The method and the flags in what stands behind the id of a REQUEST, as it was decoded before."""
_REMEMBERED: Final = 1024
_REMEMBERED_SIZE: Final = 256
"""Bounds of what is remembered, in entries and in bytes of one: it comes from the other side."""
_unpack_single: Final = struct.Struct("<IIQQIHHHB").unpack_from
"""A whole batch of one record: version, flags and records, sent_ms, seq, ack, and then as `_unpack_start`."""
_SINGLE_START: Final = 0x0001_0001
"""Version 1, no flags, one record."""
_SINGLE_AT: Final = HEAD_SIZE + RECORD_SIZE
_SINGLE_ID: Final = _SINGLE_AT + _SHORTEST
_SINGLE_SIZE: Final = _SINGLE_AT + 7
"""Bytes that are there at least where an id of the longest kind is read."""
# module constants: an attribute of another module costs more, and these are looked at for each record
_MAX_RECORDS: Final = limits.MAX_RECORDS
_MAX_FRAME_0: Final = limits.MAX_FRAME_0
_MAX_FRAMES: Final = limits.MAX_FRAMES
_MAX_HEADER: Final = limits.MAX_HEADER
_ALONE: Final = frozenset({Hello, Welcome, Fragment})


class Batch:
    """What one message of the lower layer held."""

    __slots__ = ("ack", "messages", "numbered", "sent_ms", "seq", "size")

    def __init__(self, seq: int, ack: int, sent_ms: int, messages: list[Message], numbered: int, size: int) -> None:
        self.seq = seq
        self.ack = ack
        self.sent_ms = sent_ms
        self.messages = messages
        self.numbered = numbered
        """How many of the messages have a position."""
        self.size = size
        """Bytes of all frames."""


# --- encoding ---------------------------------------------------------------------------------------------------------


class BatchWriter:
    """Collects records until a bound of the format is reached."""

    __slots__ = ("frames", "length", "parts", "records")

    def __init__(self) -> None:
        self.parts: list[Body] = [b""]
        self.frames: list[Frame] = [b""]
        self.records = 0
        self.length = HEAD_SIZE
        """Bytes of frame 0."""

    def put(self, header: bytes, body: Body) -> int:
        """Append a record whose body lies in frame 0, and return its size; 0 where the batch is full without it."""
        header_length = len(header)
        length = header_length + len(body)
        size = RECORD_SIZE + length
        if self.records >= _MAX_RECORDS or self.length + size > _MAX_FRAME_0:
            return 0
        self.parts += (pack_record(length, header_length, 0), header, body)
        self.records += 1
        self.length += size
        return size

    def add(self, header: bytes, body: Body = b"", flags: int = 0) -> None:
        """Append one record, which must fit."""
        length = len(header) + len(body)
        if len(body) > limits.INLINE_BODY:
            self.parts += (pack_record(len(header), len(header), flags | _IN_FRAME), header)
            self.frames.append(body)
            length = len(header)
        else:
            self.parts += (pack_record(length, len(header), flags), header, body)
        self.records += 1
        self.length += RECORD_SIZE + length

    def finish(self, seq: int, ack: int, sent_ms: int) -> list[Frame]:
        """The frames of the batch."""
        self.parts[0] = _pack_head(VERSION, 0, self.records, sent_ms, seq, ack)
        self.frames[0] = b"".join(self.parts)
        return self.frames


def clock_ms(now: float) -> int:
    """An instant as a batch carries it."""
    return int(now * 1000) % 2**32


def encode(messages: Sequence[Message], seq: int = 0, ack: int = 0, sent_ms: int = 0) -> list[Frame]:
    """One batch of these messages, which must fit into one."""
    writer = BatchWriter()
    for message in messages:
        header, body = header_and_body(message)
        writer.add(header, body, record_flags(message))
    return writer.finish(seq, ack, sent_ms)


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode(frames: Sequence[Frame]) -> Batch:  # noqa: C901, PLR0912, PLR0915 - written out flat: all passes here
    """The batch in these frames.

    Raises:
        ProtocolError: They are no batch of this version, or break a bound.
    """
    head = frames[0] if frames else b""
    if not isinstance(head, bytes):
        head = bytes(head)
    size = len(head)
    if len(frames) == 1 and size >= _SINGLE_SIZE:
        batch = _decode_single(head, size)
        if batch is not None:
            return batch
    if not HEAD_SIZE <= size <= _MAX_FRAME_0:
        raise ProtocolError(f"frame 0 has {size} bytes; a batch has {HEAD_SIZE} to {_MAX_FRAME_0}")
    version, flags, records, sent_ms, seq, ack = _unpack_head(head)
    if version != VERSION or flags:
        raise ProtocolError(f"version {version}, flags {flags}; this side speaks version {VERSION} without flags")
    if records > _MAX_RECORDS or len(frames) > _MAX_FRAMES:
        raise ProtocolError(f"a batch of {records} records in {len(frames)} frames is over the bounds")
    messages: list[Message] = []
    append = messages.append
    offset, frame, extra, unnumbered = HEAD_SIZE, 1, 0, 0
    alone = False
    for _ in range(records):
        start = offset + RECORD_SIZE
        if start + _SHORTEST > size:
            raise ProtocolError("a record is cut off")
        length, header_length, flags, kind, marker = _unpack_start(head, offset)
        offset, body_start = start + length, start + header_length
        if offset > size or body_start > offset or header_length > _MAX_HEADER or flags > _MAX_FLAGS:
            raise ProtocolError(f"a record of {length} bytes, header {header_length}, flags {flags} is not valid")
        # the messages of every call first, by their bytes; what does not look exactly so goes the long way
        if not flags and marker in _IDS:
            unpack_id, behind = _IDS[marker]
            if kind == _PLAIN_REPLY and header_length == behind:
                append(Reply(unpack_id(head, start + _SHORTEST)[0], head[body_start:offset]))
                continue
            if kind == _PLAIN_REQUEST:
                known = _known.get(head[start + behind : body_start])
                if known is not None and (ident := unpack_id(head, start + _SHORTEST)[0]):
                    append(Request(ident, known[0], None, known[1], head[body_start:offset]))
                    continue
            elif kind == _PLAIN_ITEM and header_length == behind:
                append(Item(unpack_id(head, start + _SHORTEST)[0], head[body_start:offset]))
                continue
        body: Body
        if flags & _IN_FRAME:
            if frame >= len(frames) or length != header_length:
                raise ProtocolError("a record's body is in a frame that is not there")
            body = frames[frame]
            frame += 1
            extra += len(body)
        else:
            body = head[body_start:offset]
        message = decode_message(head[start:body_start], body, flags & MORE, flags >> COMPRESSION_SHIFT)
        append(message)
        kind_of_message = type(message)
        alone = alone or kind_of_message in _ALONE
        if kind_of_message in UNNUMBERED:
            unnumbered += 1
        elif kind == _PLAIN_REQUEST and marker in _IDS:
            _remember(message, head[start + _IDS[marker][1] : body_start])
    if offset != size or frame != len(frames):
        raise ProtocolError(f"{size - offset} bytes and {len(frames) - frame} frames belong to no record")
    if alone and records > 1:
        raise ProtocolError("a fragment and a message of the handshake are alone in their batch")
    return Batch(seq, ack, sent_ms, messages, records - unnumbered, size + extra)


def _decode_single(head: bytes, size: int) -> Batch | None:
    """A batch of one plain record, which is what a call brings that is made alone; None where it is anything else."""
    start, sent_ms, seq, ack, length, header_length, flags, kind, marker = _unpack_single(head)
    if start != _SINGLE_START or flags or marker not in _IDS or length != size - _SINGLE_AT or size > _MAX_FRAME_0:
        return None
    unpack_id, behind = _IDS[marker]
    body = head[_SINGLE_AT + header_length :]
    if kind == _PLAIN_REPLY:
        if header_length != behind or header_length > length:
            return None
        return Batch(seq, ack, sent_ms, [Reply(unpack_id(head, _SINGLE_ID)[0], body)], 1, size)
    if kind == _PLAIN_REQUEST and header_length <= length:
        known = _known.get(head[_SINGLE_AT + behind : _SINGLE_AT + header_length])
        if known is not None and (ident := unpack_id(head, _SINGLE_ID)[0]):
            return Batch(seq, ack, sent_ms, [Request(ident, known[0], None, known[1], body)], 1, size)
    return None


def _remember(message: Message, rest: bytes) -> None:
    """What stands behind the id of a plain REQUEST is the same for all calls of a method."""
    if isinstance(message, Request) and message.timeout_ms is None and len(rest) <= _REMEMBERED_SIZE:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[rest] = message.method, message.flags
