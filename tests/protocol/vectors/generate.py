"""Writes the test vectors of the wire protocol: the JSON files beside this one.

    python tests/protocol/vectors/generate.py            writes them
    python tests/protocol/vectors/generate.py --check    exits with 1 where a file is not what would be written

The frames are put together here from the layout of ``docs/wire-protocol.md``, with struct and msgpack alone, and the
descriptions are written by hand beside them: neither comes from callosum's own encoder, which is tested with both.

A file is an object: ``about`` and ``vectors``. Each vector has a ``name``, ``why``, ``frames`` and either ``batch``
(what the frames say) or ``error`` true and a ``reason``. Where ``decode_only`` is true the frames are valid but not
what callosum's encoder makes of the description. Bytes are text: hexadecimal digits in groups that are there for the
reader, where ``2a*300`` stands for the byte 2a 300 times. Where a field may hold text or bytes, bytes are
``{"hex": "…"}``. Optional fields that are absent in the frames are absent in the description.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

FOLDER = Path(__file__).parent
KIB = 1024
MIB = 1024 * KIB
FRAGMENT = MIB + 64 * KIB
IN_FRAME = 1
MORE = 2
SNAPPY = 4
ZSTD = 8
LONG_RUN = re.compile(rb"(.)\1{63,}", re.DOTALL)
"""One byte, 64 times or more."""

Description = dict[str, Any]  # JSON


@dataclass
class Record:
    """One record: what stands in frame 0, and the frame that has its body, if one has."""

    pieces: list[bytes]
    frame: bytes | None = None


@dataclass
class File:
    """One JSON file."""

    name: str
    about: str
    vectors: list[Description] = field(default_factory=list)

    def valid(self, name: str, why: str, frames: list[str], batch: Description, *, decode_only: bool = False) -> None:
        """Frames that are a batch."""
        vector: Description = {"name": name, "why": why, "frames": frames, "batch": batch}
        if decode_only:
            vector["decode_only"] = True
        self.vectors.append(vector)

    def invalid(self, name: str, reason: str, frames: list[str], why: str = "") -> None:
        """Frames that are none."""
        why = why or "Answered with RESET(protocol)."
        self.vectors.append({"name": name, "why": why, "frames": frames, "error": True, "reason": reason})


# --- the layout -------------------------------------------------------------------------------------------------------


def pack(value: object) -> bytes:
    """msgpack in its shortest form; text is str, bytes are bin."""
    packed: bytes = msgpack.packb(value)
    return packed


def record(header: list[object] | bytes, body: bytes = b"", flags: int = 0) -> Record:
    """A record whose body lies in frame 0, or with flag 1 in a frame of its own."""
    packed = header if isinstance(header, bytes) else pack(header)
    if flags & IN_FRAME:
        return Record([struct.pack("<IHBB", len(packed), len(packed), flags, 0), packed], body)
    return Record([struct.pack("<IHBB", len(packed) + len(body), len(packed), flags, 0), packed, body])


def head(records: int, seq: int, ack: int, sent_ms: int, version: int = 1, flags: int = 0) -> list[bytes]:
    """The fixed beginning of frame 0, field by field."""
    return [
        struct.pack("<BB", version, flags),
        struct.pack("<H", records),
        struct.pack("<I", sent_ms),
        struct.pack("<Q", seq),
        struct.pack("<Q", ack),
    ]


def frames_of(*records: Record, seq: int = 1, ack: int = 1, sent_ms: int = 0, count: int | None = None) -> list[str]:
    """The frames of a batch, as text."""
    pieces = head(len(records) if count is None else count, seq, ack, sent_ms)
    for entry in records:
        pieces += entry.pieces
    return [text(*pieces), *(text(entry.frame) for entry in records if entry.frame is not None)]


def text(*pieces: bytes) -> str:
    """Bytes as groups of hexadecimal digits; a long run of one byte is cut short."""
    return " ".join(group for piece in pieces for group in _groups(piece))


def _groups(piece: bytes) -> Iterator[str]:
    begin = 0
    for run in LONG_RUN.finditer(piece):
        if run.start() > begin:
            yield piece[begin : run.start()].hex()
        yield f"{run.group(1).hex()}*{len(run.group())}"
        begin = run.end()
    if begin < len(piece):
        yield piece[begin:].hex()


def batch(*messages: Description, seq: int = 1, ack: int = 1, sent_ms: int = 0) -> Description:
    """The description of a batch."""
    return {"seq": seq, "ack": ack, "sent_ms": sent_ms, "messages": list(messages)}


# --- the vectors ------------------------------------------------------------------------------------------------------

PLAIN = b"\x2a" * 600
SNAPPY_BODY = bytes.fromhex("d804 002a" + "fe0100" * 9 + "5a0100")
"""`PLAIN` in snappy: its length as a varint, the byte, then nine copies of 64 bytes and one of 23, each from 1 back."""
ZSTD_BODY = bytes.fromhex("28b52ffd 60 5801 c31200 2a")
"""`PLAIN` in zstd: the magic number, a single segment, 600 less 256, and one last block: the byte, 600 times."""

TOKEN = bytes(range(16))
VOID = record([12, 0])
HELLO: list[object] = [1, 0, [1], 1, 64 * MIB, [], [], 2000, 1024, 16 * MIB]
HELLO_FIELDS: Description = {
    "type": "HELLO",
    "versions": [1],
    "attempt": 1,
    "body_bytes": 67108864,
    "codecs": [],
    "compressions": [],
    "heartbeat_ms": 2000,
    "window_calls": 1024,
    "window_bytes": 16777216,
}
WELCOME: list[object] = [2, 0, 1, 7, TOKEN, False, 0, 64 * MIB, 1024, 16 * MIB, 2000, 30_000]
WELCOME_FIELDS: Description = {
    "type": "WELCOME",
    "version": 1,
    "session": 7,
    "token": TOKEN.hex(),
    "resumed": False,
    "received": 0,
    "body_bytes": 67108864,
    "window_calls": 1024,
    "window_bytes": 16777216,
    "heartbeat_ms": 2000,
    "grace_ms": 30000,
    "services": [],
}


def batches() -> File:
    """Frame 0's beginning, and what is numbered."""
    file = File("batch", "The beginning of frame 0, and which records of a batch are numbered.")
    file.valid(
        "ack-alone",
        "An ACK is a batch without records; seq is the number that the next record will get.",
        frames_of(seq=5, ack=9, sent_ms=1234),
        batch(seq=5, ack=9, sent_ms=1234),
    )
    file.valid(
        "sent_ms-largest",
        "sent_ms is a clock modulo 2**32.",
        frames_of(seq=1, ack=1, sent_ms=2**32 - 1),
        batch(seq=1, ack=1, sent_ms=4294967295),
    )
    file.valid(
        "positions-large",
        "seq and ack are 64 bits wide.",
        frames_of(VOID, seq=2**40 + 1, ack=2**53 - 1, sent_ms=1),
        batch({"type": "VOID"}, seq=1099511627777, ack=9007199254740991, sent_ms=1),
    )
    file.valid(
        "numbered-two",
        "seq numbers the first record, 3; the second has 4.",
        frames_of(record([8, 1], b"\x00"), record([8, 3], b"\x01\x02"), seq=3, ack=2, sent_ms=77),
        batch(
            {"type": "REPLY", "id": 1, "body": "00"},
            {"type": "REPLY", "id": 3, "body": "0102"},
            seq=3,
            ack=2,
            sent_ms=77,
        ),
    )
    file.valid(
        "unnumbered-alone",
        "A PING has no number: seq is the number that the next numbered record will get.",
        frames_of(record([13, 0, 1, 0]), seq=6, ack=2),
        batch({"type": "PING", "number": 1, "lag_ms": 0}, seq=6, ack=2),
    )
    file.valid(
        "unnumbered-and-numbered",
        "PING and PONG have no number, so CREDIT has 6, VOID 7 and REPLY 8, wherever the others stand.",
        frames_of(
            record([13, 0, 4, 12]),
            record([11, 0, 128, 2048]),
            record([14, 0, 3, 0]),
            VOID,
            record([8, 2], b"ok"),
            seq=6,
            ack=4,
        ),
        batch(
            {"type": "PING", "number": 4, "lag_ms": 12},
            {"type": "CREDIT", "calls": 128, "size": 2048},
            {"type": "PONG", "number": 3, "lag_ms": 0},
            {"type": "VOID"},
            {"type": "REPLY", "id": 2, "body": "6f6b"},
            seq=6,
            ack=4,
        ),
    )
    file.valid(
        "records-128",
        "The most records that a batch has.",
        frames_of(*[VOID] * 128),
        batch(*[{"type": "VOID"}] * 128),
    )
    return file


