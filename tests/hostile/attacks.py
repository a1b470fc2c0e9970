"""The attacks. Each goes on until an instant of the monotonic clock, and returns how often it did what it does."""

from __future__ import annotations

import itertools
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from callosum.lower.base import ConnectionLimits
from callosum.protocol import wire
from callosum.protocol.messages import Fragment, Ping, Reply, Request, Reset, ResetCode, Resumption, Type, Welcome
from fuzz.targets import bombs
from tests.hostile.peer import GONE, Peer, dial, is_ended, silence
from tests.lower.zeromq import raw
from tests.protocol.records import HEAD, batch, record

Attack = Callable[[str, float], int]
MIB = 1 << 20
_CLIENT_HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(32) + b"\x20" + bytes(32) + bytes.fromhex("003e130213")
_ZMTP_1 = b"\x01\x00"
"""A length of one, and the flags: an anonymous peer of ZeroMQ 2."""
_ZMTP_2 = b"\xff" + bytes(7) + b"\x01\x7f\x01\x05\x00\x00"
"""Revision 1, a DEALER, and its empty identity."""


def _turns(until: float) -> Iterator[int]:
    """1, 2, 3 and so on, until then; once at least."""
    for turn in itertools.count(1):
        yield turn
        if time.monotonic() > until:
            return


def _say(address: str, *pieces: bytes, patience: float = 0.05) -> None:
    """Connect, say this, and see what comes of it."""
    with silence(), dial(address) as connection:
        for piece in pieces:
            connection.sendall(piece)
        is_ended(connection, patience)


# --- what is no ZMTP --------------------------------------------------------------------------------------------------


def garbage(address: str, until: float) -> int:
    rng = random.Random(1)
    for turn in _turns(until):
        _say(address, (b"\xff" if turn % 3 == 0 else b"") + rng.randbytes(rng.randrange(1, 5000)), patience=0.01)
    return turn


def http(address: str, until: float) -> int:
    for turn in _turns(until):  # noqa: B007 - how often
        _say(address, b"GET / HTTP/1.1\r\nHost: callosum\r\nContent-Length: 100000\r\n\r\n", b"x" * 100_000)
    return turn


def tls(address: str, until: float) -> int:
    for turn in _turns(until):  # noqa: B007 - how often
        _say(address, _CLIENT_HELLO + bytes(200))
    return turn


# --- handshakes of ZeroMQ ---------------------------------------------------------------------------------------------


def old_zmtp(address: str, until: float) -> int:
    """Versions that libzmq still speaks: it hands on what such peers send."""
    hostile = wire.encode([Ping(1)])[0]
    for turn in _turns(until):  # noqa: B007 - how often
        _say(address, _ZMTP_1, b"\x05\x00junk" * 50)
        _say(address, _ZMTP_1[:1])
        _say(address, _ZMTP_2, raw.frame(bytes(hostile)), raw.frame(b"junk", more=True) * 50)
        _say(address, _ZMTP_2[:11])
    return turn


def wrong_handshakes(address: str, until: float) -> int:
    ready = raw.command(b"READY", raw.properties(Socket_Type=b"DEALER"))
    wrong = [
        (raw.GREETING.replace(b"NULL", b"PLAIN")[:64], raw.command(b"HELLO", b"\x05admin\x05admin")),
        (raw.GREETING.replace(b"NULL", b"CURVE")[:64], raw.command(b"HELLO", bytes(194))),
        (raw.GREETING.replace(b"NULL", b"WHAT"), ready),
        (raw.GREETING[:12],),
        (raw.GREETING, ready[:-3]),
        (raw.GREETING, raw.command(b"READY", raw.properties(Socket_Type=b"PUB"))),
        (raw.GREETING, raw.command(b"READY", b"\x0bSocket-Type\xff\xff\xff\xffDEALER")),
        (raw.GREETING, raw.command(b"ERROR", b"\xffno")),
        (raw.GREETING, raw.command(b"READY", raw.properties(Socket_Type=b"DEALER", Identity=b"\0\0\0\0\1"))),
        (raw.GREETING, raw.frame(b"no handshake at all")),
        (raw.GREETING, ready * 3),
    ]
    for turn in _turns(until):
        _say(address, *wrong[turn % len(wrong)], patience=0.02)
    assert turn >= len(wrong)
    return turn


def half_open(address: str, until: float) -> int:
    """A hundred that say nothing, a hundred that greet and stop, and some that never say HELLO."""
    count = 0
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(dial(address))
            stack.enter_context(dial(address)).sendall(raw.GREETING)
            count += 2
        for _ in range(50):
            stack.enter_context(raw.connect(address))
            count += 1
        time.sleep(max(0.0, until - time.monotonic()))
    return count


