"""The connecting side: a fresh DEALER for each attempt."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import zmq

from callosum.errors import AuthenticationError, ConnectError
from callosum.lower.base import Connection, ConnectionLimits, Connector, Frames, Receiver
from callosum.lower.zeromq.address import Address, resolve
from callosum.lower.zeromq.context import CONNECT_MS, HANDSHAKE_MS, is_bound, new_socket
from callosum.lower.zeromq.driver import (
    ALWAYS_COPY,
    DONTWAIT,
    NO_COPY,
    POLLIN,
    POLLOUT,
    Driver,
    check_size,
    receive_rest,
    send_frames,
)
from callosum.lower.zeromq.errors import map_exceptions
from callosum.lower.zeromq.monitor import Monitor

_FAILED: Final = int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
_REFUSED: Final = int(zmq.EVENT_HANDSHAKE_FAILED_AUTH)
_READY: Final = int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
_GONE: Final = int(zmq.EVENT_DISCONNECTED)
_CLOSED: Final = int(zmq.EVENT_CLOSED)
_TCP_DONE: Final = int(zmq.EVENT_CONNECTED)
_EVENTS: Final = _FAILED | _REFUSED | _READY | _GONE | _CLOSED | _TCP_DONE
_LAST_WORDS: Final = 0.01
"""Seconds after a disconnection within which libzmq has handed on what had arrived before."""
_NEVER: Final = 2**30
"""Milliseconds until libzmq would reconnect: 12 days, and the socket is closed at once. Its own way to switch that off,
-1, throws away what has arrived and is not yet read when the connection ends."""


class ZeroMQConnector(Connector):
    """Dials one address; each `connect` is one attempt with a socket of its own."""

    def __init__(self, address: Address, limits: ConnectionLimits) -> None:
        self._address = address
        self._limits = limits

    async def connect(self, timeout: float) -> Connection:
        """Dial, and wait for the end of ZeroMQ's handshake; see the contract.

        A host name is tried at each of its addresses in turn, which share the time.
        """
        end = time.monotonic() + timeout
        try:
            async with asyncio.timeout(timeout):
                candidates = await resolve(self._address)
        except TimeoutError as error:
            raise ConnectError(f"the host name of {self._address} was not resolved within {timeout:g} s") from error
        failures: list[ConnectError] = []
        for index, candidate in enumerate(candidates):
            share = max(0.0, end - time.monotonic()) / (len(candidates) - index)
            try:
                return await self._attempt(candidate, share, timeout / len(candidates))
            except AuthenticationError:
                raise
            except ConnectError as error:
                failures.append(error)
        if len(failures) == 1:
            raise failures[0]
        reasons = "; ".join(map(str, failures)) or "its host name has no address"
        raise ConnectError(f"cannot connect to {self._address}: {reasons}")

    async def _attempt(self, address: Address, timeout: float, nominal: float) -> Connection:
        """One attempt; ``nominal`` is the time that it is said to have had, of which looking up the name took some."""
        connection = DialledConnection(address, self._limits)
        try:
            async with asyncio.timeout(timeout):
                await connection.dial()
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise ConnectError(connection.no_answer(nominal)) from error
            raise
        return connection


class DialledConnection(Connection):
    """One DEALER, which is one connection. Nothing arrives before `start`: until then it waits in libzmq."""

    def __init__(self, address: Address, limits: ConnectionLimits) -> None:
        self.peer_address = str(address)
        self.peer_identity = None
        self.limits = limits
        self._address = address
        self._receiver: Receiver | None = None
        self._received = False
        self._blocked = False
        self._closed = False
        self._gone = False  # libzmq said so, or refused for good; `closed` follows when everything was delivered
        self._ending = False  # `closed` is the next that is told, once nothing is left to read
        self._tcp_done = False
        self._loop = asyncio.get_running_loop()
        self._dialled: asyncio.Future[None] = self._loop.create_future()
        self._began = time.monotonic()
        self._socket = new_socket(zmq.DEALER, limits, ipv6=address.is_ipv6)
        self._driver = Driver(self._socket, self)
        self._send = self._driver.send
        self._small = min(NO_COPY, limits.message_bytes)
        self._no_copy = ALWAYS_COPY if address.scheme == "inproc" else NO_COPY
        self._monitor: Monitor | None = None

    # --- dialling

    async def dial(self) -> None:
        """Connect. Whoever calls this closes the connection where it raises."""
        if self._address.scheme == "inproc" and not is_bound(self._address.host):
            raise ConnectError(f"nobody listens at {self._address} in this process: start the listener first")
        socket = self._socket
        socket.setsockopt(zmq.RECONNECT_IVL, _NEVER)
        socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
        if self._address.scheme != "inproc":
            self._monitor = Monitor(socket, _EVENTS, self._on_event)
        with map_exceptions(f"cannot connect to {self._address}"):
            socket.connect(str(self._address))
        if self._monitor is not None:
            await self._dialled

    def no_answer(self, timeout: float) -> str:
        """What to say where the time is over."""
        if self._tcp_done:
            return (
                f"{self._address} accepted a connection and then did not answer as ZeroMQ within {timeout:.3g} s:"
                " is it a callosum endpoint, and is it alive?"
            )
        return f"no answer from {self._address} within {timeout:.3g} s: check the address, and firewalls on the way"

    def _on_event(self, event: int, value: int) -> None:  # noqa: ARG002 - a descriptor, or an error's number
        if event == _TCP_DONE:
            self._tcp_done = True
        elif self._dialled.done():
            if event == _GONE:
                self._lost()
        elif event == _READY:
            self._dialled.set_result(None)
        else:
            self._dialled.set_exception(self._failure(event))

    def _failure(self, event: int) -> ConnectError:
        if event == _REFUSED:
            return AuthenticationError(f"{self._address} refused our key: it must be authorised there")
        if event == _CLOSED:
            elapsed = time.monotonic() - self._began
            if elapsed >= CONNECT_MS / 1000 * 0.95:
                return ConnectError(self.no_answer(elapsed))
            return ConnectError(f"nobody listens at {self._address}, or it cannot be reached: is the server running?")
        elapsed = time.monotonic() - self._began
        if event & _FAILED and elapsed >= HANDSHAKE_MS / 1000 * 0.95:
            return ConnectError(self.no_answer(elapsed))
        return ConnectError(
            f"{self._address} accepted a connection and ended it before ZeroMQ's handshake was done: it is no callosum"
            " endpoint, or expects other keys or none"
        )

    # --- the contract

    def start(self, receiver: Receiver) -> None:
        """Begin to deliver."""
        first = self._receiver is None and not self._closed
        self._receiver = receiver
        if first:
            self._driver.open()
            if self._gone:
                self._lost()

    def send(self, frames: Frames) -> bool:
        """Take one message, or return False."""
        is_small = len(frames) == 1 and len(frames[0]) < self._small and type(frames[0]) is bytes  # nearly all
        if not is_small:
            check_size(frames, self.limits)
        if self._closed or self._gone:
            return False
        try:
            if is_small:
                self._send(frames[0], DONTWAIT)
            else:
                send_frames(self._send, frames, self._no_copy)
        except zmq.Again:
            self._blocked = True
            self._driver.check_now(POLLIN | POLLOUT)
            return False
        except zmq.ZMQError as error:
            self._gone = True
            self._loop.call_soon(self._end, f"ZeroMQ refused to send: {error}")
            return False
        self._driver.check_now(POLLIN)
        return True

    def close(self, linger: float = 0.0) -> None:
        """Close the socket. Nobody is called back any more."""
        if not self._closed:
            self._closed = True
            self._receiver = None
            if self._monitor is not None:
                self._monitor.close()
            self._driver.close(linger)
            if not self._dialled.cancel() and not self._dialled.cancelled():
                self._dialled.exception()  # nobody waits for it any more

    # --- the socket's news

    def take(self) -> None:
        """Receive one message and deliver it."""
        recv = self._driver.recv
        frame = recv(DONTWAIT, False)  # noqa: FBT003 - pyzmq's
        frames = receive_rest(recv, frame, self.limits)
        if frames is None:
            self._end("it sent a message over the limits of the connection")
        elif self._receiver is not None and (frames[0] or len(frames) > 1):  # one empty frame is a probe
            self._received = True
            self._receiver.received(frames)

    def run_ended(self) -> bool:
        """Tell the receiver that a run is over."""
        received, self._received = self._received, False
        if received and self._receiver is not None:
            self._receiver.drained()
        return received

    def idle(self, events: int) -> None:
        """Everything that had arrived was delivered."""
        if self._blocked and events & POLLOUT and self._receiver is not None:
            self._blocked = False
            self._receiver.writable()
        if self._ending:
            self._end("the connection was lost")

    # --- its end

    def _lost(self) -> None:
        """The link broke. The event may come a moment before the last messages."""
        self._gone = True
        if self._receiver is not None:
            self._loop.call_later(_LAST_WORDS, self._wind_up)

    def _wind_up(self) -> None:
        self._ending = True
        self._driver.check_soon()

    def _end(self, reason: str) -> None:
        receiver = self._receiver
        if receiver is None:
            self._gone = True  # told when there is one
        elif not self._closed:
            self.close()
            receiver.closed(reason)
