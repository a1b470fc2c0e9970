"""Every bound of the session protocol, with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

# Bounds of the wire format itself: both sides know them, nobody negotiates them.
MAX_RECORDS = 128
"""Records in one batch."""
MAX_FRAME_0 = 256 * KIB
"""Bytes of frame 0."""
MAX_FRAMES = 130
"""Frames of one batch."""
MAX_HEADER = 16 * KIB
"""Bytes of one record's header."""
INLINE_BODY = 64 * KIB
"""Bytes up to which a body lies in frame 0; a larger one is a frame of its own."""
FRAGMENT = MIB + INLINE_BODY
"""Bytes up to which a body travels whole; a larger one travels in fragments of this size. Data comes in powers of two,
and has an envelope of its IDL: 1 MiB of it need not be put together by its receiver."""
STREAM_WINDOW = 256 * KIB
"""Bytes that a stream may have under way or unread when it begins; one item may go over it."""
STREAMS_WINDOW = 32 * MIB
"""Bytes that all streams of one direction may have so."""
ITEM_COST = 128
"""Bytes that an item counts for besides its body: what is nothing on the wire is something in memory."""
MAX_HANDSHAKE_BODY = 256 * KIB
"""Bytes of the body of a HELLO, WELCOME or OFFER."""
FREE_VALUES = 64
"""Values of msgpack that a header, or a body of the handshake, may hold however short it is,"""
VALUE_BYTES = 5
"""and one more for each so many bytes: what is a byte on the wire can be many in memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one session; each side has its own, and the handshake takes the smaller where both must agree."""

    body_bytes: int = 64 * MIB
    """The largest body that is received, in bytes."""
    window_calls: int = 1024
    """How many unfinished calls the other side may have here."""
    window_bytes: int = 16 * MIB
    """How many bytes of bodies the unfinished calls of the other side may have; one call may go over it."""
    resend_bytes: int = 16 * MIB
    """Bytes of records that were sent and are not yet acknowledged; past it senders wait. At least one frame 0."""
    resend_records: int = 65_536
    """Records that were sent and are not yet acknowledged; past it senders wait. At least one batch."""
    reserve_bytes: int = MIB
    """Bytes beyond ``resend_bytes`` that are kept for control records; who exhausts them ends with RESET(slow)."""
    reserve_records: int = 4_096
    """Records beyond ``resend_records`` that are kept for control records."""
    bulk_window: int = 2 * FRAGMENT
    """Bytes of large bodies under way at a time: a small call never waits behind more. Long fat links want more."""
    unfinished_bytes: int = 128 * MIB
    """Bytes of bodies of one peer of which fragments are still missing, and bytes of the bodies of its nested calls."""
    unpacked_bytes: int = 128 * MIB
    """Bytes that the compressed arguments of one peer take decompressed while their handlers run. One call may go over
    it; further compressed ones are refused meanwhile."""
    reply_backlog_bytes: int = 16 * MIB
    """Bytes of replies that wait to leave; past it no further handler of that peer is started."""
    stream_bytes: int = 4 * MIB
    """Bytes that a stream may have under way or unread once its reader has shown that it keeps up; no less than it
    begins with."""
    nested_calls: int = 8
    """Calls that one handler may have under way at the peer that called it. The peer refuses more than it permits
    itself: both sides want the same number."""
    ack_records: int = 64
    """An acknowledgement leaves by itself after so many records,"""
    ack_bytes: int = 256 * KIB
    """after so many bytes,"""
    ack_delay: float = 0.025
    """and after so many seconds."""
    stall_timeout: float = 10.0
    """Seconds without progress of the other side's acknowledgements after which the connection is given up."""