def handshake() -> File:
    """HELLO, WELCOME, OFFER, RESET."""
    file = File("handshake", "HELLO, WELCOME, OFFER and RESET.")
    file.valid(
        "hello",
        "A fresh session; seq and ack are 0 before the session is open.",
        frames_of(record(HELLO), seq=0, ack=0, sent_ms=42),
        batch(HELLO_FIELDS, seq=0, ack=0, sent_ms=42),
    )
    file.valid(
        "hello-info",
        "info is a msgpack map in the body.",
        frames_of(record(HELLO, pack({"name": "worker", "cores": 8, "tags": ["a", b"\xff"]})), seq=0, ack=0),
        batch({**HELLO_FIELDS, "info": {"name": "worker", "cores": 8, "tags": ["a", {"hex": "ff"}]}}, seq=0, ack=0),
    )
    file.valid(
        "hello-several-versions",
        "A connector that speaks two versions and offers codecs and compressions.",
        frames_of(record([1, 0, [1, 2], 3, 1024, ["thrift-binary"], ["zstd"], 250, 1, 1]), seq=0, ack=0),
        batch(
            {
                "type": "HELLO",
                "versions": [1, 2],
                "attempt": 3,
                "body_bytes": 1024,
                "codecs": ["thrift-binary"],
                "compressions": ["zstd"],
                "heartbeat_ms": 250,
                "window_calls": 1,
                "window_bytes": 1,
            },
            seq=0,
            ack=0,
        ),
    )
    file.valid(
        "hello-resuming",
        "session, token and received: the connector resumes and expects number 42 next.",
        frames_of(record([*HELLO, {"session": 7, "token": TOKEN, "received": 42}]), seq=0, ack=0),
        batch({**HELLO_FIELDS, "resumption": {"session": 7, "token": TOKEN.hex(), "received": 42}}, seq=0, ack=0),
    )
    file.valid(
        "hello-giving-up",
        "session and token without received: a fresh session is wanted, and session 7 is given up.",
        frames_of(record([*HELLO, {"session": 7, "token": TOKEN}]), seq=0, ack=0),
        batch({**HELLO_FIELDS, "resumption": {"session": 7, "token": TOKEN.hex()}}, seq=0, ack=0),
    )
    file.valid(
        "welcome",
        "A fresh session; the listener serves nothing.",
        frames_of(record(WELCOME, pack([])), seq=0, ack=0),
        batch(WELCOME_FIELDS, seq=0, ack=0),
    )
    file.valid(
        "welcome-resumed",
        "The session goes on; the listener expects number 17 next.",
        frames_of(record([*WELCOME[:5], True, 17, *WELCOME[7:]], pack([])), seq=0, ack=0),
        batch({**WELCOME_FIELDS, "resumed": True, "received": 17}, seq=0, ack=0),
    )
    file.valid(
        "welcome-compressions",
        "The listener decompresses snappy and zstd.",
        frames_of(record([*WELCOME, {"compressions": ["snappy", "zstd"]}], pack([])), seq=0, ack=0),
        batch({**WELCOME_FIELDS, "compressions": ["snappy", "zstd"]}, seq=0, ack=0),
    )
    services = [["Echo", "ab" * 32, ["thrift-binary", "thrift-compact"]], ["Other", "", []]]
    listed = [
        {"name": "Echo", "fingerprint": "ab" * 32, "codecs": ["thrift-binary", "thrift-compact"]},
        {"name": "Other", "fingerprint": "", "codecs": []},
    ]
    file.valid(
        "welcome-services",
        "Services travel in the body.",
        frames_of(record(WELCOME, pack(services)), seq=0, ack=0),
        batch({**WELCOME_FIELDS, "services": listed}, seq=0, ack=0),
    )
    file.valid(
        "offer-empty",
        "The first numbered record of a fresh session: the connector serves nothing.",
        frames_of(record([3, 0], pack([]))),
        batch({"type": "OFFER", "services": []}),
    )
    file.valid(
        "offer",
        "The connector serves too.",
        frames_of(record([3, 0], pack(services))),
        batch({"type": "OFFER", "services": listed}),
    )
    for code in ("stale", "draining", "no_session", "protocol", "unauthenticated", "slow", "closed"):
        file.valid(
            f"reset-{code}",
            "A RESET has no number. Before the session is open, seq and ack are 0.",
            frames_of(record([4, 0, code, f"because: {code}"]), seq=0, ack=0),
            batch({"type": "RESET", "code": code, "text": f"because: {code}"}, seq=0, ack=0),
        )
    file.valid(
        "reset-in-session",
        "In an open session a RESET acknowledges what has arrived.",
        frames_of(record([4, 0, "closed", ""]), seq=12, ack=8),
        batch({"type": "RESET", "code": "closed", "text": ""}, seq=12, ack=8),
    )
    return file


def calls() -> File:
    """REQUEST, REPLY, ERROR, CANCEL."""
    file = File("calls", "REQUEST, REPLY, ERROR and CANCEL.")
    _requests(file)
    file.valid(
        "reply",
        "The outcome of call 1.",
        frames_of(record([8, 1], b"\x0b\x00")),
        batch({"type": "REPLY", "id": 1, "body": "0b00"}),
    )
    file.valid(
        "reply-metadata",
        "With the optional field metadata.",
        frames_of(record([8, 1, {"metadata": {"served-by": "a", "raw": b"\x00\x01"}}], b"\x00")),
        batch({"type": "REPLY", "id": 1, "body": "00", "metadata": {"served-by": "a", "raw": {"hex": "0001"}}}),
    )
    file.valid(
        "reply-own-frame",
        "A body of more than 64 KiB is a frame of its own; length counts the header alone.",
        frames_of(record([8, 1], b"\x2a" * (64 * KIB + 1), IN_FRAME)),
        batch({"type": "REPLY", "id": 1, "body": f"2a*{64 * KIB + 1}"}),
    )
    file.valid(
        "reply-zstd",
        "Flag 8: the body is compressed with zstd. Plain it is the byte 2a 600 times.",
        frames_of(record([8, 1], ZSTD_BODY, ZSTD)),
        batch({"type": "REPLY", "id": 1, "body": ZSTD_BODY.hex(), "compression": 2}),
    )
    file.valid(
        "reply-snappy-long-id",
        "Flag 4: the body is compressed with snappy. Plain it is the byte 2a 600 times.",
        frames_of(record([8, 300], SNAPPY_BODY, SNAPPY)),
        batch({"type": "REPLY", "id": 300, "body": SNAPPY_BODY.hex(), "compression": 1}),
    )
    file.valid(
        "reply-compressed-own-frame",
        "Flags 1 and 4: a compressed body of more than 64 KiB. What it holds is not looked at here.",
        frames_of(record([8, 1], b"\x2a" * (64 * KIB + 1), IN_FRAME | SNAPPY)),
        batch({"type": "REPLY", "id": 1, "body": f"2a*{64 * KIB + 1}", "compression": 1}),
    )
    _errors(file)
    for reason in ("cancelled", "deadline"):
        file.valid(
            f"cancel-{reason}",
            "The caller left.",
            frames_of(record([10, 5, reason]), seq=9, ack=4),
            batch({"type": "CANCEL", "id": 5, "reason": reason}, seq=9, ack=4),
        )
    return file


