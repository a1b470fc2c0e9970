"""How long a batch was on its way, without synchronised clocks.

The sender stamps each batch with its clock modulo 2**32 ms. The smallest (arrival - stamp) of the recent past is the
base: the clocks' offset and the shortest transit. What a batch took beyond it is delay. The base is the minimum of the
last two windows, so that it follows clocks that drift; each is at least 60 s and 16 batches long.
"""

from __future__ import annotations

WINDOW_MS = 60_000
WINDOW_BATCHES = 16
_MODULUS = 2**32
_HALF = 2**31


class Transit:
    """The delays of one connection."""

    __slots__ = ("_base", "_batches", "_current", "_previous", "_reference", "_window_began")

    def __init__(self) -> None:
        self._reference: int | None = None
        self._base = 0
        self._previous = 0
        self._current = 0
        self._batches = 0
        self._window_began = 0

    def delay(self, sent_ms: int, now_ms: int) -> int:
        """Milliseconds that a batch which arrives now was on its way beyond the base."""
        reference = self._reference
        if reference is None:
            # offsets are kept relative to the first one, so that the modulus never cuts through them
            reference = self._reference = now_ms - sent_ms
            self._window_began = now_ms
        offset = (now_ms - sent_ms - reference + _HALF) % _MODULUS - _HALF
        batches = self._batches = self._batches + 1
        if batches > WINDOW_BATCHES and (now_ms - self._window_began) % _MODULUS >= WINDOW_MS:
            self._previous, self._current = self._current, offset
            self._batches, self._window_began = 1, now_ms
            self._base = min(self._previous, offset)
        elif offset < self._current:
            self._current = offset
            self._base = min(self._previous, offset)
        return offset - self._base if offset > self._base else 0
