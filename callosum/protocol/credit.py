"""The arithmetic of the call window: the only place that adds or subtracts credit.

Laws: the receiver grants, and returns what it granted when it is done with a call; the sender infers nothing. A window
above 0 permits one call to overdraw its bytes, so that a body larger than the whole window can travel.
"""

from __future__ import annotations


class SendWindow:
    """What the other side permits us to have unfinished there."""

    __slots__ = ("calls", "overdrawing", "size")

    def __init__(self, calls: int, size: int) -> None:
        self.calls = calls
        """Calls that may still be begun."""
        self.size = size
        """Bytes of bodies that may still be sent; below 0 after an overdraft."""
        self.overdrawing: object = None
        """The call that used up the last byte: it alone may go on while nothing is left."""

    @property
    def is_open(self) -> bool:
        """Whether one more call may begin."""
        return self.calls > 0 and self.size > 0

    def begin_call(self, size: int, call: object = None) -> None:
        """A call begins, with the first ``size`` bytes of its body; ``call`` where more of it follows."""
        self.calls -= 1
        self.size -= size
        if self.size <= 0:
            self.overdrawing = call

    def begin_calls(self, calls: int, size: int) -> None:
        """So many whole calls have begun, with so many bytes of bodies."""
        self.calls -= calls
        self.size -= size
        if calls and self.size <= 0:
            self.overdrawing = None

    def may_spend(self, call: object) -> bool:
        """Whether a further fragment of this call may be sent."""
        return self.size > 0 or self.overdrawing is call

    def spend(self, size: int, call: object) -> None:
        """A further fragment of a call that has begun."""
        self.size -= size
        if self.size <= 0:
            self.overdrawing = call

    def take_back(self, calls: int, size: int) -> None:
        """The other side is done with these calls, or never got them."""
        self.calls += calls
        self.size += size


class ReceiveWindow:
    """What we permit the other side to have unfinished here."""

    __slots__ = ("_calls", "_overdrawing", "_owed_calls", "_owed_size", "_return_calls", "_return_size", "_size")

    def __init__(self, calls: int, size: int) -> None:
        self._calls = calls
        self._size = size
        self._owed_calls = 0
        self._owed_size = 0
        self._overdrawing = 0
        # returned in eighths: a CREDIT for each call would double the records
        self._return_calls = max(1, calls // 8)
        self._return_size = max(1, size // 8)

    def begin_call(self, ident: int, size: int) -> bool:
        """A call arrives with the first bytes of its body; False where the other side had no window left for it."""
        permitted = self._calls > 0 and self._size > 0
        self._calls -= 1
        self._size -= size
        if self._size <= 0 and permitted:
            self._overdrawing = ident
        return permitted

    def spend(self, ident: int, size: int) -> bool:
        """A further fragment of a call arrives; False where another one has overdrawn the window already."""
        permitted = self._size > 0 or self._overdrawing == ident
        self._size -= size
        if self._size <= 0 and permitted:
            self._overdrawing = ident
        return permitted

    def owe(self, calls: int, size: int) -> bool:
        """We are done with so many calls and bytes of bodies; whether it is time for a CREDIT.

        It is where an eighth is owed, or no less than what is left: calls that run for long must not let the eighth
        that is never reached stand between the other side and what it may use.
        """
        owed_calls = self._owed_calls = self._owed_calls + calls
        owed_size = self._owed_size = self._owed_size + size
        return (
            owed_calls >= self._return_calls
            or owed_size >= self._return_size
            or (owed_calls >= self._calls and owed_calls > 0)
            or (owed_size >= self._size and owed_size > 0)
        )

    def take_owed(self) -> tuple[int, int]:
        """The calls and bytes to return now."""
        calls, size = self._owed_calls, self._owed_size
        self._calls += calls
        self._size += size
        self._owed_calls = self._owed_size = 0
        return calls, size