def _requests(file: File) -> None:
    plain: list[object] = [5, 1, "Echo/say", None, 0]
    fields: Description = {"type": "REQUEST", "id": 1, "method": "Echo/say", "timeout_ms": None, "flags": 0}
    file.valid(
        "request",
        "Without a timeout and without optional fields.",
        frames_of(record(plain, b"\x00")),
        batch({**fields, "body": "00"}),
    )
    file.valid(
        "request-no-body",
        "A body may be empty.",
        frames_of(record(plain)),
        batch({**fields, "body": ""}),
    )
    file.valid(
        "request-timeout",
        "1500 ms are left of the deadline when it leaves. An even id: the listener calls.",
        frames_of(record([5, 2, "Echo/say", 1500, 0], b"\x00")),
        batch({**fields, "id": 2, "timeout_ms": 1500, "body": "00"}),
    )
    file.valid(
        "request-oneway",
        "Flag 1: nothing answers.",
        frames_of(record([5, 3, "Echo/note", None, 1], b"\x00")),
        batch({**fields, "id": 3, "method": "Echo/note", "flags": 1, "body": "00"}),
    )
    file.valid(
        "request-idempotent",
        "Flag 2: running it twice does no harm.",
        frames_of(record([5, 3, "Echo/get", None, 2], b"\x00")),
        batch({**fields, "id": 3, "method": "Echo/get", "flags": 2, "body": "00"}),
    )
    keys: list[tuple[str, object, object]] = [
        ("text", "user-1", "user-1"),
        ("number", -7, -7),
        ("bytes", b"\x00\xff", {"hex": "00ff"}),
        ("empty-text", "", ""),
    ]
    for name, key, described in keys:
        file.valid(
            f"request-key-{name}",
            "With the optional field key.",
            frames_of(record([*plain, {"key": key}], b"\x00")),
            batch({**fields, "body": "00", "key": described}),
        )
    file.valid(
        "request-metadata",
        "With the optional field metadata.",
        frames_of(record([*plain, {"metadata": {"trace": "4bf9", "raw": b"\x01"}}], b"\x00")),
        batch({**fields, "body": "00", "metadata": {"trace": "4bf9", "raw": {"hex": "01"}}}),
    )
    file.valid(
        "request-parent",
        "With the optional field parent: it was made in the handler of the other side's call 2.",
        frames_of(record([*plain, {"parent": 2}], b"\x00")),
        batch({**fields, "body": "00", "parent": 2}),
    )
    file.valid(
        "request-codec",
        "With the optional field codec: the body is not in the service's first one.",
        frames_of(record([*plain, {"codec": "thrift-compact"}], b"\x00")),
        batch({**fields, "body": "00", "codec": "thrift-compact"}),
    )
    file.valid(
        "request-snappy",
        "Flag 4: the body is compressed with snappy. Plain it is the byte 2a 600 times.",
        frames_of(record(plain, SNAPPY_BODY, SNAPPY)),
        batch({**fields, "body": SNAPPY_BODY.hex(), "compression": 1}),
    )
    file.valid(
        "request-zstd",
        "Flag 8: the body is compressed with zstd; and the caller asks for a reply in it.",
        frames_of(record([*plain, {"compression": "zstd"}], ZSTD_BODY, ZSTD)),
        batch({**fields, "body": ZSTD_BODY.hex(), "reply_compression": "zstd", "compression": 2}),
    )
    file.valid(
        "request-asks",
        "With the optional field compression: the reply may be compressed, although this body is not.",
        frames_of(record([*plain, {"compression": "snappy"}], b"\x00")),
        batch({**fields, "body": "00", "reply_compression": "snappy"}),
    )
    everything: dict[str, object] = {"key": "k", "metadata": {"a": "b"}, "parent": 4, "codec": "json"}
    everything["compression"] = "zstd"
    file.valid(
        "request-everything",
        "All optional fields, both flags, a timeout and a large id.",
        frames_of(record([5, 2**62 + 1, "Ünï/cödé", 2**31, 3, everything], b"{}")),
        batch(
            {
                "type": "REQUEST",
                "id": 4611686018427387905,
                "method": "Ünï/cödé",
                "timeout_ms": 2147483648,
                "flags": 3,
                "body": "7b7d",
                "key": "k",
                "metadata": {"a": "b"},
                "parent": 4,
                "codec": "json",
                "reply_compression": "zstd",
            }
        ),
    )
    key = "k" * (16 * KIB - 30)
    file.valid(
        "request-header-16-kib",
        "The longest header: exactly 16 KiB.",
        frames_of(record([*plain, {"key": key, "parent": 2}])),
        batch({**fields, "body": "", "key": key, "parent": 2}),
    )
    file.valid(
        "request-64-kib",
        "The largest body that a sender puts into frame 0.",
        frames_of(record(plain, b"\x2a" * (64 * KIB))),
        batch({**fields, "body": f"2a*{64 * KIB}"}),
    )
    file.valid(
        "request-1-mib",
        "The largest body that travels whole.",
        frames_of(record(plain, b"\x2a" * FRAGMENT, IN_FRAME)),
        batch({**fields, "body": f"2a*{FRAGMENT}"}),
    )
    file.valid(
        "request-two-frames",
        "Frames with bodies are in the order of the records; the second record has its body in frame 0.",
        frames_of(
            record(plain, b"\x01" * (64 * KIB + 1), IN_FRAME),
            record([5, 3, "Echo/say", None, 0], b"\x02"),
            record([5, 5, "Echo/say", None, 0], b"\x03" * (64 * KIB + 2), IN_FRAME),
        ),
        batch(
            {**fields, "body": f"01*{64 * KIB + 1}"},
            {**fields, "id": 3, "body": "02"},
            {**fields, "id": 5, "body": f"03*{64 * KIB + 2}"},
        ),
    )


