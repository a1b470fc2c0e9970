"""What the tests of the shell serve and call: a service of a hand-made IDL, and links that fail when told to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import callosum
from callosum.connecting import ConnectEndpoint
from callosum.errors import ConnectError, DecodeError, EncodeError
from callosum.layers import lower_layer
from callosum.lower.base import Connection, Connector, Frames
from callosum.peer import PeerState
from callosum.protocol import wire
from callosum.protocol.messages import Hello, Message, Offer, Resumption
from callosum.service import Body, Cardinality, Method, MethodCodec, Parameter, Service, ServiceClass
from callosum.testing import FaultyConnection, ManualClock

T = TypeVar("T")
_names = itertools.count(1)
LIMIT = 100_000.0
"""Seconds of the manual clock after which a test has failed."""


class Refusal(Exception):
    """What the IDL declares."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def encode_text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise EncodeError(f"{value!r} is no text", path="Echo")
    return value.encode()


def encode_args(message: Any) -> bytes:
    return encode_text(message)


def decode_text(body: Body) -> str:
    try:
        return bytes(body).decode()
    except UnicodeDecodeError as error:
        raise DecodeError(str(error), path="Echo") from None


def encode_exception(error: BaseException) -> bytes | None:
    return b"!" + encode_text(error.reason) if isinstance(error, Refusal) else None


def decode_result(body: Body) -> str:
    text = decode_text(body)
    if text.startswith("!"):
        raise Refusal(text[1:])
    return text[1:]


def text_codec(**changed: Any) -> MethodCodec:
    """Arguments and results are text."""
    parts: dict[str, Any] = {
        "encode_args": encode_args,
        "decode_args": lambda body: (decode_text(body),),
        "encode_result": lambda value: b"=" + encode_text(value),
        "encode_exception": encode_exception,
        "decode_result": decode_result,
    }
    return MethodCodec(**(parts | changed))


def make_service(
    name: str,
    methods: Iterable[str] = (),
    *,
    oneways: Iterable[str] = (),
    bases: tuple[Service, ...] = (),
    codecs: dict[str, MethodCodec] | None = None,
    **fields: Any,
) -> type[ServiceClass[Any]]:
    made = {
        method: Method(name, method, (Parameter("message", type="string"),), codecs or {"text": text_codec()}, **fields)
        for method in methods
    }
    made |= {
        method: Method(name, method, (Parameter("message"),), {"text": text_codec()}, Cardinality.ONEWAY)
        for method in oneways
    }
    return service_class(Service(name, made, f"{name}-fingerprint", bases=bases))


def service_class(service: Service) -> type[ServiceClass[Any]]:
    return type(service.name, (ServiceClass,), {"__callosum_service__": service})


def stream_codec(encode: Callable[..., bytes]) -> MethodCodec:
    """Items each way are text, like results."""
    return text_codec(encode_args=encode, encode_item=encode_text, decode_item=decode_text)


def _no_arguments() -> bytes:
    return b""


def make_streams(name: str) -> type[ServiceClass[Any]]:
    """A service of text whose methods stream: ``tail(message)``, ``join(message, items)``, ``talk(items)``."""
    message, items = Parameter("message"), Parameter("items")
    talk = stream_codec(_no_arguments)
    talk = replace(talk, decode_args=lambda _: ())
    methods = [
        Method(name, "tail", (message,), {"text": text_codec()}, Cardinality.SERVER_STREAM),
        Method(
            name, "join", (message, items), {"text": stream_codec(encode_args)}, Cardinality.CLIENT_STREAM, stream=1
        ),
        Method(name, "talk", (items,), {"text": talk}, Cardinality.BIDI_STREAM, stream=0),
        Method(name, "say", (message,), {"text": text_codec()}),
    ]
    return service_class(Service(name, {one.name: one for one in methods}, f"{name}-fingerprint"))


Echo = make_service("Echo", ("say", "call"), oneways=("poke",))
Agent = make_service("Agent", ("say", "call"), oneways=("poke",))
Streams = make_streams("Streams")
Store = make_service("Store", ("get",), idempotent=True)


class Handler:
    """Serves Echo and Agent; each method can be given."""

    def __init__(self, **functions: Callable[[str], Awaitable[Any]]) -> None:
        self.poked: list[str] = []
        for name, function in functions.items():
            setattr(self, name, function)

    async def say(self, message: str) -> Any:
        return message

    async def call(self, message: str) -> Any:
        return message

    async def poke(self, message: str) -> Any:
        self.poked.append(message)


def run(main: Coroutine[Any, Any, T], clock: ManualClock | None = None) -> T:
    """Run a test on a manual clock."""

    async def bounded() -> T:
        async with asyncio.timeout(LIMIT):
            return await main

    return (clock or ManualClock()).run(bounded())


def run_real(main: Coroutine[Any, Any, T]) -> T:
    """Run a test in real time, where threads or processes take part."""

    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await main

    return asyncio.run(bounded())


async def settle(steps: int = 20) -> None:
    """Let everything run that can run without time passing."""
    for _ in range(steps):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], limit: float = 200.0) -> None:
    """Wait for a condition, at most so many seconds of the loop's time."""
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.01)


