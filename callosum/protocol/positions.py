"""Numbers of records: how nothing is lost and nothing runs twice.

Laws: in each direction the numbered records of a session count 1, 2, 3, … without gaps, from its birth to its end. The
sender keeps each until the other side has acknowledged it. The receiver passes each number on exactly once: what it has
had is skipped, a gap means that the connection lost something and is given up.

The idea is RSocket's resumption (its specification, "Resuming Operation").
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable

from callosum.errors import ProtocolError
from callosum.protocol.messages import Message


class Gap(Exception):
    """Records are missing before what has arrived."""


class SentBatch:
    """The numbered records that left together."""

    __slots__ = ("bulk", "first", "messages", "size")

    def __init__(self, first: int, messages: list[Message], size: int, bulk: int) -> None:
        self.first = first
        self.messages = messages
        self.size = size
        """Bytes, as they count for the bounds."""
        self.bulk = bulk
        """Of these, the bytes of large bodies."""

    @property
    def end(self) -> int:
        """The number after the last one."""
        return self.first + len(self.messages)


class ResendBuffer:
    """What was sent and is not yet acknowledged, in order."""

    __slots__ = ("__weakref__", "_batches", "_budget", "acknowledged", "bulk", "next", "size", "stalled_since")

    def __init__(self, budget: ResendBudget | None = None) -> None:
        self._batches: deque[SentBatch] = deque()
        self._budget = budget
        self.next = 1
        """The number of the next record."""
        self.acknowledged = 1
        """The next number that the other side expects."""
        self.size = 0
        """Bytes that are kept."""
        self.bulk = 0
        """Of these, the bytes of large bodies."""
        self.stalled_since: float | None = None
        """When something was unacknowledged and progress was last seen; None where all is acknowledged."""

    @property
    def records(self) -> int:
        """How many records are kept."""
        return self.next - self.acknowledged

    def append(self, messages: list[Message], size: int, bulk: int, now: float) -> int:
        """Keep the numbered records of a batch that leaves now, and return the number of the first."""
        first = self.next
        if not messages:
            return first
        self._batches.append(SentBatch(first, messages, size, bulk))
        self.next = first + len(messages)
        self.size += size
        self.bulk += bulk
        if self.stalled_since is None:
            self.stalled_since = now
        budget = self._budget
        if budget is not None:
            budget.size += size
            if budget.size > budget.limit:
                budget.make_room()
        return first

    def acknowledge(self, ack: int, now: float) -> bool:
        """Let go of what the other side has; whether that was news.

        Raises:
            ProtocolError: It acknowledges what was never sent.
        """
        if ack <= self.acknowledged:
            return False
        if ack > self.next:
            raise ProtocolError(f"acknowledgement of {ack - 1}, but only {self.next - 1} records were sent")
        self.acknowledged = ack
        batches, budget = self._batches, self._budget
        while batches:
            batch = batches[0]
            first, messages = batch.first, batch.messages
            if first + len(messages) > ack:
                if first < ack:
                    batch.messages = messages[ack - first :]
                    batch.first = ack
                self.stalled_since = now
                return True
            batches.popleft()
            self.size -= batch.size
            self.bulk -= batch.bulk
            if budget is not None:
                budget.size -= batch.size
        self.stalled_since = None
        return True

    def batches_from(self, received: int) -> tuple[SentBatch, ...]:
        """The batches to send again to a receiver that expects this number."""
        if received < self.acknowledged or received > self.next:
            raise ProtocolError(
                f"the other side expects {received}, between {self.acknowledged} and {self.next} is kept"
            )
        return tuple(self._batches)

    def clear(self) -> None:
        """The session has ended: nothing is sent again."""
        if self._budget is not None:
            self._budget.size -= self.size
            self._budget.close_buffer(self)
        self._batches.clear()
        self.size = self.bulk = 0
        self.stalled_since = None


class ResendBudget:
    """The bound of all resend buffers of the process; over it the session that holds most ends."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """In bytes."""
        self.size = 0
        """Bytes that all buffers keep."""
        self._holders: weakref.WeakKeyDictionary[ResendBuffer, Callable[[], None]] = weakref.WeakKeyDictionary()
        self._ending: weakref.WeakSet[ResendBuffer] = weakref.WeakSet()
        """Those whose session was told to end, and has not yet."""

    def open_buffer(self, end_session: Callable[[], None]) -> ResendBuffer:
        """A buffer that counts here; ``end_session`` is called where its session must end for the others."""
        buffer = ResendBuffer(self)
        self._holders[buffer] = end_session
        return buffer

    def close_buffer(self, buffer: ResendBuffer) -> None:
        """The buffer's session has ended. What ends it refers to the buffer: weak references alone would keep both."""
        self._holders.pop(buffer, None)
        self._ending.discard(buffer)

    def make_room(self) -> None:
        """The bound is passed: whoever keeps most ends, unless those that are ending will do."""
        if self._holders and self.size - sum(buffer.size for buffer in self._ending) > self.limit:
            largest = max(self._holders, key=lambda buffer: buffer.size)
            self._ending.add(largest)
            self._holders.pop(largest)()


class Receipt:
    """Which numbers have arrived, and when to say so."""

    __slots__ = ("_delay", "_pending_records", "_pending_size", "_records", "_size", "due", "expected")

    def __init__(self, records: int, size: int, delay: float) -> None:
        self._records = records
        self._size = size
        self._delay = delay
        self.expected = 1
        """The next number; all below have arrived."""
        self.due = math.inf
        """When an acknowledgement must leave by itself; infinity where none must."""
        self._pending_records = 0
        self._pending_size = 0

    def accept(self, seq: int, numbered: int, size: int, now: float) -> int:
        """A batch whose ``numbered`` records begin at ``seq`` has arrived; how many of these are old.

        Raises:
            Gap: Records before it are missing.
        """
        expected, old = self.expected, 0
        if seq != expected:
            if seq > expected:
                raise Gap(f"record {expected} is missing: the batch begins at {seq}")
            old = min(expected - seq, numbered)
        if not numbered:
            return 0
        self.expected = expected + numbered - old
        # records that were had before are acknowledged again: their sender did not learn of it
        pending = self._pending_records = self._pending_records + numbered
        self._pending_size += size
        if pending >= self._records or self._pending_size >= self._size:
            self.due = now
        elif pending == numbered:  # the first since the last acknowledgement
            self.due = now + self._delay
        return old

    def hasten(self, now: float) -> None:
        """The other side waits for the acknowledgement."""
        self.due = now

    def acknowledged(self) -> int:
        """The number to send as ``ack``; nothing is pending after it."""
        self._pending_records = self._pending_size = 0
        self.due = math.inf
        return self.expected