def _errors(file: File) -> None:
    codes = {
        "CANCELLED": 1,
        "INVALID_ARGUMENT": 3,
        "DEADLINE_EXCEEDED": 4,
        "PERMISSION_DENIED": 7,
        "RESOURCE_EXHAUSTED": 8,
        "UNIMPLEMENTED": 12,
        "INTERNAL": 13,
        "UNAVAILABLE": 14,
        "UNAUTHENTICATED": 16,
    }
    for name, number in codes.items():
        file.valid(
            f"error-{name.lower().replace('_', '-')}",
            f"Code {number}, outcome REJECTED: surely not run.",
            frames_of(record([9, 1, number, 1, "no"])),
            batch({"type": "ERROR", "id": 1, "code": name, "outcome": "REJECTED", "text": "no"}),
        )
    for name, number in {"UNKNOWN": 2, "EXECUTED": 3}.items():
        file.valid(
            f"error-outcome-{name.lower()}",
            f"Outcome {number}.",
            frames_of(record([9, 1, 13, number, ""])),
            batch({"type": "ERROR", "id": 1, "code": "INTERNAL", "outcome": name, "text": ""}),
        )
    start: list[object] = [9, 1, 8, 3, "full"]
    fields: Description = {
        "type": "ERROR",
        "id": 1,
        "code": "RESOURCE_EXHAUSTED",
        "outcome": "EXECUTED",
        "text": "full",
    }
    details = {"limit": 5, "share": 0.5, "name": "é", "raw": b"\xfe", "hard": True, "next": None}
    described = {"limit": 5, "share": 0.5, "name": "é", "raw": {"hex": "fe"}, "hard": True, "next": None}
    file.valid(
        "error-details",
        "With the optional field details; 0.5 is a msgpack float 64.",
        frames_of(record([*start, {"details": details}])),
        batch({**fields, "details": described}),
    )
    file.valid(
        "error-error-id",
        "With the optional field error_id.",
        frames_of(record([*start, {"error_id": "1f2e3d4c"}])),
        batch({**fields, "error_id": "1f2e3d4c"}),
    )
    file.valid(
        "error-retry-after",
        "With the optional field retry_after, in milliseconds; 0 is not the same as none.",
        frames_of(record([*start, {"retry_after": 0}])),
        batch({**fields, "retry_after_ms": 0}),
    )
    file.valid(
        "error-everything",
        "With all optional fields.",
        frames_of(record([*start, {"details": {"a": 1}, "error_id": "e", "retry_after": 2500}])),
        batch({**fields, "details": {"a": 1}, "error_id": "e", "retry_after_ms": 2500}),
    )


def control() -> File:
    """CREDIT, VOID, PING, PONG, GOAWAY."""
    file = File("control", "CREDIT, VOID, PING, PONG and GOAWAY.")
    file.valid(
        "credit",
        "Returns 128 calls and 2 MiB of the call window.",
        frames_of(record([11, 0, 128, 2 * MIB])),
        batch({"type": "CREDIT", "calls": 128, "size": 2097152}),
    )
    file.valid("void", "Keeps a number.", frames_of(VOID, seq=30, ack=2), batch({"type": "VOID"}, seq=30, ack=2))
    file.valid(
        "ping", "Not numbered.", frames_of(record([13, 0, 1, 3])), batch({"type": "PING", "number": 1, "lag_ms": 3})
    )
    file.valid(
        "pong",
        "Answers PING 1.",
        frames_of(record([14, 0, 1, 250])),
        batch({"type": "PONG", "number": 1, "lag_ms": 250}),
    )
    file.valid(
        "goaway",
        "Calls above 41 are rejected.",
        frames_of(record([15, 0, 41, 30_000, "the endpoint is closing"])),
        batch({"type": "GOAWAY", "last_id": 41, "grace_ms": 30000, "reason": "the endpoint is closing"}),
    )
    file.valid(
        "goaway-nothing-arrived",
        "No call has arrived: last_id is 0. No reason is given.",
        frames_of(record([15, 0, 0, 0, ""])),
        batch({"type": "GOAWAY", "last_id": 0, "grace_ms": 0, "reason": ""}),
    )
    return file


def streams() -> File:
    """ITEM, END, and the CREDIT of a stream."""
    file = File("streams", "REQUESTs that begin streams, ITEM, END, and the CREDIT of a stream.")
    fields: Description = {"type": "REQUEST", "id": 1, "method": "Logs/tail", "timeout_ms": None}
    for name, flags, why in (
        ("items-follow", 4, "Flag 4: the caller sends a stream."),
        ("items-wanted", 8, "Flag 8: the caller takes a stream."),
        ("items-both-ways", 12, "Flags 4 and 8: a stream in both directions."),
        ("items-idempotent", 10, "Flags 2 and 8."),
    ):
        file.valid(
            f"request-{name}",
            why,
            frames_of(record([5, 1, "Logs/tail", None, flags], b"\x00")),
            batch({**fields, "flags": flags, "body": "00"}),
        )
    file.valid(
        "item",
        "One item of the stream of call 1: the caller's, or the handler's.",
        frames_of(record([6, 1], b"\x2a\x2b")),
        batch({"type": "ITEM", "id": 1, "body": "2a2b"}),
    )
    file.valid(
        "item-empty",
        "An item may be empty.",
        frames_of(record([6, 2])),
        batch({"type": "ITEM", "id": 2, "body": ""}),
    )
    for ident in (127, 128, 300, 70_000, 2**32, 2**63 - 1):
        file.valid(
            f"item-id-{ident}",
            "The id in msgpack's shortest form.",
            frames_of(record([6, ident], b"\x2a")),
            batch({"type": "ITEM", "id": ident, "body": "2a"}),
        )
    file.valid(
        "item-own-frame",
        "An item of more than 64 KiB is a frame of its own.",
        frames_of(record([6, 1], b"\x2a" * (64 * KIB + 1), IN_FRAME)),
        batch({"type": "ITEM", "id": 1, "body": f"2a*{64 * KIB + 1}"}),
    )
    for name, body, flag, number in (("snappy", SNAPPY_BODY, SNAPPY, 1), ("zstd", ZSTD_BODY, ZSTD, 2)):
        file.valid(
            f"item-{name}",
            f"Flag {flag}: the item is compressed with {name}. Plain it is the byte 2a 600 times.",
            frames_of(record([6, 300], body, flag)),
            batch({"type": "ITEM", "id": 300, "body": body.hex(), "compression": number}),
        )
    file.valid(
        "item-compressed-own-frame",
        "Flags 1 and 4: a compressed item of more than 64 KiB. What it holds is not looked at here.",
        frames_of(record([6, 1], b"\x2a" * (64 * KIB + 1), IN_FRAME | SNAPPY)),
        batch({"type": "ITEM", "id": 1, "body": f"2a*{64 * KIB + 1}", "compression": 1}),
    )
    file.valid(
        "items-and-end",
        "Items of two streams, and the END of the first: ITEM and END are numbered, 7 to 10.",
        frames_of(record([6, 1], b"a"), record([6, 3], b"b"), record([6, 1], b"c"), record([7, 1]), seq=7, ack=5),
        batch(
            {"type": "ITEM", "id": 1, "body": "61"},
            {"type": "ITEM", "id": 3, "body": "62"},
            {"type": "ITEM", "id": 1, "body": "63"},
            {"type": "END", "id": 1},
            seq=7,
            ack=5,
        ),
    )
    file.valid(
        "items-and-reply",
        "The handler's items, and the outcome behind them.",
        frames_of(record([6, 1], b"a"), record([6, 1], b"b"), record([8, 1])),
        batch(
            {"type": "ITEM", "id": 1, "body": "61"},
            {"type": "ITEM", "id": 1, "body": "62"},
            {"type": "REPLY", "id": 1, "body": ""},
        ),
    )
    file.valid(
        "credit",
        "The stream of call 5 may have 64 KiB more, and all streams together 70,000 bytes.",
        frames_of(record([11, 5, 64 * KIB, 70_000])),
        batch({"type": "STREAM_CREDIT", "id": 5, "size": 65536, "consumed": 70000}),
    )
    file.valid(
        "credit-shared-alone",
        "What was read of streams that are over: nothing for the stream, 2 MiB for all together.",
        frames_of(record([11, 5, 0, 2 * MIB])),
        batch({"type": "STREAM_CREDIT", "id": 5, "size": 0, "consumed": 2097152}),
    )
    return file