def new_address() -> str:
    return f"memory://test-{next(_names)}"


class Links(Connector):
    """Dials for an endpoint, and keeps each connection, so that a test can spoil it."""

    def __init__(self, endpoint: ConnectEndpoint) -> None:
        self.links: list[FaultyConnection] = []
        self.dialled: list[str] = []
        self.down = False
        """Whether nobody can be reached."""
        self.down_at: set[str] = set()
        self.prepare: Callable[[FaultyConnection], None] = lambda _: None
        self._inner = dict(endpoint.connectors)
        for address in self._inner:
            endpoint.connectors[address] = _Link(self, address)

    @property
    def last(self) -> FaultyConnection:
        return self.links[-1]

    async def connect(self, timeout: float) -> Connection:
        raise AssertionError("each address has its own")

    async def dial(self, address: str, timeout: float) -> Connection:
        self.dialled.append(address)
        if self.down or address in self.down_at:
            raise ConnectError(f"nobody can be reached at {address}")
        link = FaultyConnection(await self._inner[address].connect(timeout))
        self.links.append(link)
        self.prepare(link)
        return link


class _Link(Connector):
    def __init__(self, links: Links, address: str) -> None:
        self._links = links
        self._address = address

    async def connect(self, timeout: float) -> Connection:
        return await self._links.dial(self._address, timeout)


def dialler(address: Any, services: Any = None, **options: Any) -> tuple[ConnectEndpoint, Links]:
    """A connect() whose links can be spoilt."""
    endpoint = callosum.connect(address, services, **options)
    return endpoint, Links(endpoint)


class Pair:
    """A server and a client in one loop, and the link between them."""

    def __init__(
        self, server: callosum.ListenEndpoint, client: ConnectEndpoint, links: Links, peer: callosum.Peer
    ) -> None:
        self.server = server
        self.client = client
        self.links = links
        self.peer = peer
        self.echo = peer.stub(Echo)

    @property
    def caller(self) -> callosum.Peer:
        """The client, as the server sees it."""
        (peer,) = self.server.peers
        return peer

    @property
    def agent(self) -> Any:
        return self.caller.stub(Agent)

    async def cut(self) -> None:
        """Break the link, so that both sides know."""
        self.links.last.cut()
        await settle()

    async def reconnected(self) -> None:
        await until(lambda: self.peer.state is PeerState.CONNECTED)


@asynccontextmanager
async def paired(
    handler: Any = None,
    *,
    service: type[ServiceClass[Any]] | None = None,
    agent: Handler | None = None,
    listen: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Pair]:
    """A server with `Echo`, or another service, and a client with `Agent`."""
    address = new_address()
    services = {service or Echo: handler or Handler()}
    async with callosum.listen(address, services, **(listen or {})) as server:
        client, links = dialler(address, {Agent: agent or Handler()}, **options)
        async with client as peer:
            await until(lambda: len(server.peers) == 1)
            yield Pair(server, client, links, peer)


class Raw:
    """The other end of a connection, in the hands of a test that speaks the protocol itself, well or badly."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.batches: list[wire.Batch] = []
        self.reason: str | None = None
        self.seq = 1
        connection.start(self)

    @classmethod
    async def dial(cls, address: str) -> Raw:
        return cls(await lower_layer(address).connector(address, None).connect(1.0))

    @classmethod
    async def opened(cls, address: str, **hello: Any) -> Raw:
        """A connection whose session is open."""
        raw = await cls.dial(address)
        raw.greet(**hello)
        await settle()
        raw.send(Offer())
        await settle()
        return raw

    def greet(self, attempt: int = 1, resumption: Resumption | None = None, **fields: Any) -> None:
        values: dict[str, Any] = {
            "versions": (1,),
            "attempt": attempt,
            "body_bytes": 1 << 20,
            "codecs": (),
            "compressions": (),
            "heartbeat_ms": 2000,
            "window_calls": 1024,
            "window_bytes": 1 << 20,
        }
        self.connection.send(wire.encode([Hello(**(values | fields), resumption=resumption)]))

    def send(self, *messages: Message, ack: int = 0) -> None:
        """A batch of numbered records."""
        self.connection.send(wire.encode(messages, self.seq, ack or self.expected))
        self.seq += len(messages)

    def send_bytes(self, *frames: bytes) -> None:
        self.connection.send(frames)

    def stop_reading(self) -> None:
        """What is sent to it from now on stays where it is."""
        self.connection._receiver = None  # type: ignore[attr-defined]

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch.messages]

    @property
    def expected(self) -> int:
        return max([1, *(batch.seq + batch.numbered for batch in self.batches)])

    def last(self, kind: type[T]) -> T:
        return [message for message in self.messages if isinstance(message, kind)][-1]

    def received(self, frames: Frames) -> None:
        self.batches.append(wire.decode(frames))

    def drained(self) -> None:
        pass

    def writable(self) -> None:
        pass

    def closed(self, reason: str) -> None:
        self.reason = reason
