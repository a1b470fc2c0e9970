"""A session that receives batches. An input is a byte that says how, and then batches, each behind its length.

The first byte has two bits: 1 sets the numbers of the batches to those that the session expects, as otherwise nearly
all end with the first gap; 2 makes the session a connector. What it sends is taken away, and half of the calls that
arrive are answered, so that it goes on; of the others that stream, items are read and sent.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from callosum.errors import Code, Outcome
from callosum.protocol import wire
from callosum.protocol.calls import IncomingCall, IncomingState, OutgoingCall, SendingState, SessionState
from callosum.protocol.core import Role, SessionCore
from callosum.protocol.events import Draining, Event, Opened
from callosum.protocol.handshake import Terms, make_hello, make_welcome
from callosum.protocol.limits import Limits
from callosum.protocol.messages import (
    STREAMS,
    Cancel,
    End,
    Error,
    Fragment,
    Item,
    Message,
    Offer,
    Reply,
    Request,
    StreamCredit,
    Type,
)
from callosum.protocol.stream import Stream, StreamingCall
from fuzz.corpus import MAX_FILE
from fuzz.target import Bomb, Target, leaves_of
from fuzz.targets import batch, bombs

NUMBERED: Final = 1
CONNECTOR: Final = 2
_MOST: Final = 16
"""Batches of one input that are looked at: each costs something, however short it is."""
_TERMS: Final = Terms(Limits(body_bytes=1 << 20, window_calls=64, unfinished_bytes=1 << 20))
_NUMBERS: Final = struct.Struct("<QQ")
_NUMBERS_AT: Final = 8
_SMALL: Final = 128 * 1024
"""Bytes of memory that a session takes with all calls that it permits, however short they are."""
_TOKEN: Final = bytes(16)


def decode(data: bytes) -> list[Event]:
    """What a session tells of these batches."""
    how = data[0] if data else 0
    core = _connector() if how & CONNECTOR else _listener()
    told: list[Event] = []
    now = 1.0
    for frames in _batches(data[1:]):
        if core.state is SessionState.ENDED:
            break
        if how & NUMBERED and len(frames[0]) >= wire.HEAD_SIZE:
            numbers = _NUMBERS.pack(core.expected, core.last_number + 1)
            frames[0] = frames[0][:_NUMBERS_AT] + numbers + frames[0][_NUMBERS_AT + _NUMBERS.size :]
        arriving = {call for call in core.incoming.calls.values() if call.state is IncomingState.ARRIVING}
        events = core.receive(frames, now)
        for call in arriving:
            call.request.body = b""  # it came in pieces: together they are nowhere in the input
        now += 0.3
        events += core.on_timer(now)
        _go_on(core, events, now)
        told += events
    core.detach(now)
    return told


def _batches(data: bytes) -> Iterator[list[bytes]]:
    """Groups of frames; the highest bit of a frame's length says that another frame of the batch follows."""
    frames: list[bytes] = []
    count, at = 0, 0
    while at < len(data) and count < _MOST:
        length = int.from_bytes(data[at : at + 4], "little")
        at += 4
        frames.append(data[at : at + (length & 0x7FFFFFFF)])
        at += length & 0x7FFFFFFF
        if not length >> 31:
            yield frames
            count, frames = count + 1, []


def _listener() -> SessionCore:
    core = SessionCore(Role.LISTENER, _TERMS)
    hello = make_hello(_TERMS, 1, None)
    core.accept(hello, make_welcome(_TERMS, hello, 1, _TOKEN, None), 1.0)
    _take(core, 1.0)
    core.receive(wire.encode([Offer()], 1, 1), 1.0)
    _call(core)
    return core


def _connector() -> SessionCore:
    core = SessionCore(Role.CONNECTOR, _TERMS)
    core.dial(1.0)
    _take(core, 1.0)
    hello = make_hello(_TERMS, 1, None)
    core.receive(wire.encode([make_welcome(_TERMS, hello, 1, _TOKEN, None)]), 1.0)
    _call(core)
    return core


def _call(core: SessionCore) -> None:
    """Three calls are under way, one of which streams: something may be answered."""
    for _ in range(2):
        core.open_call(OutgoingCall("Own/call", 0, b"own"), 1.0)
    call = StreamingCall("Own/stream", STREAMS, b"own")
    call.begin()
    core.open_call(call, 1.0)
    _take(core, 1.0)