# --- messages of ZeroMQ -----------------------------------------------------------------------------------------------


def endless_small_frames(address: str, until: float) -> int:
    """Frames of one message that never ends. Each takes 64 bytes in libzmq however short it is."""
    piece, sent = raw.frame(b"", more=True) * 25_000, 0
    with Peer(address) as peer:
        for _ in _turns(until):
            if sent < 500_000:
                peer.socket.sendall(piece)
                sent += 25_000
            else:
                time.sleep(0.02)
    return sent


def endless_large_frames(address: str, until: float) -> int:
    piece, sent = raw.frame(bytes(64 * 1024), more=True), 0
    with Peer(address) as peer:
        for _ in _turns(until):
            if sent < 20 * MIB:
                peer.socket.sendall(piece)
                sent += len(piece)
            else:
                time.sleep(0.02)
    return sent


def many_frames(address: str, until: float) -> int:
    """Messages that do end, with far more frames than are permitted."""
    for turn in _turns(until):  # noqa: B007 - how often
        with silence(), Peer(address) as peer:
            peer.socket.sendall(raw.frame(b"x", more=True) * 5_000 + raw.frame(b""))
            assert is_ended(peer.socket, 5.0)
    return turn


def lying_lengths(address: str, until: float) -> int:
    largest = ConnectionLimits().message_bytes
    lengths = (2**63 - 1, 2**64 - 1, 2**40, largest + 1, largest, largest - 1)
    with ExitStack() as stack:
        for turn in _turns(until):
            if turn >= 24:
                time.sleep(0.02)
                continue
            peer = stack.enter_context(Peer(address))
            length = lengths[turn % len(lengths)]
            peer.socket.sendall(b"\x02" + length.to_bytes(8, "big") + b"and no more")
            if length > largest:
                assert is_ended(peer.socket, 5.0)
    return turn


# --- batches ----------------------------------------------------------------------------------------------------------


def msgpack_bombs(address: str, until: float) -> int:
    """The first batch of a connection: it is refused, and the connection with it."""
    frames = [frame for _, header in bombs.headers(16 * 1024) if (frame := bombs.batch([(header, b"")]))]
    frames += [bombs.batch([(header, body)]) for _, header, body in bombs.bodies(200 * 1024)]
    frames.append(batch(record(b"\x94\x0d\x00\x92" + b"\x91" * 1000 + b"\xc0\xda\x2f\xff" + b"x" * 0x2FFF + b"\x00")))
    random.Random(2).shuffle(frames)
    for turn in _turns(until):
        with silence(), Peer(address) as peer:
            peer.send_frames([frames[turn % len(frames)]])
            peer.receive()
    return turn


def bombs_in_a_session(address: str, until: float) -> int:
    """The same, from a peer that is let in."""
    frames = [bombs.batch([(header, b"")]) for _, header in bombs.headers(16 * 1024)]
    random.Random(3).shuffle(frames)
    for turn in _turns(until):
        with silence(), Peer(address) as peer:
            peer.open()
            frame = bytearray(frames[turn % len(frames)])
            frame[8:16] = (2).to_bytes(8, "little")
            peer.send_frames([bytes(frame)])
            peer.receive()
    return turn


def wrong_versions(address: str, until: float) -> int:
    for turn in _turns(until):
        with silence(), Peer(address) as peer:
            head = HEAD.pack(turn % 253 + 2, turn % 3, 1, 0, 1, 1)
            peer.send_frames([head + record(b"\x92\x0c\x00")])
            (reset,) = peer.receive().messages
            assert isinstance(reset, Reset)
            assert reset.code is ResetCode.PROTOCOL
    return turn


# --- floods -----------------------------------------------------------------------------------------------------------


def fresh_sessions(address: str, until: float) -> int:
    """Sessions that are opened and left alone: each is kept for its grace time."""
    for turn in _turns(until):  # noqa: B007 - how often
        with silence(), Peer(address) as peer:
            peer.open()
    return turn


def wrong_tokens(address: str, until: float) -> int:
    rng = random.Random(4)
    for turn in _turns(until):
        with silence(), Peer(address) as peer:
            answer = peer.greet(Resumption(1 + turn % 50, rng.randbytes(16), 1))
            assert isinstance(answer, Welcome)
            assert not answer.resumed
    return turn