def fragments() -> File:
    """Bodies over 1,088 KiB."""
    file = File(
        "fragments",
        "Bodies over 1,088 KiB. Each fragment is alone in its batch. The vectors of a body follow one another.",
    )
    request = {"type": "REQUEST", "id": 1, "method": "Echo/say", "timeout_ms": 5000, "flags": 0, "key": "k"}
    file.valid(
        "request-first",
        "The first fragment has the header of the REQUEST, flag 2 (MORE) and flag 1 (the body is the next frame).",
        frames_of(record([5, 1, "Echo/say", 5000, 0, {"key": "k"}], b"\x2a" * FRAGMENT, IN_FRAME | MORE)),
        batch({"type": "FRAGMENT", "of": "REQUEST", "id": 1, "more": True, "first": request, "body": f"2a*{FRAGMENT}"}),
    )
    file.valid(
        "request-second",
        "Further fragments have type and id alone.",
        frames_of(record([5, 1], b"\x2b" * FRAGMENT, IN_FRAME | MORE), seq=2),
        batch({"type": "FRAGMENT", "of": "REQUEST", "id": 1, "more": True, "body": f"2b*{FRAGMENT}"}, seq=2),
    )
    file.valid(
        "request-last",
        "The last one is without MORE. Its body, of 3 bytes, lies in frame 0.",
        frames_of(record([5, 1], b"\x2c\x2c\x2c"), seq=3),
        batch({"type": "FRAGMENT", "of": "REQUEST", "id": 1, "more": False, "body": "2c2c2c"}, seq=3),
    )
    file.valid(
        "request-last-own-frame",
        "The last one over 64 KiB: a frame of its own.",
        frames_of(record([5, 3], b"\x2c" * (64 * KIB + 1), IN_FRAME), seq=4),
        batch({"type": "FRAGMENT", "of": "REQUEST", "id": 3, "more": False, "body": f"2c*{64 * KIB + 1}"}, seq=4),
    )
    item = {"type": "ITEM", "id": 1}
    file.valid(
        "item-first-or-further",
        "A fragment of an ITEM that is not the last: all have the same header. The description takes it for a first "
        "one.",
        frames_of(record([6, 1], b"\x04" * FRAGMENT, IN_FRAME | MORE), seq=4),
        batch(
            {"type": "FRAGMENT", "of": "ITEM", "id": 1, "more": True, "first": item, "body": f"04*{FRAGMENT}"}, seq=4
        ),
    )
    file.valid(
        "item-last",
        "The last fragment of an ITEM looks like a whole ITEM: the body that is unfinished tells that it is none.",
        frames_of(record([6, 1], b"\x05"), seq=5),
        batch({"type": "ITEM", "id": 1, "body": "05"}, seq=5),
    )
    file.valid(
        "item-first-compressed",
        "The first fragment says that the whole item is compressed: flag 8, zstd. Further ones do not.",
        frames_of(record([6, 1], b"\x04" * FRAGMENT, IN_FRAME | MORE | ZSTD), seq=5),
        batch(
            {
                "type": "FRAGMENT",
                "of": "ITEM",
                "id": 1,
                "more": True,
                "first": {**item, "compression": 2},
                "body": f"04*{FRAGMENT}",
            },
            seq=5,
        ),
    )
    file.valid(
        "request-first-compressed",
        "The first fragment says that the whole body is compressed: flag 8, zstd. Further ones do not.",
        frames_of(record([5, 5, "Echo/say", None, 0], b"\x2a" * FRAGMENT, IN_FRAME | MORE | ZSTD), seq=5),
        batch(
            {
                "type": "FRAGMENT",
                "of": "REQUEST",
                "id": 5,
                "more": True,
                "first": {
                    "type": "REQUEST",
                    "id": 5,
                    "method": "Echo/say",
                    "timeout_ms": None,
                    "flags": 0,
                    "compression": 2,
                },
                "body": f"2a*{FRAGMENT}",
            },
            seq=5,
        ),
    )
    reply = {"type": "REPLY", "id": 2, "metadata": {"a": "b"}}
    file.valid(
        "reply-first",
        "The first fragment of a REPLY, with metadata.",
        frames_of(record([8, 2, {"metadata": {"a": "b"}}], b"\x01" * FRAGMENT, IN_FRAME | MORE), seq=5),
        batch(
            {"type": "FRAGMENT", "of": "REPLY", "id": 2, "more": True, "first": reply, "body": f"01*{FRAGMENT}"}, seq=5
        ),
    )
    file.valid(
        "reply-first-or-further",
        "The header of a REPLY without metadata is as short as a further fragment's: whether a body of this id is "
        "unfinished tells which of the two it is. The description takes it for a first one.",
        frames_of(record([8, 2], b"\x02" * FRAGMENT, IN_FRAME | MORE), seq=6),
        batch(
            {
                "type": "FRAGMENT",
                "of": "REPLY",
                "id": 2,
                "more": True,
                "first": {"type": "REPLY", "id": 2},
                "body": f"02*{FRAGMENT}",
            },
            seq=6,
        ),
    )
    file.valid(
        "reply-last",
        "The last fragment of a REPLY looks like a whole REPLY: the body that is unfinished tells that it is none.",
        frames_of(record([8, 2], b"\x03"), seq=7),
        batch({"type": "REPLY", "id": 2, "body": "03"}, seq=7),
    )
    return file


