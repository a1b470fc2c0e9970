"""What one session compresses and decompresses, and what that takes and saves.

Laws: what arrives stays compressed until somebody needs it. The decompressed arguments of calls whose handlers run are
counted, and what would be too many is refused: the call window counts them as they are on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from callosum.compression import (
    NAMES,
    NUMBERS,
    THRESHOLD,
    Compression,
    PackedBody,
    compress,
    decompress,
    not_offered,
    numbers_of,
    offered,
    plain_size,
)
from callosum.errors import Outcome, ResourceExhausted
from callosum.protocol.calls import OutgoingCall
from callosum.protocol.limits import Limits
from callosum.protocol.messages import Item, Reply, Request
from callosum.protocol.stream import Content, StreamingCall
from callosum.service import Body
from callosum.session.counters import Counters

_OWN: Final = 1 << 62
"""Bytes: what this side has compressed itself has no bound here."""


class Packing:
    """The compression of one session, in both directions.

    Attributes:
        threshold: Bytes: a reply, or an item of a handler, that is not larger is left alone.
    """

    __slots__ = ("_counters", "_limits", "_own", "_sent", "_taken", "_unpacked", "threshold")

    def __init__(self, own: Compression | None, limits: Limits, counters: Counters) -> None:
        self._own = own
        is_off = own is not None and own.is_off
        self._taken = frozenset[int]() if is_off else numbers_of(offered())
        """What this side has offered to decompress, and compresses with where the other side has, too."""
        self._limits = limits
        self._counters = counters
        self._sent: frozenset[int] = frozenset()
        """What may be sent: nothing while it is not known what the other side decompresses."""
        self._unpacked = 0
        self.threshold = THRESHOLD if own is None else own.threshold

    def open(self, names: Iterable[str]) -> None:
        """The session has opened, and the other side decompresses these."""
        self._sent = self._taken & numbers_of(names)

    # --- what leaves --------------------------------------------------------------------------------------------------

    def pack_request(self, call: OutgoingCall, compression: Compression) -> None:
        """Compress the arguments of a call, where that is worth it, and ask for the same in return."""
        kind = NUMBERS.get(compression.name, 0)
        if kind in self._taken:
            call.reply_compression = compression.name
        if kind in self._sent:
            call.body, call.compression = self._pack(call.body, kind, compression.threshold)

    def pack_reply(self, body: Body, request: Request) -> tuple[Body, int]:
        """Compress a result: as its caller asked, else as the endpoint says; only what the caller decompresses."""
        kind = self._reply_kind(request)
        return self._pack(body, kind, self.threshold) if kind else (body, 0)

    def item_compression(self, request: Request) -> Compression | None:
        """How the items of a handler are compressed, by the same rule; None: not at all."""
        kind = self._reply_kind(request)
        return Compression(NAMES[kind], self.threshold) if kind else None

    def _reply_kind(self, request: Request) -> int:
        own = "" if self._own is None else self._own.name
        for name in (request.reply_compression, own):
            kind = NUMBERS.get(name, 0)
            if kind in self._sent:
                return kind
        return 0

    def pack_item(self, body: Body, compression: Compression) -> Content:
        """Compress an item, where that is worth it, and the other side can take it."""
        kind = NUMBERS.get(compression.name, 0)
        if kind not in self._sent:
            return body
        packed, used = self._pack(body, kind, compression.threshold)
        return Item(0, packed, used) if used else body

    def _pack(self, body: Body, kind: int, threshold: int) -> tuple[Body, int]:
        packed, used = compress(body, kind, threshold)
        if used:
            self._counters.add("compressed.before", len(body))
            self._counters.add("compressed.after", len(packed))
        return packed, used

    def unpack_request(self, call: OutgoingCall) -> None:
        """Take the compression of a call back, and of its items: it goes on a session that may not know it."""
        if call.compression:
            call.body = decompress(call.body, call.compression, _OWN)
            call.compression = 0
        if isinstance(call, StreamingCall):
            call.stream.unpack(lambda item: decompress(item.body, item.compression, _OWN))

    # --- what arrives -------------------------------------------------------------------------------------------------

    def packed_reply(self, reply: Reply) -> PackedBody:
        """The body of a reply, which the caller's task decompresses."""
        return PackedBody(reply.body, reply.compression, self._decompress)

    def packed_item(self, item: Item) -> PackedBody:
        """An item, which the reader's task decompresses."""
        return PackedBody(item.body, item.compression, self._decompress)

    def _decompress(self, body: Body, kind: int) -> bytes:
        self._check(kind)
        return decompress(body, kind, self._limits.body_bytes)

    def _check(self, kind: int) -> None:
        if kind not in self._taken:
            raise not_offered(kind)

    @contextmanager
    def unpacked(self, request: Request) -> Iterator[bytes]:
        """The arguments of a call, for as long as its handler runs.

        Raises:
            DecodeError: They are damaged, over the limit, or compressed with something that this side did not offer.
            ResourceExhausted: The other side's calls take too much already.
        """
        self._check(request.compression)
        size = plain_size(request.body, request.compression, self._limits.body_bytes)
        bound = self._limits.unpacked_bytes
        if self._unpacked and self._unpacked + size > bound:
            text = f"decompressed arguments of {self._unpacked} bytes are held already; {bound} are the most"
            raise ResourceExhausted(text, outcome=Outcome.REJECTED)
        self._unpacked += size
        try:
            yield decompress(request.body, request.compression, size)
        finally:
            self._unpacked -= size