def _go_on(core: SessionCore, events: Sequence[Event], now: float) -> None:
    for event in events:
        if isinstance(event, IncomingCall) and event.start() and event.request.id % 4 < 2:
            core.incoming.reply(event, b"")
    for stream in list(core.outbox.streams.values()):
        _use(core, stream)
    _take(core, now)


def _use(core: SessionCore, stream: Stream) -> None:
    """Somebody reads a stream, but for every third, and sends what may be sent."""
    if stream.ident % 3:
        while core.streams.take(stream) is not None:
            pass
        stream.awaits_item = True
    if stream.sending is SendingState.OPEN:
        core.streams.try_send(stream, b"item")


def _take(core: SessionCore, now: float) -> None:
    while core.frames_to_send(now) is not None:
        core.handed_over()


def leaves(told: list[Event]) -> Iterator[bytes]:
    """Those of what arrived."""
    for event in told:
        if isinstance(event, IncomingCall):
            request = event.request
            yield from leaves_of([request.method, request.key, request.metadata, request.codec])
            yield bytes(request.body)
        elif isinstance(event, OutgoingCall) and event.reply is not None:
            yield from leaves_of(event.reply.metadata)
        elif isinstance(event, Opened):
            yield from leaves_of(event.services)
        elif isinstance(event, Draining):
            yield from leaves_of(event.goaway)


def join(how: int, batches: Sequence[Sequence[bytes]]) -> bytes:
    """Batches as one input."""
    parts = [bytes([how])]
    for frames in batches:
        for index, frame in enumerate(frames):
            more = 0 if index == len(frames) - 1 else 1 << 31
            parts.append(struct.pack("<I", len(frame) | more) + frame)
    return b"".join(parts)


def seeds() -> Mapping[str, bytes]:
    """Each vector alone, and all that an open session takes, one after another."""
    found: dict[str, bytes] = {}
    together: list[list[bytes]] = []
    for name, frames in batch.vectors():
        if sum(map(len, frames)) > MAX_FILE // 16:
            continue
        found[name] = join(NUMBERED, [frames])
        if not name.startswith(("invalid", "handshake")):
            together.append(frames)
    for name, conversation in _streams():
        frames_of = [[bytes(frame) for frame in wire.encode(batch)] for batch in conversation]
        for how in (NUMBERED, NUMBERED | CONNECTOR):
            found[f"streams-{name}-{how}"] = join(how, frames_of)
    for start in range(0, len(together), 8):
        for how in (0, NUMBERED, NUMBERED | CONNECTOR):
            found[f"sequence-{start}-{how}"] = join(how, together[start : start + 8])
    return found


def _streams() -> Iterator[tuple[str, list[list[Message]]]]:
    """What a stream may have behind its REQUEST: of a call that arrives, and of the one that is under way."""
    for served, own in ((1, 6), (2, 5)):
        begin: list[Message] = [Request(served, "S/m", None, STREAMS, b"args")]
        part = Fragment(Item(served, b""), Type.ITEM, served, b"part", more=True)
        yield f"served-{served}", [begin, [Item(served, b"a"), Item(served, b"")], [End(served)], [Cancel(served)]]
        yield f"pieces-{served}", [begin, [part], [part], [Item(served, b"rest"), End(served)]]
        yield f"cut-short-{served}", [begin, [part], [Cancel(served)], [Item(served, b"late")]]
        yield f"credit-{served}", [begin, [StreamCredit(served, 300_000, 0), StreamCredit(served, 0, 100)]]
        piece = Fragment(Item(own, b""), Type.ITEM, own, b"part", more=True)
        yield (
            f"own-{own}",
            [[Item(own, b"a")], [piece], [Item(own, b"rest"), StreamCredit(own, 99, 129)], [Reply(own, b"")]],
        )
        yield f"own-fails-{own}", [[piece], [Error(own, Code.INTERNAL, Outcome.EXECUTED)], [Item(own, b"late")]]


def make_bombs(size: int) -> Sequence[Bomb]:
    """Batches of many records, again and again."""
    made = []
    for name, frame in bombs.batches(min(size, 4096)):
        count = max(1, min(_MOST, size // len(frame)))
        made.append(Bomb(name, join(NUMBERED, [[frame]] * count)))
    calls = [bombs.batch([(b"\x95\x05\xcd%c%c\xa0\xc0\x00" % (0, 1 + 2 * index), b"")]) for index in range(_MOST)]
    made.append(Bomb("calls", join(NUMBERED, [[call] for call in calls])))
    return made


TARGET: Final = Target("core", decode, (), seeds, make_bombs, leaves, small=_SMALL)