def stolen_positions(address: str, until: float) -> int:
    """A session of its own is resumed from numbers that were never sent, and with an old attempt."""
    with Peer(address) as peer:
        welcome = peer.open()
    for turn in _turns(until):
        with silence(), Peer(address) as peer:
            peer.greet(Resumption(welcome.session, welcome.token, 2**63 - 1 - turn))
    return turn


def pings(address: str, until: float) -> int:
    """PINGs of a peer that never reads its PONGs: it is cut off."""
    frame = raw.frame(bytes(wire.encode([Ping(1)] * 128, 2, 1)[0]))
    return _flood(address, until, lambda _: frame)


def unknown_methods(address: str, until: float) -> int:
    return _flood(address, until, _requests(b"Nobody/nothing", 128, b""))


def replies_nobody_reads(address: str, until: float) -> int:
    """Calls whose replies are as large as the calls, from a peer that never reads."""
    text = b"x" * 60_000
    body = b"\x0b\x00\x01" + len(text).to_bytes(4, "big") + text + b"\x00"
    return _flood(address, until, _requests(b"Echo/say", 4, body))


def fragments_without_end(address: str, until: float) -> int:
    """Bodies that begin and never end."""

    def one(turn: int) -> bytes:
        request = Request(2 * turn - 1, "Echo/say", None, 0, b"")
        fragment = Fragment(request, Type.REQUEST, request.id, b"x" * 1000, more=True)
        return raw.frame(bytes(wire.encode([fragment], 1 + turn, 1)[0]))

    return _flood(address, until, one)


def answers_to_nothing(address: str, until: float) -> int:
    frame = [Reply(ident, b"x" * 100) for ident in range(2, 258, 2)]
    return _flood(address, until, lambda turn: raw.frame(bytes(wire.encode(frame, 2 + 128 * (turn - 1), 1)[0])))


def compressed_bombs(address: str, until: float) -> int:
    """Bodies that become a GiB, or say so, or are damaged: kilobytes on the wire, for which nothing may be taken."""
    rng = random.Random(5)
    block = (1 << 17 << 3 | 1 << 1).to_bytes(3, "little") + b"x"  # 128 KiB of one byte
    zstd = b"\x28\xb5\x2f\xfd\xa0" + (1 << 30).to_bytes(4, "little")
    bodies = [
        (zstd + block * 8191 + bytes([block[0] | 1]) + block[1:], 2),
        (zstd + block * 100, 2),
        (zstd[:5] + b"\x0a\0\0\0" + block * 100 + bytes([block[0] | 1]) + block[1:], 2),
        (b"\x80\x80\x80\x80\x04" + b"\x00x" + b"\xfe\x01\x00" * 9000, 1),
        (b"\xff\xff\xff\xff\x0f", 1),
        (rng.randbytes(30_000), 1),
        (zstd + rng.randbytes(30_000), 2),
    ]

    def one(turn: int) -> bytes:
        body, kind = bodies[turn % len(bodies)]
        request = Request(2 * turn - 1, "Echo/say", None, 0, body, compression=kind)
        return raw.frame(bytes(wire.encode([request], 1 + turn, 1)[0]))

    return _flood(address, until, one)


def _requests(method: bytes, count: int, body: bytes) -> Callable[[int], bytes]:
    def one(turn: int) -> bytes:
        first = 2 * count * (turn - 1) + 1
        requests = [Request(first + 2 * index, method.decode(), None, 0, body) for index in range(count)]
        return raw.frame(bytes(wire.encode(requests, 2 + count * (turn - 1), 1)[0]))

    return one


def _flood(address: str, until: float, make: Callable[[int], bytes]) -> int:
    """Send without reading; who is cut off comes back. Returns how many batches left."""
    sent = 0
    while time.monotonic() < until or not sent:
        with silence(), Peer(address) as peer:
            peer.open()
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.socket.settimeout(0.3)
            try:
                for turn in _turns(until):
                    peer.socket.sendall(make(turn))
                    sent += 1
            except GONE:
                continue
    return sent


ATTACKS: dict[str, Attack] = {
    one.__name__: one
    for one in (
        garbage, http, tls, old_zmtp, wrong_handshakes, half_open, endless_small_frames, endless_large_frames,
        many_frames, lying_lengths, msgpack_bombs, bombs_in_a_session, wrong_versions, fresh_sessions, wrong_tokens,
        stolen_positions, pings, unknown_methods, replies_nobody_reads, fragments_without_end, answers_to_nothing,
        compressed_bombs,
    )
}  # fmt: skip
