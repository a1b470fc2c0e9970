"""What libzmq tells about a socket's connections, read on the event loop without a thread."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable
from typing import Final

import zmq

from callosum.lower.zeromq.context import plain_socket
from callosum.lower.zeromq.driver import Driver
from callosum.lower.zeromq.errors import map_exceptions

_EVENT: Final = struct.Struct("=HI")
_names = itertools.count()


class Monitor:
    """Reports the chosen events of one socket as ``report(event, value)``; what ``value`` is depends on the event.

    libzmq's I/O thread waits, and with it everything else in the process, where an event cannot be delivered: so this
    end has no high-water mark (choose events that nobody can provoke faster than connections can be made), and it must
    be closed before the socket that it watches.
    """

    def __init__(self, socket: zmq.Socket[bytes], events: int, report: Callable[[int, int], None]) -> None:
        self._watched = socket
        self._report = report
        self._closed = False
        name = f"inproc://callosum-monitor-{next(_names)}"
        with map_exceptions("cannot monitor a ZeroMQ socket"):
            own = plain_socket(zmq.PAIR)
            try:
                own.setsockopt(zmq.RCVHWM, 0)
                socket.monitor(name, events)
            except BaseException:
                own.close()
                raise
            own.connect(name)  # nothing that can fail comes between: see above
        self._driver = Driver(own, self)
        self._driver.open()

    def take(self) -> None:
        """Read one event: two frames, of which the second is the address."""
        event, value = _EVENT.unpack(self._driver.recv(zmq.DONTWAIT, False).bytes)  # noqa: FBT003 - pyzmq's
        self._driver.recv(zmq.DONTWAIT, False)  # noqa: FBT003 - pyzmq's
        self._report(event, value)

    def run_ended(self) -> bool:
        """Nothing is coalesced here."""
        return False

    def idle(self, events: int) -> None:
        """It never sends."""

    def close(self) -> None:
        """Stop reporting. May be called from within ``report``, and twice."""
        if not self._closed:
            self._closed = True
            self._watched.disable_monitor()
            self._driver.close(0.0)


async def settled(condition: Callable[[], bool], limit: float) -> bool:
    """Wait until libzmq's I/O thread has done something that it does not announce, or ``limit`` seconds have passed."""
    delay = 0.0005
    waited = 0.0
    while not condition():
        if waited >= limit:
            return False
        await asyncio.sleep(delay)
        waited += delay
        delay = min(delay * 2, 0.02)
    return True