def tolerance() -> File:
    """What a receiver takes although a sender of ours does not make it."""
    file = File(
        "tolerance",
        "Valid frames that callosum's encoder does not make: extensions, and freedoms that a sender has.",
    )
    for number in (64, 65, 1000, 2**40):
        file.valid(
            f"extension-{number}",
            "An unknown type from 64 on is skipped. It is numbered, whatever it holds.",
            frames_of(record([number, 3, "whatever", {"a": [1]}], b"\x00\x01")),
            batch({"type": "EXTENSION", "number": number}),
            decode_only=True,
        )
    file.valid(
        "extension-among-others",
        "The extension has number 5, the REPLY behind it 6.",
        frames_of(record([64, 0]), record([8, 1]), seq=5),
        batch({"type": "EXTENSION", "number": 64}, {"type": "REPLY", "id": 1, "body": ""}, seq=5),
        decode_only=True,
    )
    plain: list[object] = [5, 1, "Echo/say", None, 0]
    fields: Description = {"type": "REQUEST", "id": 1, "method": "Echo/say", "timeout_ms": None, "flags": 0}
    file.valid(
        "optional-unknown",
        "Optional fields that are not known are ignored.",
        frames_of(record([*plain, {"colour": [1, 2], "codec": "json"}], b"")),
        batch({**fields, "body": "", "codec": "json"}),
        decode_only=True,
    )
    file.valid(
        "optional-everywhere",
        "Each header may end with a map of optional fields.",
        frames_of(
            record([10, 1, "cancelled", {"x": 1}]),
            record([11, 0, 1, 1, {"x": 1}]),
            record([12, 0, {"x": 1}]),
            record([13, 0, 1, 0, {"x": 1}]),
            record([14, 0, 1, 0, {"x": 1}]),
            record([15, 0, 1, 0, "", {"x": 1}]),
            record([4, 0, "closed", "", {"x": 1}]),
            record([3, 0, {"x": 1}], pack([])),
        ),
        batch(
            {"type": "CANCEL", "id": 1, "reason": "cancelled"},
            {"type": "CREDIT", "calls": 1, "size": 1},
            {"type": "VOID"},
            {"type": "PING", "number": 1, "lag_ms": 0},
            {"type": "PONG", "number": 1, "lag_ms": 0},
            {"type": "GOAWAY", "last_id": 1, "grace_ms": 0, "reason": ""},
            {"type": "RESET", "code": "closed", "text": ""},
            {"type": "OFFER", "services": []},
        ),
        decode_only=True,
    )
    file.valid(
        "optional-in-welcome",
        "Of WELCOME, too.",
        frames_of(record([*WELCOME, {"motto": "x"}], pack([])), seq=0, ack=0),
        batch(WELCOME_FIELDS, seq=0, ack=0),
        decode_only=True,
    )
    file.valid(
        "optional-empty",
        "An empty map is as good as none.",
        frames_of(record([*plain, {}], b"\x00")),
        batch({**fields, "body": "00"}),
        decode_only=True,
    )
    file.valid(
        "extension-compressed",
        "Of a record of an unknown type, the flags are not looked at but for 1.",
        frames_of(record([64, 0], b"\x00", 28 | MORE)),
        batch({"type": "EXTENSION", "number": 64}),
        decode_only=True,
    )
    file.valid(
        "compression-unknown",
        "A compression that is asked for may have any name.",
        frames_of(record([*plain, {"compression": "brotli"}], b"\x00")),
        batch({**fields, "body": "00", "reply_compression": "brotli"}),
    )
    file.valid(
        "flags-unknown",
        "Unknown flags of a REQUEST are ignored.",
        frames_of(record([5, 1, "Echo/say", None, 64], b"")),
        batch({**fields, "flags": 64, "body": ""}),
    )
    file.valid(
        "integers-long",
        "Integers need not be in their shortest form: this id 1 takes 9 bytes.",
        frames_of(record(b"\x92\x08\xcf" + bytes(7) + b"\x01", b"\x00")),
        batch({"type": "REPLY", "id": 1, "body": "00"}),
        decode_only=True,
    )
    file.valid(
        "small-body-own-frame",
        "A small body may be a frame of its own, even an empty one.",
        frames_of(record([8, 1], b"ab", IN_FRAME), record([8, 3], b"", IN_FRAME)),
        batch({"type": "REPLY", "id": 1, "body": "6162"}, {"type": "REPLY", "id": 3, "body": ""}),
        decode_only=True,
    )
    file.valid(
        "frames-129",
        "The most frames that records can use: each of 128 has its body in one.",
        frames_of(*[record([8, 1], b"\x2a", IN_FRAME)] * 128),
        batch(*[{"type": "REPLY", "id": 1, "body": "2a"}] * 128),
        decode_only=True,
    )
    file.valid(
        "large-body-inline",
        "A body over 64 KiB may lie in frame 0.",
        frames_of(record([8, 1], b"\x2a" * (64 * KIB + 1))),
        batch({"type": "REPLY", "id": 1, "body": f"2a*{64 * KIB + 1}"}),
        decode_only=True,
    )
    file.valid(
        "fragment-small",
        "A fragment may be shorter than 1,088 KiB, whether or not it is the last one.",
        frames_of(record([5, 1], b"ab", MORE)),
        batch({"type": "FRAGMENT", "of": "REQUEST", "id": 1, "more": True, "body": "6162"}),
    )
    file.valid(
        "frame-0-largest",
        "Frame 0 has exactly 256 KiB.",
        frames_of(record([8, 1], b"\x2a" * (256 * KIB - 24 - 8 - 3))),
        batch({"type": "REPLY", "id": 1, "body": f"2a*{256 * KIB - 24 - 8 - 3}"}),
        decode_only=True,
    )
    return file


def invalid() -> File:
    """What is no batch."""
    file = File("invalid", "What is no batch of this version, or breaks a bound: all of it is refused as a whole.")
    _invalid_batches(file)
    _invalid_records(file)
    _invalid_headers(file)
    _invalid_fields(file)
    _invalid_handshakes(file)
    _invalid_fragments(file)
    return file


def _invalid_batches(file: File) -> None:
    file.invalid("no-frames", "there is no frame 0", [])
    file.invalid("frame-0-empty", "frame 0 has fewer than 24 bytes", [""])
    file.invalid("head-cut-off", "frame 0 has fewer than 24 bytes", [text(b"".join(head(0, 1, 1, 0))[:23])])
    file.invalid("version-0", "version 0", [text(*head(0, 1, 1, 0, version=0))])
    file.invalid("version-2", "version 2", [text(*head(0, 1, 1, 0, version=2))])
    for flags in (1, 0x80):
        file.invalid(f"batch-flags-{flags}", "the batch has flags", [text(*head(0, 1, 1, 0, flags=flags))])
    file.invalid("records-129", "more than 128 records", frames_of(*[VOID] * 129))
    file.invalid("frames-131", "more than 130 frames", frames_of() + ["00"] * 130)
    file.invalid(
        "frame-0-over",
        "frame 0 has more than 256 KiB",
        frames_of(record([8, 1], b"\x2a" * (256 * KIB - 24 - 8 - 3 + 1))),
    )
    file.invalid("trailing-bytes", "a byte belongs to no record", [frames_of(VOID)[0] + " 00"])
    file.invalid("trailing-bytes-ack", "an ACK has nothing behind its head", [frames_of()[0] + " 00"])
    file.invalid("trailing-frame", "a frame belongs to no record", [*frames_of(VOID), "00"])
    file.invalid("record-missing", "there are fewer records than the head says", frames_of(VOID, count=2))
    file.invalid("record-too-many", "there are more records than the head says", frames_of(VOID, VOID, count=1))


def _invalid_records(file: File) -> None:
    start = head(1, 1, 1, 0)
    packed = pack([12, 0])
    file.invalid("record-cut-off", "a record has fewer than 8 bytes", [text(*start, b"\x03\x00\x00\x00\x03\x00\x00")])
    lying = struct.pack("<IHBB", 2**32 - 1, 3, 0, 0)
    file.invalid("length-lying", "length goes beyond frame 0", [text(*start, lying, packed)])
    by_one = struct.pack("<IHBB", 4, 3, 0, 0)
    file.invalid("length-one-too-many", "length goes beyond frame 0", [text(*start, by_one, packed)])
    short = struct.pack("<IHBB", 2, 3, 0, 0)
    file.invalid("length-below-header", "length is less than header_length", [text(*start, short, packed)])
    nothing = struct.pack("<IHBB", 0, 0, 0, 0)
    file.invalid("header-empty", "there is no header", [text(*start, nothing)])
    reserved = struct.pack("<IHBB", 3, 3, 0, 1)
    file.invalid("record-reserved", "the record's last byte is not 0", [text(*start, reserved, packed)])
    for flags in (32, 64, 0x80):
        unknown = struct.pack("<IHBB", 3, 3, flags, 0)
        file.invalid(f"record-flags-{flags}", "an unknown flag of a record", [text(*start, unknown, packed)])
    for number in range(3, 8):
        frames = frames_of(record([8, 1], b"\x2a", number << 2))
        file.invalid(f"record-compression-{number}", "an unknown compression", frames)
    for name, header in (("void", [12, 0]), ("error", [9, 1, 13, 3, ""]), ("credit", [11, 0, 1, 1]), ("end", [7, 1])):
        reason = "only a REQUEST, an ITEM and a REPLY can be compressed"
        file.invalid(f"record-compressed-{name}", reason, frames_of(record(list(header), flags=SNAPPY)))
    file.invalid("frame-missing", "the body's frame is not there", frames_of(record([8, 1], b"\x2a", IN_FRAME))[:1])
    both = struct.pack("<IHBB", 4, 3, IN_FRAME, 0)
    file.invalid(
        "frame-and-inline",
        "flag 1, and length counts more than the header",
        [text(*start, both, pack([8, 1]), b"\x00"), "2a"],
    )
    key = b"\x61" * (16 * KIB + 1 - 15)
    over = b"\x96\x05\x01\xa1\x4d\xc0\x00\x81\xa3key\xda" + struct.pack(">H", len(key))
    file.invalid(
        "header-over",
        "a header of 16 KiB and one byte",
        [text(*start, struct.pack("<IHBB", len(over) + len(key), len(over) + len(key), 0, 0), over, key)],
    )


