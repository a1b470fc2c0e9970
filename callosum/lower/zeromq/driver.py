"""A plain libzmq socket, driven by asyncio through its file descriptor.

Laws: libzmq's descriptor is edge-triggered: it tells that something changed, once, and any send may swallow the news.
So every way that sends ends in a look at EVENTS. The reader is removed before the socket is closed. Nothing is called
back from within a send.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Final, Protocol

import zmq
from zmq.backend import Socket as BackendSocket

from callosum.errors import ProtocolError
from callosum.lower.base import ConnectionLimits, Frame, Frames

BUDGET: Final = 0.0005
"""Seconds that one drain may hold the event loop."""
NO_COPY: Final = 256 * 1024
"""Bytes from which a frame is sent without a copy; below, the bookkeeping costs more than the copy."""
ALWAYS_COPY: Final = sys.maxsize
"""For inproc, where the receiver would keep a view of the sender's own memory."""
KEEP_VIEW: Final = 64 * 1024
"""Bytes from which a received frame is handed on as a view of libzmq's memory."""
DROPPED: Final = 512
"""Frames of a message over the limits that are read at one go: less than `BUDGET` takes."""

DONTWAIT: Final = int(zmq.DONTWAIT)
MORE: Final = int(zmq.DONTWAIT | zmq.SNDMORE)
POLLIN: Final = int(zmq.POLLIN)
POLLOUT: Final = int(zmq.POLLOUT)
EVENTS: Final = int(zmq.EVENTS)
RCVMORE: Final = int(zmq.RCVMORE)


class Sender(Protocol):
    """The backend's ``send``: a third argument False hands the memory over without a copy."""

    def __call__(self, data: Frame, flags: int, copy: bool = True, /) -> object:  # noqa: FBT001, FBT002 - pyzmq's
        """Send one frame."""


class Driven(Protocol):
    """The owner of a driven socket."""

    def take(self) -> None:
        """Receive one message, or a part of one that is not wanted: there is one."""

    def run_ended(self) -> bool:
        """A run of `take` has ended; returns whether there was any."""
        ...

    def idle(self, events: int) -> None:
        """Everything was taken; ``events`` tells whether the socket can send."""


class Driver:
    """Watches one socket and has its owner take what arrives.

    Attributes:
        send: The backend's method, bound once: the sugar around it doubles the cost of a send.
        recv: The same; it is asked for a `zmq.Frame`, which knows MORE and its metadata at no further cost.
        recv_bytes: The same, for a frame of which it is known that another follows.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_get",
        "_loop",
        "_owner",
        "_recheck",
        "_scheduled",
        "_socket",
        "recv",
        "recv_bytes",
        "send",
    )

    def __init__(self, socket: zmq.Socket[bytes], owner: Driven) -> None:
        self._socket = socket
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._get: Callable[[int], int] = BackendSocket.get.__get__(socket)
        self.send: Sender = BackendSocket.send.__get__(socket)
        self.recv: Callable[[int, bool], zmq.Frame] = BackendSocket.recv.__get__(socket)
        self.recv_bytes: Callable[[int], bytes] = BackendSocket.recv.__get__(socket)
        self._scheduled = True  # until it is open nothing is looked at
        self._busy = False
        self._recheck = False
        self._closed = False

    def open(self) -> None:
        """Begin to watch."""
        self._scheduled = False
        self._loop.add_reader(self._socket.FD, self._run)
        self.check_soon()  # what arrived before has had its edge

    def check_soon(self) -> None:
        """Look at EVENTS after a send: once per loop iteration, however many sends there were."""
        if self._busy:
            self._recheck = True
        elif not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._run_scheduled)

    def check_now(self, wanted: int) -> None:
        """Look at EVENTS after a send, at once: cheaper than `check_soon` where sends are few."""
        if self._busy:
            self._recheck = True
        elif not self._scheduled and not self._closed and self._get(EVENTS) & wanted:
            self._scheduled = True
            self._loop.call_soon(self._run_scheduled)

    def is_amid_message(self) -> bool:
        """Whether the last frame that was received has others behind it."""
        return bool(self._get(RCVMORE))

    def close(self, linger: float) -> None:
        """Close the socket; what was sent gets up to ``linger`` seconds. May be called from within `Driven.take`."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket.FD)
        self._socket.close(linger=round(linger * 1000))

    def _run_scheduled(self) -> None:
        self._scheduled = False
        if not self._closed:
            self._run()

    def _run(self) -> None:
        """Take what is there for as long as the budget lasts; if that was too short, go on in the next iteration.

        The first message is a run of its own: mostly there is no other, and then nobody looks for one in vain before
        it is answered.
        """
        owner, get, clock = self._owner, self._get, time.perf_counter
        end = clock() + BUDGET
        self._busy = True
        done = False
        events = 0
        try:
            if not self._closed and get(EVENTS) & POLLIN:
                owner.take()
                owner.run_ended()
            while True:
                self._recheck = False
                while not self._closed and (events := get(EVENTS)) & POLLIN:
                    owner.take()
                    if clock() > end:
                        owner.run_ended()
                        return
                if owner.run_ended():
                    continue  # who received something may have sent something
                if not self._closed:
                    owner.idle(events)
                done = self._closed or not self._recheck
                return
        finally:
            self._busy = False
            if not done:  # out of budget, something was sent, or somebody's callback raised: never stop watching
                self.check_soon()


def receive_rest(recv: Callable[[int, bool], zmq.Frame], frame: zmq.Frame, limits: ConnectionLimits) -> Frames | None:
    """The message that begins with ``frame``, or None if it is over the limits: then what is left of it is not read."""
    size = len(frame)
    if not frame.more and size < KEEP_VIEW and size <= limits.message_bytes:  # nearly all
        return (frame.bytes,)
    frames: list[Frame] = []
    total = 0
    while True:
        size = len(frame)
        total += size
        if total > limits.message_bytes or len(frames) >= limits.frames:
            return None
        frames.append(frame.bytes if size < KEEP_VIEW else frame.buffer.toreadonly())
        if not frame.more:
            return frames
        frame = recv(DONTWAIT, False)  # noqa: FBT003 - pyzmq's


def drop_rest(recv: Callable[[int, bool], zmq.Frame]) -> bool:
    """Read a part of what is left of a message, and forget it; whether there is more.

    A message can have millions of frames, for two bytes each: at one go they would hold the loop for seconds.
    """
    return all(recv(DONTWAIT, False).more for _ in range(DROPPED))  # noqa: FBT003 - pyzmq's


def check_size(frames: Frames, limits: ConnectionLimits) -> None:
    """Refuse what the other side would refuse: libzmq would break the connection without a word.

    Raises:
        ProtocolError: The message has no frames, too many, or is too large. That is a fault of its sender, here.
    """
    size = 0
    for frame in frames:
        size += len(frame) if type(frame) is bytes else memoryview(frame).nbytes
    if not frames or len(frames) > limits.frames or size > limits.message_bytes:
        raise ProtocolError(
            f"a message of {len(frames)} frames and {size} bytes does not fit the connection: it carries 1 to"
            f" {limits.frames} frames and {limits.message_bytes} bytes"
        )


def send_frames(send: Sender, frames: Frames, no_copy: int) -> None:
    """Hand all frames over as one message, those of at least ``no_copy`` bytes without a copy.

    Raises:
        zmq.ZMQError: libzmq does not take one.
    """
    last = len(frames) - 1
    for index, frame in enumerate(frames):
        flags = MORE if index < last else DONTWAIT
        if len(frame) < no_copy:
            send(frame, flags)
        else:
            send(frame, flags, False)  # noqa: FBT003 - pyzmq's
