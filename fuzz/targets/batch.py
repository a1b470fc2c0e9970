"""Frames to a batch. An input is its frames, each behind its length: a u32, little-endian, cut to what there is."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from callosum.errors import ProtocolError
from callosum.protocol import wire
from callosum.protocol.limits import MAX_FRAME_0, MAX_HANDSHAKE_BODY
from fuzz.corpus import MAX_FILE
from fuzz.target import Bomb, Target, leaves_of
from fuzz.targets import bombs

VECTORS: Final = Path(__file__).parents[2] / "tests" / "protocol" / "vectors"
_LENGTH: Final = struct.Struct("<I")


def join(frames: Iterable[bytes]) -> bytes:
    """Frames as one input."""
    return b"".join(_LENGTH.pack(len(frame)) + frame for frame in frames)


def split(data: bytes) -> list[bytes]:
    """The frames of an input: any bytes are some."""
    frames, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + _LENGTH.size], "little")
        at += _LENGTH.size
        frames.append(data[at : at + length])
        at += length
    return frames


def decode(data: bytes) -> wire.Batch:
    """What the reader of a connection does first."""
    return wire.decode(split(data))


def vectors() -> Iterator[tuple[str, list[bytes]]]:
    """The frames of the test vectors of the wire protocol, those that are refused too."""
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text())["vectors"]:
            yield f"{path.stem}-{vector['name']}", [_unspell(frame) for frame in vector["frames"]]


def _unspell(text: str) -> bytes:
    parts = (word.partition("*") for word in text.split())
    return b"".join(bytes.fromhex(digits) * int(count or 1) for digits, _, count in parts)


def seeds() -> Mapping[str, bytes]:
    """The vectors that are short enough to be kept."""
    inputs = {name: join(frames) for name, frames in vectors()}
    return {name: data for name, data in inputs.items() if len(data) <= MAX_FILE}


def make_bombs(size: int) -> Sequence[Bomb]:
    """Batches of many records, of large headers, of the handshake, and of many frames."""
    made = [Bomb(name, join([frame])) for name, frame in bombs.batches(min(size, MAX_FRAME_0))]
    made += [Bomb(name, join([bombs.batch([(header, b"")])])) for name, header in bombs.headers(size)]
    for name, header, body in bombs.bodies(min(size, MAX_HANDSHAKE_BODY - 200)):
        made.append(Bomb(name, join([bombs.batch([(header, body)])])))
    frame = bombs.batch([(b"\x92\x08\x01", b"")])
    made.append(Bomb("empty frames", join([frame, *[b""] * min(200, size)])))
    made.append(Bomb("a frame of nothing", join([bytes(size)])))
    made.append(Bomb("a body", join([frame[:2] + bytes(22) + bytes(size)])))
    return made


def leaves(batch: wire.Batch) -> Iterator[bytes]:
    """Those of its messages."""
    return leaves_of(batch.messages)


TARGET: Final = Target("batch", decode, (ProtocolError,), seeds, make_bombs, leaves)