def _invalid_headers(file: File) -> None:
    file.invalid("header-no-msgpack", "the header is not msgpack", frames_of(record(b"\xc1")))
    file.invalid("header-cut-off", "the array has fewer elements than it says", frames_of(record(b"\x93\x0c\x00")))
    file.invalid("header-trailing", "bytes behind the array", frames_of(record(pack([12, 0]) + b"\x00")))
    file.invalid("header-map", "the header is a map", frames_of(record(pack({"type": 12}))))
    file.invalid("header-number", "the header is a number", frames_of(record(pack(12))))
    file.invalid("header-short", "the header has no id", frames_of(record([12])))
    file.invalid(
        "header-array-lying", "the array claims 2**32 - 1 elements", frames_of(record(b"\xdd\xff\xff\xff\xff"))
    )
    file.invalid("header-deep", "arrays nested 2,000 deep", frames_of(record(b"\x91" * 2000 + b"\x00")))
    file.invalid("header-text-not-utf8", "text that is not UTF-8", frames_of(record(b"\x94\x04\x00\xa1\xff\xa0")))
    file.invalid("type-text", "the type is text", frames_of(record(["12", 0])))
    file.invalid("type-negative", "the type is negative", frames_of(record([-1, 0])))
    file.invalid("type-true", "the type is a boolean", frames_of(record([True, 0])))
    file.invalid("type-float", "the type of a REPLY is a float", frames_of(record([8.0, 1])))
    file.invalid("type-float-request", "of a REQUEST, too", frames_of(record([5.0, 1, "M/m", None, 0])))
    file.invalid("id-float", "the id is a float", frames_of(record([8, 1.0])))
    file.invalid("id-negative", "the id is negative", frames_of(record([8, -1])))
    file.invalid("id-over", "the id is 2**63", frames_of(record([8, 2**63])))
    file.invalid("id-text", "the id is text", frames_of(record([8, "1"])))
    file.invalid("ext-header", "an extension type in place of a header", frames_of(record(b"\xd4\x05\x00")))
    file.invalid("ext-field", "an extension type in a header", frames_of(record(b"\x93\x0c\x00\xd4\x05\x00")))
    file.invalid(
        "ext-empty",
        "an extension type without data, in an optional field",
        frames_of(record(b"\x93\x0c\x00\x81\xa1x\xc7\x00\x05")),
    )
    timestamp = b"\x93\x0c\x00\xd6\xff" + bytes(4)
    file.invalid("ext-timestamp", "a timestamp is an extension type, too", frames_of(record(timestamp)))
    for number in (0, 16, 63):
        file.invalid(f"type-{number}", f"unknown type {number}", frames_of(record([number, 0])))


def _invalid_fields(file: File) -> None:
    wrong: list[tuple[str, str, list[object], bytes]] = [
        ("request-no-id", "the id of a REQUEST is 0", [5, 0, "M/m", None, 0], b""),
        ("request-short", "flags are missing", [5, 1, "M/m", None], b""),
        ("request-method", "the method is no text", [5, 1, b"M/m", None, 0], b""),
        ("request-timeout-negative", "a negative timeout", [5, 1, "M/m", -1, 0], b""),
        ("request-timeout-float", "a timeout that is no whole number", [5, 1, "M/m", 1.5, 0], b""),
        ("request-flags", "negative flags", [5, 1, "M/m", None, -1], b""),
        ("request-flags-over", "flags of 2**63", [5, 1, "M/m", None, 2**63], b""),
        ("request-flags-true", "flags that are a boolean", [5, 1, "M/m", None, True], b""),
        ("request-timeout-over", "a timeout of 2**63", [5, 1, "M/m", 2**63, 0], b""),
        ("request-options", "what follows the flags is no map", [5, 1, "M/m", None, 0, 7], b""),
        ("request-too-long", "something follows the map", [5, 1, "M/m", None, 0, {}, {}], b""),
        ("request-key-list", "a key that is a list", [5, 1, "M/m", None, 0, {"key": [1]}], b""),
        ("request-key-float", "a key that is a float", [5, 1, "M/m", None, 0, {"key": 1.5}], b""),
        ("request-metadata-list", "metadata that are no map", [5, 1, "M/m", None, 0, {"metadata": []}], b""),
        (
            "request-metadata-number",
            "a metadata value is a number",
            [5, 1, "M/m", None, 0, {"metadata": {"a": 1}}],
            b"",
        ),
        ("request-parent", "a negative parent", [5, 1, "M/m", None, 0, {"parent": -2}], b""),
        ("request-codec", "a codec that is no text", [5, 1, "M/m", None, 0, {"codec": 1}], b""),
        ("request-compression", "a compression that is no text", [5, 1, "M/m", None, 0, {"compression": 1}], b""),
        ("reply-options", "what follows the id is no map", [8, 1, 7], b""),
        ("reply-metadata", "metadata that are no map", [8, 1, {"metadata": 1}], b""),
        ("error-not-sent", "outcome NOT_SENT: what was answered was sent", [9, 1, 14, 0, ""], b""),
        ("error-outcome-4", "an unknown outcome", [9, 1, 14, 4, ""], b""),
        ("error-code-2", "an unknown code", [9, 1, 2, 1, ""], b""),
        ("error-text", "text is missing", [9, 1, 14, 1], b""),
        ("error-body", "an ERROR has no body", [9, 1, 14, 1, ""], b"\x00"),
        ("error-details", "details are a list", [9, 1, 14, 1, "", {"details": [1]}], b""),
        ("error-details-nested", "a detail is a list", [9, 1, 14, 1, "", {"details": {"a": [1]}}], b""),
        ("error-retry-after", "a negative retry_after", [9, 1, 14, 1, "", {"retry_after": -1}], b""),
        ("cancel-reason", "an unknown reason", [10, 1, "bored"], b""),
        ("cancel-body", "a CANCEL has no body", [10, 1, "cancelled"], b"\x00"),
        ("credit-stream-negative", "negative credit of a stream", [11, 1, 0, -1], b""),
        ("credit-stream-short", "the bytes for all streams are missing", [11, 1, 0], b""),
        ("item-options", "what follows the id is no map", [6, 1, 1], b"\x00"),
        ("end-body", "an END has no body", [7, 1], b"\x00"),
        ("request-oneway-streams", "a oneway that sends a stream", [5, 1, "m", None, 5], b""),
        ("request-oneway-takes", "a oneway that takes a stream", [5, 1, "m", None, 9], b""),
        ("credit-negative", "negative credit", [11, 0, -1, 0], b""),
        ("void-body", "a VOID has no body", [12, 0], b"\x00"),
        ("ping-short", "lag_ms is missing", [13, 0, 1], b""),
        ("pong-negative", "a negative number", [14, 0, -1, 0], b""),
        ("goaway-reason", "the reason is no text", [15, 0, 1, 0, None], b""),
        ("reset-code", "an unknown code", [4, 0, "tired", ""], b""),
        ("reset-body", "a RESET has no body", [4, 0, "closed", ""], b"\x00"),
        ("offer-no-body", "an OFFER has a list of services", [3, 0], b""),
        ("offer-no-list", "the services are no list", [3, 0], pack({})),
        ("offer-short", "a service without codecs", [3, 0], pack([["A", ""]])),
        (
            "request-values",
            "more values than 64 and one for each 5 bytes",
            [5, 1, "M/m", None, 0, {"a": [0] * 90}],
            b"",
        ),
        ("extension-values", "more values than 64 and one for each 5 bytes", [64, 0, [[]] * 90], b""),
    ]
    for name, reason, header, body in wrong:
        file.invalid(name, reason, frames_of(record(header, body)))


