"""Bodies that arrive in fragments, until they are whole.

Laws: one body never exceeds its limit, and all unfinished ones of a peer together never exceed theirs. A body that
would is given up, and the rest of its fragments is skipped.
"""

from __future__ import annotations

import enum
from typing import Final

from callosum.protocol.messages import Body, Item, Reply, Request

BodyKey = tuple[int, int]
"""Type and id."""
SMALL_PART: Final = 4096
"""Bytes below which fragments are joined at once: held one by one, each takes many times as much as it says."""


class Refusal(enum.Enum):
    """Why a body was given up."""

    TOO_LARGE = "is over the largest body that is received"
    TOO_MANY = "comes on top of more unfinished bodies than are held"


class _Unfinished:
    __slots__ = ("message", "parts", "size")

    def __init__(self, message: Request | Item | Reply) -> None:
        self.message = message
        self.parts: list[Body] = []
        self.size = 0


class Assembly:
    """The unfinished bodies of one session."""

    __slots__ = ("_body_limit", "_total_limit", "size", "unfinished")

    def __init__(self, body_limit: int, total_limit: int) -> None:
        self._body_limit = body_limit
        self._total_limit = total_limit
        self.unfinished: dict[BodyKey, _Unfinished] = {}
        self.size = 0
        """Bytes of all unfinished bodies."""

    def begin(self, key: BodyKey, message: Request | Item | Reply) -> None:
        """The first fragment of a body is about to be added."""
        self.unfinished[key] = _Unfinished(message)

    def add(self, key: BodyKey, part: Body) -> Refusal | None:
        """One more fragment; where it is too much, the body is given up."""
        unfinished = self.unfinished[key]
        refusal = None
        if unfinished.size + len(part) > self._body_limit:
            refusal = Refusal.TOO_LARGE
        elif self.size + len(part) > self._total_limit:
            refusal = Refusal.TOO_MANY
        if refusal is not None:
            self.drop(key)
            return refusal
        parts = unfinished.parts
        if parts and len(parts[-1]) < SMALL_PART:
            parts[-1] = bytes(parts[-1]) + part
        else:
            parts.append(part)
        unfinished.size += len(part)
        self.size += len(part)
        return None

    def finish(self, key: BodyKey) -> Request | Item | Reply:
        """The message, whole."""
        unfinished = self.unfinished.pop(key)
        self.size -= unfinished.size
        unfinished.message.body = b"".join(unfinished.parts)
        return unfinished.message

    def drop(self, key: BodyKey) -> int:
        """Give a body up, if there is one, and return how many bytes of it were here."""
        unfinished = self.unfinished.pop(key, None)
        if unfinished is None:
            return 0
        self.size -= unfinished.size
        return unfinished.size

    def clear(self) -> None:
        """Give all up."""
        self.unfinished.clear()
        self.size = 0
