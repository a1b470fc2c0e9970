"""msgpack that is small on the wire and large in memory, or slow: values, headers that hold them, and batches."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from callosum.protocol.headers import header_and_body
from callosum.protocol.limits import MAX_FRAME_0, MAX_HEADER, MAX_RECORDS
from callosum.protocol.messages import Hello, Welcome

_HEAD: Final = struct.Struct("<BBHIQQ")
_RECORD: Final = struct.Struct("<IHH")
_DEEP: Final = 1000
"""msgpack's own bound is 1,023."""


def values(size: int) -> Iterator[tuple[str, bytes]]:
    """Values of about so many bytes each."""
    count = max(1, size - 5)
    repeated = {
        "empty lists": b"\x90",
        "empty maps": b"\x80",
        "lists of one": b"\x91\xc0",
        "maps of one": b"\x81\xa0\xc0",
        "lists of three": b"\x93\xa0\xa0\x90",
        "services": b"\x93\xa0\xa0\x91\xa0",
        "nothing": b"\xc0",
        "small numbers": b"\x01",
        "numbers": b"\xcd\x01\x01",
        "large numbers": b"\xcf\x7f" + b"\xff" * 7,
        "empty texts": b"\xa0",
        "long forms": b"\xc4\x00",
    }
    for name, unit in repeated.items():
        yield name, _list(count // len(unit)) + unit * (count // len(unit))
    short = [bytes((0xA2, 33 + index % 90, 33 + index // 90 % 90)) for index in range(count // 3)]
    yield "short texts", _list(len(short)) + b"".join(short)
    for name, unit in {"texts": b"\xa1x", "empty texts": b"\xa0", "lists": b"\x90", "maps": b"\x80"}.items():
        keys = [struct.pack(">BI", 0xA4, 0x21212121 + index) for index in range(count // (5 + len(unit)))]
        yield f"a map of {name}", _map(len(keys)) + b"".join(key + unit for key in keys)
    pairs = [bytes((0xA2, 33 + index % 90, 33 + index // 90)) for index in range(min(count // 4, 8_000))]
    yield "a map of short keys", _map(len(pairs)) + b"".join(key + b"\xa0" for key in pairs)
    raw = [struct.pack(">BBH", 0xC4, 2, index) for index in range(min(count // 5, 60_000))]
    yield "a map of bytes", _map(len(raw)) + b"".join(key + b"\xc0" for key in raw)
    for name, unit in {"fifteen": b"\x9f", "one": b"\x91", "many": b"\xdc\x3f\xff", "most": b"\xdc\x10\x00"}.items():
        depth = min(_DEEP, size // len(unit))
        yield f"nested lists of {name}", unit * depth + b"\xc0"
    yield "nested lists again and again", _list(count // 90) + (b"\x91" * 89 + b"\xc0") * (count // 90)
    yield "nested maps", b"\x81\xa0" * min(_DEEP, count // 2) + b"\xc0"
    yield "a list that lies", b"\xdd" + struct.pack(">I", max(1, size)) + b"\xc0" * 10
    yield "wide text", b"\xdb" + struct.pack(">I", count) + b"\xf0\x9f\x98\x80".ljust(count, b"x")


def _list(count: int) -> bytes:
    return struct.pack(">BH", 0xDC, count) if count < 2**16 else struct.pack(">BI", 0xDD, count)


def _map(count: int) -> bytes:
    return struct.pack(">BH", 0xDE, count) if count < 2**16 else struct.pack(">BI", 0xDF, count)


def headers(size: int) -> Iterator[tuple[str, bytes]]:
    """Headers of about so many bytes; none where a header cannot have them."""
    if size > MAX_HEADER:
        return
    inner = max(16, min(size, MAX_HEADER) - 64)
    places = {
        "an extension": b"\x93\x40\x00",
        "a type": b"\x92",
        "a method": b"\x95\x05\x01",
        "metadata": b"\x96\x05\x01\xa1m\xc0\x00\x81\xa8metadata",
        "an option": b"\x96\x05\x01\xa1m\xc0\x00\x81\xa1x",
        "metadata of a reply": b"\x93\x08\x01\x81\xa8metadata",
        "details": b"\x96\x09\x01\x01\x01\xa0\x81\xa7details",
        "versions": b"\x9a\x01\x00",
        "codecs": b"\x9a\x01\x00\x91\x01\x01\x01",
        "a ping": b"\x94\x0d\x00",
    }
    for name, value in values(inner):
        for place, before in places.items():
            missing = {"versions": b"\x01\x01\x90\x90\x01\x01\x01", "codecs": b"\x90\x01\x01\x01", "a ping": b"\x00"}
            missing |= {"a method": b"\xc0\x00", "a type": b"\x00"}
            yield f"{place}: {name}", before + value + missing.get(place, b"")


def bodies(size: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Headers of the handshake, with bodies of about so many bytes."""
    hello, _ = header_and_body(Hello((1,), 1, 1, (), (), 1, 1, 1))
    welcome, _ = header_and_body(
        Welcome(
            1,
            1,
            bytes(16),
            resumed=False,
            received=0,
            body_bytes=1,
            window_calls=1,
            window_bytes=1,
            heartbeat_ms=1,
            grace_ms=1,
        )
    )
    for name, value in values(size):
        yield f"info: {name}", hello, value
        yield f"info of a map: {name}", hello, b"\x81\xa1x" + value
        yield f"services: {name}", welcome, value
        yield f"an offer: {name}", b"\x92\x03\x00", value


def batch(records: list[tuple[bytes, bytes]]) -> bytes:
    """Frame 0 with these headers and bodies."""
    parts = [_HEAD.pack(1, 0, len(records), 0, 1, 1)]
    for head, body in records:
        parts += (_RECORD.pack(len(head) + len(body), len(head), 0), head, body)
    return b"".join(parts)


def batches(size: int) -> Iterator[tuple[str, bytes]]:
    """First frames of about so many bytes."""
    smallest = {
        "voids": b"\x92\x0c\x00",
        "replies": b"\x92\x08\x01",
        "extensions": b"\x92\x40\x00",
        "requests": b"\x95\x05\x01\xa0\xc0\x00",
        "requests with options": b"\x96\x05\x01\xa0\xc0\x00\x80",
        "errors": b"\x95\x09\x00\x01\x01\xa0",
        "pings": b"\x94\x0d\x00\xcf\x7f" + b"\xff" * 7 + b"\x00",
        "resets": b"\x94\x04\x00\xa5stale\xa0",
        "goaways": b"\x95\x0f\x00\x00\x00\xa0",
    }
    for name, head in smallest.items():
        count = min(MAX_RECORDS, max(1, (size - _HEAD.size) // (_RECORD.size + len(head))))
        yield name, batch([(head, b"")] * count)
    different = [b"\x95\x05\x01\xa2%c%c\xc0\x00" % (33 + index // 90, 33 + index % 90) for index in range(MAX_RECORDS)]
    yield "methods", batch([(head, b"") for head in different[: max(1, size // 16)]])
    if size >= MAX_FRAME_0:
        for name, head in headers(MAX_HEADER):
            if name.startswith(("an extension", "metadata:")):
                count = MAX_FRAME_0 // (len(head) + _RECORD.size + 1)
                yield f"many headers: {name}", batch([(head, b"")] * min(MAX_RECORDS, count))
