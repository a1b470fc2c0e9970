"""The sentences of the contract (`callosum.lower.base`), as the checks quote them where one is broken."""

from __future__ import annotations

import enum


class Law(enum.StrEnum):
    """Each is written in ``callosum/lower/base.py``, word for word."""

    ORDER = "a connection keeps order and message boundaries"
    NO_HOLE = "It may break; it may not reorder, lose a message before one that it delivers, or reconnect"
    NOT_WITHIN = "no callback is called from within the call that caused it (``start``, ``send``, ``close``)"
    NONE_AFTER = "and none after ``closed`` or an own ``close()``"
    ONLY_NAMED = "Only what is named here is raised"
    NOTHING_LEFT = "What is closed leaves nothing behind"
    TO_KEEP = "One whole message, each frame bytes or a memoryview. The frames are the receiver's to keep"
    DRAINED = "Called after a run of ``received``"
    CLOSED = "The connection is gone, for good, and why: told once, and not after an own ``close()``"
    PEER_ADDRESS = "The other end, for people; never empty"
    PEER_IDENTITY = "What the lower layer verified about the other end, or None"
    START = "Begin to deliver; first what has arrived before, also the end"
    START_AGAIN = "A second call replaces the receiver"
    TAKES_NOTHING = "Take one message whole, or return False and take nothing; never blocks"
    WRITABLE = "False promises a later ``writable()``, or ``closed()``"
    BOUND = "what the other side does not read has a bound"
    HANDED_ON = "Frames from 256 KiB may be handed on without a copy"
    OVER_LIMITS = "Raises ProtocolError, and stays as it is, where the message has no frames or is over the limits"
    CLOSE = "Close now, once or twice; the other side is told"
    LINGER = "What was sent gets up to ``linger`` seconds to leave"
    RESOLVED = "Where it listens, to be dialled; a port 0 is resolved once it is open"
    HAND_OVER = "Listen, and hand over every new connection"
    SPEAKS_FIRST = "A connection is handed over with its first message at the latest"
    IN_USE = "Raises ConfigurationError, or ConnectError (address in use)"
    LISTENER_CLOSE = (
        "Stop, and close its connections: their receivers are told. The address is free. May be called twice"
    )
    CONNECT = "One attempt, one fresh connection, within ``timeout`` seconds. Raises ConnectError"
    ANSWERED = "The other end has answered when it returns"
    CANCELLED = "Cancellation: safe; nothing stays open"
    ADDRESS_FITS = "Raises ConfigurationError where address or auth does not fit"


def broken(law: Law, seen: str) -> AssertionError:
    """What a check raises: the sentence, and what was seen instead."""
    return AssertionError(f"the contract of a lower layer says: “{law}.” Seen: {seen}")


def expect(holds: object, law: Law, seen: str) -> None:
    """Raise where it does not hold.

    Raises:
        AssertionError: It does not.
    """
    if not holds:
        raise broken(law, seen)