def _invalid_handshakes(file: File) -> None:
    named = {"session": 7, "token": TOKEN}
    wrong: list[tuple[str, str, list[object], bytes]] = [
        ("hello-versions", "no versions", [1, 0, [], *HELLO[3:]], b""),
        ("hello-versions-number", "versions are no list", [1, 0, 1, *HELLO[3:]], b""),
        ("hello-short", "window_bytes is missing", HELLO[:-1], b""),
        ("hello-codecs", "a codec that is no text", [*HELLO[:5], [1], *HELLO[6:]], b""),
        ("hello-token-15", "a token of 15 bytes", [*HELLO, {**named, "token": TOKEN[:15]}], b""),
        ("hello-token-17", "a token of 17 bytes", [*HELLO, {**named, "token": TOKEN + b"\x00"}], b""),
        ("hello-token-text", "a token that is text", [*HELLO, {**named, "token": "0123456789abcdef"}], b""),
        ("hello-no-token", "a session without its token", [*HELLO, {"session": 7}], b""),
        ("hello-no-session", "a token without its session", [*HELLO, {"token": TOKEN}], b""),
        ("hello-received", "a negative received", [*HELLO, {**named, "received": -1}], b""),
        ("hello-info-list", "info is a list", HELLO, pack([])),
        ("hello-info-ext", "an extension type in info", HELLO, b"\x81\xa1a\xd4\x05\x00"),
        ("hello-info-list-4097", "a list of 4,097 entries", HELLO, b"\x81\xa1a\xdc\x10\x01" + b"\xcf" * 4097 * 9),
        ("hello-info-values", "more values than 64 and one for each 5 bytes", HELLO, pack({"a": [None] * 100})),
        ("hello-info-key", "a key that is no text", HELLO, pack({1: 2})),
        ("hello-info-cut-off", "info is cut off", HELLO, b"\x81\xa1a"),
        ("welcome-token", "a token of 15 bytes", [*WELCOME[:4], TOKEN[:15], *WELCOME[5:]], pack([])),
        ("welcome-resumed", "resumed is no boolean", [*WELCOME[:5], 0, *WELCOME[6:]], pack([])),
        ("welcome-short", "grace_ms is missing", WELCOME[:-1], pack([])),
        ("welcome-compressions", "compressions are no list", [*WELCOME, {"compressions": "zstd"}], pack([])),
        ("welcome-compression", "a compression that is no text", [*WELCOME, {"compressions": [1]}], pack([])),
        ("welcome-no-body", "there is no list of services", WELCOME, b""),
    ]
    for name, reason, header, body in wrong:
        file.invalid(name, reason, frames_of(record(header, body), seq=0, ack=0))
    info = b"\x81\xa1a\xc6" + struct.pack(">I", 256 * KIB) + b"\x00" * (256 * KIB)
    file.invalid(
        "hello-info-over", "a body of the handshake has more than 256 KiB", frames_of(record(HELLO, info, IN_FRAME))
    )
    file.invalid("hello-not-alone", "a HELLO is alone in its batch", frames_of(record(HELLO), VOID, seq=0, ack=0))
    file.invalid(
        "welcome-not-alone",
        "a WELCOME is alone in its batch",
        frames_of(record(WELCOME, pack([])), record([13, 0, 1, 0]), seq=0, ack=0),
    )


def _invalid_fragments(file: File) -> None:
    first: list[object] = [5, 1, "M/m", None, 0]
    file.invalid(
        "body-over", "a body over 1,088 KiB that is in no fragments", frames_of(record(first, bytes(FRAGMENT + 1), 1))
    )
    file.invalid(
        "fragment-over", "a fragment over 1,088 KiB", frames_of(record(first, bytes(FRAGMENT + 1), IN_FRAME | MORE))
    )
    file.invalid("fragment-not-alone", "a fragment is alone in its batch", frames_of(record(first, b"a", MORE), VOID))
    file.invalid("fragment-not-first", "a fragment is alone in its batch", frames_of(VOID, record([5, 1], b"a")))
    file.invalid("fragment-empty", "a fragment is empty", frames_of(record(first, b"", MORE)))
    file.invalid("fragment-last-empty", "the last fragment is empty", frames_of(record([5, 1], b"")))
    file.invalid("fragment-item-empty", "a fragment is empty", frames_of(record([6, 1], b"", MORE)))
    file.invalid("fragment-reply-empty", "a fragment is empty", frames_of(record([8, 1], b"", MORE)))
    file.invalid(
        "fragment-further-compressed",
        "a further fragment that names a compression",
        frames_of(record([5, 1], b"a", MORE | ZSTD)),
    )
    file.invalid("fragment-fields", "the first fragment has wrong fields", frames_of(record([5, 1, "M/m"], b"a", MORE)))
    for name, header in (("error", [9, 1, 13, 3, ""]), ("offer", [3, 0]), ("credit", [11, 0, 1, 1])):
        file.invalid(
            f"fragment-of-{name}",
            "only a REQUEST, an ITEM and a REPLY travel in fragments",
            frames_of(record(list(header), b"a", MORE)),
        )


# --- the files --------------------------------------------------------------------------------------------------------


def files() -> list[File]:
    """All of them."""
    return [batches(), handshake(), calls(), control(), streams(), fragments(), tolerance(), invalid()]


def rendered(file: File) -> str:
    """What the file holds: JSON with one line for each frame and message, to be read and compared by people too."""
    lines = ["{", f'  "about": {_json(file.about)},', '  "vectors": [']
    for index, vector in enumerate(file.vectors):
        lines.append("    {")
        last = len(vector) - 1
        for position, (name, value) in enumerate(vector.items()):
            lines += _field(name, value, "" if position == last else ",")
        lines.append("    }" if index == len(file.vectors) - 1 else "    },")
    return "\n".join([*lines, "  ]", "}", ""])


def _field(name: str, value: Any, comma: str) -> list[str]:
    if isinstance(value, list) and value:
        return [f'      "{name}": [', *_items(value, "        "), f"      ]{comma}"]
    if name == "batch" and value["messages"]:
        positions = ", ".join(f'"{key}": {value[key]}' for key in ("seq", "ack", "sent_ms"))
        messages = _items(value["messages"], "        ")
        return [f'      "batch": {{{positions}, "messages": [', *messages, f"      ]}}{comma}"]
    return [f'      "{name}": {_json(value)}{comma}']


def _items(values: list[Any], indent: str) -> list[str]:
    return [f"{indent}{_json(value)}{',' if index < len(values) - 1 else ''}" for index, value in enumerate(values)]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def differing() -> list[str]:
    """The names of the files that are not what would be written, or should not be there."""
    wanted = {FOLDER / f"{file.name}.json": rendered(file) for file in files()}
    found = {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    return sorted(path.name for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path))


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them."""
    if arguments == ["--check"]:
        names = differing()
        if names:
            print(f"not up to date: {', '.join(names)}; run python tests/protocol/vectors/generate.py")
        return 1 if names else 0
    if arguments:
        print(__doc__)
        return 2
    for file in files():
        (FOLDER / f"{file.name}.json").write_text(rendered(file), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
